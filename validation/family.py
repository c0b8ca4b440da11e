"""One network over hydrogen, syngas and methane, carried to ammonia and hydrogen: what that saves, by controls."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from combust.errors import DependencyError
from combust.report.charts import drawing
from validation import family_runs, transfer_runs
from validation.family_runs import FAMILY, OF, PARENT_STEPS, STEPS, TAUGHT, Arm
from validation.report import Report
from validation.transfer import reach, speeds, spread, times
from validation.transfer_runs import BATCH, FLAME_STEPS, ROLLS, WIDTH, Found

TITLE = "A network pretrained on a family of fuels"
SEEDS = (0, 1, 2)
SHARES, ALL = (0.03, 0.1, 0.3), 1.0  # of the rows of the new fuel
MIDDLE = 0.1  # the share that controls are made at
CONTROLS = (("moved", MIDDLE, 1.0), ("hydrogen", MIDDLE, 1.0), ("family", MIDDLE, 0.25), ("nothing", MIDDLE, 4.0))
MEASURES: dict[str, tuple[str, Callable[[Found], float]]] = {  # less is better
    "step": ("one step [K]", lambda found: found["step"]),
    "species": ("one step [% of peaks]", lambda found: 100 * found["species"]),
    "rollout": ("rollout [K]", lambda found: found["rollout"]),
}  # fmt: skip
WANTED = 2.0  # times fewer rows, from which pretraining is said to pay
LEFT = 0.5  # of the gain, that a parent of moved labels may have at the most, if a measure is to tell chemistry
COLOURS = {"nothing": "0.4", "family": "#1f77b4", "moved": "#d62728", "hydrogen": "#2ca02c"}
SMOKE: dict[str, Any] = {
    "SEEDS": (0,), "SHARES": (0.5,), "MIDDLE": 0.5, "CONTROLS": (("moved", 0.5, 1.0),),
}  # fmt: skip


def kinds() -> dict[str, ModuleType]:
    """What is made small for a smoke run, too."""
    return {"runs": transfer_runs, "own": family_runs}


def wanted() -> list[tuple[str, float, float]]:
    """Start, share and length of all trainings of a seed."""
    both = [(start, share, 1.0) for share in SHARES for start in ("nothing", "family")]
    return [*both, ("nothing", ALL, 1.0), *CONTROLS]


def arms() -> list[Arm]:
    """All trainings, seed after seed."""
    return [Arm(seed, *arm) for seed in SEEDS for arm in wanted()]


def run(report: Report, only: Sequence[str]) -> None:
    """Makes the trainings that are not kept yet, and those that are named; then the page of what there is."""
    every = {arm.name: arm for arm in arms()}
    page(report, report.resumed(every, only, lambda name: every[name].perform(report.runs), told))


def told(found: Found) -> str:
    """Of a training, on the terminal."""
    return f"{found['cpu']:.1f} s, " + ", ".join(f"{what} {value(found):.3g}" for what, value in MEASURES.values())


def page(report: Report, kept: dict[str, Found]) -> None:
    """Tables, picture and verdicts of what there is."""
    report.text(
        "`combust train ch4.toml --also h2.h5 --also syngas.h5` teaches one network several fuels of a mechanism, and "
        f"`combust train nh3.toml --init MODEL` carries it to another one ([learned.md](../learned.md)). Here: "
        f"{', '.join(fuel.title for fuel in FAMILY)} in air, 0.5 to 20 atm, fresh gas of 300 to 500 K, from "
        "methane_cfd.yaml (28 species; nine of them are among the 28 of the new mechanism; gri30.yaml has nine more, "
        "of nitrogen, which are traces in such flames, and is dearer to sample); "
        f"{TAUGHT} rows of each fuel, {PARENT_STEPS} steps of {BATCH} rows, 3 layers of {WIDTH}. From there, and from "
        f"nothing, to ammonia and hydrogen, half and half in air (cases/nh3_h2.yaml, 0.7 to 4 atm, phi 0.6 to 1.5), on "
        f"3, 10 and 30 % of {TAUGHT} rows, {STEPS} steps either way, a quarter as many rows for validation. "
        "Rows are of all trajectories: it is their number that is cut, not that of flames and ignitions."
    )
    report.text(
        "Errors of the network alone: *one step*, mean |dT| and mean worst species in shares of its peak, of rows of "
        f"held-out trajectories that are not slow; *rollout*, mean |dT| of {ROLLS} steps in a row from such states; "
        f"*flame*, mean |dT| of the cells of a planar flame, phi {OF.phi:g}, {OF.target.p:g} atm, after {FLAME_STEPS} "
        f"steps of {1e6 * OF.dt:g} us beside exact chemistry in the same solver, or when it was lost. *Within*: "
        "validation rows in which the network's step keeps the stated error; *accepted*: those that the router leaves "
        "it; *speed*: of the flame with the router, and its exact cells, one seed. Medians of seeds (least to largest)."
    )
    report.table(
        ["from", "rows", "seeds", *(what for what, _ in MEASURES.values()), "flame", "within, accepted [%]",
         "speed with the router, worst", "CPU [s]"],
        [row for arm in wanted() if (row := line(arm, kept))],
    )  # fmt: skip
    draw(report, kept)
    savings(report, kept)
    controls(report, kept)
    if missing := [arm.name for arm in arms() if arm.name not in kept]:
        report.text(
            f"**Not run yet**: {len(missing)} of {len(arms())} trainings; `python -m validation family` makes them."
        )


def of_seeds(arm: tuple[str, float, float], kept: dict[str, Found]) -> list[Found]:
    """What its runs gave, of the seeds that are there."""
    names = [Arm(seed, *arm).name for seed in SEEDS]
    return [kept[name] for name in names if name in kept]


def line(arm: tuple[str, float, float], kept: dict[str, Found]) -> list[object]:
    """Of the table of errors; nothing where no run is."""
    runs = of_seeds(arm, kept)
    if not runs:
        return []
    shares = ", ".join(f"{100 * np.median([run[name] for run in runs]):.0f}" for name in ("within", "accepted"))
    errors = [spread([value(run) for run in runs]) for _, value in MEASURES.values()]
    flames, cpu = "; ".join(map(flame, runs)), spread([run["cpu"] for run in runs])
    return [words(arm), Arm(0, *arm).rows, len(runs), *errors, flames, shares, speeds(runs), cpu]


def flame(run: Found) -> str:
    """What became of that of the network alone: its error, or when it was lost."""
    own = run["network"]
    return f"lost in {own['failure'].partition(':')[0]}" if own["failure"] else f"{own['T']:.1f} K"


def words(arm: tuple[str, float, float]) -> str:
    """What it begins with."""
    start = {"nothing": "nothing", "family": "family", "moved": "family, labels moved", "hydrogen": "hydrogen"}[arm[0]]
    return start if arm[2] == 1.0 else f"{start}, {arm[2]:g} times the steps"


def saved(seed: int, arm: tuple[str, float, float], measure: str, kept: dict[str, Found]) -> tuple[float, float] | None:
    """Rows and CPU from nothing over those of an arm, at its error; None where runs are missing."""
    value = MEASURES[measure][1]
    nothing = [Arm(seed, "nothing", share) for share in (*SHARES, ALL)]
    own = kept.get(Arm(seed, *arm).name)
    if own is None or any(one.name not in kept for one in nothing):
        return None
    others = [Arm(seed, *control).name for control in CONTROLS if control[0] == "nothing"]
    names = [one.name for one in nothing] + [name for name in others if name in kept]
    error, cpu = [value(kept[name]) for name in names], [kept[name]["cpu"] for name in names]
    rows = reach(error[: len(nothing)], [float(one.rows) for one in nothing], value(own))
    order = np.argsort(cpu)
    least = reach([error[k] for k in order], [cpu[k] for k in order], value(own))
    return rows / Arm(seed, *arm).rows, least / own["cpu"]


def savings(report: Report, kept: dict[str, Found]) -> None:
    """Rows and CPU at equal error."""
    rows, best = [], dict[str, float]()
    for measure, (what, _) in MEASURES.items():
        for arm in [("family", share, 1.0) for share in SHARES] + [c for c in CONTROLS if c[0] != "nothing"]:
            pairs = [pair for seed in SEEDS if (pair := saved(seed, arm, measure, kept)) is not None]
            if pairs:
                ratios = (times([pair[k] for pair in pairs]) for k in (0, 1))
                rows.append([what, words(arm), Arm(0, *arm).rows, *ratios])
            if len(pairs) == len(SEEDS) and arm[0] == "family":
                best[measure] = max(best.get(measure, 0.0), float(np.median([pair[0] for pair in pairs])))
    if not rows:
        return
    report.text("## What it saves")
    report.text(
        "How many times as many rows, and as much CPU, a training from nothing takes to the same error, by its own "
        "curve between the numbers of rows: at most all rows, at least the fewest, where the error lies beyond them. "
        "1 is no gain, less is a loss. The training of the parent is not counted."
    )
    report.table(["error of", "from", "rows", "times fewer rows", "times less CPU"], rows)
    flat(report, kept)
    cost(report, kept)
    for measure in [name for name in ("step", "rollout") if name in best]:
        what = MEASURES[measure][0].partition(" [")[0]
        report.target(f"times fewer rows at equal error of {what}, best share", best[measure], WANTED, at_least=True)


def flat(report: Report, kept: dict[str, Found]) -> None:
    """Says where more rows do not help a training from nothing, so that its curve tells no number of rows."""
    few, all_rows = (of_seeds(("nothing", share, 1.0), kept) for share in (MIDDLE, ALL))
    found = [
        what for what, value in MEASURES.values()
        if np.median([value(run) for run in all_rows]) >= np.median([value(run) for run in few])
    ]  # fmt: skip
    if found:
        report.text(
            f"From nothing, {TAUGHT} rows do no better than {Arm(0, 'nothing', MIDDLE).rows} in {', '.join(found)}: "
            f"with {STEPS} steps it is not rows that bound the error, and no number of rows saved can be read there."
        )


def cost(report: Report, kept: dict[str, Found]) -> None:
    """Where a family pays, by the figures of the table: rows, CPU, and the parent's CPU beside a training's."""
    arms = [("family", share, 1.0) for share in SHARES]
    runs = [run for arm in arms for run in of_seeds(arm, kept)]
    once, each = (float(np.median([run[name] for run in runs])) for name in ("parent", "cpu"))
    said, least = [], math.inf
    for arm in arms:
        of = [[pair for seed in SEEDS if (pair := saved(seed, arm, measure, kept)) is not None] for measure in MEASURES]
        medians = [np.median(pairs, axis=0) for pairs in of if pairs]
        if medians:
            rows, cpu = (sum(float(pair[k]) > 1.0 for pair in medians) for k in (0, 1))
            said.append(
                f"with {Arm(0, *arm).rows} rows, it saves rows in {rows} of {len(medians)} errors, CPU in {cpu}"
            )
            gained = float(np.median([pair[1] for pair in medians])) - 1.0
            own = float(np.median([run["cpu"] for run in of_seeds(arm, kept)]))
            least = min(least, once / (gained * own) if gained > 0 else math.inf)
    back = f"{math.ceil(least)} new fuels at the best of these pay it back" if math.isfinite(least) else "none pays it"
    report.text(
        f"So a family pays here by these counts: {'; '.join(said)}. The parent took {once:.0f} s of CPU once, "
        f"{once / each:.0f} trainings of the new fuel; by the CPU saved (median of the errors) {back}. Rows, three "
        f"times {TAUGHT}, come on top."
    )


def gain(
    seed: int, start: str, measure: str, kept: dict[str, Found], share: float | None = None
) -> tuple[float, float] | None:
    """By how much a start lowers the logarithm of an error at a share, the middle one if none is given, and the family
    does.
    """
    value, share = MEASURES[measure][1], share or MIDDLE
    found = [kept.get(Arm(seed, name, share).name) for name in ("nothing", start, "family")]
    if any(one is None for one in found):
        return None
    base, own, whole = (math.log(max(value(one), 1e-12)) for one in found if one is not None)
    return base - own, base - whole


def controls(report: Report, kept: dict[str, Found]) -> None:
    """Whether what a parent gives is chemistry, and whether it takes a family."""
    beside = [("family", share) for share in SHARES] + [("moved", MIDDLE), ("hydrogen", MIDDLE)]
    rows, least = [], math.inf
    for measure, (what, _) in MEASURES.items():
        row: list[object] = [what.partition(" [")[0] + (" (species)" if measure == "species" else "")]
        for start, share in beside:
            pairs = [pair for seed in SEEDS if (pair := gain(seed, start, measure, kept, share)) is not None]
            row.append(times([math.exp(pair[0]) for pair in pairs]) if pairs else "")
            whole = float(np.median([pair[1] for pair in pairs])) if pairs else 0.0
            if start == "moved" and measure == "step" and pairs:
                least = float(np.median([pair[0] for pair in pairs])) / whole if whole > 0 else math.inf
        rows.append(row)
    if not any(any(row[1:]) for row in rows):
        return
    report.text("## Is it chemistry, and does it take a family?")
    report.text(
        "Error from nothing over that from a parent, with as many rows and steps: 1 is no gain, less is a loss. "
        "*Labels moved*: the parent saw states of all fuels with the changes of other rows, so that the best it can "
        "say is a constant: what it gives is no chemistry, and a measure that praises it judges nothing. *Hydrogen*: "
        "a parent of hydrogen alone, as many steps on a third of the rows."
    )
    heads = [f"{words((start, share, 1.0))}, {Arm(0, start, share).rows} rows" for start, share in beside]
    report.table(["error of", *heads], rows)
    if math.isfinite(least) and len(of_seeds(("moved", MIDDLE, 1.0), kept)) == len(SEEDS):
        report.target("share of the gain (one step) that is left where labels are moved", max(least, 0.0), LEFT)


def draw(report: Report, kept: dict[str, Found]) -> None:
    """Errors over rows."""
    path = report.pictures / "family.png"
    try:
        report.pictures.mkdir(parents=True, exist_ok=True)
        curves(path, kept)
    except DependencyError:
        return
    report.text("![errors against rows](../pictures/family.png)")


def curves(path: Path, kept: dict[str, Found]) -> None:
    """A panel for each measure."""
    with drawing(path, (9.0, 3.2)) as figure:
        for ax, (what, value) in zip(figure.subplots(1, len(MEASURES)), MEASURES.values(), strict=True):
            shares = {"nothing": (*SHARES, ALL), "family": SHARES, "moved": (MIDDLE,), "hydrogen": (MIDDLE,)}
            for start, own in shares.items():
                points = [(Arm(0, start, s).rows, [value(run) for run in of_seeds((start, s, 1.0), kept)]) for s in own]
                points = [(n, values) for n, values in points if values]
                if not points:
                    continue
                x, middle = [n for n, _ in points], [float(np.median(v)) for _, v in points]
                ends = np.array([[m - min(v), max(v) - m] for m, (_, v) in zip(middle, points, strict=True)]).T
                ax.errorbar(x, middle, ends, color=COLOURS[start], marker="o", ms=3, lw=1, label=words((start, 0, 1.0)))
            ax.set(xscale="log", yscale="log", xlabel="rows", title=what)
        handles = ax.get_legend_handles_labels()
        figure.legend(*handles, loc="outside lower center", ncols=len(handles[1]), frameon=False, fontsize=7)
