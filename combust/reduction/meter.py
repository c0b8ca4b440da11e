"""Says how far long work is: a bar if a person watches the terminal, else a line now and then."""

from __future__ import annotations

import math
import sys
import time

from combust.progress import WIDTH, clock

REDRAW = 0.2  # s between two pictures of a bar
LINE = 20.0  # s between two lines where nobody watches


class Meter:
    """Progress of one round of work after the other, on standard error; `say` prints lines that stay.

    How many rounds there will be is not known, so what is left is that of the round.
    """

    def __init__(self, what: str = "evaluations") -> None:
        self.what, self.bar = what, sys.stderr.isatty()
        self.begin, self.total, self.last, self.shown = time.monotonic(), 0, 0, time.monotonic() - math.inf
        self.drawn = False

    def reach(self, done: int, total: int) -> None:
        """`done` of the `total` pieces of this round are finished."""
        now = time.monotonic()
        if done <= self.last or total != self.total:
            self.begin, self.total = now if done != total else self.begin, total
            self.shown = now if not self.bar else self.shown
        self.last = done
        if now - self.shown < (REDRAW if self.bar else LINE):
            return
        self.shown, spent = now, now - self.begin
        left = spent / max(done - 1, 1) * (total - done) if done > 1 else math.inf
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

    def clear(self) -> None:
        """Removes the bar."""
        if self.drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self.drawn = False
