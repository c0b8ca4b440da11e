"""The pressure equation where differences are of fourth order: conjugate gradients on any number of ranks.

-V L_beta = G^T c G with the slopes G of `operators.stencils` and the conductances c at faces: symmetric, definite but
for the constant. Preconditioned as on one rank with second order (`torch_cg`), by the same operator of beta = 1, which
is solved directly: where the density is constant one iteration does.
"""

from __future__ import annotations

from functools import partial

import torch

from combust.cfd.mesh.grid import along
from combust.cfd.mesh.halo import Field, Halo
from combust.cfd.operators.stencils import difference, difference_of_four, layers
from combust.cfd.pressure.base import PressureGrid
from combust.cfd.pressure.conjugate import Operator
from combust.cfd.pressure.parallel import ParallelSolver


class WideSolver(ParallelSolver):
    """Pressure solver of a grid with directions of fourth order; see PressureSolver for the problem."""

    def __init__(
        self, grid: PressureGrid, rtol: float = 1e-9, device: torch.device | str = "cpu", max_iterations: int = 200
    ) -> None:
        super().__init__(grid, rtol, device, max_iterations)
        self.layout, self.halo = grid.layout, Halo(grid)

    def operator(self, own: dict[int, torch.Tensor], main: torch.Tensor) -> Operator:
        """See ParallelSolver."""
        return partial(self.apply, self._beyond(own))

    def apply(self, faces: dict[int, torch.Tensor], p: torch.Tensor) -> torch.Tensor:
        """-V L_beta p; faces : conductances at the faces that `_beyond` gives."""
        data = self._padded(p, None)
        self.halo.fill(Field(data, None, _nothing))
        result = torch.zeros_like(p)
        for axis, face in faces.items():
            more = layers(self.layout, axis)
            slope = difference_of_four if more else difference
            around = along(data, self.layout, axis, -1 - 2 * more, 1 + 2 * more)
            result = result - slope(face * slope(around, axis), axis)
        return result

    def _beyond(self, own: dict[int, torch.Tensor]) -> dict[int, torch.Tensor]:
        """Conductances at the block's faces, and at one more on either side along directions of fourth order."""
        found, fields = dict(own), {}
        for axis in self.layout.fourth:
            data = self._padded(own[axis], axis)
            fields[axis] = Field(data, axis, _nothing)
        self.halo.fill(*fields.values())
        for axis, field in fields.items():
            found[axis] = along(field.data, self.layout, axis, -1, 2)
        return found

    def _padded(self, inner: torch.Tensor, stagger: int | None) -> torch.Tensor:
        """With ghosts, which are zero: beyond sides where the pressure is zero they stay so."""
        shape = [n + 2 * g for n, g in zip(inner.shape, self.layout.g, strict=True)]
        data = inner.new_zeros(shape)
        along(data, self.layout, 2 if stagger is None else stagger, 0, int(stagger is not None)).copy_(inner)
        return data


def _nothing(data: torch.Tensor, axis: int, side: int) -> None:
    """Beyond physical boundaries ghosts stay what they are."""
