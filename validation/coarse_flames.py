"""Planar flames on few cells per thermal thickness: from where on `combust check` warns."""

from __future__ import annotations

from dataclasses import dataclass, replace

from combust.case.load import load
from combust.cfd.concerns.front import FEWEST
from combust.kinetics.flames.free import free_flame
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.run import build as case
from validation import planar
from validation.reference import AIR, PRESSURE, T_UNBURNT
from validation.report import Report, percent

TITLE = "Flame speed on few cells per thermal thickness"
COUNTS = (2, 3, 4, 5, 6)
BEFORE, LENGTH = 6.0, 14.0  # thermal thicknesses from the inflow to the front, and of the domain


@dataclass(frozen=True)
class Flame:
    """A flame, its shipped case, fuel and mixture; time step and end of its runs [s]."""

    name: str
    case: str
    fuel: str
    phi: float
    dt: float
    end: float


FLAMES = (
    Flame("H2/air, phi 0.5", "flame1d_h2.toml", "H2:1", 0.5, 6e-6, 5e-3),
    Flame("H2/air, phi 1.0", "flame1d_h2.toml", "H2:1", 1.0, 1.5e-6, 6e-4),
)
LIMIT = 4.0  # per cent, of the consumption speed on as many cells as are not warned of
SMOKE = {"FLAMES": (replace(FLAMES[1], end=6e-6),), "COUNTS": (5,)}


def run(report: Report) -> None:
    """Every flame on every number of cells."""
    report.text(
        "Uniform cells, van Leer, two sweeps; the runs start from the free flame of the same mechanism, extrapolated "
        "to zero spacing, whose speed is that of the inflow. Speeds are those of the second half of each run. Finer "
        "grids: [flame_speed](flame_speed.md)."
    )
    rows = []
    for flame in FLAMES:
        gas = Mechanism.load(load(planar.CASES / flame.case).gas.mechanism)
        profile = free_flame(gas, T_UNBURNT, PRESSURE, flame.fuel, AIR, flame.phi, refine="extrapolated")
        for count in COUNTS:
            s = measured(flame, profile, count)
            front, consumed = s.displacement / profile.speed - 1, s.consumption / profile.speed - 1
            rows.append([flame.name, count, f"{1e6 * profile.thermal_thickness / count:.0f}", percent(front),
                         percent(consumed), percent(s.spread / profile.speed), f"{s.eos_drift:.1e}"])  # fmt: skip
            report.progress(" | ".join(map(str, rows[-1])))
            if count == FEWEST:
                label = f"consumption speed, {flame.name}, {count} cells per thickness"
                report.target(label, 100 * consumed, LIMIT, " %")
    report.table(["flame", "cells per thickness", "cell [um]", "front speed", "consumption speed",
                  "+- of the consumption speed", "EOS drift"], rows)  # fmt: skip
    report.text(
        f"`check` and `run` warn below {FEWEST:g} cells per thermal thickness. On so few the speed also depends on "
        "where the front lies among the cells, so that it does not fall evenly with their width, and drifts of the "
        "equation of state reach 3e-3."
    )


def measured(flame: Flame, profile: case.FlameProfile, count: int) -> planar.Speeds:
    """A run on `count` cells per thermal thickness."""
    width = profile.thermal_thickness
    flow = planar.build(
        flame.case,
        [
            f"initial.phi={flame.phi}",
            f"mesh.cells=[{round(LENGTH * count)}]",
            f"mesh.upper=[{LENGTH * width!r}]",
            f"initial.position={BEFORE * width!r}",
            f"numerics.dt={flame.dt!r}",
            "numerics.compile=off",
        ],
        profile,
    )
    rows = planar.follow(flow, flame.dt, flame.end)
    return planar.speeds(flow, rows, profile.speed, 0.5 * flame.end)
