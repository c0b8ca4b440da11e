"""The end of a run whose flow changes no more."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from combust.case.running import Every, Steady
from combust.cfd.model.flow import Flow
from combust.errors import at
from combust.run.hooks import Scheduled
from combust.run.simulation import Limits, Outcome, Simulation

PARTS = 32  # of a window: smallest and largest value are kept for each


class SteadyStop(Scheduled):
    """Looks at a quantity after each step, and says when it has not changed within a window of time.

    Of the window are kept smallest and largest values over parts of it, so that what a checkpoint holds does not grow
    with the steps; what is judged is between one window and one and a part.
    """

    name = "steady"

    def __init__(self, table: Steady, flow: Flow) -> None:
        super().__init__(Every(steps=1))
        self.table = table
        with at("stop.steady.quantity"):
            flow.quantity(table.quantity)
        self.parts: list[list[float]] = []
        """(begin [s], smallest, largest) in the order of time."""
        self.message = ""

    def start(self, sim: Simulation) -> None:
        if self.restarted:
            self.judge(sim.flow)  # with what the checkpoint has seen: a run that had ended ends at once
        super().start(sim)

    def act(self, sim: Simulation) -> None:
        time, table = sim.flow.time, self.table
        if time < table.after:
            return
        value = sim.flow.quantity(table.quantity)
        if self.parts and time < self.parts[-1][0] + table.window / PARTS:
            last = self.parts[-1]
            last[1:] = min(last[1], value), max(last[2], value)
        else:
            self.parts.append([time, value, value])
        while len(self.parts) > 1 and self.parts[1][0] <= time - table.window:
            self.parts.pop(0)
        self.judge(sim.flow)

    def judge(self, flow: Flow) -> None:
        """Sets the message if the flow is steady now (collective)."""
        table = self.table
        if not self.parts or self.parts[0][0] > flow.time - table.window * (1 - 1e-12):
            return
        change = self.change()
        if change <= table.change:
            self.message = (
                f"steady at t = {flow.time:.6g} s: {table.quantity} = {flow.quantity(table.quantity):.6g} changed by "
                f"{change:.2g} of it within {table.window:g} s"
            )

    def change(self) -> float:
        """The relative change over the parts; NaN where a value was."""
        low, high = min(part[1] for part in self.parts), max(part[2] for part in self.parts)
        if not all(math.isfinite(x) for part in self.parts for x in part):
            return math.nan
        scale = max(abs(low), abs(high))
        return (high - low) / scale if scale > 0 else 0.0

    def ended(self) -> Outcome | None:
        """Why the run is over, or None."""
        return Outcome("done", self.message, 0) if self.message else None

    def doubts(self, limits: Limits) -> dict[str, str]:
        first, stop = self.table.after + self.table.window, limits.stop_time
        if first < stop:
            return {}
        return {"steady": f"stop.steady: window = {self.table.window:g} s is not over before stop.time = {stop:g} s"}

    def state(self) -> dict[str, Any]:
        of = [self.table.quantity, self.table.window, self.table.after]
        return {**super().state(), "parts": self.parts, "of": of}

    def restore(self, saved: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        super().restore(saved, arrays)
        if saved["of"] == self.state()["of"]:
            self.parts = [list(part) for part in saved["parts"]]
