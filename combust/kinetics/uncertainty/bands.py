"""Bands of a positive quantity: from samples, and linear in ln k; what each reaction has of the variance."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from msgspec import Struct

LEVEL = 0.95
WIDTH = 1.959963984540054  # standard deviations of a normal variable, of 95 %


class Band(Struct, frozen=True):
    """95 % of what a quantity may be, in its own unit;  sigma : standard deviation of its logarithm

    high is infinite and sigma NaN where a sample has no value: a gas that does not ignite in time.
    """

    low: float
    high: float
    sigma: float


def linear(value: float, slopes: Sequence[float]) -> Band:
    """Of the value and d ln value / dx for independent standard normal variables x: lognormal."""
    sigma = math.sqrt(sum(s * s for s in slopes))
    return Band(value * math.exp(-WIDTH * sigma), value * math.exp(WIDTH * sigma), sigma)


def sampled(values: np.ndarray) -> Band:
    """Of samples (n,), NaN where there is none, which counts as infinite."""
    found = np.sort(np.where(np.isfinite(values), values, np.inf))
    tail = 0.5 * (1.0 - LEVEL)
    if np.isinf(found[-1]):
        low, high = (float(found[min(int(share * len(found)), len(found) - 1)]) for share in (tail, 1.0 - tail))
        return Band(low, high, math.nan)
    logs = np.log(found)
    low, high = np.exp(np.quantile(logs, (tail, 1.0 - tail))).tolist()
    return Band(low, high, float(logs.std(ddof=1)))


def shares(slopes: Sequence[float]) -> list[float]:
    """Of the variance of ln value, by variable; all zero where nothing counts."""
    squares = [s * s for s in slopes]
    total = sum(squares)
    return [s / total if total else 0.0 for s in squares]
