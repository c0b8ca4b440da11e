"""What appeared in a domain since the start though nothing brought it in: the errors of conservation.

gain : (1 + species) of (rho h, rho Y): content now, and what left, less the content at the start [J, kg]
"""

from __future__ import annotations

import torch
from torch import Tensor

from combust.kinetics.mechanism.mechanism import Mechanism


def mass_error(gain: Tensor, initial: Tensor) -> float:
    """Mass that appeared over the mass at the start; initial : (1 + species) content then."""
    return float(gain[1:].sum() / initial[1:].sum())


def element_error(gain: Tensor, initial: Tensor, left: Tensor, gas: Mechanism) -> float:
    """Largest appearance of an element (kmol), over its amount at the start, or what came in if more.

    left : (1 + species) what left the domain so far
    """
    per_mass = gas.element_matrix / gas.molar_mass
    amounts = per_mass @ initial[1:]
    amounts = torch.maximum(amounts, -(per_mass @ left[1:]))
    found = per_mass @ gain[1:]
    return float((found.abs() / amounts.clamp_min(1e-12 * float(amounts.max()))).max())


def enthalpy_error(gain: Tensor, pressure: float, volume: float) -> float:
    """Enthalpy that appeared (less the work of p0), over 3.5 p0 V, which is int rho cp T of air."""
    return float(gain[0]) / (pressure * volume * 3.5)
