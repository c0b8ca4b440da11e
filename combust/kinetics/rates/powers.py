"""Powers C^n of concentrations that are neither 1, 2, 3, ...: explicit orders and fractional coefficients.

With n < 1 the slope of C^n is infinite at C = 0 (and C^n itself with n < 0): no implicit method converges there, and no
Jacobian is finite. Below a trace c such a power is the parabola through zero that meets value and slope of C^n at c,

    C^n -> c^n x (2 - n - (1 - n) x),     x = C / c,     and its tangent at zero for C < 0.

What a reaction does differs then only where C < c, and what it consumes by amounts of that size. In rates c is TRACE,
which no concentration of meaning comes near. An integrator that may err by atol in mass fractions cannot tell C from
zero sooner than that, and would have to follow C to c in ever smaller steps: there c is TRACE_PER_ATOL atol
(`qss.with_tolerance`), at 1 atm and 1500 K a tenth of atol as a mole fraction, but at least LEAST.

For C < 0 (what rounding, transport or a step leave) the tangent makes the reaction run backwards until C is zero. That
is right only for a species that the reaction consumes, and if no other one is negative: two negative factors would
make a positive rate, which drives both away from zero. `forward_only` gives such reactions no rate, as Cantera does.
Powers with n > 1 are smooth; they are zero for C <= 0 (Cantera).
"""

from __future__ import annotations

import torch
from torch import Tensor

TRACE = 1e-20  # kmol/m3
TRACE_PER_ATOL = 1e-3  # kmol/m3
LEAST = 1e-15  # kmol/m3


def trace_of(atol: float) -> float:
    """c [kmol/m3] of an integrator with the tolerance `atol` of mass fractions."""
    return max(LEAST, TRACE_PER_ATOL * atol)


def has_edge(edge: tuple[Tensor, Tensor]) -> bool:
    """Whether a mechanism has orders below one at all: RateData.edge, the weights of its reactants and products."""
    return any(weights.numel() for weights in edge)


def power(X: Tensor, order: Tensor, trace: Tensor) -> Tensor:
    """X^order (rows, ...cells), regular at zero; `trace` is TRACE in the unit of X."""
    exact, x = _place(X, order, trace)
    near = torch.where(order < 1, _near(x, order), 0.0)
    return torch.where(exact, X, trace) ** order * torch.where(exact, 1.0, near)


def power_slope(X: Tensor, order: Tensor, trace: Tensor) -> Tensor:
    """Derivative of `power` with respect to X."""
    exact, x = _place(X, order, trace)
    near = torch.where(order < 1, 2 - order - 2 * (1 - order) * x.clamp_min(0.0), 0.0)
    return torch.where(exact, X, trace) ** (order - 1) * torch.where(exact, order, near)


def _place(X: Tensor, order: Tensor, trace: Tensor) -> tuple[Tensor, Tensor]:
    """Where the power itself holds, and X over `trace`, bounded there so that nothing overflows."""
    exact = (X >= trace) | ((order >= 1) & (X > 0))
    return exact, torch.where(exact, 1.0, X / trace)


def _near(x: Tensor, order: Tensor) -> Tensor:
    return x * (2 - order - (1 - order) * x.clamp_min(0.0))


def forward_only(table: Tensor, rows: Tensor, weight: Tensor) -> Tensor:
    """1 or 0 (reactions, ...cells): 0 where the factors `rows` (reactions, slots) of `table` that are below zero weigh
    more than one.

    weight (reactions, slots): of reactions with an order below one, 1 for a species that the reaction consumes and 2
    for another; 0 of the others.
    """
    negative = (table < 0).to(weight.dtype)
    weight = weight.reshape(*weight.shape, *(1 for _ in table.shape[1:]))
    return ((weight * negative[rows]).sum(1) <= 1).to(table.dtype)
