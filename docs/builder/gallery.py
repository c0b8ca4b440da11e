"""The gallery: every case of cases/ with its first words, its picture and its run time; `make gallery` makes the two.

python docs/builder/gallery.py [NAME...]    runs all cases or those named, and keeps pictures and times
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TIMES = ROOT / "docs" / "gallery.json"
PICTURES = ROOT / "docs" / "pictures"
INTRODUCTION = """# Gallery

The cases that come with combust, each with the picture that `combust plot` draws of its end.
`combust check cases/NAME.toml` says what a run will do, `combust run cases/NAME.toml` runs it. Times are CPU time
of a first run on one core of the processor named, compiling the kernels and solving the flame it starts from
included (`make gallery` measures them anew); the next run of the same case finds both on disk.
"""


def page(root: Path) -> str:
    """Markdown of all cases, in the order of their names; what has no picture or time yet is listed without."""
    times = json.loads(TIMES.read_text(encoding="utf-8")) if TIMES.is_file() else {}
    lines = [INTRODUCTION]
    chains = sorted((root / "cases").glob("chain_*.toml"))
    for path in sorted({*(root / "cases").glob("*.toml")} - {*chains}):
        lines += section(path, times.get(path.stem), PICTURES / f"{path.stem}.png")
    lines += [
        "## Chains",
        "",
        "Files for `combust chain` ([how](../chain.md)).",
        "",
        "| file | what it is |",
        "|---|---|",
    ]
    lines += [f"| [{path.name}](../../cases/{path.name}) | {words(path)} |" for path in chains] + [""]
    lines += ["## Reductions", "", "Files for `combust reduce` ([how](../reduction.md), "
              "[what came out](../validation/reduction.md)).", "", "| file | what it is |", "|---|---|"]  # fmt: skip
    for path in sorted((root / "cases" / "reduction").glob("*.toml")):
        lines.append(f"| [{path.name}](../../cases/reduction/{path.name}) | {words(path)} |")
    return "\n".join(lines) + "\n"


def section(path: Path, time: dict[str, Any] | None, picture: Path) -> list[str]:
    """Title, first comment, picture, time."""
    title = tomllib.loads(path.read_text(encoding="utf-8")).get("title", path.stem)
    lines = [f"## {title}", "", words(path), "", f"[{path.name}](../../cases/{path.name})"]
    if time:
        lines[-1] += (f": {time['cells']} cells, {time['steps']} steps, {time['cpu_seconds']:.0f} s "
                      f"of CPU time, {time['processor']}")  # fmt: skip
    lines += ["", f"![{title}](../pictures/{picture.name})"] if picture.is_file() else []
    return [*lines, ""]


def words(path: Path) -> str:
    """The comment that a file begins with, as one paragraph."""
    found = re.match(r"(?:#.*\n)+", path.read_text(encoding="utf-8"))
    return " ".join(line.lstrip("# ") for line in found[0].splitlines()) if found else ""


def measured(path: Path) -> dict[str, Any]:
    """Runs a case in a folder and with caches of its own, keeps its picture, and says what it took."""
    from combust import processor

    with tempfile.TemporaryDirectory() as folder:
        caches = {"COMBUST_CACHE": f"{folder}/cache", "TORCHINDUCTOR_CACHE_DIR": f"{folder}/kernels"}
        before = spent()
        subprocess.run([sys.executable, "-m", "combust", "run", str(path), "--out", f"{folder}/run"], check=True,
                       stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1", **caches})  # fmt: skip
        seconds = spent() - before
        summary = json.loads(Path(folder, "run", "summary.json").read_text(encoding="utf-8"))
        shutil.copy(Path(folder, "run", "flame.png"), PICTURES / f"{path.stem}.png")
    return {"cells": summary["cells"], "steps": summary["step"], "cpu_seconds": round(seconds, 1),
            "processor": processor.name()}  # fmt: skip


def spent() -> float:
    """CPU time of all children so far, s."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main(names: list[str]) -> None:
    for path in sorted({*(ROOT / "cases").glob("*.toml")} - {*(ROOT / "cases").glob("chain_*.toml")}):
        if names and path.stem not in names:
            continue
        print(path.stem, flush=True)
        result = measured(path)
        times = json.loads(TIMES.read_text(encoding="utf-8")) if TIMES.is_file() else {}
        TIMES.write_text(json.dumps({**times, path.stem: result}, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
