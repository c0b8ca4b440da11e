"""What happens between steps: NaN guard, fields, series, checkpoints; and the schedules of these."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from combust.case.running import Every
from combust.errors import DivergenceError
from combust.io.checkpoint import write_checkpoint
from combust.io.folder import Folder, step_of
from combust.io.paraview import write_state
from combust.io.series import append_row, start_series
from combust.io.vtr import cut_back, write_pvd, write_vtr
from combust.parallel import collective, on_root
from combust.report.meter import SILENT, Reporter
from combust.run.simulation import Limits, Outcome, Simulation, concerns
from combust.settings.base import seconds


class Schedule:
    """Every so many steps, seconds of physical time, or seconds of wall time. `None` is never."""

    def __init__(self, every: Every | None) -> None:
        self.every = every
        self.count = 0

    def due(self, sim: Simulation) -> bool:
        """True once for each interval that has passed."""
        if self.every is None:
            return False
        if self.every.steps is not None:
            return sim.flow.step % self.every.steps == 0
        if self.every.time is not None:
            # Times that are met exactly may fall short of a multiple by a rounding error.
            passed = math.floor(sim.flow.time / self.every.time * (1 + 1e-12))
        else:
            passed = math.floor((sim.wall_before + sim.wall) / seconds(self.every.wall or 0))
        late, self.count = passed > self.count, passed
        return late

    def next_time(self) -> float:
        if self.every is None or self.every.time is None or not self.every.exact:
            return math.inf
        return (self.count + 1) * self.every.time


class Scheduled(ABC):
    """Base of hooks: a schedule and the step of the last call, both remembered over a restart."""

    name = ""

    def __init__(self, every: Every | None) -> None:
        self.schedule = Schedule(every)
        self.last: int | None = None
        """Step of the last call, None before the first one."""
        self.restarted = False

    def start(self, sim: Simulation) -> None:
        """Acts on the initial state of a new run."""
        if not self.restarted:
            self.done(sim)

    def __call__(self, sim: Simulation) -> None:
        if self.schedule.due(sim):
            self.done(sim)

    def finish(self, sim: Simulation, outcome: Outcome) -> None:
        """Acts on the final state, if it has not yet; a run that will be continued gets no extra output."""
        if outcome.reason == "done" and self.last != sim.flow.step:
            self.done(sim)

    def done(self, sim: Simulation) -> None:
        self.last = sim.flow.step
        self.act(sim)

    @abstractmethod
    def act(self, sim: Simulation) -> None:
        """What the hook is for."""

    def next_time(self) -> float:
        return self.schedule.next_time()

    def state(self) -> dict[str, Any]:
        return {"last": self.last, "count": self.schedule.count}

    def arrays(self) -> dict[str, tuple[np.ndarray, str]]:
        """Fields to remember: none."""
        return {}

    def restore(self, saved: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        self.last, self.schedule.count, self.restarted = saved["last"], saved["count"], True

    def ended(self) -> Outcome | None:
        """None: the run goes on."""
        return None

    def doubts(self, limits: Limits) -> dict[str, str]:
        """None."""
        return {}

    @property
    def keep_until(self) -> int | None:
        """The last step whose output stays at a start, None for a new run."""
        return self.last if self.restarted else None


class Guard(Scheduled):
    """Ends the run when a state array holds a number that is not finite, or the flow is faster than sound."""

    name = "guard"

    def act(self, sim: Simulation) -> None:
        check_finite(sim)
        sim.flow.require_slow()

    def finish(self, sim: Simulation, outcome: Outcome) -> None:
        """Looks in any case: no run ends well with a NaN."""
        check_finite(sim)


def check_finite(sim: Simulation) -> None:
    """Raises DivergenceError on all ranks, naming array and place, if a state array is not finite somewhere."""
    block = sim.flow.block
    error = None
    for name, (array, place) in sim.flow.state().items():
        bad = np.argwhere(~np.isfinite(array))
        if bad.size and error is None:
            rows = bad[0][: -3 if place != "global" else None]
            named = getattr(sim.flow, "label", None)
            if named is not None and place != "global":
                name, rows = named(name, int(rows[0]) if len(rows) else None), ()
            where = "".join(f"[{i}]" for i in rows)
            if place != "global":
                z, y, x = (int(i + s) for i, s in zip(bad[0][-3:], block.start, strict=True))
                where += f" at {place} (x, y, z) = ({x}, {y}, {z}) on rank {block.comm.rank}"
            error = DivergenceError(f"after step {sim.flow.step}: {name}{where} is {array[tuple(bad[0])]}")
    collective(block.comm, error)


class Snapshots(Scheduled):
    """Snapshots for ParaView, their index, and a state that shows them."""

    name = "fields"

    def __init__(self, folder: Folder, names: Sequence[str], every: Every | None) -> None:
        super().__init__(every)
        self.folder, self.names = folder, names
        self.entries: list[tuple[float, str]] = []

    def start(self, sim: Simulation) -> None:
        if self.restarted:
            for name in self.names:
                sim.flow.field(name)  # an unknown name is an error now, not hours later
            on_root(sim.comm, self.drop_later)
        on_root(sim.comm, lambda: write_state(self.folder.state))
        super().start(sim)

    def drop_later(self) -> None:
        """Removes snapshots later than the restart."""
        self.entries = cut_back(self.folder.index, self.last)

    def act(self, sim: Simulation) -> None:
        flow = sim.flow
        path = self.folder.fields(flow.step)
        fields = {name: flow.field(name) for name in self.names}
        write_vtr(path, flow.block, flow.coordinates(), fields, flow.time, flow.step)
        self.entries.append((flow.time, path.name))
        on_root(sim.comm, lambda: write_pvd(self.folder.index, self.entries))


class Series(Scheduled):
    """Rows of series.csv."""

    name = "series"

    def __init__(self, folder: Folder, quantities: Sequence[str], every: Every) -> None:
        super().__init__(every)
        self.path, self.quantities = folder.series, quantities

    def start(self, sim: Simulation) -> None:
        for name in self.quantities:
            sim.flow.quantity(name)
        on_root(sim.comm, lambda: start_series(self.path, self.quantities, self.keep_until))
        super().start(sim)

    def act(self, sim: Simulation) -> None:
        flow = sim.flow
        values = [flow.time, flow.dt, *(flow.quantity(name) for name in self.quantities)]
        on_root(sim.comm, lambda: append_row(self.path, flow.step, values))


class Concerns(Scheduled):
    """Says what is doubtful about the flow, each thing once."""

    name = "concerns"

    def __init__(self, every: Every | None, reporter: Reporter = SILENT) -> None:
        super().__init__(every)
        self.said: set[str] = set()
        self.reporter = reporter

    def start(self, sim: Simulation) -> None:
        """Acts at the start of a restart, too: what is said at its end is said too late."""
        if self.restarted:
            self.act(sim)
        super().start(sim)

    def act(self, sim: Simulation) -> None:
        for name, sentence in concerns(sim).items():
            if name not in self.said:
                self.reporter.warn(f"t = {sim.flow.time:.4g} s: {sentence}")
            self.said.add(name)


class Checkpoints(Scheduled):
    """Files from which the run continues; the newest `keep` stay."""

    name = "checkpoints"

    def __init__(self, folder: Folder, every: Every, keep: int, case: str) -> None:
        super().__init__(every)
        self.folder, self.keep, self.case = folder, keep, case

    def start(self, sim: Simulation) -> None:
        """Nothing: the initial state is in the case file."""

    def finish(self, sim: Simulation, outcome: Outcome) -> None:
        """Writes the final state, whatever ended the run."""
        if self.last != sim.flow.step:
            self.done(sim)

    def act(self, sim: Simulation) -> None:
        check_finite(sim)
        flow = sim.flow
        meta = {**sim.state(), "step": flow.step, "time": flow.time, "identity": flow.identity(), "case": self.case}
        write_checkpoint(self.folder.checkpoint(flow.step), flow.block, sim.arrays(), meta)
        on_root(sim.comm, lambda: self.prune(flow.step), f"remove old checkpoints in {self.folder.path}")

    def prune(self, step: int) -> None:
        """Removes all but the newest `keep` up to `step`; later ones belong to a run that this one replaces."""
        kept = [path for path in self.folder.checkpoints() if step_of(path.name) <= step][: self.keep]
        for path in self.folder.checkpoints():
            if path not in kept:
                path.unlink()
