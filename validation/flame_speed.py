"""Planar flames against Cantera's converged free flames: front and consumption speed, burnt temperature."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import cantera as ct

from combust.kinetics.reactors.equilibrium import burnt_temperature
from validation import planar
from validation.reference import AIR, PRESSURE, T_UNBURNT, Reference, reference
from validation.report import Report, percent

TITLE = "Flame speed and burnt temperature against converged free flames"


@dataclass(frozen=True)
class Run:
    """One run of a flame: cells per thermal thickness, time step [s], end [s], and where the domain ends [m]."""

    per_thickness: int
    dt: float
    end: float
    burnt_zone: float
    limit: float | None = None  # target for the errors of the speeds
    burnt: bool = False  # whether the outflow must be in equilibrium


@dataclass(frozen=True)
class Flame:
    """A flame, how its reference is converged, and its runs."""

    name: str
    case: str
    mechanism: str
    fuel: str
    phi: float
    fresh_zone: float  # m, from the inflow to the front
    slope: float  # refinement of the first reference grid
    settled: float  # what another halving of the reference grids may still change, relative
    runs: tuple[Run, ...]

    @cached_property
    def reference(self) -> Reference:
        """Cantera's free flame on three grids."""
        return reference(self.mechanism, self.fuel, self.phi, self.slope)

    @cached_property
    def equilibrium(self) -> float:
        """Adiabatic burnt temperature with inert nitrogen, which thermal NO takes seconds to leave [K]."""
        solution = ct.Solution(self.mechanism)
        solution.TP = T_UNBURNT, PRESSURE
        solution.set_equivalence_ratio(self.phi, self.fuel, AIR)
        return burnt_temperature(solution)


HYDROGEN = Flame(
    "H2/air, phi 1.0",
    "flame1d_h2.toml",
    "h2o2.yaml",
    "H2:1",
    1.0,
    0.002,
    0.012,
    5e-4,
    (
        Run(10, 1e-6, 6e-4, 0.003, 0.007),
        Run(20, 1e-6, 6e-4, 0.003, 0.003),
        Run(40, 5e-7, 4e-4, 0.003),
        Run(6, 1.5e-6, 3e-3, 0.045, burnt=True),
    ),
)
METHANE = Flame(
    "CH4/air, phi 0.9",
    "flame1d_ch4.toml",
    "gri30.yaml",
    "CH4:1",
    0.9,
    0.004,
    0.012,
    5e-4,
    (Run(10, 8e-6, 4e-3, 0.005, 0.007), Run(20, 8e-6, 4e-3, 0.005, 0.003), Run(6, 5e-6, 9e-3, 0.020, burnt=True)),
)
LEAN_HYDROGEN = Flame(
    "H2/air, phi 0.5",
    "flame1d_h2.toml",
    "h2o2.yaml",
    "H2:1",
    0.5,
    0.005,
    0.006,
    5e-3,
    (Run(10, 8e-6, 8e-3, 0.008, 0.02, burnt=True), Run(20, 8e-6, 6e-3, 0.004, 0.02)),
)
FLAMES = (HYDROGEN, METHANE, LEAN_HYDROGEN)
COARSE = replace(HYDROGEN, slope=0.3, runs=(Run(4, 2e-6, 8e-6, 0.003, 0.007, burnt=True),))
SMOKE = {"FLAMES": (COARSE,)}


def run(report: Report) -> None:
    """References first, then every run of every flame."""
    report.text(
        "Front speed: inflow velocity minus a straight line fitted to the position of the front (half temperature) "
        "over the second half of the run. Consumption speed: mean over the same time. All runs start from the finest "
        "reference profile with the inflow at its speed, two sweeps, van Leer. Cells are uniform over four thermal "
        "thicknesses on both sides of the front and grow by 6 % per cell beyond."
    )
    references(report)
    for flame in FLAMES:
        runs(report, flame)
    report.text(
        "Burnt temperatures need a burnt zone in which radicals have recombined, and gas that has crossed the whole of "
        "it during the run: hence the long runs on graded grids. Equilibrium is taken with nitrogen inert. With "
        "GRI-Mech 3.0 the full equilibrium at phi 0.9 lies 6.1 K lower, because thermal NO has then formed, which "
        "takes seconds: no free flame, Cantera's neither, reaches it."
    )


def references(report: Report) -> None:
    """Cantera's free flames on three grids, and how much the extrapolation still moves."""
    rows = []
    for flame in FLAMES:
        report.progress(f"reference of {flame.name}")
        ref = flame.reference
        older, newer = ref.extrapolations
        moved = newer / older - 1
        rows.append(
            [
                flame.name,
                ", ".join(str(len(g.x)) for g in ref.grids),
                ", ".join(f"{g.speed:.5f}" for g in ref.grids),
                f"{older:.5f}, **{newer:.5f}**",
                percent(moved, 3),
                f"{1e3 * ref.finest.thermal_thickness:.4f}",
                f"{ref.finest.burnt_temperature:.1f}",
                f"{flame.equilibrium:.1f}",
            ]
        )
        report.target(f"halving moves the reference, {flame.name}", 100 * moved, 100 * flame.settled, " %")
        gap = ref.finest.burnt_temperature - flame.equilibrium
        report.target(f"burnt T of the reference, {flame.name}", gap, 3.0, " K")
    report.text("## References (Cantera, mixture-averaged)")
    report.table(
        [
            "flame",
            "points",
            "S_L [m/s]",
            "extrapolated [m/s]",
            "moved",
            "thermal thickness [mm]",
            "burnt T [K]",
            "equilibrium [K]",
        ],
        rows,
    )
    report.text(
        "Cantera convects by first-order upwind differences. Its grid is therefore halved twice, interval by interval, "
        "and the speed extrapolated to zero spacing (from the two coarser and from the two finer grids). Errors below "
        "are against the bold value."
    )


def runs(report: Report, flame: Flame) -> None:
    """All runs of one flame."""
    rows = []
    exact = flame.reference.speed
    for r in flame.runs:
        label = f"{flame.name}, {r.per_thickness} cells per thickness"
        s = measure(flame, r, lambda line, label=label: report.progress(f"{label}: {line}"))
        front, consumed = s.displacement / exact - 1, s.consumption / exact - 1
        gap = s.burnt_temperature - flame.equilibrium
        rows.append(
            [
                r.per_thickness,
                s.cells,
                f"{1e6 * r.dt:g}",
                f"{1e3 * r.end:g}",
                f"{s.displacement:.5f}",
                percent(front),
                f"{s.consumption:.5f}",
                percent(consumed),
                f"{1e3 * r.burnt_zone:g}",
                f"{gap:+.1f}",
                *planar.monitors(s),
            ]
        )
        if r.limit is not None:
            report.target(f"front speed, {label}", 100 * front, 100 * r.limit, " %")
            report.target(f"consumption speed, {label}", 100 * consumed, 100 * r.limit, " %")
        if r.burnt:
            report.target(f"burnt T, {flame.name}", gap, 3.0, " K")
        report.target(f"EOS drift, {label}", s.eos_drift, 1e-3)
    report.text(f"## {flame.name}")
    report.table(
        [
            "N",
            "cells",
            "dt [us]",
            "time [ms]",
            "front speed",
            "error",
            "consumption speed",
            "error",
            "burnt zone [mm]",
            "T_out - T_eq [K]",
            "EOS drift",
            "Y_min",
            "element error",
        ],
        rows,
    )


def measure(flame: Flame, r: Run, progress=None) -> planar.Speeds:  # noqa: ANN001
    """One run."""
    profile = flame.reference.finest
    thickness = profile.thermal_thickness
    fine = thickness / r.per_thickness
    ends = (-flame.fresh_zone, r.burnt_zone)
    faces = planar.graded_faces(fine, (-4 * thickness, 4 * thickness), ends, 1.06, 20 * fine)
    overrides = [
        planar.mesh_override(faces),
        f"gas.mechanism={flame.mechanism}",
        "initial.position=0.0",
        f"initial.phi={flame.phi}",
        'numerics.compile="off"',
    ]
    flow = planar.build(flame.case, overrides, profile)
    rows = planar.follow(flow, r.dt, r.end, progress)
    return planar.speeds(flow, rows, profile.speed, r.end / 2)
