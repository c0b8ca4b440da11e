"""Fast diagonalisation: the constant-coefficient problem on any stretched Cartesian grid, solved directly.

R. E. Lynch, J. R. Rice and D. H. Thomas, Numer. Math. 6 (1964) 185, https://doi.org/10.1007/BF01386067
"""

from __future__ import annotations

import numpy as np
import torch

from combust import devices
from combust.cfd.mesh.transpose import Transpose
from combust.cfd.pressure.base import PressureGrid
from combust.cfd.pressure.modes import modes
from combust.cfd.pressure.substructure import Substructure, suits


class Separable:
    """L_1 = sum of 1-D operators, diagonalised once; a solve is one transform per active direction each way.

    Of directions that are cut over ranks one is solved by the ranks together (`Substructure`), if that suits it and
    fields are on CPUs; the others are exchanged for pencils first. The result does not depend on the cut but for
    round-off.
    """

    def __init__(self, grid: PressureGrid, device: torch.device) -> None:
        block = grid.block
        cut = [axis for axis in grid.axes if block.dims[axis] > 1]
        together = [] if devices.works_ahead(device) else [axis for axis in cut if suits(grid, axis)][-1:]
        self.transposes = {axis: Transpose(block, axis) for axis in cut if axis not in together}
        # Whole directions first: the last one cut stays a pencil while the modes are divided by their eigenvalues.
        self.order = sorted((a for a in grid.axes if a not in together), key=lambda axis: axis in self.transposes)
        self.modes = {axis: modes(grid, axis, device) for axis in self.order}
        self.last = self.order[-1] if self.order and not together else None
        ended = self.transposes.get(self.last) if self.last is not None else None
        ranges = ended.ranges() if ended else [slice(s, s + n) for s, n in zip(block.start, block.count, strict=True)]
        eigenvalues = np.zeros((1, 1, 1))
        for axis in self.order:
            shape = [1, 1, 1]
            shape[axis] = -1
            eigenvalues = eigenvalues + self.modes[axis].eigenvalues[ranges[axis]].reshape(shape)
        self.together = Substructure(grid, together[0], eigenvalues) if together else None
        # Zero is exact and belongs to the constant of a singular problem.
        self.inverse = torch.as_tensor(1.0 / np.where(eigenvalues == 0.0, np.inf, eigenvalues), device=device)
        self.volumes = torch.as_tensor(grid.volumes(), device=device)

    def solve(self, rhs: torch.Tensor) -> torch.Tensor:
        """p (nz, ny, nx) of L_1 p = rhs; with no dirichlet side without rhs's mean, and p has zero mean."""
        return -self.solve_symmetric(self.volumes * rhs)

    def solve_symmetric(self, field: torch.Tensor) -> torch.Tensor:
        """q of -V L_1 q = field, V the cell volumes: a symmetric, positive (semi-)definite operator."""
        for axis in self.order:
            cut = self.transposes.get(axis)
            field = self.modes[axis].forward(cut.pencil(field) if cut else field)
            if cut and axis != self.last:
                field = cut.block(field)
        field = field * self.inverse if self.together is None else self.together.solve(field)
        for axis in reversed(self.order):
            cut = self.transposes.get(axis)
            if cut and axis != self.last:
                field = cut.pencil(field)
            field = self.modes[axis].backward(field)
            field = cut.block(field) if cut else field
        return field
