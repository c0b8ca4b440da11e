"""Which cells the network may have: those like its training data, whose steps agree with the exact rates.

Routes: SLOW, one cheap step with exact rates, where these are slow over the step (combust.surrogates.slow); NETWORK;
EXACT, integrated; REFUSED, left as they were, where there is nothing to fall back on.

Agreement: the trapezoidal rule with the exact rates at both ends of the step, whose departure from the network's change
ranks its true error nearly as the error itself would.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from combust.kernels import compiled
from combust.kinetics.mechanism import Mechanism
from combust.surrogates.coordinates import Coordinates
from combust.surrogates.model import Model, Step

SLOW, NETWORK, EXACT, REFUSED = 0, 1, 2, 3
ROUTES = ("slow", "network", "exact", "refused")
LARGEST_FACTOR = 0.2  # of the element correction: beyond it the network is lost
LARGEST_DEFECT = 1e-11  # of elements and energy, relative


class Trust(NamedTuple):
    """What the training rows covered, and the limits of the test of agreement."""

    lower: Tensor  # (inputs - 1,) of the inputs before scaling, without dt
    upper: Tensor
    centre: Tensor  # (inputs - 1,)
    whiten: Tensor  # (inputs - 1, inputs - 1): squared, the distance of Mahalanobis over its limit
    elements: Tensor  # (elements, species) kg per kg
    ratio_lower: Tensor  # (elements, elements) of Z_e / (Z_e + Z_f)
    ratio_upper: Tensor
    peak: Tensor  # (species,) largest mass fractions
    limits: Tensor  # (2,): K of T, share of the peak of Y


def covered(c: Coordinates, trust: Trust, T: Tensor, p: Tensor, Y: Tensor) -> Tensor:
    """Whether cells T, p (cells,), Y (species, cells) are like the training rows: range, elements, density of rows."""
    y = Y.clamp_min(0.0)
    y = y / y.sum(0)
    x = c.raw(T, p, y, torch.ones_like(T))[:-1]
    inside = ((x >= trust.lower.unsqueeze(1)) & (x <= trust.upper.unsqueeze(1))).all(0)
    ratio = ratios(trust.elements, y)
    known = (ratio >= trust.ratio_lower.unsqueeze(2)) & (ratio <= trust.ratio_upper.unsqueeze(2))
    inside = inside & known.flatten(0, 1).all(0)
    distance = (trust.whiten @ (x - trust.centre.unsqueeze(1))).square().sum(0)
    return inside & (distance <= 1.0)


def ratios(elements: Tensor, y: Tensor) -> Tensor:
    """Z_e / (Z_e + Z_f) (elements, elements, cells) of mass fractions y; one half where there is none of both."""
    Z = elements @ y
    a, b = Z.unsqueeze(1), Z.unsqueeze(0)
    return (a + 1e-12) / (a + b + 2e-12)


covered_kernel = compiled(covered, dynamic=None)


def disagreement(trust: Trust, z: Tensor, z1: Tensor, f: Tensor, f1: Tensor, dt: Tensor) -> Tensor:
    """Departure of z1 from the trapezoidal rule with dz/dt at both ends, (2, cells): of T [K], and the largest of Y, in
    shares of the peaks. z = (T, y), (1 + species, cells); y may be Y or rho Y.
    """
    off = (z1 - z - 0.5 * dt * (f + f1)).abs()
    return torch.stack([off[0], (off[1:] / trust.peak.unsqueeze(1)).amax(0) / z1[1:].sum(0)])


def trusted(trust: Trust, step: Step, off: Tensor) -> Tensor:
    """Whether the network's step may stand (cells,); NaN may not."""
    sound = (step.factor <= LARGEST_FACTOR) & (step.defect <= LARGEST_DEFECT)
    return sound & (off <= trust.limits.unsqueeze(1)).all(0)


def met(step: Step) -> Tensor:
    """Whether elements and energy are kept and nothing turned negative (cells,): all that is asked without a router."""
    return (step.factor < 1.0) & (step.defect <= LARGEST_DEFECT)


def error_estimate(trust: Trust, off: Tensor) -> Tensor:
    """The disagreement in units of its limits (cells,): above one is not trusted."""
    return (off / trust.limits.unsqueeze(1)).amax(0)


def trust_of(model: Model, gas: Mechanism) -> Trust:
    """From the tables of a model, on the device of the mechanism."""
    tables: dict[str, Any] = {k: model.tables[f"trust.{k}"].to(gas.device) for k in Trust._fields}
    return Trust(**tables)
