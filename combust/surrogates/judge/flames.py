"""Planar flames by the flow solver with learned chemistry beside the same with exact chemistry."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from combust import kernels
from combust.case.load import convert
from combust.cfd.lowmach.flow import ReactingFlow
from combust.errors import CombustError
from combust.kinetics.flames.free import FlameProfile, free_flame
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.parallel import Communicator
from combust.report.meter import Reach
from combust.run import build as case
from combust.surrogates.judge.conditions import Flame
from combust.surrogates.judge.reactors import PEAKS, nitric_oxide, radicals
from combust.surrogates.provider.flow import LearnedFlow
from combust.surrogates.provider.mapped import Mapped, Still
from combust.surrogates.settings import Surrogate
from combust.surrogates.trust.routes import ROUTES

PER_THICKNESS = 12  # cells of a thermal thickness
AHEAD, BEHIND = 4, 8  # thermal thicknesses before and behind the front
COURANT = 0.5
AVERAGED = 0.5  # of the steps, at the end
MODES = ("exact", "router", "network")
CONTROLS = {"coupling": Mapped, "still": Still}  # what stands in the place of the network, router on


@dataclass
class Run:
    """A flame by one chemistry; lists are of steps."""

    mode: str
    x: np.ndarray  # (cells,) m
    T: np.ndarray  # (cells,) K at the end
    Y: np.ndarray  # (species, cells) at the end
    route: np.ndarray  # (cells,) of the last step
    speed: float  # m/s, consumption, mean of the last steps
    spread: float  # half of its range over them
    shares: dict[str, float]  # of routes, mean of the last steps
    element_error: float
    Y_min: float
    cost: float  # CPU seconds per cell and step, chemistry alone
    failure: str = ""


def profile_of(gas: Mechanism, settings: Surrogate, at: Flame) -> FlameProfile:
    """Cantera's free flame, from the cache if it is there. Raises DivergenceError."""
    return free_flame(gas, at.T, at.p, settings.fuel, settings.oxidizer, at.phi)


def time_step(profile: FlameProfile, dt: tuple[float, float]) -> float:
    """Half a cell of the burnt gas, within the range of the model."""
    cell = profile.thermal_thickness / PER_THICKNESS
    wanted = COURANT * cell / float(profile.u.max())
    low, high = dt
    # The splitting cuts a step into 2/3 and 1/3.
    return float(f"{min(max(0.95 * wanted, 3.1 * low), high):.2g}")


def build(
    gas: Mechanism, settings: Surrogate, at: Flame, profile: FlameProfile, chemistry: dict[str, Any]
) -> ReactingFlow:
    """The flow at time zero, eager."""
    thickness = profile.thermal_thickness
    raw = {
        "mesh": {"kind": "uniform", "cells": [PER_THICKNESS * (AHEAD + BEHIND)], "lower": [-AHEAD * thickness],
                 "upper": [BEHIND * thickness]},
        "gas": {"mechanism": gas.path, "phase": gas.name, "pressure": at.p} | ({"ions": gas.ions} if gas.ions else {}),
        "chemistry": chemistry,
        "initial": {"kind": "flame", "fuel": settings.fuel, "oxidizer": settings.oxidizer, "phi": at.phi,
                    "temperature": at.T, "position": 0.0},
        "boundary": {"x_low": {"kind": "inflow", "velocity": "flame-speed"}, "x_high": {"kind": "outflow"}},
        "stop": {"steps": 1},
        "device": "cpu",
    }  # fmt: skip
    builder = case.Builder(convert(raw, "report card"), Communicator())
    builder.__dict__.update(profile=profile, gas=gas)  # fills cached properties before anyone asks for them
    kernels.set_mode("eager")
    flow = builder.flow()
    assert isinstance(flow, ReactingFlow)  # the default of model.kind
    return flow


def chemistry_of(mode: str, model: Path) -> dict[str, Any]:
    """The table of a case."""
    if mode == "exact":
        return {"kind": "direct"}
    table = {"kind": "learned", "model": str(model), "router": mode != "network"}
    return table | ({"fallback": "none"} if mode == "network" else {})


def run(
    gas: Mechanism,
    settings: Surrogate,
    at: Flame,
    profile: FlameProfile,
    model: Path,
    mode: str,
    dt: float,
    steps: int,
    reach: Reach,
) -> Run:
    """A flame over so many steps; a failure is a Run that says so."""
    flow = build(gas, settings, at, profile, chemistry_of(mode, model))
    flow.scheme.timers.clock = time.process_time  # what others do on the machine is not the chemistry's cost
    chemistry = flow.scheme.chemistry
    if mode in CONTROLS:
        assert isinstance(chemistry, LearnedFlow)
        chemistry.parts = CONTROLS[mode].of(chemistry.parts.model, gas)
    speeds, routes, least, failure = [], [], math.inf, ""
    for step in range(steps):
        try:
            flow.advance(dt)
        except CombustError as error:
            failure = f"step {step + 1}: {str(error).splitlines()[0]}"
            break
        speeds.append(flow.quantity("flame_speed"))
        least = min(least, flow.quantity("Y_min"))
        routes.append([flow.quantity(f"{name}_share") for name in ROUTES] if mode != "exact" else [0.0] * 4)
        reach(step + 1, steps)
    late = max(1, round(AVERAGED * len(speeds)))
    Y = np.stack([flow.field(f"Y_{name}").ravel() for name in gas.species])
    faces = flow.coordinates()[2]
    cells = flow.block.shape[2]
    return Run(
        mode, 0.5 * (faces[1:] + faces[:-1]), flow.field("T").ravel(), Y,
        flow.field("route").ravel() if mode != "exact" else np.zeros(cells),
        float(np.mean(speeds[-late:])) if speeds else math.nan,
        float(np.ptp(speeds[-late:]) / 2) if speeds else math.nan,
        dict(zip(ROUTES, np.mean(routes[-late:], axis=0).tolist(), strict=True)) if routes else {},
        flow.quantity("element_error"), least,
        flow.timers().get("chemistry", 0.0) / (cells * max(len(speeds), 1)), failure,
    )  # fmt: skip


def compare(gas: Mechanism, at: Flame, exact: Run, found: Run) -> dict[str, Any]:
    """Numbers of a flame beside those of exact chemistry; speeds [m/s], temperatures [K], cost [us/cell/step]."""
    amount = exact.Y.max(1) / gas.molar_mass.numpy()

    def peak(k: int) -> list[float]:
        return [float(exact.Y[k].max()), float(found.Y[k].max())]

    peaks = {gas.species[k]: peak(k) for k in sorted(radicals(gas), key=lambda k: -amount[k])[:PEAKS]}
    lost = math.nan if found.failure else 0.0  # what did not arrive has no error that is a number
    oxide = nitric_oxide(gas, peak)
    active = 1.0 - found.shares.get("slow", 0.0)
    return {
        "phi": at.phi, "p": at.p, "T": at.T, "mode": found.mode, "failure": found.failure,
        "speed": [exact.speed, found.speed], "speed_error": found.speed / exact.speed - 1.0 + lost,
        "spread": found.spread,
        "burnt_T": [float(exact.T[-1]), float(found.T[-1])], "burnt_error": float(found.T[-1] - exact.T[-1]) + lost,
        "peaks": peaks, "peak_error": max(abs(b / a - 1.0) for a, b in peaks.values()) + lost,
        **(oxide | {"NO_error": oxide["NO_error"] + lost} if oxide else {}),
        "routes": found.shares, "network_of_active": found.shares.get("network", 0.0) / active if active else 0.0,
        "element_error": found.element_error, "Y_min": [exact.Y_min, found.Y_min],
        "cost": [1e6 * exact.cost, 1e6 * found.cost],
    }  # fmt: skip
