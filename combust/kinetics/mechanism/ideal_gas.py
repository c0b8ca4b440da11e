"""Where a gas is too dense to be an ideal one."""

from __future__ import annotations

import logging

import numpy as np

from combust.errors import ConfigError
from combust.kinetics.gas.values import Values
from combust.kinetics.rates.thermo import GAS_CONSTANT

logger = logging.getLogger(__name__)
# Volume of a kmol of molecules, the b of van der Waals' equation: N2 0.0387, O2 0.0319, CH4 0.0430, CO2 0.0429.
COVOLUME = 0.04  # m3/kmol
NOTICED = 0.05  # share of the volume that is the molecules' own: real pressures are higher by about as much
_warned: set[str] = set()


def require_ideal(where: str, T: Values, p: Values) -> None:
    """Warns, once a state, where T [K] and p [Pa], numbers or (cells,), make a gas that is not ideal to 5 %.

    Raises ConfigError where its molecules would not fit into the volume.
    """
    T, p = np.broadcast_arrays(np.atleast_1d(np.asarray(T, float)), np.atleast_1d(np.asarray(p, float)))
    share = COVOLUME * p / (GAS_CONSTANT * T)
    worst = int(share.argmax()) if share.size else -1
    if worst < 0 or not share[worst] > NOTICED:
        return
    densest, state = float(share[worst]), f"{p[worst]:.4g} Pa at {T[worst]:.5g} K"
    if densest >= 1:
        raise ConfigError(
            f"{where}: {state}: an ideal gas of {densest / COVOLUME:.3g} kmol/m3 would be denser than its molecules "
            f"allow; at this temperature ideal gases end below {GAS_CONSTANT * T[worst] / COVOLUME:.2g} Pa, and are "
            f"within {100 * NOTICED:g} % up to {NOTICED * GAS_CONSTANT * T[worst] / COVOLUME:.2g} Pa"
        )
    if state not in _warned:
        _warned.add(state)
        logger.warning(
            "warning: %s: %s: molecules fill about %.0f %% of the volume, and a real gas has about as much more "
            "pressure; only ideal gases are known here",
            where,
            state,
            100 * densest,
        )
