"""Picture of how strongly the species of a reduced mechanism depend on each other."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from combust.charts import drawing

LEAST = 0.05  # coefficient below which no edge is drawn
EDGES = 4  # per species, at most, on average
TARGET, FIXED, OTHER = "#c8381e", "#8c8c8c", "#1f6fb2"


def graph_picture(
    path: Path, names: Sequence[str], strength: np.ndarray, targets: Collection[str], fixed: Collection[str]
) -> float:
    """Species as dots, and edges from A to B as wide as r_AB; returns the least coefficient that is drawn.

    strength (species, species) of the kept species. targets, fixed: species that get a colour of their own.
    """
    n = len(names)
    pair = np.triu(np.maximum(strength, strength.T), 1)
    values = np.sort(pair[pair > 0])[::-1]
    least = max(LEAST, float(values[EDGES * n - 1]) if len(values) >= EDGES * n else 0.0)
    place = layout(np.where(np.maximum(pair, pair.T) >= least, np.maximum(pair, pair.T), 0.0))
    side = float(np.clip(2.6 + 0.55 * np.sqrt(n), 4.2, 9.5))
    with drawing(path, (1.25 * side, side)) as figure:
        axes = figure.subplots()
        for a, b in sorted(np.argwhere(pair >= least).tolist(), key=lambda ab: pair[ab[0], ab[1]]):
            x = pair[a, b]
            shade = str(round(0.82 - 0.57 * x, 2))
            axes.plot(*place[[a, b]].T, "-", color=shade, lw=0.4 + 2.6 * x, zorder=1 + x, solid_capstyle="round")
        for k, name in enumerate(names):
            _node(axes, place[k], name, TARGET if name in targets else FIXED if name in fixed else OTHER)
        axes.set_axis_off()
        axes.margins(0.08)
        _legend(axes)
    return least


def _node(axes: Any, at: np.ndarray, name: str, colour: str) -> None:
    box = {"boxstyle": "round,pad=0.28", "fc": "white", "ec": colour, "lw": 1.3}
    axes.plot(*at, "o", ms=1, color=colour)
    axes.text(*at, name, ha="center", va="center", fontsize=8, color="#1c1c1c", bbox=box, zorder=3)


def _legend(axes: Any) -> None:
    names = {"target": TARGET, "must stay": FIXED, "other": OTHER}
    marks = [axes.plot([], [], "s", mfc="white", mec=colour, mew=1.4, ms=8)[0] for colour in names.values()]
    axes.legend(marks, list(names), frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(0, 1.02))


def layout(weight: np.ndarray, rounds: int = 400, seed: int = 0) -> np.ndarray:
    """Places (species, 2) by springs along edges and repulsion of all; weight (species, species) is symmetric.

    Fruchterman and Reingold 1991, doi 10.1002/spe.4380211102, with a pull to the centre for what hangs alone.
    """
    n = len(weight)
    turn = 2 * np.pi * np.arange(n) / n
    place = np.stack([np.cos(turn), np.sin(turn)], 1) + 0.01 * np.random.default_rng(seed).standard_normal((n, 2))
    ideal = 2.0 / np.sqrt(n)
    for step in range(rounds):
        apart = place[:, None] - place[None]
        distance = np.maximum(np.hypot(apart[..., 0], apart[..., 1]), 1e-3)
        push = ideal**2 / distance - (0.3 + weight) * (weight > 0) * distance**2 / ideal
        move = (push / distance)[..., None] * apart
        total = move.sum(1) - 0.6 * place
        length = np.maximum(np.hypot(*total.T), 1e-9)[:, None]
        heat = 0.2 * (1 - step / rounds) + 1e-3
        place = place + total / length * np.minimum(length, heat)
    return place - place.mean(0)
