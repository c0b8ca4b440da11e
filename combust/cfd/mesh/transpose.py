"""Exchanges blocks for pencils, so that an operation along one direction sees all cells of that direction."""

from __future__ import annotations

import numpy as np
import torch

from combust import devices
from combust.cfd.mesh.block import Block, split
from combust.cfd.mesh.message import Message, packed


class Transpose:
    """Trades cells among the ranks that share a row along `axis`; the inverse puts them back.

    A pencil holds all cells along `axis` and a share of another direction, `other`; the third stays as it is.
    Fields are float64.
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
        self._kept: dict[tuple[int, int], tuple[Message, Message]] = {}

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
        came = self._traded(send, [part.numel() for part in parts], sizes)
        return torch.cat([p.view(s) for p, s in zip(came.split(sizes), shapes, strict=True)], dim=join)

    def _traded(self, send: torch.Tensor, counts: list[int], sizes: list[int]) -> torch.Tensor:
        """What the ranks of the row send to this one, for what it sends to them; on the device of that."""
        if not devices.works_ahead(send.device):
            receive = torch.empty(sum(sizes), dtype=torch.float64)
            self.mpi.Alltoallv((send.numpy(), counts), (receive.numpy(), sizes))
            return receive
        key = (send.numel(), sum(sizes))
        if key not in self._kept:
            self._kept[key] = Message(key[0], send.device), Message(key[1], send.device)
        leaving, coming = self._kept[key]
        leaving.whole.copy_(send)
        packed((leaving,), send.device)
        self.mpi.Alltoallv((leaving.memory, counts), (coming.memory, sizes))
        coming.arrive()
        return coming.whole
