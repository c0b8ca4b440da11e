"""The value of the cell upstream: first order, bounded, diffusive."""

from __future__ import annotations

import torch
from torch import Tensor

from combust.cfd.mesh.grid import AxisMetric, Layout, along
from combust.cfd.operators.reconstruction.base import Reconstruction


def values(q: Tensor, u: Tensor, layout: Layout, metric: AxisMetric, axis: int) -> Tensor:
    """q of the cell upstream of each face."""
    return torch.where(u > 0, along(q, layout, axis, -1, 0), along(q, layout, axis, 0, 1))


SCHEME = Reconstruction(values, ghosts=1, order=1, order_stretched=1, bounded="everywhere")
