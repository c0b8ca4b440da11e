"""Walls and heat: what passes at a given rate, and steps that bear a wall of another temperature than the gas."""

from __future__ import annotations

import torch
from torch import Tensor

from combust.cfd.boundaries.conditions import Wall
from combust.cfd.boundaries.fill import Filler
from combust.cfd.boundaries.patches import Patch
from combust.cfd.mesh.grid import near


def heat(filler: Filler) -> Tensor | None:
    """What sides of given heat flux pass into the owned cells now (nz, ny, nx) [W/m3]; None where there are none."""
    if not filler.heated:
        return None
    rate = torch.zeros(filler.layout.n, dtype=torch.float64, device=filler.grid.device)
    for patch in filler.patches():
        axis, side, metric = patch.at.axis, patch.at.side, filler.grid.metrics[patch.at.axis]
        if not patch.condition.heated or metric is None:
            continue
        edge = side * (filler.layout.n[axis] - 1)
        per_volume = metric.per_volume.narrow(axis, edge, 1)
        if metric.face is not None:
            per_volume = per_volume * near(metric.face, axis, filler.layout.n[axis] + 1).narrow(axis, edge + side, 1)
        patch.owned(rate.narrow(axis, edge, 1)).add_(_flux(patch) * per_volume)
    return rate


def expansion(S: Tensor, filler: Filler) -> float:
    """The largest modulus of the divergence source S [1/s] beside walls of given temperature, in this block."""
    found = [
        patch.owned(S.narrow(patch.at.axis, patch.at.side * (filler.layout.n[patch.at.axis] - 1), 1)).abs()
        for patch in filler.patches()
        if isinstance(patch.condition, Wall) and patch.condition.scalars is not None
    ]
    return max((float(f.max()) for f in found if f.numel()), default=0.0)


def heat_out(filler: Filler) -> Tensor:
    """What leaves the gas of this block by them, through the low and high side of z, y and x (6) [W]."""
    found = torch.zeros(6, dtype=torch.float64, device=filler.grid.device)
    for patch in filler.patches() if filler.heated else ():
        axis, side = patch.at.axis, patch.at.side
        areas = filler.areas[axis]
        assert areas is not None
        found[2 * axis + side] -= (patch.owned(areas[side]) * _flux(patch)).sum()
    return found


def _flux(patch: Patch) -> float | Tensor:
    """Into the gas now, at the owned cells of a patch [W/m2]."""
    value = patch.at.now.heat
    return patch.inner(value) if isinstance(value, Tensor) else value
