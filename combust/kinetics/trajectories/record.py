"""What was counted, as a file that others read: `network.json`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from combust.errors import FileFormatError
from combust.files import fit, read_json
from combust.settings.base import NotNegative, Positive, Settings, doc

FORMAT = 1
GAS_CONSTANT = 8314.46261815324  # J/kmol/K


class Counting(Settings, frozen=True):
    """How bonds, molecules and events are told."""

    persistence: Annotated[NotNegative, doc("least duration of a state of a bond", "s")] = 40e-15
    passage: Annotated[NotNegative, doc("molecules that last less are passages between two events", "s")] = 40e-15
    complexes: Annotated[tuple[str, ...], doc("formulas that are passages however long they last")] = ()
    on: Annotated[Positive, doc("bond order from which a pair is bonded")] = 0.6
    off: Annotated[Positive, doc("bond order below which it is no more")] = 0.3
    near: Annotated[Positive, doc("the same by distance over the sum of covalent radii")] = 1.15
    far: Annotated[Positive, doc("the same by distance")] = 1.45
    table: Annotated[tuple[NotNegative, ...], doc("persistence times of the table of stability", "s")] = (
        0.0, 10e-15, 20e-15, 40e-15, 80e-15, 160e-15,
    )  # fmt: skip

    def __post_init__(self) -> None:
        if self.off > self.on or self.near > self.far:
            raise ValueError("off <= on and near <= far must hold")


class TrajectoryFound(Settings, frozen=True):
    """A trajectory:  sha256 : of its files, one after the other"""

    name: str
    sha256: str
    T: Positive
    volume: Positive
    atoms: int
    frames: int
    time: NotNegative
    between: NotNegative


class SpeciesFound(Settings, frozen=True):
    """A kind of molecule:  mean : how many there are on average;  mechanism : its name there"""

    name: str
    formula: str
    graph: str
    mean: NotNegative
    mechanism: str | None = None


class RateAt(Settings, frozen=True):
    """Counts at one T [K]; k with the bounds of 95 %, and of the mechanism, in SI with kmol."""

    T: Positive
    count: Annotated[int, Meta(ge=0)]
    exposure: Positive
    k: NotNegative
    low: NotNegative
    high: Positive
    mechanism: float | None = None


class Law(Settings, frozen=True):
    """k = A exp(-E / R T), E [J/kmol]; errors of one sigma of ln A and E/R [K], and their correlation."""

    A: Positive
    E: float
    error_lnA: NotNegative
    error_ER: NotNegative
    correlation: float
    T_low: Positive
    T_high: Positive

    def k(self, T: float) -> float:
        """The rate constant."""
        return self.A * math.exp(-self.E / (GAS_CONSTANT * T))

    def factor(self, T: float) -> float:
        """f of counting at T [K], two sigma of ln k."""
        a, b = self.error_lnA, self.error_ER / T
        return math.exp(2.0 * math.sqrt(max(a * a + b * b - 2 * self.correlation * a * b, 0.0)))


class ReactionFound(Settings, frozen=True):
    """A reaction in one direction.

    equation : in the names of `species`;  mechanism : in those of the mechanism, where it has all species
    stable : whether counts stay within sqrt(N) for longer persistence times
    counting, model : factors of k that each error may make; None where nothing was counted or there is no benchmark
    by_persistence : events at each time of the table
    """

    equation: str
    reactants: tuple[str, ...]
    products: tuple[str, ...]
    at: tuple[RateAt, ...]
    stable: bool
    by_persistence: tuple[int, ...]
    law: Law | None = None
    mechanism: str | None = None
    counting: float | None = None
    model: float | None = None

    @property
    def count(self) -> int:
        """Events at all temperatures."""
        return sum(rate.count for rate in self.at)

    @property
    def factor(self) -> float | None:
        """Counting and model together: their product."""
        return self.counting * self.model if self.counting is not None and self.model is not None else None


class Benchmark(Settings, frozen=True):
    """The reaction whose k of the mechanism says how wrong the forces are:  factor : the largest ratio of both"""

    equation: str
    factor: Positive
    source: str


class NetworkRecord(Settings, frozen=True):
    """All that was counted."""

    trajectories: tuple[TrajectoryFound, ...]
    counting: Counting
    species: tuple[SpeciesFound, ...]
    reactions: tuple[ReactionFound, ...]
    events: tuple[int, ...]
    recrossed: tuple[int, ...]
    benchmark: Benchmark | None = None
    mechanism: str | None = None
    mechanism_sha256: str | None = None
    warnings: tuple[str, ...] = ()
    combust: str = ""
    format: int = FORMAT

    @property
    def temperatures(self) -> tuple[float, ...]:
        """All of them [K]."""
        return tuple(sorted({one.T for one in self.trajectories}))


def read_network(path: str | Path) -> NetworkRecord:
    """A file `network.json`, or that of a folder. Raises FileFormatError."""
    file = Path(path) / "network.json" if Path(path).is_dir() else Path(path)
    found = fit(read_json(file), NetworkRecord, file)
    if found.format != FORMAT:
        raise FileFormatError(f"{file}: is of format {found.format}, this combust reads {FORMAT}")
    return found
