"""The error of each link from published experiments to turbulent flames, by `combust chain`.

What each chain found is kept beside the page, so that they can be repeated one by one; that of hydrogen takes twenty
minutes of CPU, the others hours:

    python -m validation trust_across_scales --only h2-quick      # or h2, ch4-quick, ch4, nh3-quick, nh3
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from combust.chain.chain import ChainReport, chain
from combust.chain.links.report import cell, error
from combust.chain.links.rows import HELD_OUT, LEVELS, Row, worst
from combust.files import read_json
from combust.report.meter import Reporter
from validation.report import ROOT, Report, chosen

TITLE = "Trust across scales"
SPEED_LIMIT = 0.01  # of a planar flame's speed, by the network


class Run(NamedTuple):
    """A chain of cases/, whole or with its table [quick]."""

    file: str
    quick: bool


RUNS = {
    f"{fuel}{'-quick' * quick}": Run(f"chain_{fuel}.toml", quick)
    for fuel in ("h2", "ch4", "nh3")
    for quick in (True, False)
}
SMOKE = {"RUNS": {"h2-quick": RUNS["h2-quick"]}}


class Said(Reporter):
    """Progress of the chain in the study's own lines."""

    def __init__(self, report: Report) -> None:
        self.report = report

    def say(self, line: str) -> None:
        if line.startswith("--- "):
            self.report.progress(line)


def run(report: Report, only: Sequence[str] = ()) -> None:
    """Runs chains whose names begin like one of `only` (all if there is none), then writes the page of all kept."""
    kept: dict[str, Any] = report.kept()
    for name in chosen(RUNS, only):
        own = RUNS[name]
        made = chain(ROOT / "cases" / own.file, report.runs / name, quick=own.quick, reporter=Said(report))
        kept[name] = found_by(made)
        pictures(report, name, made)
        report.keep(kept, RUNS)
    page(report, {name: kept[name] for name in RUNS if name in kept})


def found_by(made: ChainReport) -> dict[str, Any]:
    """What the page says of a chain."""
    found = read_json(made.out / "report" / "report.json")
    stages = {
        one.stage.name: {"cpu": one.manifest.cpu_seconds, "size": one.stage.size, "starts": one.manifest.starts}
        for one in made.done
    }
    return {"title": found["title"], "rows": found["rows"], "stages": stages}


def pictures(report: Report, name: str, made: ChainReport) -> None:
    """The flames in turbulence, for the page."""
    source = made.out / "turbulent" / "flame.png"
    if source.is_file():
        report.pictures.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, report.pictures / f"chain_{name.replace('-', '_')}.png")


def page(report: Report, kept: dict[str, Any]) -> None:
    """The errors of each link, chain by chain."""
    report.text(
        "Each chain goes from a mechanism and published measurements by a smaller mechanism and a network to flows "
        "([how](../chain.md)). The same quantity stands on every level that has it, each compared with the one before: "
        "the detailed mechanism with the experiment, the reduced with the detailed one, the flow solver with exact "
        "chemistry with Cantera's flame of the same mechanism, the network with exact chemistry in the same reactor or "
        "flow. `python -m validation trust_across_scales --only NAME` repeats one; what each found is in "
        "trust_across_scales.json beside this page. Delays of hydrogen in 99 % argon by Chaumeix 2007 are half of "
        "those of every mechanism that was tried ([why](shock_tube_h2.md)): they are no measure of these links."
    )
    for name, one in kept.items():
        rows = [msgspec.convert(row, Row) for row in one["rows"]]
        report.parts.append(f"## {name}: {one['title']}")
        if RUNS.get(name, Run("", True)).quick:
            report.text(
                "A quick chain: few conditions, a network that is trained for seconds, coarse flows. It shows what the "
                "links are and that they hold together; its errors are no result."
            )
        links(report, rows)
        levels(report, rows)
        picture = f"chain_{name.replace('-', '_')}.png"
        if (report.pictures / picture).is_file():
            report.parts.append(f"![temperature and route of each cell](../pictures/{picture})")
        stages = ", ".join(f"{stage} {own['cpu']:.0f} s" for stage, own in one["stages"].items())
        again = [stage for stage, own in one["stages"].items() if own.get("starts", 1) > 1]
        last = f" Of {', '.join(again)}, which was killed and went on, the last start." if again else ""
        report.text(f"CPU time: {stages}; {sum(own['cpu'] for own in one['stages'].values()):.0f} s in all.{last}")
        targets(report, name, rows)


def links(report: Report, rows: Sequence[Row]) -> None:
    """How large errors are, by link and quantity."""
    lines = [
        (level, quantity, count, error(mean, unit, ""), error(most, unit, ""), where.condition)
        for level, quantity, unit, count, mean, most, where in worst(rows)
    ]
    report.table(("link ends at", "quantity", "conditions", "mean error", "largest", "where"), lines)


def levels(report: Report, rows: Sequence[Row]) -> None:
    """Speeds of flames on all levels, and what was held out of the reduction."""
    shown = [row for row in rows if row.quantity == "flame speed" and len(row.values) > 2 or row.seen == HELD_OUT]
    lines = [(row.quantity, row.condition, row.seen, *(str(cell(row, level)) for level in LEVELS)) for row in shown]
    report.table(("quantity", "condition", "seen by", *LEVELS), lines)


def targets(report: Report, name: str, rows: Sequence[Row]) -> None:
    """What a link was allowed, held against what it did where it had not been tuned."""
    held = [row for row in rows if row.seen == HELD_OUT and row.bar]
    over = [abs(row.errors.get("reduced", math.inf)) / row.bar for row in held if row.bar]
    if over:
        report.target(f"{name}: largest error over its tolerance, held-out conditions of the reduction", max(over), 1)
    speeds = [abs(row.errors[level]) for row in rows for level in ("learned", "flow")
              if row.quantity == "flame speed" and level in row.errors]  # fmt: skip
    report.target(f"{name}: flame speeds by the network, largest error", 100 * max(speeds), 100 * SPEED_LIMIT, " %")
