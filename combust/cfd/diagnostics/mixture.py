"""What the gas is made of: mixture fraction, equivalence ratio, progress of the reaction.

q : (1 + species, ...) T [K] and Y, with ghosts or without: so is what is returned.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from combust.cfd.mesh.grid import Layout, Metrics
from combust.cfd.operators.gradients import gradient
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.mechanism.mixtures import VALENCE


class Progress(NamedTuple):
    """c = (w . (T, Y) - fresh)/(burnt - fresh).

    weights : (1 + species) of T [K] and Y;  fresh, burnt : what their sum is there
    """

    weights: Tensor
    fresh: float
    burnt: float


class Definitions(NamedTuple):
    """What the fields of mixture and progress refer to, None where a case says nothing of it.

    streams : (2, species) mass fractions of oxidizer and fuel
    """

    streams: Tensor | None = None
    progress: Progress | None = None


def coupling_function(gas: Mechanism) -> Tensor:
    """Bilger's 2 Z_C/W_C + Z_H/(2 W_H) - Z_O/W_O as a sum over species, (species,) [kmol/kg]."""
    elements = gas.element_matrix / gas.molar_mass
    valence = elements.new_tensor([VALENCE.get(e, 0.0) for e in gas.elements])
    return valence @ elements


def mixture_fraction(q: Tensor, gas: Mechanism, streams: Tensor) -> Tensor:
    """Bilger's: 0 in the oxidizer, 1 in the fuel, from C, H and O.

    R. W. Bilger, S. H. Starner, R. J. Kee, Combust. Flame 80 (1990) 135.
    """
    coupling = coupling_function(gas)
    oxidizer, fuel = streams @ coupling
    return ((q[1:] * coupling.reshape(-1, 1, 1, 1)).sum(0) - oxidizer) / (fuel - oxidizer)


def equivalence_ratio(q: Tensor, gas: Mechanism) -> Tensor:
    """Oxygen that C and H would need over the oxygen present, (2 n_C + n_H/2) / n_O, from the elements."""
    elements = gas.element_matrix @ (q[1:] / gas.molar_mass.reshape(-1, 1, 1, 1)).flatten(1)
    n = {e: elements[i] for i, e in enumerate(gas.elements)}
    zero = torch.zeros_like(elements[0])
    need = 2 * n.get("C", zero) + 0.5 * n.get("H", zero)
    return (need / n.get("O", zero)).reshape(q.shape[1:])


def progress(q: Tensor, of: Progress) -> Tensor:
    """The progress variable: 0 in fresh gas, 1 in burnt gas."""
    value = q[0] if _of_temperature(of) else (q * of.weights.reshape(-1, 1, 1, 1)).sum(0)
    return (value - of.fresh) / (of.burnt - of.fresh)


def _of_temperature(of: Progress) -> bool:
    return float(of.weights[0]) == 1.0 and not bool(of.weights[1:].any())


def reactants(gas: Mechanism, streams: Tensor) -> tuple[int, int]:
    """Indices of fuel and oxidizer: what has most of what burns in one stream, and of what it burns with."""
    need = streams * coupling_function(gas)
    return int(need[1].argmax()), int(need[0].argmin())


def flame_index(q: Tensor, fuel: int, oxidizer: int, layout: Layout, metrics: Metrics) -> Tensor:
    """Takeno's, normalised: the cosine between the gradients of fuel and oxidizer, at the owned cells; q padded.

    1 where they burn premixed, -1 where they meet from two sides, 0 where either has no gradient.
    Yamashita, Shimada, Takeno, Proc. Combust. Inst. 26 (1996) 27.
    """
    one, other = (gradient(q[1 + k], layout, metrics) for k in (fuel, oxidizer))
    size = (one.pow(2).sum(0) * other.pow(2).sum(0)).sqrt()
    return torch.where(size > 0, (one * other).sum(0) / torch.where(size > 0, size, 1.0), 0.0)
