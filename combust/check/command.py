"""What a run of a case would do, and what is doubtful about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from combust.case.config import Config
from combust.case.load import load
from combust.check.flame import Resolution, resolution
from combust.check.trial import Trial, tried
from combust.errors import ConfigError, at
from combust.io.folder import Folder
from combust.machine import machine_memory, resident_memory
from combust.parallel import ALONE, Communicator, on_root
from combust.run.simulation import Simulation, concerns


class Memory(NamedTuple):
    """How cells and memory are shared among ranks.

    cells : of the case;  least, most : of a rank;  blocks : along (x, y, z)
    parts : [bytes] per rank at the peak, by what holds them;  machine : what this one has [bytes]
    fits : whether the ranks that run the check have the room to build the case
    """

    cells: int
    ranks: int
    least: int
    most: int
    blocks: tuple[int, ...]
    parts: dict[str, float]
    machine: float
    fits: bool

    @property
    def total(self) -> float:
        """Of a rank [bytes]."""
        return sum(self.parts.values())


class FirstStep(NamedTuple):
    """The first step that the run takes [s] and what limits it; what the flow would bear, and the limit of that."""

    dt: float
    limit: str
    stable: float
    stable_limit: str


class Warnings(NamedTuple):
    """What is doubtful about the flow at its start and about the first step: name -> sentence."""

    sentences: dict[str, str]


Part = Config | Memory | Warnings | FirstStep | Resolution | Trial


@dataclass(frozen=True)
class CheckReport:
    """What was found; None of what was not asked for, is not known, or is of a case that does not fit."""

    config: Config
    memory: Memory
    warnings: dict[str, str]
    first_step: FirstStep | None = None
    resolution: Resolution | None = None
    trial: Trial | None = None


def check(
    case: str | Path,
    comm: Communicator = ALONE,
    overrides: Sequence[str] = (),
    ranks: int | None = None,
    trial: bool = False,
    each: Callable[[Part], None] = lambda part: None,
) -> CheckReport:
    """The resolved case, its memory, its first step and what is doubtful; with `trial`, what a step takes (collective).

    overrides : "table.key=value" each;  ranks : count the memory for so many, whatever number runs this
    each : called with every part of the report as it is found
    The memory is counted before anything is allocated. A case that does not fit is not built: an error, as of a run, or
    with `ranks`, for a larger machine than this one, a report without the first step.
    Raises CombustError for what a run would refuse, ConfigError for a trial of a case that does not fit.
    """
    require_ranks("ranks", ranks)
    config = on_root(comm, lambda: load(case, overrides))
    each(config)
    with at(case):
        memory = counted(config, comm, ranks)
        each(memory)
        if not memory.fits:
            if trial:
                raise ConfigError("trial: the case does not fit into this machine: no step was tried")
            return CheckReport(config, memory, {})
        sim = built(config, comm)
        found = concerns(sim)
        each(Warnings(found))
        first = first_step(sim)
        each(first)
        flame = resolution(sim.flow, config)
        if flame is not None:
            each(flame)
        step = tried(sim) if trial else None
        if step is not None:
            each(step)
    return CheckReport(config, memory, found | (flame.warnings if flame else {}), first, flame, step)


def require_ranks(what: str, ranks: int | None) -> None:
    """Raises ConfigError for a number of ranks that cannot be."""
    if ranks is not None and ranks < 1:
        raise ConfigError(f"{what} {ranks}: must be at least 1")


def counted(config: Config, comm: Communicator, ranks: int | None) -> Memory:
    """How cells and memory are shared (collective). Raises ConfigError without `ranks` where they do not fit."""
    from combust.kinetics.mechanism.mechanism import Mechanism
    from combust.run.memory import account, keeps_factors, require_memory, size_of

    gas = Mechanism.load(config.gas.mechanism, config.gas.phase, "cpu", config.gas.ions)
    species, kept = len(gas.species), keeps_factors(config, gas)
    shape, wanted, have = config.mesh.shape, ranks or comm.size, machine_memory()
    size = size_of(config, shape, wanted, species)
    process = comm.max(float(resident_memory() or 0.0))[0] or None
    parts = account(config, size, wanted, process, kept)
    if ranks is None:
        require_memory(config, gas, comm.size, comm.on_this_machine())
    here = size_of(config, shape, comm.size, species) if wanted != comm.size else size
    fits = comm.size * sum(account(config, here, comm.size, process, kept).values()) <= have
    cells, blocks = shape[0] * shape[1] * shape[2], tuple(reversed(size.dims))
    return Memory(cells, wanted, size.least, size.cells, blocks, parts, have, fits)


def built(config: Config, comm: Communicator) -> Simulation:
    """The flow and its time loop as a run would begin them; files are not touched."""
    from combust.run.build import build
    from combust.run.course import check_names, simulation

    flow = build(config, comm)
    check_names(flow, config)
    return simulation(flow, config, Folder(config.output.directory or "."))


def first_step(sim: Simulation) -> FirstStep:
    """The first step that the run takes, and what the flow would bear (collective)."""
    dt, what = sim.shortened(*sim.free_step())
    return FirstStep(dt, what, *sim.flow.limit())
