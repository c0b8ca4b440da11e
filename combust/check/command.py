"""combust check: what a run of a case would do, and what is doubtful about it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from combust.errors import ConfigError, at
from combust.io.blocks import on_root
from combust.io.folder import Folder
from combust.machine import machine_memory, resident_memory
from combust.parallel import Communicator
from combust.run.progress import log
from combust.run.simulation import Simulation, doubts
from combust.settings.config import load, to_toml
from combust.settings.running import Config


def check(
    case: str, comm: Communicator, overrides: Sequence[str] = (), ranks: int | None = None, trial: bool = False
) -> int:
    """Prints the resolved case, its memory, its first step and what is doubtful; with `trial`, what a step shows.

    ranks : count the memory for so many ranks, whatever number runs this
    The memory is counted before anything is allocated. A case that does not fit is not built: an error, as of a run, or
    with `ranks`, for a larger machine than this one, the answer without the first step.
    Raises CombustError for what a run would refuse.
    """
    if ranks is not None and ranks < 1:
        raise ConfigError(f"--ranks {ranks}: must be at least 1")
    config = on_root(comm, lambda: load(case, overrides))
    log(comm)
    say = Say(comm)
    say.text(to_toml(config))
    with at(case):
        if not counted(config, comm, ranks, say):
            if trial:
                raise ConfigError("--trial: the case does not fit into this machine: no step was tried")
            say.text("first dt: not known: the case is too large to be built here")
            return 0
        sim = built(config, comm)
        for sentence in doubts(sim).values():
            say.warn(sentence)
        first_step(sim, config, say)
        from combust.check.flame import resolution

        resolution(sim.flow, config, say)
        if trial:
            from combust.check.trial import tried

            tried(sim, config, say)
    return 0


class Say:
    """Lines of the root."""

    def __init__(self, comm: Communicator) -> None:
        self.comm = comm

    def text(self, line: str) -> None:
        """On standard output, at once."""
        if self.comm.is_root:
            print(line, flush=True)

    def warn(self, sentence: str) -> None:
        """On standard error."""
        if self.comm.is_root:
            print(f"warning: {sentence}", file=sys.stderr, flush=True)


def counted(config: Config, comm: Communicator, ranks: int | None, say: Say) -> bool:
    """Says how cells and memory are shared; whether the ranks that run this have the room to build the case."""
    from combust.check.memory import account, require_memory, shape_of, size_of
    from combust.kinetics.mechanism.mechanism import Mechanism

    gas = config.gas
    species = len(Mechanism.load(gas.mechanism, gas.phase, "cpu", gas.ions).species)
    shape, wanted, have = shape_of(config), ranks or comm.size, machine_memory()
    size = size_of(config, shape, wanted, species)
    process = comm.max(float(resident_memory() or 0.0))[0] or None
    parts = account(config, size, wanted, process)
    total = sum(parts.values())
    if ranks is None:
        require_memory(config, species, comm.size)
    cells = shape[0] * shape[1] * shape[2]
    blocks = " x ".join(str(n) for n in reversed(size.dims))
    say.text(f"cells:    {cells} on {wanted} rank(s), {size.least} to {size.cells} each")
    say.text(f"blocks:   {blocks} (x, y, z)")
    shares = ", ".join(f"{name} {value / 1e6:.0f}" for name, value in parts.items() if value >= 5e5)
    all_of_them = f"; {wanted * total / 1e9:.3g} GB together" if wanted > 1 else ""
    say.text(f"memory:   {total / 1e6:.0f} MB per rank at the peak ({shares}){all_of_them}; "
             f"this machine has {have / 1e9:.3g} GB")  # fmt: skip
    if wanted * total > have:
        say.warn(f"memory: {wanted} rank(s) need {wanted * total / 1e9:.3g} GB, this machine has {have / 1e9:.3g} GB: "
                 f"take fewer cells, or spread the ranks over at least {-(-wanted * total // have):.0f} machines like "
                 "this one")  # fmt: skip
    here = size_of(config, shape, comm.size, species) if wanted != comm.size else size
    return comm.size * sum(account(config, here, comm.size, process).values()) <= have


def built(config: Config, comm: Communicator) -> Simulation:
    """The flow and its time loop as a run would begin them; files are not touched."""
    from combust.run.build import build
    from combust.run.run import check_names, simulation

    flow = build(config, comm)
    check_names(flow, config)
    return simulation(flow, config, Folder(config.output.directory or "."))


def first_step(sim: Simulation, config: Config, say: Say) -> None:
    """Says the first step that the run takes, and what the flow would bear."""
    dt, what = sim.shortened(*sim.free_step())
    stable, limit = sim.flow.limit()
    say.text(f"first dt: {dt:.4g} s ({what}; stable: {stable:.4g} s, {limit})")
