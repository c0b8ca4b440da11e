"""Several processes that train one network, by torch's DistributedDataParallel: gloo on CPUs, nccl on GPUs.

They are started by `torchrun`, by `mpirun`, or by `combust train --processes N`; all see the same files.
"""

from __future__ import annotations

import math
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, distributed, nn

from combust.errors import CombustError, ConfigError
from combust.parallel import launched_under_mpi, world

T = TypeVar("T")

ALIGN = 4  # parts of a batch begin at multiples of it, so that every fourth row is the same row for any number of parts


@dataclass(frozen=True)
class Group:
    """The processes of a training; one alone needs no torch.distributed."""

    rank: int = 0
    size: int = 1
    device: torch.device = torch.device("cpu")

    @property
    def is_root(self) -> bool:
        return self.rank == 0

    def part(self, total: int) -> slice:
        """This process's share of `total` rows."""
        begin, end = (total * rank // self.size // ALIGN * ALIGN for rank in (self.rank, self.rank + 1))
        return slice(begin, total if self.rank == self.size - 1 else end)

    def wrap(self, module: nn.Module) -> nn.Module:
        """The module with gradients that are the mean over processes."""
        return module if self.size == 1 else nn.parallel.DistributedDataParallel(module)

    def sum(self, values: Tensor) -> Tensor:
        """Over processes, the same bits on each; in place."""
        if self.size > 1:
            distributed.all_reduce(values)
        return values

    def bcast(self, value: float) -> float:
        """The root's number."""
        if self.size == 1:
            return value
        sent = torch.tensor([value], dtype=torch.float64, device=self.device)
        distributed.broadcast(sent, 0)
        return float(sent)

    def root_first(self, work: Callable[[], T]) -> T:
        """The work's result, done by the root and then by the others; where the root's raises, these only exit."""
        if not self.is_root:
            code = int(self.bcast(math.nan))
            if code:
                raise SystemExit(code)
            return work()
        try:
            done = work()
        except CombustError as error:
            self.bcast(error.exit_code)
            raise
        self.bcast(0)
        return done

    def barrier(self) -> None:
        """Waits for all."""
        self.bcast(0)

    def lost(self, error: RuntimeError) -> bool:
        """Whether an error says that another process cannot be reached any more."""
        return self.size > 1 and (isinstance(error, distributed.DistError) or "gloo" in str(error).lower())

    def leave(self) -> None:
        """Ends the group; nothing can be sent afterwards."""
        if self.size > 1 and distributed.is_initialized():
            distributed.destroy_process_group()


def rank() -> int:
    """Of this process, by what its launcher says, also before `join`."""
    return int(os.environ.get("RANK", os.environ.get("OMPI_COMM_WORLD_RANK", os.environ.get("PMI_RANK", "0"))))


def join(cuda: bool) -> Group:
    """The group of all processes that a launcher started; this one alone if there was none.

    Raises ConfigError for more processes on a machine than it has GPUs.
    """
    if "RANK" not in os.environ and launched_under_mpi():
        _rendezvous_by_mpi()
    size = int(os.environ.get("WORLD_SIZE", "1"))
    local = int(os.environ.get("LOCAL_RANK", "0"))
    if cuda and local >= torch.cuda.device_count():
        raise ConfigError(
            f"{local + 1} or more processes on a machine with {torch.cuda.device_count()} GPU(s): start one for each, "
            'or set train.device = "cpu"'
        )
    device = torch.device("cuda", local) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(device)
    if size == 1:
        return Group(device=device)
    distributed.init_process_group("nccl" if cuda else "gloo")
    return Group(distributed.get_rank(), size, device)


def _rendezvous_by_mpi() -> None:
    """Sets what torch.distributed looks for, from MPI's ranks."""
    comm = world()
    names = comm.gather(socket.gethostname())
    address = comm.bcast((names[0], free_port()))
    os.environ.update(
        RANK=str(comm.rank), WORLD_SIZE=str(comm.size), LOCAL_RANK=str(names[: comm.rank].count(names[comm.rank])),
        MASTER_ADDR="127.0.0.1" if len(set(names)) == 1 else address[0], MASTER_PORT=str(address[1]),
    )  # fmt: skip


def free_port() -> int:
    """A port that nobody listens to now."""
    with socket.socket() as listener:
        listener.bind(("", 0))
        return listener.getsockname()[1]
