"""Rates and Jacobians of reactors by the C++ kernels where these serve, else by torch's."""

from __future__ import annotations

import torch
from torch import Tensor

from combust.kinetics.integrate import systems
from combust.kinetics.integrate.native.integrator import compiled_for
from combust.kinetics.integrate.systems import Fixed, Hold
from combust.kinetics.rates.qss import AnyKinetics


def rates(kin: AnyKinetics, hold: Hold, z: Tensor, fixed: Fixed) -> Tensor:
    """dz/dt (1 + species, cells) of reactors without sources."""
    native = compiled_for(kin, z, fixed.held)
    return (
        systems.rate(kin, hold, z, torch.zeros_like(z), fixed)
        if native is None
        else native.rates(hold, z, None, *fixed)
    )


def linearise(
    kin: AnyKinetics, hold: Hold, z: Tensor, fixed: Fixed | None, s: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """dy/dt (species, cells) without sources, and the Jacobian (1 + species, 1 + species, cells) with them."""
    native = compiled_for(kin, z, s, *(fixed or ())[:1])
    if native is None:
        found = systems.linearise(kin, hold, z, torch.zeros_like(z) if s is None else s, fixed)
        return found.chemical, found.jacobian
    chemical, jacobian = native.linearise(hold, z, s, *(fixed or (None, None)))
    return chemical[1:], jacobian
