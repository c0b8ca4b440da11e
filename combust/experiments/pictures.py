"""validate.png: a panel for each data set."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from combust.experiments.compare import Comparison
from combust.experiments.measured import Pair, Pairs
from combust.report.charts import drawing
from combust.units import ATM

PANELS = 30


def draw(path: Path, judged: Sequence[Comparison | Pairs], mechanism: str) -> None:
    """Ignition: tau_sim / tau_exp over 1000/T. The rest: measured with bars of one sigma, and lines as simulated."""
    sets: dict[int, list[Any]] = {}
    for one in judged:
        sets.setdefault(id(one.data), []).append(one)
    shown = list(sets.values())[:PANELS]
    columns = min(3, len(shown))
    count = math.ceil(len(shown) / columns)
    delays = [one for group in shown for one in group if isinstance(one, Comparison)]
    reach = max([1.2, *(1.4 * np.exp(np.abs(c.ln_ratios).max()) for c in delays if c.ln_ratios.size)])
    width = max(4.5, 3.1 * columns)
    with drawing(path, (width, 2.4 * count + 0.5)) as figure:
        said = textwrap.fill(title(bool(delays), len(delays) < len(shown), mechanism), int(13 * width))
        figure.suptitle(said, x=0.02, ha="left", fontsize=9.5)
        panels = figure.subplots(count, columns, squeeze=False)
        for axes in panels.flat[len(shown) :]:
            axes.set_visible(False)
        for axes, group in zip(panels.flat, shown, strict=False):
            name = group[0].data.name
            if isinstance(group[0], Comparison):
                draw_delays(axes, group[0], float(reach))
            elif group[0].data.kind == "burning velocity":
                draw_speeds(axes, group[0])
            else:
                draw_species(axes, group)
            axes.set_title(name if len(name) < 34 else f"{name[:31]}...")


def title(delays: bool, others: bool, mechanism: str) -> str:
    """What the panels show."""
    parts = ["simulated / measured ignition delay (grey: a factor of 2)"] if delays else []
    parts += ["measured (bars: one sigma) and simulated (lines)"] if others else []
    return f"{'; '.join(parts)}: {mechanism}"


def draw_delays(axes: Any, comparison: Comparison, reach: float) -> None:
    """One panel; points without ignition stand at the upper edge."""
    from matplotlib.ticker import FuncFormatter, LogLocator

    lit = [r for r in comparison.results if math.isfinite(r.ratio)]
    dark = [r for r in comparison.results if not math.isfinite(r.ratio)]
    axes.set_yscale("log")
    axes.set_ylim(1 / reach, reach)
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(LogLocator(subs=()))
    axes.axhspan(0.5, 2.0, color="0.93", lw=0)
    axes.axhline(1.0, color="0.5", lw=0.8)
    if lit:
        ratio = np.array([r.ratio for r in lit])
        sigma = np.array([r.point.sigma or 0.0 for r in lit])
        bars = np.array([ratio * (1 - np.exp(-sigma)), ratio * (np.exp(sigma) - 1)])
        x = [1000 / r.T for r in lit]
        axes.errorbar(x, ratio, bars if sigma.any() else None, fmt="o", ms=4, lw=0.8, color="C0")
    if dark:
        x = [1000 / r.T for r in dark]
        axes.plot(x, [reach / 1.1] * len(dark), "^", ms=5, mfc="none", color="C3", clip_on=False)
    axes.set_xlabel("1000 K / T")
    axes.set_ylabel("sim / exp")


def draw_speeds(axes: Any, pairs: Pairs) -> None:
    """Burning velocities over what varies in the file."""
    label, x = abscissa(pairs.rows)
    compared(axes, x, pairs.rows, 1.0, "C0", "")
    axes.set_ylim(bottom=0)
    axes.set_xlabel(label)
    axes.set_ylabel("burning velocity [m/s]")


def draw_species(axes: Any, species: Sequence[Pairs]) -> None:
    """Mole fractions, each over its largest measured one."""
    label, _ = abscissa([row for pairs in species for row in pairs.rows])
    for i, pairs in enumerate(species[:10]):
        _, x = abscissa(pairs.rows, label)
        scale = pairs.scale or 1.0
        compared(axes, x, pairs.rows, scale, f"C{i}", f"{pairs.quantity} / {scale:.3g}")
    axes.set_xlabel(label)
    axes.set_ylabel("mole fraction / largest")
    axes.legend(frameon=False, fontsize=6.5)


def compared(axes: Any, x: Sequence[float], rows: Sequence[Pair], scale: float, color: str, label: str) -> None:
    """Measured points with bars, and a line through the simulated ones."""
    order = np.argsort(x)
    place = np.array(x)[order]
    measured, simulated, sigma = (
        np.array([getattr(rows[i], name) or 0.0 for i in order]) / scale for name in ("measured", "simulated", "sigma")
    )
    bars = sigma if sigma.any() else None
    axes.errorbar(place, measured, bars, fmt="o", ms=3.5, lw=0.8, color=color, label=label or None)
    known = np.isfinite(simulated)
    axes.plot(place[known], simulated[known], "-", marker="x", ms=3, lw=1.1, color=color)


def abscissa(rows: Sequence[Pair], wanted: str = "") -> tuple[str, list[float]]:
    """What the points differ in, with its values: the first that takes most values, or the one wanted."""
    choices: dict[str, list[float]] = {}
    if all(math.isfinite(row.distance) for row in rows):
        choices["distance [mm]"] = [1e3 * row.distance for row in rows]
    if all(row.phi is not None for row in rows):
        choices["equivalence ratio"] = [row.phi or 0.0 for row in rows]
    choices["temperature [K]"] = [row.T for row in rows]
    choices["pressure [atm]"] = [row.p / ATM for row in rows]
    choices["residence time [s]"] = [row.tau for row in rows]
    first = rows[0].X.partition(":")[0]
    choices[f"{first} in the fresh gas"] = [amount(row.X, first) for row in rows]
    label = wanted or max(choices, key=lambda name: len(set(choices[name]) - {math.nan}))
    return label, choices[label]


def amount(X: str, name: str) -> float:
    """The amount of a component in a composition as text."""
    parts = dict(part.rsplit(":", 1) for part in X.split(", "))
    return float(parts.get(name, 0.0))
