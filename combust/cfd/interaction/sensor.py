"""Where a flame is: what the dynamic thickening of flames is limited to."""

from __future__ import annotations

import torch
from torch import Tensor

from combust.cfd.mesh.grid import Layout, along
from combust.kernels import compiled

REACH = 1  # cells beyond those where the progress variable says so


def flame_sensor(value: Tensor, fresh: Tensor, burnt: Tensor, edge: Tensor, layout: Layout) -> Tensor:
    """Omega at the owned cells: 1 in a flame, 0 in fresh and burnt gas, (nz, ny, nx).

    min(1, c (1 - c)/(edge (1 - edge))) of the progress c = (value - fresh)/(burnt - fresh): it is 1 between `edge` and
    1 - `edge`. A cell has the largest of its own and its neighbours', corners too: a thin flame that moves on, or whose
    foot lies between two cells, is then thickened where it comes to.
    value : padded, of a quantity that changes through the flame;  edge : between 0 and 1/2
    """
    c = ((value - fresh) / (burnt - fresh)).clamp(0.0, 1.0)
    found = (c * (1.0 - c) / (edge * (1.0 - edge))).clamp_max(1.0)
    for axis in layout.axes:
        found = _largest(found, axis, layout.n[axis] + 2 * (layout.g[axis] - REACH))
    g = tuple(g - REACH if a in layout.axes else g for a, g in enumerate(layout.g))
    return along(found, layout._replace(g=(g[0], g[1], g[2])), layout.axes[-1], 0, 0)


def _largest(f: Tensor, axis: int, count: int) -> Tensor:
    """The largest of each cell and its two neighbours along an axis: two cells fewer."""
    beside = torch.maximum(f.narrow(axis, 0, count), f.narrow(axis, 2, count))
    return torch.maximum(beside, f.narrow(axis, 1, count))


sensor_kernel = compiled(flame_sensor)
