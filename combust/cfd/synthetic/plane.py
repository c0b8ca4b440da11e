"""A plane through which made turbulence comes in: its two directions, its cells, and how fast the pattern passes it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class InflowPlane:
    """The side of a box, or the part of it, on which the velocity fluctuates.

    normal : its axis (0 z, 1 y, 2 x);  axes : those in it that the mesh has cells along;  inwards : +1.0 or -1.0
    faces : face coordinates of the whole side along each of `axes` [m];  periodic : whether they are
    cells : of them, those of the part, as (first, count)
    depth : width of the first cell beside it [m];  speed : with which the pattern comes in [m/s]
    """

    normal: int
    inwards: float
    axes: tuple[int, ...]
    faces: tuple[np.ndarray, ...]
    periodic: tuple[bool, ...]
    cells: tuple[tuple[int, int], ...]
    depth: float
    speed: float

    @property
    def centres(self) -> tuple[np.ndarray, ...]:
        """Of the part's cells along each axis [m]."""
        return tuple(0.5 * (f[1:] + f[:-1])[i : i + n] for f, (i, n) in zip(self.faces, self.cells, strict=True))

    @property
    def shares(self) -> tuple[np.ndarray, ...]:
        """Of the part's cells along each axis in its whole width: their products are shares of the area."""
        widths = (np.diff(f)[i : i + n] for f, (i, n) in zip(self.faces, self.cells, strict=True))
        return tuple(w / w.sum() for w in widths)

    def mean(self, field: np.ndarray) -> float:
        """Mean over the area of values at the part's cells, one direction of the array for each axis."""
        for share in reversed(self.shares):
            field = field @ share
        return float(field)
