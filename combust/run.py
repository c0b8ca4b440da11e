"""Runs a case: `python -m combust.run case.toml` is `combust run case.toml`."""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from combust import __version__
from combust.config import load, to_toml
from combust.errors import DivergenceError, FileFormatError, at
from combust.hooks import Checkpoints, Concerns, Fields, Guard, Series
from combust.io.blocks import OutputError, on_root, write_text
from combust.io.checkpoint import Checkpoint, DamagedFileError, read_checkpoint, require_complete
from combust.io.folder import Folder
from combust.io.summary import summarize, write_summary
from combust.parallel import Communicator
from combust.progress import Log, tell
from combust.settings.base import seconds
from combust.settings.running import Config, Every
from combust.simulation import Flow, Limits, Outcome, Simulation


def run(
    case: str,
    comm: Communicator,
    overrides: Sequence[str] = (),
    restart: str | None = None,
    force: bool = False,
) -> int:
    """Runs the case file to its end on all ranks of `comm`; returns the exit code.

    restart : None, "auto" (newest whole checkpoint of the output folder, if any) or a checkpoint file
    Raises CombustError for what was wrong before the first step, OutputError if a file cannot be written.
    """
    config = on_root(comm, lambda: load(case, overrides))
    folder = Folder(config.output.directory or ".")
    # The root says what takes long (compiling kernels), all ranks what is wrong.
    logging.basicConfig(format="%(message)s", level=logging.INFO if comm.is_root else logging.WARNING)
    again = on_root(comm, lambda: restart not in (None, "auto") or restart == "auto" and bool(folder.checkpoints()))
    on_root(comm, lambda: folder.prepare(again, force or restart == "auto"))
    if comm.is_root:
        print(f"combust {__version__}: {config.title}; {comm.size} rank(s), output in {folder.path}", flush=True)
    from combust.case import build  # torch and the solver: seconds, so only after the case file is known to be good

    with at(case):
        sim = simulation(build(config, comm), config, folder)
    if again:
        saved = find_checkpoint(sim.flow, folder, restart)
        sim.restore(saved.meta, saved.arrays)
    on_root(comm, lambda: write_text(folder.case, to_toml(config)))
    outcome = advance(sim, folder)
    summary = summarize(sim, config, outcome)
    on_root(comm, lambda: write_summary(folder.summary, summary))
    tell(sim, folder, outcome)
    return outcome.exit_code


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


def find_checkpoint(flow: Flow, folder: Folder, restart: str | None) -> Checkpoint:
    """Reads the checkpoint `restart`, or with "auto" the newest that is whole; warns of damaged ones."""
    block = flow.block

    def read(path: Path) -> Checkpoint:
        saved = read_checkpoint(path, block, flow.identity())
        require_complete(path, saved, block, flow.state())
        return saved

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
    """Runs the simulation; a lost solution is an outcome, and errors name the last good checkpoint."""
    try:
        return sim.run()
    except DivergenceError as error:
        return Outcome("diverged", f"{error}; {last_good(sim, folder)}", DivergenceError.exit_code)
    except OutputError as error:
        raise OutputError(f"{error}; {last_good(sim, folder)}") from error


def last_good(sim: Simulation, folder: Folder) -> str:
    newest = sim.comm.bcast(folder.checkpoints())[:1]
    return f"last good checkpoint: {newest[0]}" if newest else "no checkpoint was written yet"


if __name__ == "__main__":
    from combust.__main__ import main

    sys.exit(main(["run", *sys.argv[1:]]))
