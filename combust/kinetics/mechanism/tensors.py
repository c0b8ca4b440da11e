"""Numbers as the tensors that kernels take, on their device."""

from __future__ import annotations

from typing import TypeVar

import torch

from combust.kinetics.gas.values import Values

Data = TypeVar("Data")


def integers(values: Values) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.int64)


def floats(values: Values) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def moved(data: Data, device: torch.device | str, detach: bool = False) -> Data:
    """A pytree of tensors on another device, and without their history of derivatives."""

    def one(x: torch.Tensor) -> torch.Tensor:
        return (x.detach() if detach and x.requires_grad else x).to(device)

    return torch.utils._pytree.tree_map(lambda x: one(x) if isinstance(x, torch.Tensor) else x, data)
