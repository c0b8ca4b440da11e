"""Planar flames against Cantera's converged free flames: front and consumption speed, burnt temperature."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cantera as ct

from combust.kinetics.flame1d import FlameProfile, free_flame
from validation import planar
from validation.report import Report, percent

TITLE = "Flame speed and burnt temperature against converged free flames"
T_UNBURNT, PRESSURE, AIR = 300.0, 101325.0, "O2:0.21, N2:0.79"


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
    slope: float  # of the finer reference grid; its curve is 5/3 of that, both are doubled on the coarser one
    runs: tuple[Run, ...]

    def reference(self, factor: float = 1.0) -> FlameProfile:
        """Cantera's free flame with the refinement criteria times `factor`."""
        slope = factor * self.slope
        return free_flame(
            self.mechanism, T_UNBURNT, PRESSURE, self.fuel, AIR, self.phi, slope=slope, curve=slope * 5 / 3)

    @cached_property
    def equilibrium(self) -> float:
        """Adiabatic burnt temperature with inert nitrogen, which thermal NO takes seconds to leave [K]."""
        solution = ct.Solution(self.mechanism)
        solution.TP = T_UNBURNT, PRESSURE
        solution.set_equivalence_ratio(self.phi, self.fuel, AIR)
        fresh = solution.TPX
        names = solution.species_names
        species = [s for s in solution.species() if "N" not in s.composition or s.name == "N2"]
        gas = ct.Solution(thermo="ideal-gas", species=species)
        gas.TPX = fresh[0], fresh[1], {n: x for n, x in zip(names, fresh[2], strict=True) if x > 0}
        gas.equilibrate("HP")
        return float(gas.T)


HYDROGEN = Flame(
    "H2/air, phi 1.0", "flame1d_h2.toml", "h2o2.yaml", "H2:1", 1.0, 0.002, 0.003, (
        Run(10, 1e-6, 6e-4, 0.003, 0.007),
        Run(20, 1e-6, 6e-4, 0.003, 0.003),
        Run(40, 5e-7, 4e-4, 0.003),
        Run(6, 3e-6, 3e-3, 0.045, burnt=True),
    ))
METHANE = Flame(
    "CH4/air, phi 0.9", "flame1d_ch4.toml", "gri30.yaml", "CH4:1", 0.9, 0.004, 0.003, (
        Run(10, 8e-6, 4e-3, 0.005, 0.007),
        Run(20, 8e-6, 4e-3, 0.005, 0.003),
        Run(6, 12e-6, 9e-3, 0.020, burnt=True),
    ))
LEAN_HYDROGEN = Flame(
    "H2/air, phi 0.5", "flame1d_h2.toml", "h2o2.yaml", "H2:1", 0.5, 0.005, 0.0015, (
        Run(10, 8e-6, 8e-3, 0.008, 0.02, burnt=True),
        Run(20, 8e-6, 6e-3, 0.004, 0.02),
    ))
FLAMES = (HYDROGEN, METHANE, LEAN_HYDROGEN)


def run(report: Report) -> None:
    """References first, then every run of every flame."""
    report.text(
        "Front speed: inflow velocity minus a straight line fitted to the position of the front (half temperature) "
        "over the second half of the run. Consumption speed: mean over the same time. All runs start from the finer "
        "reference profile with the inflow at its speed, two sweeps, van Leer. Cells are uniform over four thermal "
        "thicknesses on both sides of the front and grow by 6 % per cell beyond.")
    references(report)
    for flame in FLAMES:
        runs(report, flame)
    report.text(
        "Burnt temperatures need a burnt zone in which radicals have recombined, and gas that has crossed the whole of "
        "it during the run: hence the long runs on graded grids. Equilibrium is taken with nitrogen inert. With "
        "GRI-Mech 3.0 the full equilibrium at phi 0.9 lies 6.1 K lower, because thermal NO has then formed, which "
        "takes seconds: no free flame, Cantera's neither, reaches it.")


def extrapolated(flame: Flame) -> float:
    """Speed at zero spacing from both references: Cantera's upwind convection has an error of first order [m/s]."""
    return 2 * flame.reference().speed - flame.reference(2.0).speed


def references(report: Report) -> None:
    """Cantera's free flames on two grids, and how much halving the criteria still changes."""
    rows = []
    for flame in FLAMES:
        report.progress(f"reference of {flame.name}")
        coarse, fine = flame.reference(2.0), flame.reference()
        change = fine.speed / coarse.speed - 1
        rows.append([
            flame.name, f"{2 * flame.slope:g}, {flame.slope:g}", f"{len(coarse.x)}, {len(fine.x)}",
            f"{coarse.speed:.5f}, {fine.speed:.5f}", percent(change, 3), f"{extrapolated(flame):.5f}",
            f"{1e3 * fine.thermal_thickness:.4f}", f"{fine.burnt_temperature:.1f}", f"{flame.equilibrium:.1f}"])
    report.text("## References (Cantera, mixture-averaged)")
    report.table(
        ["flame", "slope", "points", "S_L [m/s]", "change", "extrapolated [m/s]", "thermal thickness [mm]",
         "burnt T [K]", "equilibrium [K]"], rows)
    report.text(
        "The curve criterion is 5/3 of the slope. Errors below are against the speed extrapolated to zero spacing.")


def runs(report: Report, flame: Flame) -> None:
    """All runs of one flame."""
    rows = []
    exact = extrapolated(flame)
    for r in flame.runs:
        label = f"{flame.name}, {r.per_thickness} cells per thickness"
        s = measure(flame, r, lambda line, label=label: report.progress(f"{label}: {line}"))
        front, consumed = s.displacement / exact - 1, s.consumption / exact - 1
        gap = s.burnt_temperature - flame.equilibrium
        rows.append([
            r.per_thickness, s.cells, f"{1e6 * r.dt:g}", f"{1e3 * r.end:g}", f"{s.displacement:.5f}", percent(front),
            f"{s.consumption:.5f}", percent(consumed), f"{1e3 * r.burnt_zone:g}", f"{gap:+.1f}", *planar.monitors(s)])
        if r.limit is not None:
            report.target(f"front speed, {label}", 100 * front, 100 * r.limit, " %")
            report.target(f"consumption speed, {label}", 100 * consumed, 100 * r.limit, " %")
        if r.burnt:
            report.target(f"burnt T, {flame.name}", gap, 3.0, " K")
        report.target(f"EOS drift, {label}", s.eos_drift, 1e-3)
    report.text(f"## {flame.name}")
    report.table(
        ["N", "cells", "dt [us]", "time [ms]", "front speed", "error", "consumption speed", "error", "burnt zone [mm]",
         "T_out - T_eq [K]", "EOS drift", "Y_min", "element error"], rows)


def measure(flame: Flame, r: Run, progress=None) -> planar.Speeds:  # noqa: ANN001
    """One run."""
    profile = flame.reference()
    thickness = profile.thermal_thickness
    fine = thickness / r.per_thickness
    ends = (-flame.fresh_zone, r.burnt_zone)
    faces = planar.graded_faces(fine, (-4 * thickness, 4 * thickness), ends, 1.06, 20 * fine)
    overrides = [
        planar.mesh_override(faces), "initial.position=0.0", f"initial.phi={flame.phi}", 'numerics.compile="off"']
    flow = planar.build(flame.case, overrides, profile)
    rows = planar.follow(flow, r.dt, r.end, progress)
    return planar.speeds(flow, rows, profile.speed, r.end / 2)
