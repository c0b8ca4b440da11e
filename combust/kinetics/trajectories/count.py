"""Trajectories are read and counted at several persistence times; the rest of the room works on what is kept here."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from combust.errors import ConfigError
from combust.kinetics.trajectories.bonds import Changes, Hysteresis, changes
from combust.kinetics.trajectories.events import History, contracted, history
from combust.kinetics.trajectories.formats.reading import Source
from combust.kinetics.trajectories.molecules import Species, shown
from combust.kinetics.trajectories.rates import Population, Rate, Sides, rates
from combust.kinetics.trajectories.record import Counting
from combust.report.meter import Reporter

ENOUGH = 1e-9  # relative: 40 fs are 8 frames of 5 fs, whatever the last bit


@dataclass(frozen=True)
class Read:
    """A trajectory that has been read: its bonds, T [K], the time of a step [s], the volume [m3]."""

    source: Source
    changes: Changes
    T: float
    step: float
    volume: float

    def least(self, duration: float) -> int:
        """Steps that a duration [s] takes, rounded up."""
        return math.ceil(duration / self.step * (1.0 - ENOUGH))

    @property
    def time(self) -> float:
        """From the first to the last frame [s]."""
        return (self.changes.end - self.changes.begin) * self.step


@dataclass
class Counted:
    """Counts at one persistence time:  rates : T -> reaction -> rate;  amount : molecules times seconds
    histories : of each trajectory;  events, recrossed : of all, before contraction and back to the same
    """

    rates: dict[float, dict[Sides, Rate]] = field(default_factory=dict)
    amount: dict[Species, float] = field(default_factory=dict)
    histories: list[History] = field(default_factory=list)
    events: int = 0
    recrossed: int = 0

    def number(self, sides: Sides) -> int:
        """Events of a reaction at all temperatures."""
        return sum(found[sides].count for found in self.rates.values() if sides in found)


def read_all(sources: Sequence[Source], counting: Counting, reporter: Reporter) -> list[Read]:
    """Reads every trajectory once, a frame at a time. Raises FileFormatError, ConfigError for what is not said."""
    total, done = sum(source.bytes for source in sources), [0]
    progress = reporter.of("bytes")

    def hear(count: int) -> None:
        done[0] += count
        progress.reach(min(done[0], total), total)

    found = []
    for source in sources:
        by = Hysteresis(counting.on, counting.off) if source.by_order else Hysteresis(-counting.near, -counting.far)
        bonds = changes(source.frames(counting.far, hear), by, source.name)
        found.append(one(source, bonds))
    progress.clear()
    return found


def one(source: Source, bonds: Changes) -> Read:
    """A trajectory with what it or the user says of it. Raises ConfigError."""
    given, volume = source.given, source.given.volume or bonds.volume
    for what, value, option in (("temperature", given.T, "--T 2500"), ("time of a step", given.step, "--step 0.2fs"),
                                ("volume of its box", volume, "--volume '3375 angstrom3'")):  # fmt: skip
        if value is None:
            raise ConfigError(f"{source.name}: does not say the {what}: {option}")
    assert given.T is not None and given.step is not None and volume is not None
    return Read(source, bonds, given.T, given.step, volume)


def count(
    trajectories: Sequence[Read], persistence: float, passage: float, always: Callable[[Species], bool]
) -> Counted:
    """Events of all at one persistence time [s];  passage [s] : of fleeting complexes;  always : those that are ones
    however long they last.
    """
    found = Counted()
    for one in trajectories:
        raw = history(one.changes, one.least(persistence))
        made = contracted(raw, one.least(passage), always)
        own = found.rates.setdefault(one.T, {})
        for sides, rate in rates(made, one.step, one.volume).items():
            own[sides] = own[sides] + rate if sides in own else rate
        for kind, amount in Population(made, one.step).amount().items():
            found.amount[kind] = found.amount.get(kind, 0.0) + amount
        found.histories.append(made)
        found.events += len(raw.events)
        found.recrossed += made.recrossed
    return found


def complete(found: Counted, trajectories: Sequence[Read]) -> None:
    """Adds, at every temperature, exposures of reactions that were only seen at another."""
    from combust.kinetics.trajectories.rates import exposure

    wanted = dict.fromkeys(sides for own in found.rates.values() for sides in own)
    lives = [Population(made, one.step) for made, one in zip(found.histories, trajectories, strict=True)]
    for T, own in found.rates.items():
        for sides in wanted:
            x = sum(exposure(life, sides[0], one.volume)
                    for life, one in zip(lives, trajectories, strict=True) if one.T == T)  # fmt: skip
            if x > 0:
                own[sides] = Rate(own[sides].count if sides in own else 0, x)


def names(found: Counted) -> dict[Species, str]:
    """Names for people, of all molecules that were there or in an event."""
    amount = dict(found.amount)
    for made in found.histories:
        for one in made.molecules:
            amount.setdefault(one.kind, 0.0)
    return shown(amount)
