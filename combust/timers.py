"""Wall seconds: by phase, a phase inside another charged to itself alone; and as people say them."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Protocol


class Watch(Protocol):
    """What is told of every phase that begins and ends in this process."""

    def enter(self, name: str) -> None: ...
    def leave(self) -> None: ...


class Timers:
    """Exclusive wall-clock times of named, possibly nested, phases; `clock` may be set to another clock."""

    watch: ClassVar[Watch | None] = None
    """That of a profile; none but while it counts."""

    def __init__(self) -> None:
        self.clock = time.perf_counter
        self.seconds: dict[str, float] = {}
        self._stack: list[str] = []
        self._mark = 0.0

    def _charge(self) -> None:
        now = self.clock()
        if self._stack:
            name = self._stack[-1]
            self.seconds[name] = self.seconds.get(name, 0.0) + now - self._mark
        self._mark = now

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Charges the time inside the `with` block to `name`."""
        self._charge()
        self._stack.append(name)
        watch = Timers.watch
        if watch is not None:
            watch.enter(name)
        try:
            yield
        finally:
            if watch is not None:
                watch.leave()
            self._charge()
            self._stack.pop()


def clock(left: float) -> str:
    """12 s, 3 min 20 s, 4 h 05 min."""
    if not math.isfinite(left):
        return "?"
    if left < 60:
        return f"{left:.0f} s"
    if left < 3600:
        return f"{int(left // 60)} min {int(left % 60):02d} s"
    return f"{int(left // 3600)} h {int(left % 3600 // 60):02d} min"
