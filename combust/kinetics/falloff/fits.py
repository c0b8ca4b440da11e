"""Rates k(T, p) as Cantera writes them: P-log, Chebyshev, Troe; each with what the fit leaves of error.

All fits are of ln k, so that an error of 0.05 is 5 % at any size of k. Forms: https://cantera.org, "Reaction rates".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cantera as ct
import numpy as np
from scipy.optimize import least_squares

from combust.errors import ConfigError
from combust.kinetics.falloff.densities import Array
from combust.kinetics.quantum.rates.fit import coefficients

KINDS = ("troe", "plog", "chebyshev")


@dataclass(frozen=True)
class Fit:
    """A rate of Cantera's for k(T, p).

    rate : in SI with kmol;  worst : largest |k_fit / k - 1| at the points that were fitted, mean : its mean
    between : the same of points between these pressures, None where nothing is known of k there
    """

    kind: str
    rate: Any
    worst: float
    mean: float
    between: float | None = None


@dataclass(frozen=True)
class Limits:
    """Of k at low pressure over [M], and at high pressure, shape (T,); SI with kmol."""

    low: Array
    high: Array


def fitted(kind: str, T: Array, p: Array, k: Array, limits: Limits | None = None, order: Sequence[int] = (7, 5)) -> Fit:
    """Of `kind` to k, shape (T, p), T [K] and p [Pa] ascending;  order : coefficients of Chebyshev over T and p.

    Raises ConfigError for too few points, k <= 0, or Troe without limits.
    """
    if not (np.isfinite(k).all() and (k > 0).all()):
        raise ConfigError("a fit needs k > 0 at every temperature and pressure")
    rate: Any
    if kind == "troe":
        if limits is None:
            raise ConfigError("a Troe fit needs k at low and high pressure; plog and chebyshev do not")
        if not all(np.isfinite(one).all() and (one > 0).all() for one in (limits.low, limits.high)):
            raise ConfigError("a Troe fit needs k > 0 at low and high pressure, at every temperature")
        rate = troe(T, p, k, limits)
    elif kind == "plog":
        rate = plog(T, p, k)
    elif kind == "chebyshev":
        rate = chebyshev(T, p, k, order)
    else:
        raise ConfigError(f"fit {kind!r}: allowed {', '.join(KINDS)}")
    error = np.abs(evaluated(rate, T, p) / k - 1)
    return Fit(kind, rate, float(error.max()), float(error.mean()))


LEAST = {"troe": ("a Troe fit", 4, 2), "plog": ("P-log", 3, 2), "chebyshev": ("Chebyshev", 3, 2)}


def require_points(kind: str, T: Array, p: Array) -> None:
    """Raises ConfigError for fewer temperatures and pressures than a form needs."""
    name, least_T, least_p = LEAST[kind]
    if len(T) < least_T or len(p) < least_p:
        raise ConfigError(
            f"{len(T)} temperatures, {len(p)} pressures: {name} needs {least_T} or more and {least_p} or more"
        )


def evaluated(rate: Any, T: Array, p: Array) -> Array:
    """k of a rate at T [K] and p [Pa] of the third bodies, shape (T, p), SI with kmol."""
    found = np.empty((len(T), len(p)))
    for i, t in enumerate(T):
        for j, pressure in enumerate(p):
            if isinstance(rate, ct.ArrheniusRate):
                found[i, j] = rate(float(t))
            elif isinstance(rate, ct.FalloffRate):
                found[i, j] = rate(float(t), float(pressure) / (ct.gas_constant * float(t)))
            else:
                found[i, j] = rate(float(t), float(pressure))
    return found


def arrhenius(T: Array, k: Array) -> ct.Arrhenius:
    """A T^b exp(-E / RT) by least squares of ln k. Raises ConfigError for fewer than three temperatures."""
    if len(T) < 3:
        raise ConfigError(f"{len(T)} temperatures: a fit of A, b and E needs three or more")
    log, b, E = coefficients(T, k)
    return ct.Arrhenius(math.exp(log), b, E * ct.gas_constant)


def plog(T: Array, p: Array, k: Array) -> ct.PlogRate:
    """One law a pressure."""
    require_points("plog", T, p)
    laws: list[Any] = [(float(one), arrhenius(T, k[:, j])) for j, one in enumerate(p)]
    return ct.PlogRate(laws)


def chebyshev(T: Array, p: Array, k: Array, order: Sequence[int]) -> ct.ChebyshevRate:
    """Polynomials in 1 / T and log p, of fewer coefficients than there are values of each."""
    require_points("chebyshev", T, p)
    n, m = min(order[0], len(T) - 1), min(order[1], max(2, len(p) - 1))
    span = lambda x: (2 * x - x[0] - x[-1]) / (x[-1] - x[0])  # noqa: E731
    over_T = np.polynomial.chebyshev.chebvander(span(1 / T), n - 1)
    over_p = np.polynomial.chebyshev.chebvander(span(np.log10(p)), m - 1)
    left, *_ = np.linalg.lstsq(over_T, np.log10(k), rcond=None)
    data, *_ = np.linalg.lstsq(over_p, left.T, rcond=None)
    return ct.ChebyshevRate((float(T[0]), float(T[-1])), (float(p[0]), float(p[-1])), data.T)


def troe(T: Array, p: Array, k: Array, limits: Limits) -> ct.TroeRate:
    """Both limits first, then the width of what is between (Gilbert, Luther and Troe 1983), then all ten together."""
    require_points("troe", T, p)
    M = p[None, :] / (ct.gas_constant * T[:, None])
    log_k = np.log(k)
    ends = [arrhenius(T, limits.low), arrhenius(T, limits.high)]
    start = [x for one in ends for x in (math.log(one.pre_exponential_factor), one.temperature_exponent,
                                         one.activation_energy / ct.gas_constant / 1e3)]  # fmt: skip
    edges = np.log(np.column_stack([limits.low, limits.high]))

    def off(x: Any) -> Array:
        """Of ln k, and of both limits, so that the rate holds beyond these pressures."""
        x = np.asarray(x)
        ends = np.column_stack([v[0] + v[1] * np.log(T) - v[2] * 1e3 / T for v in (x[:3], x[3:6])])
        return np.concatenate([(_troe_log(T, M, x) - log_k).ravel(), (ends - edges).ravel()])

    best = None
    for shape in ((0.6, 0.1, 1.0, 3.0), (0.2, 1.0, 0.5, 5.0), (0.8, 0.2, 5.0, 8.0)):
        only = least_squares(lambda x: off([*start, *x]), shape, max_nfev=200)
        if best is None or only.cost < best.cost:
            best = only
    assert best is not None
    all_of_it = least_squares(off, [*start, *best.x], x_scale=np.maximum(np.abs([*start, *best.x]), 0.1), max_nfev=400)
    x = all_of_it.x
    low, high = (ct.ArrheniusRate(math.exp(v[0]), v[1], v[2] * 1e3 * ct.gas_constant) for v in (x[:3], x[3:6]))
    a, T3, T1, T2 = x[6], *(abs(v) * 1e3 for v in x[7:])
    return ct.TroeRate(low, high, [a, T3, T1, T2])


def _troe_log(T: Array, M: Array, x: Array) -> Array:
    """ln k of ten parameters: ln A, b, E / 1000 R of low and high, a, T3, T1, T2 / 1000."""
    low, high = ((v[0] + v[1] * np.log(T) - v[2] * 1e3 / T)[:, None] for v in (x[:3], x[3:6]))
    a, T3, T1, T2 = x[6], *(np.maximum(np.abs(v) * 1e3, 1e-3) for v in x[7:])
    centre = (1 - a) * np.exp(-T / T3) + a * np.exp(-T / T1) + np.exp(-T2 / T)
    log_c = np.log10(np.maximum(centre, 1e-30))[:, None]
    log_pr = (low + np.log(M) - high) / math.log(10)
    c, n = -0.4 - 0.67 * log_c, 0.75 - 1.27 * log_c
    inner = (log_pr + c) / (n - 0.14 * (log_pr + c))
    pr = 10**log_pr
    return np.asarray(high + np.log(pr / (1 + pr)) + math.log(10) * log_c / (1 + inner**2))
