"""Every shipped case, run to its end as a user runs it: time, drift of the equation of state, conservation."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from validation.planar import CASES
from validation.report import Report

TITLE = "The shipped cases, run to their ends"
RANKS = {"flame": 2, "flame_learned": 2}
DRIFT, NEGATIVE, CONSERVED = 1e-3, 1e-8, 1e-11
ROOT = CASES.parent


def run(report: Report) -> None:
    """Runs all cases; those on two ranks by mpirun."""
    report.text(
        "`python -m combust.run cases/NAME.toml` on one rank, `flame` and `flame_learned` by `mpirun` on two. Time: "
        "seconds in the time loop (compiling kernels included). Drift, most negative mass fraction, errors of mass and "
        "elements: extremes of the columns of series.csv over the whole run; a dash where a case has none. The "
        "pictures `combust plot` made of the ends are docs/pictures/NAME.png.")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for path in sorted(CASES.glob("*.toml")):
            report.progress(path.stem)
            rows.append(row(report, path.stem, Path(folder) / path.stem))
    report.table(
        ["case", "ranks", "cells", "steps", "time [s]", "us/cell/step", "EOS drift", "Y_min", "mass error",
         "element error"], rows)


def row(report: Report, name: str, out: Path) -> list[str]:
    """Runs a case into `out` and returns its line of the table."""
    ranks = RANKS.get(name, 1)
    launcher = [str(ROOT / "scripts" / "mpirun.sh"), "-n", str(ranks)] if ranks > 1 else []
    done = subprocess.run(
        [*launcher, sys.executable, "-m", "combust.run", f"cases/{name}.toml", "--out", str(out)],
        cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{name} ended with exit code {done.returncode}:\n{(done.stdout + done.stderr)[-2000:]}")
    shutil.copy(out / "flame.png", ROOT / "docs" / "pictures" / f"{name}.png")
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    with open(out / "series.csv", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))

    def extreme(column: str, pick=max) -> float | None:  # noqa: ANN001
        return pick(float(line[column]) for line in lines) if column in lines[0] else None

    drift, negative = extreme("eos_drift"), extreme("Y_min", min)
    mass, elements = extreme("mass_error"), extreme("element_error")
    for what, value, limit in (("EOS drift", drift, DRIFT), ("mass error", mass, CONSERVED),
                               ("element error", elements, CONSERVED)):
        if value is not None:
            report.target(f"{what}, {name}", value, limit)
    if negative is not None:
        report.target(f"Y_min, {name}", negative, -NEGATIVE, at_least=True)
    shown = ["-" if x is None else f"{x:.1e}" for x in (drift, negative, mass, elements)]
    return [name, str(ranks), str(summary["cells"]), str(summary["step"]), f"{summary['wall_seconds']:.0f}",
            f"{summary['us_per_cell_and_step']:.1f}", *shown]
