"""NASA polynomials of seven coefficients over two ranges, fitted so that both join exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.polynomial import Polynomial

from combust.errors import ConfigError
from combust.kinetics.quantum.constants import GAS

REFERENCE = 298.15  # K, of enthalpies of formation
FEWEST = 10  # temperatures in each range; a range has three coefficients of its own
ROUNDS = 30  # of weights


@dataclass(frozen=True)
class Nasa7:
    """Cp/R = a0 + a1 T + ... + a4 T^4;  a5, a6 : of H/(R T) and S/R.

    low, high : seven numbers each, below and above T_middle [K];  error : largest |Cp - fit| / R of what was fitted
    Source of the form: McBride, Gordon and Reno, NASA TM-4513 (1993).
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    T_low: float
    T_middle: float
    T_high: float
    error: float

    def cp(self, T: Any) -> np.ndarray:
        """Cp/R at temperatures [K]."""
        return self._pick(T, lambda a, t: Polynomial(a[:5])(t))

    def h(self, T: Any) -> np.ndarray:
        """H/(R T) at temperatures [K], with the enthalpy of formation."""
        return self._pick(T, lambda a, t: Polynomial(a[:5]).integ()(t) / t + a[5] / t)

    def s(self, T: Any) -> np.ndarray:
        """S/R at temperatures [K] and the pressure of the data."""
        return self._pick(T, entropy)

    def _pick(self, T: Any, value: Any) -> np.ndarray:
        T = np.asarray(T, float)
        return np.where(T_below := T <= self.T_middle, value(self.low, np.where(T_below, T, self.T_middle)),
                        value(self.high, np.where(T_below, self.T_middle, T)))  # fmt: skip

    def entry(self) -> dict[str, Any]:
        """`thermo` of a species in a Cantera file."""
        return {
            "model": "NASA7",
            "temperature-ranges": [self.T_low, self.T_middle, self.T_high],
            "data": [list(self.low), list(self.high)],
        }


def entropy(a: Any, T: Any) -> Any:
    """S/R of one range."""
    return a[0] * np.log(T) + T * (a[1] + T * (a[2] / 2 + T * (a[3] / 3 + T * a[4] / 4))) + a[6]


def fit(T: Any, cp: Any, h298: float, s298: float, middle: float = 1000.0) -> Nasa7:
    """Fits Cp [J/mol/K] at temperatures T [K], with its largest error small, to two ranges that meet at `middle` [K].

    h298 [J/mol], s298 [J/mol/K] : at 298.15 K;  the ranges are from the least T to `middle` to the largest T.
    Cp and its slope are common factors of both polynomials, so that they join by construction; H and S join by
    their constants. Weights follow the errors (Lawson's rule), which brings the largest one near its least.
    Raises ConfigError for too few temperatures, a range without 298.15 K, numbers that are not finite.
    """
    T, cp = np.asarray(T, float), np.asarray(cp, float) / GAS
    check(T, cp, h298, s298, middle)
    x, above = T / middle - 1, T > middle  # of the order of one: T^4 alone spans 14 digits
    own = np.stack([x**2, x**3, x**4], 1)
    matrix = np.hstack([np.ones((len(x), 1)), x[:, None], own * ~above[:, None], own * above[:, None]])
    found = weighted(matrix, cp)
    error = float(np.abs(matrix @ found - cp).max())
    low, high = (monomials(np.array([*found[:2], *found[k : k + 3]]), middle) for k in (2, 5))
    low = (*low, h298 / GAS - REFERENCE * float(_mean(low, REFERENCE)), 0.0)
    low = (*low[:6], s298 / GAS - float(entropy(low, REFERENCE)))
    high = (*high, low[5] + middle * float(_mean(low, middle) - _mean(high, middle)), 0.0)
    high = (*high[:6], float(entropy(low, middle) - entropy(high, middle)))
    return Nasa7(low, high, float(T.min()), float(middle), float(T.max()), error)


def check(T: np.ndarray, cp: np.ndarray, h298: float, s298: float, middle: float) -> None:
    """What can be fitted. Raises ConfigError."""
    if T.ndim != 1 or T.shape != cp.shape:
        raise ConfigError(f"fit: {T.shape} temperatures and {cp.shape} heat capacities: must be as many, in a row")
    if not (np.isfinite(T).all() and np.isfinite(cp).all() and np.isfinite([h298, s298, middle]).all()):
        raise ConfigError("fit: temperatures, heat capacities, enthalpy and entropy must be finite")
    if not (T > 0).all() or not (cp > 0).all():
        raise ConfigError("fit: temperatures and heat capacities must be > 0")
    below = len(np.unique(T[T <= middle]))
    beyond = len(np.unique(T[T > middle]))
    if below < FEWEST or beyond < FEWEST:
        raise ConfigError(
            f"fit: {below} temperatures to {middle:g} K, {beyond} above: at least {FEWEST} in each range are needed"
        )
    if not T.min() <= REFERENCE < middle:
        raise ConfigError(f"fit: the lower range, {T.min():g} to {middle:g} K, must hold {REFERENCE:g} K")


def weighted(matrix: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Coefficients by least squares, of the rounds of weights the one with the smallest largest error."""
    weights = np.full(len(values), 1 / len(values))
    best, least = None, np.inf
    for _ in range(ROUNDS):
        root = np.sqrt(weights)
        found = np.linalg.lstsq(matrix * root[:, None], values * root, rcond=None)[0]
        errors = np.abs(matrix @ found - values)
        if best is None or errors.max() < least:
            best, least = found, errors.max()
        if errors.max() < 1e-12:
            break
        weights = weights * (errors + 1e-3 * errors.max())
        weights /= weights.sum()
    assert best is not None
    return best


def monomials(shifted: np.ndarray, middle: float) -> tuple[float, ...]:
    """Coefficients of powers of T of a polynomial in T / middle - 1."""
    found = Polynomial(shifted)(Polynomial([-1.0, 1 / middle])).coef  # without the last ones where these are zero
    return tuple(np.pad(found, (0, len(shifted) - len(found))).tolist())


def _mean(a: Any, T: float) -> Any:
    """The integral of Cp/R from zero, over T."""
    return Polynomial(a[:5]).integ()(T) / T
