"""A profile: steps of a case, nothing of its output written; what each phase of the time loop takes and asks for."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from combust import __version__, devices, kernels
from combust.case.load import load
from combust.case.running import Every
from combust.check.command import built
from combust.errors import ConfigError, at
from combust.io.blocks import write_text
from combust.parallel import ALONE, Communicator, on_root
from combust.profiling.memory import Touched, bandwidth
from combust.profiling.messages import counted, counters_of_petsc
from combust.profiling.recorder import APART, SYNCHRONISATIONS, TOUCHED, WALL, Recorder, Slice
from combust.profiling.trace import OPERATIONS, PHASES, events, names, write_trace
from combust.report.numbers import finite
from combust.run.hooks import Guard
from combust.run.simulation import Simulation

STEPS, WARM = 5, 3
REST = "rest"  # of a step, beside the phases of the flow
TRACED = 64  # ranks whose slices are in the trace


class Over(NamedTuple):
    """A number over the ranks, per step."""

    least: float
    mean: float
    most: float

    @property
    def imbalance(self) -> float:
        """Largest over mean, less one."""
        return self.most / self.mean - 1.0 if self.mean > 0.0 else 0.0


@dataclass(frozen=True)
class Phase:
    """What a phase takes per step; `counts` by the names of `combust.profiling.recorder`, seconds and bytes.

    floor : seconds that the memory takes at least for the bytes that are touched, mean over ranks
    """

    name: str
    counts: dict[str, Over]
    floor: float

    def of(self, what: str) -> Over:
        """Zero where nothing was counted."""
        return self.counts.get(what, Over(0.0, 0.0, 0.0))


@dataclass(frozen=True)
class ProfileReport:
    """Phases of the time loop, largest first, and all of them together.

    steps : that were measured, after `warm`;  seconds : wall time of a step, of the slowest rank
    device : "cpu", or of this rank "cuda:0";  kernels : "compiled" or "eager"
    bandwidth : of the memory, per rank [bytes/s]
    iterations : of the pressure per step, 0 where it is solved directly
    pooled : cells whose chemistry was done on another rank than theirs, per step and rank, over the ranks
    reads : file and line, and host synchronisations per step there (none on a CPU)
    """

    title: str
    ranks: int
    cells: int
    blocks: tuple[int, ...]
    device: str
    kernels: str
    steps: int
    warm: int
    seconds: float
    bandwidth: Over
    phases: list[Phase]
    total: Phase
    iterations: float
    pooled: float
    reads: dict[str, float]
    trace: Path | None

    def tree(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {**dataclasses.asdict(self), "trace": self.trace and str(self.trace), "version": __version__}


def profile(
    case: str | Path,
    comm: Communicator = ALONE,
    overrides: Sequence[str] = (),
    steps: int = STEPS,
    warm: int = WARM,
    trace: str | Path | None = None,
    operations: bool = False,
    force: bool = False,
) -> ProfileReport:
    """What `steps` steps of a case take after `warm` others, by phase (collective). Nothing of its output is written.

    overrides : "table.key=value" each;  trace : file for Perfetto, none if omitted;  force : replace it
    operations : with torch's operations of one step more in it
    Bytes and kernels are counted in a step after those that are timed. Raises CombustError for what a run would refuse,
    ConfigError for numbers and files that cannot be, OutputError where the trace cannot be written.
    """
    require_steps(steps, warm)
    path = None if trace is None else Path(trace)
    on_root(comm, lambda: require_place("--trace", path, force))
    config = on_root(comm, lambda: load(case, overrides))
    recorder = Recorder()
    with at(case):
        sim = endless(built(config, counted(comm, recorder)))
        device = str(getattr(getattr(sim.flow, "grid", None), "device", "cpu"))
        speed = bandwidth(comm, device)
        for _ in range(warm):
            step(sim, recorder)
        taken = timed_steps(sim, recorder, steps, device)
        reads = counting_step(sim, recorder, device)
        traced = torch_step(sim, taken.begin) if operations and path is not None else []
    phases, total = summed(comm, recorder, steps, speed)
    report = ProfileReport(
        config.title, comm.size, math.prod(sim.flow.block.shape), tuple(reversed(sim.flow.block.dims)),
        device, kernels.mode(), steps, warm, comm.max(taken.seconds)[0] / steps, over(comm, speed), phases, total,
        taken.iterations / steps, taken.pooled / (steps * comm.size), reads, path,
    )  # fmt: skip
    if path is not None:
        slices = [s._replace(begin=s.begin - taken.begin, end=s.end - taken.begin) for s in recorder.slices]
        written(comm, path, slices, traced, report)
    return report


class Taken(NamedTuple):
    """Timed steps: begin [s] on the clock of `time.perf_counter` and how long, on this rank; of all of them the
    iterations of the pressure, and the cells of all ranks that were integrated elsewhere.
    """

    begin: float
    seconds: float
    iterations: int
    pooled: float


def timed_steps(sim: Simulation, recorder: Recorder, steps: int, device: str) -> Taken:
    """Takes the steps that are measured; what was counted before is forgotten (collective)."""
    recorder.forget()
    recorder.outside = counters_of_petsc() or dict
    recorder.settle = partial(devices.finish, torch.device(device))
    sim.comm.barrier()
    begin, moved, iterations = time.perf_counter(), 0.0, 0
    with recorder.watching():
        for _ in range(steps):
            step(sim, recorder)
            moved += pooled(sim.flow)
            iterations += sum(getattr(getattr(sim.flow, "scheme", None), "iterations", ()))
    return Taken(begin, time.perf_counter() - begin, iterations, moved)


def require_steps(steps: int, warm: int) -> None:
    """Raises ConfigError for numbers of steps that cannot be."""
    if steps < 1:
        raise ConfigError(f"steps {steps}: must be at least 1")
    if warm < 0:
        raise ConfigError(f"warm {warm}: must not be negative")


def require_place(what: str, place: str | Path | None, force: bool) -> None:
    """Raises ConfigError where a file cannot be written; what : the option that names it."""
    if place is None:
        return
    path = Path(place)
    if path.is_dir():
        raise ConfigError(f"{what} {path}: is a folder; name a file")
    if path.exists() and not force:
        raise ConfigError(f"{what} {path}: exists: choose another name, or --force to replace it")
    if not path.parent.is_dir():
        raise ConfigError(f"{what} {path}: there is no folder {path.parent}")
    if not os.access(path.parent, os.W_OK):
        raise ConfigError(f"{what} {path}: {path.parent} cannot be written")


def require_apart(places: dict[str, str | None]) -> None:
    """Raises ConfigError where two files, by what names them, are one: one would take the place of the other."""
    seen: dict[str, str] = {}
    for what, place in places.items():
        if place is None:
            continue
        if (other := seen.setdefault(os.path.realpath(place), what)) != what:
            raise ConfigError(f"{what} {place}: is the file of {other}, too: name another one")


def write_numbers(place: str | Path | None, report: ProfileReport) -> None:
    """All numbers of a report as JSON. Raises OutputError."""
    if place is not None:
        write_text(Path(place), json.dumps(finite(report.tree()), indent=1) + "\n")


def endless(sim: Simulation) -> Simulation:
    """The time loop of the case without its end and its output: what looks for numbers that are not finite stays."""
    limits = dataclasses.replace(sim.limits, stop_time=math.inf, stop_steps=math.inf, stop_wall=math.inf)
    return dataclasses.replace(sim, limits=limits, hooks=[Guard(Every(steps=10))])


def step(sim: Simulation, recorder: Recorder) -> None:
    """A step as the time loop takes it."""
    with recorder.phase(REST, f"step {sim.flow.step + 1}"):
        with recorder.phase("time step"):
            dt = sim.next_dt()
        sim.flow.advance(dt)
        with recorder.phase("agree"):
            sim.agree()
        with recorder.phase("guard"):
            sim.each(lambda hook: hook(sim))


def pooled(flow: Any) -> float:
    """Cells that the chemistry of the last step moved between ranks, of all ranks."""
    chemistry = getattr(getattr(flow, "scheme", None), "chemistry", None)
    while chemistry is not None:  # one may stand around another
        if (sharing := getattr(chemistry, "sharing", None)) is not None:
            return float(sharing.moved)
        pools = [own for name in ("pool", "evening") if (own := getattr(chemistry, name, None)) is not None]
        if pools:
            return float(sum(own.stats.moved for own in pools))
        chemistry = getattr(chemistry, "chemistry", None)
    return 0.0


def counting_step(sim: Simulation, recorder: Recorder, device: str) -> dict[str, float]:
    """A step in which bytes, kernels and, on a GPU, host synchronisations are counted: these by file and line."""
    with recorder.watching(timed=False), synchronisations(recorder, device) as found, Touched(recorder) as touched:
        with kernels.watched(touched.kernel):
            step(sim, recorder)
    return found


@contextmanager
def synchronisations(recorder: Recorder, device: str) -> Iterator[dict[str, float]]:
    """Counts what torch warns of as a wait of the host for its GPU (untried)."""
    found: dict[str, float] = {}
    if not device.startswith("cuda"):
        yield found
        return

    def heard(message: Any, category: Any, filename: str, lineno: int, *_: Any, **__: Any) -> None:
        if "synchroniz" in str(message):
            place = f"{filename}:{lineno}"
            found[place] = found.get(place, 0.0) + 1.0
            recorder.add(SYNCHRONISATIONS)

    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = heard
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield found
        finally:
            torch.cuda.set_sync_debug_mode(before)


def torch_step(sim: Simulation, origin: float) -> list[Slice]:
    """Torch's operations in a step more, seconds since `origin`."""
    from torch.profiler import ProfilerActivity, profile, record_function

    with profile(activities=[ProfilerActivity.CPU]) as found:
        begin = time.perf_counter() - origin
        with record_function("combust"):
            step(sim, Recorder())
    ours = next(e for e in found.events() if e.name == "combust").time_range.start
    return [
        Slice(e.name, begin + 1e-6 * (e.time_range.start - ours), begin + 1e-6 * (e.time_range.end - ours))
        for e in found.events()
        if e.time_range.end >= e.time_range.start
    ]


def summed(comm: Communicator, recorder: Recorder, steps: int, speed: float) -> tuple[list[Phase], Phase]:
    """Phases over all ranks, largest first, and their sum (collective)."""
    own = recorder.counts
    keys = sorted({(name, what) for name, row in own.items() for what in row})
    every = sorted({key for one in comm.gather(keys) for key in one})
    values = np.array([own.get(n, {}).get(w, 0.0) / (1 if w in APART else steps) for n, w in every])
    found: dict[str, dict[str, Over]] = {}
    for (name, what), one in zip(every, overs(comm, values), strict=True):
        found.setdefault(name, {})[what] = one
    whats = sorted({what for _, what in every})
    sums = [sum(v for v, (_, w) in zip(values, every, strict=True) if w == what) for what in whats]
    everything = dict(zip(whats, overs(comm, np.array(sums)), strict=True))
    floors = overs(comm, values / speed)
    floor = {n: o.mean for (n, w), o in zip(every, floors, strict=True) if w == TOUCHED}
    phases = [Phase(name, counts, floor.get(name, 0.0)) for name, counts in found.items()]
    phases.sort(key=lambda phase: -phase.of(WALL).mean)
    return phases, Phase("all", everything, sum(floor.values()))


def overs(comm: Communicator, values: np.ndarray) -> list[Over]:
    """Least, mean and most over the ranks (collective)."""
    most, least = comm.max(*values), comm.max(*-values)
    mean = comm.sum(*values)
    return [Over(-low, total / comm.size, high) for low, total, high in zip(least, mean, most, strict=True)]


def over(comm: Communicator, value: float) -> Over:
    """`overs` of one number."""
    return overs(comm, np.array([value]))[0]


def written(
    comm: Communicator, path: Path, slices: Sequence[Slice], operations: Sequence[Slice], report: ProfileReport
) -> None:
    """Writes the slices of the first ranks (collective). Raises OutputError."""
    mine: list[dict[str, Any]] = []
    if comm.rank < TRACED:
        lines = (PHASES, *([OPERATIONS] if operations else []))
        mine = [*names(comm.rank, lines), *events(comm.rank, slices), *events(comm.rank, operations, OPERATIONS)]
    every = comm.collect(mine)
    about = {"title": report.title, "ranks": report.ranks, "steps": report.steps, "version": __version__}
    on_root(comm, lambda: write_trace(path, every, about))
