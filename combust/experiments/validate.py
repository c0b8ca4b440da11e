"""combust validate: a mechanism against published ignition delays; table, validate.csv and validate.png."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from combust.charts import drawing, picture
from combust.errors import CombustError, ConfigError, DivergenceError, FileFormatError
from combust.experiments.compare import Comparison, Result, Simulate, compare
from combust.experiments.matching import Names
from combust.experiments.read import read_all
from combust.kinetics.mechanism import Mechanism
from combust.tables import Countdown, outputs, write_csv

HEADER = f"{'data set':<28} {'points':>6} {'no ign.':>7} {'sim/exp':>8} {'mean|ln|':>8} {'spread':>7} {'E':>8}"
COLUMNS = (
    "data_set", "file", "reference", "temperature_K", "pressure_Pa", "composition", "basis", "criterion",
    "delay_experiment_s", "sigma_ln", "delay_simulated_s", "ratio", "reason",
)  # fmt: skip
PANELS = 30


def validate(args: argparse.Namespace, simulate: Simulate | None = None) -> int:
    """Prints a row per data set, writes validate.csv and validate.png; 0 if at least one data set was compared, 3 if a
    point of one could not be simulated.

    simulate : in the place of combust.kinetics.ignition.ignition_delays
    """
    if not (math.isfinite(args.within) and args.within > 1):
        raise ConfigError(f"--within {args.within:g}: must be > 1 measured delays")
    table, image = outputs(args.out, ("validate.csv", "validate.png"), args.force)
    names = Names(Mechanism.load(args.mechanism, args.phase, ions=args.ions), args.alias)
    sets, errors = read_all(args.data)
    if simulate is None:
        from combust.kinetics.ignition import ignition_delays

        simulate = ignition_delays
    found: list[Comparison] = []
    countdown = Countdown(len(sets), "data sets")
    print(HEADER, flush=True)
    for data in sets:
        try:
            found.append(compare(data, names, simulate, args.hold, args.within))
            tell(found[-1], args.points)
            # Written after each data set: what was found stays, whatever ends the run.
            write_csv(table, COLUMNS, [cells(comparison, row) for comparison in found for row in comparison.results])
        except CombustError as error:
            errors.append(error)
        countdown.tick()
    for failure in errors:
        print(f"error: {failure}", file=sys.stderr)
    if not found:
        raise FileFormatError(f"none of {len(errors)} data sets could be compared")
    print(f"{len(found)} data sets compared, {len(errors)} left out")
    print(f"table:   {table}")
    more = f" (the first {PANELS} data sets)" if len(found) > PANELS else ""
    picture(image, lambda: draw(image, found, Path(args.mechanism).name), more)
    failed = sum(comparison.failed for comparison in found)
    if failed:
        print(f"{failed} points could not be simulated; the table says why")
    return DivergenceError.exit_code if failed else 0


def tell(comparison: Comparison, points: bool) -> None:
    """The row of a data set with its notes, and its points if asked."""
    c = comparison
    name = c.data.name if len(c.data.name) <= 28 else f"{c.data.name[:25]}..."
    numbers = f"{number(c.mean_ratio)} {number(c.mean_deviation)} {number(c.spread, 7)} {number(c.error)}"
    print(f"{name:<28} {len(c.results):6d} {c.missing:7d} {numbers}  {c.data.reference}")
    for note in c.notes:
        print(f"    note: {note.removeprefix(f'{c.data.path}: ')}")
    for r in c.results if points else ():
        exp, sim = 1e6 * r.point.delay, 1e6 * r.delay
        shown = f"{sim:10.4g} us, sim/exp {r.ratio:.3f}" if math.isfinite(sim) else f"no ignition, {r.criterion}"
        print(f"    {r.point.T:8.1f} K {r.point.p / 101325:9.4g} atm  exp {exp:10.4g} us  sim {shown}")
    sys.stdout.flush()


def number(value: float, width: int = 8) -> str:
    return f"{value:{width}.3g}" if math.isfinite(value) else f"{'-':>{width}}"


def cells(comparison: Comparison, result: Result) -> list[object]:
    """A row of validate.csv."""
    data, point = comparison.data, result.point
    X = ", ".join(f"{name}:{x:.6g}" for name, x in point.X.items())
    return [
        data.name, data.path, data.reference, point.T, point.p, X, point.basis, result.criterion, point.delay,
        point.sigma, result.delay, result.ratio, result.failure,
    ]  # fmt: skip


def draw(path: Path, comparisons: Sequence[Comparison], mechanism: str) -> None:
    """tau_sim / tau_exp over 1000/T, a panel for each data set; points without ignition stand at the upper edge."""
    shown = comparisons[:PANELS]
    columns = min(3, len(shown))
    rows = math.ceil(len(shown) / columns)
    reach = max([1.2, *(1.4 * np.exp(np.abs(c.ln_ratios).max()) for c in shown if c.ln_ratios.size)])
    with drawing(path, (max(4.5, 2.9 * columns), 2.3 * rows + 0.5)) as figure:
        title = f"simulated / measured ignition delay, {mechanism} (grey: a factor of 2)"
        figure.suptitle(title, x=0.02, ha="left", fontsize=9.5)
        panels = figure.subplots(rows, columns, squeeze=False, sharey=True)
        for axes in panels.flat[len(shown) :]:
            axes.set_visible(False)
        for axes, comparison in zip(panels.flat, shown, strict=False):
            draw_set(axes, comparison, float(reach))
        for axes in panels[:, 0]:
            axes.set_ylabel("sim / exp")
        for axes in panels.flat[max(0, len(shown) - columns) : len(shown)]:
            axes.set_xlabel("1000 K / T")


def draw_set(axes: object, comparison: Comparison, reach: float) -> None:
    """One panel with bars of one sigma."""
    from matplotlib.axes import Axes
    from matplotlib.ticker import FuncFormatter, LogLocator

    assert isinstance(axes, Axes)
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
        x = [1000 / r.point.T for r in lit]
        axes.errorbar(x, ratio, bars if sigma.any() else None, fmt="o", ms=4, lw=0.8, color="C0")
    if dark:
        x = [1000 / r.point.T for r in dark]
        axes.plot(x, [reach / 1.1] * len(dark), "^", ms=5, mfc="none", color="C3", clip_on=False)
    axes.set_title(comparison.data.name if len(comparison.data.name) < 34 else f"{comparison.data.name[:31]}...")
