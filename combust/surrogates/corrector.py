"""The network's step made consistent with the exact rates: one step of deferred correction.

The network predicts z1. Its departure from the trapezoidal rule with the exact rates (and the transport) at both ends,
solved with (1 - dt J / 2)^-1 of a reference state nearby, is an estimate of its error, which is taken off. What then
remains of the departure, solved alike, estimates the error of the corrected step, far better than the departure itself:
that of a radical which lives for a hundredth of the step is a hundred times its error.

Dutt, Greengard, Rokhlin, BIT 40 (2000) 241, doi:10.1023/A:1022338906936.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from combust.kernels import compiled
from combust.kinetics import systems
from combust.kinetics.integrate import System, evaluate_all, take
from combust.kinetics.systems import Fixed, Hold
from combust.kinetics.thermo import Thermo
from combust.surrogates.cells import BLOCK, by_blocks
from combust.surrogates.conserve import correct
from combust.surrogates.model import Core, temperature
from combust.surrogates.references import SharedJacobians

HALF = 0.5


class Corrected(NamedTuple):
    """z (1 + species, cells) and the estimate of its error, alike; what elements and energy lack, relative (cells,);
    the mass fraction that had to be kept from going below zero (cells,).
    """

    z: Tensor
    error: Tensor
    defect: Tensor
    lifted: Tensor


def apply(
    thermo: Thermo, hold: Hold, atoms: Tensor, active: Tensor, z1: Tensor, change: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """z1 - change with the elements and energy of z1 to round-off and no negative active species; see `Corrected`."""
    y1 = z1[1:]
    y = y1[active] - change[1:][active]
    total = y1.sum(0)
    lifted = (-y).clamp_min(0.0).amax(0) / total
    y, factor, missing = correct(atoms, atoms @ y1[active], y.clamp_min(0.0))
    missing = torch.where(factor < 1.0, missing, torch.inf)  # a factor below zero: there is no such mixture
    new = y1.index_copy(0, active, y)
    T, residual = temperature(thermo, "uv" if hold == "uv" else "hp", z1[0], y1, new)
    return torch.cat([T.unsqueeze(0), new]), missing + residual, lifted


apply_kernel = compiled(apply, dynamic=None)


def push(thermo: Thermo, dt: Tensor, z: Tensor, s: Tensor) -> Tensor:
    """What sources s do to z in dt (0-d) without chemistry, (1 + species, cells)."""
    return dt * systems.transport_rate(thermo, z, s)


push_kernel = compiled(push, dynamic=None)


class Corrector:
    """For one mechanism and system."""

    def __init__(self, core: Core, system: System, shared: SharedJacobians) -> None:
        self.core, self.system, self.shared = core, system, shared

    def __call__(
        self, z: Tensor, z1: Tensor, f: Tensor, s: Tensor, near: Tensor, p: Tensor, dt: float, fixed: Fixed | None
    ) -> Corrected:
        """z1 corrected; f: dz/dt at z, sources s (1 + species, cells) included; near: references, p [Pa] (cells,)."""
        change = self._solved(near, p, dt, z1 - z - HALF * dt * (f + evaluate_all(self.system, z1, s, BLOCK, fixed)))
        core = self.core
        known = (core.thermo, self.system.hold, core.atoms, core.coordinates.active)
        new, defect, lifted = by_blocks(partial(apply_kernel, *known), z1, change)
        left = new - z - HALF * dt * (f + evaluate_all(self.system, new, s, BLOCK, fixed))
        return Corrected(new, self._solved(near, p, dt, left), defect, lifted)

    def respond(self, z: Tensor, s: Tensor, near: Tensor, p: Tensor, dt: float) -> Tensor:
        """Change of the end of a "flow" step from z by a change s of the sources, to first order; needs no rates.

        It keeps elements, but not signs.
        """
        pushed = by_blocks(partial(push_kernel, self.core.thermo, z.new_tensor(dt)), z, s)
        return self._solved(near, p, dt, pushed)

    def lifted(self, end: Tensor, amounts: Tensor) -> Tensor:
        """`end` (1 + species, cells) without negative active species and with these amounts y of the elements."""
        active, atoms = self.core.coordinates.active, self.core.atoms
        y, _, _ = correct(atoms, atoms @ amounts[active], end[1:][active].clamp_min(0.0))
        return torch.cat([end[:1], end[1:].index_copy(0, active, y)])

    def _solved(self, near: Tensor, p: Tensor, dt: float, departure: Tensor) -> Tensor:
        """(1 - dt J / 2)^-1 departure."""
        found = torch.empty_like(departure)
        for cells, count, solve in self.shared.groups(near, p, dt, HALF):
            found[:, cells[:count]] = (solve @ take(departure, cells))[:, :count]
        return found
