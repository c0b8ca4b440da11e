"""Stages of Runge-Kutta-Chebyshev without fluxes in C++, see combust.cfd.operators.scalars."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

from combust.cfd.operators.native.fields import axes_of, extent, fields, gas_of, threads
from combust.cfd.operators.native.library import library, require_memory
from combust.kernels import Places
from combust.kinetics.rates.thermo import Thermo
from combust.torch_parts import doubles


def first_stage(
    places: Places | None, U0: Tensor, source: Tensor, rate: Tensor, T: Tensor, step: Tensor, thermo: Thermo
) -> tuple[Tensor, Tensor] | None:
    """As `scalars.first_stage`."""
    gas = gas_of(thermo)
    if gas is None or not doubles(U0, source, rate, T, step) or (code := library()) is None:
        return None
    U1, q = (torch.empty_like(U0) if x is None else x for x in places or (None, None))
    axes, count = axes_of(U0), threads(T.numel())
    given = fields(axes, (U0, source, rate, T, U1, q))
    if given is None:
        return None
    outcome = code.combust_first_stage(ctypes.byref(gas), extent(U0, axes), count, given, float(step))
    require_memory(outcome, "the first stage of diffusion", count)
    return U1, q


def transport_rate(places: Places | None, U: Tensor, U0: Tensor, wdot: Tensor, dt: Tensor) -> Tensor | None:
    """As `scalars.transport_rate`."""
    if not doubles(U, U0, wdot, dt) or (code := library()) is None:
        return None
    (Q,) = (torch.empty_like(U) if x is None else x for x in places or (None,))
    axes, count = axes_of(U), threads(U[0].numel())
    given = fields(axes, (U, U0, wdot, Q))
    if given is None:
        return None
    outcome = code.combust_transport_rate(extent(U, axes), count, given, U.shape[0], float(dt))
    require_memory(outcome, "transport rates", count)
    return Q
