"""The conjugate-gradient loop that the solvers in torch share, preconditioned by the scaled problem of beta = 1.

M = b^(s/2) L_1 b^(s/2), b a cell average of beta, L_1 solved directly: P. Concus and G. H. Golub, SIAM J. Numer.
Anal. 10 (1973) 1103, https://doi.org/10.1137/0710092
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Generic, NamedTuple, Protocol, TypeVar

import torch

from combust.cfd.pressure.base import FLOOR, not_converged

Operator = Callable[[torch.Tensor], torch.Tensor]
# s = 1 is best while the front is wide (9-13 iterations), but its count grows as the front thins against the box;
# s = 0 takes 30 at a density ratio of 7, on any grid. In between wins in practice.
SCALING = 0.75
LOOKS = 4  # iterations on a device between looks of the host at the residual

Scalar = TypeVar("Scalar", float, torch.Tensor)


class Products(Protocol[Scalar]):
    """How a kind of solver multiplies: a scalar is a number of all ranks, or a 0-d tensor that no host waits for.

    looks : iterations between looks at the norm; what goes beyond the solution is dropped
    """

    looks: int

    def scalar(self, a: torch.Tensor, b: torch.Tensor) -> Scalar:
        """Their scalar product."""

    def norms(self, *fields: torch.Tensor) -> list[float]:
        """Their norms."""

    def length(self, rz: Scalar, s: torch.Tensor, q: torch.Tensor) -> Scalar | None:
        """rz/(s, q) of a direction s with q = A s; None where that is known to be no way down."""

    def ahead(self, x: torch.Tensor, factor: Scalar, y: torch.Tensor) -> torch.Tensor:
        """x + factor y, which may take the memory of x."""


class System(NamedTuple):
    """A x = load: A is `apply`; size : what its round-off is counted by (`PressureSolver.solve`)."""

    apply: Operator
    precondition: Operator
    load: torch.Tensor
    size: torch.Tensor
    rtol: float
    iterations: int


class Conjugate(Generic[Scalar]):
    """The loop, by the products of a kind of solver."""

    def __init__(self, products: Products[Scalar]) -> None:
        self.products: Products[Scalar] = products

    def solve(self, given: System, guess: torch.Tensor | None) -> tuple[torch.Tensor, int, float]:
        """x, iterations and the relative residual, from the guess, unless x = 0 leaves less to do. Raises
        DivergenceError.
        """
        by, load = self.products, given.load
        r = load.clone() if guess is None else load - given.apply(guess)
        norm, goal, round_off = by.norms(r, load, given.size)
        round_off *= FLOOR
        if not math.isfinite(norm + goal + round_off):
            raise not_converged(0, float("nan"), given.rtol)
        if guess is None or not norm < goal or goal <= round_off:
            x, r, norm = torch.zeros_like(load), load.clone(), goal
        else:
            x = guess.clone()
        enough, iteration = max(given.rtol * goal, round_off), 0
        s: torch.Tensor | None = None
        rz: Scalar | None = None
        while not norm <= enough:
            if not math.isfinite(norm) or iteration == given.iterations:
                raise not_converged(iteration, norm / goal, given.rtol)
            tried: list[tuple[torch.Tensor, torch.Tensor]] = []
            for _ in range(min(by.looks, given.iterations - iteration)):
                z = given.precondition(r)
                previous, rz = rz, by.scalar(r, z)
                s = z if s is None or previous is None else by.ahead(z, rz / previous, s)
                q = given.apply(s)
                step = by.length(rz, s, q)
                if step is None:
                    if tried:  # it may be beyond the solution
                        break
                    raise not_converged(iteration, norm / goal, given.rtol)
                x, r = by.ahead(x, step, s), by.ahead(r, -step, q)
                tried.append((x, r))
            for (x, _), norm in zip(tried, by.norms(*(r for _, r in tried)), strict=True):  # noqa: B007
                iteration += 1
                if norm <= enough or not math.isfinite(norm):
                    break
        return x, iteration, norm / goal if goal > 0.0 else 0.0
