"""What travels between ranks: packed where the fields are, sent from where MPI reads.

Of a device that is the memory of the host, to which one copy of all that goes out is made (staged); or its own, where
COMBUST_DEVICE_MESSAGES=direct says that MPI can read that ("CUDA-aware"). MPI knows nothing of what a device still has
to do: `packed` waits for it before anything is on its way.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from combust import devices


def direct() -> bool:
    """Whether MPI reads and writes the memory of devices itself."""
    return os.environ.get("COMBUST_DEVICE_MESSAGES", "staged") == "direct"


class Message:
    """So many float64 numbers: `whole` where the fields are, `memory` what MPI sends or fills."""

    def __init__(self, count: int, device: torch.device) -> None:
        self.whole = torch.empty(count, dtype=torch.float64, device=device)
        self._host: Tensor | None = None
        if not devices.works_ahead(device):
            self.memory: Any = self.whole.numpy()
        elif direct():
            self.memory = devices.memory(self.whole)
        else:
            self._host = host(count, device)
            self.memory = self._host.numpy()

    def leave(self) -> None:
        """Begins the copy of what was packed to where MPI reads it."""
        if self._host is not None:
            self._host.copy_(self.whole, non_blocking=True)

    def arrive(self) -> None:
        """Begins the copy of what MPI has written to where the fields are."""
        if self._host is not None:
            self.whole.copy_(self._host, non_blocking=True)


def host(count: int, device: torch.device) -> Tensor:
    """Memory of the host that a device copies to and from while both go on."""
    return torch.empty(count, dtype=torch.float64, pin_memory=device.type == "cuda")


def packed(messages: Iterable[Message], device: torch.device) -> None:
    """What was packed into the messages is where MPI reads it. Earlier ones have arrived then, too."""
    if devices.works_ahead(device):
        for message in messages:
            message.leave()
        devices.finish(device)
