"""The pressure equation on CPUs: conjugate gradients with one reduction an iteration, preconditioned by multigrid."""

from __future__ import annotations

import ctypes
import logging
import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from combust.cfd.pressure.base import (
    FLOOR,
    UNIT_RTOL,
    Beta,
    Conductances,
    PressureGrid,
    PressureSolver,
    Solution,
    compatible,
    diagonal,
    not_converged,
    zero_mean,
)
from combust.cfd.pressure.conjugate import Way
from combust.cfd.pressure.multigrid.cycle import Cycle
from combust.cfd.pressure.multigrid.memory import ENTRIES, Span
from combust.cfd.pressure.multigrid.messages import Ghosts
from combust.cfd.pressure.separable import Separable
from combust.errors import DivergenceError

logger = logging.getLogger(__name__)

UNIFORM = 1e-10  # what beta may differ by, of itself, so that a direct solution is tried
MOSTLY_MEAN = 0.01  # share of rhs that a singular problem drops, above which that is done twice


class MultigridSolver:
    """Pressure solver for any number of ranks on CPUs; see PressureSolver for the problem."""

    def __init__(
        self,
        grid: PressureGrid,
        kernels: ctypes.CDLL,
        rtol: float = 1e-9,
        max_iterations: int = 100,
        otherwise: Callable[[], PressureSolver] | None = None,
    ) -> None:
        """otherwise : makes the solver of what does not converge within so many iterations; without one that is an
        error
        """
        self.grid, self.kernels, self.rtol, self.max_iterations = grid, kernels, rtol, max_iterations
        self.otherwise = otherwise
        self.other: PressureSolver | None = None
        self.comm, cpu = grid.block.comm, torch.device("cpu")
        self.conductances = Conductances(grid, cpu)
        self.direct = None if grid.fixed else Separable(grid, cpu)
        self.volumes = torch.as_tensor(grid.volumes())
        self.cycle = Cycle(grid, kernels)
        self.unknown = Unknown(self.cycle)

    def forget(self) -> None:
        """Nothing is kept from solve to solve."""

    def solve_constant(self, rhs: Tensor) -> Tensor:
        """p of L_1 p = rhs; with no dirichlet side without rhs's mean, and p has zero mean. Directly, unless sides are
        fixed in parts.
        """
        if self.direct is not None:
            return self.direct.solve(rhs)
        load = -self.volumes * rhs
        return Iteration(self, self.conductances.unit(), load, load, UNIT_RTOL).solve(None)[0]

    def solve(self, beta: Beta, rhs: Tensor, guess: Tensor | None = None, terms: Tensor | None = None) -> Solution:
        """p of L_beta p = rhs. Raises DivergenceError."""
        faces = self.conductances(beta)
        load, incompatibility = -self.volumes * rhs, 0.0
        if self.grid.singular:
            load, incompatibility = compatible(load, self.volumes, self.comm)
            if incompatibility > MOSTLY_MEAN:  # its rounding is left, a mean beside which the rest may be small
                load = compatible(load, self.volumes, self.comm)[0]
        size = self.volumes * (rhs if terms is None else terms)
        if guess is None and self.comm.size == 1:
            guess = self._of_uniform(beta, rhs)
        iteration = Iteration(self, faces, load, size, self.rtol)
        try:
            p, iterations, residual = iteration.solve(guess)
        except DivergenceError as error:  # on all ranks, as they hold the same norms
            if self.otherwise is None or iteration.lost:
                raise
            return self._by_the_other(self.otherwise, error).solve(beta, rhs, guess, terms)
        if self.grid.singular:
            p = zero_mean(p, self.volumes, self.comm)
        return Solution(p, iterations, residual, incompatibility)

    def _by_the_other(self, otherwise: Callable[[], PressureSolver], error: DivergenceError) -> PressureSolver:
        """The other solver, made once and told of at its first use."""
        if self.other is None:
            self.other = otherwise()
            if self.comm.is_root:
                logger.warning("pressure by multigrid: %s. Such steps are solved by torch, which takes longer", error)
        return self.other

    def _of_uniform(self, beta: Beta, rhs: Tensor) -> Tensor | None:
        """The solution where beta is one number but for round-off, as in a gas of constant density, directly; whether
        it is one is tried by its residual. Ranks would need a message to agree on it, and iterate.
        """
        ends = [f.aminmax() for f in beta if f is not None]
        least, most = min(float(e.min) for e in ends), max(float(e.max) for e in ends)
        return None if self.direct is None or most - least > UNIFORM * most else self.direct.solve(rhs) / most


class Unknown:
    """The unknown with one layer of ghosts in double precision, of which the residual itself is taken."""

    def __init__(self, cycle: Cycle) -> None:
        first = cycle.levels[0].places
        places = [Span(p.start, p.n, min(p.g, 1), min(p.low, 1), min(p.high, 1), p.wrap) for p in first]
        self.record = np.zeros(ENTRIES, dtype=np.int64)
        columns = [[getattr(p, name) for p in places] for name in ("n", "g", "m", "low", "high", "wrap")]
        self.record[:18] = np.ravel(columns)
        self.padded = np.zeros([p.m for p in places])
        self.own = self.padded[tuple(slice(p.g, p.g + p.n) for p in places)]
        self.ghosts = Ghosts(cycle.ranks, places, [self.padded], 1)
        self.at = int(self.record.ctypes.data)


class Iteration:
    """One solve. The next residual's norm follows from products that are already there, so that the host hears of all
    ranks once an iteration; what it then takes for the end is tried by the residual itself.
    """

    def __init__(self, on: MultigridSolver, faces: dict[int, Tensor], load: Tensor, size: Tensor, rtol: float) -> None:
        self.on, self.load, self.size, self.rtol = on, load.contiguous(), size, rtol
        self.faces = {axis: face.contiguous() for axis, face in faces.items()}
        self.main = diagonal(faces).contiguous()
        pointers = [self.faces[a].data_ptr() if a in self.faces else 0 for a in range(3)]
        self.fine = np.array([*pointers, self.main.data_ptr()], dtype=np.int64)
        self.at, self.first = int(self.fine.ctypes.data), on.cycle.at[0]
        self.r = self.load.clone()
        self.products, self.numbers = np.zeros(6), np.zeros(4)
        self.lost = False
        """Whether it met numbers that are not finite: no solver comes to an end with them."""

    def solve(self, guess: Tensor | None) -> tuple[Tensor, int, float]:
        """x, iterations, relative residual; from the guess unless x = 0 leaves less to do. Raises DivergenceError."""
        norm, goal, round_off = self._begun(guess)
        enough, done, sure = max(self.rtol * goal, round_off), 0, 0.0
        while not norm <= max(enough, sure):
            count = self._descent(norm, enough, self.on.max_iterations - done)
            done += count
            norm, terms = (math.sqrt(square) for square in self.on.comm.sum(*self._remaining()))
            sure = FLOOR * terms  # what the rounding of A x makes of it, which no iteration takes away
            self.lost = not math.isfinite(norm)
            if self.lost or (norm > max(enough, sure) and (not count or done >= self.on.max_iterations)):
                raise not_converged(done, norm / goal, self.rtol)
        return torch.tensor(self.on.unknown.own), done, norm / goal if goal > 0.0 else 0.0

    def _begun(self, guess: Tensor | None) -> tuple[float, float, float]:
        """Norms of residual, load and its round-off, where x begins; prepares the cycle."""
        on, x = self.on, self.on.unknown.own
        x[...] = 0.0 if guess is None else guess.numpy()
        own = 0.0 if guess is None else self._remaining()[0]
        parts = [own, *(float(torch.dot(f.reshape(-1), f.reshape(-1))) for f in (self.load, self.size))]
        squares = on.comm.sum(*parts, float(self.main.sum()), self.main.numel())
        self.lost = not math.isfinite(sum(squares))
        if self.lost:
            raise not_converged(0, float("nan"), self.rtol)
        norm, goal, round_off = (math.sqrt(square) for square in squares[:3])
        round_off *= FLOOR
        if guess is None or not norm < goal or goal <= round_off:
            x[...] = 0.0
            self.r.copy_(self.load)
            norm = goal
        if norm > max(self.rtol * goal, round_off):
            on.cycle.prepare(self.at, squares[4] / squares[3] if squares[3] > 0.0 else 1.0)
        return norm, goal, round_off

    def _remaining(self) -> tuple[float, float]:
        """r = load - A x; squares of it and of its largest terms, on this rank."""
        unknown, squares = self.on.unknown, np.zeros(2)
        unknown.ghosts.fill()
        given = (unknown.at, self.at, self.load.data_ptr(), unknown.padded.ctypes.data, self.r.data_ptr())
        self.on.kernels.combust_pressure_remaining(*given, squares.ctypes.data)
        return float(squares[0]), float(squares[1])

    def _descent(self, norm: float, enough: float, most: int) -> int:
        """Iterates from r until its norm should be `enough`, or nothing leads down; how many iterations that took."""
        on, by, way = self.on, self.on.kernels, Way()
        w, p, s = torch.empty_like(self.r), torch.zeros_like(self.r), torch.zeros_like(self.r)
        fields = [f.data_ptr() for f in (w, p, s)]
        load = unit(norm)
        by.combust_pressure_given(self.first, load, self.r.data_ptr())
        for count in range(1, most + 1):
            on.cycle.run()
            given = (self.r.data_ptr(), s.data_ptr(), w.data_ptr(), self.products.ctypes.data)
            by.combust_pressure_applied(self.first, self.at, *given)
            square = way.turned(on.comm.sum(*self.products.tolist()), 1.0 / load)
            if square is None:
                return count - 1
            self.numbers[:3] = 1.0 / load, way.more, way.step
            self.numbers[3] = load = unit(math.sqrt(max(square, 0.0)) or norm)
            unknown = (on.unknown.at, self.numbers.ctypes.data, *fields, on.unknown.padded.ctypes.data)
            by.combust_pressure_advanced(self.first, *unknown, self.r.data_ptr())
            if square <= enough * enough:
                break
        return count


def unit(norm: float) -> float:
    """The power of two that brings a norm to about 1: exact in any precision."""
    return 2.0 ** -math.frexp(norm)[1]
