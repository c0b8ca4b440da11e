"""The network's step made consistent with the exact rates: one step of deferred correction.

The network predicts z1. Its departure from a rule of fourth order with the exact rates f (and the transport) and their
derivatives J f at both ends,

    z1 - z - dt/2 (f + f1) + dt^2/12 J (f1 - f) ,

solved for z1 with J of a reference state nearby, is an estimate of its error, which is taken off. What then departs
from the trapezoidal rule, of second order, solved alike, estimates the error of the corrected step, far better than the
departure itself: that of a radical which lives for a hundredth of the step is a hundred times its error.

Dutt, Greengard, Rokhlin, BIT 40 (2000) 241, doi:10.1023/A:1022338906936; Ehle's method, Hairer and Wanner, Solving
Ordinary Differential Equations II (1996), section IV.5: (1 - x/2 + x^2/12)^-1 (1 + x/2 + x^2/12) for exp x.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from combust.devices import number
from combust.graphs import cells_last
from combust.kernels import compiled
from combust.kinetics.integrate import systems
from combust.kinetics.integrate.blocks import by_blocks, take
from combust.kinetics.integrate.cells import System, evaluate
from combust.kinetics.integrate.durations import Durations
from combust.kinetics.integrate.native.integrator import Compiled, compiled_for
from combust.kinetics.integrate.native.shared import ELEMENTS
from combust.kinetics.integrate.systems import Fixed, Hold
from combust.kinetics.rates.thermo import Thermo
from combust.surrogates.model.conserve import correct
from combust.surrogates.model.model import Core, temperature
from combust.surrogates.trust.references import SharedJacobians, inverse


def trapezoid(x: Tensor) -> Tensor:
    """Solves a departure from the trapezoidal rule, x = dt J."""
    return inverse(-0.5 * x)


def fourth_order(x: Tensor) -> Tensor:
    """Solves a departure from the trapezoidal rule, stacked on dt (f1 - f), for that from the rule of fourth order."""
    square = x @ x / 12.0
    solve = inverse(square - 0.5 * x)
    return torch.cat([solve, solve @ (x / 12.0)], -1)


class Corrected(NamedTuple):
    """z (1 + species, cells) and the estimate of its error, alike; what elements and energy lack, relative (cells,);
    the mass fraction that had to be kept from going below zero (cells,).
    """

    z: Tensor
    error: Tensor
    defect: Tensor
    negative: Tensor


def apply(
    thermo: Thermo, hold: Hold, atoms: Tensor, active: Tensor, z1: Tensor, change: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """z1 - change with the elements and energy of z1 to round-off and no negative active species; see `Corrected`."""
    y1 = z1[1:]
    y = y1[active] - change[1:][active]
    total = y1.sum(0)
    negative = (-y).clamp_min(0.0).amax(0) / total
    y, factor, missing = correct(atoms, y1[active], y.clamp_min(0.0))
    missing = torch.where(factor < 1.0, missing, torch.inf)  # a factor below zero: there is no such mixture
    new = y1.index_copy(0, active, y)
    T, residual = temperature(thermo, "uv" if hold == "uv" else "hp", z1[0], y1, new)
    return torch.cat([T.unsqueeze(0), new]), missing + residual, negative


apply_kernel = compiled(apply, dynamic=None)


def push(thermo: Thermo, dt: Tensor, z: Tensor, s: Tensor) -> Tensor:
    """What sources s do to z in dt (0-d or (cells,)) without chemistry, (1 + species, cells)."""
    return dt * systems.transport_rate(thermo, z, s)


push_kernel = compiled(push, dynamic=None)


def departures(z: Tensor, z1: Tensor, f: Tensor, f1: Tensor, dt: Tensor) -> Tensor:
    """From the trapezoidal rule, of a step to z1 with rates f, f1, stacked on dt (f1 - f)."""
    return torch.cat([z1 - z - (0.5 * dt) * (f + f1), dt * (f1 - f)])


departures_kernel = compiled(departures, dynamic=None)


class Corrector:
    """For one mechanism and system."""

    def __init__(self, core: Core, system: System, shared: SharedJacobians) -> None:
        self.core, self.system, self.shared = core, system, shared

    def __call__(
        self, z: Tensor, z1: Tensor, f: Tensor, s: Tensor, near: Tensor, p: Tensor, dt: float | Durations,
        fixed: Fixed | None,
    ) -> Corrected:  # fmt: skip
        """z1 corrected; f: dz/dt at z, sources s (1 + species, cells) included; near: references, p [Pa] (cells,)."""
        core, solve, given = self.core, self.shared.solve, Durations.given(dt)
        h = number(given.whole, z.device)
        known = (core.thermo, self.system.hold, core.atoms, core.coordinates.active)
        found = Corrected(torch.empty_like(z), torch.empty_like(z), torch.empty_like(p), torch.empty_like(p))
        for block in self.shared.blocks(near, p, given):
            here, count = block.cells, block.count
            if given.share is not None:
                h = given.of(here).by_cell(p[here])
                cells_last(h)
            start, end, rate, source = (take(x, here) for x in (z, z1, f, s))
            held = None if fixed is None else fixed.of(here)
            cells_last(start, end, rate)
            apart = self._departures(start, end, rate, source, held, h)
            change = solve(block, dt, fourth_order, apart)
            cells_last(change)
            new, defect, negative = apply_kernel(*known, end, change)
            cells_last(new)
            left = self._departures(start, new, rate, source, held, h)[: self.shared.size]
            parts = (new, solve(block, dt, trapezoid, left), defect, negative)
            for whole, part in zip(found, parts, strict=True):
                whole[..., here[:count]] = part[..., :count]
        return found

    def native(self, durations: Durations, *tensors: Tensor) -> Compiled | None:
        """The kernels in C++, where they serve and all cells take the same time."""
        if durations.share is not None or self.core.atoms.shape[0] > ELEMENTS:
            return None
        return compiled_for(self.system.kin, *tensors)

    def _departures(self, z: Tensor, z1: Tensor, f: Tensor, s: Tensor, fixed: Fixed | None, dt: Tensor) -> Tensor:
        f1 = evaluate(self.system, z1, s, fixed)
        cells_last(f1)
        return departures_kernel(z, z1, f, f1, dt)

    def respond(self, z: Tensor, s: Tensor, near: Tensor, p: Tensor, dt: float | Durations) -> Tensor:
        """Change of the end of a "flow" step from z by a change s of the sources, to first order; needs no rates.

        It keeps elements, but not signs.
        """
        given, found = Durations.given(dt), torch.empty_like(z)
        if given.share is None:
            pushed = by_blocks(partial(push_kernel, self.core.thermo, number(given.whole, z.device)), z, s)
        else:
            pushed = by_blocks(partial(push_kernel, self.core.thermo), given.by_cell(z[0]), z, s)
        for block in self.shared.blocks(near, p, given):
            some = self.shared.solve(block, dt, trapezoid, take(pushed, block.cells))
            found[:, block.cells[: block.count]] = some[:, : block.count]
        return found

    def nonnegative(self, end: Tensor, amounts: Tensor) -> Tensor:
        """`end` (1 + species, cells) without negative active species and with these amounts y of the elements."""
        active, atoms = self.core.coordinates.active, self.core.atoms
        y, _, _ = correct(atoms, amounts[active], end[1:][active].clamp_min(0.0))
        return torch.cat([end[:1], end[1:].index_copy(0, active, y)])
