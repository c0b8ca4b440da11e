"""combust reduce: a small mechanism of a large one, with a report of what it does worse."""

from __future__ import annotations

import argparse
import math
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cantera as ct

from combust import __version__
from combust.errors import FileFormatError, MechanismError, at
from combust.interrupts import STOPPED, stoppable
from combust.io.lock import locked
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.mechanism.mixtures import streams
from combust.reduction import chain
from combust.reduction.cases.evaluate import Evaluator
from combust.reduction.cases.samples import Samples, require_inputs, sample
from combust.reduction.folder import Folder
from combust.reduction.report import report
from combust.reduction.select import qss
from combust.reduction.select.search import Judgement
from combust.reduction.select.targets import default_targets, rows_of
from combust.reduction.settings import Reduction, load
from combust.report.meter import Meter
from combust.settings.ranges import stream
from combust.timers import clock


def reduce(args: argparse.Namespace) -> int:
    """Runs the reduction of a TOML file; the exit code. All names are checked before anything long is computed."""
    settings = load(args.config, args.set)
    folder = Folder(Path(args.out or f"runs/{Path(args.config).stem}"), args.force, args.resume)
    gas = Mechanism.load(settings.mechanism, settings.phase, ions=settings.ions)
    with at(args.config):
        check(settings, gas)
    with locked(folder.path):
        folder.claim(settings, gas.sha256)
        meter = Meter()
        describe(settings, gas, meter)
        try:
            with stoppable():
                run(settings, gas, folder, command(args), meter)
        except KeyboardInterrupt:
            meter.say("stopped: the same command with --resume continues")
            return STOPPED
        finally:
            meter.clear()
    return 0


def check(settings: Reduction, gas: Mechanism) -> None:
    """Raises MechanismError for a species that the mechanism lacks, ConfigError for what else cannot be."""
    cases = settings.cases
    tables = {"": settings} | {f"conditions[{i}].": table for i, table in enumerate(settings.conditions)}
    for place, table in tables.items():
        for key in ("fuel", "oxidizer"):
            with at(place + key):
                gas.composition(stream(getattr(table, key) or getattr(settings, key)))
        streams(gas, *(stream(getattr(table, key) or getattr(settings, key)) for key in ("fuel", "oxidizer")))
    require_inputs(gas, gas.cantera(), cases)
    for name in settings.retain:
        gas.index(name)
    watched = chain.species_of(chain.tolerances(settings, cases))
    for name in watched:
        gas.index(name)
    rows_of(gas, settings.graph.targets or default_targets(gas, cases, watched))


def describe(settings: Reduction, gas: Mechanism, meter: Meter) -> None:
    """Prints what is to be done."""
    meter.say(f"{gas.path}: {len(gas.species)} species, {gas.rates.order.shape[0]} reactions")
    for case in settings.cases:
        meter.say(f"  {case}" + (" (held out)" if case.held_out else ""))
    limits = chain.tolerances(settings, settings.cases)
    meter.say("tolerances: " + ", ".join(f"{name} {100 * limit:g} %" for name, limit in limits.items()))


def run(settings: Reduction, gas: Mechanism, folder: Folder, command: str, meter: Meter) -> None:
    """The detailed mechanism, samples, steps, held-out conditions, files."""
    seconds: dict[str, float] = {}
    progress, how = chain.begin(settings, gas), settings.search
    watch = chain.watch_of(settings, progress.tolerance)
    with Evaluator(
        progress.parent, progress.cases, progress.tolerance, watch, how.workers, done=meter.reach, engine=how.engine
    ) as evaluator:
        with timed(seconds, "detailed mechanism"):  # first, as it solves in parallel the flames that samples are of
            evaluator.references()
        with timed(seconds, "samples"):
            progress.samples = sampled(settings, gas, folder, meter)
        chain.reduce(progress, evaluator, meter.say)
        with timed(seconds, "held-out conditions"):
            held_out = judged_apart(progress, evaluator)
        write_mechanism(folder.mechanism, progress, held_out, command)
        report.write(folder.path, progress, evaluator, held_out, command, seconds)
    meter.clear()
    tell(progress, held_out, folder)


def sampled(settings: Reduction, gas: Mechanism, folder: Folder, meter: Meter) -> Samples:
    """States of the conditions of the search; those of an interrupted run if they are there."""
    cases = tuple(case for case in settings.cases if not case.held_out)
    if folder.samples.exists():
        try:
            found = Samples.read(folder.samples)
        except FileFormatError as error:
            meter.say(f"samples are taken again: {error}")
        else:
            if found.cases == cases and found.sha256 == gas.sha256:
                return found
    of_cases = Meter("conditions sampled")
    found = sample(gas, cases, lambda row, case, states: of_cases.reach(row + 1, len(cases)))
    of_cases.clear()
    found.write(folder.samples)
    meter.say(f"{len(found)} states sampled")
    return found


def judged_apart(progress: chain.Progress, evaluator: Evaluator) -> Judgement | None:
    """What the result does at held-out conditions, if there are any."""
    if not any(case.held_out for case in progress.cases):
        return None
    return evaluator.judge([progress.best.subset], held_out=True, limit=math.inf)[0]


def write_mechanism(path: Path, progress: chain.Progress, held_out: Judgement | None, command: str) -> None:
    """The YAML file with its origin; it is read again, by Cantera and by combust, before anyone relies on it."""
    subset, parent = progress.best.subset, progress.parent
    origin, title = provenance(progress, held_out, command), f"Reduced from {Path(parent.gas.path).name}"
    if subset.qss:
        text, module = qss.export(parent, subset, subset.qss, origin, title)
        path.with_name("qss_cantera.py").write_text(module, encoding="utf-8")
    else:
        text = parent.yaml(subset, origin, title)
    path.write_text(text, encoding="utf-8")
    again = ct.Solution(str(path))
    Mechanism.load(path, ions=parent.gas.ions)
    if subset.qss:
        return  # reactions that are not linear in QSS species are gone
    if (again.n_species, again.n_reactions) != (len(subset.species), len(subset.reactions)):
        raise MechanismError(f"{path}: holds {again.n_species} species and {again.n_reactions} reactions, not {subset}")


def provenance(progress: chain.Progress, held_out: Judgement | None, command: str) -> dict[str, Any]:
    """Where a reduced mechanism comes from; the same for the same work, but for the date."""
    gas = progress.parent.gas
    return {
        "parent": {"file": Path(gas.path).name, "phase": gas.name, "sha256": gas.sha256},
        "method": [f"{s.name}: {s.judgement.subset}" for s in progress.stages],
        "targets": progress.targets,
        "tolerance": progress.tolerance,
        "errors": {
            "search": worst_errors(progress.best),
            "held-out": worst_errors(held_out) if held_out is not None else None,
        },
        "command": command,
        "combust": __version__,
        "written": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


def worst_errors(judgement: Judgement) -> dict[str, float | str]:
    """Greatest error of each metric over the cases."""
    found: dict[str, float] = {}
    for errors in judgement.errors.values():
        for metric, error in errors.items():
            found[metric] = max(found.get(metric, 0.0), error)
    return {metric: error if math.isfinite(error) else "fails" for metric, error in found.items()}


def tell(progress: chain.Progress, held_out: Judgement | None, folder: Folder) -> None:
    """Last words: the steps, the errors, the files."""
    print(f"{'step':<14} {'species':>8} {'reactions':>10} {'error/tolerance':>16} {'time':>12}")
    for stage in progress.stages:
        subset, score = stage.judgement.subset, stage.judgement.score
        counts = f"{len(subset.species) - len(subset.qss):8d} {len(subset.reactions):10d}"
        print(f"{stage.name:<14} {counts} {score:16.3f} {clock(stage.seconds):>12}")
    if held_out is not None:
        print(f"held-out conditions: greatest error over tolerance {held_out.score:.3f} ({held_out.why or 'no error'})")
    print(f"mechanism: {folder.mechanism}")
    print(f"report:    {folder.path / 'report.html'} (and .md, .json)")


def command(args: argparse.Namespace) -> str:
    """The command line that gives this result, whether or not it was interrupted."""
    changes = [word for text in args.set for word in ("--set", text)]
    return shlex.join(["combust", "reduce", args.config, *changes, *(["--out", args.out] if args.out else [])])


@contextmanager
def timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Notes how long the block took."""
    begin = time.monotonic()
    yield
    seconds[name] = time.monotonic() - begin
