"""Rate constants of counted events, with exact Poisson intervals; Arrhenius laws over temperatures.

A reaction that happens at the rate k of its rate law takes place as a Poisson process of intensity k dX/dt, with the
exposure X = integral of V NA prod c dt: N events in an exposure X give k = N / X. With n molecules of a species that
enters twice there are n (n - 1) ordered pairs, not n^2.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincinv

from combust.kinetics.dynamics.settings import AVOGADRO
from combust.kinetics.trajectories.events import History
from combust.kinetics.trajectories.molecules import Species
from combust.kinetics.trajectories.record import GAS_CONSTANT, Law

FEWEST_TEMPERATURES = 4
LEVEL = 0.95

Sides = tuple[tuple[Species, ...], tuple[Species, ...]]
"""Reactants and products of a reaction, in order."""


def interval(count: int, level: float = LEVEL) -> tuple[float, float]:
    """The exact (Garwood) interval of the mean of a Poisson distribution of which `count` was drawn.

    Garwood 1936, doi:10.1093/biomet/28.3-4.437: half of quantiles of chi-squared with 2 N and 2 N + 2 degrees. For no
    event the bound above is that of two sides, 3.69 at 95 %.
    """
    outside = 0.5 * (1.0 - level)
    low = float(gammaincinv(count, outside)) if count else 0.0
    return low, float(gammaincinv(count + 1, 1.0 - outside))


@dataclass(frozen=True)
class Rate:
    """A reaction at one temperature.

    count : events;  exposure [kmol s/m3 ...];  k, low, high : rate constant and its 95 % interval, SI with kmol
    """

    count: int
    exposure: float

    @property
    def k(self) -> float:
        """N / X; 0 without any event."""
        return self.count / self.exposure

    @property
    def low(self) -> float:
        """Of the interval."""
        return interval(self.count)[0] / self.exposure

    @property
    def high(self) -> float:
        """Of the interval."""
        return interval(self.count)[1] / self.exposure

    @property
    def factor(self) -> float:
        """f so that k/f to k f holds the 95 % interval; infinite without events."""
        return max(self.high / self.k, self.k / self.low) if self.count else math.inf

    def __add__(self, other: Rate) -> Rate:
        """Of both trajectories together."""
        return Rate(self.count + other.count, self.exposure + other.exposure)


class Population:
    """How many molecules of each kind there are, as steps in time."""

    def __init__(self, of: History, step: float) -> None:
        """step : time of one step [s]."""
        moves: dict[Species, list[tuple[int, int]]] = {}
        for number, one in enumerate(of.molecules):
            begin, end = of.lives(number)
            if end > begin:
                moves.setdefault(one.kind, []).extend(((begin, 1), (end, -1)))
        self.step, self.end = step, of.end
        self.steps: dict[Species, tuple[np.ndarray, np.ndarray]] = {}
        for kind, some in moves.items():
            when = np.array(sorted(some))
            at, first = np.unique(when[:, 0], return_index=True)
            total = np.cumsum(when[:, 1])
            self.steps[kind] = at, total[np.append(first[1:], len(when)) - 1]

    def counts(self, kind: Species, at: np.ndarray) -> np.ndarray:
        """How many there are from each of these steps on."""
        if kind not in self.steps:
            return np.zeros(len(at), np.int64)
        when, total = self.steps[kind]
        return np.where(at < when[0], 0, total[np.searchsorted(when, at, side="right") - 1])

    def integral(self, reactants: Sequence[Species]) -> float:
        """Of the number of ordered sets of reactants over time [s]."""
        wanted = Counter(reactants)
        if any(kind not in self.steps for kind in wanted):
            return 0.0
        at = np.unique(np.concatenate([self.steps[kind][0] for kind in wanted]))
        product = np.ones(len(at))
        for kind, times in wanted.items():
            n = self.counts(kind, at)
            for used in range(times):
                product *= np.maximum(n - used, 0)
        return float((product * np.diff(np.append(at, self.end)) * self.step).sum())

    def amount(self) -> dict[Species, float]:
        """Molecules times seconds of each kind."""
        return {kind: self.integral([kind]) for kind in self.steps}


def exposure(population: Population, reactants: Sequence[Species], volume: float) -> float:
    """Integral of V NA prod c dt [(kmol/m3)^(order-1) s]."""
    return population.integral(reactants) / (volume * AVOGADRO) ** (len(reactants) - 1)


def reactions(of: History) -> Counter[Sides]:
    """How often each reaction happened; events that lead back to the same species are none."""
    found: Counter[Sides] = Counter()
    for event in of.events:
        sides = of.kinds(event.reactants), of.kinds(event.products)
        if sides[0] != sides[1]:
            found[sides] += 1
    return found


def rates(of: History, step: float, volume: float, more: Iterable[Sides] = ()) -> dict[Sides, Rate]:
    """Rates of all reactions seen, of their reverses, and of `more`, where their reactants were there."""
    population, counted = Population(of, step), reactions(of)
    wanted = dict.fromkeys([*counted, *((b, a) for a, b in counted), *more])
    found = {}
    for sides in wanted:
        if (x := exposure(population, sides[0], volume)) > 0:
            found[sides] = Rate(counted.get(sides, 0), x)
    return found


def arrhenius(at: Mapping[float, Rate]) -> Law | None:
    """The most likely law for counts at temperatures [K], zero counts included; None with events at fewer than four.

    Counts are Poisson with mean X A exp(-E/RT): Newton's iteration of the likelihood (a generalised linear model).
    """
    if sum(rate.count > 0 for rate in at.values()) < FEWEST_TEMPERATURES:
        return None
    T = np.array(sorted(at))
    n, x = (np.array([getattr(at[t], name) for t in T], float) for name in ("count", "exposure"))
    use = x > 0
    T, n, x = T[use], n[use], x[use]
    design = np.stack([np.ones_like(T), -1.0 / T + (1.0 / T).mean()], 1)
    seen = n > 0
    weight = np.sqrt(n[seen])
    found = np.linalg.lstsq(design[seen] * weight[:, None], np.log(n[seen] / x[seen]) * weight, rcond=None)[0]
    for _ in range(100):
        mean = x * np.exp(design @ found)
        information = design.T @ (design * mean[:, None])
        change = np.linalg.solve(information, design.T @ (n - mean))
        found = found + change * min(1.0, 5.0 / max(abs(change[0]), 1e-300))
        if abs(change).max() <= 1e-10 * (1 + abs(found).max()):
            break
    shift = np.array([[1.0, (1.0 / T).mean()], [0.0, 1.0]])  # from the centred law to ln A
    law, spread = shift @ found, shift @ np.linalg.inv(information) @ shift.T
    errors = np.sqrt(np.diag(spread))
    lnA, ER, error_lnA, error_ER = map(float, (*law, *errors))
    correlation = float(spread[0, 1]) / (error_lnA * error_ER)
    return Law(math.exp(lnA), ER * GAS_CONSTANT, error_lnA, error_ER, correlation, float(T[0]), float(T[-1]))
