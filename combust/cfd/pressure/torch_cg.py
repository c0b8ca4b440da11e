"""The pressure equation on one rank, CPU or GPU: conjugate gradients of `conjugate`."""

from __future__ import annotations

import math
from functools import partial

import torch

from combust import devices
from combust.cfd.pressure.base import (
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
from combust.cfd.pressure.conjugate import LOOKS, SCALING, Alone, System
from combust.cfd.pressure.line import solve_line
from combust.cfd.pressure.separable import Separable


class TorchSolver:
    """Pressure solver for one rank, CPU or GPU; see PressureSolver for the problem."""

    def __init__(
        self, grid: PressureGrid, rtol: float = 1e-9, device: torch.device | str = "cpu", max_iterations: int = 200
    ) -> None:
        self.grid, self.rtol, self.max_iterations = grid, rtol, max_iterations
        self.device = torch.device(device)
        self.conductances = Conductances(grid, self.device)
        self.volumes = torch.as_tensor(grid.volumes(), device=self.device)
        self.periodic = tuple(axis for axis in grid.axes if grid.sides[axis][0] == "periodic")
        self.unit_diagonal = diagonal(self.conductances.unit())
        self.direct = Separable(grid, self.device) if len(grid.axes) > 1 else None

    def forget(self) -> None:
        """Nothing is kept from solve to solve."""

    def solve_constant(self, rhs: torch.Tensor) -> torch.Tensor:
        """p of L_1 p = rhs; with no dirichlet side without rhs's mean, and p has zero mean. Directly, unless sides are
        fixed in parts.
        """
        if self.direct is None:
            return self._line(self.conductances.unit(), *self._load(rhs)).p
        if self.grid.fixed:
            load = self._load(rhs)[0]
            return self._iterate(self.conductances.unit(), self.unit_diagonal, load, None, rhs, UNIT_RTOL)[0]
        return self.direct.solve(rhs)

    def solve(
        self, beta: Beta, rhs: torch.Tensor, guess: torch.Tensor | None = None, terms: torch.Tensor | None = None
    ) -> Solution:
        """p of L_beta p = rhs; in one direction it is found directly. Raises DivergenceError."""
        faces = self.conductances(beta)
        load, incompatibility = self._load(rhs)
        if self.direct is None:
            return self._line(faces, load, incompatibility)
        main = diagonal(faces)
        p, iterations, residual = self._iterate(faces, main, load, guess, rhs if terms is None else terms, self.rtol)
        return Solution(self._free(p), iterations, residual, incompatibility)

    def _load(self, rhs: torch.Tensor) -> tuple[torch.Tensor, float]:
        load = -self.volumes * rhs
        return compatible(load, self.volumes, self.grid.block.comm) if self.grid.singular else (load, 0.0)

    def _free(self, p: torch.Tensor) -> torch.Tensor:
        return zero_mean(p, self.volumes, self.grid.block.comm) if self.grid.singular else p

    def _line(self, faces: dict[int, torch.Tensor], load: torch.Tensor, incompatibility: float) -> Solution:
        p = self._free(solve_line(self.grid, faces[self.grid.axes[0]], load))
        r = load - apply(faces, diagonal(faces), self.periodic, p)
        norm, goal = torch.stack((torch.linalg.vector_norm(r), torch.linalg.vector_norm(load))).tolist()
        if not math.isfinite(norm):
            raise not_converged(0, norm, self.rtol)
        return Solution(p, 0, norm / goal if goal > 0.0 else 0.0, incompatibility)

    def _iterate(
        self,
        faces: dict[int, torch.Tensor],
        main: torch.Tensor,
        load: torch.Tensor,
        guess: torch.Tensor | None,
        terms: torch.Tensor,
        rtol: float,
    ) -> tuple[torch.Tensor, int, float]:
        assert self.direct is not None
        direct, scale = self.direct, (self.unit_diagonal / main) ** (0.5 * SCALING)

        def precondition(r: torch.Tensor) -> torch.Tensor:
            return scale * direct.solve_symmetric(scale * r)

        operator = partial(apply, faces, main, self.periodic)
        given = System(operator, precondition, load, self.volumes * terms, rtol, self.max_iterations)
        return Alone(LOOKS if devices.works_ahead(self.device) else 1).solve(given, guess)


def apply(
    faces: dict[int, torch.Tensor], main: torch.Tensor, periodic: tuple[int, ...], p: torch.Tensor
) -> torch.Tensor:
    """-V L_beta p on one rank: main p minus the neighbours times the conductances between.

    Not compiled: in place on slices it is as fast as the fused kernel, which would cost seconds per shape.
    """
    result = main * p
    for axis, face in faces.items():
        n = p.shape[axis]
        inner = face.narrow(axis, 1, n - 1)
        result.narrow(axis, 0, n - 1).addcmul_(inner, p.narrow(axis, 1, n - 1), value=-1.0)
        result.narrow(axis, 1, n - 1).addcmul_(inner, p.narrow(axis, 0, n - 1), value=-1.0)
        if axis in periodic:
            result.select(axis, 0).addcmul_(face.select(axis, 0), p.select(axis, -1), value=-1.0)
            result.select(axis, -1).addcmul_(face.select(axis, -1), p.select(axis, 0), value=-1.0)
    return result
