"""Rates that are faster than molecules meet."""

from __future__ import annotations

from collections.abc import Sequence

import cantera as ct
import numpy as np

from combust.kinetics.constants.matching import bath
from combust.kinetics.gas.collisions import too_fast
from combust.kinetics.gas.equations import listed

HIGH = 1e12  # Pa, at which falloff reactions are at their limit of high pressure
LOW = 1e-6  # Pa, at which chemically activated ones are at theirs of low pressure
POINTS = 9


def beyond_collisions(
    base: ct.Solution, species: Sequence[ct.Species], reaction: ct.Reaction, T: tuple[float, float]
) -> str:
    """In words where k of a reaction, in either direction, exceeds the collisions of its two reactants between two
    temperatures [K], at the `pressures` of its rate, or is no number or negative; else empty, as for three reactants.

    species : whose thermo gives the reverse
    """
    if reaction.rate.type == "Arrhenius" and reaction.third_body is not None:
        return ""
    one = ct.Solution(thermo=base.thermo_model, kinetics="gas", species=species, reactions=[reaction])
    temperatures = np.unique(1 / np.linspace(1 / T[0], 1 / T[1], POINTS))
    sides = listed(reaction.reactants), listed(reaction.products)
    for p in pressures(reaction.rate):
        k = np.empty((2, len(temperatures)))
        for i, t in enumerate(temperatures):
            one.TPX = t, p, {bath(one): 1.0}
            k[:, i] = one.forward_rate_constants[0], one.reverse_rate_constants[0]
        if (odd := ~(k[0] >= 0)).any() and not reaction.duplicate:  # one of them may be negative
            return f"k at {temperatures[odd][0]:g} K and {p:.4g} Pa is {k[0][odd][0]:.3g}: must be a number, 0 or more"
        both = zip(sides, k, strict=True) if reaction.reversible else [(sides[0], k[0])]
        for side, ks in both:
            if words := too_fast(one, side, temperatures, ks):
                return words
    return ""


def pressures(rate: ct.ReactionRate) -> list[float]:
    """Pressures [Pa] to look at, where a rate may be fastest: those of a P-log rate, both ends of a Chebyshev
    polynomial, a low one for chemical activation, else a high one.
    """
    if isinstance(rate, ct.PlogRate):
        return sorted({float(p) for p, _ in rate.rates})
    if isinstance(rate, ct.ChebyshevRate):
        return [float(p) for p in rate.pressure_range]
    if rate.type == "linear-Burke":
        return [100 * ct.one_atm]
    return [LOW] if rate.type == "chemically-activated" else [HIGH]
