"""Picture of how strongly the species of a reduced mechanism depend on each other."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from combust.reduction.select.graph import Graph
from combust.report.charts import drawing

LEAST = 0.02  # coefficient below which no edge is drawn
EDGES = 3  # per species, at most, on average
STATES = 100  # at most, over which coefficients are averaged
TARGET, FIXED, OTHER = "#c8381e", "#8c8c8c", "#1f6fb2"


def mean_strength(graph: Graph, rows: Sequence[int]) -> np.ndarray:
    """Coefficients (species, species) among these rows, averaged over the sampled states.

    Almost every pair is strong in some state; the average tells them apart.
    """
    count = min(STATES, len(graph.samples))
    states = np.linspace(0, len(graph.samples) - 1, count).round().astype(int)
    total = sum(graph.coefficients(int(state))[rows][:, rows].toarray() for state in states)
    return np.asarray(total) / count


def graph_picture(
    path: Path, names: Sequence[str], strength: np.ndarray, targets: Collection[str], fixed: Collection[str]
) -> float:
    """Species as dots, and edges as wide as the stronger of r_AB and r_BA; returns the least coefficient that is drawn.

    strength (species, species) of the kept species. targets, fixed: species that get a colour of their own.
    """
    n = len(names)
    pair = np.triu(np.maximum(strength, strength.T), 1)
    values = np.sort(pair[pair > 0])[::-1]
    least = max(LEAST, float(values[EDGES * n - 1]) if len(values) >= EDGES * n else 0.0)
    side = float(np.clip(2.2 + 0.62 * np.sqrt(n), 4.0, 9.5))
    place = layout(np.where(np.maximum(pair, pair.T) >= least, np.maximum(pair, pair.T), 0.0))
    place = apart(place * np.array([1.25 * side, side]), np.array([0.26 + 0.085 * len(name) for name in names]), 0.36)
    with drawing(path, (1.25 * side, side)) as figure:
        figure.set_layout_engine("none")
        axes = figure.add_axes((0.0, 0.05, 1.0, 0.95))
        for a, b in sorted(np.argwhere(pair >= least).tolist(), key=lambda ab: pair[ab[0], ab[1]]):
            x = pair[a, b] / pair.max()
            shade = str(round(0.86 - 0.5 * x, 2))
            axes.plot(*place[[a, b]].T, "-", color=shade, lw=0.5 + 3.0 * x, zorder=1 + x, solid_capstyle="round")
        for k, name in enumerate(names):
            _node(axes, place[k], name, TARGET if name in targets else FIXED if name in fixed else OTHER)
        axes.set_axis_off()
        axes.margins(0.07)
        _legend(figure, axes)
    return least


def _node(axes: Any, at: np.ndarray, name: str, colour: str) -> None:
    box = {"boxstyle": "round,pad=0.28", "fc": "white", "ec": colour, "lw": 1.3}
    axes.plot(*at, "o", ms=1, color=colour)
    axes.text(*at, name, ha="center", va="center", fontsize=8, color="#1c1c1c", bbox=box, zorder=3)


def _legend(figure: Any, axes: Any) -> None:
    names = {"target": TARGET, "must stay": FIXED, "other": OTHER}
    marks = [axes.plot([], [], "s", mfc="white", mec=colour, mew=1.4, ms=8)[0] for colour in names.values()]
    figure.legend(marks, list(names), frameon=False, fontsize=8, loc="lower center", ncols=3)


def layout(weight: np.ndarray, rounds: int = 400, seed: int = 0) -> np.ndarray:
    """Places (species, 2) in [0, 1] by springs along edges and repulsion of all; weight is symmetric.

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
        total = move.sum(1) - 2.0 * place
        length = np.maximum(np.hypot(*total.T), 1e-9)[:, None]
        heat = 0.2 * (1 - step / rounds) + 1e-3
        place = place + total / length * np.minimum(length, heat)
    low, high = place.min(0), place.max(0)
    return (place - low) / np.maximum(high - low, 1e-9)


def apart(place: np.ndarray, width: np.ndarray, height: float, rounds: int = 300) -> np.ndarray:
    """Places (species, 2) moved until boxes of width (species,) and one height no longer overlap, if they can."""
    place = place.copy()
    n = len(place)
    order = np.sign(np.arange(n)[:, None] - np.arange(n)[None])
    for _ in range(rounds):
        d = place[:, None] - place[None]
        over = np.stack([0.5 * (width[:, None] + width[None]) - abs(d[..., 0]), height - abs(d[..., 1])], 2)
        both = (over > 0).all(2) & (order != 0)
        if not both.any():
            break
        along = np.argmin(over, 2)[..., None] == np.arange(2)  # the shorter way out
        way = np.where(d != 0, np.sign(d), order[..., None])
        place += 0.25 * np.where(both[..., None] & along, over * way, 0.0).sum(1)
    return place
