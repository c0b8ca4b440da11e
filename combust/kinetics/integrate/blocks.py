"""Any number of cells in blocks that stay in the cache, of sizes that compiled kernels like."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from combust import devices, kernels
from combust.graphs import cells_last

BLOCK = 2048  # cells
WHOLE, PIECE = 2**16, 2**15  # cells up to which fields are not cut, and those of a piece where they are
ON_DEVICE = 2**16  # cells of a block there: what fills a GPU
MULTIPLE = 8  # of compiled kernels: vector loops then have no remainder, and no block has the size one, treated apart


def missing(count: int, device: torch.device) -> int:
    """Cells that a block lacks for the next multiple, where kernels are compiled; on a device for the next power of
    two, so that its kernels meet few shapes.
    """
    if devices.works_ahead(device):
        return (1 << (max(count, MULTIPLE) - 1).bit_length()) - count
    return -count % MULTIPLE if kernels.mode() == "compiled" else 0


def take(x: Tensor, cells: Tensor) -> Tensor:
    """x[..., cells]; on a CPU three times as fast as indexing."""
    return torch.gather(x, -1, cells.expand(*x.shape[:-1], -1))


def put(x: Tensor, cells: Tensor, values: Tensor) -> None:
    """x[:, cells] = values, in place, where no cell comes twice."""
    x.scatter_(1, cells.expand(x.shape[0], -1), values)


def where(mask: Tensor) -> Tensor:
    """Numbers of the cells where a mask (cells,) is true, in order: the host waits for a device, unless there are no
    cells.
    """
    return mask.nonzero().squeeze(-1) if mask.numel() else torch.arange(0, device=mask.device)


def parted(mask: Tensor) -> tuple[Tensor, Tensor]:
    """`where` a mask (cells,) is true, and where not; the host waits for a device once."""
    if not devices.works_ahead(mask.device) or not mask.numel():
        return where(mask), where(~mask)
    order, count = torch.argsort(~mask, stable=True), int(mask.sum())
    return order[:count], order[count:]


def blocks(index: Tensor, size: int) -> Iterator[tuple[Tensor, int]]:
    """Index in pieces of at most `size`, each with its count of valid entries; padded with its last cell."""
    for start in range(0, index.shape[0], size):
        piece = index[start : start + size]
        count = piece.shape[0]
        if lacks := missing(count, index.device):
            piece = torch.cat([piece, piece[-1:].expand(lacks)])
        yield piece, count


def by_blocks(kernel: Callable[..., Any], *fields: Tensor, size: int = BLOCK) -> Any:
    """kernel(*fields) of fields (..., cells): a tensor (..., cells), or a tuple of them, as the kernel gives."""
    cells = fields[0].shape[-1]
    if not cells:
        with kernels.using("eager"):
            return kernel(*fields)
    joined: list[Tensor] = []
    device = fields[0].device
    size = max(size, ON_DEVICE) if devices.works_ahead(device) else size
    for start in range(0, cells, size):
        count = min(size, cells - start)
        given = [_padded(field[..., start : start + count], missing(count, device)) for field in fields]
        cells_last(*given)
        result = kernel(*given)
        several = result if isinstance(result, tuple) else (result,)
        joined = joined or [x.new_empty((*x.shape[:-1], cells)) for x in several]
        for whole, x in zip(joined, several, strict=True):
            whole[..., start : start + count] = x[..., :count]
    return tuple(joined) if isinstance(result, tuple) else joined[0]


def in_pieces(function: Callable[..., Tensor], *fields: Tensor) -> Tensor:
    """function(*fields) of fields (..., cells), which is not compiled; of many cells by pieces, for its temporaries."""
    cells = fields[0].shape[-1]
    if cells <= WHOLE:
        return function(*fields)
    joined: Tensor | None = None
    for start in range(0, cells, PIECE):
        x = function(*(field[..., start : start + PIECE] for field in fields))
        joined = x.new_empty((*x.shape[:-1], cells)) if joined is None else joined
        joined[..., start : start + PIECE] = x
    assert joined is not None
    return joined


def _padded(field: Tensor, lacks: int) -> Tensor:
    """With its last cell again."""
    if not lacks:
        return field.contiguous()
    return torch.cat([field, field[..., -1:].expand(*field.shape[:-1], lacks)], -1)
