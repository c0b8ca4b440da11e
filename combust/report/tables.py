"""Results of the command line: where they go, CSV files, and how long the rest will take."""

from __future__ import annotations

import csv
import json
import math
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from combust.errors import ConfigError, OutputError
from combust.files import is_file, is_folder
from combust.report.charts import PICTURES
from combust.timers import clock

TABLES = (".csv", ".json")
OTHERS = (".txt", ".dat", ".tsv", ".xls", ".xlsx", ".jpg", ".jpeg", ".eps", ".h5", ".hdf5", ".yaml", ".yml", ".md")
"""Suffixes of files, not folders, that are asked for in vain."""


def outputs(folder: str | Path, names: Sequence[str], force: bool) -> list[Path]:
    """Paths of the files to write in `folder`, which is made. Raises ConfigError where one exists, unless `force`."""
    where = Path(folder)
    paths = [where / name for name in names]
    try:
        for path in paths:
            if path.exists() and not force:
                raise ConfigError(f"{path} exists: choose another place with --out, or --force to replace it")
        where.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"--out {folder}: {', '.join(names)} cannot be made: {reason}") from error
    for path in (where, *(path for path in paths if path.exists())):
        if not os.access(path, os.W_OK) or (path != where and path.is_dir()):
            raise ConfigError(f"--out {folder}: {path} cannot be written; choose another place with --out")
    return paths


def require_folder(folder: str | Path) -> Path:
    """The folder, which need not be there yet. Raises ConfigError where it cannot be made or written."""
    where = Path(folder)
    there = next(place for place in (where, *where.parents) if os.path.lexists(place))
    if not is_folder(there):
        raise ConfigError(f"--out {folder}: {there} is a file, where a folder is wanted; choose another place")
    if not os.access(there, os.W_OK | os.X_OK):
        raise ConfigError(f"--out {folder}: {there} cannot be written; choose another place with --out")
    return where


def places(out: str | Path, names: Sequence[str], force: bool) -> list[Path | None]:
    """Where tables and the picture of a verb go, the table first and the picture last; None for what is not wanted.

    out : one file where it ends with a suffix of a table or a picture, then only that is written; else the folder of
    `names`. Raises ConfigError where a file exists, unless `force`, or is in the place of the folder.
    """
    path = Path(out)
    if is_folder(path) or path.suffix.lower() not in (*TABLES, *PICTURES):
        if is_file(path):
            raise ConfigError(f"--out {out}: is a file; a file to write ends with {', '.join((*TABLES, *PICTURES))}")
        if path.suffix.lower() in OTHERS and not is_folder(path):
            raise ConfigError(f"--out {out}: a file to write ends with {', '.join((*TABLES, *PICTURES))}")
        return list(outputs(out, names, force))
    [file] = outputs(path.parent, [path.name], force)
    nothing: list[Path | None] = [None] * (len(names) - 1)
    return [file, *nothing] if path.suffix.lower() in TABLES else [*nothing, file]


def write_table(path: Path | None, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A CSV file, a JSON file of one object a row (NaN as null) where `path` ends so, or nothing without a path."""
    if path is None:
        return
    if path.suffix.lower() != ".json":
        write_csv(path, header, rows)
        return
    lines = [
        {name: x if not isinstance(x, float) or math.isfinite(x) else None for name, x in zip(header, row, strict=True)}
        for row in rows
    ]
    with writing(path) as file:
        file.write(json.dumps(lines, indent=1) + "\n")


@contextmanager
def writing(path: Path) -> Iterator[TextIO]:
    """A text file to write. Raises OutputError."""
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            yield file
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error


def print_path(what: str, path: Path | None) -> None:
    """Says where a file is, if it was wanted."""
    if path is not None:
        print(f"{what + ':':<8} {path}")


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A CSV file with a header line; numbers with nine digits, None as an empty cell. Raises OutputError."""
    with writing(path) as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for row in rows:
            writer.writerow([f"{x:.9g}" if isinstance(x, float) else x for x in row])


PAUSE = 1.0  # s between two lines of a countdown


class Countdown:
    """Says on standard error which of `total` pieces of work is done, and when the rest will be."""

    def __init__(self, total: int, what: str) -> None:
        self.total, self.what, self.done, self.begin = total, what, 0, time.monotonic()
        self.shown = (0, -math.inf)

    def tick(self) -> None:
        """One more piece is done."""
        self.reach(self.done + 1)

    def reach(self, done: int) -> None:
        """So many pieces are done."""
        self.done = done
        shown, when = self.shown
        if done == shown or (done < self.total and time.monotonic() - when < PAUSE):
            return
        self.shown = (done, time.monotonic())
        spent = time.monotonic() - self.begin
        left = spent / max(done, 1) * (self.total - done)
        text = f"{done} of {self.total} {self.what}, {clock(spent)}, left {clock(left)}"
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{text}\x1b[K" + ("\n" if done == self.total else ""))
            sys.stderr.flush()
        else:
            print(text, file=sys.stderr, flush=True)
