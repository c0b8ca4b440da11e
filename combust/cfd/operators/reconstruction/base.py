"""What a reconstruction scheme states."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from torch import Tensor

from combust.cfd.mesh.grid import AxisMetric, Layout


class Reconstruction(NamedTuple):
    """A scheme for face values, and what it needs and promises.

    values(q, u, layout, metric, axis) : q at the faces 0..n of an axis, (rows, ...); q (rows, ...) padded cells,
        u (...) the velocity [m/s] at these faces. A pure function of tensors: it becomes part of a compiled kernel
    ghosts : layers of ghost cells that it reads
    order : formal order of accuracy of face values from cell averages of a smooth function away from its extrema
    order_stretched : the same on grids whose widths change from cell to cell
    bounded : where a face value lies between those of its two cells: on grids of equal cells ("evenly"), on all
    points : the same as `values` from values at the centres of equal cells, of fourth order at least; None: there is no
        such, and differences of fourth order cannot be had with the scheme
    """

    values: Callable[[Tensor, Tensor, Layout, AxisMetric, int], Tensor]
    ghosts: int
    order: int
    order_stretched: int
    bounded: Literal["nowhere", "evenly", "everywhere"] = "nowhere"
    points: Callable[[Tensor, Tensor, Layout, AxisMetric, int], Tensor] | None = None
