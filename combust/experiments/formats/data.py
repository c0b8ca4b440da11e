"""What the readers of experiments return, whatever the format of the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from combust.errors import FileFormatError

T_RANGE = (200.0, 6000.0)  # K; outside, columns are exchanged or a unit is wrong (both occur in public files)
P_RANGE = (1.0, 1e9)  # Pa
SUM_TOLERANCE = 0.02  # of amounts from one, as published compositions are rounded
LONGEST = 100_000  # rows of a table within a file

Kind = Literal["ignition delay", "burning velocity", "stirred reactor", "flow reactor", "burner flame"]
Basis = Literal["mole", "mass"]
R = TypeVar("R")


class NotCoveredError(FileFormatError):
    """An experiment of a kind, or described in a way, that combust does not simulate."""


@dataclass(frozen=True)
class Criterion:
    """How ignition was detected, in the words of the file, e.g. target "OH*", kind "d/dt max"."""

    target: str  # "temperature", "pressure" or a species
    kind: str  # "d/dt max", "max", "1/2 max", "relative concentration", ...
    amount: float | None = None  # that a concentration criterion names


@dataclass(frozen=True)
class VolumeHistory:
    """Volume of a compression machine over time, a line between the rows of its table; later it stays."""

    t: tuple[float, ...]  # s, rising from zero
    v: tuple[float, ...]  # of the volume at the start

    @property
    def end(self) -> float:
        """Time of the smallest volume [s]: the end of compression, from which delays are counted."""
        return self.t[min(range(len(self.v)), key=self.v.__getitem__)]


@dataclass(frozen=True)
class IgnitionPoint:
    """One measured ignition delay."""

    T: float  # K
    p: float  # Pa
    X: Mapping[str, float]  # amounts by the file's species names, summing to one
    delay: float  # s
    sigma: float | None  # standard deviation of ln(delay)
    criteria: tuple[Criterion, ...]  # empty where the file names none; the first is the main one
    pressure_rise: float = 0.0  # (dp/dt)/p before ignition, 1/s
    basis: Basis = "mole"  # of X
    history: bool = False  # the volume changes by a table that cannot be read, or what changes is not the volume
    volume: VolumeHistory | None = None


@dataclass(frozen=True)
class SpeedPoint:
    """One measured laminar burning velocity of a planar flame, unstretched."""

    T: float  # K
    p: float  # Pa
    X: Mapping[str, float]  # amounts in the unburnt gas, summing to one
    speed: float  # m/s
    sigma: float | None  # standard deviation, m/s
    phi: float | None = None  # as the file has it
    basis: Basis = "mole"


@dataclass(frozen=True)
class Amount:
    """A measured mole fraction; noise about zero may be negative."""

    species: str  # by the file's name
    value: float
    sigma: float | None  # standard deviation, mole fraction


@dataclass(frozen=True)
class OutletPoint:
    """What left a reactor of one temperature."""

    T: float  # K, of the reactor
    p: float  # Pa
    X: Mapping[str, float]  # of the inflow, summing to one
    tau: float  # s, residence time at the reactor's state
    amounts: tuple[Amount, ...]
    basis: Basis = "mole"  # of X


@dataclass(frozen=True)
class FlamePoint:
    """Species along a flame on a burner."""

    T: float  # K, of the gas that leaves the burner
    p: float  # Pa
    X: Mapping[str, float]  # of that gas, summing to one
    flux: float  # kg/m2/s
    amounts: tuple[tuple[float, Amount], ...]  # each with its distance from the burner, m
    profile: tuple[tuple[float, float], ...] = ()  # measured (distance m, T K), rising; none: the energy equation
    basis: Basis = "mole"  # of X


@dataclass(frozen=True)
class DataSet:
    """One file of experiments of one kind. `notes` say what the reader passed over or assumed."""

    name: str
    path: str
    reference: str
    apparatus: str
    points: tuple[Any, ...]  # IgnitionPoint, SpeedPoint, OutletPoint (both reactors) or FlamePoint, as `kind` says
    inchi: Mapping[str, str]  # of species, where the file has them
    notes: tuple[str, ...] = ()
    kind: Kind = "ignition delay"


class Notes:
    """What is kept while a file is read: notes, each once, and InChI of species by name."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.notes: list[str] = []
        self.inchi: dict[str, str] = {}

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def at(self, where: str, action: Callable[[], R]) -> R:
        """action(), with file and place in front of its error."""
        try:
            return action()
        except FileFormatError as error:
            raise FileFormatError(f"{self.path}: {where}: {error}") from None


def plausible(value: float, what: str, bounds: tuple[float, float], unit: str) -> float:
    """`value` if it is within `bounds`. Raises FileFormatError."""
    if not bounds[0] <= value <= bounds[1]:
        raise FileFormatError(
            f"{what} {value:g} {unit} is outside {bounds[0]:g} .. {bounds[1]:g} {unit}: "
            "check the unit, and whether columns are exchanged"
        )
    return value


def plausible_state(T: float, p: float) -> None:
    """Raises FileFormatError where temperature [K] or pressure [Pa] cannot be."""
    plausible(T, "temperature", T_RANGE, "K")
    plausible(p, "pressure", P_RANGE, "Pa")


def positive(value: float, unit: str) -> float:
    """`value` if it is > 0. Raises FileFormatError."""
    if not value > 0:
        raise FileFormatError(f"{value:g} {unit} is not positive")
    return value


def normalised(amounts: Mapping[str, float]) -> dict[str, float]:
    """Amounts that sum to one. Raises FileFormatError where they are negative, or far from one in sum."""
    total = sum(amounts.values())
    if not amounts or min(amounts.values()) < 0 or abs(total - 1) > SUM_TOLERANCE:
        raise FileFormatError(
            f"fractions {', '.join(f'{name} {x:g}' for name, x in amounts.items()) or '(none)'} sum to {total:g}; "
            f"allowed: not negative, sum within {SUM_TOLERANCE:g} of 1"
        )
    return {name: x / total for name, x in amounts.items()}


def fraction(value: float) -> float:
    """A measured mole fraction. Raises FileFormatError where it is far outside 0 to 1."""
    return plausible(value, "mole fraction", (-SUM_TOLERANCE, 1 + SUM_TOLERANCE), "")


def volume_history(rows: list[tuple[float, float]]) -> VolumeHistory:
    """From rows of time [s] and volume (any unit). Raises FileFormatError where it is no history of a compression."""
    if not 2 <= len(rows) <= LONGEST:
        raise FileFormatError(f"{len(rows)} rows; 2 to {LONGEST} are needed")
    t, v = zip(*rows, strict=True)
    if any(later <= earlier for earlier, later in zip(t, t[1:], strict=False)):
        raise FileFormatError("times must rise")
    if min(v) <= 0 or max(v) > 1e4 * min(v):
        raise FileFormatError(f"volumes from {min(v):g} to {max(v):g}: must be > 0, and a ratio of at most 1e4")
    return VolumeHistory(tuple(x - t[0] for x in t), tuple(x / v[0] for x in v))


def temperature_profile(rows: list[tuple[float, float]], T: float) -> tuple[tuple[float, float], ...]:
    """Rows of distance [m] and temperature [K] in order, from the burner at `T` on. Raises FileFormatError."""
    found = sorted(rows)
    if len(found) > LONGEST or any(later[0] <= earlier[0] for earlier, later in zip(found, found[1:], strict=False)):
        raise FileFormatError(f"distances must differ, in at most {LONGEST} rows")
    for x, value in found:
        plausible(value, "temperature", T_RANGE, "K")
        if x < 0:
            raise FileFormatError(f"distance {x:g} m is negative")
    return tuple(found if found and found[0][0] == 0 else [(0.0, T), *found]) if found else ()
