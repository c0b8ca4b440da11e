"""Cells whose rates are slow over the step: one step with exact rates and a Jacobian that similar cells share.

Burnt gas relaxes slowly along its manifold, where a network's small bias would add up, and fresh gas hardly reacts; but
both carry radicals that live for less than a step. With (1 - gamma dt J)^-1 of a reference state nearby, two
evaluations of the exact rates suffice: the W-method of Verwer et al., SIAM J. Sci. Comput. 20 (1999) 1456,
doi:10.1137/S1064827597326651. It is of second order whatever J is, keeps elements, and estimates its error.
"""

from __future__ import annotations

import torch
from torch import Tensor

from combust.kernels import compiled
from combust.kinetics import systems
from combust.kinetics.integrate import Tolerance, cells_last, take
from combust.kinetics.qss import AnyKinetics
from combust.kinetics.systems import Fixed, Hold
from combust.surrogates.references import SharedJacobians

GAMMA = 1.0 - 0.5**0.5  # with an exact Jacobian the method is L-stable
TRIED = 30.0  # chemical change over dt, in tolerances, up to which the step is tried
FAINT = 1e-6  # of the tolerance: a change too faint to grow into one that matters


def w_step(
    kin: AnyKinetics, hold: Hold, tolerance: tuple[float, float], solve: Tensor, z: Tensor, chemical: Tensor,
    s: Tensor, fixed: Fixed | None, dt: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """z (1 + species, cells) after dt (0-d) with sources s, its error in tolerances, and whether radicals grow in it.

    chemical: dz/dt at z without sources; solve: (1 - gamma dt J)^-1.
    """
    test = Tolerance(*tolerance)
    f0 = chemical + systems.transport_rate(kin.thermo, z, s) if fixed is None else chemical
    k1 = solve @ f0
    f1 = systems.rate(kin, hold, z + dt * k1, s, fixed)
    k2 = solve @ (f1 - 2.0 * k1)
    grows = (f1.abs() > 2.0 * f0.abs()) & (dt * f1.abs() > FAINT * test.scale(z))
    return z + dt * (1.5 * k1 + 0.5 * k2), test.error(z, (0.5 * dt) * (k1 + k2)), grows.any(0)


w_step_kernel = compiled(w_step, dynamic=None)


class SlowStep:
    """The step for one mechanism and system."""

    def __init__(self, shared: SharedJacobians, tolerance: Tolerance) -> None:
        """tolerance: of the error of a step."""
        self.shared, self.tolerance = shared, tolerance
        self.gas, self.hold = shared.gas, shared.hold

    def tries(self, z: Tensor, chemical: Tensor, dt: float) -> Tensor:
        """Cells whose rates are slow enough to try (cells,)."""
        return self.tolerance.error(z, dt * chemical) <= TRIED

    def step(
        self, cells: Tensor, near: Tensor, z: Tensor, chemical: Tensor, s: Tensor, p: Tensor, dt: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """New states (1 + species, cells) of some cells of z, their errors in tolerances, and what grows.

        near: references (2, all cells), p (all cells,) Pa. Only reactors ("hp", "uv") are told of growth: in a flow
        rates change sign beside transport.
        """
        new, error = z.new_empty(z.shape[0], cells.numel()), z.new_empty(cells.numel())
        grows = torch.zeros(cells.numel(), dtype=torch.bool, device=z.device)
        step, tolerance = z.new_tensor(dt), (self.tolerance.rtol, self.tolerance.atol)
        for some, count, solve in self.shared.groups(near[0, cells], p[cells], dt, GAMMA):
            here = cells[some]
            state, f, source = take(z, here), take(chemical, here), take(s, here)
            fixed = None if self.hold == "flow" else self._fixed(state, p[here])
            cells_last(state, f, source, *(fixed or ()))
            a, b, g = w_step_kernel(self.gas.kinetics, self.hold, tolerance, solve, state, f, source, fixed, step)
            own = some[:count]
            new[:, own], error[own] = a[:, :count], b[:count]
            if self.hold != "flow":
                grows[own] = g[:count]
        return new, error, grows

    def _fixed(self, z: Tensor, p: Tensor) -> Fixed:
        return Fixed(p if self.hold == "hp" else self.gas.density(z[0], p, z[1:]))
