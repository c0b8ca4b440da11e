"""Time series: a CSV file that is whole after every row and continues exactly after a restart."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

from combust.errors import FileFormatError, OutputError
from combust.files import read_text
from combust.io.blocks import write_text

FIRST = ("step", "time", "dt")


def start_series(path: Path, quantities: Sequence[str], keep_until: int | None = None) -> None:
    """Writes the header, or keeps the whole rows up to step `keep_until` of an existing file.

    Raises FileFormatError if that file has other columns, OutputError if it cannot be written.
    """
    columns = [*FIRST, *quantities]
    rows: list[list[str]] = []
    if keep_until is not None and path.exists():
        table = table_of(path, whole=True)
        if table and table[0] != columns:
            raise FileFormatError(
                f"{path}: has columns {', '.join(table[0])}; this case writes {', '.join(columns)}: "
                "restart with another --out"
            )
        rows = [row for row in table[1:] if numbers_of(path, row)[0] <= keep_until]
    write_text(path, "".join(",".join(row) + "\n" for row in [columns, *rows]))


def append_row(path: Path, step: int, values: Sequence[float]) -> None:
    """Adds one row; the numbers read back to the same bits. Raises OutputError."""
    try:
        with open(path, "a", encoding="utf-8") as file:
            file.write(",".join([str(step), *(repr(float(v)) for v in values)]) + "\n")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


def read_series(path: Path) -> dict[str, list[float]]:
    """Columns by name. Raises FileFormatError naming file and line if the file is not a series."""
    table = table_of(path)
    if not table or tuple(table[0][:3]) != FIRST or len(set(table[0])) != len(table[0]):
        raise FileFormatError(f"{path}: is not a series written by combust: its header must begin with step,time,dt")
    rows = [numbers_of(path, row) for row in table[1:]]
    return {name: [row[i] for row in rows] for i, name in enumerate(table[0])}


def table_of(path: Path, whole: bool = False) -> list[list[str]]:
    """The header and the rows that have as many entries; `whole` leaves out a last line without its end."""
    lines = read_text(path).splitlines(keepends=True)
    try:
        table = list(csv.reader(line for line in lines if not whole or line.endswith("\n")))
    except csv.Error as error:
        raise FileFormatError(f"{path}: is not a series written by combust: {error}") from error
    return [row for row in table if len(row) == len(table[0])]


def numbers_of(path: Path, row: list[str]) -> list[float]:
    """A row: step, time and dt are finite; a quantity may be NaN where there is none. Raises FileFormatError."""
    try:
        numbers = [float(text) for text in row]
        if all(math.isfinite(x) for x in numbers[:3]):
            return numbers
    except ValueError:
        pass
    raise FileFormatError(f"{path}: row {','.join(row)[:100]}: not the numbers of a series written by combust")
