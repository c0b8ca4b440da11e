"""Time series: a CSV file that is whole after every row and continues exactly after a restart."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from combust.errors import FileFormatError
from combust.io.blocks import OutputError, write_text

FIRST = ("step", "time", "dt")


def start_series(path: Path, quantities: Sequence[str], keep_until: int | None = None) -> None:
    """Writes the header, or keeps the whole rows up to step `keep_until` of an existing file.

    Raises FileFormatError if that file has other columns, OutputError if it cannot be written.
    """
    columns = [*FIRST, *quantities]
    rows: list[list[str]] = []
    if keep_until is not None and path.exists():
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        table = list(csv.reader(line for line in lines if line.endswith("\n")))
        if table and table[0] != columns:
            raise FileFormatError(
                f"{path}: has columns {', '.join(table[0])}; this case writes {', '.join(columns)}: "
                "restart with another --out"
            )
        rows = [row for row in table[1:] if len(row) == len(columns) and int(row[0]) <= keep_until]
    write_text(path, "".join(",".join(row) + "\n" for row in [columns, *rows]))


def append_row(path: Path, step: int, values: Sequence[float]) -> None:
    """Adds one row; the numbers read back to the same bits. Raises OutputError."""
    try:
        with open(path, "a", encoding="utf-8") as file:
            file.write(",".join([str(step), *(repr(float(v)) for v in values)]) + "\n")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


def read_series(path: Path) -> dict[str, list[float]]:
    """Columns by name. Raises FileFormatError if the file is not a series."""
    with open(path, encoding="utf-8", newline="") as file:
        table = list(csv.reader(file))
    if not table or tuple(table[0][:3]) != FIRST:
        raise FileFormatError(f"{path}: is not a series written by combust: its header must begin with step,time,dt")
    rows = [row for row in table[1:] if len(row) == len(table[0])]
    return {name: [float(row[i]) for row in rows] for i, name in enumerate(table[0])}
