"""Ranks that share a GPU hand their cells to its owner, who evaluates them in one batch.

Cells and results lie in memory that the ranks of a node share; small messages between a rank and the owner tell when
they may be read. No rank of another group is waited for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from combust.errors import CombustError, DivergenceError
from combust.parallel import Communicator

SPARE = 1.25  # room beyond what is needed, so that a slowly growing batch seldom asks for more
ALIGNED = 64  # bytes


class Shared:
    """A device and the ranks of this node that share it; the lowest, its owner, works for all.

    `device`: the one of this rank, as `devices.pick` names it; `group`: the ranks that share it. On a CPU each rank
    works for itself, unless `force` groups those that name the same (for tests).
    A container's /dev/shm must have room for the cells of a node: MPI may end with a bus error where it has not.
    """

    def __init__(self, comm: Communicator, device: str | torch.device, force: bool = False) -> None:
        """Collective over comm."""
        self.device = torch.device(device)
        self.group = Communicator()
        self._window: Any = None
        self._room: list[np.ndarray] = []  # of each rank but the owner, in bytes
        if comm.mpi is None or not (force or self.device.type == "cuda"):
            return
        node = comm.here()
        names = node.gather(_name(self.device))
        self.group = Communicator(node.mpi.Split(names.index(_name(self.device))))
        node.free()

    def __str__(self) -> str:
        return f"{self.device}, shared by {self.group.size} ranks" if self.group.size > 1 else str(self.device)

    def evaluate(self, inputs: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
        """function(inputs) of this rank's cells; collective over the group.

        inputs : (rows, cells), of the same rows and type on all ranks
        function : (rows, n) -> (rows_out, n) on `device`, also for n = 0; cells must not depend on one another
        Raises on all ranks of the group the CombustError of the function; other errors become a DivergenceError.
        """
        if self.group.size == 1:
            return function(inputs.to(self.device)).to(inputs.device)
        here = inputs.cpu()
        return (self._serve(here, function) if self.group.is_root else self._ask(here)).to(inputs.device)

    def close(self) -> None:
        """Gives the shared memory back; collective over the group."""
        if self._window is not None:
            self._room = []
            self._window.Unlock_all()
            self._window.Free()
            self._window = None

    def _ask(self, inputs: Tensor) -> Tensor:
        """A member's part: cells in, results out, and more room whenever the owner finds that some rank needs it."""
        self._hand_in(inputs)
        kind, value = self.group.mpi.recv(source=0)
        while kind == "grow":
            self._allocate(value * inputs.shape[1])
            self._hand_in(inputs)
            kind, value = self.group.mpi.recv(source=0)
        if kind == "failed":
            error, message = value
            raise error(message)
        rows, dtype = value
        self._window.Sync()
        return self._view(self.group.rank, (rows, inputs.shape[1]), dtype).clone()

    def _hand_in(self, inputs: Tensor) -> None:
        """Writes the cells, if there is room, and says how many they are."""
        if self._window is not None and inputs.nbytes <= self._room[self.group.rank - 1].size:
            self._view(self.group.rank, inputs.shape, inputs.dtype).copy_(inputs)
            self._window.Sync()
        self.group.mpi.send((tuple(inputs.shape), inputs.dtype), 0)

    def _serve(self, inputs: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
        """The owner's part."""
        came = self._handed_in()
        cells = [shape[1] for shape, _ in came]
        self._reserve(inputs.shape[0] * inputs.element_size(), cells)
        try:
            views = [self._view(rank, *what) for rank, what in enumerate(came, 1)]
            outputs = self._here(function(self._there([inputs, *views])))
        except Exception as failure:
            error = (
                failure
                if isinstance(failure, CombustError)
                else DivergenceError(f"evaluation on {self} failed: {type(failure).__name__}: {failure}")
            )
            self._tell("failed", (type(error), str(error)))
            raise error from (None if error is failure else failure)
        self._reserve(outputs.shape[0] * outputs.element_size(), cells)
        own, *others = outputs.split([inputs.shape[1], *cells], dim=1)
        for rank, part in enumerate(others, 1):
            self._view(rank, part.shape, part.dtype).copy_(part)
        self._window.Sync()
        self._tell("done", (outputs.shape[0], outputs.dtype))
        return own

    def _handed_in(self) -> list[tuple[tuple[int, int], torch.dtype]]:
        """Shape and type of the cells of each member, once they are written."""
        came = [self.group.mpi.recv(source=rank) for rank in range(1, self.group.size)]
        if self._window is not None:
            self._window.Sync()
        return came

    def _reserve(self, size: int, cells: list[int]) -> None:
        """Room for the cells of each member, `size` bytes each; where it has to grow, all hand in again."""
        if self._window is None or any(size * n > room.size for n, room in zip(cells, self._room, strict=True)):
            self._tell("grow", size)
            self._allocate(0)
            self._handed_in()

    def _tell(self, kind: str, value: Any) -> None:
        for rank in range(1, self.group.size):
            self.group.mpi.send((kind, value), rank)

    def _allocate(self, need: int) -> None:
        """New shared memory, at least `need` bytes of it for this rank, and no less than it had; collective."""
        from mpi4py import MPI

        me = self.group.rank
        had = self._room[me - 1].size if self._room and me else 0
        size = had if had >= need else -int(-need * SPARE // ALIGNED) * ALIGNED
        self.close()
        self._window = MPI.Win.Allocate_shared(max(size, ALIGNED), comm=self.group.mpi)
        self._window.Lock_all(MPI.MODE_NOCHECK)
        self._room = [
            np.frombuffer(self._window.Shared_query(rank)[0], dtype=np.uint8) for rank in range(1, self.group.size)
        ]

    def _view(self, rank: int, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """The room of a member as a tensor."""
        size = shape[0] * shape[1] * dtype.itemsize
        return torch.from_numpy(self._room[rank - 1][:size]).view(dtype).view(shape)

    def _there(self, parts: list[Tensor]) -> Tensor:
        """All cells on the device; pinned memory is what a GPU reads without a further copy."""
        if self.device.type != "cuda":
            return torch.cat(parts, dim=1)
        shape = (parts[0].shape[0], sum(part.shape[1] for part in parts))
        pinned = torch.empty(shape, dtype=parts[0].dtype, pin_memory=True)
        return torch.cat(parts, dim=1, out=pinned).to(self.device, non_blocking=True)

    def _here(self, outputs: Tensor) -> Tensor:
        if self.device.type != "cuda":
            return outputs
        return torch.empty(outputs.shape, dtype=outputs.dtype, pin_memory=True).copy_(outputs)


def _name(device: torch.device) -> str:
    """The same for the same hardware, also where a launcher shows each rank a GPU of its own as number 0."""
    return str(torch.cuda.get_device_properties(device).uuid) if device.type == "cuda" else str(device)
