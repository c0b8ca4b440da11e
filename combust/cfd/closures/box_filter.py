"""A filter twice as wide as a cell: what dynamic closures compare the resolved motion with.

The mean over two widths of a cell, along one direction after the other, by Simpson's rule: 1/6, 2/3, 1/6 of a cell and
its two neighbours. Where cells differ, weights keep what Simpson's have: the mean of a linear function is its value at
the centre, the second moment is that of the box, (2 D)^2 / 12. Beyond sides the field is mirrored.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from combust.cfd.mesh.grid import Grid
from combust.cfd.mesh.slabs import Slab

Weights = tuple[tuple[Tensor, Tensor] | None, ...]  # per axis those of the lower and the higher neighbour


class Box(NamedTuple):
    """axes : that are filtered;  ratio : of its width to that of the cells, squared;  weights : of the neighbours."""

    axes: tuple[int, ...]
    ratio: float
    weights: Weights

    def of(self, slab: Slab) -> Weights:
        """Its weights for a slab."""
        along_z = self.weights[0]
        if slab.whole or along_z is None:
            return self.weights
        low, high = along_z
        return (low.narrow(0, slab.start, slab.planes), high.narrow(0, slab.start, slab.planes)), *self.weights[1:]


def box(grid: Grid, axes: tuple[int, ...]) -> Box:
    """Along these axes; its width is the geometric mean of those of all directions, as that of the cells."""
    return Box(axes, 4.0 ** (len(axes) / len(grid.layout.axes)), box_weights(grid, axes))


def box_weights(grid: Grid, axes: tuple[int, ...]) -> Weights:
    """Per axis (z, y, x) the weights of a cell's two neighbours, to broadcast; None along those not filtered."""
    return tuple(_along(grid, a) if a in axes else None for a in range(3))


def _along(grid: Grid, axis: int) -> tuple[Tensor, Tensor]:
    metric, n = grid.metrics[axis], grid.layout.n[axis]
    assert metric is not None
    away = 1.0 / metric.per_distance
    low, high = away.narrow(axis, 0, n).clone(), away.narrow(axis, 1, n).clone()
    for side, distance in enumerate((low, high)):
        if grid.block.at_boundary(axis, side):  # the mirror image of the cell, as far beyond the side
            end = side * (n - 1)
            distance.narrow(axis, end, 1).copy_(metric.width.narrow(axis, end, 1))
    moment = metric.width * metric.width / 3.0
    return moment / (low * (low + high)), moment / (high * (low + high))


def box_filtered(f: Tensor, weights: Weights) -> Tensor:
    """The mean of (..., nz, ny, nx) fields that have one layer more on either side along the filtered axes."""
    for a, pair in enumerate(weights):
        if pair is None:
            continue
        low, high = pair
        n = f.shape[a - 3] - 2
        own = f.narrow(a - 3, 1, n)
        f = own + low * (f.narrow(a - 3, 0, n) - own) + high * (f.narrow(a - 3, 2, n) - own)
    return f
