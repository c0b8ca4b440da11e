"""States of a molecule: how many there are up to an energy. Partition functions of the same states, for constants of
equilibrium, are those of `combust.kinetics.quantum.partition`, but for classical rotors, whose states are counted here.

Energies are in 1/cm from the lowest state (zero-point energy included). Vibrations are harmonic and counted exactly
(Beyer and Swinehart 1973, doi:10.1145/362248.362275, on the states of the rotors: Stein and Rabinovitch 1973,
doi:10.1063/1.1679522); rotors are classical, or counted by their levels, as parts that turn about a bond always are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from combust.kinetics.quantum import partition as ideal
from combust.kinetics.quantum.constants import CM_KJ, KELVIN, LIGHT
from combust.kinetics.quantum.thermochemistry.rotor import COLD
from combust.kinetics.quantum.thermochemistry.rotor import Rotor as Torsion

Array = NDArray[np.float64]
KT = 1 / KELVIN  # 1/cm per K
HERTZ = LIGHT  # 1/s per 1/cm
STEP = 1.0  # 1/cm, of the cells that states are counted in
Levels = tuple[tuple[float, float], ...]  # (degeneracy or weight, energy [1/cm]), the lowest at 0


@dataclass(frozen=True)
class Rotor:
    """A free rotor of one (K), two (linear, or J) or three dimensions.

    constant : rotational constant [1/cm], of three dimensions the geometric mean;  symmetry : its number
    quantum : count its levels (of three dimensions those of a spherical top), else it is classical
    """

    dimension: int
    constant: float
    symmetry: float = 1.0
    quantum: bool = False

    @property
    def scale(self) -> float:
        """s of the classical partition function s (kT)^(dimension / 2), kT in 1/cm."""
        root = {1: math.sqrt(math.pi), 2: 1.0, 3: math.sqrt(math.pi)}[self.dimension]
        return root / self.constant ** (self.dimension / 2) / self.symmetry

    def below(self, energy: Array) -> Array:
        """The number of states below energies [1/cm]."""
        if not self.quantum:
            half = self.dimension / 2
            return self.scale * np.maximum(energy, 0.0) ** half / math.gamma(half + 1)
        J = np.arange(math.isqrt(int(max(float(energy.max()), 0.0) / self.constant)) + 2)
        many = {1: np.where(J == 0, 1, 2), 2: 2 * J + 1, 3: (2 * J + 1) ** 2}[self.dimension]
        levels = self.constant * (J**2 if self.dimension == 1 else J * (J + 1))
        total = np.concatenate([[0.0], np.cumsum(many) / self.symmetry])
        found: Array = total[np.searchsorted(levels, energy, side="left")]
        return found


@dataclass(frozen=True)
class Molecule:
    """What its states are made of.

    frequencies : harmonic, [1/cm];  rotational : none for an atom, one constant of a linear molecule, or three [1/cm]
    symmetry : rotational number, below one with mirror images;  electronic : (degeneracy, energy [1/cm]) of each level
    mass : [kg/kmol];  torsions : parts that turn about a bond, which always take part in the flow of energy
    """

    mass: float
    frequencies: tuple[float, ...] = ()
    rotational: tuple[float, ...] = ()
    symmetry: float = 1.0
    electronic: Levels = ((1.0, 0.0),)
    torsions: tuple[Torsion, ...] = ()

    def rotors(self, active: str, quantum: bool = False) -> tuple[Rotor, ...]:
        """Those whose energy may flow into a bond: "all"; "K": the one about the axis of the largest constant only."""
        if not self.rotational:
            return ()
        if active == "all":
            mean = float(np.prod(self.rotational)) ** (1 / len(self.rotational))
            return (Rotor(2 if len(self.rotational) == 1 else 3, mean, self.symmetry, quantum),)
        if len(self.rotational) == 1:
            return ()
        return (Rotor(1, max(self.rotational), self.symmetry, quantum),)

    def inactive(self, active: str) -> tuple[Rotor, ...]:
        """Rotors that keep their energy: of two dimensions, and classical."""
        if active == "all" or not self.rotational:
            return ()
        if len(self.rotational) == 1:
            return (Rotor(2, self.rotational[0], self.symmetry),)
        two = sorted(self.rotational)[:2]
        return (Rotor(2, math.sqrt(two[0] * two[1])),)

    def ladders(self, top: float) -> tuple[Levels, ...]:
        """Levels up to an energy [1/cm]: of the electrons, and of each part that turns."""
        return (self.electronic, *(levels(one, top) for one in self.torsions))


@cache
def levels(torsion: Torsion, top: float) -> Levels:
    """Of a part that turns about a bond, up to an energy [1/cm]; of n equal places in a turn each counts 1/n.

    Raises ConfigError for a part too heavy to have its levels counted.
    """
    found = torsion.levels(top / (COLD * KT)) / (1e3 * CM_KJ)
    found = found - found[0]
    return tuple((1 / torsion.symmetry, float(one)) for one in found if one < top)


def count(
    frequencies: tuple[float, ...], rotors: tuple[Rotor, ...], ladders: Sequence[Levels], cells: int, step: float = STEP
) -> Array:
    """The number of states in each of `cells` cells [i, i + 1) step, step in 1/cm; shape (cells,).

    ladders : levels of electrons and the like.  Frequencies and levels are rounded to whole steps. Classical rotors
    are joined into one of their dimensions together.
    """
    return spread(_rotations(rotors, cells, step), frequencies, ladders, step)


def spread(states: Array, frequencies: tuple[float, ...], ladders: Sequence[Levels], step: float = STEP) -> Array:
    """States in cells, or anything that is convolved with them, with oscillators and ladders of levels added."""
    found, cells = states, len(states)
    for ladder in ladders:
        if ladder == ((1.0, 0.0),):
            continue
        plain, found = found, np.zeros(cells)
        for weight, energy in ladder:
            at = round(energy / step)
            found[at:] += weight * plain[: max(cells - at, 0)]
    for frequency in frequencies:
        found = _with_quanta(found, max(1, round(frequency / step)))
    return found


def _rotations(rotors: tuple[Rotor, ...], cells: int, step: float) -> Array:
    """States of rotors alone, in cells; without any, one state at zero."""
    classical = [one for one in rotors if not one.quantum]
    edges = np.arange(cells + 1) * step
    if classical:
        half = sum(one.dimension for one in classical) / 2
        scale = math.prod(one.scale for one in classical)
        found = np.diff(scale * edges**half / math.gamma(half + 1))
    else:
        found = np.zeros(cells)
        found[0] = 1.0
    for one in (one for one in rotors if one.quantum):
        levels = np.diff(one.below(edges))
        plain, found = found, np.zeros(cells)
        for at in np.flatnonzero(levels):
            found[at:] += levels[at] * plain[: cells - at]
    return found


def _with_quanta(states: Array, quantum: int) -> Array:
    """States with one more oscillator of `quantum` cells: each cell gets what is a quantum below, again and again."""
    rows = -(-len(states) // quantum)
    padded = np.zeros(rows * quantum)
    padded[: len(states)] = states
    summed: Array = np.cumsum(padded.reshape(rows, quantum), axis=0).ravel()[: len(states)]
    return summed


def middle(rotors: tuple[Rotor, ...]) -> float:
    """Where in its cell a state is: in the middle with classical rotors, at its lower edge without."""
    return 0.5 if any(not one.quantum for one in rotors) else 0.0


def partition(molecule: Molecule, T: Array) -> Array:
    """Partition function per volume [1/m3] at T [K], shape (n,), from the lowest state on; classical rotors."""
    kT = KT * T
    log = ideal.density(molecule.mass, T) + ideal.vibration(molecule.frequencies, T).log
    log = log + ideal.electronic(molecule.electronic, T).log + sum(one.part(T).log for one in molecule.torsions)
    found: Array = np.exp(log)
    for one in molecule.rotors("all"):
        found = found * one.scale * kT ** (one.dimension / 2)
    return found


def translation(mass: float, T: Array) -> Array:
    """Of a mass [kg/kmol], per volume [1/m3], at T [K]."""
    return np.asarray(np.exp(ideal.density(mass, np.asarray(T, dtype=float))))
