"""Enthalpies of formation that others are computed from: a table of facts with their source, and tables of users."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from combust.errors import FileFormatError
from combust.files import read_text
from combust.kinetics.trajectories import known
from combust.kinetics.trajectories.known import PART

ATCT = (
    "Active Thermochemical Tables 1.112 (doi:10.1088/1742-6596/16/1/078), gas, read in the table of the package "
    "chemicals 1.5.2"
)
COLUMNS = ("species", "multiplicity", "H298", "uncertainty", "source")


@dataclass(frozen=True)
class Anchor:
    """Of an ideal gas:  H298 : enthalpy of formation at 298.15 K [kJ/mol];  H0 : at 0 K, None where it is not known

    uncertainty : half of the interval of 95 % [kJ/mol];  source : where it was read
    """

    species: str
    composition: Mapping[str, int]
    multiplicity: int
    H298: float
    uncertainty: float
    source: str
    H0: float | None = None


# Name, multiplicity of the ground state, enthalpies at 0 and 298.15 K, uncertainty of 95 % [kJ/mol].
_ATCT = """
H 2 216.034 217.998 0
H2 1 0 0 0
C 3 711.388 716.873 0.057
CH 2 592.83 596.17 0.13
CH2 3 390.95 391.46 0.14
CH3 2 149.88 146.494 0.081
CH4 1 -66.564 -74.534 0.057
C2H2 1 228.88 228.32 0.15
C2H3 2 301.35 297.27 0.47
C2H4 1 61.07 52.56 0.15
C2H5 2 131 119.93 0.37
C2H6 1 -68.12 -83.78 0.17
C3H8 1 -82.11 -104.39 0.29
O 3 246.844 249.229 0.002
OH 2 37.262 37.501 0.027
H2O 1 -238.919 -241.822 0.027
O2 3 0 0 0
HO2 2 15.19 12.27 0.17
H2O2 1 -129.452 -135.442 0.064
O3 1 144.398 141.749 0.04
CO 1 -113.805 -110.525 0.026
CO2 1 -393.108 -393.474 0.015
CH2O 1 -105.33 -109.16 0.11
CH3O 2 29.22 21.85 0.36
CH2OH 2 -9.79 -16.1 0.44
CH3OH 1 -189.82 -200.7 0.18
CH3OO 2 21.81 12.06 0.9
CH3OOH 1 -114.98 -127.81 0.91
CH2CO 1 -45.46 -48.57 0.15
CH3CO 2 -3.02 -9.68 0.4
CH3CHO 1 -154.9 -165.37 0.32
C2H5OH 1 -216.85 -234.57 0.22
N 4 470.573 472.435 0.024
NH 3 358.74 358.79 0.17
NH2 2 188.94 186.05 0.15
NH3 1 -38.565 -45.558 0.03
N2 1 0 0 0
N2H3 2 235.51 224.86 0.93
N2H4 1 109.66 95.51 0.19
NO 2 90.585 91.089 0.064
NO2 2 36.824 34.017 0.064
N2O 1 86.003 82.574 0.097
HNO 1 109.89 106.92 0.11
HONO 1 -73.044 -78.701 0.079
HNO3 1 -124.45 -134.16 0.18
NH2OH 1 -33.12 -43.48 0.49
CN 2 436.68 439.97 0.15
HCN 1 129.675 129.291 0.095
HNCO 1 -116.06 -119.05 0.37
CH3NH2 1 -5.83 -20.91 0.53
CH2NH2 2 159.63 148.74 1.01
CH3NH 2 187.81 177.08 0.89
"""


def _shipped() -> dict[str, Anchor]:
    found = {}
    for line in _ATCT.strip().splitlines():
        name, multiplicity, h0, h298, error = line.split()
        found[name] = Anchor(name, composition(name), int(multiplicity), float(h298), float(error), ATCT, float(h0))
    return found


def composition(formula: str) -> dict[str, int]:
    """Atoms of a formula of elements and numbers, such as CH3OOH. Raises FileFormatError for another text."""
    if not formula or PART.sub("", formula):
        raise FileFormatError(
            f"species {formula!r}: is no formula such as CH3OH; elements and their numbers are wanted"
        )
    return known.composition(formula)


ANCHORS: Mapping[str, Anchor] = _shipped()


def read_anchors(path: str | Path) -> dict[str, Anchor]:
    """A table of a user: CSV with species (a formula), multiplicity, H298 and uncertainty [kJ/mol], source.

    A column H0 and one `formula`, where a name is none, may be there. Raises FileFormatError with the line.
    """
    reader = csv.DictReader(io.StringIO(read_text(path)))
    head = [name.strip() for name in reader.fieldnames or ()]
    if lacking := [name for name in COLUMNS if name not in head]:
        raise FileFormatError(
            f"{path}: has no column {', '.join(lacking)}; columns are {', '.join(COLUMNS)}, H0, formula"
        )
    reader.fieldnames = head
    found: dict[str, Anchor] = {}
    for number, row in enumerate(reader, 2):
        try:
            one = anchor(row)
        except (ValueError, TypeError, FileFormatError) as error:
            raise FileFormatError(f"{path}, line {number}: {error}") from None
        if one.species in found:
            raise FileFormatError(f"{path}, line {number}: {one.species} a second time")
        found[one.species] = one
    if not found:
        raise FileFormatError(f"{path}: has no rows")
    return found


def anchor(row: Mapping[str, str | None]) -> Anchor:
    """A row. Raises ValueError with what is wrong."""
    text = {name: (value or "").strip() for name, value in row.items() if isinstance(value, str) or value is None}
    name, source = text["species"], text["source"]
    if not name or not source:
        raise ValueError("species and source must be given: where the value was read")
    value, error = number(text, "H298"), number(text, "uncertainty")
    if error < 0:
        raise ValueError(f"uncertainty {error:g}: must be >= 0")
    multiplicity = int(number(text, "multiplicity"))
    if multiplicity < 1:
        raise ValueError(f"multiplicity {multiplicity}: must be at least 1")
    h0 = number(text, "H0") if text.get("H0") else None
    return Anchor(name, composition(text.get("formula") or name), multiplicity, value, error, source, h0)


def number(text: Mapping[str, str], key: str) -> float:
    """A finite number. Raises ValueError."""
    try:
        value = float(text[key])
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{key} {text[key]!r}: must be a number")
    return value
