"""Cells whose rates are slow over the step: one step with exact rates and a Jacobian that similar cells share.

Burnt gas relaxes slowly along its manifold, where a network's small bias would add up, and fresh gas hardly reacts; but
both carry radicals that live for less than a step. With (1 - gamma dt J)^-1 of a reference state nearby, two
evaluations of the exact rates suffice: the W-method of combust.kinetics.integrate.w_method. What error is allowed says
the router.
"""

from __future__ import annotations

import torch
from torch import Tensor

from combust import devices
from combust.graphs import cells_last
from combust.kernels import compiled
from combust.kinetics.integrate import w_method
from combust.kinetics.integrate.blocks import by_blocks, take, where
from combust.kinetics.integrate.cells import System, Tolerance, evaluate
from combust.kinetics.integrate.durations import Durations
from combust.kinetics.integrate.native.integrator import compiled_for
from combust.kinetics.integrate.native.shared import Steps, Tried
from combust.kinetics.integrate.systems import Fixed
from combust.surrogates.trust.references import SharedJacobians, inverse
from combust.surrogates.trust.router import Trust, allowed, growth, misfit, total_kernel

TRIED, RATES = 30.0, Tolerance(1e-3, 1e-8)  # chemical change over dt, in tolerances, up to which the step is tried
LIMIT = 0.5  # of its error, in units of what is allowed


def damped(x: Tensor) -> Tensor:
    """(1 - gamma x)^-1 of x = dt J."""
    return inverse(-w_method.GAMMA * x)


def completed(
    trust: Trust, z: Tensor, chemical: Tensor, f0: Tensor, k1: Tensor, k2: Tensor, dt: Tensor
) -> tuple[Tensor, Tensor]:
    """z after dt (0-d or (cells,)), and its error in units of what is allowed (cells,), of the stages.

    f0: dz/dt at z, chemical: without transport.
    """
    new, error = w_method.completed(z, k1, k2, dt)
    grown = growth(trust, z + dt * (f0 - chemical), new, error, dt * chemical)
    return new, torch.maximum(misfit(trust, z, new, error), grown)


completed_kernel = compiled(completed, dynamic=None)
size_kernel = compiled(RATES.error, dynamic=None)


class SlowStep:
    """The step for one mechanism and system."""

    def __init__(self, shared: SharedJacobians, trust: Trust) -> None:
        """trust: of the router, which says what error is allowed."""
        self.shared, self.trust = shared, trust
        self.gas, self.hold = shared.gas, shared.hold
        self.system = System(shared.gas.kinetics, shared.hold)
        self._steps: Steps | None = None

    def tries(self, z: Tensor, chemical: Tensor, dt: float | Tensor) -> Tensor:
        """Cells whose rates are slow enough to try (cells,); dt : one, or (cells,)."""
        return by_blocks(size_kernel, z, dt * chemical) <= TRIED

    def step(
        self, cells: Tensor, near: Tensor, z: Tensor, chemical: Tensor, s: Tensor, p: Tensor, dt: float | Durations
    ) -> tuple[Tensor, Tensor]:
        """New states (1 + species, cells) of some cells of z, and their errors in units of what is allowed.

        near: references (all cells,), p (all cells,) Pa, chemical: dz/dt without sources s (1 + species, all cells),
        dt: of all cells.
        """
        new, error = z.new_empty(z.shape[0], cells.numel()), z.new_empty(cells.numel())
        given = Durations.given(dt)
        if (steps := self.native(given, z, chemical, s, p)) is not None:
            return self._by_native(steps, cells, near, z, chemical, s, p, given.whole)
        whole = devices.number(given.whole, z.device)
        for block in self.shared.blocks(near[cells], p[cells], given.of(cells)):
            here, own = cells[block.cells], block.cells[: block.count]
            state, f, source = take(z, here), take(chemical, here), take(s, here)
            fixed = None if self.hold == "flow" else self._fixed(state, p[here])
            cells_last(state, f, source)
            f0 = total_kernel(self.gas.thermo, f, state, source) if fixed is None else f
            k1 = self.shared.solve(block, dt, damped, f0)
            h = given.of(here).seconds
            ahead = state + h * k1 if isinstance(h, Tensor) else torch.add(state, k1, alpha=h)
            f1 = evaluate(self.system, ahead, source, fixed)
            k2 = self.shared.solve(block, dt, damped, torch.add(f1, k1, alpha=-2.0))
            cells_last(f0, k1, k2, h if isinstance(h, Tensor) else None)
            a, b = completed_kernel(self.trust, state, f, f0, k1, k2, h if isinstance(h, Tensor) else whole)
            new[:, own], error[own] = a[:, : block.count], b[: block.count]
        return new, error

    def all_slow(
        self, steps: Steps, near: Tensor, z: Tensor, chemical: Tensor, s: Tensor, p: Tensor, dt: float, end: Tensor
    ) -> Tensor:
        """`tries` and `step` of all cells: cells that are done, their new states put among those of `end`, which has
        numbers of no use elsewhere.
        """
        held = None if self.hold == "flow" else self._fixed(z, p).held
        error, tried = torch.empty_like(p), Tried(TRIED, RATES.rtol, RATES.atol)
        for places, alike in self.shared.alike(torch.arange(p.numel()), near, p, dt, damped):
            _, found = steps.slow(alike, z, chemical, s, dt, held, end, tried)
            error[slice(None) if places is None else places] = found
        return where(error <= LIMIT)

    def native(self, durations: Durations, *tensors: Tensor) -> Steps | None:
        """The kernels in C++, where they serve and all cells take the same time."""
        code = compiled_for(self.system.kin, *tensors)
        if code is None or durations.share is not None:
            return None
        if self._steps is None or self._steps.code is not code:
            self._steps = Steps(code, self.hold, allowed(self.trust))
        return self._steps

    def _by_native(
        self, steps: Steps, cells: Tensor, near: Tensor, z: Tensor, chemical: Tensor, s: Tensor, p: Tensor, dt: float
    ) -> tuple[Tensor, Tensor]:
        held = None if self.hold == "flow" else self._fixed(z, p).held
        new, error = z.new_empty(z.shape[0], cells.numel()), z.new_empty(cells.numel())
        for places, alike in self.shared.alike(cells, near, p, dt, damped):
            a, b = steps.slow(alike, z, chemical, s, dt, held)
            if places is None:
                return a, b
            new[:, places], error[places] = a, b
        return new, error

    def _fixed(self, z: Tensor, p: Tensor) -> Fixed:
        return Fixed(p if self.hold == "hp" else self.gas.density(z[0], p, z[1:]))
