"""Contenders timed in turn, and the figures that come of it: medians with quartiles, ratios of pairs, the processor.

A figure is never one run: in every round each contender has its turn, a ratio is taken of the two turns of a round, and
what is told is the median over the rounds with its quartiles, so that a machine that is fast for a minute or shared
with others distorts both alike. `--keep` leaves the figures in docs/performance, beside those of other processors;
`python benchmarks/page.py` makes the tables of docs/performance.md of them.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cantera as ct
import numpy as np
import torch

from combust.processor import fields
from combust.processor import name as processor_name

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "performance"


class Spread(NamedTuple):
    """Median, quartiles, and of how many rounds."""

    median: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, values: np.ndarray) -> Spread:
        low, median, high = np.quantile(values, (0.25, 0.5, 0.75))
        return cls(float(median), float(low), float(high), len(values))


def in_turn(
    calls: Mapping[str, Callable[[], Any]],
    rounds: int,
    clock: Callable[[], float] | None = time.thread_time,
    least: float = 0.0,
) -> dict[str, np.ndarray]:
    """Seconds of each call in each round, {name: (rounds,)}, after one call of each that is not counted (it compiles).

    The order is reversed from round to round. Calls shorter than `least` [s] are repeated in their turn and averaged
    (not for collective calls: the count is each process's own). Without a clock a call returns its own seconds.
    """
    repeats = dict.fromkeys(calls, 1)
    for name, call in calls.items():
        call()
        if clock is not None and least:
            start = clock()
            call()
            repeats[name] = max(1, math.ceil(least / max(clock() - start, 1e-7)))
    found: dict[str, list[float]] = {name: [] for name in calls}
    order = list(calls)
    for _ in range(rounds):
        for name in order:
            start = clock() if clock is not None else 0.0
            for _ in range(repeats[name]):
                own = calls[name]()
            found[name].append((clock() - start) / repeats[name] if clock is not None else float(own))
        order.reverse()
    return {name: np.array(seconds) for name, seconds in found.items()}


def processor() -> dict[str, str]:
    """Name of the processor, what torch uses of it, threads, and versions."""
    known, name = dict(fields()), processor_name()
    if "cpu family" in known:
        name += f", family {known['cpu family']}, model {known['model']}"
    return {"processor": f"{name}, {torch.backends.cpu.get_cpu_capability()}", "threads": str(torch.get_num_threads()),
            "torch": torch.__version__, "cantera": ct.__version__}  # fmt: skip


class Sheet:
    """Figures of one benchmark on one processor, printed as they come."""

    def __init__(self, name: str, quiet: bool = False):
        self.name, self.quiet, self.machine = name, quiet, processor()
        self.figures: dict[str, dict[str, Any]] = {}
        self.parts: dict[str, dict[str, Any]] = {}
        m = self.machine
        self.say(f"{m['processor']}; {m['threads']} thread(s); torch {m['torch']}, Cantera {m['cantera']}")

    def say(self, line: str) -> None:
        """A line on the terminal, of the root."""
        if not self.quiet:
            print(line, flush=True)

    def cost(self, label: str, values: np.ndarray, unit: str, target: float | None = None) -> Spread:
        """A cost over rounds; `target`: what it should not exceed."""
        found = Spread.of(values)
        self.figures[label] = {"unit": unit, "value": found._asdict()}
        if target is not None:
            self.figures[label]["target"] = target
            verdict = "met" if found.median <= target else "missed"
            self.say(f"  {label}: {shown(self.figures[label])} {unit}; at most {target:g}: {verdict}")
        return found

    def phases(self, label: str, medians: Mapping[str, float], unit: str) -> None:
        """What a cost consists of."""
        self.parts[label] = {"unit": unit, "phases": dict(medians)}

    def ratio(
        self, label: str, first: np.ndarray, second: np.ndarray, unit: str, target: float | None = None
    ) -> Spread:
        """How many times as dear as the second the first is, pair by pair; `target`: what it should reach."""
        found = Spread.of(first / second)
        self.figures[label] = {
            "unit": unit, "first": float(np.median(first)), "second": float(np.median(second)),
            "ratio": found._asdict(), "target": target,
        }  # fmt: skip
        verdict = "" if target is None else f"; target {target:g}: {'met' if found.median >= target else 'missed'}"
        self.say(f"  {label}: {shown(self.figures[label])} {unit}{verdict}")
        return found

    def keep(self, folder: Path = FOLDER) -> Path:
        """Puts the figures among those that were kept of this processor; returns the file."""
        slug = re.sub(r"[^a-z0-9]+", "-", self.machine["processor"].lower()).strip("-")
        path = folder / f"{self.name}.{slug}.json"
        folder.mkdir(parents=True, exist_ok=True)
        before = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"figures": {}}
        whole = {**self.machine, "figures": before["figures"] | self.figures}
        if parts := before.get("phases", {}) | self.parts:
            whole["phases"] = parts
        path.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
        return path


def shown(figure: dict[str, Any]) -> str:
    """A figure as it stands in a table: 12.1 / 3.3 = 3.7 (3.6 to 3.8, 25 pairs)."""

    def digits(x: float) -> str:
        return f"{x:.3g}" if abs(x) < 1000 else f"{x:.0f}"

    if "value" in figure:
        value = figure["value"]
        return f"{digits(value['median'])} ({digits(value['low'])} to {digits(value['high'])}, {value['count']} rounds)"
    r = figure["ratio"]
    terms = f"{digits(figure['first'])} / {digits(figure['second'])} = "
    return f"{terms}{digits(r['median'])} ({digits(r['low'])} to {digits(r['high'])}, {r['count']} pairs)"


def parser(doc: str | None) -> argparse.ArgumentParser:
    """Of a script's description, with what all have."""
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--smoke", action="store_true", help="tiny sizes, in seconds: only shows that it runs")
    made.add_argument("--keep", action="store_true", help="leave the figures in docs/performance for this processor")
    return made


def parsed(of: argparse.ArgumentParser, smoke: str, argv: list[str] | None) -> argparse.Namespace:
    """The options; with --smoke those of its tiny sizes in the place of all others."""
    options = of.parse_args(argv)
    return of.parse_args(["--smoke", *smoke.split()]) if options.smoke else options


def done(sheet: Sheet, options: argparse.Namespace) -> Sheet:
    """The end of a benchmark: keeps its figures where that is asked for."""
    if options.keep and not options.smoke and not sheet.quiet:
        sheet.say(f"kept in {sheet.keep()}: python benchmarks/page.py puts them into docs/performance.md")
    return sheet
