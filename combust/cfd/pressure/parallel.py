"""Conjugate gradients in torch on any number of ranks, preconditioned by the scaled constant-coefficient problem.

As on one rank (`torch_cg`), with sums over all ranks; what -V L_beta is, and what it takes of neighbours, is for the
kind of operator to say: `ranks` has that of second order, `wide` that of fourth.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable

import torch

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

Operator = Callable[[torch.Tensor], torch.Tensor]


class ParallelSolver(ABC):
    """Pressure solver for any number of ranks; see PressureSolver for the problem."""

    def __init__(
        self, grid: PressureGrid, rtol: float = 1e-9, device: torch.device | str = "cpu", max_iterations: int = 200
    ) -> None:
        self.grid, self.rtol, self.max_iterations = grid, rtol, max_iterations
        self.device, self.comm = torch.device(device), grid.block.comm
        self.conductances = Conductances(grid, self.device)
        self.direct = Separable(grid, self.device)
        self.volumes = self.direct.volumes
        self.unit_diagonal = diagonal(self.conductances.unit())

    @abstractmethod
    def operator(self, own: dict[int, torch.Tensor], main: torch.Tensor) -> Operator:
        """-V L_beta of fields of the owned cells (collective); own : conductances at the block's faces, main : the sum
        of those around each cell.
        """

    def forget(self) -> None:  # noqa: B027
        """Nothing is kept from solve to solve."""

    def solve_constant(self, rhs: torch.Tensor) -> torch.Tensor:
        """p of L_1 p = rhs; with no dirichlet side without rhs's mean, and p has zero mean. Directly, unless sides are
        fixed in parts.
        """
        if not self.grid.fixed:
            return self.direct.solve(rhs)
        apply, load = self.operator(self.conductances.unit(), self.unit_diagonal), -self.volumes * rhs
        return self._iterate(apply, torch.ones_like(load), load, None, load, UNIT_RTOL)[0]

    def solve(
        self, beta: Beta, rhs: torch.Tensor, guess: torch.Tensor | None = None, terms: torch.Tensor | None = None
    ) -> Solution:
        """p of L_beta p = rhs. Raises DivergenceError."""
        own = self.conductances(beta)
        main = diagonal(own)
        scale, apply = (self.unit_diagonal / main) ** (0.5 * SCALING), self.operator(own, main)
        load, incompatibility = -self.volumes * rhs, 0.0
        if self.grid.singular:
            load, incompatibility = compatible(load, self.volumes, self.comm)
        size = self.volumes * (rhs if terms is None else terms)
        p, iterations, residual = self._iterate(apply, scale, load, guess, size, self.rtol)
        if self.grid.singular:
            p = zero_mean(p, self.volumes, self.comm)
        return Solution(p, iterations, residual, incompatibility)

    def product(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """Their scalar product on this rank."""
        return (a * b).sum()

    def ahead(self, x: torch.Tensor, factor: float, y: torch.Tensor) -> torch.Tensor:
        """x + factor y, which may take the memory of x."""
        return x + factor * y

    def _sums(self, *pairs: tuple[torch.Tensor, torch.Tensor]) -> list[float]:
        """Scalar products over all ranks: one message."""
        return list(self.comm.sum(*torch.stack([self.product(a, b) for a, b in pairs]).tolist()))

    def _iterate(
        self,
        apply: Operator,
        scale: torch.Tensor,
        load: torch.Tensor,
        guess: torch.Tensor | None,
        size: torch.Tensor,
        rtol: float,
    ) -> tuple[torch.Tensor, int, float]:
        r = load.clone() if guess is None else load - apply(guess)
        norm, goal, round_off = (math.sqrt(s) for s in self._sums((r, r), (load, load), (size, size)))
        round_off *= FLOOR
        if not math.isfinite(norm + goal + round_off):
            raise not_converged(0, float("nan"), rtol)
        if guess is None or not norm < goal or goal <= round_off:
            p, r, norm = torch.zeros_like(load), load.clone(), goal
        else:
            p = guess.clone()
        enough = max(rtol * goal, round_off)
        s, before, iteration = None, 1.0, 0
        while not norm <= enough:
            if not math.isfinite(norm) or iteration == self.max_iterations:
                raise not_converged(iteration, norm / goal, rtol)
            z = scale * self.direct.solve_symmetric(scale * r)
            (rz,) = self._sums((r, z))
            s = z if s is None else self.ahead(z, rz / before, s)
            q = apply(s)
            (curvature,) = self._sums((s, q))
            if not curvature > 0.0:
                raise not_converged(iteration, norm / goal, rtol)
            p, r, before = self.ahead(p, rz / curvature, s), self.ahead(r, -rz / curvature, q), rz
            norm = math.sqrt(self._sums((r, r))[0])
            iteration += 1
        return p, iteration, norm / goal if goal > 0.0 else 0.0
