"""Tables of boundary values in CSV files beside a case: read once, and kept in the case from then on.

The first line names the columns, with the unit of a column's numbers in brackets where it is not SI: `y [mm],velocity`.
Lines that begin with # are passed over. A table over two coordinates has a line for each pair of them, in any order.
"""

from __future__ import annotations

import csv
import itertools
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from combust.cfd.boundaries.fluctuation_settings import NAMES
from combust.cfd.boundaries.profiles import Gases, Profile, is_planes
from combust.cfd.boundaries.settings import Boundary
from combust.errors import ConfigError, FileFormatError
from combust.explain import suggestion
from combust.files import is_file, read_text
from combust.units import to_si

T = TypeVar("T")
P = TypeVar("P", bound="Profile | Gases")
MOST = 1_000_000  # numbers of a file
NAME = re.compile(r"\s*(.*?)\s*(?:\[(.*)\])?\s*")
KIND = {
    "time": "time",
    "x": "length",
    "y": "length",
    "z": "length",
    "r": "length",
    "velocity": "velocity",
    "temperature": "temperature",
    "heat_flux": "heat flux",
    "u_rms": "velocity",
    **dict.fromkeys(NAMES, "energy per mass"),
}


def with_tables(boundary: Boundary, folder: Path) -> Boundary:
    """The sides with what files hold in place of their names; folder : of the case file. Raises ConfigError."""
    return _walk(boundary, "boundary", "", lambda table, place, key: read(table, place, key, folder))


def _walk(value: T, place: str, key: str, change: Callable[[Any, str, str], Any]) -> T:
    """`value` with all its tables changed; place : where it stands, key : the last name on the way to it."""
    if isinstance(value, Profile | Gases):
        filled: T = change(value, place, key)
        return filled
    if isinstance(value, tuple):
        inner = (_walk(item, f"{place}[{i}]", key, change) for i, item in enumerate(value))
        return tuple(inner)  # type: ignore[return-value]
    if not isinstance(value, msgspec.Struct):
        return value
    fields = msgspec.structs.asdict(value)
    found = {name: _walk(item, f"{place}.{name}", name, change) for name, item in fields.items()}
    changed = {name: item for name, item in found.items() if item is not fields[name] and item != fields[name]}
    return msgspec.structs.replace(value, **changed) if changed else value


def read(table: P, place: str, key: str, folder: Path) -> P:
    """The table with the numbers of its file; key : what it is a table of. Raises ConfigError."""
    if table.file is None:
        return table
    path = folder / table.file if is_file(folder / table.file) else Path(table.file)
    if is_planes(table):  # too large to keep in a case
        return msgspec.structs.replace(table, file=str(path.resolve() if is_file(path) else path))
    try:
        columns = FileColumns(path)
        if isinstance(table, Gases):
            at, gases = columns.gases(table.names[0])
            return msgspec.structs.replace(table, file=None, at=at, values=gases)
        name = table.column or ("velocity" if key in ("x", "y", "z") else key)
        kind = KIND.get("velocity" if key in ("x", "y", "z") else key)
        places, numbers = columns.profile(table.names, name, kind)
        return msgspec.structs.replace(table, file=None, column=None, at=places, values=numbers)
    except FileFormatError as error:
        raise ConfigError(f"{place}.file: {error}") from error


class FileColumns:
    """A CSV file of numbers, by columns. Raises FileFormatError naming file, line and column."""

    def __init__(self, path: Path):
        self.path = path
        text = read_text(path).removeprefix("\ufeff")  # some spreadsheets begin a file with a byte order mark
        lines = [(i, line) for i, line in enumerate(text.splitlines(), 1) if line.strip()]
        lines = [(i, line) for i, line in lines if not line.lstrip().startswith("#")]
        rows = [(i, next(csv.reader([line]))) for i, line in lines]
        if len(rows) < 3:
            raise FileFormatError(f"{path}: needs a line of names and two or more of numbers")
        if len(rows[0][1]) == 1 and any(mark in rows[0][1][0] for mark in ";\t"):
            raise FileFormatError(f"{path}: line {rows[0][0]}: columns must be separated by commas")
        self.units: dict[str, str] = {}
        for text in rows[0][1]:
            found = NAME.fullmatch(text)
            assert found is not None
            if not found[1] or found[1] in self.units:
                raise FileFormatError(f"{path}: line {rows[0][0]}: column {text!r} has no name or one that is taken")
            self.units[found[1]] = found[2] or ""
        self.rows = rows[1:]
        for i, row in self.rows:
            if len(row) != len(self.units):
                raise FileFormatError(
                    f"{path}: line {i} has {len(row)} entries, the first line {len(self.units)} names"
                )
        if len(self.rows) * len(self.units) > MOST:
            raise FileFormatError(f"{path}: holds more than {MOST} numbers")

    def numbers(self, name: str, kind: str | None) -> list[float]:
        """A column in SI; kind : what is measured."""
        if name not in self.units:
            known = list(self.units)
            raise FileFormatError(
                f"{self.path}: has no column {name!r}; it has {', '.join(known)}{suggestion(name, known)}"
            )
        column, unit = list(self.units).index(name), self.units[name]
        if unit and kind is None:
            raise FileFormatError(f"{self.path}: column {name}: a unit, [{unit}], of a number that has none")
        found = []
        for i, row in self.rows:
            text = row[column].strip()
            try:
                number = to_si(f"{text} {unit}", kind) if unit and kind else float(text)
            except (ValueError, FileFormatError):
                number = math.nan
            if not math.isfinite(number):
                raise FileFormatError(
                    f"{self.path}: line {i}, column {name}: {text!r}{f' {unit}' if unit else ''} is no finite "
                    f"{kind or 'number'}"
                )
            found.append(number)
        return found

    def profile(self, over: tuple[str, ...], name: str, kind: str | None) -> tuple[Any, Any]:
        """(at, values) of a table over one or two coordinates, as a case file would have them."""
        values = self.numbers(name, kind)
        places = [self.numbers(c, KIND[c]) for c in over]
        if len(over) == 1:
            return tuple(places[0]), tuple(values)
        at = [sorted(set(place)) for place in places]
        lattice = dict(zip(zip(*places, strict=True), values, strict=True))
        wanted = len(at[0]) * len(at[1])
        if len(values) != wanted or len(lattice) != wanted:
            raise FileFormatError(
                f"{self.path}: {len(values)} lines of {len(at[0])} different {over[0]} and {len(at[1])} different "
                f"{over[1]}: a table over both needs one line for each pair, {wanted}"
            )
        rows = tuple(tuple(lattice[a, b] for b in at[1]) for a in at[0])
        return (tuple(at[0]), tuple(at[1])), rows

    def gases(self, over: str) -> tuple[tuple[float, ...], tuple[str, ...]]:
        """(at, compositions) from columns of mole fractions, X_<species>."""
        names = [name for name in self.units if name.startswith("X_")]
        if not names:
            raise FileFormatError(f"{self.path}: has no column X_<species>; it has {', '.join(self.units)}")
        fractions = [self.numbers(name, None) for name in names]
        for (i, _), row in zip(self.rows, zip(*fractions, strict=True), strict=True):
            if min(row) < 0 or not sum(row) > 0:
                raise FileFormatError(f"{self.path}: line {i}: mole fractions must be at least 0, and one above 0")
        texts = (
            ", ".join(f"{name[2:]}:{x!r}" for name, x in zip(names, row, strict=True) if x > 0)
            for row in zip(*fractions, strict=True)
        )
        return tuple(self.numbers(over, KIND[over])), tuple(texts)


def rising(at: tuple[float, ...]) -> bool:
    """Whether each entry is above the one before."""
    return all(a < b for a, b in itertools.pairwise(at))
