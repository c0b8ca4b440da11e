"""Conjugate gradients in torch on one rank, preconditioned by the scaled constant-coefficient problem.

M = sqrt(b) L_1 sqrt(b), b a cell average of beta, L_1 solved directly: P. Concus and G. H. Golub, SIAM J. Numer.
Anal. 10 (1973) 1103, https://doi.org/10.1137/0710092
"""

from __future__ import annotations

import math

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
from combust.cfd.pressure.line import solve_line
from combust.cfd.pressure.separable import Separable

# M = b^(s/2) L_1 b^(s/2): s = 1 is best while the front is wide (9-13 iterations), but its count grows as the
# front thins against the box; s = 0 takes 30 at a density ratio of 7, on any grid. In between wins in practice.
SCALING = 0.75


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
        scale = (self.unit_diagonal / main) ** (0.5 * SCALING)
        p, r, norm, goal, enough = self._start(faces, main, load, guess, terms, rtol)
        s, rz, iteration = None, None, 0
        while not norm <= enough:
            if not math.isfinite(norm) or iteration == self.max_iterations:
                raise not_converged(iteration, norm / goal, rtol)
            z = scale * self.direct.solve_symmetric(scale * r)
            rz, previous = torch.sum(r * z), rz
            s = z if s is None else torch.addcmul(z, s, rz / previous)
            q = apply(faces, main, self.periodic, s)
            step = rz / torch.sum(s * q)
            p, r = torch.addcmul(p, s, step), torch.addcmul(r, q, step, value=-1.0)
            norm = float(torch.linalg.vector_norm(r))  # the only value the host waits for
            iteration += 1
        return p, iteration, norm / goal if goal > 0.0 else 0.0

    def _start(
        self,
        faces: dict[int, torch.Tensor],
        main: torch.Tensor,
        load: torch.Tensor,
        guess: torch.Tensor | None,
        terms: torch.Tensor,
        rtol: float,
    ) -> tuple[torch.Tensor, torch.Tensor, float, float, float]:
        """First p and residual: those of the guess, unless p = 0 leaves less to do; norms of residual and load, and
        the norm of the residual that is small enough.
        """
        r = load if guess is None else load - apply(faces, main, self.periodic, guess)
        norms = torch.stack([torch.linalg.vector_norm(f) for f in (r, load, self.volumes * terms)]).tolist()
        norm, goal, round_off = norms[0], norms[1], FLOOR * norms[2]
        if not math.isfinite(norm + goal + round_off):
            raise not_converged(0, float("nan"), rtol)
        if guess is None or not norm < goal or goal <= round_off:
            guess, r, norm = torch.zeros_like(load), load, goal
        return guess, r, norm, goal, max(rtol * goal, round_off)


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
