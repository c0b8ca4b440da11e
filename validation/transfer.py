"""What a network saves that begins with the weights of another mechanism or pressure: rows and minutes, by controls."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from combust.errors import DependencyError
from combust.report.charts import drawing
from validation import transfer_runs
from validation.report import Report
from validation.transfer_runs import (
    BOIVIN,
    DENSE,
    FLAME_STEPS,
    FULL,
    GRI,
    HYDROGEN,
    METHANE,
    ROLLS,
    STEPS,
    WIDTH,
    Arm,
    Found,
    Transfer,
)

TITLE = "Networks that begin with another mechanism or pressure"
SEEDS = (0, 1, 2)
NOTHING, PARENT = (500, 2000, 8000, 32_000), (500, 2000, 8000)  # rows
MIDDLE = 2000  # rows that controls are made at
CONTROLS = (("shuffled", MIDDLE, 1.0), ("moved", MIDDLE, 1.0), ("parent", 500, 0.25), ("parent", MIDDLE, 0.25),
            ("nothing", MIDDLE, 0.25), ("nothing", MIDDLE, 4.0))  # fmt: skip
TRANSFERS = (
    Transfer("h2-mechanism", "hydrogen, another mechanism", HYDROGEN, BOIVIN, 1.0, 6e-7),
    Transfer("h2-pressure", "hydrogen, 1 to 10 atm", HYDROGEN, DENSE, 1.0, 6e-8),
    Transfer("ch4-mechanism", "methane, another mechanism", METHANE, GRI, 1.0, 3e-6),
)
TARGETS = {"h2-mechanism": (4.0, 3.0), "h2-pressure": (2.0, 2.0)}  # times fewer rows, and CPU, at equal flame error
MEASURES: dict[str, Callable[[Found], float]] = {
    "one step": lambda found: found["step"], "rollout": lambda found: found["rollout"],
    "flame": lambda found: found["network"]["T"],
}  # fmt: skip
STARTS = {"nothing": "nothing", "parent": "parent", "shuffled": "parent of shuffled end states",
          "moved": "parent of moved labels"}  # fmt: skip
COLOURS = {"nothing": "0.4", "parent": "#1f77b4", "shuffled": "#d62728", "moved": "#ff7f0e"}
SMOKE: dict[str, Any] = {
    "SEEDS": (0,), "NOTHING": (128,), "PARENT": (128,), "MIDDLE": 128, "CONTROLS": (("shuffled", 128, 1.0),),
    "TRANSFERS": TRANSFERS[:1],
}  # fmt: skip


def kinds() -> dict[str, ModuleType]:
    """What is made small for a smoke run, too."""
    return {"runs": transfer_runs}


def arms() -> list[Arm]:
    """All trainings, transfer after transfer and seed after seed."""
    wanted = [("nothing", rows, 1.0) for rows in NOTHING] + [("parent", rows, 1.0) for rows in PARENT]
    return [Arm(of, seed, *arm) for of in TRANSFERS for seed in SEEDS for arm in (*wanted, *CONTROLS)]


def run(report: Report, only: Sequence[str]) -> None:
    """Makes the trainings that are not kept yet, and those that are named; then the page of what there is."""
    every = {arm.name: arm for arm in arms()}
    page(report, report.resumed(every, only, lambda name: every[name].perform(report.runs), told))


def told(found: Found) -> str:
    """Of a training, on the terminal."""
    return f"{found['cpu']:.1f} s, rollout {found['rollout']:.2f} K, flame {found['network']['T']:.2f} K"


def page(report: Report, kept: dict[str, Found]) -> None:
    """Tables, picture and verdicts of what there is."""
    report.text(
        f"`combust train my.toml --init MODEL` carries a network to another mechanism or range by the names of species "
        f"([learned.md](../learned.md)). What that saves, for networks of 3 layers of {WIDTH}: each is trained on so "
        f"many rows from nothing or from a parent of {FULL} rows, for as many steps either way ({STEPS} of 128 rows "
        f"with 2000 rows, {STEPS // 2} with 500, {4 * STEPS} with 32 000), a quarter as many rows for validation. Rows "
        "are of all trajectories: it is their number that is cut, not that of flames and ignitions."
    )
    report.text(
        "*One step*: mean |dT| of single steps of the network alone, rows of held-out trajectories that are not slow. "
        f"*Rollout*: mean |dT| of {ROLLS} steps in a row from such states, up to 300 K each. *Flame*: mean |dT| of the "
        f"cells of a planar flame after {FLAME_STEPS} steps by the network alone, against exact chemistry in the same "
        "solver; 300 K where it was lost. *Speed*: of the same flame with the router, as a user has it. Medians of "
        "seeds (least to largest). CPU: of the training alone, one thread of a shared machine. transfer.json beside "
        "this page has every run; `python -m validation transfer` makes those that are missing."
    )
    for of in TRANSFERS:
        if any(name.startswith(of.name) for name in kept):
            section(report, of, kept)
    if missing := [arm.name for arm in arms() if arm.name not in kept]:
        report.text(f"**Not run yet**: {len(missing)} of {len(arms())} trainings.")
    draw(report, kept)


def section(report: Report, of: Transfer, kept: dict[str, Found]) -> None:
    """One transfer."""
    report.text(f"## {of.title.capitalize()}")
    report.text(f"From {of.source.title}, to {of.target.title}.")
    rows = []
    wanted = [("nothing", n, 1.0) for n in NOTHING] + [("parent", n, 1.0) for n in PARENT] + list(CONTROLS)
    for arm in wanted:
        runs = of_seeds(of, arm, kept)
        if runs:
            rows.append([words(arm), arm[1], len(runs), *(
                spread([measure(run) for run in runs]) for measure in MEASURES.values()
            ), speeds(runs), spread([run["cpu"] for run in runs])])  # fmt: skip
    errors = [f"{name} [K]" for name in MEASURES]
    report.table(["from", "rows", "seeds", *errors, "speed with the router, worst", "CPU [s]"], rows)
    table = []
    for name in MEASURES:
        for arm in [("parent", n, 1.0) for n in PARENT] + [c for c in CONTROLS if c[0] != "nothing"]:
            found = [saved(of, seed, arm, name, kept) for seed in SEEDS]
            pairs = [pair for pair in found if pair is not None]
            if pairs:
                table.append([name, words(arm), arm[1], *(times([pair[k] for pair in pairs]) for k in (0, 1))])
    report.text(
        "How many times as many rows, and as much CPU, a training from nothing takes to the same error, by its own "
        "curve between the numbers of rows: at most the largest training from nothing, at least the smallest, where "
        "the error lies beyond them. CPU from nothing is that of any of its schedules. Controls: the parent of moved "
        "labels saw states with the changes of other rows, so that the best it could say is a constant, whatever the "
        "state: what it saves is no chemistry. The parent of shuffled end states saw those of other rows. That is no "
        "empty lesson: the change from a state to any other is the mean state less this one, so it learned to read "
        "its input, to say minus that, and how a change goes with dt."
    )
    report.table(["measure", "from", "rows", "times fewer rows", "times less CPU"], table)
    controls(report, of, kept)
    judge(report, of, kept)


def controls(report: Report, of: Transfer, kept: dict[str, Found]) -> None:
    """Errors from nothing over those from each parent, seed by seed."""
    table = []
    for name, measure in MEASURES.items():
        row = [name]
        for start in ("parent", "shuffled", "moved"):
            names = [[Arm(of, seed, each, MIDDLE).name for each in ("nothing", start)] for seed in SEEDS]
            ratios = [measure(kept[a]) / max(measure(kept[b]), 1e-12) for a, b in names if a in kept and b in kept]
            row.append(times(ratios) if ratios else "")
        table.append(row)
    report.text(f"Error from nothing over that from a parent, {MIDDLE} rows, of the same seed:")
    report.table(["error of", *(STARTS[start] for start in ("parent", "shuffled", "moved"))], table)


def judge(report: Report, of: Transfer, kept: dict[str, Found]) -> None:
    """Against the targets: the arm of the parent that saves most, for the flame, by the median of all seeds."""
    if of.name not in TARGETS:
        return
    for k, what in enumerate(("fewer rows", "less CPU")):
        best = 0.0
        for arm in [("parent", n, x) for n in PARENT for x in (1.0, 0.25)]:
            pairs = [pair for seed in SEEDS if (pair := saved(of, seed, arm, "flame", kept)) is not None]
            if len(pairs) == len(SEEDS):
                best = max(best, float(np.median([pair[k] for pair in pairs])))
        report.target(f"{of.title}: times {what} at equal flame error", best, TARGETS[of.name][k], at_least=True)


def of_seeds(of: Transfer, arm: tuple[str, int, float], kept: dict[str, Found]) -> list[Found]:
    """What its runs gave, of the seeds that are there."""
    names = [Arm(of, seed, *arm).name for seed in SEEDS]
    return [kept[name] for name in names if name in kept]


def saved(
    of: Transfer, seed: int, arm: tuple[str, int, float], measure: str, kept: dict[str, Found]
) -> tuple[float, float] | None:
    """Rows and CPU from nothing over those of an arm, at its error; None where runs are missing. CPU from nothing is
    that of any schedule, shorter and longer ones included.
    """
    others = [(n, x) for start, n, x in CONTROLS if start == "nothing"]
    names = [Arm(of, seed, "nothing", n, x).name for n, x in (*((n, 1.0) for n in NOTHING), *others)]
    own = kept.get(Arm(of, seed, *arm).name)
    if own is None or any(name not in kept for name in names):
        return None
    error, cpu = ([value(kept[name]) for name in names] for value in (MEASURES[measure], lambda run: run["cpu"]))
    at, whole = MEASURES[measure](own), len(NOTHING)
    rows = reach(error[:whole], [float(n) for n in NOTHING], at)
    order = np.argsort(cpu)
    least = reach([error[k] for k in order], [cpu[k] for k in order], at)
    return rows / arm[1], least / own["cpu"]


def reach(error: Sequence[float], effort: Sequence[float], at: float) -> float:
    """The least effort with an error `at`, between logarithms; the largest where none reaches it, the least where all
    do.
    """
    best = np.minimum.accumulate(error)  # a larger training that is worse is not taken
    if at >= best[0]:
        return effort[0]
    if at < best[-1]:
        return effort[-1]
    k = int(np.argmax(best <= at))
    low, high = math.log(best[k - 1]), math.log(best[k])
    share = (low - math.log(max(at, 1e-12))) / (low - high)
    return math.exp(math.log(effort[k - 1]) + share * (math.log(effort[k]) - math.log(effort[k - 1])))


def words(arm: tuple[str, int, float]) -> str:
    """What it begins with."""
    return STARTS[arm[0]] if arm[2] == 1.0 else f"{STARTS[arm[0]]}, {arm[2]:g} times the steps"


def spread(values: Sequence[float]) -> str:
    """Median, least and largest."""
    low, high = min(values), max(values)
    return f"{np.median(values):.2f}" + (f" ({low:.2f} to {high:.2f})" if len(values) > 1 else "")


def times(values: Sequence[float]) -> str:
    """The same of ratios."""
    return f"{np.median(values):.2g}" + (f" ({min(values):.2g} to {max(values):.2g})" if len(values) > 1 else "")


def speeds(runs: Sequence[Found]) -> str:
    """Worst error of the flame speed with the router, and exact cells."""
    own = [run["router"] for run in runs if "router" in run]
    if not own:
        return ""
    exact = max(run["routes"].get("exact", 0.0) for run in own)
    return f"{100 * max(run['speed'] for run in own):.2f} %, {100 * exact:.1f} % exact"


def draw(report: Report, kept: dict[str, Found]) -> None:
    """Errors over rows."""
    path = report.pictures / "transfer.png"
    there = [of for of in TRANSFERS if any(name.startswith(of.name) for name in kept)]
    if not there:
        return
    try:
        report.pictures.mkdir(parents=True, exist_ok=True)
        curves(path, there, kept)
    except DependencyError:
        return
    report.text("![errors against rows](../pictures/transfer.png)")


def curves(path: Path, transfers: Sequence[Transfer], kept: dict[str, Found]) -> None:
    """A panel for each transfer and measure."""
    with drawing(path, (3.2 * len(transfers), 2.5 * len(MEASURES))) as figure:
        axes = figure.subplots(len(MEASURES), len(transfers), squeeze=False)
        for column, of in enumerate(transfers):
            for line, (name, measure) in enumerate(MEASURES.items()):
                ax = axes[line][column]
                ladder = {"nothing": NOTHING, "parent": PARENT, "shuffled": (MIDDLE,), "moved": (MIDDLE,)}
                for start, rows in ladder.items():
                    points = [(n, [measure(run) for run in of_seeds(of, (start, n, 1.0), kept)]) for n in rows]
                    points = [(n, values) for n, values in points if values]
                    if not points:
                        continue
                    x, middle = [n for n, _ in points], [float(np.median(v)) for _, v in points]
                    ends = np.array([[m - min(v), max(v) - m] for m, (_, v) in zip(middle, points, strict=True)]).T
                    ax.errorbar(
                        x, middle, ends, color=COLOURS[start], marker="o", ms=3, lw=1, label=words((start, 0, 1.0))
                    )
                ax.set(xscale="log", yscale="log", xlabel="rows", ylabel=f"{name}: mean |dT| [K]")
                if line == 0:
                    ax.set_title(of.title)
        handles = axes[0][0].get_legend_handles_labels()
        figure.legend(*handles, loc="outside lower center", ncols=len(handles[1]), frameon=False, fontsize=7)
