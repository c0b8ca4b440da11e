"""The pressure equation of second order on several ranks: conjugate gradients that trade the planes at cut faces."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from combust.cfd.mesh.block import Block
from combust.cfd.mesh.message import Message, packed
from combust.cfd.pressure.base import PressureGrid
from combust.cfd.pressure.conjugate import Operator
from combust.cfd.pressure.parallel import ParallelSolver
from combust.cfd.pressure.torch_cg import apply
from combust.parallel import start_all


class RanksSolver(ParallelSolver):
    """Pressure solver for any number of ranks; see PressureSolver for the problem."""

    def __init__(
        self, grid: PressureGrid, rtol: float = 1e-9, device: torch.device | str = "cpu", max_iterations: int = 200
    ) -> None:
        super().__init__(grid, rtol, device, max_iterations)
        self.edges = Edges(grid.block, self.device)
        self.within = tuple(a for a in grid.axes if grid.block.periodic[a] and grid.block.dims[a] == 1)

    def operator(self, own: dict[int, torch.Tensor], main: torch.Tensor) -> Operator:
        """See ParallelSolver."""
        return partial(self._apply, own, main)

    def product(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """See ParallelSolver: in one pass."""
        return torch.dot(a.reshape(-1), b.reshape(-1))

    def _apply(self, faces: dict[int, torch.Tensor], main: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
        """-V L_beta p: what is of this block while the planes of the neighbours are on their way."""
        self.edges.send(p)
        result = apply(faces, main, self.within, p)
        for axis, side, plane in self.edges.received():
            last = -side
            result.select(axis, last).addcmul_(faces[axis].select(axis, last), plane, value=-1.0)
        return result


class Edges:
    """Trades the outermost planes of cells with the ranks beyond cut faces, in messages that are made once."""

    def __init__(self, block: Block, device: torch.device) -> None:
        self.device = device
        self.receives: list[tuple[int, int, torch.Tensor]] = []
        self.sends: list[tuple[int, int, torch.Tensor]] = []
        self.coming: list[Message] = []
        self.leaving: list[Message] = []
        self.requests: list[Any] = []
        mpi = block.comm.mpi
        for axis in range(3):
            for side in (0, 1):
                rank = block.neighbour(axis, side)
                if rank is None or block.dims[axis] == 1:
                    continue
                shape = [n for a, n in enumerate(block.count) if a != axis]
                there, here = (Message(shape[0] * shape[1], device) for _ in range(2))
                self.receives.append((axis, side, there.whole.view(shape)))
                self.sends.append((axis, side, here.whole.view(shape)))
                self.coming.append(there)
                self.leaving.append(here)
                self.requests.append(mpi.Recv_init(there.memory, source=rank, tag=2 * axis + side))
                self.requests.append(mpi.Send_init(here.memory, dest=rank, tag=2 * axis + 1 - side))

    def send(self, p: torch.Tensor) -> None:
        """Sends the planes of p (nz, ny, nx) on their way."""
        for axis, side, plane in self.sends:
            plane.copy_(p.select(axis, -side))
        packed(self.leaving, self.device)
        start_all(self.requests)

    def received(self) -> list[tuple[int, int, torch.Tensor]]:
        """(axis, side, the neighbour's plane beyond it), once all have come."""
        if self.requests:
            from mpi4py import MPI

            MPI.Prequest.Waitall(self.requests)
            for message in self.coming:
                message.arrive()
        return self.receives
