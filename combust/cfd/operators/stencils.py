"""Differences and means between neighbours, on staggered points: second order, fourth along `Layout.fourth`.

Values are those of points (centres of cells, of faces), and what a scheme conserves are its sums: a slope of fourth
order is a difference of (26 F - F_before - F_after) / 24, which neighbours share. With G the slope from centres to
faces, that from faces to centres is -G^T, and both commute with the means of an axis; so pressure does no work on what
has no divergence, and masses of momentum volumes follow their fluxes.
Morinishi et al., J. Comput. Phys. 143 (1998) 90, doi:10.1006/jcph.1998.5962
"""

from __future__ import annotations

from torch import Tensor

from combust.cfd.mesh.grid import Layout

# Largest eigenvalue of the second difference over that of second order, 4 / width^2; its root that of one difference.
STIFFER = (7.0 / 6.0) ** 2


def layers(layout: Layout, axis: int) -> int:
    """Points more on either side that means and slopes along an axis take: 1 of fourth order, else 0."""
    return int(axis in layout.fourth)


def wider(layout: Layout, axis: int) -> Layout:
    """The layout with as many cells more on either side: its faces 0..n are all that a divergence takes."""
    more = layers(layout, axis)
    if not more:
        return layout
    n, g = list(layout.n), list(layout.g)
    n[axis], g[axis] = n[axis] + 2 * more, g[axis] - more
    return layout._replace(n=(n[0], n[1], n[2]), g=(g[0], g[1], g[2]))


def blend(f: Tensor, axis: int, weight: Tensor) -> Tensor:
    """Between neighbours along an axis: (1 - weight) left + weight right."""
    n = f.shape[axis - 3] - 1
    left, right = f.narrow(axis - 3, 0, n), f.narrow(axis - 3, 1, n)
    return left + weight * (right - left)


def difference(f: Tensor, axis: int) -> Tensor:
    n = f.shape[axis - 3] - 1
    return f.narrow(axis - 3, 1, n) - f.narrow(axis - 3, 0, n)


def pair_sum(f: Tensor, axis: int, apart: int = 1) -> Tensor:
    n = f.shape[axis - 3] - apart
    return f.narrow(axis - 3, 0, n) + f.narrow(axis - 3, apart, n)


def mean_of_four(f: Tensor, axis: int) -> Tensor:
    """Between neighbours, of fourth order: three values fewer."""
    n = f.shape[axis - 3]
    return (9.0 * pair_sum(f.narrow(axis - 3, 1, n - 2), axis) - pair_sum(f, axis, 3)) / 16.0


def difference_of_four(f: Tensor, axis: int) -> Tensor:
    """A width times the slope between neighbours, of fourth order: three values fewer."""
    n = f.shape[axis - 3] - 3
    far = f.narrow(axis - 3, 3, n) - f.narrow(axis - 3, 0, n)
    return (27.0 * difference(f.narrow(axis - 3, 1, n + 1), axis) - far) / 24.0


def mean(f: Tensor, layout: Layout, axis: int, weight: Tensor) -> Tensor:
    """Between neighbours along an axis. weight : of the right one, where the order is the second."""
    return mean_of_four(f, axis) if layers(layout, axis) else blend(f, axis, weight)


def slope(f: Tensor, layout: Layout, axis: int, per_length: Tensor) -> Tensor:
    """Between neighbours along an axis of these inverse distances, which are equal where the order is the fourth."""
    if layers(layout, axis):
        return difference_of_four(f, axis) * per_length.narrow(axis - 3, 0, 1)
    return difference(f, axis) * per_length


def carried(mass: Tensor, u: Tensor, axis: int) -> Tensor:
    """A width times the slope of mass times velocity, of fourth order: three values fewer than those of `mass`, which
    lie between those of u. Sums of u times it are those of u^2 / 2 times the slope of mass: no energy is made.
    """
    n = u.shape[axis - 3]
    near = mass * (0.5 * pair_sum(u.narrow(axis - 3, 1, n - 2), axis))
    far = mass * (0.5 * pair_sum(u, axis, 3))
    m = mass.shape[axis - 3] - 3
    wide = far.narrow(axis - 3, 3, m) - far.narrow(axis - 3, 0, m)
    return (27.0 * difference(near.narrow(axis - 3, 1, m + 1), axis) - wide) / 24.0


def moduli(f: Tensor, layout: Layout, axis: int, per_length: Tensor) -> Tensor:
    """The sum of the moduli of the terms of `slope` of moduli f."""
    if layers(layout, axis):
        n = f.shape[axis - 3]
        total = 27.0 * pair_sum(f.narrow(axis - 3, 1, n - 2), axis) + pair_sum(f, axis, 3)
        return total * (per_length.narrow(axis - 3, 0, 1) / 24.0)
    return pair_sum(f, axis) * per_length


def inside(f: Tensor, layout: Layout, axis: int) -> Tensor:
    """What stands at the block's own faces of an axis, of fluxes at all that a divergence takes."""
    more = layers(layout, axis)
    return f.narrow(axis - 3, more, f.shape[axis - 3] - 2 * more)
