"""Factors over temperature as changes of a modified Arrhenius law.

One normal variable x of a reaction moves ln k by x sigma(T), sigma = ln f / sigmas: errors at different temperatures
are fully correlated. sigma(T) is taken as

    s0 + s1 ln(T / 1500 K) + s2 (1500 K / T - 1),

so that A, b and Ea of the reaction move, and k stays a modified Arrhenius law. Nagy and Turanyi 2012
(doi:10.1016/j.ress.2011.06.009) have a joint normal distribution of the Arrhenius
parameters; here they are one variable.
One temperature gives s0, two s0 and s2 (an error of an energy), three and more all of them by least squares.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

REFERENCE = 1500.0  # K


class Law(NamedTuple):
    """sigma(T) of ln k;  error : largest difference of ln f from what was stated, 0 without temperatures"""

    s0: float
    s1: float = 0.0
    s2: float = 0.0
    error: float = 0.0

    @property
    def constant(self) -> bool:
        """Whether it is the same at all temperatures."""
        return self.s1 == 0.0 and self.s2 == 0.0

    def at(self, T: float) -> float:
        """sigma at T [K]."""
        return self.s0 + self.s1 * math.log(T / REFERENCE) + self.s2 * (REFERENCE / T - 1.0)

    @property
    def changes(self) -> tuple[float, float, float]:
        """Of ln A, b and Ea/R [K] for each standard deviation."""
        return self.s0 - self.s1 * math.log(REFERENCE) - self.s2, self.s1, -self.s2 * REFERENCE


def law(T: Sequence[float], ln_f: Sequence[float], sigmas: float) -> Law:
    """Of factors ln_f at temperatures T [K], or one at all temperatures (T empty)."""
    sigma = np.array(ln_f) / sigmas
    if len(sigma) == 1 or np.ptp(sigma) == 0:
        return Law(float(sigma[0]))
    t = np.array(T)
    columns = [np.ones_like(t), np.log(t / REFERENCE), REFERENCE / t - 1.0]
    used = [0, 2] if len(t) == 2 else [0, 1, 2]
    found = np.zeros(3)
    found[used] = np.linalg.lstsq(np.stack([columns[i] for i in used], 1), sigma, rcond=None)[0]
    error = float(np.abs(np.stack(columns, 1) @ found - sigma).max()) * sigmas
    return Law(float(found[0]), float(found[1]), float(found[2]), error)
