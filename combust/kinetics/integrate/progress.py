"""How far each cell of a batch is on its way to the end of its dt: which steps are taken, and how long the next are.

All of it stays on the device of the cells: those that are done are masked, and the host asks when it likes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from combust import devices
from combust.kinetics.integrate.blocks import put
from combust.kinetics.integrate.native.integrator import Rules
from combust.kinetics.integrate.observer import Observer, watched
from combust.kinetics.integrate.rosenbrock import Method

MIN_FRACTION = 1e-35  # of dt: what is left of steps towards a time at which the equations have no end state
SAFETY, GROW, SHRINK = 0.9, 5.0, 0.1
AGAIN = 0.2  # at most, after a second rejection in a row: in an initial layer the error does not fall with the step
SLACK = 1.0 - 1e-9  # of the number of steps to the end: ten tenths of dt are ten, whatever rounding makes of them
LANDING, RELAX = 0.25, 1.05  # of steps that would leap over a growth, and of their limit afterwards


def rules_of(most: int) -> Rules:
    """The same for the integrator in C++; most : steps that a cell tries."""
    return Rules(SAFETY, GROW, SHRINK, AGAIN, LANDING, RELAX, MIN_FRACTION, SLACK, most)


@dataclass
class Integrated:
    """End states of `integrate_cells` and their counts; `failed` holds the cells that did not arrive."""

    z: Tensor
    steps: int
    rejected: int
    failed: Tensor


@dataclass
class Integration:
    """How far each cell is on its way to the end of its dt; z (1 + species, cells), all else (cells,)."""

    z: Tensor
    end: Tensor  # s
    elapsed: Tensor  # s
    step: Tensor  # s, the next one
    cap: Tensor  # s, of the step, where something grows
    tries: Tensor
    fresh: Tensor  # whether the last step was accepted
    over: Tensor  # whether it ends here, see `Observer`
    going: Tensor  # whether it has a way to go, and is not stuck
    stuck: Tensor  # tries after which it was found to be stuck, else 0
    counts: Tensor  # (3,) steps taken, refused, cells that are stuck
    shown: list[tuple[Tensor, Tensor]]  # states that steps start from, and which of them are new, not yet told

    @staticmethod
    def begin(z: Tensor, dt: float | Tensor, first: Tensor) -> Integration:
        """At the start of dt [s], with first steps `first` [s]."""
        end = (dt if isinstance(dt, Tensor) else devices.number(dt, z.device)).to(z).expand(first.shape)
        tries = torch.zeros(first.shape, dtype=torch.int64, device=z.device)
        fresh = torch.ones(first.shape, dtype=torch.bool, device=z.device)
        z, elapsed, step = z.clone(), torch.zeros_like(first), first.clone()
        cap, stuck, counts = torch.full_like(first, torch.inf), torch.zeros_like(tries), tries.new_zeros(3)
        return Integration(z, end, elapsed, step, cap, tries, fresh, ~fresh, fresh.clone(), stuck, counts, [])

    def show(self, observe: Observer, cells: Tensor, z: Tensor, chemical: Tensor, molar_mass: Tensor) -> None:
        """The states z that steps of the cells start from; chemical : dz/dt there without sources."""
        z, f = z[:, : cells.numel()], chemical[:, : cells.numel()]
        rows = [x for row in observe.rows for x in watched(row, z, f, molar_mass)]
        record = torch.stack([cells.to(z.dtype), self.elapsed[cells], z[0], *rows], dim=1)
        self.shown.append((record, self.fresh[cells] & self.going[cells]))
        if observe.ending is not None:
            # A state that a step starts from anew says what it said before.
            self.over[cells] = observe.ending.reached(record)

    def tell(self, observe: Observer) -> None:
        """What was shown since it was told last, each state once."""
        record, new = (torch.cat(x) for x in zip(*self.shown, strict=True))
        self.shown = []
        observe(record[new.nonzero().squeeze(-1)])

    def move(self, method: Method, cells: Tensor, old: Tensor, new: Tensor, error: Tensor, leaps: Tensor) -> None:
        """Takes the steps whose error is within the tolerance and that leap over nothing, and chooses the next."""
        going = self.going[cells]
        good = (error <= 1.0) & ~leaps & going
        put(self.z, cells, torch.where(good, new, old))
        h, whole = self.step[cells], self.end[cells]
        left = torch.where(good, whole - self.elapsed[cells] - h, whole - self.elapsed[cells])
        left = torch.where(left.abs() <= 1e-12 * whole, torch.zeros_like(left), left)
        self.elapsed[cells] = whole - left
        following = self._capped(cells, h, next_step(method, h, error, good), good, leaps)
        self.step[cells] = left / (left / following * SLACK).ceil().clamp_min(1.0)  # equal steps to the end, no sliver
        self.counts[:2] += torch.stack([good.sum(), (going & ~good).sum()])
        self.fresh[cells] = good

    def _capped(self, cells: Tensor, h: Tensor, following: Tensor, good: Tensor, leaps: Tensor) -> Tensor:
        """The next steps after steps of h: shorter after a second rejection, and where they would leap."""
        limit = self.cap[cells]
        following = torch.where(good | self.fresh[cells], following, torch.minimum(following, AGAIN * h))
        limit = torch.where(following < limit, torch.inf, RELAX * limit)  # the error test sees the growth again
        self.cap[cells] = torch.where(leaps, LANDING * h, limit)
        return torch.minimum(following, self.cap[cells])

    def judge(self, active: Tensor, most: int) -> None:
        """Which of the active cells still have a way to go after another step, and which are stuck on it: after `most`
        tries, or where steps are too small.
        """
        self.tries[active] += 1
        tries, end = self.tries[active], self.end[active]
        going = self.going[active] & (end - self.elapsed[active] > 0) & ~self.over[active]
        stuck = going & ((tries >= most) | (self.step[active] < MIN_FRACTION * end))
        self.going[active] = going & ~stuck
        self.stuck[active] = torch.where(stuck, tries, self.stuck[active])
        self.counts[2] += stuck.sum()

    def ended(self) -> Integrated:
        """What all have come to; those that failed first come first."""
        steps, rejected, stuck = self.counts.tolist()
        if not stuck:
            return Integrated(self.z, steps, rejected, self.tries[:0])
        failed = self.stuck.nonzero().squeeze(-1)
        return Integrated(self.z, steps, rejected, failed[self.stuck[failed].argsort(stable=True)])


def next_step(method: Method, step: Tensor, error: Tensor, good: Tensor) -> Tensor:
    """Next step sizes from the error of the last; a NaN error counts as very large."""
    factor = SAFETY * error.clamp_min(1e-12) ** (-1.0 / method.error_order)
    factor = torch.nan_to_num(factor, nan=SHRINK).clamp(SHRINK, GROW)
    return step * torch.where(good, factor, factor.clamp_max(0.9))
