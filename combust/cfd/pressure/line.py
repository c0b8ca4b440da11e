"""One direction only: the pressure by two running sums, directly for any coefficient."""

from __future__ import annotations

import torch

from combust.cfd.pressure.base import PressureGrid


def solve_line(grid: PressureGrid, face: torch.Tensor, load: torch.Tensor) -> torch.Tensor:
    """p of -V L_beta p = load on a grid with one active direction, held by one rank.

    face : conductances c of the n + 1 faces, 0 at neumann sides. The flux g = -c (p_hi - p_lo) is the sum of load,
    the pressure that of g/c; what is unknown of g at the low end follows from the high end.
    With no dirichlet side, load must sum to zero and p is zero in the first cell.
    """
    low, high = grid.sides[grid.axes[0]]
    resistance = torch.where(face > 0.0, 1.0 / face, 0.0 * face).flatten()
    if low == "periodic":
        resistance[0] = 0.0  # the same face as the last
    flux = torch.cat((load.new_zeros(1), torch.cumsum(load.flatten(), 0)))
    if high == "neumann" and low != "neumann":
        flux = flux - flux[-1]
    elif low != "neumann":
        flux = flux - torch.sum(flux * resistance) / torch.sum(resistance)
    drop = torch.cumsum(flux * resistance, 0)
    p = -drop[:-1]
    if low == "neumann" and high == "dirichlet":
        p = p + drop[-1]
    return p.view(load.shape)
