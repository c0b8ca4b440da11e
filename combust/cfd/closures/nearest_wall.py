"""Which piece of a wall with friction is nearest to a cell, and the distance from it in units of its viscous length.

Walls are sides of the domain or parts of them: the nearest piece is that of the nearest point of a part, and its
friction is told to all ranks.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from combust.cfd.boundaries.conditions import Sides
from combust.cfd.closures.near_walls import sides_with_friction, with_friction
from combust.cfd.mesh.grid import ROUND_OFF, Grid


class Nearest(NamedTuple):
    """piece : (nz, ny, nx) of the nearest piece of a wall, among those of all sides in `starts`, one after the other

    starts : (axis, side) -> its first piece;  pieces : how many all sides have;  distance : from it [m]
    """

    piece: Tensor
    starts: dict[tuple[int, int], int]
    pieces: int
    distance: Tensor


def nearest(grid: Grid, boundaries: tuple[Sides, Sides, Sides]) -> Nearest:
    """Of the owned cells; without walls the distance is infinite."""
    starts, pieces = {}, 0
    distance = torch.full(grid.layout.n, torch.inf, dtype=torch.float64, device=grid.device)
    index = torch.zeros(grid.layout.n, dtype=torch.int64, device=grid.device)
    for axis, side in sides_with_friction(boundaries):
        starts[axis, side] = pieces
        away = grid.centres[axis] - float(grid.faces[axis][-side])
        for over, low, high in with_friction(boundaries[axis][side], axis):
            place = grid.centres[over]
            past = (low - place).clamp_min(0.0) + (place - high).clamp_min(0.0)
            length = (away * away + past * past).sqrt().expand(grid.layout.n)
            nearer = length < distance
            distance = torch.where(nearer, length, distance)
            index = torch.where(nearer, pieces + _piece(grid, axis, over, low, high), index)
        pieces += math.prod(n for a, n in enumerate(grid.block.shape) if a != axis)
    return Nearest(index, starts, pieces, distance)


def inverse_square_excess(grid: Grid, boundaries: tuple[Sides, Sides, Sides], distance: Tensor) -> Tensor:
    """What differences between neighbours make more of the second derivative of d^-2 than 6 d^-4, (nz, ny, nx) [1/m4].

    d is the distance from the nearest wall with friction, along its normal; zero beside it, at the far end, and where
    the nearest point of a wall is elsewhere.  distance : from it [m]
    """
    found = torch.zeros(grid.layout.n, dtype=torch.float64, device=grid.device)
    for axis, side in sides_with_friction(boundaries):
        faces = torch.as_tensor(grid.faces[axis], dtype=torch.float64, device=grid.device)
        width, centres = faces.diff(), 0.5 * (faces[1:] + faces[:-1])
        away = (centres - faces[-side]).abs()
        inverse = away**-2
        slope = torch.nn.functional.pad(inverse.diff() / centres.diff(), (1, 1))
        more = (slope.diff() / width - 6.0 * inverse * inverse).clamp_min(0.0)
        more[0], more[-1] = 0.0, 0.0
        start, count = grid.block.start[axis], grid.block.count[axis]
        shape = [-1 if a == axis else 1 for a in range(3)]
        own, along = (f[start : start + count].reshape(shape) for f in (more, away))
        found = torch.where((distance - along).abs() <= ROUND_OFF * along, own, found)
    return found


def _piece(grid: Grid, axis: int, over: int, low: float, high: float) -> Tensor:
    """Number of the piece of a side nearest to each cell, to broadcast; from low to high [m] of the axis `over`."""
    found = torch.zeros((), dtype=torch.int64, device=grid.device)
    for a, n in enumerate(grid.block.shape):
        if a == axis:
            continue
        shape = [-1 if b == a else 1 for b in range(3)]
        own = torch.arange(grid.block.count[a], device=grid.device).reshape(shape) + grid.block.start[a]
        if a == over:
            centres = 0.5 * (grid.faces[a][1:] + grid.faces[a][:-1])
            within = ((centres >= low) & (centres < high)).nonzero()[0]
            own = own.clamp(int(within[0]), int(within[-1])) if len(within) else own
        found = found * n + own
    return found
