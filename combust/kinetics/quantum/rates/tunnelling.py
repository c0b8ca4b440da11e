"""Factors by which tunnelling raises a rate constant: none, Wigner's, Eckart's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from combust.errors import ConfigError
from combust.kinetics.quantum.constants import GAS, KELVIN

Array = NDArray[np.float64]
KINDS = ("none", "wigner", "eckart")
POINTS = 400  # of Gauss and Legendre below the top, and as many above
ABOVE = 40.0  # RT above the top, where the integral ends


def factor(kind: str, wavenumber: float, forward: float, reverse: float, T: Array) -> Array:
    """kappa at T [K] of an imaginary mode [cm-1] on a barrier [J/mol], zero points included. Raises ConfigError."""
    if kind == "none":
        return np.ones_like(T)
    if kind == "wigner":
        return wigner(wavenumber, T)
    if kind == "eckart":
        return eckart(wavenumber, forward, reverse, T)
    raise ConfigError(f"tunnelling {kind!r}: must be one of {', '.join(KINDS)}")


def wigner(wavenumber: float, T: Array) -> Array:
    """1 + (h nu / kT)^2 / 24 (Wigner 1932, doi:10.1515/zpch-1932-1920)."""
    found: Array = 1 + (KELVIN * wavenumber / T) ** 2 / 24
    return found


def eckart(wavenumber: float, forward: float, reverse: float, T: Array) -> Array:
    """Transmission of an unsymmetrical Eckart barrier, averaged over energies (Johnston, Heicklen 1962,
    doi:10.1021/j100809a040). Raises ConfigError for a top that is below one of its sides.
    """
    if min(forward, reverse) <= 0:
        raise ConfigError(
            f"tunnelling eckart: the top lies {forward / 1e3:.2f} and {reverse / 1e3:.2f} kJ/mol above its sides, zero "
            "points included: a barrier below one of them has no Eckart factor; choose none or wigner"
        )
    nodes, weights = np.polynomial.legendre.leggauss(POINTS)
    found = np.empty_like(T)
    for i, t in enumerate(T):
        low, high = max(0.0, forward - reverse), forward + ABOVE * GAS * t
        total = 0.0
        for a, b in ((low, forward), (forward, high)):
            E = (b + a) / 2 + (b - a) / 2 * nodes
            share = np.exp(transmission(E, wavenumber, forward, reverse) - (E - forward) / (GAS * t))
            total += float(weights @ share) * (b - a) / 2
        found[i] = total / (GAS * t)
    return found


def transmission(E: Array, wavenumber: float, forward: float, reverse: float) -> Array:
    """ln of the probability that a particle of energy E [J/mol], from the reactants' side, passes."""
    quantum = GAS * KELVIN * wavenumber  # J/mol
    one, two = (2 * np.pi * height / quantum for height in (forward, reverse))
    width = 1 / (1 / np.sqrt(one) + 1 / np.sqrt(two))
    ahead = 2 * np.sqrt(one * E / forward) * width
    behind = 2 * np.sqrt(np.maximum(one * (E / forward - 1) + two, 0.0)) * width
    top, least = ahead + behind, 2 * np.minimum(ahead, behind)
    # (cosh(ahead + behind) - cosh(ahead - behind)) / (cosh(ahead + behind) + cosh(d)), both over exp(top) / 2
    with np.errstate(divide="ignore"):
        above = np.log(-np.expm1(-least)) + np.log(-np.expm1(least - 2 * top))
    d = np.sqrt(complex(4 * one * two - np.pi**2))
    if d.imag:
        below = np.log1p(np.exp(-2 * top) + 2 * np.exp(-top) * np.cos(d.imag))
    else:
        below = np.logaddexp(np.log1p(np.exp(-2 * top)), d.real - top + np.log1p(np.exp(-2 * d.real)))
    found: Array = above - below
    return found
