"""Values between the centres of cells, at points and on planes, the same whatever ranks own the cells. Arrays of NumPy.

Between two centres values are linear; between the last centre and a side of the domain they are those of the cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from combust.cfd.mesh.block import Block
from combust.cfd.mesh.grid import ROUND_OFF
from combust.errors import ConfigError


class Between(NamedTuple):
    """Two layers of cells along an axis and the weight of the second."""

    low: int
    high: int
    weight: float


def between(x: float, faces: np.ndarray, periodic: bool) -> Between:
    """The layers beside the place x [m]. Raises ConfigError for one outside of the domain."""
    n, room = len(faces) - 1, ROUND_OFF * float(faces[-1] - faces[0])
    if not faces[0] - room <= x <= faces[-1] + room:
        raise ConfigError(f"{x:g} m lies outside of the domain, which reaches from {faces[0]:g} to {faces[-1]:g} m")
    centres = 0.5 * (faces[1:] + faces[:-1])
    i = int(np.searchsorted(centres, x, side="right")) - 1
    if 0 <= i < n - 1:
        return Between(i, i + 1, float((x - centres[i]) / (centres[i + 1] - centres[i])))
    if not periodic or n == 1:
        return Between(max(i, 0), max(i, 0), 0.0)
    gap = centres[0] - faces[0] + faces[-1] - centres[-1]
    return Between(n - 1, 0, float((x - centres[-1] if i > 0 else x - faces[0] + faces[-1] - centres[-1]) / gap))


class Points:
    """Where points lie among the cells of all ranks.

    places : (x, y, z) of each [m];  faces : global, (z, y, x).  Raises ConfigError naming the point outside.
    """

    def __init__(self, places: Sequence[Sequence[float]], faces: Sequence[np.ndarray], block: Block) -> None:
        self.block = block
        corners: dict[tuple[int, int, int], int] = {}
        rows = []
        for number, place in enumerate(places):
            where = []
            for a, axis in enumerate("zyx"):
                try:
                    where.append(between(place[2 - a], faces[a], block.periodic[a]))
                except ConfigError as error:
                    raise ConfigError(f"point {number + 1}: {axis} = {error}") from None
            row = []
            for corner in np.ndindex(2, 2, 2):
                cell = tuple(b[k] for b, k in zip(where, corner, strict=True))
                weight = np.prod([b.weight if k else 1.0 - b.weight for b, k in zip(where, corner, strict=True)])
                row.append((corners.setdefault(cell, len(corners)), float(weight)))  # type: ignore[arg-type]
            rows.append(row)
        self.cells = np.array(list(corners))
        self.index = np.array([[i for i, _ in row] for row in rows])
        self.weight = np.array([[w for _, w in row] for row in rows])
        inside = [(self.cells[:, a] >= s) & (self.cells[:, a] < s + c) for a, (s, c) in enumerate(self._extent())]
        self.own = np.flatnonzero(np.logical_and.reduce(inside))
        self.local = tuple((self.cells[self.own] - np.array(block.start)).T)

    def _extent(self) -> list[tuple[int, int]]:
        return list(zip(self.block.start, self.block.count, strict=True))

    def values(self, fields: Sequence[np.ndarray]) -> np.ndarray:
        """(points, fields) on the root, empty elsewhere (collective); fields : owned cells (nz, ny, nx) of each."""
        own = np.array([field[self.local] for field in fields])
        parts = self.block.comm.collect((self.own, own))
        if not parts:
            return np.zeros((0, len(fields)))
        at = np.empty((len(fields), len(self.cells)))
        for numbers, found in parts:
            at[:, numbers] = found
        return (at[:, self.index] * self.weight).sum(-1).T


class Plane:
    """Where a plane normal to an axis (z, y, x) lies among the cells of all ranks.

    at : its place [m];  faces : global, (z, y, x).  Raises ConfigError if it lies outside.
    """

    def __init__(self, axis: int, at: float, faces: Sequence[np.ndarray], block: Block) -> None:
        self.axis, self.block = axis, block
        self.where = between(at, faces[axis], block.periodic[axis])
        centres = [0.5 * (f[1:] + f[:-1]) for f in faces]
        centres[axis] = np.array([at])
        self.coordinates = {name: centres[a] for a, name in enumerate("zyx")}
        self.layers = sorted({self.where.low, self.where.high})

    def values(self, fields: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The fields, each (nz, ny, nx) with one entry along the axis, on the root; none elsewhere (collective)."""
        block, a = self.block, self.axis
        first, count = block.start[a], block.count[a]
        own = [layer for layer in self.layers if first <= layer < first + count]
        mine = {layer: np.array([f.take([layer - first], a) for f in fields]) for layer in own}
        parts = block.comm.collect((block.start, mine))
        if not parts:
            return []
        shape = [n if i != a else 1 for i, n in enumerate(block.shape)]
        whole = {layer: np.empty((len(fields), *shape)) for layer in self.layers}
        for start, given in parts:
            for layer, values in given.items():
                cut = (
                    slice(s, s + n) if i != a else slice(None)
                    for i, (s, n) in enumerate(zip(start, values.shape[1:], strict=True))
                )
                whole[layer][(slice(None), *cut)] = values
        low, high = whole[self.where.low], whole[self.where.high]
        return list(low + self.where.weight * (high - low))
