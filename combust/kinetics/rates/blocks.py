"""Rates of any number of cells, in blocks that fit the cache."""

from __future__ import annotations

import torch
from torch import Tensor

from combust.kernels import Kernel, compiled
from combust.kinetics.rates import qss
from combust.kinetics.rates.qss import AnyKinetics

BLOCK_VALUES = 80_000  # reactions times cells of a block: what fits the cache
COMPILE_FROM = 200_000  # cells in one call

production_kernel = compiled(qss.production_rates)


def production_rates(kin: AnyKinetics, T: Tensor, C: Tensor) -> Tensor:
    """omega (species, ...cells) kmol/m3/s at T (...cells) K, C (species, ...cells) kmol/m3."""
    return in_blocks(production_kernel, kin, T, C)


def block_of(kin: AnyKinetics) -> int:
    """Cells in a block of rates; not a power of two, so that rows do not fall on the same lines of the cache."""
    return max(24, min(1000, BLOCK_VALUES // max(1, kin.rates.order.shape[0]) // 8 * 8))


def in_blocks(kernel: Kernel[[AnyKinetics, Tensor, Tensor], Tensor], kin: AnyKinetics, T: Tensor, C: Tensor) -> Tensor:
    """kernel(kin, T, C) over blocks of cells that fit the cache; compiled only where that pays.

    A cold compile takes seconds, which eager kernels need for some million cells; only full blocks are compiled,
    so that there is one shape.
    """
    cells = T.shape
    T, C = T.reshape(-1), C.reshape(C.shape[0], -1)
    worth, block = T.shape[0] >= COMPILE_FROM, block_of(kin)
    outs = []
    for start in range(0, max(T.shape[0], 1), block):
        t, c = T[start : start + block], C[:, start : start + block]
        full = worth and t.shape[0] == block
        outs.append(kernel(kin, t, c.contiguous()) if full else kernel.eager(kin, t, c))
    return torch.cat(outs, dim=1).reshape(-1, *cells)
