"""Batches of small dense linear systems, cells last: matrices (n, n, cells), vectors (n, cells).

Two forms. Larger systems go to LAPACK: LU factors with pivoting. Up to 16 unknowns, where LAPACK spends its time in
calls and copies, Gauss-Jordan elimination runs in loops over cells that torch.compile fuses with the work around
them; one core, 11 unknowns: factors 0.50 instead of 0.82, a solve 0.10 instead of 0.34 us per cell. (Scalar LU
substitution, unrolled, took 0.16 us and ten times as long to compile.) It does not pivot. A small pivot spoils the
error estimate of the step, which is then refused and made smaller, and for small steps the diagonal dominates.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from combust import devices, kernels

Form = Literal["columns", "lapack"]
Factors = tuple[Tensor, ...]
LARGEST_IN_COLUMNS = 16


def best_form(n: int) -> Form:
    """The faster form for n unknowns in the present kernel mode."""
    return "columns" if kernels.mode() == "compiled" and n <= LARGEST_IN_COLUMNS else "lapack"


def factor(form: Form, A: Tensor) -> Factors:
    """What `solve` needs of A (n, n, cells); a singular matrix gives infinite or NaN factors, never an error."""
    if form == "lapack":
        # Cells first, by columns as LAPACK wants it: as one transposition of a matrix this is twice as fast as movedim.
        n = A.shape[0]
        by_columns = A.transpose(0, 1).reshape(n * n, -1).T.contiguous().reshape(-1, n, n).mT
        lu, pivots, _ = torch.linalg.lu_factor_ex(by_columns)
        return lu.movedim(0, -1), pivots.T
    n = A.shape[0]
    A = torch.roll(A, (-1, -1), (0, 1))
    eliminators = []
    for k in range(n):
        own = torch.arange(n, device=A.device).unsqueeze(1) == k
        column = torch.where(own, 1.0, -A[:, 0]) / A[k, 0]
        eliminators.append(column)
        A = torch.where(own.unsqueeze(1), 0.0, A[:, 1:]) + column.unsqueeze(1) * A[k, 1:]
    return (torch.stack(eliminators),)


def inverse(A: Tensor) -> Tensor:
    """Of matrices (..., n, n). Raises torch's LinAlgError for a singular one on a CPU; elsewhere, where the host does
    not wait for it, its inverse is not finite.
    """
    return torch.linalg.inv_ex(A, check_errors=not devices.works_ahead(A.device))[0]


def negative_determinant(form: Form, factors: Factors) -> Tensor:
    """Whether the determinant is negative (cells,): an odd number of negative eigenvalues."""
    if form == "lapack":
        lu, pivots = factors
        diagonal, own = torch.diagonal(lu).T, torch.arange(1, lu.shape[0] + 1, device=lu.device).unsqueeze(1)
        flips = (diagonal < 0).sum(0) + (pivots != own).sum(0)
    else:
        flips = (torch.diagonal(factors[0], dim1=0, dim2=1).T < 0).sum(0)
    return flips % 2 == 1


def solve(form: Form, factors: Factors, b: Tensor) -> Tensor:
    """x (n, cells) with A x = b (n, cells)."""
    if form == "lapack":
        lu, pivots = factors
        x = torch.linalg.lu_solve(lu.movedim(-1, 0), pivots.T, b.T.unsqueeze(-1))
        return x.squeeze(-1).T
    # The first unknown, temperature, couples to all others: without pivoting it has to be eliminated last.
    x = torch.roll(b, -1, 0)
    for k, column in enumerate(factors[0]):
        own = torch.arange(x.shape[0], device=x.device).unsqueeze(1) == k
        x = torch.where(own, 0.0, x) + column * x[k]
    return torch.roll(x, 1, 0)
