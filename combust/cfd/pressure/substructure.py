"""A direction that is cut over ranks, solved by each rank on its cells, and at the cuts by all of them together.

Along the other directions there are modes already: for each of them (K + mu W) x = f is left along this one, K
tridiagonal and W the widths. A rank solves it for its cells as if those beyond its cuts held zero; what they do hold
follows from the ends of all these solutions, two planes a rank, and its part is added. No field travels.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from combust.cfd.mesh.block import split
from combust.cfd.pressure.base import PressureGrid
from combust.cfd.pressure.modes import along, diagonalise, eigen, stiffness

CELLS_PER_RANK = 2  # of a rank along the direction, for each rank that shares it: else its ends are much beside them
AT_ONCE = 4096  # modes whose small systems are inverted at once


def suits(grid: PressureGrid, axis: int) -> bool:
    """Whether a direction can be solved so, and that pays."""
    ranks = grid.block.dims[axis]
    return ranks > 1 and axis not in grid.fourth and grid.block.shape[axis] // ranks >= CELLS_PER_RANK * ranks


class Substructure:
    """Solves (K + mu W) x = f along a direction that is cut, for the modes of the others."""

    def __init__(self, grid: PressureGrid, axis: int, others: np.ndarray) -> None:
        """others : mu of this rank's modes, (nz, ny, nx) with one entry along `axis`; zeros are exact."""
        block = grid.block
        self.axis, ranks, me = axis, block.dims[axis], block.coords[axis]
        row = list(block.coords)
        row[axis] = 0
        self.mpi = block.comm.mpi.Split(block.rank_of((row[0], row[1], row[2])), me)
        edges = split(block.shape[axis], ranks)
        parts = [_part(grid, axis, low, high) for low, high in zip(edges, edges[1:], strict=False)]
        own, shape = parts[me], [1, 1, 1]
        shape[axis] = -1
        self.inverse = torch.as_tensor(1.0 / (own.eigenvalues.reshape(shape) + others))
        self.basis, self.ends = torch.as_tensor(own.basis), torch.as_tensor(np.ascontiguousarray(own.ends.T))
        self.pull = torch.as_tensor(own.ends * own.coupling)
        mu, free = others.reshape(-1), grid.singular
        answers = _answers(parts, me, mu, free)
        self.answers = torch.as_tensor(answers.reshape(2, 2 * ranks, *np.delete(others.shape, axis)))
        self.null: tuple[int, int] | None = None
        if free and not mu.all():
            first, second = np.argwhere(np.moveaxis(others, axis, 0)[0] == 0.0)[0]
            self.null = int(first), int(second)
        self.line = torch.as_tensor(_line(grid, axis)[edges[me] : edges[me + 1]])
        self.counts = [high - low for low, high in zip(edges, edges[1:], strict=False)]

    def solve(self, field: torch.Tensor) -> torch.Tensor:
        """x (nz, ny, nx) of (K + mu W) x = f. Where no side fixes it, the mode that is constant along the others is
        that of f without its mean, and has zero mean by width.
        """
        found = along(self.basis, field, self.axis).mul_(self.inverse)
        ends, line = self._gathered(along(self.ends, found, self.axis), field)
        beyond = (self.answers * ends).sum(1).movedim(0, self.axis)
        found.addcmul_(self.inverse, along(self.pull, beyond.contiguous(), self.axis))
        result = along(self.basis.T, found, self.axis)
        if self.null is not None:
            self._null(result).copy_(self.line @ line)
        return result

    def _null(self, field: torch.Tensor) -> torch.Tensor:
        """The cells along the direction of the mode that is constant along the others."""
        assert self.null is not None
        return field.movedim(self.axis, 0)[:, self.null[0], self.null[1]]

    def _gathered(self, ends: torch.Tensor, field: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The ends (ranks x 2, ...) of all ranks, and of `field` the line of the constant mode: one message."""
        ends = ends.movedim(self.axis, 0)
        most = max(self.counts) if self.null is not None else 0
        send = torch.zeros(ends.numel() + most, dtype=torch.float64)
        send[: ends.numel()].view(ends.shape).copy_(ends)
        if self.null is not None:
            own = self._null(field)
            send[ends.numel() : ends.numel() + own.numel()] = own
        rows = torch.empty((len(self.counts), send.numel()), dtype=torch.float64)
        self.mpi.Allgather(send.numpy(), rows.numpy())
        lines = [row[ends.numel() : ends.numel() + n] for row, n in zip(rows, self.counts, strict=True)]
        return rows[:, : ends.numel()].reshape(-1, *ends.shape[1:]), torch.cat(lines) if most else rows[:, :0]


class Part(NamedTuple):
    """The cells of one rank: modes of K and W with zeros beyond its cuts, basis (modes, cells); `ends` (modes, 2) of
    its first and last cell, coupling (2,) of these to the cells beyond, 0 where nothing is.
    """

    eigenvalues: np.ndarray
    basis: np.ndarray
    ends: np.ndarray
    coupling: np.ndarray

    def response(self, mu: np.ndarray) -> np.ndarray:
        """(modes of others, 2, 2): what the first and last cell hold per load at the first and last."""
        return np.einsum("ma,mn,mb->nab", self.ends, 1.0 / (self.eigenvalues[:, None] + mu), self.ends)


def _part(grid: PressureGrid, axis: int, low: int, high: int) -> Part:
    """Of the cells low .. high - 1."""
    matrix, n = stiffness(grid, axis), grid.block.shape[axis]
    values, basis = eigen(matrix[low:high, low:high], grid.lengths(axis)[low:high])
    around = grid.block.periodic[axis]
    coupling = np.array(
        [
            -matrix[low, low - 1] if low > 0 or around else 0.0,
            -matrix[high - 1, high % n] if high < n or around else 0.0,
        ]
    )
    return Part(values, basis, basis[:, [0, -1]], coupling)


def _answers(parts: list[Part], me: int, mu: np.ndarray, free: bool) -> np.ndarray:
    """(2, 2 ranks, modes): what the cells beyond the low and high cut of one rank hold, per end of the solutions that
    the ranks find alone. Zero for a mode that nothing fixes, mu = 0 if `free`.
    """
    ranks, low, high = len(parts), 2 * ((me - 1) % len(parts)) + 1, 2 * ((me + 1) % len(parts))
    found = np.zeros((2, 2 * ranks, mu.size))
    chosen = np.nonzero(mu != 0.0)[0] if free else np.arange(mu.size)
    for start in range(0, chosen.size, AT_ONCE):
        some = chosen[start : start + AT_ONCE]
        system = np.tile(np.eye(2 * ranks), (some.size, 1, 1))
        for rank, part in enumerate(parts):
            loads = part.response(mu[some]) * part.coupling
            rows = slice(2 * rank, 2 * rank + 2)
            system[:, rows, 2 * ((rank - 1) % ranks) + 1] -= loads[:, :, 0]
            system[:, rows, 2 * ((rank + 1) % ranks)] -= loads[:, :, 1]
        found[:, :, some] = np.linalg.inv(system)[:, [low, high]].transpose(1, 2, 0)
    return found


def _line(grid: PressureGrid, axis: int) -> np.ndarray:
    """The inverse of K along the whole direction, but for what its constant would be."""
    values, vectors = diagonalise(grid, axis)
    basis = vectors.T / np.sqrt(grid.lengths(axis))
    return basis.T @ (np.where(values == 0.0, 0.0, 1.0 / np.where(values == 0.0, 1.0, values))[:, None] * basis)
