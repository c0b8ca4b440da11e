"""Vortices of a given peak speed, by their stream functions: velocities on faces without discrete divergence."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
import torch

from combust.cfd.mesh.grid import Faces, Grid

StreamFunction = Callable[[np.ndarray], np.ndarray]  # of squared distances [m2] -> [m2/s]
OSEEN = 1.120906422778534  # s = radius of the peak over that of the core: 1 + 2 s^2 = exp(s^2)
IMAGES = (-2, -1, 0, 1, 2)  # of a vortex in a periodic direction


def taylor(radius: float, speed: float) -> StreamFunction:
    """v = speed r/R exp((1 - (r/R)^2) / 2), anticlockwise; no circulation: G. I. Taylor, 1918, R&M 598."""
    return lambda r2: speed * radius * np.exp(0.5 * (1 - r2 / radius**2))


def lamb_oseen(radius: float, speed: float) -> StreamFunction:
    """v = G / (2 pi r) (1 - exp(-(r/rc)^2)), anticlockwise, with its largest speed at `radius`."""
    from scipy.special import exp1

    core = radius / OSEEN
    circulation = 2 * math.pi * radius * speed / (1 - math.exp(-(OSEEN**2)))

    def psi(r2: np.ndarray) -> np.ndarray:
        s2 = np.maximum(r2 / core**2, 1e-30)
        return np.asarray(-circulation / (4 * math.pi) * (np.log(s2) + exp1(s2)))

    return psi


def velocity(grid: Grid, psi: StreamFunction, centre: Sequence[float]) -> Faces:
    """Velocity on this block's faces of a vortex around (x, y) = centre, along z in 3-D; with its periodic images."""
    block, edges = grid.block, [grid.faces[a][s : s + n + 1] for a, s, n in _spans(grid)]
    shifts = [[0.0], [0.0]]
    for shift, a in zip(shifts, (1, 2), strict=True):
        if block.periodic[a]:
            shift[:] = [i * float(grid.faces[a][-1] - grid.faces[a][0]) for i in IMAGES]
    y, x = edges[1][:, None] - centre[1], edges[2] - centre[0]
    stream = sum(psi((y - b) ** 2 + (x - a) ** 2) for b, a in itertools.product(*shifts))
    u = np.diff(stream, axis=0) / np.diff(edges[1])[:, None]
    v = -np.diff(stream, axis=1) / np.diff(edges[2])
    nz = block.count[0]
    made: list[torch.Tensor | None] = [None, None, None]
    for a, f in ((1, v), (2, u)):
        made[a] = torch.tensor(np.broadcast_to(f, (nz, *f.shape)).copy(), dtype=torch.float64, device=grid.device)
    if 0 in grid.layout.axes:
        made[0] = torch.zeros(nz + 1, *block.count[1:], dtype=torch.float64, device=grid.device)
    return tuple(made)


def _spans(grid: Grid) -> list[tuple[int, int, int]]:
    return [(a, grid.block.start[a], grid.block.count[a]) for a in range(3)]
