"""Low vibrations as something between an oscillator and a free rotor."""

from __future__ import annotations

from typing import Any

import numpy as np

from combust.kinetics.quantum.constants import BOLTZMANN, KELVIN, LIGHT, PLANCK
from combust.kinetics.quantum.partition import Part

CUT = 100.0  # cm-1, where the two count alike
MOMENT = 1e-44  # kg m2, that of a free rotor at most: an average molecule's


def quasi_harmonic(wavenumbers: Any, T: Any, cut: float = CUT) -> Part:
    """Modes [cm-1] at temperatures T [K]: entropies are means of an oscillator's and a free rotor's.

    The rotor's share is 1 / (1 + (wave number / cut)^4). Heat capacity and enthalpy are means with the same weights,
    as they are then the derivatives of that entropy (dS/dT = Cp/T); with an oscillator's they would not be.
    Sources: S. Grimme, Chem. Eur. J. 18, 9955 (2012), doi:10.1002/chem.201200497; for the enthalpy Li et al.,
    J. Phys. Chem. C 119, 1840 (2015), doi:10.1021/jp509921r.
    """
    T = np.atleast_1d(np.asarray(T, float))
    waves = np.asarray(wavenumbers, float).reshape(-1, 1)
    x = KELVIN * waves / T
    less = -np.expm1(-x)
    gone = x * np.exp(-x) / less
    share = 1 / (1 + (waves / cut) ** 4)
    entropy = (1 - share) * (gone - np.log(less)) + share * rotor_entropy(waves, T)
    energy = (1 - share) * gone + share / 2
    heat = (1 - share) * gone * x / less + share / 2
    return Part((entropy - energy).sum(0), energy.sum(0), heat.sum(0))


def rotor_entropy(waves: Any, T: Any) -> Any:
    """S/R of a free rotor with the moment of inertia h / (8 pi^2 c wave number), bounded by that of a molecule."""
    own = PLANCK / (8 * np.pi**2 * LIGHT * waves)
    moment = own * MOMENT / (own + MOMENT)
    return 0.5 + 0.5 * np.log(8 * np.pi**3 * moment * BOLTZMANN * T / PLANCK**2)
