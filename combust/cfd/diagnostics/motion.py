"""Motion: velocity at cells, vorticity, rates of strain, dissipation. Components are in the order z, y, x.

u : per axis velocities on faces, padded [m/s].  gradients : du_i/dx_j at cells (`View.gradients`), (3, 3, ...) [1/s]
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from combust.cfd.mesh.grid import Faces, Layout, Metrics
from combust.cfd.operators.momentum import (
    beside,
    curl,
    derivative,
    hoop_strain,
    take,
    velocity_divergence,
    velocity_gradient,
)
from combust.cfd.operators.stencils import mean, slope
from combust.cfd.operators.strain import full_square


def vorticity(u: Faces, layout: Layout, metrics: Metrics) -> Tensor:
    """curl u at cells, (3, nz, ny, nx), from central differences of the face velocities [1/s].

    First order in cells at a wall.
    """
    return curl(velocity_gradient(u, layout, metrics, (None, None, None)))


def strain_rate(gradients: Tensor) -> Tensor:
    """sqrt(2 S:S) with S = (grad u + grad u^T)/2 [1/s]: the rate of shear of a plane shear flow."""
    return (2.0 * full_square(gradients)).sqrt()


def q_criterion(gradients: Tensor) -> Tensor:
    """(W:W - S:S)/2 with W = (grad u - grad u^T)/2 [1/s2], positive where rotation exceeds strain.

    Hunt, Wray, Moin, CTR report S88 (1988) 193; of a divergence-free flow it is the second invariant of grad u.
    """
    rotation = 0.5 * (gradients - gradients.transpose(0, 1))
    return 0.5 * (rotation.pow(2).sum((0, 1)) - full_square(gradients))


def enstrophy(u: Faces, layout: Layout, metrics: Metrics) -> Tensor:
    """|curl u|^2 / 2 of each cell [1/s2].

    Each component is taken where it is a difference of neighbours, at edges of cells, and its square averaged: averages
    of the curl itself, as `vorticity` has them, would lose most of the shortest waves.
    """
    total = torch.zeros(layout.n, dtype=torch.float64, device=_device(u))
    for a, b in _planes(layout):
        slopes = _slopes(u, layout, metrics, a, b)
        total = total + 0.5 * _of_edges((slopes[0] - slopes[1]).pow(2), layout, a, b)
    return total


def viscous_dissipation(u: Faces, viscosity: Tensor, layout: Layout, metrics: Metrics) -> Tensor:
    """tau : grad u of each cell [W/m3], tau = mu (grad u + grad u^T - 2/3 div u); viscosity : padded [Pa s].

    Normal stresses are those of cells, shear is squared where it is a difference of neighbours (as in `enstrophy`).
    """
    mu = take(viscosity, layout, {})
    div = velocity_divergence(u, layout, metrics)
    total = mu * (-2.0 / 3.0) * div.pow(2)
    hoop = hoop_strain(u, layout, metrics)
    if hoop is not None:
        total = total + 2.0 * mu * hoop.pow(2)
    for a in layout.axes:
        strain = derivative(u, a, a, layout, metrics)
        assert strain is not None
        total = total + 2.0 * mu * strain.pow(2)
    for a, b in _planes(layout):
        slopes = _slopes(u, layout, metrics, a, b)
        ma, mb = metrics[a], metrics[b]
        assert ma is not None and mb is not None
        at = mean(take(viscosity, layout, {a: beside(layout, a), b: beside(layout, b)}), layout, a, ma.right)
        at = mean(at, layout, b, mb.right)
        total = total + _of_edges(at * (slopes[0] + slopes[1]).pow(2), layout, a, b)
    return total


def _planes(layout: Layout) -> Iterator[tuple[int, int]]:
    """Pairs of active axes."""
    return ((a, b) for i, a in enumerate(layout.axes) for b in layout.axes[i + 1 :])


def _slopes(u: Faces, layout: Layout, metrics: Metrics, a: int, b: int) -> tuple[Tensor, Tensor]:
    """du_a/dx_b and du_b/dx_a at the edges where faces of a (0..n) and of b (0..n) meet [1/s]."""
    ua, ub, ma, mb = u[a], u[b], metrics[a], metrics[b]
    assert ua is not None and ub is not None and ma is not None and mb is not None
    one = slope(take(ua, layout, {a: (0, 1), b: beside(layout, b)}), layout, b, mb.per_distance)
    return one, slope(take(ub, layout, {b: (0, 1), a: beside(layout, a)}), layout, a, ma.per_distance)


def _of_edges(f: Tensor, layout: Layout, a: int, b: int) -> Tensor:
    """Mean of the four edges of each cell."""
    for axis in (a, b):
        n = layout.n[axis]
        f = 0.5 * (f.narrow(axis, 0, n) + f.narrow(axis, 1, n))
    return f


def _device(u: Faces) -> torch.device:
    return next(f.device for f in u if f is not None)
