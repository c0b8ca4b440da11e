"""Published experiments of all kinds that `combust validate` reads, with mechanisms of Cantera and combust."""

from __future__ import annotations

import csv
import math
import shutil
import tempfile
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from combust.__main__ import main
from validation.report import ROOT, Report

TITLE = "Published experiments"
FILES = ROOT / "tests" / "data" / "experiments"
# Mechanism, files, options of the verb
RUNS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("h2o2.yaml", ("kwon_2001.yaml", "lecong_2009.yaml", "mittal_2006.yaml"), ("--soret",)),
    ("methane_cfd.yaml", ("milton_1984.xml",), ()),
    ("gri30.yaml", ("cattolica_1989.yaml", "martin_1990.xml", "dagaut_2003.xml", "loeffler_2000.xml"), ()),
)
SMOKE = {"RUNS": (("h2o2.yaml", ("mittal_2006.yaml",), ()),)}


def run(report: Report) -> None:
    """One call of the verb for each mechanism."""
    report.text(
        "`combust validate MECHANISM tests/data/experiments/FILE...`, as a user calls it. The files hold numbers "
        "of the ChemKED database (CC BY 4.0) and of articles that ReSpecTh files cite; each names its source. "
        "Judged is only that every point is simulated. How far a mechanism is from an experiment is a finding "
        "about the two: bias is the mean of simulated less measured, relative to the measured burning velocity or "
        "delay, or to the largest measured amount of a species. With thermal diffusion where the mechanism is "
        "h2o2."
    )
    rows, pictures, failed, points = [], [], 0, 0
    with tempfile.TemporaryDirectory() as folder:
        for mechanism, files, options in RUNS:
            out = Path(folder) / Path(mechanism).stem
            report.progress(f"{mechanism}: {', '.join(files)}")
            main(["validate", mechanism, *(str(FILES / name) for name in files), "--out", str(out), *options])
            with open(out / "validate.csv", encoding="utf-8") as file:
                found = list(csv.DictReader(file))
            points += len(found)
            failed += sum(not math.isfinite(float(row["simulated"])) for row in found)
            rows += [[Path(mechanism).stem, *line] for line in lines(found)]
            report.pictures.mkdir(parents=True, exist_ok=True)
            shutil.copy(out / "validate.png", report.pictures / f"experiments_{Path(mechanism).stem}.png")
            pictures.append(f"![{mechanism}](../pictures/experiments_{Path(mechanism).stem}.png)")
    report.table(("mechanism", "data set", "experiment", "quantity", "points", "bias", "within 2 sigma"), rows)
    for picture in pictures:
        report.text(picture)
    report.target(f"points of {points} that were not simulated", failed, 0)


def lines(found: list[dict[str, str]]) -> Iterator[list[str]]:
    """A line for each quantity of each data set."""
    for (name, kind, quantity), group in groupby(found, lambda r: (r["data_set"], r["experiment"], r["quantity"])):
        rows = list(group)
        own = kind in ("ignition delay", "burning velocity")
        scale = max(abs(float(row["measured"])) for row in rows)
        differences = [
            (float(row["simulated"]) - float(row["measured"])) / (float(row["measured"]) if own else scale)
            for row in rows
        ]  # fmt: skip
        sigmas = [abs(float(row["deviation_in_sigma"])) for row in rows if row["deviation_in_sigma"]]
        within = f"{sum(x <= 2 for x in sigmas)} of {len(sigmas)}" if sigmas else "no sigma"
        yield [name, kind, quantity, str(len(rows)), f"{100 * sum(differences) / len(rows):+.1f} %", within]
