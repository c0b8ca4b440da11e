"""Flame speed against the time step, for every coupling of chemistry and transport."""

from __future__ import annotations

from combust.errors import DivergenceError
from validation import planar
from validation.flame_speed import COARSE, HYDROGEN
from validation.report import Report, percent

TITLE = "Flame speed against the time step"
STEPS = (5e-7, 1e-6, 2e-6)
END, FIT = 3e-4, 2e-4  # s
LIMIT = 1e-3  # relative change of the speed from the shortest to the longest step
FLAME, PER_THICKNESS = HYDROGEN, 10
SMOKE = {"FLAME": COARSE, "PER_THICKNESS": 4, "STEPS": (1e-6, 2e-6), "END": 4e-6, "FIT": 1e-6}


def run(report: Report) -> None:
    """H2/air, phi 1, 10 cells per thermal thickness: all schemes, all steps."""
    report.text(
        f"{FLAME.name}, {PER_THICKNESS} cells per thermal thickness, from the converged profile; front speed fitted "
        f"from {1e6 * FIT:g} to {1e6 * END:g} us, in m/s. Change: from the shortest to the longest step."
    )
    profile = FLAME.reference.finest
    thickness = profile.thermal_thickness
    faces = planar.graded_faces(
        thickness / PER_THICKNESS, (-4 * thickness, 4 * thickness), (-0.002, 0.003), 1.06, 2 * thickness
    )
    rows = []
    for coupling, sweeps in planar.SCHEMES:
        found = {}
        for dt in STEPS:
            overrides = [
                planar.mesh_override(faces),
                "initial.position=0.0",
                'numerics.compile="off"',
                f"numerics.coupling={coupling}",
                f"numerics.sweeps={sweeps}",
            ]
            flow = planar.build(FLAME.case, overrides, profile)
            try:
                found[dt] = planar.speeds(flow, planar.follow(flow, dt, END), profile.speed, FIT)
            except DivergenceError as error:
                report.progress(f"{coupling} {sweeps}, dt = {dt:g} s: lost at step {flow.step}: {error}")
            else:
                report.progress(f"{coupling} {sweeps}, dt = {dt:g} s: {found[dt].displacement:.5f} m/s")
        rows.append(row(coupling, sweeps, found))
        if coupling == "sdc" and STEPS[0] in found and STEPS[-1] in found:
            report.target(f"change, sdc, {sweeps} sweep(s)", 100 * change(found), 100 * LIMIT, " %")
    steps = [f"{1e6 * dt:g} us" for dt in STEPS]
    report.table(["coupling", "sweeps", *(f"dt = {s}" for s in steps), "change", *(f"drift, {s}" for s in steps)], rows)


def change(found: dict[float, planar.Speeds]) -> float:
    """Relative change of the front speed from the shortest to the longest step."""
    return found[STEPS[-1]].displacement / found[STEPS[0]].displacement - 1


def row(coupling: str, sweeps: int, found: dict[float, planar.Speeds]) -> list[str]:
    """A line of the table; a lost run shows as such."""
    cells = [f"{found[dt].displacement:.5f}" if dt in found else "lost" for dt in STEPS]
    drift = [f"{found[dt].eos_drift:.1e}" if dt in found else "> 5 %" for dt in STEPS]
    last = percent(change(found), 3) if STEPS[0] in found and STEPS[-1] in found else "-"
    return [coupling, str(sweeps), *cells, last, *drift]
