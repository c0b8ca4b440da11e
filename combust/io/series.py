"""Rows of numbers over time in CSV files that are whole after every row and continue exactly after a restart.

series.csv has one row for a time; others (`start_rows`) have several, of the points of a line, bins or wave numbers.
"""

from __future__ import annotations

import csv
import math
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from combust.errors import FileFormatError, OutputError
from combust.files import read_text
from combust.io.blocks import write_text

FIRST = ("step", "time", "dt")


def start_series(path: Path, quantities: Sequence[str], keep_until: int | None = None) -> None:
    """Writes the header, or keeps the whole rows up to step `keep_until` of an existing file.

    Raises FileFormatError if that file has other columns, OutputError if it cannot be written.
    """
    start_rows(path, [*FIRST, *quantities], keep_until)


def start_rows(path: Path, columns: Sequence[str], keep_until: int | None = None) -> None:
    """The same for any columns, of which the first is the step, and this and the next two are always finite."""
    columns = list(columns)
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
    append_rows(path, step, [values])


def append_rows(path: Path, step: int, rows: Iterable[Sequence[float]]) -> None:
    """Adds several rows of one step; the numbers read back to the same bits. Raises OutputError."""
    text = "".join(",".join([str(step), *(repr(float(v)) for v in values)]) + "\n" for values in rows)
    try:
        with open(path, "a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


def read_series(path: Path) -> dict[str, list[float]]:
    """Columns by name. Raises FileFormatError naming file and line if the file is not a series."""
    return read_rows(path, FIRST)


def read_rows(path: Path, first: Sequence[str]) -> dict[str, list[float]]:
    """Columns by name of a file that begins with the columns `first`. Raises FileFormatError."""
    table = table_of(path)
    if not table or tuple(table[0][: len(first)]) != tuple(first) or len(set(table[0])) != len(table[0]):
        raise FileFormatError(
            f"{path}: is not a series written by combust: its header must begin with {','.join(first)}"
        )
    rows = [numbers_of(path, row) for row in table[1:]]
    return {name: [row[i] for row in rows] for i, name in enumerate(table[0])}


def table_of(path: Path, whole: bool = False) -> list[list[str]]:
    """The header and the rows that have as many entries; `whole` leaves out a last line without its end."""
    lines = read_text(path, sys.maxsize - 1).splitlines(keepends=True)
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
