"""Walls: conduction beside erfc and a solution in the mass coordinate, and species at walls with thermal diffusion."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import cantera as ct
import numpy as np
import torch
from scipy.integrate import solve_ivp
from scipy.special import erfc

from combust import kernels
from combust.case.load import convert
from combust.cfd.boundaries.conditions import Boundary, Parts
from combust.cfd.lowmach.flow import ReactingFlow
from combust.cfd.operators import scalars
from combust.cfd.operators.coefficients import transport_coefficients
from combust.parallel import Communicator
from combust.run import build as case
from validation.report import Report, percent

TITLE = "Walls: conduction, expansion and thermal diffusion"
P, WALL = 101325.0, {"kind": "wall"}
SORET = {"kind": "mixture-averaged", "soret": True}
CELLS = (20, 40, 80)
END, FAR = 3e-3, 3e-3  # s, m
PARTING = (8e-3, 4e-4)  # until which species part between two walls, and steps [s]
SMOKE = {"CELLS": (8,), "END": 3e-4, "PARTING": (2e-4, 2e-4)}


def flow_of(
    cells: Sequence[int],
    upper: Sequence[float],
    boundary: dict[str, Any],
    conditions: Mapping[str, Boundary | Parts] | None = None,
    **more: Any,
) -> ReactingFlow:
    """A box of nitrogen of 300 K, unless more of the case says otherwise; conditions : sides from Python."""
    kernels.set_mode("eager")
    raw = {
        "mesh": {"kind": "uniform", "cells": cells, "lower": [0.0] * len(cells), "upper": upper},
        "gas": {"mechanism": "h2o2.yaml"},
        "chemistry": {"kind": "none"},
        "initial": {"kind": "uniform", "temperature": 300.0, "composition": "N2:1"},
        "boundary": boundary,
        "numerics": {"compile": "off"},
        "stop": {"steps": 1},
        **more,
    }
    return case.Builder(convert(raw, "walls"), Communicator(), conditions=conditions or {}).flow()


def until(flow: ReactingFlow, end: float, dt: float) -> ReactingFlow:
    """The flow at `end`, by steps of dt or what is stable."""
    while flow.time < end * (1 - 1e-12):
        left = end - flow.time
        step = min(dt, flow.limit()[0], 1.2 * (flow.dt or 1.0))
        flow.advance(left / math.ceil(left / step * (1 - 1e-9)))
    return flow


def beside_wall(T: float, cells: int, length: float, end: float, dt: float = 5e-5) -> ReactingFlow:
    """Gas of 300 K beside a wall of T at x = 0, open at the other end."""
    return until(
        flow_of([cells], [length], {"x_low": {**WALL, "temperature": T}, "x_high": {"kind": "outflow"}}), end, dt
    )


def centres(cells: int, length: float) -> np.ndarray:
    """Of equal cells [m]."""
    return (np.arange(cells) + 0.5) * length / cells


def step_of_one_kelvin(x: np.ndarray, t: float) -> np.ndarray:
    """T beside a wall of 301 K at constant properties, those of nitrogen at 300.5 K."""
    gas = ct.Solution("h2o2.yaml")
    gas.TPX = 300.5, P, "N2:1"
    alpha = gas.thermal_conductivity / gas.density / gas.cp_mass
    return 300.0 + erfc(x / (2 * math.sqrt(alpha * t)))


def in_mass_coordinate(T_wall: float, end: float, length: float, cells: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """x and T after `end`: dh/dt = d/dm (rho lambda dT/dm), with Cantera's gas, by the method of lines."""
    gas = ct.Solution("h2o2.yaml")
    states = np.linspace(295.0, max(T_wall, 300.0) + 5.0, 400)
    array = ct.SolutionArray(gas, len(states))
    array.TPX = states, P, "N2:1"
    total = length * np.interp(300.0, states, array.density)
    s = np.linspace(0.0, 1.0, cells + 1) ** 1.5  # finer beside the wall
    m, width = total * 0.5 * (s[1:] + s[:-1]), total * np.diff(s)
    distance = np.diff(np.concatenate([[0.0], m]))

    def rate(_: float, h: np.ndarray) -> np.ndarray:
        T = np.concatenate([[T_wall], np.interp(h, array.enthalpy_mass, states)])
        middle = np.concatenate([[T_wall], 0.5 * (T[2:] + T[1:-1])])
        k = np.interp(middle, states, array.density * array.thermal_conductivity)
        flux = np.concatenate([-k * np.diff(T) / distance, [0.0]])
        return (flux[:-1] - flux[1:]) / width

    start = np.full(cells, np.interp(300.0, states, array.enthalpy_mass))
    h = solve_ivp(rate, (0.0, end), start, method="LSODA", lband=1, uband=1, rtol=1e-7, atol=1e-2).y[:, -1]
    T = np.interp(h, array.enthalpy_mass, states)
    volume = width / np.interp(T, states, array.density)
    return np.cumsum(volume) - 0.5 * volume, T


def between_walls(cells: int, transport: Any = SORET) -> ReactingFlow:
    """Hydrogen in argon in a closed box of 1 mm between a wall of 300 K and one of 600 K."""
    sides = {"x_low": {**WALL, "temperature": 300.0}, "x_high": {**WALL, "temperature": 600.0}}
    start = {"kind": "uniform", "temperature": 400.0, "composition": "H2:0.3, AR:0.7"}
    return flow_of([cells], [1e-3], sides, initial=start, gas={"mechanism": "h2o2.yaml", "transport": transport})


def without_flux(flow: ReactingFlow) -> tuple[float, float, float]:
    """X_H2 in the last cell, that of the profile along which none flows, and the difference of both ends."""
    T, X = flow.field("T").reshape(-1), flow.field("X_H2").reshape(-1)
    gas, scheme = flow.scheme.problem.gas, flow.scheme
    h, a, W = gas.index("H2"), gas.index("AR"), gas.molar_mass

    def slope(t: float, y: np.ndarray) -> list[float]:
        """dX_H2/dT where j_H2 = 0: -B dX - D_T/T dT + Y (sum of the same) = 0, by the flow's own coefficients."""
        x, q = float(y[0]), torch.zeros(1 + len(gas.species), 1, 1, 1, dtype=torch.float64)
        mean = x * W[h] + (1 - x) * W[a]
        q[0], q[1 + h], q[1 + a] = t, x * W[h] / mean, (1 - x) * W[a] / mean
        c = transport_coefficients(scheme.transport_data, gas.thermo, q, scheme.problem.transport)
        assert c.thermal_diffusion is not None
        B, D, Y = c.mole_diffusivity[:, 0, 0, 0], c.thermal_diffusion[:, 0, 0, 0], q[1 + h, 0, 0, 0]
        # j_H2 = -(B_H X' + D_H) + Y (B_H X' - B_A X' + D_H + D_A) = 0 for X' = dX_H2/dT
        return [float(-(D[h] - Y * D.sum()) / (B[h] - Y * (B[h] - B[a])))]

    middle = len(T) // 2
    found = solve_ivp(slope, (T[middle], T[-1]), [X[middle]], t_eval=[T[-1]], rtol=1e-8).y[0, -1]
    return float(X[-1]), float(found), float(X[-1] - X[0])


def run(report: Report) -> None:
    """Conduction and parting."""
    conduction(report)
    parting(report)


def conduction(report: Report) -> None:
    """Beside walls of 301 and of 600 K."""
    report.text(
        f"Nitrogen of 300 K beside a wall at x = 0, {1e3 * END:g} ms after the wall took its temperature; the other "
        "end is open. The wall of 301 K against erfc(x / sqrt(4 alpha t)) with Cantera's alpha at 300.5 K; that of "
        "600 K, from which the gas expands, against dh/dt = d/dm (rho lambda dT/dm) in the mass coordinate, on 400 "
        "cells by the method of lines with Cantera's gas. The largest error of all cells, over the step of the wall."
    )
    x, T = in_mass_coordinate(600.0, END, FAR)
    rows, last = [], {}
    for cells in CELLS:
        place = centres(cells, FAR)
        cold, hot = (beside_wall(wall, cells, FAR, END).field("T").reshape(-1) for wall in (301.0, 600.0))
        last = {
            "1 K": float(np.abs(cold - step_of_one_kelvin(place, END)).max()),
            "300 to 600 K": float(np.abs(hot - np.interp(place, x, T)).max()) / 300.0,
        }
        rows.append([cells, *(percent(error, 3)[1:] for error in last.values())])
        report.progress(f"{cells} cells: {rows[-1]}")
    report.table(["cells on 3 mm", "step of 1 K, erfc", "300 to 600 K, mass coordinate"], rows)
    report.target(f"step of 1 K, {CELLS[-1]} cells", 100 * last["1 K"], 0.3, " %")
    report.target(f"300 to 600 K, {CELLS[-1]} cells", 100 * last["300 to 600 K"], 1.0, " %")


def parting(report: Report) -> None:
    """With thermal diffusion between walls of 300 and 600 K."""
    end, dt = PARTING
    report.text(
        f"Hydrogen (0.3 by mole) in argon between walls of 300 and 600 K, 1 mm apart, with thermal diffusion, after "
        f"{1e3 * end:g} ms. The largest total flux of a species at the walls, beside the largest within the gas on "
        "the way; X_H2 at the hot end against the profile along which none flows, from the middle, by the same "
        "coefficients."
    )
    rows, walls, off = [], 0.0, math.inf
    for cells in CELLS[:2]:
        flow = until(between_walls(cells), end / 20, dt)
        s, scheme = flow.current, flow.scheme
        assert s.coefficients is not None and scheme.metrics[2] is not None
        flux = scalars.diffusive_flux(s.q, s.coefficients, scheme.thermo, scheme.layout, scheme.metrics[2], 2)[1:]
        until(flow, end, dt)
        at_walls = max(float(flux[..., [0, -1]].abs().max()), flow.quantity("wall_species_flux"))
        walls = max(walls, at_walls)
        found, wanted, parted = without_flux(flow)
        off = abs(found - wanted) / parted
        rows.append([cells, f"{at_walls:.2g}", f"{float(flux.abs().max()):.2g}", f"{found:.5f}", f"{wanted:.5f}",
                     f"{parted:.4f}", f"{flow.quantity('element_error'):.1g}"])  # fmt: skip
        report.progress(f"{cells} cells: {rows[-1]}")
    columns = ["cells", "at walls [kg/m2/s]", "within", "X_H2, hot end", "of no flux", "parted by", "element error"]
    report.table(columns, rows)
    report.target("species through walls [kg/m2/s]", walls, 0.0)
    report.target("separation, off by", 100 * off, 0.1, " %")
