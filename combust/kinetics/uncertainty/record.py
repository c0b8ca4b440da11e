"""What `combust uncertainty` found, as a file that others read: `uncertainty.json`. What is not there is null."""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import Struct

from combust.kinetics.uncertainty.bands import Band, shares
from combust.kinetics.uncertainty.groups import Group

FORMAT = 1
TEMPERATURES = (500.0, 1000.0, 1500.0, 2000.0, 2500.0)  # K, at which a factor is listed


class FactorUsed(Struct, frozen=True):
    """An uncertain rate constant.

    reactions : numbers in the mechanism, from 1;  factor : the largest that is stated;  sigma : standard deviations of
    ln k at TEMPERATURES;  fit : factor by which the law in T misses what is stated;  origin : the file that states it
    """

    equation: str
    reactions: tuple[int, ...]
    factor: float
    sigma: tuple[float, ...]
    fit: float
    origin: str
    source: str

    @classmethod
    def of(cls, group: Group) -> FactorUsed:
        """As a group has it."""
        numbers = tuple(i + 1 for i in group.reactions)
        sigma = tuple(group.law.at(T) for T in TEMPERATURES)
        return cls(group.equation, numbers, group.factor, sigma, math.exp(group.law.error), group.origin, group.source)


class DelayBand(Struct, frozen=True):
    """An ignition delay [s] with 95 % of what it may be, from samples and linear in ln k.

    missing : samples that do not ignite in time;  slopes : d ln delay / dx of each uncertain rate
    """

    phi: float
    T: float
    p: float
    delay: float
    sampled: Band | None = None
    linear: Band | None = None
    missing: int = 0
    slopes: tuple[float, ...] = ()
    reason: str = ""

    @property
    def shares(self) -> list[float]:
        """Of the variance, by rate."""
        return shares(self.slopes)


class Check(Struct, frozen=True):
    """Flames solved again with one rate two standard deviations up and down: speeds over the nominal one, beside what
    the slope says.
    """

    equation: str
    slope: float
    up: float
    down: float
    linear_up: float
    linear_down: float
    reason: str = ""

    @property
    def slope_again(self) -> float:
        """From both flames; NaN where one was not found."""
        return math.log(self.up / self.down) / 4.0 if self.up > 0 and self.down > 0 else math.nan


class FlameBand(Struct, frozen=True):
    """A flame speed [m/s] with 95 % of what it may be, linear in ln k by the adjoint, and from samples if asked for.

    error : relative, of the speed on its grids;  failed : samples without a flame;  reason : why there is none
    """

    phi: float
    T: float
    p: float
    speed: float
    error: float = math.nan
    linear: Band | None = None
    slopes: tuple[float, ...] = ()
    checks: tuple[Check, ...] = ()
    sampled: Band | None = None
    failed: int = 0
    reason: str = ""

    @property
    def shares(self) -> list[float]:
        """Of the variance, by rate."""
        return shares(self.slopes)


class Rank(Struct, frozen=True):
    """How much of the variance a rate has: mean over delays, over flames, of both; and where it has most."""

    equation: str
    factor: float
    share: float
    delays: float | None
    flames: float | None
    most: float
    where: str


class SetBands(Struct, frozen=True):
    """A mechanism with one set of factors."""

    name: str
    mechanism: str
    sha256: str
    factors: tuple[FactorUsed, ...]
    delays: tuple[DelayBand, ...]
    flames: tuple[FlameBand, ...]

    @property
    def failed(self) -> int:
        """Quantities without a band."""
        delays, flames = ([bool(one.reason) for one in own] for own in (self.delays, self.flames))
        return sum(delays) + sum(flames)

    def ranking(self) -> list[Rank]:
        """The rate that has most of the variance first: which to compute next."""
        parts = {
            "delays": [(one.shares, f"delay at {one.T:g} K") for one in self.delays if one.slopes],
            "flames": [(one.shares, f"flame at phi {one.phi:g}") for one in self.flames if one.slopes],
        }
        found = []
        for i, factor in enumerate(self.factors):
            means = {kind: mean([share[i] for share, _ in own]) for kind, own in parts.items()}
            known = [value for value in means.values() if value is not None]
            every = [(share[i], where) for own in parts.values() for share, where in own]
            most, where = max(every, default=(0.0, ""))
            found.append(
                Rank(factor.equation, factor.factor, mean(known) or 0.0, means["delays"], means["flames"], most, where)
            )
        return sorted(found, key=lambda one: -one.share)


class UncertaintyRecord(Struct, frozen=True):
    """All sets of a call, with what was asked;  ranking : of each set, by its place"""

    fuel: str
    oxidizer: str
    samples: int
    sequence: str
    seed: int
    sets: tuple[SetBands, ...]
    ranking: tuple[tuple[Rank, ...], ...]
    format: int = FORMAT

    @property
    def failed(self) -> int:
        """Quantities without a band."""
        return sum(one.failed for one in self.sets)


def mean(values: Sequence[float]) -> float | None:
    """None of nothing."""
    return sum(values) / len(values) if values else None
