"""What a run is made of once torch is loaded: the flow with its hooks and limits, a checkpoint, the end."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from combust.case.changes import apart, differences, put_in
from combust.case.config import Config
from combust.case.load import to_toml
from combust.case.running import Every
from combust.cfd.model.flow import Renewing
from combust.cfd.sources.base import SO_FAR
from combust.errors import ConfigError, DivergenceError, FileFormatError, OutputError, at
from combust.io.checkpoint import Checkpoint, DamagedFileError, read_checkpoint, require_complete
from combust.io.folder import Folder
from combust.report.meter import SILENT, Reporter
from combust.run.hooks import Checkpoints, Concerns, Guard, Scheduled, Series, Snapshots
from combust.run.probes import probes
from combust.run.simulation import Flow, Hook, Limits, Outcome, Simulation, has_quantity
from combust.run.statistics import Conditional, MeanFields, ShellSpectra
from combust.run.steady import SteadyStop
from combust.run.summary import ContinuedRun, RunReport
from combust.settings.base import seconds


def ended(
    sim: Simulation, folder: Folder, outcome: Outcome, summary: dict[str, Any], source: ContinuedRun | None
) -> RunReport:
    """The report of a run that is over (collective)."""
    speed = sim.flow.quantity("flame_speed") if has_quantity(sim.flow, "flame_speed") else math.nan
    flow = sim.flow
    return RunReport(
        outcome.reason, outcome.message, outcome.exit_code, folder, flow.step, flow.time, sim.wall, speed, summary,
        source,
    )  # fmt: skip


def continued(
    sim: Simulation, config: Config, folder: Folder, restart: str | None, change: bool, reporter: Reporter
) -> ContinuedRun:
    """Takes the state of a checkpoint and says so. Raises ConfigError with what differs, unless `change`."""
    path, saved = find_checkpoint(sim.flow, config, folder, restart, change, reporter)
    changes = differences(saved.meta.get("case", ""), config)
    if saved.meta["identity"].get("mechanism") != sim.flow.identity().get("mechanism"):
        changes = ["gas.mechanism: another file with the same species", *changes]
    if changes and not change:
        raise ConfigError(
            f"{path}: was written by a case with other physics: {'; '.join(changes)}. Continue with what was given "
            "then, or with --change as it is now, or start anew with another --out"
        )
    sim.restore(saved.meta, amounts(path, saved.meta, reporter) | saved.arrays)
    reporter.say(f"continues {path}: step {sim.flow.step}, t = {sim.flow.time:.9g} s")
    for text in changes:
        reporter.say(f"changed:     {text}")
    return ContinuedRun(str(path), sim.flow.step, sim.flow.time, changes)


def amounts(path: Path, meta: dict[str, Any], reporter: Reporter) -> dict[str, np.ndarray]:
    """What the sources of a checkpoint's own case had put in, for one of a version that wrote none of it."""
    found = put_in(meta.get("case", ""), meta["loop"]["time"])
    if found is None:
        reporter.warn(
            f"{path}: its sources are of another version: unless it says what they had put in, it counts as 0"
        )
    return {SO_FAR + name: np.array([0.0, amount]) for name, amount in (found or {}).items()}


def header(source: ContinuedRun | None) -> str:
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


def simulation(
    flow: Flow, config: Config, folder: Folder, reporter: Reporter = SILENT, more: Sequence[Hook] = ()
) -> Simulation:
    """The flow with the hooks and limits that the case asks for, and more hooks."""
    output = config.output
    hooks = [
        Guard(Every(steps=10)),
        Snapshots(folder, output.fields.names, output.fields.every),
        Concerns(output.fields.every, reporter),
        Series(folder, output.series.quantities, output.series.every),
        *measured(flow, config, folder, reporter),
        Checkpoints(folder, output.checkpoint.every, output.checkpoint.keep, to_toml(config)),
        *more,
    ]
    return Simulation(flow, hooks, limits_of(config))


def limits_of(config: Config) -> Limits:
    """When a case ends, and the bounds on its step."""
    stop, numerics = config.stop, config.numerics
    return Limits(
        stop_time=stop.time or math.inf,
        stop_steps=stop.steps or math.inf,
        stop_wall=seconds(stop.wall) if stop.wall is not None else math.inf,
        dt_fixed=numerics.dt,
        cfl=numerics.cfl,
        dt_max=numerics.dt_max or math.inf,
        dt_first=numerics.dt_first or math.inf,
        growth=numerics.growth,
    )


def measured(flow: Flow, config: Config, folder: Folder, reporter: Reporter) -> Iterator[Scheduled]:
    """The hooks of probes, averages, conditional means, spectra and of the end of a steady flow. Raises ConfigError."""
    output = config.output
    yield from probes(output.probes, flow, folder)
    if output.averages is not None:
        yield MeanFields(output.averages, flow, folder, reporter)
    for number, table in enumerate(output.conditional):
        with at(f"output.conditional[{number}]"):
            yield Conditional(table, flow, folder)
    if output.spectra is not None:
        with at("output.spectra"):
            yield ShellSpectra(output.spectra, flow, folder)
    if config.stop.steady is not None:
        yield SteadyStop(config.stop.steady, flow)


def find_checkpoint(
    flow: Flow, config: Config, folder: Folder, restart: str | None, change: bool, reporter: Reporter
) -> tuple[Path, Checkpoint]:
    """Reads the checkpoint `restart`, or with "auto" the newest that is whole; warns of damaged ones.

    change : of the identity, the mechanism may be another one with the same species
    """
    block, identity = flow.block, flow.identity()

    def read(path: Path) -> tuple[Path, Checkpoint]:
        may_differ = ("mechanism",) if change and "species" in identity else ()
        saved = read_checkpoint(path, block, identity, may_differ, lambda case, key: apart(case, config, key))
        renewed = flow.renewed() if isinstance(flow, Renewing) else ()
        require_complete(path, saved, block, flow.state(), renewed)
        return path, saved

    if restart not in (None, "auto"):
        return read(Path(restart))
    for path in block.comm.bcast(folder.checkpoints()):
        try:
            return read(path)
        except DamagedFileError as error:
            reporter.warn(f"{error}; trying the one before")
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
