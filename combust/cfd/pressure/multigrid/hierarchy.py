"""Which grids a multigrid has: along each direction cells joined in pairs, over ranks whose parts are joined as well.

All of it follows from the grid alone, and is the same on all ranks.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from combust.cfd.mesh.block import split
from combust.cfd.pressure.base import PressureGrid

FIRST, DEEP = 3, 6  # layers of ghosts that ranks share on the first level and on later ones, as the cycle works on them
STRONG = 0.5  # of the strongest coupling: directions of less are not coarsened
SMALLEST = 2  # cells of a direction on the last level


class Direction(NamedTuple):
    """A direction of a level, of the whole grid.

    edges : of its cells [m];  parts : the first cells of the ranks' parts, and the end;  sides : of its ends, as those
    of PressureGrid or "mixed" where parts of one fix the pressure
    """

    edges: np.ndarray
    parts: tuple[int, ...]
    sides: tuple[str, str]

    @property
    def cells(self) -> int:
        return self.edges.size - 1

    @property
    def ranks(self) -> int:
        return len(self.parts) - 1

    @property
    def periodic(self) -> bool:
        return self.sides[0] == "periodic"

    @property
    def active(self) -> bool:
        """Whether something couples cells along it, or ties them to a side."""
        return self.cells > 1 or "dirichlet" in self.sides or "mixed" in self.sides

    @property
    def coupling(self) -> float:
        """Mean of 1 / width^2, by which directions are compared [1/m2]."""
        return float(np.mean(np.diff(self.edges) ** -2.0))

    def least(self) -> int:
        """Cells of the smallest part."""
        return int(np.diff(self.parts).min())


class Step(NamedTuple):
    """From one level to the next: per direction the first cells of those that are joined, and the end; and, in this
    order, directions along which parts of ranks are joined, with how many of them make one.
    """

    starts: tuple[np.ndarray, np.ndarray, np.ndarray]
    joined: tuple[tuple[int, int], ...]


def directions(grid: PressureGrid) -> tuple[Direction, Direction, Direction]:
    """Of the grid itself."""
    found = []
    for axis in range(3):
        active = axis in grid.axes
        width = np.asarray(grid.widths[axis], dtype=np.float64) if active else np.ones(1)
        edges = np.concatenate(([0.0], np.cumsum(width)))
        parts = tuple(split(width.size, grid.block.dims[axis]))
        low, high = ("mixed" if (axis, end) in grid.fixed else grid.sides[axis][end] for end in (0, 1))
        found.append(Direction(edges, parts, (low, high) if active else ("neumann", "neumann")))
    return found[0], found[1], found[2]


Level = tuple[Direction, Direction, Direction]


def hierarchy(first: Level) -> tuple[list[Level], list[Step]]:
    """All levels and the steps between them, until a few cells are left."""
    levels, steps = [first], []
    while (step := _step(levels[-1])) is not None:
        steps.append(step[0])
        levels.append(step[1])
    return levels, steps


def _step(level: Level) -> tuple[Step, Level] | None:
    strong = _strong(level)
    if not strong:
        return None
    starts, coarse = [], []
    for axis, direction in enumerate(level):
        first = joined(direction.parts) if axis in strong else np.arange(direction.cells + 1)
        parts = tuple(int(i) for i in np.searchsorted(first, direction.parts))
        starts.append(first)
        coarse.append(direction._replace(edges=direction.edges[first], parts=parts))
    merged = []
    for axis in range(3):
        while coarse[axis].ranks > 1 and coarse[axis].least() <= DEEP:
            ranks = coarse[axis].ranks
            factor = next(f for f in range(2, ranks + 1) if ranks % f == 0)
            coarse[axis] = coarse[axis]._replace(parts=coarse[axis].parts[::factor])
            merged.append((axis, factor))
    return Step((starts[0], starts[1], starts[2]), tuple(merged)), (coarse[0], coarse[1], coarse[2])


def _strong(level: Level) -> list[int]:
    """Directions whose cells are joined; none where a few cells are left that are coupled alike in all directions.

    Two cells are joined as well where their coupling outgrows others': smoothing does not reach what they share.
    """
    several = [axis for axis in range(3) if level[axis].cells > 1]
    strongest = max((level[axis].coupling for axis in several), default=0.0)
    strong = [axis for axis in several if level[axis].coupling >= STRONG * strongest]
    small = all(direction.cells <= SMALLEST and direction.ranks == 1 for direction in level)
    return [] if small and strong == several else strong


def joined(parts: tuple[int, ...]) -> np.ndarray:
    """The first cells of pairs, and the end: within each part, whose middle has three in one where it is odd."""
    found: list[int] = []
    for low, high in zip(parts, parts[1:], strict=False):
        cells = high - low
        pairs = max(cells // 2, 1)
        first = low + 2 * np.arange(pairs)
        if cells % 2 and cells > 1:
            first[pairs // 2 + 1 :] += 1
        found += first.tolist()
    return np.array([*found, parts[-1]])


class Weights(NamedTuple):
    """Linear interpolation along a direction, per cell: of the cell of the next level that it lies in and of the one
    beside that, on the `side` (-1, 0 or 1) of which it lies.
    """

    parent: np.ndarray
    side: np.ndarray
    own: np.ndarray
    other: np.ndarray


def weights(direction: Direction, starts: np.ndarray) -> Weights:
    """Beyond sides without flux the last value goes on, on those of fixed pressure it falls to zero."""
    edges, n = direction.edges, starts.size - 1
    centres, coarse = 0.5 * (edges[1:] + edges[:-1]), 0.5 * (edges[starts][1:] + edges[starts][:-1])
    parent = np.searchsorted(starts, np.arange(direction.cells), side="right") - 1
    offset = centres - coarse[parent]
    middle = 2 * (np.arange(direction.cells) - starts[parent]) + 1 == np.diff(starts)[parent]
    offset[middle] = 0.0
    side = np.sign(np.where(np.abs(offset) > 1e-9 * (edges[-1] - edges[0]), offset, 0.0)).astype(int)
    there, length = parent + side, edges[-1] - edges[0]
    place = coarse[there % n] + length * (there // n)
    other = np.where(side == 0, 0.0, offset / np.where(side == 0, 1.0, place - coarse[parent]))
    own = 1.0 - other
    for end, outside, edge in ((0, there < 0, edges[0]), (1, there >= n, edges[-1])):
        if not direction.periodic:
            fixed = direction.sides[end] == "dirichlet"
            kept = np.abs(centres - edge) / np.abs(coarse[parent] - edge) if fixed else 1.0
            own, other, side = np.where(outside, kept, own), np.where(outside, 0.0, other), np.where(outside, 0, side)
    return Weights(parent, side, own, other)
