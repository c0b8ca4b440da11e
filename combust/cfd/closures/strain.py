"""What the equations of k have in common: how the mean motion feeds the eddies, and the gas's speed at a start."""

from __future__ import annotations

import torch
from torch import Tensor

from combust.cfd.closures.view import View
from combust.cfd.mesh.grid import along


def squared_strain(gradients: Tensor) -> Tensor:
    """2 S:S [1/s2], S the deviatoric rate of strain; gradients : (3, 3, ...) du_i/dx_j [1/s]."""
    strain = 0.5 * (gradients + gradients.transpose(0, 1))
    div = dilatation(gradients)
    return (2 * (strain * strain).sum((0, 1)) - (2.0 / 3.0) * div * div).clamp_min(0.0)  # round-off may leave less


def dilatation(gradients: Tensor) -> Tensor:
    """div u [1/s]."""
    return gradients[0, 0] + gradients[1, 1] + gradients[2, 2]


def largest_speed(view: View) -> float:
    """The largest component of the velocity of all ranks, inflows included [m/s] (collective)."""
    layout, found = view.grid.layout, []
    for a in layout.axes:
        face = view.u[a]
        assert face is not None
        found.append(along(face, layout, a, 0, 1).abs().max())
    return float(view.max(torch.stack(found).max()))
