"""What the readers of experiments return, whatever the format of the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from combust.errors import FileFormatError

T_RANGE = (200.0, 6000.0)  # K; outside, columns are exchanged or a unit is wrong (both occur in public files)
P_RANGE = (1.0, 1e9)  # Pa
SUM_TOLERANCE = 0.02  # of amounts from one, as published compositions are rounded


@dataclass(frozen=True)
class Criterion:
    """How ignition was detected, in the words of the file, e.g. target "OH*", kind "d/dt max"."""

    target: str  # "temperature", "pressure" or a species
    kind: str  # "d/dt max", "max", "1/2 max", "relative concentration", ...
    amount: float | None = None  # that a concentration criterion names


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
    basis: Literal["mole", "mass"] = "mole"  # of X
    history: bool = False  # the volume changes by a table, which is not simulated


@dataclass(frozen=True)
class DataSet:
    """One file of ignition delays. `notes` say what the reader passed over or assumed."""

    name: str
    path: str
    reference: str
    apparatus: str
    points: tuple[IgnitionPoint, ...]
    inchi: Mapping[str, str]  # of species, where the file has them
    notes: tuple[str, ...] = ()


def plausible(value: float, what: str, bounds: tuple[float, float], unit: str) -> float:
    """`value` if it is within `bounds`. Raises FileFormatError."""
    if not bounds[0] <= value <= bounds[1]:
        raise FileFormatError(
            f"{what} {value:g} {unit} is outside {bounds[0]:g} .. {bounds[1]:g} {unit}: "
            "check the unit, and whether columns are exchanged"
        )
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
