"""Measured numbers beside simulated ones, of what is compared by difference: burning velocities and species."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from combust.experiments.formats.data import DataSet


@dataclass(frozen=True)
class Pair:
    """One measured number and its simulation."""

    quantity: str  # "burning velocity", or a species by the file's name
    T: float  # K
    p: float  # Pa
    X: str  # "H2:0.3, O2:0.15, ..." by the file's names
    basis: str  # of X
    measured: float  # m/s, or mole fraction
    sigma: float | None  # standard deviation of it
    simulated: float  # NaN where there is no simulation
    tau: float = math.nan  # s, of reactors
    distance: float = math.nan  # m, along a flame
    phi: float | None = None  # as the file has it
    error: float = math.nan  # relative, the simulation's own estimate
    failure: str = ""  # why there is no simulation

    @property
    def sigmas(self) -> float:
        """Difference over the standard deviation; NaN without one."""
        return (self.simulated - self.measured) / self.sigma if self.sigma else math.nan


@dataclass(frozen=True)
class Pairs:
    """One quantity of one data set. Failed points are counted, and are in none of the means."""

    data: DataSet
    quantity: str
    rows: tuple[Pair, ...]
    notes: tuple[str, ...] = ()

    @property
    def found(self) -> list[Pair]:
        """Those with a simulation."""
        return [row for row in self.rows if math.isfinite(row.simulated)]

    @property
    def failed(self) -> int:
        """Points that could not be simulated."""
        return len(self.rows) - len(self.found)

    @property
    def scale(self) -> float:
        """The largest measured value."""
        return max(abs(row.measured) for row in self.rows)

    @property
    def deviations(self) -> np.ndarray:
        """Simulated less measured, of each measured burning velocity or of the largest measured amount of a species.

        NaN for a species of which nothing was measured.
        """
        own, scale = self.data.kind == "burning velocity", self.scale or math.nan
        return np.array([(r.simulated - r.measured) / (r.measured if own else scale) for r in self.found])

    @property
    def bias(self) -> float:
        """Mean of the deviations."""
        return float(self.deviations.mean()) if self.found else math.nan

    @property
    def mean_deviation(self) -> float:
        """Mean of the deviations' sizes."""
        return float(np.abs(self.deviations).mean()) if self.found else math.nan

    @property
    def within(self) -> float:
        """Share of the points with sigma that lie within two of them; NaN if there are none."""
        known = [abs(row.sigmas) for row in self.found if row.sigma]
        return sum(x <= 2 for x in known) / len(known) if known else math.nan

    @property
    def error(self) -> float:
        """E = mean of ((simulated - measured) / sigma)^2 over the points with sigma; NaN if there are none."""
        terms = [row.sigmas**2 for row in self.found if row.sigma]
        return float(np.mean(terms)) if terms else math.nan


def text_of(X: Mapping[str, float]) -> str:
    """A composition as one text."""
    return ", ".join(f"{name}:{x:.9g}" for name, x in X.items())
