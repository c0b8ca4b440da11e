"""Random numbers of a seed and places, whatever rank, order or time asks for them: hashed, so that there is no state.

A variant of SplitMix64's mixing: Steele, Lea, Flood, OOPSLA 2014, doi:10.1145/2660193.2660195
"""

from __future__ import annotations

import numpy as np

GOLDEN, FIRST, SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
BITS = 21  # of each of the three parts of a hash that make a `bell`


def hashed(seed: int, *places: np.ndarray | int) -> np.ndarray:
    """64 random bits for each place: whole numbers, negative ones too, that broadcast."""
    with np.errstate(over="ignore"):
        h = _mixed(np.asarray(seed % 2**64, dtype=np.uint64) + GOLDEN)
        for place in places:
            h = _mixed((h ^ np.asarray(place, dtype=np.int64).astype(np.uint64)) + GOLDEN)
    return h


def _mixed(z: np.ndarray) -> np.ndarray:
    z = (z ^ (z >> np.uint64(30))) * FIRST
    z = (z ^ (z >> np.uint64(27))) * SECOND
    return np.asarray(z ^ (z >> np.uint64(31)))


def uniform(seed: int, *places: np.ndarray | int) -> np.ndarray:
    """From 0 to below 1."""
    return (hashed(seed, *places) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def bell(seed: int, *places: np.ndarray | int) -> np.ndarray:
    """Of mean 0 and variance 1: the sum of three uniform numbers, so that no function of a library rounds it."""
    h, part = hashed(seed, *places), np.uint64(2**BITS - 1)
    total = sum((h >> np.uint64(BITS * i) & part).astype(np.float64) + 0.5 for i in range(3))
    return 2.0 * (np.asarray(total) * 2.0**-BITS - 1.5)
