"""Observed order in space and time of an igniting flame in a closed box."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from combust.errors import DivergenceError
from validation import planar
from validation.report import Report

TITLE = "Observed order in space and time of an igniting flame"
LENGTH, END = 0.0032, 4.8e-5  # m, s
CELLS = (40, 80, 160, 320)
STEPS = (2e-6, 1e-6, 5e-7, 2.5e-7)
FIELDS = ("T", "Y_OH", "Y_H2O")
ORDER = 1.8
TIME_CELLS = 80  # of the runs that refine in time
SCHEMES = planar.SCHEMES
SMOKE = {"END": 5e-7, "TIME_CELLS": 8, "CELLS": (8, 16, 32), "STEPS": (5e-7, 2.5e-7, 1.25e-7), "SCHEMES": SCHEMES[:1]}


@dataclass(frozen=True)
class Outcome:
    """Fields at the end of a run and the largest drift from the equation of state on the way."""

    fields: dict[str, np.ndarray]
    drift: float


def run(report: Report) -> None:
    """Time on a fixed grid for every scheme, then space with a fixed time step."""
    report.text(
        "A hot kernel of burnt H2/air (phi 1, 2000 K, smooth edge 0.4 mm wide) at a plane of symmetry in a closed 1-D "
        "box lights the fresh gas: an unsteady flame with rising pressure. Tables give the mean absolute difference "
        "between each run and the next finer one at 48 us, and the order log2 of successive ratios. Chemistry is "
        "integrated to rtol 1e-6, so that its error does not show."
    )
    in_time(report)
    in_space(report)


def in_time(report: Report) -> None:
    """Successive halvings of dt."""
    rows = []
    for coupling, sweeps in SCHEMES:
        runs = []
        for dt in STEPS:
            report.progress(f"{coupling} {sweeps}, dt = {dt:g} s")
            runs.append(simulate(TIME_CELLS, dt, coupling, sweeps))
        for field in FIELDS:
            d = [mean_difference(a, b, field) for a, b in zip(runs, runs[1:], strict=False)]
            rows.append([coupling, sweeps, field, *numbers(d)])
            if (coupling, sweeps) == ("sdc", 2):
                report.target(f"order in time, {field}", orders(d)[-1], ORDER, at_least=True)
        rows.append([coupling, sweeps, "EOS drift", *(drift(r) for r in runs[:-1]), "", ""])
    report.text(f"## Time ({TIME_CELLS} cells of {1e6 * LENGTH / TIME_CELLS:g} um)")
    pairs = [f"{1e6 * a:g} - {1e6 * b:g} us" for a, b in zip(STEPS, STEPS[1:], strict=False)]
    report.table(["coupling", "sweeps", "field", *pairs, "order", "order"], rows)


def in_space(report: Report) -> None:
    """Successive halvings of the cells; finer fields are averaged onto the coarser cells."""
    runs = []
    for cells in CELLS:
        report.progress(f"{cells} cells")
        runs.append(simulate(cells, 5e-7, "sdc", 2))
    rows = []
    for field in FIELDS:
        d = [mean_difference(a, b, field) for a, b in zip(runs, runs[1:], strict=False)]
        rows.append([field, *numbers(d)])
        report.target(f"order in space, {field}", orders(d)[-1], ORDER, at_least=True)
    report.text("## Space (dt = 0.5 us, two sweeps, van Leer)")
    pairs = [f"{a} - {b} cells" for a, b in zip(CELLS, CELLS[1:], strict=False)]
    report.table(["field", *pairs, "order", "order"], rows)


def simulate(cells: int, dt: float, coupling: str, sweeps: int) -> Outcome:
    """The kernel at END."""
    flow = planar.build(
        "kernel.toml",
        [
            f'mesh={{ kind = "uniform", cells = [{cells}], lower = [0.0], upper = [{LENGTH}] }}',
            'boundary={ x_low = { kind = "symmetry" }, x_high = { kind = "wall" } }',
            "initial.centre=[0.0]",
            "initial.radius=0.0016",
            "initial.hot_temperature=2000.0",
            "initial.phi=1.0",
            'chemistry={ kind = "direct", rtol = 1e-6, atol = 1e-12 }',
            'numerics.compile="off"',
            f"numerics.coupling={coupling}",
            f"numerics.sweeps={sweeps}",
        ],
    )
    worst = 0.0
    try:
        for _ in range(round(END / dt)):
            flow.advance(dt)
            worst = max(worst, flow.quantity("eos_drift"))
    except DivergenceError:
        return Outcome({name: np.full(cells, np.nan) for name in FIELDS}, np.nan)
    return Outcome({name: flow.field(name).ravel() for name in FIELDS}, worst)


def mean_difference(one: Outcome, other: Outcome, field: str) -> float:
    """Mean absolute difference on the coarser grid."""
    a, b = one.fields[field], other.fields[field]
    return float(np.abs(a - b.reshape(len(a), -1).mean(1)).mean())


def orders(differences: list[float]) -> list[float]:
    """log2 of the ratios of successive differences."""
    return [float(np.log2(a / b)) for a, b in zip(differences, differences[1:], strict=False)]


def numbers(differences: list[float]) -> list[str]:
    """Differences and orders as they stand in a table."""
    return [f"{d:.2e}" for d in differences] + [f"{o:.2f}" for o in orders(differences)]


def drift(outcome: Outcome) -> str:
    return f"{outcome.drift:.1e}" if np.isfinite(outcome.drift) else "lost (> 5 %)"
