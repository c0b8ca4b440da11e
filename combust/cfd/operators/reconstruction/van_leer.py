"""Upwind values with van Leer's limited slopes: second order, first at extrema; bounded where cells are equally wide.

van Leer, J. Comput. Phys. 14 (1974) 361. doi:10.1016/0021-9991(74)90019-9
"""

from __future__ import annotations

import torch
from torch import Tensor

from combust.cfd.mesh.grid import AxisMetric, Layout, along, near
from combust.cfd.operators.reconstruction.base import Reconstruction


def slopes(a: Tensor, b: Tensor) -> Tensor:
    """Harmonic mean of neighbouring slopes, zero at extrema."""
    product = a * b
    return torch.where(product > 0, 2 * product / torch.where(product > 0, a + b, 1.0), 0.0)


def values(q: Tensor, u: Tensor, layout: Layout, metric: AxisMetric, axis: int) -> Tensor:
    """q of the cell upstream of each face, carried to the face by its limited slope."""
    left, right = along(q, layout, axis, -1, 0), along(q, layout, axis, 0, 1)
    dim, m = axis - 3, layout.n[axis] + 2
    wide = along(q, layout, axis, -2, 2)
    slope = (wide.narrow(dim, 1, m + 1) - wide.narrow(dim, 0, m + 1)) * near(metric.per_reach, axis, m + 1)
    step = slopes(slope.narrow(dim, 0, m), slope.narrow(dim, 1, m)) * near(metric.half, axis, m)
    left = left + step.narrow(dim, 0, m - 1)
    right = right - step.narrow(dim, 1, m - 1)
    return torch.where(u > 0, left, right)


SCHEME = Reconstruction(values, ghosts=2, order=2, order_stretched=2, bounded="evenly")
