"""Interpolation between the two cells of a face, or the four around it: neither bounded nor diffusive."""

from __future__ import annotations

from torch import Tensor

from combust.cfd.mesh.grid import AxisMetric, Layout, along
from combust.cfd.operators.reconstruction.base import Reconstruction
from combust.cfd.operators.stencils import mean_of_four


def values(q: Tensor, u: Tensor, layout: Layout, metric: AxisMetric, axis: int) -> Tensor:
    """q interpolated to each face, linearly."""
    left, right = along(q, layout, axis, -1, 0), along(q, layout, axis, 0, 1)
    return left + metric.right * (right - left)


def points(q: Tensor, u: Tensor, layout: Layout, metric: AxisMetric, axis: int) -> Tensor:
    """q interpolated to each face from the centres of four equal cells."""
    return mean_of_four(along(q, layout, axis, -2, 2), axis)


SCHEME = Reconstruction(values, ghosts=1, order=2, order_stretched=2, bounded="nowhere", points=points)
