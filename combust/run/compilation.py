"""Compiled kernels from a step on that is known before the run: until then they are eager, and compiled beside it.

The step stands in checkpoints and hangs on nothing but the case: never on the time that compiling takes, or on what is
compiled already. Where compilation is late, the run waits at that step.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from combust import devices, kernels
from combust.case.config import Config
from combust.kernel_orders import Order, mark
from combust.kernel_process import KernelProcess
from combust.parallel import Communicator
from combust.report.meter import SILENT, Reporter
from combust.run.memory import eager_steps
from combust.run.simulation import Limits, Outcome, Simulation

logger = logging.getLogger(__name__)

LOOKS = (1, 2, 10)  # steps after which kernels that were met are given to be compiled
PAUSE = 0.1  # s between two looks at processes that compile
MOST = 4  # processes that compile for one rank: each loads torch, half a GB


class Compilation:
    """The hook that changes kernels over, and keeps the processes that compile. The first of all hooks."""

    name = "compilation"

    def __init__(self, config: Config, reporter: Reporter = SILENT) -> None:
        self.config, self.reporter = config, reporter
        self.step: int | None = None
        """Step after which kernels are compiled ones; None: they are as they are from the start."""
        self.restored = False
        self.deferring = False
        self.processes: list[KernelProcess] = []
        self.first = 0
        self._met: dict[str, Order] = {}
        self._given: set[str] = set()

    # --- hook ---------------------------------------------------------------------------------------------------

    def start(self, sim: Simulation) -> None:
        """Chooses the step, unless a checkpoint has it (collective)."""
        self.first = sim.flow.step
        if self.config.numerics.compile != "auto" or devices.pick(self.config.device, sim.comm) != "cpu":
            self.step = None
            return
        if self.step is None and kernels.mode() == "compiled":
            self.step = self.first + (self._steps(sim) if self.restored or not self.first else 0)
        if self.step is None:
            return
        kernels.set_mode("compiled")  # also where what is left would not be worth it by itself
        if self.first < self.step and kernels.mode() == "compiled":
            self.deferring = True
            kernels.defer(self._told)
            self.reporter.say(f"kernels:     compiled beside the run, from step {self.step + 1} on")

    def _steps(self, sim: Simulation) -> int:
        cells = sim.comm.max(float(np.prod(sim.flow.block.count)))[0]
        return eager_steps(self.config, cells, len(sim.flow.identity().get("species", "gas").split()))

    def __call__(self, sim: Simulation) -> None:
        """After each step: gives out what is to be compiled; after the last eager one, waits for it."""
        if not self.deferring or self.step is None:
            return
        done = sim.flow.step - self.first
        if done == 1:
            _prepare()
        if done in LOOKS or sim.flow.step == self.step:
            self._give_out(sim.comm)
        if sim.flow.step == self.step:
            self._wait(sim)
            self.close()

    def finish(self, sim: Simulation, outcome: Outcome) -> None:
        """Nothing: `close` ends what compiles."""

    def next_time(self) -> float:
        """No time has to be met."""
        return math.inf

    def state(self) -> dict[str, Any]:
        """The last eager step, in the form of all hooks."""
        return {"last": self.step, "count": 0}

    def arrays(self) -> dict[str, tuple[np.ndarray, str]]:
        """No fields."""
        return {}

    def restore(self, saved: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        self.step = saved["last"]
        self.restored = True

    def ended(self) -> Outcome | None:
        """None: the run goes on."""
        return None

    def doubts(self, limits: Limits) -> dict[str, str]:
        """None."""
        return {}

    # --- compiling ----------------------------------------------------------------------------------------------

    def _told(self, fn: Callable[..., Any], dynamic: bool | None, args: tuple[Any, ...]) -> None:
        """Notes a kernel that was called, while orders are taken."""
        if (order := Order.of(fn, dynamic, args)) is not None:
            self._met.setdefault(order.digest, order)

    def _give_out(self, comm: Communicator) -> None:
        """Each kernel that was met since, and is in no cache, to a rank of this machine that knows it (collective).

        Where there are more processors than ranks, a rank has several processes for its own.
        """
        met = [order for order in self._met.values() if order.digest not in self._given]
        self._given |= {order.digest for order in met}
        new = sorted((order.name, order.digest) for order in met if not mark(order).exists())
        machine = comm.here()
        every = machine.gather(new)
        mine, load = [], [0] * machine.size
        for order in sorted({order for part in every for order in part}):
            owner = min((rank for rank, part in enumerate(every) if order in part), key=lambda rank: load[rank])
            load[owner] += 1
            if owner == machine.rank:
                mine.append(self._met[order[1]])
        count = min(max(1, _processors() // machine.size), MOST)
        machine.free()
        for part in filter(None, (mine[first::count] for first in range(count))):
            try:
                self.processes.append(KernelProcess(part))
            except OSError as error:
                logger.warning("kernels are compiled at their first call, as no process for that starts: %s", error)

    def _wait(self, sim: Simulation) -> None:
        """Until all ranks' processes are through, or the run is to end (collective)."""
        begin = time.monotonic()
        while sim.comm.max(float(not all(process.done() for process in self.processes)))[0] and sim.ended() is None:
            time.sleep(PAUSE)
            sim.agree()
        waited = time.monotonic() - begin
        self.reporter.say(f"kernels:     compiled ones from now on, after step {sim.flow.step} (waited {waited:.1f} s)")

    def close(self) -> None:
        """Ends what compiles still, and lets kernels be compiled at their first call."""
        if self.deferring:
            kernels.defer(None)
            self.deferring = False
        for process in self.processes:
            process.end()
        self.processes, self._met = [], {}


def _processors() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _prepare() -> None:
    """Loads torch's compiler, seconds, beside the steps after the first; a run that is interrupted does not wait."""
    threading.Thread(target=_load, daemon=True).start()


def _load() -> None:
    try:
        kernels.options()
    except Exception as error:  # the first kernel that is compiled meets it again, and says so
        logger.debug("torch's compiler cannot be loaded: %s", error)
