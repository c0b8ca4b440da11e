"""Exchanges blocks for pencils, so that an operation along one direction sees all cells of that direction."""

from __future__ import annotations

import numpy as np
import torch

from combust.cfd.mesh.block import Block, split


class Transpose:
    """Trades cells among the ranks that share a row along `axis`; the inverse puts them back.

    A pencil holds all cells along `axis` and a share of another direction, `other`; the third stays as it is.
    Fields are float64 on the CPU.
    """

    def __init__(self, block: Block, axis: int) -> None:
        self.axis, self.ranks, self.me = axis, block.dims[axis], block.coords[axis]
        row = list(block.coords)
        row[axis] = 0
        self.mpi = block.comm.mpi.Split(block.rank_of((row[0], row[1], row[2])), self.me)
        self.other = max((a for a in range(3) if a != axis), key=lambda a: block.count[a])
        self.long = split(block.shape[axis], self.ranks)
        self.short = split(block.count[self.other], self.ranks)
        self.start, self.count = list(block.start), list(block.count)

    def ranges(self) -> list[slice]:
        """The global cells of this rank's pencil, per direction."""
        result = [slice(s, s + n) for s, n in zip(self.start, self.count, strict=True)]
        result[self.axis] = slice(0, self.long[-1])
        first = self.start[self.other]
        result[self.other] = slice(first + self.short[self.me], first + self.short[self.me + 1])
        return result

    def pencil(self, block: torch.Tensor) -> torch.Tensor:
        """The pencil that belongs to blocks (nz, ny, nx)."""
        return self._trade(block, self.other, self.short, self.axis, self.long)

    def block(self, pencil: torch.Tensor) -> torch.Tensor:
        """The block that belongs to pencils: undoes `pencil`."""
        return self._trade(pencil, self.axis, self.long, self.other, self.short)

    def _trade(self, field: torch.Tensor, cut: int, cut_at: list[int], join: int, join_at: list[int]) -> torch.Tensor:
        """Cuts the field along one direction, a part for each rank, and joins what comes along the other."""
        parts = field.split(list(np.diff(cut_at)), dim=cut)
        send = torch.cat([part.reshape(-1) for part in parts])
        shapes = []
        for width in np.diff(join_at):
            shape = list(field.shape)
            shape[cut], shape[join] = cut_at[self.me + 1] - cut_at[self.me], int(width)
            shapes.append(shape)
        sizes = [int(np.prod(shape)) for shape in shapes]
        receive = torch.empty(sum(sizes), dtype=torch.float64)
        self.mpi.Alltoallv((send.numpy(), [part.numel() for part in parts]), (receive.numpy(), sizes))
        return torch.cat([p.view(s) for p, s in zip(receive.split(sizes), shapes, strict=True)], dim=join)
