"""Counts by phase of the time loop, and the phases as slices of time."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from combust.timers import Timers

# What is counted of a phase: seconds of this rank, calls, and what it asks of memory and of other ranks.
WALL, CPU, CALLS = "wall", "cpu", "calls"
KERNELS, OPERATIONS, TOUCHED, SYNCHRONISATIONS = "kernels", "operations", "touched", "synchronisations"
MESSAGES, SENT, REDUCTIONS = "messages", "sent", "reductions"
APART = (KERNELS, OPERATIONS, TOUCHED, SYNCHRONISATIONS)  # counted in a step of their own, which they slow down


class Slice(NamedTuple):
    """A phase as it ran: begin and end [s] on the clock of `time.perf_counter`."""

    name: str
    begin: float
    end: float


class Recorder:
    """Charges each phase with what is counted while no other runs within it; itself a `Watch` of all timers.

    outside : numbers by name that others count since their start, charged by how they grow (of PETSc, for example)
    settle : waits for what was begun and runs elsewhere, so that a phase is charged with all of it
    """

    def __init__(self) -> None:
        self.counts: dict[str, dict[str, float]] = {}
        self.slices: list[Slice] = []
        self.timed = True
        self.outside: Callable[[], dict[str, float]] = dict
        self.settle: Callable[[], None] = lambda: None
        self._stack: list[tuple[str, str, float]] = []
        self._wall = self._cpu = 0.0
        self._others: dict[str, float] = {}

    def add(self, what: str, amount: float = 1.0) -> None:
        """Counts for the phase that runs: what is APART in steps that are not timed, all else in those that are."""
        if self._stack and self.timed == (what not in APART):
            self._row(self._stack[-1][0])[what] += amount

    def forget(self) -> None:
        """All that was counted so far."""
        self.counts.clear()
        self.slices.clear()

    def enter(self, name: str, shown: str = "") -> None:
        """A phase begins; shown : its name among the slices."""
        self._charge()
        self._stack.append((name, shown or name, self._wall))
        if self.timed:
            self._row(name)[CALLS] += 1

    def leave(self) -> None:
        """The last one that began ends."""
        self._charge()
        _, shown, begin = self._stack.pop()
        if self.timed:
            self.slices.append(Slice(shown, begin, self._wall))

    @contextmanager
    def phase(self, name: str, shown: str = "") -> Iterator[None]:
        """A phase of the time loop."""
        self.enter(name, shown)
        try:
            yield
        finally:
            self.leave()

    @contextmanager
    def watching(self, timed: bool = True) -> Iterator[None]:
        """Hears of the phases of all timers of this process; timed : keeps their seconds, calls and slices."""
        self.timed = timed
        self._others = self.outside()
        Timers.watch = self
        try:
            yield
        finally:
            Timers.watch = None

    def _row(self, name: str) -> dict[str, float]:
        return self.counts.setdefault(name, defaultdict(float))

    def _charge(self) -> None:
        if self.timed:
            self.settle()
        wall, cpu, others = time.perf_counter(), time.process_time(), self.outside()
        if self._stack:
            row = self._row(self._stack[-1][0])
            if self.timed:
                row[WALL] += wall - self._wall
                row[CPU] += cpu - self._cpu
                for name, value in others.items():
                    row[name] += value - self._others[name]
        self._wall, self._cpu, self._others = wall, cpu, others
