"""Inflows beside flames: what enters, what burns there, what the balances say, and which flames are named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cantera as ct
import numpy as np
import torch

from combust import kernels
from combust.case.load import convert, load
from combust.cfd.lowmach.flow import ReactingFlow
from combust.kinetics.flames.burner import burner_flame
from combust.parallel import Communicator
from combust.run import build as case
from validation.trust import Member

KIND = (
    "What enters through an inflow is its stream and nothing else: mass flux times the stream's Y and h, whatever "
    "burns beside it, on any side and in any coupling; the balances are counted against that. A burner takes heat and "
    "nothing else. A flame too near an inflow or outflow is named."
)
FAULT = Path(__file__).resolve().parents[2] / "tests" / "faults" / "inputs" / "flame_on_inlet.toml"
SPEED, OXIDIZER = 0.5, "O2:1, N2:3.76"
SORET = {"kind": "mixture-averaged", "soret": True}
INFLOW, BURNER = {"kind": "inflow", "velocity": SPEED}, {"kind": "burner", "velocity": SPEED}
# What is tried: (side, dimensions, the side's table, transport, numerics)
WAYS: dict[str, tuple[str, int, dict[str, Any], Any, dict[str, Any]]] = {
    "inflow at low x, 1-D": ("x_low", 1, INFLOW, "mixture-averaged", {}),
    "inflow at high x, 2-D": ("x_high", 2, INFLOW, "mixture-averaged", {}),
    "inflow at high y": ("y_high", 2, INFLOW, "mixture-averaged", {}),
    "inflow at low z": ("z_low", 3, INFLOW, "mixture-averaged", {}),
    "one sweep": ("x_low", 1, INFLOW, "mixture-averaged", {"sweeps": 1}),
    "Strang coupling": ("x_low", 1, INFLOW, "mixture-averaged", {"coupling": "strang"}),
    "thermal diffusion": ("x_low", 1, INFLOW, SORET, {}),
    "unity Lewis numbers": ("x_low", 1, INFLOW, "unity-Lewis", {}),
    "burner at low x": ("x_low", 1, BURNER, "mixture-averaged", {}),
    "burner at high y, thermal diffusion": ("y_high", 2, BURNER, SORET, {}),
}
STEPS, BURNERS = 700, (  # of the flame on the inlet; flames on burners
    {"mechanism": "h2o2.yaml", "fuel": "H2:1", "oxidizer": "O2:1, AR:5", "phi": 0.4, "speed": 0.11, "cells": 48,
     "length": 0.003, "dt": 2.5e-5, "end": 0.015},
    {"mechanism": "methane_cfd.yaml", "fuel": "CH4:1", "oxidizer": "O2:0.21, N2:0.79", "phi": 0.9, "speed": 0.2,
     "cells": 40, "length": 5e-3, "dt": 2.5e-5, "end": 0.01},
)  # fmt: skip
SMOKE = {"STEPS": 3, "BURNERS": ({**BURNERS[0], "cells": 12, "end": 1e-5},), "WAYS": dict([*WAYS.items()][:1])}


def members() -> Iterator[Member]:
    """Flames on the inlet to their steady state, fluxes through every kind of side, balances, warnings."""
    yield _adiabatic()
    for burner in BURNERS:
        yield _burner(**burner)
    for name, way in WAYS.items():
        yield _stream(name, way)
    yield _held()
    yield from _named()


def _on_inlet(*changes: str) -> ReactingFlow:
    kernels.set_mode("eager")
    return case.Builder(load(FAULT, list(changes)), Communicator()).flow()


def _adiabatic() -> Member:
    flow = _on_inlet("mesh.cells=[64]")
    for _ in range(STEPS):
        flow.advance(6e-5)
    equilibrium = flow.unburnt.burnt_temperature if flow.unburnt is not None else np.nan
    T, lost = flow.quantity("T_max"), flow.quantity("element_error")
    return Member(
        "H2/O2/Ar flame that ran against its inlet (0.11 m/s against 0.22), 42 ms, 64 cells",
        f"no hotter than adiabatic, {equilibrium:.1f} K within 1 % (equilibrium); elements kept to 1e-12",
        f"T_max {T:.1f} K; element error {lost:.0e}",
        abs(T / equilibrium - 1) < 0.01 and lost < 1e-12,
    )


def _burner(
    mechanism: str, fuel: str, oxidizer: str, phi: float, speed: float, cells: int, length: float, dt: float, end: float
) -> Member:
    raw = {
        "mesh": {"kind": "uniform", "cells": [cells], "lower": [0.0], "upper": [length]},
        "gas": {"mechanism": mechanism},
        "initial": {"kind": "flame", "fuel": fuel, "oxidizer": oxidizer, "phi": phi, "position": 4e-4},
        "boundary": {"x_low": {"kind": "burner", "velocity": speed}, "x_high": {"kind": "outflow"}},
        "numerics": {"compile": "off"},
        "stop": {"steps": 1},
    }
    kernels.set_mode("eager")
    flow = case.Builder(convert(raw, mechanism), Communicator()).flow()
    assert flow.unburnt is not None
    step = 2e-6  # the first contact of hot gas with the burner is sudden
    while flow.time < end:
        step = min(1.1 * step, dt, 0.8 * flow.limit()[0])
        flow.advance(step)
    flux = flow.unburnt.density * speed
    wanted = burner_flame(
        mechanism, 300.0, 101325.0, fuel, oxidizer, phi, flux, width=length, slope=0.01, curve=0.02, max_points=5000
    )
    T, lost = flow.quantity("T_max"), flow.quantity("element_error")
    heat = abs(flow.quantity("enthalpy_error"))
    return Member(
        f"burner flame, {fuel} phi {phi:g} ({mechanism}), {speed:g} m/s, {cells} cells",
        f"T_max {wanted.T.max():.1f} K within 1 % (Cantera's burner flame; adiabatic "
        f"{flow.unburnt.burnt_temperature:.0f} K); elements and enthalpy kept to 1e-12",
        f"T_max {T:.1f} K, heat to the burner {flow.quantity('heat_to_burner'):.0f} W/m2 (Cantera "
        f"{wanted.heat_to_burner:.0f}); errors {lost:.0e}, {heat:.0e}",
        abs(T / wanted.T.max() - 1) < 0.01 and lost < 1e-12 and heat < 1e-12,
    )


def _beside(
    side: str,
    dimensions: int,
    entry: dict[str, Any],
    transport: Any = "mixture-averaged",
    numerics: dict[str, Any] | None = None,
) -> ReactingFlow:
    """A burning kernel beside one side through which gas enters; the side opposite is open, the others shut."""
    axis, end = side.split("_")
    centre = [3e-4] * dimensions
    centre["xyz".index(axis)] = 1.2e-4 if end == "low" else 4.8e-4
    boundary: dict[str, Any] = {name: {"kind": "symmetry"} for name in "xyz"[:dimensions] if name != axis}
    boundary[side], boundary[f"{axis}_{'high' if end == 'low' else 'low'}"] = entry, {"kind": "outflow"}
    raw = {
        "mesh": {"kind": "uniform", "cells": [12, 8, 6][:dimensions], "lower": [0.0] * dimensions,
                 "upper": [6e-4] * dimensions},
        "gas": {"mechanism": "h2o2.yaml", "transport": transport},
        "initial": {"kind": "kernel", "fuel": "H2:1", "oxidizer": OXIDIZER, "phi": 0.5, "hot_temperature": 1400.0,
                    "centre": centre, "radius": 2e-4, "thickness": 1e-4},
        "boundary": boundary, "numerics": {"compile": "off", **(numerics or {})}, "stop": {"steps": 1},
    }  # fmt: skip
    kernels.set_mode("eager")
    return case.Builder(convert(raw, side), Communicator()).flow()


def _stream(name: str, way: tuple[str, int, dict[str, Any], Any, dict[str, Any]]) -> Member:
    """What crossed one face in three steps, by the balance of that side alone, against Cantera's stream."""
    side, dimensions, entry, transport, numerics = way
    flow = _beside(side, dimensions, entry, transport, numerics)
    _count_only(flow, "zyx".index(side[0]), int(side.endswith("high")))
    dt, steps = 2e-7, 3
    for _ in range(steps):
        flow.advance(dt)
    gas = ct.Solution("h2o2.yaml")
    gas.TP = 300.0, 101325.0
    gas.set_equivalence_ratio(0.5, "H2:1", OXIDIZER)
    mass = gas.density * SPEED * 6e-4 ** (dimensions - 1) * dt * steps
    entered = -flow.current.balance.numpy()
    worst = 0.0
    for element in ("H", "O", "N"):
        atoms = np.array([gas.n_atoms(s, element) for s in gas.species_names]) / gas.molecular_weights
        worst = max(worst, abs(float(atoms @ entered[1:]) / (mass * float(atoms @ gas.Y)) - 1))
    return Member(
        f"{name}, a kernel burning beside it",
        "u rho Y of the stream (Cantera) for each element, to 1e-12",
        f"off by {worst:.0e}",
        worst < 1e-12,
    )


def _count_only(flow: ReactingFlow, axis: int, side: int) -> None:
    """Lets the balance count what crosses one side alone."""
    filler = flow.scheme.filler
    for name in ("areas", "diffusion_areas"):
        kept = []
        for a, ends in enumerate(getattr(filler, name)):
            kept.append(
                None
                if ends is None
                else tuple(end if (a, s) == (axis, side) else torch.zeros_like(end) for s, end in enumerate(ends))
            )
        setattr(filler, name, tuple(kept))


def _held() -> Member:
    flow = _beside("x_low", 1, {**INFLOW, "inlet": "value"})
    for _ in range(5):
        flow.advance(2e-7)
    element, heat = flow.quantity("element_error"), abs(flow.quantity("enthalpy_error"))
    return Member(
        'inlet = "value", a kernel burning beside it',
        "what diffuses in on top of the stream shows in the balances",
        f"element error {element:.0e}, enthalpy error {heat:.0e}",
        element > 1e-5 and heat > 1e-6,
    )


def _named() -> Iterator[Member]:
    for tried, changes, right in (
        ("front 1 mm (1.5 thermal thicknesses) from its inflow", [], "boundary.x_low"),
        ("front 1.5 mm from its outflow", ["initial.position=0.0065"], "boundary.x_high"),
        ("the same beside a burner", ["boundary.x_low.kind=burner"], ""),
        ("domain of 3 mm, 4.5 thermal thicknesses", ["mesh.upper=[0.003]"], "narrow"),
        ("front beyond the outflow", ["initial.position=0.02"], "no flame"),
        ("front in the middle", ["initial.position=0.004"], ""),
    ):
        found = ", ".join(_on_inlet("mesh.cells=[80]", *changes).concerns())
        yield Member(tried, f"warning of: {right or 'nothing'}", f"warning of: {found or 'nothing'}", found == right)
