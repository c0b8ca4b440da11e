"""Arrhenius' law with a power of T through a table of k(T), and what it is off by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from combust.errors import ConfigError

Array = NDArray[np.float64]
LEAST = 4  # temperatures


@dataclass(frozen=True)
class Law:
    """k = A T^b exp(-E / T);  E [K];  error : largest |ln| of law over table;  T_low, T_high [K] of the table"""

    A: float
    b: float
    E: float
    error: float
    T_low: float
    T_high: float

    def k(self, T: Array) -> Array:
        """At T [K]."""
        found: Array = self.A * T**self.b * np.exp(-self.E / T)
        return found


def fit(T: Array, k: Array) -> Law:
    """Least squares of ln k, all temperatures alike. Raises ConfigError for less than four temperatures."""
    if len(set(T.tolist())) < LEAST:
        raise ConfigError(f"a law in T wants at least {LEAST} temperatures, {len(set(T.tolist()))} are given")
    log, b, E = coefficients(T, k)
    law = Law(float(np.exp(log)), b, E, 0.0, float(T.min()), float(T.max()))
    return Law(law.A, b, E, float(np.abs(np.log(law.k(T) / k)).max()), law.T_low, law.T_high)


def coefficients(T: Array, k: Array) -> tuple[float, float, float]:
    """ln A, b and E [K] by least squares of ln k."""
    middle = float(np.exp(np.mean(np.log(T))))
    columns = np.stack([np.ones_like(T), np.log(T / middle), -(1 / T - 1 / middle)], axis=1)
    scale = np.linalg.norm(columns, axis=0)
    best = np.linalg.lstsq(columns / scale, np.log(k), rcond=None)[0] / scale
    log, b, E = (float(one) for one in best)
    return float(log - b * np.log(middle) + E / middle), b, E
