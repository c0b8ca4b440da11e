"""Linear interpolation between the two cells of a face: second order, neither bounded nor diffusive."""

from __future__ import annotations

from torch import Tensor

from combust.cfd.mesh.grid import AxisMetric, Layout, along
from combust.cfd.operators.reconstruction.base import Reconstruction


def values(q: Tensor, u: Tensor, layout: Layout, metric: AxisMetric, axis: int) -> Tensor:
    """q interpolated to each face."""
    left, right = along(q, layout, axis, -1, 0), along(q, layout, axis, 0, 1)
    return left + metric.right * (right - left)


SCHEME = Reconstruction(values, ghosts=1, order=2, order_stretched=2, bounded="nowhere")
