"""Partition functions of ideal gases, rigid rotors and harmonic oscillators, at many temperatures at once.

Each is a sum of parts; energies count from the lowest state (zero point included), so that a part without energy there
gives H(T) - H(0). Formulas: McQuarrie, Statistical Mechanics, chapters 5, 6 and 8.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from combust.errors import ConfigError
from combust.kinetics.quantum.constants import BAR, BOLTZMANN, DALTON, GAS, KELVIN, PLANCK
from combust.kinetics.quantum.molecule import Rotor
from combust.kinetics.quantum.record import Record

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Part:
    """A factor of a partition function, arrays over T.

    log : ln q;  energy : (H(T) - H(0)) / RT, of translation with pV;  heat : Cp / R, of parts but translation Cv / R
    """

    log: Array
    energy: Array
    heat: Array

    def __add__(self, other: Part) -> Part:
        return Part(self.log + other.log, self.energy + other.energy, self.heat + other.heat)

    @property
    def entropy(self) -> Array:
        """S / R, of translation that of a gas (q is that of V/N)."""
        return self.log + self.energy


@dataclass(frozen=True)
class Gas:
    """An ideal gas, arrays over T [K].

    volume : ln(q / V), q per m3, from the lowest state on
    enthalpy : H(T) - H(0) [J/mol];  entropy : at `pressure` [J/mol/K];  heat : Cp [J/mol/K];  pressure [Pa]
    """

    T: Array
    volume: Array
    enthalpy: Array
    entropy: Array
    heat: Array
    pressure: float


def gas(
    record: Record,
    T: ArrayLike,
    *,
    pressure: float = BAR,
    modes: ArrayLike | None = None,
    rotations: Sequence[Part] = (),
) -> Gas:
    """Of a record, at temperatures T [K], shape (m,).

    modes : wave numbers [cm-1], scaled, in the place of the record's real ones (some may be treated otherwise)
    rotations : parts to be multiplied in, such as hindered rotors

    Raises ConfigError for temperatures that are not positive, or a molecule without frequencies.
    """
    at = temperatures(T)
    if modes is None and record.vibrations and not record.frequencies:
        raise ConfigError(f"{record.species}: has no frequencies")
    inner = rotation(record.rotor, record.sigma, at, record.images)
    inner += vibration(record.wavenumbers if modes is None else modes, at)
    inner += electronic(record.levels, at)
    for one in rotations:
        inner += one
    moving = translation(record.mass, at, pressure)
    whole = inner + moving
    per_volume = inner.log + density(record.mass, at)
    return Gas(at, per_volume, GAS * at * whole.energy, GAS * whole.entropy, GAS * whole.heat, pressure)


def temperatures(T: ArrayLike) -> Array:
    """As an array. Raises ConfigError."""
    at = np.atleast_1d(np.asarray(T, dtype=float))
    if not (np.isfinite(at).all() and (at > 0).all()):
        raise ConfigError("temperatures must be positive")
    return at


def density(mass: float, T: Array) -> Array:
    """ln of the translational partition function for each m3 of a particle of `mass` [u]."""
    found: Array = 1.5 * np.log(2 * np.pi * mass * DALTON * BOLTZMANN * T / PLANCK**2)
    return found


def translation(mass: float, T: Array, pressure: float = BAR) -> Part:
    """In the volume that a particle has at `pressure` [Pa]."""
    one = np.ones_like(T)
    return Part(density(mass, T) + np.log(BOLTZMANN * T / pressure), 2.5 * one, 2.5 * one)


def rotation(rotor: Rotor, sigma: int, T: Array, images: int = 1) -> Part:
    """Classical, of a rigid rotor with rotation number `sigma`;  images : 2 where its mirror image is the same gas"""
    shared = np.log(images / sigma)
    theta = rotor.temperatures
    one = np.ones_like(T)
    if rotor.kind == "atom":
        return Part(0 * T, 0 * T, 0 * T)
    if rotor.kind == "linear":
        return Part(np.log(T / theta[0]) + shared, one, one)
    return Part(0.5 * np.log(np.pi * T**3 / np.prod(theta)) + shared, 1.5 * one, 1.5 * one)


def vibration(wavenumbers: ArrayLike, T: Array) -> Part:
    """Harmonic, from the zero point on;  wavenumbers [cm-1], shape (n,)"""
    x = KELVIN * np.asarray(wavenumbers, dtype=float).reshape(-1, 1) / T
    less = -np.expm1(-x)  # 1 - exp(-x)
    gone = np.exp(-x) / less
    return Part(-np.log(less).sum(0), (x * gone).sum(0), (x**2 * gone / less).sum(0))


def electronic(levels: Sequence[tuple[float, float]], T: Array) -> Part:
    """Of levels (degeneracy, cm-1), from the lowest on."""
    weights, energies = np.array(levels, dtype=float).T
    return of_levels(KELVIN * energies, weights, T)


def of_levels(energies: Array, weights: Array, T: Array) -> Part:
    """Of levels at `energies` [K], shape (n,), each as often as its weight says."""
    x = energies.reshape(-1, 1) / T
    shares = weights.reshape(-1, 1) * np.exp(-x)
    q = shares.sum(0)
    mean = (shares * x).sum(0) / q
    return Part(np.log(q), mean, (shares * (x - mean) ** 2).sum(0) / q)
