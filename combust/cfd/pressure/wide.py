"""The pressure equation where differences are of fourth order: conjugate gradients on any number of ranks.

-V L_beta = G^T c G with the slopes G of `operators.stencils` and the conductances c at faces: symmetric, definite but
for the constant. Preconditioned as on one rank with second order (`torch_cg`), by the same operator of beta = 1, which
is solved directly: where the density is constant one iteration does.
"""

from __future__ import annotations

import math

import torch

from combust.cfd.mesh.grid import along
from combust.cfd.mesh.halo import Field, Halo
from combust.cfd.operators.stencils import difference, difference_of_four, layers
from combust.cfd.pressure.base import (
    FLOOR,
    UNIT_RTOL,
    Beta,
    Conductances,
    PressureGrid,
    Solution,
    compatible,
    diagonal,
    not_converged,
    zero_mean,
)
from combust.cfd.pressure.separable import Separable
from combust.cfd.pressure.torch_cg import SCALING


class WideSolver:
    """Pressure solver of a grid with directions of fourth order; see PressureSolver for the problem."""

    def __init__(
        self, grid: PressureGrid, rtol: float = 1e-9, device: torch.device | str = "cpu", max_iterations: int = 200
    ) -> None:
        self.grid, self.rtol, self.max_iterations = grid, rtol, max_iterations
        self.device, self.comm = torch.device(device), grid.block.comm
        self.conductances = Conductances(grid, self.device)
        self.direct = Separable(grid, self.device)
        self.volumes = self.direct.volumes
        self.unit_diagonal = diagonal(self.conductances.unit())
        self.layout, self.halo = grid.layout, Halo(grid)

    def forget(self) -> None:
        """Nothing is kept from solve to solve."""

    def solve_constant(self, rhs: torch.Tensor) -> torch.Tensor:
        """p of L_1 p = rhs; with no dirichlet side without rhs's mean, and p has zero mean. Directly, unless sides are
        fixed in parts.
        """
        if not self.grid.fixed:
            return self.direct.solve(rhs)
        faces, load = self._beyond(self.conductances.unit()), -self.volumes * rhs
        return self._iterate(faces, torch.ones_like(load), load, None, load, UNIT_RTOL)[0]

    def solve(
        self, beta: Beta, rhs: torch.Tensor, guess: torch.Tensor | None = None, terms: torch.Tensor | None = None
    ) -> Solution:
        """p of L_beta p = rhs. Raises DivergenceError."""
        own = self.conductances(beta)
        scale = (self.unit_diagonal / diagonal(own)) ** (0.5 * SCALING)
        faces = self._beyond(own)
        load, incompatibility = -self.volumes * rhs, 0.0
        if self.grid.singular:
            load, incompatibility = compatible(load, self.volumes, self.comm)
        size = self.volumes * (rhs if terms is None else terms)
        p, iterations, residual = self._iterate(faces, scale, load, guess, size, self.rtol)
        if self.grid.singular:
            p = zero_mean(p, self.volumes, self.comm)
        return Solution(p, iterations, residual, incompatibility)

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

    def _sums(self, *fields: torch.Tensor) -> list[float]:
        """Of each over all ranks: one message."""
        return list(self.comm.sum(*torch.stack([f.sum() for f in fields]).tolist()))

    def _iterate(
        self,
        faces: dict[int, torch.Tensor],
        scale: torch.Tensor,
        load: torch.Tensor,
        guess: torch.Tensor | None,
        size: torch.Tensor,
        rtol: float,
    ) -> tuple[torch.Tensor, int, float]:
        r = load if guess is None else load - self.apply(faces, guess)
        norm, goal, round_off = (math.sqrt(s) for s in self._sums(r * r, load * load, size * size))
        round_off *= FLOOR
        if not math.isfinite(norm + goal + round_off):
            raise not_converged(0, float("nan"), rtol)
        if guess is None or not norm < goal or goal <= round_off:
            guess, r, norm = torch.zeros_like(load), load, goal
        p, enough = guess, max(rtol * goal, round_off)
        s, before, iteration = None, 1.0, 0
        while not norm <= enough:
            if not math.isfinite(norm) or iteration == self.max_iterations:
                raise not_converged(iteration, norm / goal, rtol)
            z = scale * self.direct.solve_symmetric(scale * r)
            (rz,) = self._sums(r * z)
            s = z if s is None else z + (rz / before) * s
            q = self.apply(faces, s)
            (curvature,) = self._sums(s * q)
            if not curvature > 0.0:
                raise not_converged(iteration, norm / goal, rtol)
            p, r, before = p + (rz / curvature) * s, r - (rz / curvature) * q, rz
            norm = math.sqrt(self._sums(r * r)[0])
            iteration += 1
        return p, iteration, norm / goal if goal > 0.0 else 0.0


def _nothing(data: torch.Tensor, axis: int, side: int) -> None:
    """Beyond physical boundaries ghosts stay what they are."""
