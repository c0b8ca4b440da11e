"""Rates of dissociation at one energy, as fluxes: k(E) rho(E) dE of each cell of energy [1/s].

From the states of a saddle (RRKM), or by inverse Laplace transform of a rate constant at high pressure (Forst 1972,
doi:10.1021/j100658a018), where there is no saddle.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.constants import N_A

from combust.errors import ConfigError
from combust.kinetics.falloff.densities import HERTZ, KT, STEP, Array, Molecule, count, middle, spread, translation
from combust.kinetics.quantum.constants import CM_KJ
from combust.kinetics.quantum.rates.tunnelling import transmission

JOULE = CM_KJ * 1e3  # J/mol per 1/cm


@dataclass(frozen=True)
class Law:
    """k = sum of A T^n exp(-E / T) at high pressure, E in K.

    association : A is in m3/kmol/s, of the fragments; else in 1/s, of the well
    """

    terms: tuple[tuple[float, float, float], ...]
    association: bool = True

    def k(self, T: Array) -> Array:
        """At T [K]."""
        T = np.asarray(T, dtype=float)
        return sum((A * T**n * np.exp(-E / T) for A, n, E in self.terms), np.zeros_like(T))


@dataclass(frozen=True)
class Saddle:
    """States of a saddle point.  barrier : above the lowest state of the well, [1/cm], zero-point energies included

    imaginary : wave number of the reaction coordinate [1/cm] for Eckart's tunnelling, 0 for none
    reverse : barrier seen from the products, [1/cm], for that
    """

    states: Molecule
    barrier: float
    imaginary: float = 0.0
    reverse: float = 0.0


def of_saddle(saddle: Saddle, well: Molecule, active: str, cells: int, quantum: bool = False) -> Array:
    """Flux in cells by RRKM, W(E - barrier) / h; the ratio of inactive rotors is that of their partition functions.

    Raises ConfigError where one of the two is linear and the other not.
    """
    states = saddle.states
    found = count(states.frequencies, states.rotors(active, quantum), states.ladders(cells * STEP), cells)
    mine, wells = states.inactive(active), well.inactive(active)
    if len(mine) != len(wells):
        raise ConfigError("saddle: must have rotational constants where the well has them")
    ratio = math.prod(a.scale / b.scale for a, b in zip(mine, wells, strict=True))
    sums = np.cumsum(found) - middle(states.rotors(active, quantum)) * found  # half a cell on
    at = round(saddle.barrier / STEP)
    flux = np.zeros(cells)
    if saddle.imaginary > 0:
        flux = _tunnelled(sums, at, saddle, cells)
    elif at < cells:
        flux[at:] = sums[: cells - at]
    return flux * (HERTZ * STEP * ratio)


def _tunnelled(sums: Array, at: int, saddle: Saddle, cells: int) -> Array:
    """Sums of states, with the probability to pass in the place of a step at the barrier."""
    low = min(at, round(saddle.reverse / STEP))  # below that, one of the two sides has no state
    edges = np.arange(-low, low + cells) * STEP
    passing = eckart(edges, saddle.barrier, saddle.reverse, saddle.imaginary)
    rise = np.diff(passing, prepend=0.0)
    last = int(np.searchsorted(passing, 1 - 1e-9)) + 1
    made = np.convolve(sums, rise[:last])[: cells + low]
    flux = np.zeros(cells)
    start = at - low
    flux[start:] = made[: cells - start]
    return flux


def eckart(energy: Array, forward: float, reverse: float, imaginary: float) -> Array:
    """Probability to pass Eckart's barrier (1930, doi:10.1103/PhysRev.35.1303) at energies above its top [1/cm];
    forward, reverse : its height from both sides, imaginary : wave number at the top, all in 1/cm.

    Zero where one of the two sides has no state.
    """
    above = np.maximum(np.asarray(energy, dtype=float), -min(forward, reverse))
    return np.exp(transmission((above + forward) * JOULE, imaginary, forward * JOULE, reverse * JOULE))


def of_law(
    law: Law, well: Molecule, fragments: tuple[Molecule, ...], threshold: float, active: str, cells: int
) -> Array:
    """Flux in cells by inverse Laplace transform of k at high pressure.

    threshold : of dissociation, [1/cm].  Of an association the states are those of the fragments, whose rotors are
    classical; raises ConfigError for a law that has no transform: T^n with n too negative, or E below zero.
    """
    given = fragments if law.association else (well,)
    rotors = [r for one in given for r in one.rotors("all" if law.association else active)]
    power = sum(one.dimension for one in rotors) / 2
    scale = math.prod(one.scale for one in rotors)
    if law.association:
        mine = well.inactive(active)
        power += 1.5 - sum(one.dimension for one in mine) / 2
        scale *= relative(fragments) / (1e3 * N_A * KT**1.5) / math.prod(one.scale for one in mine)
    flux = np.zeros(cells)
    for A, n, E in law.terms:
        flux += A / KT**n * _transform(power + n, E, n, power, cells)
    for one in given:
        flux = spread(flux, one.frequencies, one.ladders(cells * STEP))
    at = round(threshold / STEP) if law.association else 0
    return np.concatenate([np.zeros(min(at, cells)), flux[: max(cells - at, 0)]]) * scale


def _transform(power: float, E: float, n: float, rest: float, cells: int) -> Array:
    """Of (kT)^power exp(-E / T), in cells. Raises ConfigError."""
    if E < 0:
        raise ConfigError(f"k_inf: E = {E:g} K: an inverse Laplace transform needs E >= 0; fit with a negative n")
    if power < 0:
        raise ConfigError(f"k_inf: n = {n:g}: an inverse Laplace transform needs n >= {-rest:g} here")
    if power == 0:
        found = np.zeros(cells)
        found[min(round(E * KT / STEP), cells - 1)] = 1.0
        return found
    edges = np.maximum(np.arange(cells + 1) * STEP - E * KT, 0.0)
    return np.asarray(np.diff(edges**power) / math.gamma(power + 1))


def relative(fragments: tuple[Molecule, ...]) -> float:
    """s of the partition function s T^1.5 of the relative motion of two fragments [1/m3]."""
    one, other = fragments
    return float(translation(one.mass * other.mass / (one.mass + other.mass), np.array(1.0)))
