"""Results of the command line: where they go, CSV files, and how long the rest will take."""

from __future__ import annotations

import csv
import math
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from combust.errors import ConfigError
from combust.progress import clock


def outputs(folder: str | Path, names: Sequence[str], force: bool) -> list[Path]:
    """Paths of the files to write in `folder`, which is made. Raises ConfigError where one exists, unless `force`."""
    where = Path(folder)
    paths = [where / name for name in names]
    for path in paths:
        if path.exists() and not force:
            raise ConfigError(f"{path} exists: choose another folder with --out, or --force to replace it")
    try:
        where.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--out {folder}: cannot be made: {error}") from error
    return paths


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A CSV file with a header line; numbers with nine digits, None as an empty cell."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for row in rows:
            writer.writerow([f"{x:.9g}" if isinstance(x, float) else x for x in row])


PAUSE = 1.0  # s between two lines of a countdown


class Countdown:
    """Says on standard error which of `total` pieces of work is done, and when the rest will be."""

    def __init__(self, total: int, what: str) -> None:
        self.total, self.what, self.done, self.begin = total, what, 0, time.monotonic()
        self.said = (0, -math.inf)

    def tick(self) -> None:
        """One more piece is done."""
        self.reach(self.done + 1)

    def reach(self, done: int) -> None:
        """So many pieces are done."""
        self.done = done
        said, when = self.said
        if done == said or (done < self.total and time.monotonic() - when < PAUSE):
            return
        self.said = (done, time.monotonic())
        spent = time.monotonic() - self.begin
        left = spent / max(done, 1) * (self.total - done)
        text = f"{done} of {self.total} {self.what}, {clock(spent)}, left {clock(left)}"
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{text}\x1b[K" + ("\n" if done == self.total else ""))
            sys.stderr.flush()
        else:
            print(text, file=sys.stderr, flush=True)
