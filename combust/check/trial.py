"""A trial: real steps of a case, nothing written; what they took, and what the run will take by that."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from combust import kernels
from combust.machine import peak_memory
from combust.run.simulation import Simulation
from combust.settings.running import Config
from combust.timers import clock

if TYPE_CHECKING:
    from combust.check.command import Say

SHORT = 20.0  # seconds: a first step that took less is repeated, since it is slower than those that follow


def tried(sim: Simulation, config: Config, say: Say) -> None:
    """Takes a step of all ranks, a second one where the first compiled kernels or was short; says what they took."""
    first = step(sim)
    seconds = first
    repeated = first < SHORT or kernels.mode() == "compiled"
    if repeated and sim.ended() is None:
        seconds = step(sim)
    say.text(f"trial:    {seconds:.3g} s per step" + (f", the first one {first:.3g} s" if seconds is not first else "")
             + f"; kernels {kernels.mode()}")  # fmt: skip
    chemistry = shares(sim.flow)
    if chemistry:
        say.text(f"routes:   {chemistry}")
    peak = sim.comm.max(float(peak_memory()))[0]
    say.text(f"memory:   {peak / 1e6:.0f} MB per rank at the peak of the trial")
    steps = steps_left(sim)
    if math.isfinite(steps):
        wall = min(first + steps * seconds, sim.limits.stop_wall)
        say.text(f"run:      about {steps:.0f} steps, {clock(wall)}, without output, if steps stay as long as this one")
    else:
        say.text(f"run:      {clock(sim.limits.stop_wall)}, about {sim.limits.stop_wall / seconds:.0f} steps")


def step(sim: Simulation) -> float:
    """Wall seconds of the next step, of the slowest rank."""
    dt = sim.next_dt()
    sim.comm.barrier()
    begin = time.perf_counter()
    sim.flow.advance(dt)
    return sim.comm.max(time.perf_counter() - begin)[0]


def steps_left(sim: Simulation) -> float:
    """Steps of the whole run by the present one; infinite where only wall time ends it."""
    dt, _ = sim.free_step()
    return min(sim.limits.stop_steps, sim.limits.stop_time / dt)


def shares(flow: Any) -> str:
    """The share of the cells that each route of the chemistry took in the last step (collective)."""
    scheme = getattr(flow, "scheme", None)
    stats = getattr(scheme, "chemistry_stats", None)
    if stats is None:
        return ""
    if hasattr(scheme.chemistry, "routes"):
        found = {name: flow.quantity(f"{name}_share") for name in ("slow", "network", "exact", "refused")}
    else:
        cells, skipped, fallbacks = flow.block.comm.sum(
            float(stats.cells), float(stats.skipped), float(stats.fallbacks)
        )
        implicit = cells - skipped
        found = {"slow": skipped / cells, "integrated": implicit / cells, "by CVODE": fallbacks / cells}
    return ", ".join(f"{100 * share:.3g} % {name}" for name, share in found.items() if share > 0)
