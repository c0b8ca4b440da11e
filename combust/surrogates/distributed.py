"""Several processes that train one network, by torch's DistributedDataParallel: gloo on CPUs, nccl on GPUs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


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
        """This process's share of `total` things in a row."""
        return slice(total * self.rank // self.size, total * (self.rank + 1) // self.size)

    def wrap(self, module: nn.Module) -> nn.Module:
        """The module with gradients that are the mean over processes."""
        if self.size == 1:
            return module
        from torch.nn.parallel import DistributedDataParallel

        return DistributedDataParallel(module)

    def sum(self, values: Tensor) -> Tensor:
        """Over processes, the same bits on each."""
        if self.size > 1:
            torch.distributed.all_reduce(values)
        return values

    def bcast(self, value: Any) -> Any:
        """A number of the root, or None, on all processes."""
        if self.size == 1:
            return value
        sent = torch.tensor([float("nan") if value is None else value], dtype=torch.float64, device=self.device)
        torch.distributed.broadcast(sent, 0)
        found = float(sent)
        return None if found != found else type(value)(found) if value is not None else found
