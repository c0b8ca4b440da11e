"""How often molecules meet: collisions of Lennard-Jones pairs, which no k of two neutral ones exceeds by far."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.constants import N_A, atomic_mass
from scipy.constants import k as BOLTZMANN

if TYPE_CHECKING:
    import cantera as ct

Array = NDArray[np.float64]
# Parameters of transport data are off by tens of percent, dipoles draw pairs in from farther at room temperature: in
# GRI-Mech 3.0 and Alzueta et al. 2023 good rate constants reach 2.6 times the collisions at 300 K. What is five times
# as fast is a mistake of units, a fit beyond its temperatures, or thermo that does not belong to it.
FACTOR = 5.0


def omega22(T_star: Array) -> Array:
    """Reduced collision integral Omega(2,2)* of the 12-6 potential (Neufeld 1972, doi:10.1063/1.1678363)."""
    T = np.asarray(T_star, dtype=float)
    return np.asarray(1.16145 * T**-0.14874 + 0.52487 * np.exp(-0.77320 * T) + 2.16178 * np.exp(-2.43787 * T))


def rate(mass: float, sigma: float, epsilon: float, T: Array) -> Array:
    """Rate constant of Lennard-Jones collisions [m3/s] at T [K]: pi sigma^2 v Omega(2,2).

    mass : reduced, [kg/kmol];  sigma : [m], epsilon : [K], of the pair
    """
    T = np.asarray(T, dtype=float)
    speed = np.sqrt(8 * BOLTZMANN * T / (math.pi * mass * atomic_mass))
    return np.asarray(math.pi * sigma**2 * speed * omega22(T / epsilon))


def limit(gas: ct.Solution, pair: Sequence[str], T: Array) -> Array | None:
    """The collision limit [m3/kmol/s] of two species of `gas` at T [K], as Chen, Wang and Wang 2017 take it
    (doi:10.1016/j.combustflame.2017.08.005); half of it for equal partners, of which each pair counts once.

    None where one is charged, or has no Lennard-Jones parameters in the mechanism's transport data.
    """
    species = [gas.species(name) for name in pair]
    data = [one.transport for one in species]
    if any(one.charge for one in species) or any(not getattr(one, "well_depth", 0.0) for one in data):
        return None
    masses = [one.molecular_weight for one in species]
    sigma = (data[0].diameter + data[1].diameter) / 2
    epsilon = math.sqrt(data[0].well_depth * data[1].well_depth) / BOLTZMANN
    met = rate(masses[0] * masses[1] / sum(masses), sigma, epsilon, T) * (1e3 * N_A)
    return met / 2 if pair[0] == pair[1] else met


def too_fast(gas: ct.Solution, side: Sequence[str], T: Sequence[float] | Array, k: Sequence[float] | Array) -> str:
    """In words where k [m3/kmol/s] of two species that meet is more than FACTOR times their collision limit at any of
    T [K]; empty where it is not, and where there is no limit: one or three reactants, what `limit` does not know.
    """
    if len(side) != 2:
        return ""
    T = np.asarray(T, dtype=float)
    met = limit(gas, side, T)
    if met is None:
        return ""
    over = np.asarray(k, dtype=float) / met
    if not (over > FACTOR).any():
        return ""
    i = int(over.argmax())
    return (
        f"k of {' + '.join(side)} at {T[i]:g} K is {over[i]:.3g} times their rate of collisions, {1e3 * met[i]:.3g} "
        f"cm3/mol/s (Lennard-Jones): at most {FACTOR:g} times it can be"
    )
