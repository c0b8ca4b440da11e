"""What the equations of k have in common: the gas's speed at a start."""

from __future__ import annotations

import torch

from combust.cfd.closures.view import View
from combust.cfd.mesh.grid import along


def largest_speed(view: View) -> float:
    """The largest component of the velocity of all ranks, inflows included [m/s] (collective)."""
    layout, found = view.grid.layout, []
    for a in layout.axes:
        face = view.u[a]
        assert face is not None
        found.append(along(face, layout, a, 0, 1).abs().max())
    return float(view.max(torch.stack(found).max()))
