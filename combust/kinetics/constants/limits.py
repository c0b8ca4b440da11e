"""Rates that are faster than molecules meet."""

from __future__ import annotations

from collections.abc import Sequence

import cantera as ct
import numpy as np

from combust.kinetics.constants.matching import bath
from combust.kinetics.gas.collisions import too_fast
from combust.kinetics.gas.equations import listed

HIGH = 1e12  # Pa, at which falloff and P-log reactions are at their limit of high pressure
LOW = 1e-6  # Pa, at which chemically activated ones are fastest, at their limit of low pressure
POINTS = 9


def beyond_collisions(
    base: ct.Solution, species: Sequence[ct.Species], reaction: ct.Reaction, T: tuple[float, float]
) -> str:
    """In words where k of a reaction, in either direction, exceeds the collisions of its two reactants between two
    temperatures [K], at high pressure where it hangs on it, at low pressure if chemically activated; empty where it
    does not, and for three reactants.

    species : whose thermo gives the reverse
    """
    if reaction.rate.type == "Arrhenius" and reaction.third_body is not None:
        return ""
    p = highest(reaction.rate)
    one = ct.Solution(thermo=base.thermo_model, kinetics="gas", species=species, reactions=[reaction])
    temperatures = np.unique(1 / np.linspace(1 / T[0], 1 / T[1], POINTS))
    k = np.empty((2, len(temperatures)))
    for i, t in enumerate(temperatures):
        one.TPX = t, p, {bath(one): 1.0}
        k[:, i] = one.forward_rate_constants[0], one.reverse_rate_constants[0]
    sides = listed(reaction.reactants), listed(reaction.products)
    both = zip(sides, k, strict=True) if reaction.reversible else [(sides[0], k[0])]
    return next((words for side, ks in both if (words := too_fast(one, side, temperatures, ks))), "")


def highest(rate: ct.ReactionRate) -> float:
    """Pressure [Pa] to look at: a Chebyshev polynomial holds within its own range only."""
    if isinstance(rate, ct.ChebyshevRate):
        return float(rate.pressure_range[1])
    return {"linear-Burke": 100 * ct.one_atm, "chemically-activated": LOW}.get(rate.type, HIGH)
