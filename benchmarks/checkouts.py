"""What this checkout costs beside earlier ones: the same benchmark in each of them, in turn.

    git worktree add /tmp/0.2.0 d492483
    python benchmarks/checkouts.py /tmp/0.2.0                                 # benchmarks/flow.py
    python benchmarks/checkouts.py /tmp/0.2.0 --benchmark kinetics --with "--rounds 5"

Each checkout is a process of its own, with its own benchmark and its own compiled kernels, which stays until the end;
after a run of each that is not counted they take turns. A figure is what combust costs there over what it costs here,
by CPU time; folders give the names.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from pairs import Sheet, done, parsed, parser

HERE = Path(__file__).resolve().parents[1]
SMOKE = f"{HERE} --rounds 2 --benchmark tolerances --with=--smoke"
WORKER = """
import importlib, json, sys
benchmark = importlib.import_module(sys.argv[1])
for line in sys.stdin:
    print("figures", json.dumps(benchmark.main(json.loads(line)).figures), flush=True)
"""
WALL = "wall"  # in labels of what the load of the machine rules


class Checkout:
    """A process of the benchmark in a folder; ends with the block that it is opened in."""

    def __init__(self, folder: Path, benchmark: str):
        """Raises SystemExit where there is no such benchmark."""
        if not (folder / "benchmarks" / f"{benchmark}.py").is_file():
            raise SystemExit(f"{folder} has no benchmarks/{benchmark}.py: name a checkout of combust")
        self.folder = folder
        path = os.pathsep.join([str(folder), str(folder / "benchmarks")])
        command, variables = [sys.executable, "-c", WORKER, benchmark], {**os.environ, "PYTHONPATH": path}
        self._process = subprocess.Popen(
            command, cwd=folder, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Checkout:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def costs(self, words: list[str]) -> dict[str, tuple[float, str]]:
        """What combust costs in a run with these arguments, and its unit, by label. Raises RuntimeError if it fails."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith("figures "):
                return costs(json.loads(line.removeprefix("figures ")))
        raise RuntimeError(f"the benchmark in {self.folder} has ended: exit {self._process.wait()}")


def costs(figures: dict[str, dict[str, Any]]) -> dict[str, tuple[float, str]]:
    """Costs of a sheet; of one that has ratios alone the second terms, combust's."""
    own = {label: (f["value"]["median"], f["unit"]) for label, f in figures.items() if "value" in f}
    found = own or {label: (f["second"], f["unit"]) for label, f in figures.items()}
    return {label: cost for label, cost in found.items() if WALL not in label}


def arguments() -> argparse.ArgumentParser:
    """Of the command line."""
    made = parser(__doc__)
    made.add_argument("before", nargs="*", type=Path, help="folders of other checkouts")
    made.add_argument("--benchmark", default="flow", help="its name; default: %(default)s")
    made.add_argument("--with", dest="words", default="", help="its arguments, in one text")
    made.add_argument("--rounds", type=int, default=5, help="runs of each that count")
    return made


def main(argv: list[str] | None = None) -> Sheet:
    """All in turn, and the ratios."""
    options = parsed(arguments(), SMOKE, argv)
    if not options.before:
        raise SystemExit("name the folders of other checkouts: git worktree add FOLDER COMMIT makes one")
    sheet, words = Sheet("checkouts"), options.words.split()
    found: dict[str, list[dict[str, tuple[float, str]]]] = {}
    with contextlib.ExitStack() as stack:
        every = {folder.resolve().name: folder.resolve() for folder in options.before} | {"now": HERE}
        order = [(name, stack.enter_context(Checkout(at, options.benchmark))) for name, at in every.items()]
        for turn in range(1 + options.rounds):
            for name, checkout in order:
                taken = checkout.costs(words)
                if turn:
                    found.setdefault(name, []).append(taken)
            order.reverse()
    now = found.pop("now")
    for name, turns in found.items():
        for label in (label for label in now[0] if label in turns[0]):
            before, after = (np.array([turn[label][0] for turn in one]) for one in (turns, now))
            sheet.ratio(f"{options.benchmark}, {label}: {name} / now", before, after, now[0][label][1])
    return done(sheet, options)


if __name__ == "__main__":
    main()
