"""Walls: conduction against exact and Cantera's solutions, sliding, given heat, thermal diffusion, balances."""

import math

import cantera as ct
import numpy as np
import pytest
import torch
from helpers import require_bitwise_restart
from scipy.special import erfc

from combust.cfd.boundaries import wall_fluxes
from combust.cfd.boundaries.conditions import Wall
from combust.cfd.operators import scalars
from combust.errors import ConfigError
from validation.walls import (
    beside_wall,
    between_walls,
    centres,
    flow_of,
    in_mass_coordinate,
    step_of_one_kelvin,
    without_flux,
)
from validation.walls import until as run

torch.set_num_threads(1)
P, WALL, SYMMETRY = 101325.0, {"kind": "wall"}, {"kind": "symmetry"}
SORET = {"kind": "mixture-averaged", "soret": True}
AIR = "O2:0.21, N2:0.79"


# --- conduction from an isothermal wall ------------------------------------------------------------------------------


def test_a_step_of_one_kelvin_spreads_as_erfc():
    """Gas of 300 K beside a wall of 301 K: within 0.3 % of the step at each cell, and of the heat in each time."""
    flow = beside_wall(301.0, 40, 2e-3, 3e-3)
    exact = step_of_one_kelvin(centres(40, 2e-3), flow.time)
    assert np.abs(flow.field("T").reshape(-1) - exact).max() < 3e-3
    assert exact[0] > 300.9 and exact[-1] < 300.001


def test_a_hot_wall_heats_gas_as_in_the_mass_coordinate():
    """Of 600 K beside gas of 300 K, which expands away from it: T within 1 % of the rise."""
    flow = beside_wall(600.0, 60, 3e-3, 3e-3)
    x, T = in_mass_coordinate(600.0, flow.time, 3e-3)
    found, wanted = flow.field("T").reshape(-1), np.interp(centres(60, 3e-3), x, T)
    assert np.abs(found - wanted).max() < 3.0
    assert wanted[0] > 580.0 and wanted[-1] < 301.0


# --- walls that move, or pass heat -----------------------------------------------------------------------------------


def test_couette_flow_is_exact():
    """Between a wall at rest and one that slides at 2 m/s, on equal and on stretched cells: a straight line stays."""
    for ratio in (1.0, 1.2):
        mesh = {"kind": "stretched", "x": {"lower": 0.0, "upper": 2e-4, "cells": 2},
                "y": {"lower": 0.0, "upper": 1e-4, "cells": 6, "ratio": ratio}}  # fmt: skip
        boundary = {"x": {"kind": "periodic"}, "y_low": WALL, "y_high": {**WALL, "velocity": [2.0, 0.0, 0.0]}}
        flow = flow_of([2, 6], [2e-4, 1e-4], boundary, mesh=mesh)
        line = 2.0 * flow.grid.centres[1] / 1e-4
        for u in (flow.current.u, flow.current.u_before):
            u[2][:, 2:-2] = line
            flow.scheme.filler.velocity(u)
        run(flow, 5e-4, 2.5e-5)
        np.testing.assert_allclose(flow.field("u")[0, 0, :, 0], line[0, :, 0], rtol=1e-12)


def test_a_slip_wall_takes_no_momentum_and_a_rough_one_does():
    still = {"kind": "uniform", "temperature": 300.0, "composition": "N2:1", "velocity": [1.0, 0.0]}
    for slip in (True, False):
        boundary = {"x": {"kind": "periodic"}, "y": {**WALL, "slip": slip}}
        flow = run(flow_of([4, 8], [1e-4, 1e-4], boundary, initial=still), 1e-4, 1e-5)
        speeds = flow.field("u")[0, 0]
        assert np.allclose(speeds, 1.0, rtol=1e-13) if slip else speeds.max() < 0.6


def test_a_wall_of_given_heat_flux_heats_gas_as_exact():
    """A weak flux into a half space: T - T0 = 2 q sqrt(alpha t / pi) / k exp(-x2/4at) - q x / k erfc(...)."""
    q, cells, length = 40.0, 40, 2e-3
    flow = flow_of([cells], [length], {"x_low": {**WALL, "heat_flux": q}, "x_high": {"kind": "outflow"}})
    run(flow, 3e-3, 5e-5)
    gas = ct.Solution("h2o2.yaml")
    gas.TPX = 300.5, P, "N2:1"
    k, alpha = gas.thermal_conductivity, gas.thermal_conductivity / gas.density / gas.cp_mass
    x, root = centres(cells, length), math.sqrt(alpha * flow.time)
    rise = 2 * q / k * root / math.sqrt(math.pi) * np.exp(-((x / (2 * root)) ** 2)) - q * x / k * erfc(x / (2 * root))
    assert 0.3 < rise[0] < 1.0
    np.testing.assert_allclose(flow.field("T").reshape(-1) - 300.0, rise, atol=5e-3 * rise[0])
    assert abs(flow.quantity("enthalpy_error")) < 1e-13
    assert float(flow.current.heat_out[4]) == pytest.approx(-q * flow.time, rel=1e-12)


def test_heat_flux_follows_tables_and_functions():
    """Over place and time: what entered is the integral, on every mesh, and a restart repeats the bits."""
    table = {"over": ["time", "x"], "at": [[0.0, 1e-3], [0.0, 1e-3]], "values": [[0.0, 0.0], ["2 kW/m2", 4e3]]}
    boundary = {"x": SYMMETRY, "y_low": {**WALL, "heat_flux": table}, "y_high": WALL}
    whole, again = (flow_of([6, 5], [1e-3, 5e-4], boundary) for _ in range(2))
    require_bitwise_restart(whole, again, 1e-4, 4)
    wanted = 3e3 * 1e-3 * 0.5 * (6e-4) ** 2 / 1e-3
    assert float(whole.current.heat_out[2]) == pytest.approx(-wanted, rel=1e-12)
    assert abs(whole.quantity("enthalpy_error")) < 1e-13

    def given(t, points):
        return 3e3 * t / 1e-3 + 0 * points[2]

    python = run(flow_of([6, 5], [1e-3, 5e-4], boundary, {"y_low": Wall(heat=given)}), 6e-4, 1e-4)
    assert float(python.current.heat_out[2]) == pytest.approx(-wanted, rel=1e-12)
    round_pipe = {"kind": "axisymmetric", "x": {"lower": 0.0, "upper": 1e-3, "cells": 4},
                  "y": {"lower": 0.0, "upper": 5e-4, "cells": 5}}  # fmt: skip
    sides = {"x": SYMMETRY, "y_low": SYMMETRY, "y_high": {**WALL, "heat_flux": -1e3}}
    pipe = run(flow_of([4, 5], [1e-3, 5e-4], sides, mesh=round_pipe), 2e-4, 1e-4)
    assert float(pipe.current.heat_out[3]) == pytest.approx(1e3 * 2 * math.pi * 5e-4 * 1e-3 * 2e-4, rel=1e-12)
    assert abs(pipe.quantity("enthalpy_error")) < 1e-13


def test_wall_temperature_over_place_and_time():
    """The ghosts of a wall whose temperature rises along it and in time."""
    table = {"over": ["time", "x"], "at": [[0.0, 1e-3], [0.0, 1e-3]], "values": [[300.0, 400.0], [500.0, 600.0]]}
    flow = flow_of([4, 4], [1e-3, 1e-3], {"x": SYMMETRY, "y_low": {**WALL, "temperature": table}, "y_high": WALL})
    for t, start in ((0.0, 300.0), (5e-4, 400.0)):
        flow.scheme.filler.at(t)
        T = flow.scheme.filler.scalars(flow.scheme.inner(flow.current.q))[0, 0, 1, 2:6]
        np.testing.assert_allclose(T.numpy(), start + 100.0 * np.array([0.125, 0.375, 0.625, 0.875]), rtol=1e-13)


def test_a_wall_has_a_temperature_or_a_heat_flux():
    with pytest.raises(ConfigError, match="boundary.x_low: give a temperature or a heat_flux, not both"):
        flow_of([4], [1e-3], {"x_low": {**WALL, "temperature": 300.0, "heat_flux": 1.0}, "x_high": WALL})


# --- thermal diffusion ------------------------------------------------------------------------------------------------


def test_no_species_crosses_an_isothermal_wall():
    """Total fluxes at its faces are zero, exactly; elements and mass stay to round-off while species part within."""
    flow = run(between_walls(24), 2e-3, 1e-4)
    s, scheme = flow.current, flow.scheme
    flux = scalars.diffusive_flux(s.q, s.coefficients, scheme.thermo, scheme.layout, scheme.metrics[2], 2)
    assert float(flux[1:, ..., [0, -1]].abs().max()) == 0.0
    assert float(flux[0, ..., 0].abs()) > 1.0 and float(flux[1:, ..., 1:-1].abs().max()) > 0.0
    assert flow.quantity("element_error") < 1e-13 and abs(flow.quantity("mass_error")) < 1e-13
    assert abs(flow.quantity("enthalpy_error")) < 1e-13
    X = flow.field("X_H2").reshape(-1)
    assert X[-1] > X[0] + 1e-3  # light gas goes to the hot end


def error_of_separation(cells):
    """X_H2 over the gap in the steady state, against the profile along which no species flows."""
    found, wanted, parted = without_flux(run(between_walls(cells), 8e-3, 4e-4))
    return abs(found - wanted), parted


def test_separation_between_two_walls_is_that_of_no_flux():
    error, separation = error_of_separation(12)
    assert separation > 0.03 and error < 1e-3 * separation


# --- energy -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["mixture-averaged", SORET])
def test_heat_through_the_walls_closes_the_energy_balance_of_a_box(transport, monkeypatch):
    """The internal energy of the gas falls by what its walls took, to round-off, side by side."""
    start = {"kind": "kernel", "temperature": 400.0, "fuel": "H2:1", "oxidizer": AIR, "phi": 0.6,
             "hot_temperature": 1500.0, "centre": [3e-4, 2e-4], "radius": 2e-4, "thickness": 1e-4}  # fmt: skip
    walls = {"x_low": {**WALL, "temperature": 350.0}, "x_high": WALL, "y_low": {**WALL, "temperature": 900.0},
             "y_high": {**WALL, "heat_flux": -2e4}}  # fmt: skip
    flow = flow_of([10, 8], [6e-4, 5e-4], walls, initial=start,
                   gas={"mechanism": "h2o2.yaml", "transport": transport}, chemistry={"kind": "direct"})  # fmt: skip

    def energy():
        return float((flow.current.U[0] * flow.grid.volume).sum() - flow.current.p0 * flow.scheme.volume)

    before = energy()
    for _ in range(8):
        flow.advance(5e-7)
    sides = ("z_low", "z_high", "y_low", "y_high", "x_low", "x_high")
    taken = np.array([flow.quantity(f"wall_energy_{side}") for side in sides])
    assert energy() - before == pytest.approx(-flow.quantity("wall_energy"), rel=1e-9)
    assert taken.sum() == pytest.approx(flow.quantity("wall_energy"), rel=1e-14)
    assert abs(flow.quantity("enthalpy_error")) < 1e-13
    assert taken[5] == 0.0 == taken[0] and taken[4] > 0 > taken[2]
    assert taken[3] == pytest.approx(2e4 * 6e-4 * flow.time, rel=1e-12)
    asked, through = [], wall_fluxes.through
    monkeypatch.setattr(wall_fluxes, "through", lambda *given: asked.append(1) or through(*given))
    now = {side: flow.quantity(f"wall_heat_{side}") for side in sides}
    assert flow.quantity("wall_heat") == pytest.approx(sum(now.values()), rel=1e-13)
    assert now["y_high"] == pytest.approx(2e4 * 6e-4, rel=1e-13) and now["x_high"] == 0.0
    assert flow.quantity("wall_species_flux") < 1e-13
    assert len(asked) == 1  # a row of output takes all from one evaluation
    # The field is that heat over the area: of a cell in a corner over those of both its walls.
    field, width, height = flow.field("wall_heat_flux")[0], 6e-5, 6.25e-5
    assert float(np.abs(field[1:-1, 1:-1]).max()) == 0.0 and np.allclose(field[-1, 1:-1], 2e4, rtol=1e-12)
    corners = sum(field[j, i] * (width + height) for j in (0, -1) for i in (0, -1))
    whole = corners + width * field[[0, -1], 1:-1].sum() + height * field[1:-1, [0, -1]].sum()
    assert whole == pytest.approx(flow.quantity("wall_heat"), rel=1e-12)
