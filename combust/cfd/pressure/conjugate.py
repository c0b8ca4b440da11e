"""The conjugate-gradient loop that the solvers in torch share, preconditioned by the scaled problem of beta = 1.

M = b^(s/2) L_1 b^(s/2), b a cell average of beta, L_1 solved directly: P. Concus and G. H. Golub, SIAM J. Numer.
Anal. 10 (1973) 1103, https://doi.org/10.1137/0710092
On many ranks the products of an iteration are one message: A. T. Chronopoulos and C. W. Gear, J. Comput. Appl. Math. 25
(1989) 153, https://doi.org/10.1016/0377-0427(89)90045-9
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from combust.cfd.pressure.base import FLOOR, not_converged

Operator = Callable[[torch.Tensor], torch.Tensor]
# s = 1 is best while the front is wide (9-13 iterations), but its count grows as the front thins against the box;
# s = 0 takes 30 at a density ratio of 7, on any grid. In between wins in practice.
SCALING = 0.75
LOOKS = 4  # iterations on a device between looks of the host at the residual


class System(NamedTuple):
    """A x = load: A is `apply`; size : what its round-off is counted by (`PressureSolver.solve`)."""

    apply: Operator
    precondition: Operator
    load: torch.Tensor
    size: torch.Tensor
    rtol: float
    iterations: int


class Alone:
    """The loop of one rank: scalars stay on the device, and the host waits for norms alone.

    looks : iterations between looks at the norm; what goes beyond the solution is dropped
    """

    def __init__(self, looks: int) -> None:
        self.looks = looks

    def solve(self, given: System, guess: Tensor | None) -> tuple[Tensor, int, float]:
        """x, iterations and the relative residual, from the guess, unless x = 0 leaves less to do. Raises
        DivergenceError.
        """
        x, r, norm, goal, enough = begun(given, guess, norms)
        iteration = 0
        s: Tensor | None = None
        rz: Tensor | None = None
        while not norm <= enough:
            if not math.isfinite(norm) or iteration == given.iterations:
                raise not_converged(iteration, norm / goal, given.rtol)
            tried: list[tuple[Tensor, Tensor]] = []
            for _ in range(min(self.looks, given.iterations - iteration)):
                z = given.precondition(r)
                previous, rz = rz, torch.sum(r * z)
                s = z if s is None or previous is None else torch.addcmul(z, s, rz / previous)
                q = given.apply(s)
                step = rz / torch.sum(s * q)  # what is no way down shows in the norms
                x, r = torch.addcmul(x, s, step), torch.addcmul(r, q, -step)
                tried.append((x, r))
            for (x, _), norm in zip(tried, norms(*(r for _, r in tried)), strict=True):  # noqa: B007
                iteration += 1
                if norm <= enough or not math.isfinite(norm):
                    break
        return x, iteration, norm / goal if goal > 0.0 else 0.0


def begun(
    given: System, guess: Tensor | None, norms: Callable[..., list[float]]
) -> tuple[Tensor, Tensor, float, float, float]:
    """x, its residual r, norms of r and of the load, and the norm that is enough: from the guess, unless x = 0 leaves
    less to do. norms : of fields, over all ranks

    Raises DivergenceError for numbers that are none.
    """
    load = given.load
    r = load.clone() if guess is None else load - given.apply(guess)
    norm, goal, round_off = norms(r, load, given.size)
    round_off *= FLOOR
    if not math.isfinite(norm + goal + round_off):
        raise not_converged(0, float("nan"), given.rtol)
    enough = max(given.rtol * goal, round_off)
    if guess is None or not norm < goal or goal <= round_off:
        return torch.zeros_like(load), load.clone(), goal, goal, enough
    return guess.clone(), r, norm, goal, enough


def norms(*fields: Tensor) -> list[float]:
    """Of fields of one rank."""
    found: list[float] = torch.stack([torch.linalg.vector_norm(f) for f in fields]).tolist()
    return found


class Way:
    """The direction p that x goes along, s = A p: how much of the last one is in it, how far x goes, and what the
    residual's square is then, all from products that one message brings.
    """

    def __init__(self) -> None:
        self.ru = self.step = self.more = 0.0
        self.ss = self.rs = 0.0  # products (s, s) and (r, s)

    def turned(self, products: Sequence[float], scale: float = 1.0) -> float | None:
        """(r, r) after the next step; None if that leads nowhere.

        products : (r, u), (w, u), (r, w), (w, w), (w, s), (r, r), where u is r preconditioned and w = A u, both still
            to be taken `scale` times, and s the last one
        """
        ru, wu, rw, ww, ws, rr = products
        ru, wu, rw, ww, ws = scale * ru, scale**2 * wu, scale * rw, scale**2 * ww, scale * ws
        first = self.step == 0.0
        self.more = 0.0 if first else ru / self.ru
        curvature = wu if first else wu - self.more * ru / self.step
        if not (curvature > 0.0 and ru > 0.0):
            return None
        self.ru, self.step = ru, ru / curvature
        rs, self.ss = rw + self.more * self.rs, ww + self.more * (2.0 * ws + self.more * self.ss)
        self.rs = rs - self.step * self.ss
        return rr + self.step * (self.step * self.ss - 2.0 * rs)


Sums = Callable[..., list[float]]  # of pairs of fields: their scalar products over all ranks, in one message


def together(given: System, guess: Tensor | None, sums: Sums) -> tuple[Tensor, int, float]:
    """What `Alone.solve` gives, of many ranks, which hear of each other once an iteration."""
    x, r, norm, goal, enough = begun(
        given, guess, lambda *fields: [math.sqrt(s) for s in sums(*((f, f) for f in fields))]
    )
    iteration, way = 0, Way()
    p, s = torch.zeros_like(r), torch.zeros_like(r)
    while not norm <= enough:
        u = given.precondition(r)
        w = given.apply(u)
        square = way.turned(sums((r, u), (w, u), (r, w), (w, w), (w, s), (r, r)))
        if square is None or iteration == given.iterations:
            raise not_converged(iteration, norm / goal, given.rtol)
        p, s = torch.add(u, p, alpha=way.more), torch.add(w, s, alpha=way.more)
        x, r = torch.add(x, p, alpha=way.step), torch.add(r, s, alpha=-way.step)
        norm, iteration = math.sqrt(max(square, 0.0)), iteration + 1
    return x, iteration, norm / goal if goal > 0.0 else 0.0
