"""Upwind-biased values by WENO5-Z: fifth order where the solution is smooth, on stretched grids too; not bounded.

Parabolas through the means of three cells each, blended by weights that are ideal where all are equally smooth:
Borges et al., J. Comput. Phys. 227 (2008) 3191, doi:10.1016/j.jcp.2007.11.038. Parabolas and ideal weights are those of
the widths that the cells have (Shu, ICASE Report 97-65 (1997), section 2.2). Beyond a boundary cells have no width:
there the parabola through the value at the boundary takes over.

Where differences are of fourth order, values are those at the centres of equal cells, and so are parabolas: through
three of them each, with the ideal weights of interpolation, 1/16, 10/16 and 5/16.
"""

from __future__ import annotations

import torch
from torch import Tensor

from combust.cfd.mesh.grid import AxisMetric, Layout, along, near
from combust.cfd.operators.reconstruction.base import Reconstruction
from combust.cfd.operators.stencils import difference

TINY = 1e-40  # of squares of values: parabolas that bend less are equally smooth


def ideal(widths: list[Tensor]) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Of five cells: the weights of the first and the last parabola at the high, then at the low face of the middle."""
    a, b, c, d, e = widths
    whole = a + b + c + d + e
    first, last = 1.0 / ((a + b + c + d) * whole), 1.0 / ((b + c + d + e) * whole)
    return ((d * (d + e) * first, (a + b + c) * (b + c) * last), ((c + d + e) * (c + d) * first, b * (a + b) * last))


def parabolas(wide: Tensor, width: Tensor, per_reach: Tensor, axis: int) -> tuple[list[Tensor], list[Tensor]]:
    """b and c of mean + b x + c (x^2 - 1/12), x from -1/2 to 1/2 in a cell, of the three parabolas of cells -1..n, from
    the means `wide` and widths of cells -3..n+2 and the inverse distances between their centres.
    """
    dim = axis - 3
    m = wide.shape[dim] - 4
    slopes = (wide.narrow(dim, 1, m + 3) - wide.narrow(dim, 0, m + 3)) * per_reach
    three = width.narrow(dim, 0, m + 2) + width.narrow(dim, 1, m + 2) + width.narrow(dim, 2, m + 2)
    bends = slopes.narrow(dim, 1, m + 2) - slopes.narrow(dim, 0, m + 2)  # half the second derivative
    bends = bends * (1.5 / torch.where(three > 0, three, 1.0))
    before, own, after = (width.narrow(dim, i, m) for i in (1, 2, 3))
    low, high = slopes.narrow(dim, 1, m), slopes.narrow(dim, 2, m)
    first, middle, last = (bends.narrow(dim, i, m) for i in range(3))
    to_low, to_high = (own + 2.0 * before) / 3.0, (own + 2.0 * after) / 3.0  # where these slopes are those of parabolas
    b = [own * (low + to_low * first), own * (low + to_low * middle), own * (high - to_high * last)]
    return b, [own * own * first, own * own * middle, own * own * last]


def trusted(b: list[Tensor], c: list[Tensor]) -> list[Tensor]:
    """What multiplies the ideal weights of three parabolas: 1 where they are equally smooth."""
    rough = [y * y + (13.0 / 3.0) * z * z for y, z in zip(b, c, strict=True)]
    tau = (rough[0] - rough[2]).abs()
    return [1.0 + (tau / (r + TINY)).square() for r in rough]


def values(q: Tensor, u: Tensor, layout: Layout, metric: AxisMetric, axis: int) -> Tensor:
    """q of the cell upstream of each face, carried to the face by its three parabolas."""
    dim, m = axis - 3, layout.n[axis] + 2  # cells -1..n
    wide, width = along(q, layout, axis, -3, 3), 2.0 * near(metric.half, axis, m + 4)
    b, c = parabolas(wide, width, near(metric.per_reach, axis, m + 3), axis)
    trust = trusted(b, c)
    at_high, at_low = ideal([width.narrow(dim, i, m) for i in range(5)])

    def carried(side: float, first: Tensor, last: Tensor) -> Tensor:
        weights = [w * t for w, t in zip((first, 1.0 - first - last, last), trust, strict=True)]
        steps = [w * (side * y + z / 6.0) for w, y, z in zip(weights, b, c, strict=True)]
        return wide.narrow(dim, 2, m) + (steps[0] + steps[1] + steps[2]) / (weights[0] + weights[1] + weights[2])

    left, right = carried(0.5, *at_high), carried(-0.5, *at_low)
    return torch.where(u > 0, left.narrow(dim, 0, m - 1), right.narrow(dim, 1, m - 1))


def points(q: Tensor, u: Tensor, layout: Layout, metric: AxisMetric, axis: int) -> Tensor:
    """q at the centre of the cell upstream of each face, carried to the face by parabolas q + b x + c x^2."""
    dim, m = axis - 3, layout.n[axis] + 2  # cells -1..n
    wide = along(q, layout, axis, -3, 3)
    steps = difference(wide, axis)
    bends = 0.5 * difference(steps, axis)
    low, high = steps.narrow(dim, 1, m), steps.narrow(dim, 2, m)
    c = [bends.narrow(dim, i, m) for i in range(3)]
    b = [low + c[0], low + c[1], high - c[2]]
    trust = trusted(b, c)

    def carried(side: float, first: float, last: float) -> Tensor:
        weights = [first * trust[0], 0.625 * trust[1], last * trust[2]]
        ways = [w * (side * y + 0.25 * z) for w, y, z in zip(weights, b, c, strict=True)]
        return wide.narrow(dim, 2, m) + (ways[0] + ways[1] + ways[2]) / (weights[0] + weights[1] + weights[2])

    left, right = carried(0.5, 0.0625, 0.3125), carried(-0.5, 0.3125, 0.0625)
    return torch.where(u > 0, left.narrow(dim, 0, m - 1), right.narrow(dim, 1, m - 1))


SCHEME = Reconstruction(values, ghosts=3, order=5, order_stretched=5, bounded="nowhere", points=points)
