"""What a run says while it runs: one line per N steps, or a bar if a person watches the terminal."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable

from combust.case.running import Every
from combust.report.meter import WIDTH
from combust.run.hooks import Scheduled
from combust.run.simulation import Outcome, Simulation, has_quantity
from combust.timers import clock

WATCHED = {"T_max": "T_max [K]", "flame_speed": "flame speed [m/s]", "eos_drift": "eos drift"}
WARM_UP = 2  # steps of a run that may compile kernels


class Log(Scheduled):
    """Log lines on the root's standard output, or a bar on its terminal."""

    name = "log"

    def __init__(self, every: Every, say: Callable[[str], None] = lambda line: print(line, flush=True)) -> None:
        super().__init__(every)
        self.say = say
        self.watched: list[str] = []
        self.bar = sys.stderr.isatty()
        self.mark = (0, 0.0)
        self.drawn = 0.0
        self.begin, self.begin_wall, self.calls = 0.0, 0.0, 0

    def start(self, sim: Simulation) -> None:
        self.watched = [name for name in WATCHED if has_quantity(sim.flow, name)]
        self.begin, self.mark = fraction(sim), (sim.flow.step, sim.wall)
        if sim.comm.is_root and not self.bar:
            columns = [f"{WATCHED[name]:>18}" for name in self.watched]
            self.say(f"{'step':>8} {'t [s]':>11} {'dt [s]':>10}  {'limit':<10}" + "".join(columns) + "  ms/step  left")

    def __call__(self, sim: Simulation) -> None:
        self.calls += 1
        if self.calls == WARM_UP:
            self.begin, self.begin_wall = fraction(sim), sim.wall
        super().__call__(sim)
        if self.bar and sim.comm.is_root and time.monotonic() - self.drawn > 0.2:
            self.drawn = time.monotonic()
            self.draw(sim)

    def act(self, sim: Simulation) -> None:
        values = "".join(f"{sim.flow.quantity(name):18.6g}" for name in self.watched)
        step, wall = self.mark
        pace = 1e3 * (sim.wall - wall) / max(sim.flow.step - step, 1)
        self.mark = (sim.flow.step, sim.wall)
        if sim.comm.is_root and not self.bar:
            flow = sim.flow
            head = f"{flow.step:8d} {flow.time:11.5e} {flow.dt:10.3e}  {sim.limited_by:<10}"
            self.say(f"{head}{values} {pace:8.1f}  {clock(self.left(sim))}")

    def finish(self, sim: Simulation, outcome: Outcome) -> None:
        super().finish(sim, outcome)
        if self.bar and sim.comm.is_root:
            self.draw(sim)
            sys.stderr.write("\n")

    def left(self, sim: Simulation) -> float:
        """Wall seconds until the run ends, by the pace so far; steps that compile kernels do not count."""
        done = fraction(sim)
        return (sim.wall - self.begin_wall) * (1 - done) / (done - self.begin) if done > self.begin else math.inf

    def draw(self, sim: Simulation) -> None:
        done = fraction(sim)
        full = round(WIDTH * done)
        text = (
            f"step {sim.flow.step}  t = {sim.flow.time:.4e} s  dt = {sim.flow.dt:.2e} s  left {clock(self.left(sim))}"
        )
        sys.stderr.write(f"\r[{'#' * full}{'.' * (WIDTH - full)}] {100 * done:3.0f} %  {text}\x1b[K")
        sys.stderr.flush()


def fraction(sim: Simulation) -> float:
    """How much of the run is done, by the stop rule that comes first."""
    limits = sim.limits
    return min(
        1.0, max(sim.flow.time / limits.stop_time, sim.flow.step / limits.stop_steps, sim.wall / limits.stop_wall)
    )
