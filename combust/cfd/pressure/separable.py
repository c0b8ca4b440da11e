"""Fast diagonalisation: the constant-coefficient problem on any stretched Cartesian grid, solved directly.

R. E. Lynch, J. R. Rice and D. H. Thomas, Numer. Math. 6 (1964) 185, https://doi.org/10.1007/BF01386067
"""

from __future__ import annotations

import numpy as np
import torch

from combust.cfd.pressure.base import PressureGrid
from combust.cfd.pressure.transpose import Transpose


class Separable:
    """L_1 = sum of 1-D operators, diagonalised once; a solve is one matmul per active direction each way.

    Directions that are cut over ranks are exchanged for pencils first; the result does not depend on the cut but
    for round-off.
    """

    def __init__(self, grid: PressureGrid, device: torch.device) -> None:
        block = grid.block
        self.transposes = {axis: Transpose(block, axis) for axis in grid.axes if block.dims[axis] > 1}
        # Whole directions first: the last one cut stays a pencil while the modes are divided by their eigenvalues.
        self.order = sorted(grid.axes, key=lambda axis: axis in self.transposes)
        last = self.transposes.get(self.order[-1])
        ranges = last.ranges() if last else [slice(s, s + n) for s, n in zip(block.start, block.count, strict=True)]
        self.basis: dict[int, torch.Tensor] = {}
        eigenvalues = np.zeros((1, 1, 1))
        for axis in grid.axes:
            basis, values = modes(grid, axis)
            shape = [1, 1, 1]
            shape[axis] = -1
            eigenvalues = eigenvalues + values[ranges[axis]].reshape(shape)
            self.basis[axis] = torch.as_tensor(basis, device=device)
        # Zero is exact and belongs to the constant of a singular problem.
        eigenvalues = np.where(eigenvalues == 0.0, np.inf, eigenvalues)
        self.inverse = torch.as_tensor(1.0 / eigenvalues, device=device)
        self.volumes = torch.as_tensor(grid.volumes(), device=device)

    def solve(self, rhs: torch.Tensor) -> torch.Tensor:
        """p (nz, ny, nx) of L_1 p = rhs; with no dirichlet side without rhs's mean, and p has zero mean."""
        return -self.solve_symmetric(self.volumes * rhs)

    def solve_symmetric(self, field: torch.Tensor) -> torch.Tensor:
        """q of -V L_1 q = field, V the cell volumes: a symmetric, positive (semi-)definite operator."""
        for axis in self.order:
            cut = self.transposes.get(axis)
            field = along(self.basis[axis], cut.pencil(field) if cut else field, axis)
            if cut and axis != self.order[-1]:
                field = cut.block(field)
        field = field * self.inverse
        for axis in reversed(self.order):
            cut = self.transposes.get(axis)
            if cut and axis != self.order[-1]:
                field = cut.pencil(field)
            field = along(self.basis[axis].T, field, axis)
            field = cut.block(field) if cut else field
        return field


def modes(grid: PressureGrid, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows q_k / sqrt(width) of the modes of one direction, and the eigenvalues (1/m2, ascending) of -L."""
    width = np.asarray(grid.widths[axis], dtype=np.float64)
    inverse = grid.inverse_distances(axis)
    n = width.size
    matrix = np.diag(inverse[:-1] + inverse[1:])
    inner = np.arange(n - 1)
    matrix[inner, inner + 1] -= inverse[1:-1]
    matrix[inner + 1, inner] -= inverse[1:-1]
    if grid.sides[axis][0] == "periodic":
        matrix[0, -1] -= inverse[0]
        matrix[-1, 0] -= inverse[0]
    root = np.sqrt(width)
    values, vectors = np.linalg.eigh(matrix / np.outer(root, root))
    if "dirichlet" not in grid.sides[axis]:
        # The constant is known exactly; eigh has it to round-off only, which 1/eigenvalue would magnify.
        values[0], vectors[:, 0] = 0.0, root / np.linalg.norm(root)
    return np.ascontiguousarray(vectors.T / root), values


def along(matrix: torch.Tensor, field: torch.Tensor, axis: int) -> torch.Tensor:
    """matrix applied to `field` (nz, ny, nx) along one axis."""
    if axis == 2:
        return field @ matrix.T
    if axis == 1:
        return matrix @ field
    return (matrix @ field.reshape(field.shape[0], -1)).view(matrix.shape[0], *field.shape[1:])
