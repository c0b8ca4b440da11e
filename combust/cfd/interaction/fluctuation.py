"""Velocity of the eddies that a thickened flame does not see: from the smallest resolved ones, or from a closure.

Resolved, without the motion that the expansion of the gas makes: h^3 |lap curl u| is the velocity difference of the
smallest eddies, h the width of a cell, and twice that the velocity of those up to 10 h; to another size n h it goes by
(n/10)^(1/3), the law of the inertial range.
Colin, Ducros, Veynante, Poinsot, Phys. Fluids 12 (2000) 1843 (their operator OP2), doi:10.1063/1.870436
"""

from __future__ import annotations

from torch import Tensor

from combust.cfd.mesh.grid import Layout, Metrics, along, near, weighted
from combust.cfd.operators.momentum import curl
from combust.cfd.operators.stencils import difference
from combust.kernels import compiled

FACTOR, CELLS = 2.0, 10.0  # of the operator, and the cells of the size that it belongs to
THIRD = 1.0 / 3.0


def laplacian(f: Tensor, layout: Layout, metrics: Metrics) -> Tensor:
    """lap f at the owned cells of a padded vector (3: z, y, x, ...); the curl of an axisymmetric flow turns about x."""
    total: Tensor | None = None
    for a in layout.axes:
        metric = metrics[a]
        assert metric is not None
        slopes = difference(along(f, layout, a, -1, 1), a) * metric.per_distance
        part = difference(weighted(slopes, metric, a), a) * metric.per_volume
        if metric.cell is not None:
            part = part - along(f, layout, a, 0, 0) / near(metric.cell, a, layout.n[a]) ** 2
        total = part if total is None else total + part
    assert total is not None
    return total


def resolved(vorticity: Tensor, width: Tensor, size: Tensor, layout: Layout, metrics: Metrics) -> Tensor:
    """u' [m/s] of the eddies up to `size` [m], at the owned cells.

    vorticity : curl u, padded (3, ...) [1/s];  width : of the cells [m]
    """
    strength = laplacian(vorticity, layout, metrics).pow(2).sum(0).sqrt()
    return FACTOR * width**3 * strength * (size / (CELLS * width)) ** THIRD


def of_closure(energy: Tensor, width: Tensor, size: Tensor) -> Tensor:
    """u' [m/s] of the eddies up to `size` [m] from the kinetic energy [m2/s2] of those below the filter's width [m]."""
    return (2.0 * THIRD * energy).sqrt() * (size / width) ** THIRD


curl_kernel, resolved_kernel, of_closure_kernel = compiled(curl), compiled(resolved), compiled(of_closure)
