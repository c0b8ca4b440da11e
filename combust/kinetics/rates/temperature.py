"""Temperature of a mixture from its enthalpy, wherever its polynomials hold one.

Outside the range of its data a polynomial may turn: that of SiH4 for 300 to 3000 K falls at 6000 K below its value at
300 K. Each species has therefore an interval around its own range in which its enthalpy rises. Where all species of a
mixture rise, a bracket holds the one root; other mixtures are looked up on a grid of temperatures, outwards from the
range of their data and no further than their enthalpy rises.
"""

from __future__ import annotations

from typing import NamedTuple, NoReturn

import numpy as np
import torch
from torch import Tensor

from combust.errors import StateError
from combust.kinetics.rates.thermo import Thermo, cp_mass, h_and_cp_mass, h_mass
from combust.torch_parts import numbers

T_LOW, T_HIGH = 50.0, 6000.0  # K, where extrapolated polynomials may still mean something
T_END = 1e5  # K, where data without an end are taken to end
FIRST = 1000.0  # K, of Newton's steps
GRID = 600
CHUNK = 4096  # cells that are looked up at a time


class Ranges(NamedTuple):
    """Temperatures in K, each (2, species), lowest and highest; `grid` (points,) covers them all."""

    data: Tensor  # of the file
    rising: Tensor  # where the enthalpy rises with temperature, around the range of the data
    grid: Tensor


def ranges(thermo: Thermo, data: Tensor) -> Ranges:
    """For species whose data hold from data[0] to data[1], (2, species) K."""
    data = data.clamp(1.0, T_END)
    low, high = data[0].clamp(max=T_LOW), data[1].clamp(min=T_HIGH)  # where they may be taken for
    grid = torch.logspace(
        float(low.min().log10()), float(high.max().log10()), GRID, dtype=data.dtype, device=data.device
    )
    T, falls = grid[:, None], cp_mass(thermo, grid).T <= 0
    # The first point outwards from either end of the data that falls, and the last one before it that rises.
    above = torch.where(falls & (T > data[1]), T, torch.inf).amin(0)
    below = torch.where(falls & (T < data[0]), T, -torch.inf).amax(0)
    last, first = torch.where(T < above, T, 0.0).amax(0), torch.where(T > below, T, torch.inf).amin(0)
    top = torch.where(above <= high, torch.maximum(last, data[1]), high)
    bottom = torch.where(below >= low, torch.minimum(first, data[0]), low)
    return Ranges(data, torch.stack([bottom, top]), grid)


def solve_temperature(thermo: Thermo, found: Ranges, h: Tensor, Y: Tensor) -> Tensor:
    """T (...cells) with sum_k Y_k h_k(T) = h (J/kg), by Newton steps kept inside a shrinking bracket.

    Raises StateError naming the first cell whose enthalpy is NaN or belongs to no temperature.
    """
    shape = h.shape
    h, Y = h.reshape(-1), Y.reshape(Y.shape[0], -1)
    lo, hi = _within(found.rising, Y)
    ends = [(Y * h_mass(thermo, T)).sum(0) for T in (lo, hi)]
    outside = ~((h >= ends[0]) & (h <= ends[1]) & (lo <= hi))
    if bool(numbers(outside).any()):
        rows = outside.nonzero()[:, 0]
        lo[rows], hi[rows] = _looked_up(thermo, found, h, Y, rows, shape)
    return _newton(thermo, h, Y, lo, hi).reshape(shape)


def _within(bounds: Tensor, Y: Tensor) -> tuple[Tensor, Tensor]:
    """Highest lower and lowest upper bound of the species that are there, (cells,)."""
    there = Y != 0
    low = torch.where(there, bounds[0][:, None], -torch.inf).amax(0)
    return low, torch.where(there, bounds[1][:, None], torch.inf).amin(0)


def _newton(thermo: Thermo, h: Tensor, Y: Tensor, lo: Tensor, hi: Tensor) -> Tensor:
    T = torch.clamp(torch.full_like(h, FIRST), min=lo, max=hi)
    for _ in range(60):
        h_k, cp_k = h_and_cp_mass(thermo, T)
        residual = h - (Y * h_k).sum(0)
        lo, hi = torch.where(residual >= 0, T, lo), torch.where(residual <= 0, T, hi)
        step = residual / (Y * cp_k).sum(0)
        newton = T + step
        T = torch.where((newton >= lo) & (newton <= hi), newton, 0.5 * (lo + hi))
        if bool(numbers(step.abs() <= 1e-12 * T).all()):
            break
    return T


def _looked_up(
    thermo: Thermo, found: Ranges, h: Tensor, Y: Tensor, rows: Tensor, shape: torch.Size
) -> tuple[Tensor, Tensor]:
    """Brackets of some cells on the grid; raises StateError for one that has none, with its place in `shape`."""
    grid, table = found.grid, h_mass(thermo, found.grid)
    lo, hi = [], []
    for part in rows.split(CHUNK):
        H, own = Y[:, part].T @ table, h[part, None]
        allowed, distance = _reach(found, Y[:, part], H)
        crossed = allowed & (H[:, :-1] <= own) & (own <= H[:, 1:])
        missed = ~crossed.any(1)
        if bool(missed.any()):
            i = int(missed.nonzero()[0])
            _refuse(grid, H[i], allowed[i], h[part[i]], Y[:, part[i]], np.unravel_index(int(part[i]), shape))
        nearest = torch.where(crossed, distance, torch.inf).argmin(1)
        lo.append(grid[nearest])
        hi.append(grid[nearest + 1])
    return torch.cat(lo), torch.cat(hi)


def _reach(found: Ranges, Y: Tensor, H: Tensor) -> tuple[Tensor, Tensor]:
    """Which intervals of the grid a mixture may lie in, and how far they are from its data; both (cells, intervals).

    H (cells, points) are its enthalpies. From the range that the data of all species share, outwards while H rises.
    """
    below, above = found.grid[:-1], found.grid[1:]
    a, b = (x[:, None] for x in _within(found.data, Y))
    low, high = torch.minimum(a, b), torch.maximum(a, b)
    rises = H[:, 1:] > H[:, :-1]
    up = torch.cumprod((rises | (below < high)).to(torch.int8), 1) > 0
    down = torch.cumprod((rises | (above > low)).to(torch.int8).flip(1), 1).flip(1) > 0
    inside = (above > low.clamp(max=T_LOW)) & (below < high.clamp(min=T_HIGH))
    return up & down & inside, (low - above).clamp(min=0) + (below - high).clamp(min=0)


def _refuse(grid: Tensor, H: Tensor, allowed: Tensor, h: Tensor, Y: Tensor, cell: tuple[np.intp, ...]) -> NoReturn:
    intervals = allowed.nonzero()[:, 0]
    if intervals.numel():
        first, last = int(intervals[0]), int(intervals[-1]) + 1
        span = (
            f"this composition spans {float(H[first]):.6g} J/kg at {float(grid[first]):.4g} K to "
            f"{float(H[last]):.6g} J/kg at {float(grid[last]):.4g} K"
        )
    else:
        span = "the data of this composition hold at no temperature"
    raise StateError(
        f"enthalpy {float(h):.6g} J/kg in cell {tuple(map(int, cell))} belongs to no temperature: {span}; "
        f"check h and Y (their sum there is {float(Y.sum()):.6g})"
    )
