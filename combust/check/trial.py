"""A trial: real steps of a case, nothing written; what they took, and what the run will take by that."""

from __future__ import annotations

import math
import time
from typing import Any, NamedTuple

from combust import kernels
from combust.kinetics.providers.chemistry import columns_of
from combust.machine import peak_memory
from combust.run.simulation import Simulation

SHORT = 20.0  # seconds: a first step that took less is repeated, since it is slower than those that follow


class Trial(NamedTuple):
    """Steps that were tried.

    seconds : wall seconds of a step, of the slowest rank;  first : of the first one, None where it was the only one
    kernels : "compiled" or "eager";  routes : share of the cells that each route of the chemistry took
    peak_memory : per rank [bytes];  steps : of the whole run by this one;  wall : its seconds, without output
    bounded : whether a stop time or step ends the run, not wall time alone
    """

    seconds: float
    first: float | None
    kernels: str
    routes: dict[str, float]
    peak_memory: float
    steps: float
    wall: float
    bounded: bool


def tried(sim: Simulation) -> Trial:
    """Takes a step of all ranks, a second one where the first compiled kernels or was short (collective)."""
    first = step(sim)
    seconds, repeated = first, False
    if (first < SHORT or kernels.mode() == "compiled") and sim.ended() is None:
        seconds, repeated = step(sim), True
    routes = shares(sim.flow)
    peak = sim.comm.max(float(peak_memory()))[0]
    steps, stop = steps_left(sim), sim.limits.stop_wall
    bounded = math.isfinite(steps)
    return Trial(
        seconds, first if repeated else None, kernels.mode(), routes, peak,
        steps if bounded else stop / seconds, min(first + steps * seconds, stop) if bounded else stop, bounded,
    )  # fmt: skip


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


def shares(flow: Any) -> dict[str, float]:
    """The share of the cells that each route of the chemistry took in the last step, where it took any (collective)."""
    scheme = getattr(flow, "scheme", None)
    stats = getattr(scheme, "chemistry_stats", None)
    if scheme is None or stats is None:
        return {}
    shown = [name for name in columns_of(scheme.chemistry) if name.endswith("_share")]
    if shown:
        found = {name.removesuffix("_share"): flow.quantity(name) for name in shown}
    else:
        cells, skipped, fallbacks = flow.block.comm.sum(
            float(stats.cells), float(stats.skipped), float(stats.fallbacks)
        )
        implicit = cells - skipped
        found = {"slow": skipped / cells, "integrated": implicit / cells, "by CVODE": fallbacks / cells}
    return {name: share for name, share in found.items() if share > 0}
