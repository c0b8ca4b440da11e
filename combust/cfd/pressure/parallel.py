"""The pressure equation on any number of ranks: conjugate gradients that ask all ranks once an iteration.

What -V L_beta is, and what it takes of neighbours, is for the kind of operator to say: `ranks` has that of second
order, `wide` that of fourth.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch

from combust.cfd.pressure.base import (
    UNIT_RTOL,
    Beta,
    Conductances,
    PressureGrid,
    Solution,
    compatible,
    diagonal,
    zero_mean,
)
from combust.cfd.pressure.conjugate import SCALING, Operator, System, together
from combust.cfd.pressure.separable import Separable


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
        def precondition(r: torch.Tensor) -> torch.Tensor:
            return scale * self.direct.solve_symmetric(scale * r)

        return together(System(apply, precondition, load, size, rtol, self.max_iterations), guess, self._sums)
