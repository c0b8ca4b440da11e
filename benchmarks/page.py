"""Makes the tables of docs/performance.md of the figures that benchmarks left in docs/performance.

    python benchmarks/page.py            # after `python benchmarks/NAME.py --keep`, on this processor or another

Between `<!-- figures: NAME -->` and `<!-- end -->` stands a table of all figures of benchmarks/NAME.py, a column for
each processor that has any; `<!-- figures: NAME, BEGINNING -->` takes those only whose labels begin so.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from pairs import FOLDER, shown

PAGE = FOLDER.parent / "performance.md"
PLACE = re.compile(r"(<!-- figures: (\w+)(?:, ([^>]*?))? -->\n).*?(<!-- end -->)", re.DOTALL)


def table(name: str, beginning: str, folder: Path = FOLDER) -> str:
    """Figures by processor; those without any of these labels have no column."""
    machines = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob(f"{name}.*.json"))]
    columns = {machine["processor"]: chosen for machine in machines
               if (chosen := {k: v for k, v in machine["figures"].items() if k.startswith(beginning)})}  # fmt: skip
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
    return shown(figure) + (" **missed**" if target and figure["ratio"]["median"] < target else "")


def filled(text: str, folder: Path = FOLDER) -> str:
    """The page with its tables made anew."""
    return PLACE.sub(lambda m: m[1] + table(m[2], (m[3] or "").strip(), folder) + m[4], text)


def main() -> None:
    """Rewrites docs/performance.md."""
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
