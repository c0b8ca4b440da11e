"""Pictures of a report card: delays, and flames by learned beside exact chemistry."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from combust.kinetics.mechanism.mechanism import Mechanism
from combust.report.charts import drawing
from combust.surrogates.judge.flames import Run
from combust.surrogates.trust.routes import COLOURS, ROUTES
from combust.units import ATM

EXACT, OWN, ALONE = "#1c1c1c", "#c8381e", "#1f6fb2"
LEARNED = (("router", OWN, "--", "router on"), ("network", ALONE, ":", "router off"))
PALETTE = ("#1c1c1c", "#1f6fb2", "#b8860b", "#2a8c55", "#8a4fa3", "#c8381e", "#6b6b6b", "#16939b")


def delays(path: Path, runs: Sequence[dict[str, Any]]) -> None:
    """Delays over 1000 K / T, CVODE as lines, router on filled, off open; below, their errors."""
    first = [run for run in runs if run["dt"] == runs[0]["dt"]]
    with drawing(path, (6.4, 5.0)) as figure:
        top, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
        keys = sorted({(c["phi"], c["p"]) for c in first[0]["cases"]})
        for colour, key in zip(PALETTE * 9, keys, strict=False):
            for run in first:
                cases = sorted((c for c in run["cases"] if (c["phi"], c["p"]) == key), key=lambda c: c["T"])
                x = [1000 / c["T"] for c in cases]
                face = colour if run["mode"] == "router" else "white"
                if run is first[0]:
                    top.plot(
                        x,
                        [1e6 * c["delay"][0] for c in cases],
                        color=colour,
                        lw=1.2,
                        label=f"phi {key[0]:g}, {key[1] / ATM:.3g} atm",
                    )
                style = {"ms": 4.5, "mfc": face, "mec": colour, "ls": "none"}
                top.plot(x, [1e6 * c["delay"][1] for c in cases], "o", **style)
                below.plot(x, [100 * c["delay_error"] for c in cases], "o", **style)
        top.set_yscale("log")
        top.set_ylabel("ignition delay [\N{MICRO SIGN}s]")
        top.legend(frameon=False, fontsize=8)
        below.axhspan(-2, 2, color="0.93", lw=0)
        below.set_ylabel("error [%]")
        below.set_xlabel("1000 K / T")
        bound = below.get_ylim()
        below.set_ylim(max(bound[0], -25), min(bound[1], 25))


def flame(path: Path, gas: Mechanism, title: str, runs: Sequence[Run], peaks: Sequence[str]) -> None:
    """T and radicals of the runs over x, exact ones as lines; the routes of learned cells as colours behind."""
    by = {run.mode: run for run in runs}
    exact, own = by["exact"], by.get("router")
    x = 1e3 * exact.x
    with drawing(path, (6.4, 4.8)) as figure:
        top, below = figure.subplots(2, 1, sharex=True)
        if own is not None:
            edges = np.r_[x - 0.5 * (x[1] - x[0]), x[-1] + 0.5 * (x[1] - x[0])]
            for axes in (top, below):
                for route, colour in enumerate(COLOURS):
                    for k in np.flatnonzero(own.route == route):
                        axes.axvspan(edges[k], edges[k + 1], color=colour, alpha=0.55, lw=0)
            for route in sorted(set(own.route.astype(int).tolist())):
                top.plot([], [], "s", color=COLOURS[route], alpha=0.55, ms=7, label=f"{ROUTES[route]} cells")
        top.plot(x, exact.T, color=EXACT, lw=1.2, label="exact chemistry")
        for mode, colour, style, label in LEARNED:
            if mode in by:
                top.plot(x, by[mode].T, color=colour, ls=style, lw=1.3, label=label)
        for colour, name in zip(PALETTE, peaks, strict=False):
            k = gas.index(name)
            scale = exact.Y[k].max()
            below.plot(x, exact.Y[k] / scale, color=colour, lw=1.1, label=name)
            if own is not None:
                below.plot(x, own.Y[k] / scale, color=colour, lw=1.4, ls="--")
        top.set_title(title)
        top.set_ylabel("temperature [K]")
        below.set_ylabel("Y / exact peak")
        below.set_xlabel("x [mm]")
        below.set_xlim(x[0], x[-1])
        for axes in (top, below):
            axes.legend(frameon=False, fontsize=7.5, loc="center right")


def file_name(title: str) -> str:
    """Of a flame's picture."""
    return "flame_" + re.sub(r"[^A-Za-z0-9.]+", "_", title).strip("_") + ".png"
