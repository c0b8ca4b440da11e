"""Ghost cells: from neighbours by packed non-blocking messages, from boundary conditions at physical boundaries."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import torch

from combust import devices
from combust.cfd.mesh.block import Block
from combust.cfd.mesh.grid import FOURTH, Layout
from combust.cfd.mesh.message import Message, packed

BoundaryFill = Callable[[torch.Tensor, int, int], None]


class Blocked(Protocol):
    """What of a grid halos know."""

    @property
    def block(self) -> Block: ...
    @property
    def layout(self) -> Layout: ...


@dataclass(frozen=True)
class Field:
    """A padded array to be filled: `stagger` is the axis its faces are normal to (None: cells).

    at_boundary(data, axis, side) writes the ghosts beyond a physical boundary.
    """

    data: torch.Tensor
    stagger: int | None
    at_boundary: BoundaryFill


class Buffers(NamedTuple):
    """A message and the strips in it, field by field: views of its memory."""

    message: Message
    parts: list[torch.Tensor]


class Pending(NamedTuple):
    """Messages of fields along one axis that are on their way, and what comes from each side."""

    axis: int
    requests: list[Any]
    receives: list[tuple[int, Buffers]]


class Halo:
    """Fills ghosts of fields on one grid: all of them, or those nearest to owned cells."""

    def __init__(self, grid: Blocked):
        self.grid, self.block = grid, grid.block
        self._kept: dict[Hashable, Buffers] = {}
        block, axes = grid.block, grid.layout.axes
        self._neighbours = {axis: (block.neighbour(axis, 0), block.neighbour(axis, 1)) for axis in axes}
        self._alone = {axis: pair == (block.comm.rank,) * 2 for axis, pair in self._neighbours.items()}

    def fill(self, *fields: Field) -> None:
        """Fills all ghosts of the fields, with one message per neighbour for all of them; directions in turn, so that
        corners come out right.
        """
        for axis in reversed(self.grid.layout.axes):
            pending = self._started(fields, axis, False)
            if pending is not None:
                self._finish(fields, pending, False)
            self._at_boundaries(fields, axis)

    def fill_nearest(self, *fields: Field) -> None:
        """Fills the ghosts of cells that fluxes of second order take (or fourth, along directions of that order): the
        nearest layer beside owned cells, without corners; messages of all directions travel at once.
        """
        pending = [self._started(fields, axis, True) for axis in reversed(self.grid.layout.axes)]
        self.fill_boundaries(*fields)
        for one in pending:
            if one is not None:
                self._finish(fields, one, True)

    def fill_boundaries(self, *fields: Field) -> None:
        """Fills the ghosts beyond physical boundaries alone, where those of neighbours are known to be right."""
        for axis in reversed(self.grid.layout.axes):
            self._at_boundaries(fields, axis)

    def _at_boundaries(self, fields: Sequence[Field], axis: int) -> None:
        for side, rank in enumerate(self._neighbours[axis]):
            if rank is None:
                for field in fields:
                    field.at_boundary(field.data, axis, side)

    def _strip(self, field: Field, axis: int, side: int, ghost: bool, nearest: bool = False) -> torch.Tensor:
        """Ghost strip of a side, or the owned strip that the neighbour on that side needs.

        The face on the edge of two blocks belongs to the higher one; the lower takes it with its ghosts, so that both
        hold the same bits.
        """
        layout = self.grid.layout
        g, n = layout.g[axis], layout.n[axis]
        face = int(field.stagger == axis)
        deep = g
        data = field.data
        if nearest:
            deep = FOURTH if axis in layout.fourth else 1
            for other in layout.axes:
                if other != axis:
                    data = data.narrow(other - 3, layout.g[other], layout.n[other])
        if ghost:
            start, length = (g - deep, deep) if side == 0 else (g + n, deep + face)
        else:
            start, length = (g, deep + face) if side == 0 else (g + n - deep, deep)
        return data.narrow(axis - 3, start, length)

    def _started(self, fields: Sequence[Field], axis: int, nearest: bool) -> Pending | None:
        """Fills the ghosts of an axis whose neighbours are this rank itself, else sends and asks for what they need."""
        low, high = self._neighbours[axis]
        if self._alone[axis]:
            self._wrap(fields, axis, nearest)
        elif low is not None or high is not None:
            return self._swap(fields, axis, (low, high), nearest)
        return None

    def _wrap(self, fields: Sequence[Field], axis: int, nearest: bool) -> None:
        g, n = self.grid.layout.g[axis], self.grid.layout.n[axis]
        for field in fields:
            if n <= g:  # ghosts repeat the few cells more than once
                face = int(field.stagger == axis)
                for place in (*range(g), *range(g + n, g + n + g + face)):
                    field.data.narrow(axis - 3, place, 1).copy_(field.data.narrow(axis - 3, g + (place - g) % n, 1))
                continue
            for side in (0, 1):
                there = self._strip(field, axis, side, True, nearest)
                there.copy_(self._strip(field, axis, 1 - side, False, nearest))

    def _swap(self, fields: Sequence[Field], axis: int, ranks: tuple[int | None, int | None], nearest: bool) -> Pending:
        mpi, sides = self.block.comm.mpi, [(s, rank) for s, rank in enumerate(ranks) if rank is not None]
        shapes = (nearest, tuple((field.data.shape, field.stagger) for field in fields))
        receives, requests, sends = [], [], []
        for side, rank in sides:
            receive, send = (self._buffers(shapes, fields, axis, side, ghost, nearest) for ghost in (True, False))
            receives.append((side, receive))
            sends.append((side, rank, send))
        device = fields[0].data.device
        ahead = devices.works_ahead(device)
        if ahead:  # one wait for what goes to both sides; what came before is out of its memory then
            for side, _, send in sends:
                self._pack(fields, axis, side, nearest, send)
            packed((send.message for *_, send in sends), device)
        for (side, receive), (_, rank, _) in zip(receives, sends, strict=True):
            requests.append(mpi.Irecv(receive.message.memory, source=rank, tag=2 * axis + side))
        for side, rank, send in sends:
            if not ahead:
                self._pack(fields, axis, side, nearest, send)
            requests.append(mpi.Isend(send.message.memory, dest=rank, tag=2 * axis + 1 - side))
        return Pending(axis, requests, receives)

    def _pack(self, fields: Sequence[Field], axis: int, side: int, nearest: bool, send: Buffers) -> None:
        for field, part in zip(fields, send.parts, strict=True):
            part.copy_(self._strip(field, axis, side, False, nearest))

    def _finish(self, fields: Sequence[Field], pending: Pending, nearest: bool) -> None:
        """Waits for the messages of an axis and puts what came into the ghosts."""
        from mpi4py import MPI

        MPI.Request.Waitall(pending.requests)
        for side, receive in pending.receives:
            receive.message.arrive()
            for field, part in zip(fields, receive.parts, strict=True):
                self._strip(field, pending.axis, side, True, nearest).copy_(part)

    def _buffers(
        self, shapes: Hashable, fields: Sequence[Field], axis: int, side: int, ghost: bool, nearest: bool
    ) -> Buffers:
        """What the strips of a side travel in, made once for fields of these shapes."""
        key = (shapes, axis, side, ghost)
        if key not in self._kept:
            strips = [self._strip(field, axis, side, ghost, nearest) for field in fields]
            message = Message(sum(s.numel() for s in strips), fields[0].data.device)
            parts = message.whole.split([s.numel() for s in strips])
            self._kept[key] = Buffers(message, [p.view(s.shape) for p, s in zip(parts, strips, strict=True)])
        return self._kept[key]


def copy_edge(data: torch.Tensor, axis: int, side: int, ghosts: int) -> torch.Tensor:
    """Writes the edge layer into the ghosts of a side (zero gradient) and returns that layer."""
    n = data.shape[axis - 3]
    edge = data.narrow(axis - 3, ghosts if side == 0 else n - ghosts - 1, 1)
    data.narrow(axis - 3, 0 if side == 0 else n - ghosts, ghosts).copy_(edge)
    return edge


def ghosts_of(data: torch.Tensor, axis: int, side: int, ghosts: int) -> torch.Tensor:
    """The ghost layers of a side."""
    return data.narrow(axis - 3, 0 if side == 0 else data.shape[axis - 3] - ghosts, ghosts)
