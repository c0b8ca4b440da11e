"""Runs a case: `python -m combust.run case.toml` is `combust run case.toml`."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from combust import __version__
from combust.errors import ConfigError, DivergenceError, FileFormatError, at
from combust.io.blocks import OutputError, on_root, write_text
from combust.io.changes import differences
from combust.io.checkpoint import Checkpoint, DamagedFileError, read_checkpoint, require_complete
from combust.io.folder import Folder
from combust.io.lock import locked
from combust.parallel import Communicator
from combust.run.hooks import Checkpoints, Concerns, Fields, Guard, Series
from combust.run.progress import Log, log, tell
from combust.run.simulation import Flow, Limits, Outcome, Simulation
from combust.run.summary import summarize, write_summary
from combust.settings.base import seconds
from combust.settings.config import load, to_toml
from combust.settings.running import Config, Every


def run(
    case: str,
    comm: Communicator,
    overrides: Sequence[str] = (),
    restart: str | None = None,
    force: bool = False,
    change: bool = False,
) -> int:
    """Runs the case file to its end on all ranks of `comm`; returns the exit code.

    restart : None, "auto" (newest whole checkpoint of the output folder, if any) or a checkpoint file
    change : continue a checkpoint though the physics of the case are other than those that wrote it
    The output folder is this run's alone (combust.io.lock). A run that fails before its first step leaves no file, and
    replaces none.
    Raises CombustError for what was wrong before the first step, OutputError if a file cannot be written.
    """
    config = on_root(comm, lambda: load(case, overrides))
    folder = Folder(config.output.directory or ".")
    log(comm)
    with locked(folder.path, comm):
        again = on_root(comm, lambda: restart not in (None, "auto") or restart == "auto" and bool(folder.checkpoints()))
        on_root(comm, lambda: folder.check(again, force or restart == "auto"))
        if comm.is_root:
            print(f"combust {__version__}: {config.title}; {comm.size} rank(s), output in {folder.path}", flush=True)
        # torch and the solver: seconds, so only after the case file is known to be good
        from combust.run.build import build

        with at(case):
            sim = simulation(build(config, comm), config, folder)
        source = continued(sim, config, folder, restart, change) if again else None
        check_names(sim.flow, config)
        on_root(comm, lambda: folder.clear(again))
        with nothing_left_of_a_failure(sim, folder):
            on_root(comm, lambda: write_text(folder.next_case(), header(source) + to_toml(config)))
            outcome = advance(sim, folder)
            summary = summarize(sim, config, outcome) | {"continues": source and asdict(source)}
            on_root(comm, lambda: write_summary(folder.summary, summary))
        tell(sim, folder, outcome)
    return outcome.exit_code


@dataclass(frozen=True)
class Source:
    """The checkpoint that a run continues, and what is other in its case, each as "key: value then, now value"."""

    checkpoint: str
    step: int
    time: float
    changes: list[str]


def continued(sim: Simulation, config: Config, folder: Folder, restart: str | None, change: bool) -> Source:
    """Takes the state of a checkpoint and says so. Raises ConfigError with what differs, unless `change`."""
    path, saved = find_checkpoint(sim.flow, folder, restart, change)
    changes = differences(saved.meta.get("case", ""), config)
    if saved.meta["identity"].get("mechanism") != sim.flow.identity().get("mechanism"):
        changes = ["gas.mechanism: another file with the same species", *changes]
    if changes and not change:
        raise ConfigError(
            f"{path}: was written by a case with other physics: {'; '.join(changes)}. Continue with what was given "
            "then, or with --change as it is now, or start anew with another --out"
        )
    sim.restore(saved.meta, saved.arrays)
    if sim.comm.is_root:
        print(f"continues {path}: step {sim.flow.step}, t = {sim.flow.time:.9g} s", flush=True)
        for text in changes:
            print(f"changed:     {text}", flush=True)
    return Source(str(path), sim.flow.step, sim.flow.time, changes)


def header(source: Source | None) -> str:
    """Comments of a case that continues another."""
    if source is None:
        return ""
    lines = [f"continues {source.checkpoint}: step {source.step}, t = {source.time!r} s", *source.changes]
    return "".join("# " + json.dumps(line, ensure_ascii=False)[1:-1] + "\n" for line in lines)


def check_names(flow: Flow, config: Config) -> None:
    """Raises ConfigError for a field or quantity that is asked for and unknown, before any file is touched."""
    for name in config.output.fields.names:
        flow.field(name)
    for name in config.output.series.quantities:
        flow.quantity(name)


@contextmanager
def nothing_left_of_a_failure(sim: Simulation, folder: Folder) -> Iterator[None]:
    """Removes what a run has written that ends with an error before its first step is done."""
    kept, first = set(folder.listed()), sim.flow.step
    try:
        yield
    except BaseException:
        if sim.comm.is_root and sim.flow.step == first:
            folder.drop(kept)
        raise


def simulation(flow: Flow, config: Config, folder: Folder) -> Simulation:
    """The flow with the hooks and limits that the case asks for."""
    stop, numerics, output = config.stop, config.numerics, config.output
    limits = Limits(
        stop_time=stop.time or math.inf,
        stop_steps=stop.steps or math.inf,
        stop_wall=seconds(stop.wall) if stop.wall is not None else math.inf,
        dt_fixed=numerics.dt,
        cfl=numerics.cfl,
        dt_max=numerics.dt_max or math.inf,
        growth=numerics.growth,
    )
    hooks = [
        Guard(Every(steps=10)),
        Fields(folder, output.fields.names, output.fields.every),
        Concerns(output.fields.every),
        Series(folder, output.series.quantities, output.series.every),
        Checkpoints(folder, output.checkpoint.every, output.checkpoint.keep, to_toml(config)),
        Log(output.log.every),
    ]
    return Simulation(flow, hooks, limits)


def find_checkpoint(flow: Flow, folder: Folder, restart: str | None, change: bool = False) -> tuple[Path, Checkpoint]:
    """Reads the checkpoint `restart`, or with "auto" the newest that is whole; warns of damaged ones.

    change : of the identity, the mechanism may be another one with the same species
    """
    block, identity = flow.block, flow.identity()

    def read(path: Path) -> tuple[Path, Checkpoint]:
        saved = read_checkpoint(path, block, identity, ("mechanism",) if change and "species" in identity else ())
        require_complete(path, saved, block, flow.state())
        return path, saved

    if restart not in (None, "auto"):
        return read(Path(restart))
    for path in block.comm.bcast(folder.checkpoints()):
        try:
            return read(path)
        except DamagedFileError as error:
            if block.comm.is_root:
                print(f"warning: {error}; trying the one before", file=sys.stderr, flush=True)
    raise FileFormatError(f"{folder.path}: no checkpoint there is whole; start anew with --force")


def advance(sim: Simulation, folder: Folder) -> Outcome:
    """Runs the simulation; a lost solution is an outcome, and errors name the last good checkpoint.

    Raises DivergenceError where not even the first step was done: there is nothing to keep.
    """
    try:
        return sim.run()
    except DivergenceError as error:
        if sim.flow.step == sim.first_step:
            left = f"no step was done, and nothing of this run is left in {folder.path}"
            raise DivergenceError(f"{error}; {left}") from error
        return Outcome("diverged", f"{error}; {last_good(sim, folder)}", DivergenceError.exit_code)
    except OutputError as error:
        raise OutputError(f"{error}; {last_good(sim, folder)}") from error


def last_good(sim: Simulation, folder: Folder) -> str:
    newest = sim.comm.bcast(folder.checkpoints())[:1]
    return f"last good checkpoint: {newest[0]}" if newest else "no checkpoint was written yet"
