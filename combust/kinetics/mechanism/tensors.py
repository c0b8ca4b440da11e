"""Lists of numbers as the tensors that kernels take."""

from __future__ import annotations

from typing import Any

import torch


def integers(values: Any) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.int64)


def floats(values: Any) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)
