"""The two-stage W-method of Verwer et al., SIAM J. Sci. Comput. 20 (1999) 1456, doi:10.1137/S1064827597326651.

    k1 = M f(z),    k2 = M (f(z + dt k1) - 2 k1),    z + dt (3/2 k1 + 1/2 k2),    M = (1 - gamma dt J)^-1

Second order whatever J is, so that many cells may share one; Heun's method if M is 1. A J of the same mechanism keeps
elements, as the rates do. For cells whose rates are slow over the step, where radicals yet live for less than a step.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from combust.graphs import cells_last
from combust.kernels import Kernel, compiled
from combust.kinetics.integrate.cells import System, Tolerance, evaluate
from combust.kinetics.integrate.systems import Hold, transport_rate
from combust.kinetics.rates.thermo import Thermo

GAMMA = 1.0 - 0.5**0.5  # with an exact Jacobian the method is L-stable


def completed(z: Tensor, k1: Tensor, k2: Tensor, dt: Tensor) -> tuple[Tensor, Tensor]:
    """z after dt (0-d or (cells,)) by its stages, and the departure of the first stage from that: about the error."""
    return z + dt * (1.5 * k1 + 0.5 * k2), (0.5 * dt) * (k1 + k2)


def slow_step(
    system: System, tolerance: Tolerance, solve: Tensor, z: Tensor, chemical: Tensor, s: Tensor, dt: Tensor
) -> tuple[Tensor, Tensor]:
    """New states and errors (cells,), in tolerances, after a step dt (0-d or (cells,)) with one matrix for all cells.

    `solve` = (1 - gamma dt J)^-1, of about that dt; chemical: rate of z without transport.
    """
    cells_last(z, chemical, s, dt if dt.dim() else None)
    argument, k1 = slow_first_kernel(system.kin.thermo, solve, z, chemical, s, dt, system.hold)
    f = evaluate(system, argument, s)
    cells_last(k1, f)
    return slow_second_kernel(tolerance)(solve, z, k1, f, dt)


def slow_first(
    thermo: Thermo, solve: Tensor, z: Tensor, chemical: Tensor, s: Tensor, dt: Tensor, hold: Hold
) -> tuple[Tensor, Tensor]:
    """State at which the second stage of `slow_step` evaluates the rates, and its first stage."""
    k1 = solve @ (chemical + transport_rate(thermo, z, s, hold))
    return z + dt * k1, k1


slow_first_kernel = compiled(slow_first, dynamic=None)


@functools.cache
def slow_second_kernel(tolerance: Tolerance) -> Kernel[[Tensor, Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Kernel of the rest of `slow_step`."""

    def second(solve: Tensor, z: Tensor, k1: Tensor, f: Tensor, dt: Tensor) -> tuple[Tensor, Tensor]:
        new, error = completed(z, k1, solve @ (f - 2.0 * k1), dt)
        return new, tolerance.error(z, error)

    return compiled(second, dynamic=None)


def response(solve: Tensor, jacobian: Tensor, dt: float) -> Tensor:
    """Of the end state of `slow_step` with this `solve`, where J is exact, to a change of the rates over a step dt."""
    unit = torch.eye(solve.shape[0], dtype=solve.dtype, device=solve.device)
    return dt * (1.5 * solve + 0.5 * solve @ (unit + dt * jacobian @ solve - 2.0 * solve))


def slow_change(system: System, tolerance: Tolerance, response: Tensor, z: Tensor, ds: Tensor) -> tuple[Tensor, Tensor]:
    """Change of the end state of `slow_step` by a change ds of the transport, and its size in tolerances."""
    cells_last(z, ds)
    return slow_change_kernel(tolerance)(system.kin.thermo, system.hold, response, z, ds)


@functools.cache
def slow_change_kernel(tolerance: Tolerance) -> Kernel[[Thermo, Hold, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Kernel of `slow_change`."""

    def change(thermo: Thermo, hold: Hold, response: Tensor, z: Tensor, ds: Tensor) -> tuple[Tensor, Tensor]:
        moved = response @ transport_rate(thermo, z, ds, hold)
        return moved, tolerance.error(z, moved)

    return compiled(change, dynamic=None)
