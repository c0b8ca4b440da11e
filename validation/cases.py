"""Every shipped case, run to its end as a user runs it: time, drift of the equation of state, conservation."""

from __future__ import annotations

import csv
import json
import shutil
import tempfile
from pathlib import Path

from validation.planar import CASES
from validation.report import Report
from validation.running import run_case, run_here

TITLE = "The shipped cases, run to their ends"
RANKS = {"flame": 2, "flame_learned": 2}
DRIFT, NEGATIVE, CONSERVED = 1e-3, 1e-8, 1e-11
WANTED, CHANGES = "*", ()  # cases by their name, and what is changed in them
SMOKE = {"run_case": run_here, "WANTED": "kernel", "CHANGES": ("mesh.cells=[12,12]", "stop.steps=2")}


def run(report: Report) -> None:
    """Runs all cases; those on two ranks by mpirun."""
    report.text(
        "`python -m combust.run cases/NAME.toml` on one rank, `flame` and `flame_learned` by `mpirun` on two. Time: "
        "seconds in the time loop (compiling kernels included). Drift, most negative mass fraction, errors of mass and "
        "elements: extremes of the columns of series.csv over the whole run; a dash where a case has none. The "
        "pictures `combust plot` made of the ends are docs/pictures/NAME.png."
    )
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for path in sorted(CASES.glob(f"{WANTED}.toml")):
            report.progress(path.stem)
            rows.append(row(report, path.stem, Path(folder) / path.stem))
    report.table(
        [
            "case",
            "ranks",
            "cells",
            "steps",
            "time [s]",
            "us/cell/step",
            "EOS drift",
            "Y_min",
            "mass error",
            "element error",
        ],
        rows,
    )


def row(report: Report, name: str, out: Path) -> list[str]:
    """Runs a case into `out` and returns its line of the table."""
    ranks = RANKS.get(name, 1)
    run_case(f"{name}.toml", out, CHANGES, ranks)
    report.pictures.mkdir(parents=True, exist_ok=True)
    shutil.copy(out / "flame.png", report.pictures / f"{name}.png")
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    with open(out / "series.csv", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))

    def extreme(column: str, pick=max) -> float | None:  # noqa: ANN001
        return pick(float(line[column]) for line in lines) if column in lines[0] else None

    drift, negative = extreme("eos_drift"), extreme("Y_min", min)
    mass, elements = extreme("mass_error"), extreme("element_error")
    for what, value, limit in (
        ("EOS drift", drift, DRIFT),
        ("mass error", mass, CONSERVED),
        ("element error", elements, CONSERVED),
    ):
        if value is not None:
            report.target(f"{what}, {name}", value, limit)
    if negative is not None:
        report.target(f"Y_min, {name}", negative, -NEGATIVE, at_least=True)
    shown = ["-" if x is None else f"{x:.1e}" for x in (drift, negative, mass, elements)]
    return [
        name,
        str(ranks),
        str(summary["cells"]),
        str(summary["step"]),
        f"{summary['wall_seconds']:.0f}",
        f"{summary['us_per_cell_and_step']:.1f}",
        *shown,
    ]
