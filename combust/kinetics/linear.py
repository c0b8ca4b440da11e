"""Batches of small dense linear systems, cells last: matrices (n, n, cells), vectors (n, cells)."""

from __future__ import annotations

import torch
from torch import Tensor

Factors = tuple[Tensor, Tensor]


def factor(A: Tensor) -> Factors:
    """LU factors with partial pivoting of A (n, n, cells)."""
    # The factorisation works on columns: handing it the transpose saves its own copy.
    lu, pivots, info = torch.linalg.lu_factor_ex(A.movedim(-1, 0))
    return lu, pivots


def solve(factors: Factors, b: Tensor) -> Tensor:
    """x (n, cells) with A x = b; NaN or infinite where A is singular."""
    return torch.linalg.lu_solve(*factors, b.T.unsqueeze(-1)).squeeze(-1).T
