"""Elements made exact: each species is multiplied by a factor near one that the elements it is made of share.

With D = diag(Y1) and N_ek atoms of e per kg of k, Y1 + D N^T (N D N^T)^-1 (N Y - N Y1) is the smallest change, in
proportion to Y1, that gives back the elements of Y. It keeps Y1 >= 0 as long as no factor is negative.
"""

from __future__ import annotations

import torch
from torch import Tensor

TINY = 1e-300
PASSES = 2  # the second removes the round-off of the first


def correct(atoms: Tensor, kept: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """y (species, cells) >= 0 with the elements of `kept` (species, cells); atoms (elements, species) kmol/kg.

    Returns y, the largest departure of a factor from one (cells,), and what is still missing of an element, over all
    elements (cells,). Cells whose factors are not positive or whose elements cannot be met say so by these numbers.
    """
    factor = torch.ones_like(y)
    for _ in range(PASSES):
        # of differences, and added: the round-off of sums and of factors is the same in all steps, and would add up
        change = atoms.T @ solve(atoms, y, atoms @ (kept - y))
        y, factor = torch.addcmul(y, y, change), factor * (1.0 + change)
    missing = (atoms @ (kept - y)).abs().sum(0) / (atoms @ kept).abs().sum(0).clamp_min(TINY)
    return y, (factor - 1.0).abs().amax(0), missing


def solve(atoms: Tensor, y: Tensor, right: Tensor) -> Tensor:
    """(atoms diag(y) atoms^T)^-1 right, (elements, cells), by elimination written out: there are two to five elements.

    An element that a cell does not have gets zero.
    """
    n = atoms.shape[0]
    weighted = [atoms[i].unsqueeze(1) * y for i in range(n)]
    A = [[atoms[j] @ weighted[i] for j in range(n)] for i in range(n)]
    b = list(right.unbind(0))
    for i in range(n):
        pivot = A[i][i]
        inverse = torch.where(pivot > TINY, 1.0 / pivot.clamp_min(TINY), torch.zeros_like(pivot))
        for row in range(i + 1, n):
            share = A[row][i] * inverse
            for column in range(i, n):
                A[row][column] = A[row][column] - share * A[i][column]
            b[row] = b[row] - share * b[i]
        A[i][i] = inverse
    x: list[Tensor] = [b[0]] * n
    for i in reversed(range(n)):
        rest = b[i]
        for column in range(i + 1, n):
            rest = rest - A[i][column] * x[column]
        x[i] = rest * A[i][i]
    return torch.stack(x)
