"""The picture of `combust uncertainty`: delays and flame speeds with their bands, the ranking, all sets together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from combust.kinetics.uncertainty.record import DelayBand, FlameBand, UncertaintyRecord
from combust.units import ATM

BARS = 8  # rates of the ranking


def draw(path: Path, found: UncertaintyRecord) -> None:
    """A panel for delays, one for flame speeds, one for shares of the variance, as far as there are any."""
    from combust.report.charts import drawing

    kinds = [name for name in ("delays", "flames") if any(values(one, name) for one in found.sets)]
    if not kinds:
        return
    with drawing(path, (4.2 * len(kinds) + 5.2, 4.0)) as figure:
        panels = figure.subplots(1, len(kinds) + 1, squeeze=False)[0]
        for axes, kind in zip(panels, kinds, strict=False):
            for i, one in enumerate(found.sets):
                (draw_delays if kind == "delays" else draw_flames)(
                    axes, values(one, kind), one.name, i, len(found.sets)
                )
            axes.legend(frameon=False, fontsize=7)
        draw_ranking(panels[-1], found)


def values(one: Any, kind: str) -> list[Any]:
    """What has a value."""
    return [band for band in getattr(one, kind) if not math.isnan(band.delay if kind == "delays" else band.speed)]


def draw_delays(axes: Any, bands: Sequence[DelayBand], name: str, i: int, count: int) -> None:
    """Delay over 1000/T, a band for each pair of phi and p: of samples, else linear."""
    for k, (phi, p) in enumerate(dict.fromkeys((band.phi, band.p) for band in bands)):
        own = sorted((band for band in bands if (band.phi, band.p) == (phi, p)), key=lambda band: band.T)
        x, y = [1000 / band.T for band in own], [band.delay for band in own]
        label = name if k == 0 else None
        axes.plot(x, y, "-", color=f"C{i}", lw=1.2, marker="o" if len(x) < 3 else None, ms=3, label=label)
        ended = [(b, e) for b in own if (e := b.sampled or b.linear) is not None and math.isfinite(e.high)]
        at = [1000 / b.T + 0.006 * (i - 0.5 * (count - 1)) for b, _ in ended]
        bars(axes, list(zip(at, (e for _, e in ended), strict=True)), f"C{i}", [b.delay for b, _ in ended])
    axes.set(yscale="log", xlabel="1000 K / T", ylabel="ignition delay [s]", title="95 % of delays, sampled")


def draw_flames(axes: Any, bands: Sequence[FlameBand], name: str, i: int, count: int) -> None:
    """Speed over what varies most: bars of the linear band, sets side by side."""
    along = {"equivalence ratio": [band.phi for band in bands], "temperature [K]": [band.T for band in bands],
             "pressure [atm]": [band.p / ATM for band in bands]}  # fmt: skip
    title = max(along, key=lambda key: len(set(along[key])))
    x = along[title]
    width = (max(x) - min(x) or 0.1 * max(x)) * 0.02
    shifted = [value + (i - 0.5 * (count - 1)) * width for value in x]
    speeds = [band.speed for band in bands]
    axes.plot(shifted, speeds, "o", color=f"C{i}", ms=3.5, label=name)
    bars(axes, [(at, band.linear) for at, band in zip(shifted, bands, strict=True) if band.linear], f"C{i}", speeds)
    some = [(at, b.sampled) for at, b in zip(shifted, bands, strict=True) if b.sampled]
    for at, band in some:
        axes.plot([at, at], [band.low, band.high], "_", color=f"C{i}", ms=9, mew=1.2)
    marks = "bars linear, marks sampled" if some else "linear"
    axes.set(xlabel=title, ylabel="flame speed [m/s]", title=f"95 % of flame speeds, {marks}")


def bars(axes: Any, known: Sequence[tuple[float, Any]], colour: str, values: Sequence[float]) -> None:
    """From low to high."""
    if not known:
        return
    x, low, high = [a for a, _ in known], [b.low for _, b in known], [b.high for _, b in known]
    errors = [[max(v - a, 0.0) for v, a in zip(values, low, strict=True)],
              [max(b - v, 0.0) for v, b in zip(values, high, strict=True)]]  # fmt: skip
    axes.errorbar(x, values, yerr=errors, fmt="none", ecolor=colour, elinewidth=1.4, capsize=2.5, alpha=0.8)


def draw_ranking(axes: Any, found: UncertaintyRecord) -> None:
    """Shares of the variance, the rates that have most of any set."""
    best: dict[str, float] = {}
    for ranks in found.ranking:
        for rank in ranks:
            best[rank.equation] = max(best.get(rank.equation, 0.0), rank.share)
    named = sorted(best, key=best.__getitem__, reverse=True)[:BARS]
    height = 0.8 / len(found.sets)
    for i, (one, ranks) in enumerate(zip(found.sets, found.ranking, strict=True)):
        shares = {rank.equation: 100 * rank.share for rank in ranks}
        y = [k + (i - 0.5 * (len(found.sets) - 1)) * height for k in range(len(named))]
        axes.barh(y, [shares.get(name, 0.0) for name in named], 0.9 * height, color=f"C{i}", label=one.name)
    axes.set_yticks(range(len(named)), named, fontsize=7)
    axes.invert_yaxis()
    axes.set(xlabel="share of the variance [%]", title="which rate to compute next")
