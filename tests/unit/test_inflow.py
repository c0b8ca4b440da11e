"""What enters through an inflow: the stream's own flux and nothing else, on any side, in any coupling; burners."""

from pathlib import Path

import cantera as ct
import numpy as np
import pytest
import torch
from helpers import require_bitwise_restart

from combust import kernels
from combust.case.load import convert, load
from combust.cfd.boundaries import inflow
from combust.cfd.operators import scalars
from combust.errors import ConfigError
from combust.kinetics.flames.burner import burner_flame
from combust.kinetics.flames.free import FlameProfile
from combust.kinetics.flames.store import read_profile
from combust.parallel import Communicator
from combust.run import build as case

torch.set_num_threads(1)
INPUTS = Path(__file__).resolve().parents[1] / "faults" / "inputs"
SPEED, PHI, OXIDIZER = 0.5, 0.5, "O2:1, N2:3.76"
DIRECTIONS = {"z": 0, "y": 1, "x": 2}
SORET = {"kind": "mixture-averaged", "soret": True}


def stream(mechanism="h2o2.yaml", fuel="H2:1", oxidizer=OXIDIZER, phi=PHI, T=300.0):
    """Cantera's gas that flows in."""
    gas = ct.Solution(mechanism)
    gas.TP = T, 101325.0
    gas.set_equivalence_ratio(phi, fuel, oxidizer)
    return gas


def beside(side, dimensions, entry, **numerics):
    """A hot kernel that burns beside one side through which gas enters; the side opposite is open, the others shut."""
    axis, end = side.split("_")
    centre = [3e-4] * dimensions
    centre["xyz".index(axis)] = 1.2e-4 if end == "low" else 4.8e-4
    boundary = {name: {"kind": "symmetry"} for name in "xyz"[:dimensions] if name != axis}
    boundary[side] = entry
    boundary[f"{axis}_{'high' if end == 'low' else 'low'}"] = {"kind": "outflow"}
    transport = numerics.pop("transport", "mixture-averaged")
    raw = {
        "mesh": {
            "kind": "uniform",
            "cells": [12, 8, 6][:dimensions],
            "lower": [0.0] * dimensions,
            "upper": [6e-4] * dimensions,
        },
        "gas": {"mechanism": "h2o2.yaml", "transport": transport},
        "initial": {
            "kind": "kernel",
            "fuel": "H2:1",
            "oxidizer": OXIDIZER,
            "phi": PHI,
            "hot_temperature": 1400.0,
            "centre": centre,
            "radius": 2e-4,
            "thickness": 1e-4,
        },
        "boundary": boundary,
        "numerics": {"compile": "off", **numerics},
        "stop": {"steps": 1},
    }
    kernels.set_mode("eager")
    return case.Builder(convert(raw, "test"), Communicator()).flow()


def only(flow, side):
    """Lets the balance count what crosses one side alone."""
    axis, end = DIRECTIONS[side[0]], side[2:] == "high"
    filler = flow.scheme.filler
    for name in ("areas", "diffusion_areas"):
        areas = list(getattr(filler, name))
        for a in flow.scheme.layout.axes:
            kept = [areas[a][s] if (a, bool(s)) == (axis, end) else torch.zeros_like(areas[a][s]) for s in (0, 1)]
            areas[a] = (kept[0], kept[1])
        setattr(filler, name, tuple(areas))
    return flow


def elements(gas, Y):
    """kmol of each element per mass unit of Y."""
    return gas.element_matrix.numpy() @ (np.asarray(Y) / gas.molar_mass.numpy())


INFLOW, BURNER = {"kind": "inflow", "velocity": SPEED}, {"kind": "burner", "velocity": SPEED}
WAYS = {
    "x_low": ("x_low", 1, INFLOW, {}),
    "x_high in 2-D": ("x_high", 2, INFLOW, {}),
    "y_low": ("y_low", 2, INFLOW, {}),
    "z_high": ("z_high", 3, INFLOW, {}),
    "one sweep": ("x_low", 1, INFLOW, {"sweeps": 1}),
    "strang": ("x_low", 1, INFLOW, {"coupling": "strang"}),
    "upwind": ("x_low", 1, INFLOW, {"reconstruction": "upwind"}),
    "soret": ("x_low", 1, INFLOW, {"transport": SORET}),
    "unity-Lewis": ("x_low", 1, INFLOW, {"transport": "unity-Lewis"}),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_enters_is_the_stream(way):
    """Elements, mass and enthalpy that crossed the face, against Cantera's stream, with burning gas beside it."""
    side, dimensions, entry, numerics = WAYS[way]
    flow = only(beside(side, dimensions, entry, **numerics), side)
    dt, steps = 2e-7, 3
    for _ in range(steps):
        flow.advance(dt)
    gas, wanted = flow.scheme.problem.gas, stream()
    area = 6e-4 ** (dimensions - 1)
    mass = wanted.density * SPEED * area * dt * steps
    entered = -flow.current.balance.numpy()
    assert entered[1:].sum() == pytest.approx(mass, rel=1e-12)
    atoms = elements(gas, wanted.Y)
    np.testing.assert_allclose(elements(gas, entered[1:])[atoms > 0], mass * atoms[atoms > 0], rtol=1e-12)
    np.testing.assert_allclose(entered[1:], mass * wanted.Y, rtol=1e-12, atol=1e-16 * mass)
    # Enthalpy by the scale of what formation and heat hold; our polynomials and Cantera's constants differ by 1e-10.
    scale = mass * max(abs(wanted.enthalpy_mass), wanted.cp_mass * 300.0)
    assert abs(entered[0] - mass * wanted.enthalpy_mass) < 1e-9 * scale
    # The gas at the face floats: it is no longer that of the stream.
    assert float(flow.field("T").min()) > 300.0


@pytest.mark.parametrize("side, dimensions, numerics", [
    ("x_low", 1, {}), ("x_high", 2, {}), ("y_high", 2, {"transport": SORET}), ("x_low", 1, {"coupling": "strang"}),
])  # fmt: skip
def test_a_burner_takes_heat_alone(side, dimensions, numerics):
    """Species enter as in the stream; enthalpy with the stream, less what conducts into the burner."""
    flow = only(beside(side, dimensions, {**BURNER, "temperature": 350.0}, **numerics), side)
    wanted, dt, lost = stream(T=350.0), 2e-7, []
    lost.append(flow.quantity("heat_to_burner"))
    for _ in range(4):
        flow.advance(dt)
        lost.append(flow.quantity("heat_to_burner"))
    mass = wanted.density * SPEED * 6e-4 ** (dimensions - 1) * dt * 4
    entered = -flow.current.balance.numpy()
    np.testing.assert_allclose(entered[1:], mass * wanted.Y, rtol=1e-12, atol=1e-16 * mass)
    heat = mass * wanted.enthalpy_mass - entered[0]
    trapezoid = dt * (sum(lost) - 0.5 * (lost[0] + lost[-1]))
    assert heat > 0 and heat == pytest.approx(trapezoid, rel=2e-3)


@pytest.mark.parametrize("entry", [INFLOW, BURNER])
def test_balances_of_a_flame_on_the_inlet(entry):
    flow = beside("x_low", 1, entry)
    for _ in range(5):
        flow.advance(2e-7)
    assert abs(flow.quantity("mass_error")) < 1e-12 and flow.quantity("element_error") < 1e-12
    assert abs(flow.quantity("enthalpy_error")) < 1e-12
    assert flow.quantity("eos_drift") < 1e-3


def test_what_diffuses_through_held_values_is_no_part_of_the_stream():
    """inlet = "value" holds T and Y at the face: hydrogen diffuses in on top, and the balances say so."""
    flow = beside("x_low", 1, {**INFLOW, "inlet": "value"})
    for _ in range(5):
        flow.advance(2e-7)
    assert abs(flow.quantity("mass_error")) < 1e-12  # diffusion carries no mass
    assert flow.quantity("element_error") > 1e-5 and abs(flow.quantity("enthalpy_error")) > 1e-6


def test_no_flux_but_the_stream_crosses_the_face():
    """Diffusive fluxes at the face are exactly zero where the gas floats, those of species also at a burner."""
    for entry, rows in ((INFLOW, slice(None)), (BURNER, slice(1, None))):
        flow = beside("x_low", 1, entry, transport=SORET)
        s, scheme = flow.current, flow.scheme
        flux = scalars.diffusive_flux(s.q, s.coefficients, scheme.thermo, scheme.layout, scheme.metrics[2], 2)
        assert float(flux[rows, ..., 0].abs().max()) == 0.0
        assert float(flux[:, ..., 1].abs().max()) > 0.0


@pytest.mark.parametrize("quantity", ["heat_to_burner"])
def test_heat_needs_a_burner(quantity):
    with pytest.raises(ConfigError, match='needs a side of boundary.kind = "burner"'):
        beside("x_low", 1, INFLOW).quantity(quantity)


@pytest.mark.parametrize("T_in", [300.0, 900.0])
def test_expansion_of_a_stream_is_that_of_mixing(T_in):
    """Cantera mixes a little of the stream into other gas at constant enthalpy and pressure: the volume it adds."""
    cell, entering = stream(T=1400.0), stream(T=T_in)
    cell.TPX = 1400.0, 101325.0, "H2:0.05, O2:0.1, H2O:0.25, OH:0.01, N2:0.59"
    small, Y, values = 1e-5, torch.tensor(cell.Y.copy()), torch.tensor([T_in, *entering.Y])
    before, added = 1.0 / cell.density, small / entering.density  # mixing sets these gases anew
    whole = ct.Quantity(cell, mass=1.0, constant="HP") + ct.Quantity(entering, mass=small, constant="HP")
    gained = (whole.volume - before) / added - 1
    gas = beside("x_low", 1, INFLOW).scheme.problem.gas
    found = inflow.expansion(torch.full((1, 1, 1), 1400.0).double(), Y.reshape(-1, 1, 1, 1), values, gas.thermo)
    assert abs(gained) > 0.01 and float(found) == pytest.approx(gained, rel=1e-3)
    same = inflow.expansion(torch.full((1, 1, 1), T_in).double(), values[1:].reshape(-1, 1, 1, 1), values, gas.thermo)
    assert float(same) == 0.0


@pytest.mark.parametrize("entry", [INFLOW, BURNER])
def test_restart_beside_a_flame_is_bitwise(entry):
    """Five steps, or three, then two of another flow that takes the state over."""
    whole, again = (beside("y_low", 2, entry, transport=SORET) for _ in range(2))
    require_bitwise_restart(whole, again, 2e-7, 3)


def test_a_vessel_filled_by_its_inflow_keeps_its_balances():
    """No outflow: the pressure rises, and the stream's density with it."""
    config = convert(
        {
            "mesh": {"kind": "uniform", "cells": [12], "lower": [0.0], "upper": [6e-4]},
            "gas": {"mechanism": "h2o2.yaml"},
            "initial": {"kind": "uniform", "temperature": 900.0, "composition": "H2O:1, N2:2"},
            "boundary": {
                "x_low": {**INFLOW, "composition": "H2:1, O2:2", "temperature": 300.0},
                "x_high": {"kind": "wall"},
            },
            "stop": {"steps": 1},
        },
        "test",
    )
    kernels.set_mode("eager")
    flow = case.Builder(config, Communicator()).flow()
    for _ in range(5):
        flow.advance(1e-5)
    assert flow.quantity("p0") > 101325.0
    assert abs(flow.quantity("mass_error")) < 1e-12 and flow.quantity("element_error") < 1e-12
    assert abs(flow.quantity("enthalpy_error")) < 1e-12


# --- flames on the inlet, against Cantera ---------------------------------------------------------------------------


def on_the_inlet(entry, cells, dt, end, length=3e-3):
    """The flame that runs against the inlet, after `end` seconds."""
    config = load(
        INPUTS / "flame_on_inlet.toml",
        [f"mesh.cells=[{cells}]", f"mesh.upper=[{length}]", "initial.position=4e-4", f"boundary.x_low.kind={entry}"],
    )
    kernels.set_mode("eager")
    flow = case.Builder(config, Communicator()).flow()
    for _ in range(round(end / dt)):
        flow.advance(dt)
    return flow


def test_burner_flame_is_canteras():
    """Hydrogen in oxygen and argon, held by a burner at half the speed of the free flame: T_max within 1 %."""
    flow = on_the_inlet("burner", 32, 6e-5, 0.015)
    fresh = flow.unburnt
    wanted = burner_flame("h2o2.yaml", 300.0, 101325.0, "H2:1", "O2:1, AR:5", 0.4, 0.11 * fresh.density, width=3e-3)
    assert wanted.T.max() < fresh.burnt_temperature - 100
    assert flow.quantity("T_max") == pytest.approx(wanted.T.max(), rel=0.01)
    assert flow.quantity("heat_to_burner") == pytest.approx(wanted.heat_to_burner, rel=0.05)
    assert flow.quantity("element_error") < 1e-12 and abs(flow.quantity("enthalpy_error")) < 1e-12


@pytest.mark.slow
def test_methane_burner_flame_is_canteras():
    """Methane/air at 0.15 m/s, 0.43 of the speed of its free flame, 240 K below adiabatic: T_max within 1 %."""
    config = load(
        INPUTS / "flame_on_inlet.toml",
        [
            "gas.mechanism=methane_cfd.yaml",
            "initial.fuel=CH4:1",
            "initial.oxidizer=O2:0.21, N2:0.79",
            "initial.phi=0.9",
            "mesh.cells=[40]",
            "mesh.upper=[0.005]",
            "initial.position=6e-4",
            "boundary.x_low.kind=burner",
            "boundary.x_low.velocity=0.15",
        ],
    )
    kernels.set_mode("eager")
    flow = case.Builder(config, Communicator()).flow()
    while flow.time < 0.02:
        flow.advance(min(2.5e-5, 0.8 * flow.limit()[0]))
    wanted = burner_flame(
        "methane_cfd.yaml", 300.0, 101325.0, "CH4:1", "O2:0.21, N2:0.79", 0.9, 0.15 * flow.unburnt.density, width=5e-3
    )
    assert wanted.T.max() < flow.unburnt.burnt_temperature - 200
    assert flow.quantity("T_max") == pytest.approx(wanted.T.max(), rel=0.01)
    assert flow.quantity("element_error") < 1e-12 and abs(flow.quantity("enthalpy_error")) < 1e-12


@pytest.mark.slow
def test_flame_on_an_adiabatic_inlet_burns_at_equilibrium():
    flow = on_the_inlet("inflow", 64, 6e-5, 0.042, length=8e-3)
    assert flow.quantity("T_max") == pytest.approx(flow.unburnt.burnt_temperature, rel=0.01)
    assert flow.quantity("element_error") < 1e-12 and abs(flow.quantity("enthalpy_error")) < 1e-12
    assert flow.quantity("eos_drift") < 1e-3


# --- where the flame stands -----------------------------------------------------------------------------------------


def concerns(*changes):
    config = load(INPUTS / "flame_on_inlet.toml", ["mesh.cells=[80]", *changes])
    kernels.set_mode("eager")
    return case.Builder(config, Communicator()).flow().concerns()


@pytest.mark.parametrize("changes, names, words", [
    ([], {"boundary.x_low"}, "thermal thicknesses) from boundary.x_low, an inflow"),
    (["initial.position=0.0065"], {"boundary.x_high"}, "an outflow: its burnt side is cut off"),
    (["boundary.x_low.kind=burner"], set(), ""),
    (["boundary.x_low.kind=burner", "mesh.upper=[0.0015]"], {"narrow"}, "needs at least 3 between"),
    (["mesh.upper=[0.003]"], {"narrow"}, "4.5 thermal thicknesses of the flame"),
    (["initial.position=0.003"], set(), ""),
    (["initial.position=0.02"], {"no flame"}, "hottest gas has 300 K"),
])  # fmt: skip
def test_flames_too_near_to_what_shapes_them_are_named(changes, names, words):
    found = concerns(*changes)
    assert set(found) == names
    assert words in "".join(found.values())


@pytest.mark.parametrize("side", ["y_low", "y_high", "x_low"])
def test_a_kernel_beside_an_inflow_is_named(side):
    opposite = f"boundary.{side[0]}_{'high' if side.endswith('low') else 'low'}"
    found = beside(side, 2, INFLOW).concerns()
    assert f"boundary.{side}" in found and set(found) <= {f"boundary.{side}", opposite}


def test_shipped_flames_stand_far_from_their_ends(monkeypatch):
    folder = Path(__file__).resolve().parents[1] / "cases" / "flames"

    def stored(mechanism, T, p, fuel, oxidizer, phi, **_):
        return read_profile(folder / f"{fuel.partition(':')[0]}_{phi:g}.npz", FlameProfile)

    monkeypatch.setattr("combust.kinetics.flames.free.free_flame", stored)
    for name in ("flame1d_h2", "flame1d_ch4"):
        config = load(Path(__file__).resolve().parents[2] / "cases" / f"{name}.toml", ["numerics.compile=off"])
        assert case.build(config, Communicator()).concerns() == {}
