"""Gradients of scalars at cells."""

from __future__ import annotations

import torch
from torch import Tensor

from combust.cfd.mesh.grid import ROUND_OFF, Layout, Metrics, along
from combust.cfd.operators.stencils import difference


def gradient(f: Tensor, layout: Layout, metrics: Metrics) -> Tensor:
    """grad f at the owned cells, (3: z, y, x, nz, ny, nx), of a padded scalar; exact for parabolas.

    Between the slopes at the two faces of a cell by the places where these stand: midway between the two values that
    each comes from. At a side where the value beyond is the cell's own (no gradient), it stands at the side itself.
    """
    zero = torch.zeros(layout.n, dtype=torch.float64, device=f.device)
    return torch.stack([_along(f, layout, metrics, a) if a in layout.axes else zero for a in range(3)])


def squared_gradient(f: Tensor, layout: Layout, metrics: Metrics) -> Tensor:
    """|grad f|^2 at the owned cells."""
    return gradient(f, layout, metrics).pow(2).sum(0)


def _along(f: Tensor, layout: Layout, metrics: Metrics, a: int) -> Tensor:
    metric, n = metrics[a], layout.n[a]
    assert metric is not None
    slope = difference(along(f, layout, a, -1, 1), a) * metric.per_distance
    away = 0.5 / metric.per_distance
    half = 0.5 * metric.width
    slopes = slope.narrow(a, 0, n), slope.narrow(a, 1, n)
    # Beyond a side the ghost has no width: the slope stands a quarter of the cell from its face.
    low, high = (
        torch.where((at <= 0.51 * half) & (own == 0), half, at)
        for at, own in zip((away.narrow(a, 0, n), away.narrow(a, 1, n)), slopes, strict=True)
    )
    equal = (low - high).abs() <= ROUND_OFF * (low + high)  # cells of a uniform mesh differ by that
    weight = torch.where(equal, 0.5, low / (low + high))
    return (1.0 - weight) * slopes[0] + weight * slopes[1]
