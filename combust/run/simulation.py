"""The time loop: chooses the step, advances the flow, calls the hooks, knows when to stop. It owns nothing else."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Protocol

import numpy as np

from combust.cfd.model.flow import Flow, Timed
from combust.cfd.sources.base import SO_FAR
from combust.errors import ConfigError, DivergenceError, FileFormatError
from combust.parallel import Communicator

SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


class Hook(Protocol):
    """Something done between steps; all it remembers is in its state, so that a restart is exact."""

    name: str

    def start(self, sim: Simulation) -> None:
        """Once, before the first step (after `restore`, if the run restarts)."""

    def __call__(self, sim: Simulation) -> None:
        """After each step."""

    def finish(self, sim: Simulation, outcome: Outcome) -> None:
        """Once, at the end, unless the run failed."""

    def next_time(self) -> float:
        """Physical time [s] that a step should meet exactly; infinity if none."""

    def state(self) -> dict[str, Any]:
        """What a restart needs, as JSON values."""

    def arrays(self) -> dict[str, tuple[np.ndarray, str]]:
        """The fields among it, as `Flow.state` has them; names begin with that of the hook and a colon."""

    def restore(self, saved: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """Takes the state back, from its JSON values and this rank's parts of all fields of a checkpoint."""

    def ended(self) -> Outcome | None:
        """Why the run is over by what it has seen, None if it is not."""

    def doubts(self, limits: Limits) -> dict[str, str]:
        """What is doubtful about it in a run with these limits: name -> sentence."""


@dataclass(frozen=True)
class Outcome:
    """Why a run ended: "done", "signal", "wall" or "diverged", a sentence about it, and the exit code."""

    reason: str
    message: str
    exit_code: int


@dataclass(frozen=True)
class Limits:
    """Stop rules and bounds on the step: times [s], wall seconds of this run, steps since the start of the case."""

    stop_time: float = np.inf
    stop_steps: float = np.inf
    stop_wall: float = np.inf
    dt_fixed: float | None = None
    cfl: float = 1.0
    """Courant number that the flow's own limit keeps to."""
    dt_max: float = np.inf
    dt_first: float = np.inf
    growth: float = 1.1


def has_quantity(flow: Flow, name: str) -> bool:
    """Whether the flow knows a global number of this name (collective)."""
    try:
        flow.quantity(name)
    except ConfigError:
        return False
    return True


def fixed_step(dt: float | None, flow: Flow, cfl: float) -> dict[str, str]:
    """What is doubtful about a fixed step of dt [s], if there is one: name -> sentence (collective).

    cfl : the Courant number that `flow.limit` keeps to; the scheme bears 1
    """
    if dt is None:
        return {}
    limit, what = flow.limit()
    stable = limit / cfl
    if dt <= stable * (1 + 1e-9):
        return {}
    return {"dt": f"numerics.dt = {dt:.4g} s is longer than the stable step, {stable:.4g} s ({what}): choose a shorter "
            "one, or omit the key"}  # fmt: skip


@dataclass
class Simulation:
    """A flow, the hooks called between its steps, and the limits of the run."""

    flow: Flow
    hooks: Sequence[Hook]
    limits: Limits
    free_dt: float = np.inf
    """Last step before it was shortened to meet an output time: the base for growth [s]."""
    limited_by: str = ""
    wall: float = 0.0
    """Wall seconds of this run, the same on all ranks."""
    wall_before: float = 0.0
    """Wall seconds of the runs that this one continues."""
    first_step: int = 0
    hook_seconds: float = 0.0
    """Wall seconds spent in hooks, this rank."""
    amounts: dict[str, np.ndarray] = field(default_factory=dict)
    """What sources had put in at a restart: kept where none of the flow's goes on from it."""
    caught: int = 0
    """Number of the signal that all ranks know of; 0 if none."""
    _noted: int = 0
    _begin: float = field(default_factory=time.monotonic)

    @property
    def comm(self) -> Communicator:
        return self.flow.block.comm

    def run(self) -> Outcome:
        """Steps to the end. Raises DivergenceError, with the hooks' files as they were at the last good step."""
        self.first_step = self.flow.step
        with self.listening():
            self.agree()
            self.each(lambda hook: hook.start(self))
            while (outcome := self.ended()) is None:
                self.flow.advance(self.next_dt())
                self.agree()
                self.each(lambda hook: hook(self))
            # Backwards: the checkpoint comes before the last fields and rows, so that a longer run drops these.
            self.each(lambda hook: hook.finish(self, outcome), backwards=True)
        return outcome

    def each(self, action: Callable[[Hook], None], backwards: bool = False) -> None:
        """Calls all hooks and counts their time."""
        begin = time.monotonic()
        for hook in reversed(self.hooks) if backwards else self.hooks:
            action(hook)
        self.hook_seconds += time.monotonic() - begin

    def free_step(self) -> tuple[float, str]:
        """The next time step [s] if no time had to be met, and what limits it (collective)."""
        limits = self.limits
        if limits.dt_fixed is not None:
            return limits.dt_fixed, "fixed"
        stable, what = self.flow.limit()
        if not stable > 0:
            raise DivergenceError(f"after step {self.flow.step}: no stable time step ({what} allows {stable} s)")
        bounds = [(stable, what), (limits.dt_max, "dt_max"), (limits.growth * self.free_dt, "growth")]
        bounds += [(limits.dt_first, "dt_first")] if self.flow.step == 0 else []
        return min(bounds, key=lambda bound: bound[0])

    def shortened(self, dt: float, what: str) -> tuple[float, str]:
        """A step of dt [s], limited by `what`, such that the stop time and asked-for output times are met."""
        begins = self.flow.next_time() if isinstance(self.flow, Timed) else np.inf
        target = min([self.limits.stop_time, begins, *(hook.next_time() for hook in self.hooks)])
        left = target - self.flow.time
        met = "output time" if target < self.limits.stop_time else "stop time"
        met = "source time" if target == begins else met
        if left <= dt * (1 + 1e-9):
            return left, met
        # Less than two steps are shared between two: no sliver at the end.
        return (0.5 * left, met) if left < 2 * dt else (dt, what)

    def next_dt(self) -> float:
        """The next time step [s]: stable, growing slowly, meeting the stop time and asked-for output times."""
        free = self.free_step()
        self.free_dt = free[0]
        dt, self.limited_by = self.shortened(*free)
        return dt

    def ended(self) -> Outcome | None:
        """Why the run is over, or None."""
        flow, limits = self.flow, self.limits
        if flow.time >= limits.stop_time * (1 - 1e-12):
            return Outcome("done", f"reached t = {flow.time:.6g} s", 0)
        if flow.step >= limits.stop_steps:
            return Outcome("done", f"reached step {flow.step}", 0)
        for hook in self.hooks:
            if (outcome := hook.ended()) is not None:
                return outcome
        if self.caught:
            return Outcome("signal", f"stopped by {signal.Signals(self.caught).name} after step {flow.step}", 4)
        if self.wall >= limits.stop_wall:
            return Outcome("wall", f"stopped by the wall-time limit after step {flow.step}", 4)
        return None

    def agree(self) -> None:
        """One message after each step: all ranks see the same clock and the same signals."""
        caught, wall = self.comm.max(self._noted, time.monotonic() - self._begin)
        self.caught, self.wall = int(caught), wall

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Turns signals into a note that is read after the step; a second Ctrl-C ends at once."""

        def note(number: int, _: FrameType | None) -> None:
            if number == signal.SIGINT and self._noted:
                raise KeyboardInterrupt
            self._noted = number

        before = {number: signal.signal(number, note) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def state(self) -> dict[str, Any]:
        """What the loop and its hooks must remember over a restart."""
        flow = self.flow
        loop = {"time": flow.time, "step": flow.step, "dt": flow.dt, "free_dt": self.free_dt}
        loop["wall"] = self.wall_before + self.wall
        return {"loop": loop, "hooks": {hook.name: hook.state() for hook in self.hooks}}

    def arrays(self) -> dict[str, tuple[np.ndarray, str]]:
        """The fields of flow and hooks that a restart needs: name -> (this rank's part, place)."""
        found = dict(self.flow.state())
        for name, amount in self.amounts.items():
            found.setdefault(name, (amount, "global"))
        for hook in self.hooks:
            found |= hook.arrays()
        return found

    def restore(self, meta: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """Continues from `state()` and the flow's arrays as a checkpoint holds them."""
        loop = meta["loop"]
        self.flow.time, self.flow.step, self.flow.dt = loop["time"], loop["step"], loop["dt"]
        self.flow.restore(arrays.__getitem__)
        self.amounts = {name: array for name, array in arrays.items() if name.startswith(SO_FAR)}
        self.free_dt, self.wall_before = loop["free_dt"], loop["wall"]
        for hook in self.hooks:
            if hook.name not in meta["hooks"]:
                continue
            try:
                hook.restore(meta["hooks"][hook.name], arrays)
            except (LookupError, TypeError, ValueError, AttributeError) as error:
                raise FileFormatError(
                    f"the checkpoint is damaged: what the hook {hook.name!r} must remember cannot be read: {error}"
                ) from error


def concerns(sim: Simulation) -> dict[str, str]:
    """What is doubtful about the flow now and about the step to come: name -> sentence (collective)."""
    dt, _ = sim.free_step()  # an output time may cut it: no matter
    found = sim.flow.concerns() | sim.flow.step_concerns(dt)
    found |= fixed_step(sim.limits.dt_fixed, sim.flow, sim.limits.cfl)
    for hook in sim.hooks:
        found |= hook.doubts(sim.limits)
    return found
