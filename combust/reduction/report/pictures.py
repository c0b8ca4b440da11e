"""Pictures of a reduction: what the reduced mechanism gives beside the detailed one, and what each step left."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from combust.reduction.cases.conditions import ReductionCase
from combust.reduction.cases.measures import PROGRESS
from combust.report.charts import drawing
from combust.units import ATM

DETAILED, REDUCED, HELD_OUT = "#1c1c1c", "#c8381e", "#1f6fb2"
PALETTE = ("#1c1c1c", "#1f6fb2", "#b8860b", "#2a8c55", "#8a4fa3", "#c8381e", "#6b6b6b", "#16939b")
PROFILES = 12  # at most, in one picture


@dataclass(frozen=True)
class Compared:
    """One case: values and profiles of the detailed and the reduced mechanism."""

    case: ReductionCase
    detailed: dict[str, float]
    reduced: dict[str, float]
    profiles: dict[str, tuple[np.ndarray, np.ndarray | None]] = field(default_factory=dict)


@dataclass(frozen=True)
class Plot:
    """A value over what is varied most, by kind of case."""

    kind: str
    metric: str
    label: str
    unit: str


PLOTS = (
    Plot("ignition", "ignition_delay", "ignition delay", "s"),
    Plot("flame", "flame_speed", "laminar flame speed", "m/s"),
    Plot("psr", "extinction_time", "residence time at extinction", "s"),
    Plot("counterflow", "peak_temperature", "peak temperature", "K"),
)
AXES: dict[str, tuple[str, Callable[[ReductionCase], float]]] = {
    "T": ("1000 K / T", lambda case: 1000.0 / case.T),
    "phi": ("equivalence ratio", lambda case: case.phi),
    "p": ("pressure [atm]", lambda case: case.p / ATM),
    "strain": ("strain rate [1/s]", lambda case: case.strain),
}
NAMES: dict[str, Callable[[ReductionCase], str]] = {
    "p": lambda case: f"{case.p / ATM:.4g} atm",
    "phi": lambda case: f"phi {case.phi:g}",
    "T": lambda case: f"{case.T:g} K",
    "strain": lambda case: f"{case.strain:g} 1/s",
}
SMALL = {"": 1.0, "m": 1e3, "\N{MICRO SIGN}": 1e6, "n": 1e9}  # prefixes of seconds
FIRST = {"ignition": "T", "flame": "phi", "psr": "phi", "counterflow": "strain"}  # preferred axis


def values_picture(path: Path, plot: Plot, compared: Sequence[Compared]) -> bool:
    """Draws a value at all cases of the plot's kind; False where there are none.

    The detailed mechanism is a line, the reduced one markers, those of held-out cases of another colour and shape.
    """
    own = [c for c in compared if c.case.kind == plot.kind and plot.metric in c.detailed]
    if not own:
        return False
    along = _axis(plot.kind, [c.case for c in own])
    series = _series(own, along)
    factor, unit = _scale(plot, own)
    with drawing(path, (6.4, 3.6)) as figure:
        axes = figure.subplots()
        for place, (name, members) in enumerate(series.items()):
            _draw_series(axes, members, plot.metric, AXES[along][1], PALETTE[place % len(PALETTE)], name, factor)
        _finish(axes, plot, along, own, factor)
        axes.set_ylabel(f"{plot.label} [{unit}]")
        _legends(figure, axes, own, len(series))
    return True


def _values(plot: Plot, own: Sequence[Compared]) -> list[float]:
    """All that is drawn, without what failed."""
    return [v for c in own for v in (c.detailed[plot.metric], c.reduced.get(plot.metric, math.nan)) if v > 0]


def _is_log(plot: Plot, own: Sequence[Compared]) -> bool:
    drawn = _values(plot, own)
    return plot.unit == "s" and max(drawn) > 5 * min(drawn)


def _scale(plot: Plot, own: Sequence[Compared]) -> tuple[float, str]:
    """Factor and unit that make numbers on a linear axis short."""
    if plot.unit != "s" or _is_log(plot, own):
        return 1.0, plot.unit
    prefix = next((name for name, x in SMALL.items() if x * max(_values(plot, own)) >= 1), "n")
    return SMALL[prefix], f"{prefix}s"


def _axis(kind: str, cases: Sequence[ReductionCase]) -> str:
    """What the value is drawn over: the customary one, or where that is the same in all, what varies most."""
    count = {name: len({getattr(case, name) for case in cases}) for name in AXES}
    return FIRST[kind] if count[FIRST[kind]] > 1 else max(count, key=lambda name: (count[name], name == FIRST[kind]))


def _series(compared: Sequence[Compared], along: str) -> dict[str, list[Compared]]:
    """Cases that differ only in `along`, named by what they do not share with all others."""
    cases = [c.case for c in compared]
    varied = [n for n in NAMES if n != along and len({getattr(case, n) for case in cases}) > 1]
    streams = len({(case.fuel, case.oxidizer) for case in cases}) > 1
    holds = len({case.hold for case in cases}) > 1
    found: dict[str, list[Compared]] = {}
    for c in compared:
        words = [NAMES[name](c.case) for name in varied]
        words += [f"{c.case.fuel} in {c.case.oxidizer}"] if streams else []
        words += ["constant " + {"uv": "volume", "hp": "pressure"}[c.case.hold]] if holds else []
        found.setdefault(", ".join(words), []).append(c)
    return found


def _draw_series(
    axes: Any, members: Sequence[Compared], metric: str, x: Callable[[ReductionCase], float], colour: str, name: str,
    factor: float,
) -> None:  # fmt: skip
    ordered = sorted(members, key=lambda c: x(c.case))
    at, detailed = [x(c.case) for c in ordered], [factor * c.detailed[metric] for c in ordered]
    alone = {"marker": "_", "ms": 10, "mew": 1.3} if len(set(at)) == 1 else {}
    axes.plot(at, detailed, "-", color=colour, lw=1.3, label=name, **alone)
    for held_out, marker in ((False, "o"), (True, "D")):
        own = [c for c in ordered if c.case.held_out == held_out]
        reduced = [factor * c.reduced.get(metric, math.nan) for c in own]
        face = "white" if held_out else colour
        axes.plot([x(c.case) for c in own], reduced, marker, ms=4.5, mfc=face, mec=colour, mew=1.1)


def _finish(axes: Any, plot: Plot, along: str, own: Sequence[Compared], factor: float) -> None:
    if _is_log(plot, own):
        axes.set_yscale("log")
    elif plot.unit == "K":
        axes.margins(y=0.15)
    else:
        axes.set_ylim(0, 1.12 * factor * max(_values(plot, own)))
    places = {AXES[along][1](c.case) for c in own}
    if len(places) == 1:
        axes.set_xlim(0.8 * min(places), 1.2 * min(places))
    elif along in ("p", "strain"):
        axes.set_xscale("log")
    axes.set_xlabel(AXES[along][0])


def _legends(figure: Any, axes: Any, own: Sequence[Compared], series: int) -> None:
    """What lines are, beside the axes; what line and markers stand for, above."""
    style: dict[str, Any] = {"frameon": False, "fontsize": 8}
    if series > 1:
        figure.legend(*axes.get_legend_handles_labels(), loc="outside right upper", **style)
    shapes = {"detailed": axes.plot([], [], "-", color=DETAILED, lw=1.3)[0]}
    if any(not c.case.held_out for c in own):
        shapes["reduced"] = axes.plot([], [], "o", ms=4.5, color=DETAILED)[0]
    if any(c.case.held_out for c in own):
        shapes["reduced, held out"] = axes.plot([], [], "D", ms=4.5, mfc="white", mec=DETAILED, mew=1.1)[0]
    axes.legend(
        shapes.values(), shapes.keys(), loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, borderaxespad=0.2, **style
    )  # fmt: skip


def profiles_picture(path: Path, compared: Sequence[Compared]) -> bool:
    """Heat release over the progress of temperature at up to PROFILES cases; False where none has it."""
    own = [c for c in compared if "heat_release" in c.profiles]
    if not own:
        return False
    if len(own) > PROFILES:
        own = [own[round(i * (len(own) - 1) / (PROFILES - 1))] for i in range(PROFILES)]
    columns = min(3, len(own))
    rows = math.ceil(len(own) / columns)
    with drawing(path, (max(2.5 * columns, 3.6), 1.9 * rows + 0.4)) as figure:
        panels = figure.subplots(rows, columns, squeeze=False, sharex=True)
        for place, panel in enumerate(panels.flat):
            if place < len(own):
                _profile(panel, own[place])
            else:
                panel.axis("off")
        figure.supxlabel("progress of the temperature to the burnt gas of the detailed mechanism", fontsize=9)
        figure.supylabel("heat release [W/m3]", fontsize=9)
        panels[0, 0].legend(frameon=False, fontsize=7.5)
    return True


def _profile(panel: Any, c: Compared) -> None:
    detailed, reduced = c.profiles["heat_release"]
    panel.plot(PROGRESS, detailed, color=DETAILED, lw=1.4, label="detailed")
    if reduced is not None:
        colour = HELD_OUT if c.case.held_out else REDUCED
        panel.plot(PROGRESS, reduced, "--", color=colour, lw=1.4, label="reduced")
    at = f"{c.case.kind} {c.case.T:g} K, {c.case.p / ATM:.4g} atm, phi {c.case.phi:g}"
    panel.set_title(at + (" (held out)" if c.case.held_out else ""), fontsize=7)
    panel.tick_params(labelsize=7)
    panel.yaxis.get_offset_text().set_fontsize(7)


def stages_picture(path: Path, names: Sequence[str], species: Sequence[int], reactions: Sequence[int]) -> None:
    """Bars of the species and reactions left by each step."""
    with drawing(path, (7.0, 0.5 + 0.36 * len(names))) as figure:
        panels = figure.subplots(1, 2, sharey=True)
        for panel, counts, title in zip(panels, (species, reactions), ("species", "reactions"), strict=True):
            places = np.arange(len(names))
            panel.barh(places, counts, height=0.62, color=["#b9b9b9", *["#1f6fb2"] * (len(names) - 1)])
            for place, count in enumerate(counts):
                panel.text(count, place, f" {count}", va="center", fontsize=8.5)
            panel.set_xlim(0, 1.12 * max(counts))
            panel.set_title(title)
            panel.xaxis.set_visible(False)
            panel.spines["bottom"].set_visible(False)
            panel.tick_params(axis="y", length=0)
        panels[0].set_yticks(np.arange(len(names)), names)
        panels[0].invert_yaxis()
