"""Averages over directions in which a flow is statistically the same: those that are periodic."""

from __future__ import annotations

import torch
from torch import Tensor

from combust.cfd.closures.view import View
from combust.errors import ConfigError


def domain_sums(view: View, fields: Tensor) -> Tensor:
    """The integrals (rows) over the domain of (rows, nz, ny, nx), of the same bits on all ranks (collective)."""
    return view.sum((fields * view.grid.volume).sum((1, 2, 3)))


LAGRANGIAN = 'turbulence.average = "lagrangian" needs none, "global" takes one value of the whole domain'


def plane_sums(
    view: View, fields: Tensor, what: str = 'turbulence.average = "plane"', instead: str = LAGRANGIAN
) -> Tensor:
    """The integrals over the periodic directions of (rows, nz, ny, nx), to broadcast over the owned cells (collective).

    Raises ConfigError where no direction is periodic. what : needs it;  instead : what to take then, for the message
    """
    grid = view.grid
    over = [a for a in grid.layout.axes if grid.block.periodic[a]]
    if not over:
        raise ConfigError(f"{what}: averages over periodic directions, and this case has none; {instead}")
    own = (fields * grid.volume).sum([a + 1 for a in over], keepdim=True)
    whole = torch.zeros(
        [len(fields), *(1 if a in over else n for a, n in enumerate(grid.block.shape))], dtype=own.dtype
    )
    part = whole
    for a in range(3):
        if a not in over:
            part = part.narrow(a + 1, grid.block.start[a], grid.block.count[a])
    part.copy_(own)
    found = view.sum(whole).to(own.device)
    for a in range(3):
        if a not in over:
            found = found.narrow(a + 1, grid.block.start[a], grid.block.count[a])
    return found
