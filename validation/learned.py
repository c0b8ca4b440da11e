"""Learned chemistry in flows: speeds beside exact chemistry's, a wrinkled front, and states that it was not trained on.

What each run found is kept beside the page, so that they can be repeated one by one:

    python -m validation learned --only speed-h2 --only front-small      # or outside, speed-ch4-strang-learned, ...
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from combust.errors import FileFormatError
from combust.surrogates import library
from validation.learned_runs import (
    CHEMISTRIES,
    DEFAULT,
    FLAMES,
    FRONTS,
    HYDROGEN,
    OUTSIDE,
    SPEED_LIMIT,
    T_LIMIT,
    Flame,
    Front,
    Kept,
    Run,
    Speed,
)
from validation.report import Report, chosen, percent
from validation.running import run_here

TITLE = "Learned chemistry in flows"
SMOKE = {
    "FLAMES": (replace(HYDROGEN, per_thickness=2, steps=(2e-6,), end=8e-6, fit=2e-6, splittings=(DEFAULT,)),),
    "FRONTS": (replace(FRONTS[0], changes=("mesh.cells=[12,8]",), time=1e-5, by=run_here),),
    "OUTSIDE": tuple(replace(OUTSIDE[i], per_thickness=2, steps=2) for i in (0, -1)),
}


def runs() -> list[Run]:
    """In the order of the page."""
    made: list[Run] = []
    for flame in FLAMES:
        made += [Speed(flame, "", "", dt) for dt in flame.steps]
        made += [Speed(flame, splitting, chemistry, dt) for splitting in flame.splittings for chemistry in CHEMISTRIES
                 for dt in flame.steps]  # fmt: skip
    return [*made, *FRONTS, *OUTSIDE]


def run(report: Report, only: Sequence[str] = ()) -> None:
    """Runs those whose names begin like one of `only` (all if there is none), then writes the page of all kept."""
    kept: dict[str, Kept] = report.kept()
    wanted = chosen([each.name for each in runs()], only)
    for each in runs():
        if each.name not in wanted:
            continue
        try:
            library.load(each.model)
        except FileFormatError as error:
            report.progress(f"{each.name}: {error}")
            continue
        kept[each.name] = each.perform(report)
        report.keep(kept, models())
    page(report, kept)


def page(report: Report, kept: dict[str, Kept]) -> None:
    """All tables, of the runs that have been made."""
    report.text(
        "What each run found is in learned.json beside this page; `python -m validation learned --only NAME` repeats "
        "those whose names begin so (speed-h2, front-small, outside, ...), the others keep their figures. What learned "
        "chemistry is, and what its routes do: [docs/learned.md](../learned.md)."
    )
    found = {model: sorted({k["weights"] for name, k in kept.items() if "weights" in k and models()[name] == model})
             for model in dict.fromkeys(models().values())}  # fmt: skip
    lines = [f"{model} {', '.join(weights)}" for model, weights in found.items() if weights]
    report.text(f"Weights (first digits of their SHA-256): {'; '.join(lines) or 'none'}.")
    for model, weights in found.items():
        if len(weights) > 1:
            report.target(f"all figures are of the same weights of {model}", len(weights), 1)
    if missing := [name for name in models() if name not in kept]:
        report.text(f"**Not run yet**: {', '.join(families(missing))}.")
    for flame in FLAMES:
        if any(Speed(flame, "", "", dt).name in kept for dt in flame.steps):
            speeds(report, flame, kept)
    if any(front.name in kept for front in FRONTS):
        report.text("## A wrinkled front")
        report.text(
            "[cases/flame_learned.toml](../../cases/flame_learned.toml) as it is shipped or with changes, by `combust "
            "run`, compiled kernels, and the same with exact chemistry. The front is where T is half "
            "way between fresh gas and equilibrium; the consumption speed is per section of the domain. Mean |dT| is "
            "over all cells."
        )
        for front in FRONTS:
            if front.name in kept:
                wrinkled(report, front, kept[front.name])
    if any(each.name in kept for each in OUTSIDE):
        outside(report, kept)


def families(names: Sequence[str]) -> list[str]:
    """What to give to --only: all runs of a flame that are missing under one name."""
    short = ["-".join(name.split("-")[:2]) if name.startswith("speed-") else name for name in names]
    return [f"`{name}`" for name in dict.fromkeys(short)]


def models() -> dict[str, str]:
    """The model of each run."""
    return {each.name: each.model for each in runs()}


# --- planar flames ---------------------------------------------------------------------------------------------------


def speeds(report: Report, flame: Flame, kept: dict[str, Kept]) -> None:
    """One flame: the error of the coupling, of the network alone, of learned chemistry."""
    report.text(f"## Flame speed against the time step: {flame.title}")
    report.text(
        f"Planar, 1 atm, {flame.per_thickness} cells per thermal thickness; front speed fitted from "
        f"{1e6 * flame.fit:g} to {1e6 * flame.end:g} us. The first row is exact chemistry with transport as a constant "
        "source, two sweeps, in m/s; the others are errors against it at the same dt. *Exact*: exact chemistry in the "
        "place of the network, "
        "with transport in impulses, every cell, no correction: the error of the splitting. *Network alone*: the same "
        "impulses, the network in every cell, no router and no correction: less the row above, the error of the "
        "network. *Learned*: as a user has it, with router and correction. Burnt T is that of the last cell, against "
        "the first row; shares are those of slow, network and exact cells."
    )
    middle = flame.steps[len(flame.steps) // 2]
    exact = {dt: kept.get(Speed(flame, "", "", dt).name) for dt in flame.steps}
    rows = [["source", "exact", *(f"{k['front']:.5f}" if k else "" for k in exact.values()), *two(exact[middle])]]
    for splitting in flame.splittings:
        for chemistry, title in CHEMISTRIES.items():
            own = {dt: kept.get(Speed(flame, splitting, chemistry, dt).name) for dt in flame.steps}
            if not any(own.values()):
                continue
            cells = [error_of(own[dt], exact[dt]) for dt in flame.steps]
            rows.append([splitting, title, *cells, *two(own[middle], exact[middle])])
            if chemistry == "learned":
                judge(report, flame, splitting, own, exact)
    at = f"{1e6 * middle:g} us"
    report.table(["transport", "chemistry", *(f"dt = {1e6 * dt:g} us" for dt in flame.steps),
                  f"burnt T [K], {at}", f"shares, {at}"], rows)  # fmt: skip


def judge(report: Report, flame: Flame, splitting: str, own: dict[float, Any], exact: dict[float, Any]) -> None:
    """Targets of learned chemistry: of every step for the default splitting, of the worst for the others."""
    errors = {dt: relative(own[dt], exact[dt]) for dt in flame.steps if own[dt] and exact[dt]}
    largest = max(errors.values(), key=abs, default=0.0)
    shown = errors if splitting == DEFAULT else {dt: error for dt, error in errors.items() if error == largest}
    for dt, error in shown.items():
        report.target(f"{flame.title}, {splitting}, dt = {1e6 * dt:g} us: front speed", 100 * error,
                      100 * flame.limit, " %")  # fmt: skip


def relative(own: Kept, exact: Kept) -> float:
    """Error of the front speed; infinite if the flame was lost."""
    return own["front"] / exact["front"] - 1 if "front" in own and "front" in exact else float("inf")


def error_of(own: Kept | None, exact: Kept | None) -> str:
    """A cell of the table."""
    if own is None or exact is None:
        return ""
    return percent(relative(own, exact), 3) if "front" in own else "lost"


def two(own: Kept | None, exact: Kept | None = None) -> list[str]:
    """Burnt T and shares."""
    if own is None or "front" not in own:
        return ["", ""]
    shown = f"{own['burnt_T']:.1f}" if exact is None else f"{own['burnt_T'] - exact['burnt_T']:+.2f}"
    return [shown, shares(own["shares"])]


def shares(found: dict[str, float]) -> str:
    """Slow, network, exact, in percent."""
    return " / ".join(f"{100 * found[r]:.1f} %" for r in ("slow", "network", "exact") if r in found)


# --- the others ------------------------------------------------------------------------------------------------------


def wrinkled(report: Report, front: Front, kept: Kept) -> None:
    """A front over time."""
    report.text(f"### {front.title}")
    low, high = (1e6 * dt for dt in kept["dt"])
    report.text(
        f"{kept['cells']} cells, {kept['steps']} steps of {low:.3g} to {high:.3g} us. Shares of slow, network and "
        f"exact cells, mean of all steps: {shares(kept['shares'])}; exact at most {100 * kept['exact_share']:.2f} %. "
        f"Elements drift by {kept['element_error']:.1e}; least mass fraction {kept['Y_min'][1]:.1e}, with exact "
        f"chemistry {kept['Y_min'][0]:.1e}."
    )
    rows, worst = [], {"length": 0.0, "consumption": 0.0}
    for row in kept["rows"]:
        cells = [f"{1e3 * row['time']:.2f}"]
        for name, factor, digits in (("length", 1e3, 3), ("consumption", 1.0, 4)):
            exact, learned = row[name]
            cells += [f"{factor * exact:.{digits}f}", percent(learned / exact - 1)]
            worst[name] = max(worst[name], abs(learned / exact - 1))
        rows.append([*cells, f"{row['T']:.2f}"])
    report.table(["time [ms]", "length, exact [mm]", "learned", "consumption speed, exact [m/s]", "learned",
                  "mean dT [K]"], rows)  # fmt: skip
    for name, words in (("length", "length of the front"), ("consumption", "consumption speed")):
        report.target(f"{front.title}: {words}, worst", 100 * worst[name], 100 * front.limit, " %")
    if kept["picture"]:
        report.text(f"![fronts and routes](../pictures/{kept['picture']})")


def outside(report: Report, kept: dict[str, Kept]) -> None:
    """Conditions that the model does not cover."""
    report.text("## Outside of the range")
    report.text(
        f"Short planar flames ({OUTSIDE[0].steps} steps, phi {OUTSIDE[0].phi:g}; {OUTSIDE[-1].phi:g} with the long "
        "step) at conditions that the model was not trained for. No cell may then be the network's: those that are not "
        "slow are exact, and the flame is that of exact chemistry. The first row is a control inside the range. Speed: "
        "consumption speed of learned chemistry against exact chemistry at the end; dT: the largest of any cell, where "
        "slow cells of the two take different cheap steps."
    )
    rows = []
    for each in OUTSIDE:
        if (own := kept.get(each.name)) is None:
            continue
        a, b = own["consumption"]
        low, high = own["network_share"]
        rows.append([each.title, f"{1e6 * own['dt']:g}", f"{own['T_max']:.0f}", f"{a:.4f}", percent(b / a - 1, 3),
                     f"{own['T']:.3f}", shares(own["shares"])])  # fmt: skip
        if each.inside:
            report.target(f"network cells inside the range, {each.title}", 100 * low, 0.1, " %", at_least=True)
            continue
        report.target(f"network cells, {each.title}", 100 * high, 0.0, " %")
        report.target(f"consumption speed, {each.title}", 100 * (b / a - 1), 100 * SPEED_LIMIT, " %")
        report.target(f"T, {each.title}", own["T"], T_LIMIT, " K")
    report.table(["condition", "dt [us]", "T_max [K]", "speed, exact [m/s]", "learned", "dT [K]",
                  "slow / network / exact"], rows)  # fmt: skip
