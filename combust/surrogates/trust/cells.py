"""Kernels over any number of cells, in blocks that stay in the cache."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from combust import kernels
from combust.graphs import cells_last

BLOCK = 2048  # cells
MULTIPLE = 8  # of compiled kernels: vector loops then have no remainder, and no block has the size one


def by_blocks(kernel: Callable[..., Any], *fields: Tensor) -> Any:
    """kernel(*fields) of fields (..., cells): a tensor (..., cells), or a tuple of them, as the kernel gives."""
    cells = fields[0].shape[-1]
    if not cells:
        with kernels.using("eager"):
            return kernel(*fields)
    parts = []
    for start in range(0, cells, BLOCK):
        count = min(BLOCK, cells - start)
        given = [_padded(field[..., start : start + count], count) for field in fields]
        cells_last(*given)
        parts.append((kernel(*given), count))
    if isinstance(parts[0][0], Tensor):
        return torch.cat([found[..., :count] for found, count in parts], -1)
    return tuple(torch.cat([found[i][..., :count] for found, count in parts], -1) for i in range(len(parts[0][0])))


def _padded(field: Tensor, count: int) -> Tensor:
    """With its last cell again, up to the next multiple, where kernels are compiled."""
    missing = -count % MULTIPLE if kernels.mode() == "compiled" else 0
    if not missing:
        return field.contiguous()
    return torch.cat([field, field[..., -1:].expand(*field.shape[:-1], missing)], -1)
