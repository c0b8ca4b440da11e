"""Upwind-biased values by Koren's limiter: third order where the solution is smooth, first at extrema, bounded.

The parabola through the means of three cells, on uniform and stretched grids; a face takes no more than the smaller of
the steps to the neighbours on either side. Koren, in Vreugdenhil and Koren (eds.), Numerical Methods for
Advection-Diffusion Problems, Notes on Numerical Fluid Mechanics 45, Vieweg (1993), 117-138.
"""

from __future__ import annotations

import torch
from torch import Tensor

from combust.cfd.mesh.grid import AxisMetric, Layout, along, near
from combust.cfd.operators.reconstruction.base import Reconstruction


def limited(step: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """`step`, which has the sign of a and b, cut to the smaller of them; zero where their signs differ."""
    most = torch.minimum(a.abs(), b.abs())
    return torch.where(a * b > 0, torch.minimum(torch.maximum(step, -most), most), 0.0)


def values(q: Tensor, u: Tensor, layout: Layout, metric: AxisMetric, axis: int) -> Tensor:
    """q of the cell upstream of each face, carried to the face by its limited parabola."""
    left, right = along(q, layout, axis, -1, 0), along(q, layout, axis, 0, 1)
    dim, m = axis - 3, layout.n[axis] + 2  # cells -1..n
    wide, half = along(q, layout, axis, -2, 2), near(metric.half, axis, m + 2)
    steps = wide.narrow(dim, 1, m + 1) - wide.narrow(dim, 0, m + 1)
    slopes = steps * near(metric.per_reach, axis, m + 1)
    a, b = steps.narrow(dim, 0, m), steps.narrow(dim, 1, m)
    low, mid, high = (half.narrow(dim, i, m) for i in range(3))  # half widths of a cell's neighbours and its own
    share = mid / (low + mid + high)
    to_high = share * ((low + mid) * slopes.narrow(dim, 1, m) + high * slopes.narrow(dim, 0, m))
    to_low = share * ((mid + high) * slopes.narrow(dim, 0, m) + low * slopes.narrow(dim, 1, m))
    left = left + limited(to_high, a, b).narrow(dim, 0, m - 1)
    right = right - limited(to_low, a, b).narrow(dim, 1, m - 1)
    return torch.where(u > 0, left, right)


SCHEME = Reconstruction(values, ghosts=2, order=3, order_stretched=3, bounded="everywhere")
