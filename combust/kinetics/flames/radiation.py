"""Heat that a flame loses by radiation: Cantera's optically thin model of its one-dimensional flames.

Only H2O and CO2 radiate, by Planck-mean absorption coefficients of fits over 300 to 2500 K (RADCAL;
https://cantera.org/documentation, governing equations of one-dimensional flow), and nothing is absorbed but what the
boundaries emit: 4 sigma p sum(X_i kappa_i) T^4 - 2 sigma p sum(X_i kappa_i) (e_left T_left^4 + e_right T_right^4) in
W/m3. CO, CH4 and soot radiate too, and thick or hot layers absorb: neither is here.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np

from combust.errors import ConfigError
from combust.kinetics.mechanism.mechanism import Mechanism

RADIATING = ("H2O", "CO2")
SAID = "radiation of H2O and CO2, optically thin (Cantera's)"
Emissivity = tuple[float, float]  # of the left and right boundary
BLACK_BODY_AT_ZERO: Emissivity = (0.0, 0.0)  # surroundings that take everything and send nothing


class Radiates(Protocol):
    """What a flame is asked to lose by radiation."""

    @property
    def radiation(self) -> bool: ...
    @property
    def emissivity(self) -> Emissivity: ...


def check_radiation(kind: str, gas: Mechanism, radiation: bool, emissivity: Emissivity = BLACK_BODY_AT_ZERO) -> None:
    """Raises ConfigError where no species radiates, or for emissivities outside 0 to 1 or without radiation."""
    if len(emissivity) != 2 or not all(math.isfinite(e) and 0 <= e <= 1 for e in emissivity):
        raise ConfigError(f"{kind}: emissivity {tuple(emissivity)}: give those of both boundaries, from 0 to 1")
    if not radiation:
        if any(emissivity):
            raise ConfigError(f"{kind}: emissivity {tuple(emissivity)} counts with radiation only; switch that on")
        return
    if all(gas.names.row(name) is None for name in RADIATING):
        raise ConfigError(
            f"{kind}: radiation covers {' and '.join(RADIATING)} only, and {gas.path} has neither; leave it off"
        )


def radiate(flame: Any, asked: Radiates) -> None:
    """Switches radiation of a Cantera flame on or off."""
    flame.radiation_enabled = asked.radiation
    if asked.radiation:
        flame.boundary_emissivities = asked.emissivity


def radiated(flame: Any) -> float:
    """What a Cantera flame loses by radiation within its domain, W/m2."""
    if not flame.radiation_enabled:
        return 0.0
    loss = flame.flame.radiative_heat_loss
    return float((np.diff(flame.grid) * 0.5 * (loss[1:] + loss[:-1])).sum())
