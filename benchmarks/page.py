"""Makes the tables of docs/performance.md of the figures that benchmarks left in docs/performance.

    python benchmarks/page.py            # after `python benchmarks/NAME.py --keep`, on this processor or another

Between `<!-- figures: NAME -->` and `<!-- end -->` stands a table of all figures of benchmarks/NAME.py, a column for
each processor that has any; `<!-- figures: NAME, BEGINNING -->` takes those only whose labels begin so, and
`<!-- figures: NAME, ! BEGINNING -->` all others. `<!-- phases: NAME -->`, and with a beginning: what costs consist of,
a row each.
`<!-- growth -->`: the cost over cells and species, as a picture, docs/performance/growth.png, and a table.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from pairs import FOLDER, shown

from combust.report.charts import drawing

PAGE = FOLDER.parent / "performance.md"
PICTURE = "growth.png"
GROWTH = re.compile(r"(<!-- growth -->\n).*?(<!-- end -->)", re.DOTALL)
PHASES = re.compile(r"(<!-- phases: (\w+)(?:, ([^>]*?))? -->\n).*?(<!-- end -->)", re.DOTALL)
PLACE = re.compile(r"(<!-- figures: (\w+)(?:, ([^>]*?))? -->\n).*?(<!-- end -->)", re.DOTALL)


def table(name: str, beginning: str, folder: Path = FOLDER) -> str:
    """Figures by processor; those without any of these labels have no column."""
    machines = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob(f"{name}.*.json"))]
    others = beginning.startswith("!")
    begins = beginning.lstrip("! ")
    columns = {}
    for machine in machines:
        if chosen := {k: v for k, v in machine["figures"].items() if k.startswith(begins) != others}:
            columns[machine["processor"]] = chosen
    labels = list(dict.fromkeys(label for figures in columns.values() for label in figures))
    lines = [["", "target", *columns], ["---"] * (len(columns) + 2)]
    for label in labels:
        found = [figures.get(label) for figures in columns.values()]
        target = next((f"{f['target']:g}" for f in found if f is not None and f.get("target")), "")
        lines.append([f"{label} [{next(f['unit'] for f in found if f)}]", target, *map(cell, found)])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def cell(figure: dict[str, Any] | None) -> str:
    """A figure, what was said of it elsewhere (`text`), or nothing; a missed target is said."""
    if figure is None:
        return ""
    if "text" in figure:
        return str(figure["text"])
    target = figure.get("target")
    missed = target and (
        figure["ratio"]["median"] < target if "ratio" in figure else figure["value"]["median"] > target
    )
    return shown(figure) + (" **missed**" if missed else "")


def phases(name: str, beginning: str = "", folder: Path = FOLDER) -> str:
    """What costs consist of, a row for each of every processor that has any; labels without their beginning."""
    machines = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob(f"{name}.*.json"))]
    rows = [(label.removeprefix(beginning).strip(), machine["processor"], part["phases"]) for machine in machines
            for label, part in machine.get("phases", {}).items() if label.startswith(beginning)]  # fmt: skip
    if not rows:
        return ""
    names = list(dict.fromkeys(n for _, _, found in rows for n in found))
    lines = [["", "processor", *names], ["---"] * (len(names) + 2)]
    lines += [[label, where, *(number(found.get(n)) for n in names)] for label, where, found in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def number(x: float | None) -> str:
    """As it stands in such a row; counts are whole."""
    if x is None:
        return ""
    if x >= 100 or (x >= 10 and x % 1 == 0):
        return f"{x:.0f}"
    return f"{x:.3g}" if 0.0 < x < 0.095 else f"{x:.2f}"


GROWN = re.compile(r"^growth, (.*), (\d+) (cells|species): CPU$")


def grown(folder: Path = FOLDER) -> dict[str, dict[str, list[tuple[int, float, float, float]]]]:
    """{"cells" or "species": {line: [(how many, median, quartiles)]}} of all processors."""
    found: dict[str, dict[str, list[tuple[int, float, float, float]]]] = {"cells": {}, "species": {}}
    for path in sorted(folder.glob("flow.*.json")):
        for label, figure in json.loads(path.read_text(encoding="utf-8"))["figures"].items():
            if place := GROWN.match(label):
                value = figure["value"]
                line = found[place[3]].setdefault(place[1], [])
                line.append((int(place[2]), value["median"], value["low"], value["high"]))
    return {over: {name: sorted(line) for name, line in lines.items()} for over, lines in found.items()}


def draw(to: Path, folder: Path = FOLDER) -> None:
    """The cost per cell and step over cells, and over species."""
    lines = grown(folder)
    with drawing(to, (8.0, 3.4)) as figure:
        for axes, (over, some) in zip(figure.subplots(1, 2), lines.items(), strict=True):
            for name, points in some.items():
                count, median, low, high = np.array(points).T
                axes.errorbar(count, median, (median - low, high - median), marker="o", ms=3.5, capsize=2, label=name)
            axes.set_xlabel(over)
            axes.set_ylabel("us per cell and step, one core" if over == "cells" else "")
            axes.set_xscale("log" if over == "cells" else "linear")
            axes.set_ylim(bottom=0.0)
            if some:
                axes.legend(frameon=False, fontsize=7)


def filled(text: str, folder: Path = FOLDER) -> str:
    """The page with its tables made anew."""
    text = PLACE.sub(lambda m: m[1] + table(m[2], (m[3] or "").strip(), folder) + m[4], text)
    text = PHASES.sub(lambda m: m[1] + phases(m[2], (m[3] or "").strip(), folder) + m[4], text)
    picture = (
        f"![Growth](performance/{PICTURE})\n\n" + table("flow", "growth", folder) if any(grown(folder).values()) else ""
    )
    return GROWTH.sub(lambda m: m[1] + picture + m[2], text)


def main() -> None:
    """Rewrites docs/performance.md, and draws the growth where it has been measured."""
    if any(grown().values()):
        draw(FOLDER / PICTURE)
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
