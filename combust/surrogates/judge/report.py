"""The pages of a report card: what was found, which targets are met; tables also for the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from combust.report.pages import Block, Over, Picture, Section, Table
from combust.surrogates.judge.conditions import FULL, USUAL_T, Flame
from combust.surrogates.judge.targets import (
    BURNT,
    DELAY_WORST,
    FASTER,
    FLAME_SPEED,
    PEAK,
    Target,
    conclusions,
    mean,
    worst,
)


def sections(found: dict[str, Any], judged: Sequence[Target], pictures: dict[str, Picture]) -> list[Section]:
    """The whole report."""
    words = conclusions(judged)
    follows: list[Block] = ["What follows:\n\n" + "\n".join(f"- {line}" for line in words)] if words else []
    made = [Section("Targets", [_head(found), target_table(judged), *follows])]
    if "steps" in found:
        made.append(Section("One step", _steps(found["steps"])))
    if "reactors" in found:
        blocks: list[Block] = [REACTORS]
        for run in found["reactors"]:
            blocks += _reactors(run)
        made.append(Section("Reactors", blocks + [p for k, p in pictures.items() if part_of(k) == "reactors"]))
    if "flames" in found:
        made.append(
            Section(
                "Flames",
                [FLAMES, _flames(found["flames"]), *(p for k, p in pictures.items() if part_of(k) == "flames")],
            )
        )
    if "ends" in found:
        made.append(
            Section(
                "Ends of the ranges",
                [
                    ENDS,
                    *_reactors(found["ends"]["reactors"]),
                    _flames(found["ends"]["flames"]),
                    *(p for k, p in pictures.items() if part_of(k) == "ends"),
                ],
            )
        )
    if "speed" in found:
        made.append(Section("Cost beside exact chemistry", _speed(found["speed"])))
    if "cost" in found:
        made.append(Section("Cost of a step", _cost(found)))
    return made


def part_of(picture: str) -> str:
    """The part of the card that a picture, by its name, belongs to."""
    return "reactors" if picture == "delays" else "ends" if picture.startswith(END) else "flames"


END = "at an end: "  # how pictures of flames there are named
ENDS = (
    "The lowest and highest equivalence ratio at the usual pressure, and the lowest and highest pressure at the middle "
    "mixture; reactors with the longest time step. In such flames diffusion takes cells beyond the range of phi: these "
    "are exact, and counted."
)
REACTORS = (
    "Homogeneous reactors, advanced in one batch with a fixed time step. Reference: Cantera's CVODE at 1e-10, 1e-16, "
    "sampled as often and in the same phase. The delay is the time of the steepest slope of T. Peaks are of the "
    "radicals with the largest ones, and of NO where there is some, over all steps. Router off: the network alone, "
    "wherever rates are not negligible; nothing is corrected."
)
FLAMES = (
    "Planar free flames by combust's own flow solver: 12 cells per thermal thickness, the same start, time step and "
    "grid with exact chemistry (batched integration), learned chemistry, the network alone (router off: every cell to "
    "it, none to exact chemistry). With --coupling also, router on, in the place of the network: exact chemistry, "
    "which shows the error of the splitting, and nothing at all, which shows what router and correction do without a "
    "network. Speeds are consumption speeds averaged over the last half."
)


def _head(found: dict[str, Any]) -> str:
    model = found["model"]
    text = (
        f"{model['name']} ({model['title']}), weights {model['sha256'][:12]}, mechanism {model['mechanism']}. "
        f"{found['date']}, combust {found['versions']['combust']}, {found['seconds']:.0f} s."
    )
    text += " Only a part: --quick." if found["quick"] else ""
    steps = found["effort"].get("steps", FULL.steps)
    text += f" Reactors for {steps} steps, not {FULL.steps}." if steps != FULL.steps and not found["quick"] else ""
    if len(set(found["made"].values())) > 1:
        text += " Made in parts: " + ", ".join(f"{part} {date}" for part, date in found["made"].items()) + "."
    return text + (" Stopped before the end." if found["stopped"] else "")


def target_table(judged: Sequence[Target]) -> Table:
    rows = [[t.name, *t.numbers(), "met" if t.met else Over("MISSED")] for t in judged]
    return Table(["target", "found", "allowed", ""], rows)


def _steps(found: dict[str, Any]) -> list[Block]:
    names = list(found)
    head = ["", *(f"{name} rows" for name in names)]

    def row(text: str, key: str, form: str) -> list[str]:
        return [text, *(form.format(found[name][key]) for name in names)]

    rows = [
        row("rows", "rows", "{:d}"),
        row("components within 10 % of the increment", "within_10", "{:.1%}"),
        row("\N{EN DASH} by a model that changes nothing", "zero_within_10", "{:.1%}"),
        row("whole states within 10 %", "states_within_10", "{:.1%}"),
        row("\N{EN DASH} by a model that changes nothing", "zero_states_within_10", "{:.1%}"),
        row("increments with their sign and a tenth of their size (0 % by no change)", "recall", "{:.1%}"),
        row("mean error of T [K]", "T_mean", "{:.3g}"),
        row("\N{EN DASH} by a model that changes nothing", "zero_T_mean", "{:.3g}"),
        row("99 % quantile of the error of T [K]", "T_99", "{:.3g}"),
    ]
    species = list(found[names[0]]["relative_L1"])
    errors = [[s, *(f"{found[name]['relative_L1'][s]:.3f}" for name in names)] for s in species]
    return [
        "States of reactors and flames at the conditions below, which were chosen apart from those that were sampled "
        "and lie between them, after time steps drawn from the range of the model; a component is within 10 % if "
        "|e| <= 1e-15 + 0.1 |d|, d its increment.",
        Table(head, rows), "Sum of errors over sum of increments, by species (1 for a model that changes nothing):",
        Table(head, errors),
    ]  # fmt: skip


def percent(x: float, limit: float = math.inf) -> str:
    """With its sign; marked beyond the limit, or where there is no number."""
    text = f"{100 * x:+.2f} %" if math.isfinite(x) else "none"
    return text if abs(x) <= limit else Over(text)


def _reactors(run: dict[str, Any]) -> list[Block]:
    title = f"Router {'on' if run['mode'] == 'router' else 'off'}, dt {run['dt']:.2g} s, {run['steps']} steps"
    text = (
        f"**{title}**: {delays(run)}; elements drift by {run['drift']:.1e}, least mass fraction {run['Y_min']:.1e}; "
        f"{run['seconds']:.0f} s"
    )
    rows = []
    for c in run["cases"]:
        own, after = c["routes"]["ignition"], c["routes"]["burnt"]
        top = max(c["peaks"], key=lambda s: abs(c["peaks"][s][1] / c["peaks"][s][0] - 1))
        rows.append(
            [
                c["name"],
                f"{1e6 * c['delay'][0]:.1f}",
                percent(c["delay_error"], DELAY_WORST),
                f"{c['burnt_T'][0]:.1f}",
                _kelvin(c["burnt_error"]),
                f"{percent(c['peak_error'], PEAK)} ({top}){_oxide(c)}",
                three(own),
                three(after),
            ]
        )
    head = ["reactor", "delay [us]", "error", "end T [K]", "error [K]", "worst peak", "slow/network/exact [%]",
            "after 2 delays [%]"]  # fmt: skip
    return [text, Table(head, rows)]


def delays(run: dict[str, Any]) -> str:
    """Errors of the delays of a run in words."""
    cases = run["cases"]
    errors = [abs(c["delay_error"]) for c in cases if math.isfinite(c["delay_error"])]
    lost = sum(c["lost"] for c in cases)
    text = f"{len(errors)} of {len(cases)} reactors ignite"
    if errors:
        text += f", delays {100 * mean(errors):.2f} % off in the mean, {100 * worst(errors):.2f} % at worst"
    return text + (f"; {lost} lost (T out of all bounds)" if lost else "")


def _oxide(case: dict[str, Any]) -> str:
    """The error of the peak of NO, where there is some."""
    return f", NO {percent(case['NO_error'], PEAK)}" if "NO_error" in case else ""


def _kelvin(x: float) -> str:
    text = f"{x:+.2f}"
    return text if abs(x) <= BURNT else Over(text)


def three(share: dict[str, float]) -> str:
    """Slow, network, exact or refused, in percent."""
    slow, network, exact, refused = (100 * share.get(name, 0.0) for name in ("slow", "network", "exact", "refused"))
    return f"{slow:.0f} / {network:.0f} / {exact + refused:.1f}"


def _flames(flames: Sequence[dict[str, Any]]) -> Table:
    rows = []
    for f in flames:
        limit = FLAME_SPEED if f["mode"] == "router" else math.inf
        top = max(f["peaks"], key=lambda s: abs(f["peaks"][s][1] / f["peaks"][s][0] - 1))
        rows.append(
            [
                f"{Flame(f['phi'], f['p'], f.get('T', USUAL_T))}, dt {f['dt']:.2g} s",
                NAMES[f["mode"]],
                f"{f['speed'][0]:.4f}",
                Over(f["failure"]) if f["failure"] else percent(f["speed_error"], limit),
                _kelvin(f["burnt_error"]),
                f"{percent(f['peak_error'], PEAK)} ({top}){_oxide(f)}",
                three(f["routes"]),
                f"{100 * f['network_of_active']:.0f}",
                f"{f['element_error']:.0e}",
                f"{f['Y_min'][0]:.0e}, {f['Y_min'][1]:.0e}",
                f"{f['cost'][0]:.0f}, {f['cost'][1]:.0f}",
            ]
        )
    return Table(
        [
            "flame",
            "chemistry",
            "exact speed [m/s]",
            "error",
            "burnt T error [K]",
            "worst peak",
            "slow/network/exact [%]",
            "network, of cells not slow [%]",
            "elements",
            "least Y (exact, own)",
            "CPU us/cell (exact, own)",
        ],
        rows,
        2,
    )


NAMES = {
    "router": "router on",
    "network": "router off",
    "coupling": "exact in its place",
    "still": "nothing in its place",
}


def in_words(f: dict[str, Any]) -> str:
    """A flame in a line."""
    if f["failure"]:
        return f["failure"]
    return (
        f"speed {f['speed'][1]:.4f} m/s ({100 * f['speed_error']:+.2f} %), burnt T {f['burnt_error']:+.2f} K, peaks "
        f"{100 * f['peak_error']:.1f} %, slow / network / exact {three(f['routes'])} %, {f['cost'][1]:.0f} us/cell "
        f"(exact {f['cost'][0]:.0f})"
    )


def _cost(found: dict[str, Any]) -> list[Block]:
    cost = found["cost"]
    rows = [
        ["network, with elements and temperature", f"{cost['network']:.2f}"],
        ["learned chemistry, router on, cells that the network may have", f"{cost.get('routed', math.nan):.2f}"],
        ["exact chemistry, batched, 1e-4, 1e-9", f"{cost['exact']:.1f}"],
        ["exact chemistry, Cantera's CVODE cell by cell, 1e-4, 1e-9", f"{cost['cvode']:.1f}"],
    ]
    return [
        f"Of {cost['cells']} cells whose rates are not slow, one step of {cost['dt']:.2g} s at constant h and p, "
        f"{cost['threads']} thread(s){_of(cost.get('processor'))}, kernels not compiled:",
        Table(["", "CPU us per cell and step"], rows),
    ]


def _of(processor: str | None) -> str:
    return f" of {processor}" if processor else ""


def _speed(found: dict[str, Any]) -> list[Block]:
    some = next((f for f in found["flames"] if not f["failure"]), None)
    kernels = "compiled" if found["flames"] and found["flames"][0]["compiled"] else "not compiled"
    text = (
        "The same step of the same flame, its cells repeated to as many as a case of two or three dimensions has on a "
        f"rank, by both chemistries in turn: {some['cells'] if some else 0} cells, two sweeps, {found['threads']} "
        f"thread(s) of {found['processor']}, kernels {kernels}. Medians of {some['pairs'] if some else 0} pairs of "
        "CPU time; of the ratios also the least and the greatest. Fewer cells cost learned chemistry more each."
    )
    rows = []
    for f in found["flames"]:
        name = f"{Flame(f['phi'], f['p'], f['T'])}, dt {f['dt']:.2g} s"
        if f["failure"]:
            rows.append([name, Over(f["failure"]), "", "", ""])
            continue
        ratio = f"{f['ratio']:.2f} ({f['least']:.2f} to {f['greatest']:.2f})"
        rows.append(
            [
                name,
                f"{f['exact']:.1f}",
                f"{f['learned']:.1f}",
                ratio if f["ratio"] >= FASTER else Over(ratio),
                three(f["routes"]),
            ]
        )
    return [text, Table(["flame", "exact [CPU us/cell]", "learned", "times as fast", "slow/network/exact [%]"], rows)]


def lines(table: Table) -> str:
    """A table for the terminal."""
    cells = [list(table.header), *map(list, table.rows)]
    width = [max(len(row[i]) for row in cells) for i in range(len(table.header))]
    signs = ["<" if i < table.text else ">" for i in range(len(width))]
    return "\n".join(
        "  ".join(f"{x:{sign}{w}}" for x, sign, w in zip(row, signs, width, strict=True)).rstrip() for row in cells
    )
