"""Says how far long work is: a bar if a person watches the terminal, else a line now and then."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable

from combust.timers import clock

WIDTH = 30  # characters of a bar
REDRAW = 0.2  # s between two pictures of a bar
LINE = 20.0  # s between two lines where nobody watches


Reach = Callable[[int, int], None]
"""Hears that so many pieces of so many are finished."""


class Reporter:
    """Hears how far long work is and what it has to say. This one is silent, the default of what is called from Python;
    a Meter tells a person.
    """

    def of(self, what: str) -> Reporter:
        """The reporter for pieces of this name; a new round begins."""
        return self

    def reach(self, done: int, total: int) -> None:
        """`done` of the `total` pieces of this round are finished."""

    def say(self, line: str) -> None:
        """A line that stays."""

    def warn(self, line: str) -> None:
        """What is doubtful or could not be done; the work goes on."""

    def clear(self) -> None:
        """The work has ended, or something else is said."""


SILENT = Reporter()


class Meter(Reporter):
    """Progress of one round of work after the other, on standard error, where warnings go, too; `say` prints lines that
    stay.

    How many rounds there will be is not known, so what is left is that of the round.
    """

    def __init__(self, what: str = "evaluations") -> None:
        self.what, self.bar = what, sys.stderr.isatty()
        self.begin, self.first, self.total, self.last = 0.0, 0, 0, 0
        self.shown, self.drawn = -math.inf, False

    def of(self, what: str) -> Meter:
        """This one, for pieces of this name; a new round begins."""
        self.what, self.first, self.total, self.last, self.shown = what, 0, 0, 0, -math.inf
        return self

    def reach(self, done: int, total: int) -> None:
        """`done` of the `total` pieces of this round are finished."""
        now = time.monotonic()
        if done <= self.last or total != self.total:
            self.begin, self.first, self.total = now, done, total
            self.shown = self.shown if self.bar else now
        self.last = done
        if now - self.shown < (REDRAW if self.bar else LINE):
            return
        self.shown = now
        left = (now - self.begin) / (done - self.first) * (total - done) if done > self.first else math.inf
        text = f"{done} of {total} {self.what}, left {clock(left)}"
        if self.bar:
            full = round(WIDTH * done / max(total, 1))
            sys.stderr.write(f"\r[{'#' * full}{'.' * (WIDTH - full)}] {text}\x1b[K")
            sys.stderr.flush()
            self.drawn = True
        else:
            print(text, file=sys.stderr, flush=True)

    def say(self, line: str) -> None:
        """A line on standard output, above the bar."""
        self.clear()
        print(line, flush=True)

    def warn(self, line: str) -> None:
        """A warning on standard error, above the bar."""
        self.clear()
        print(f"warning: {line}", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Removes the bar."""
        if self.drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self.drawn = False
