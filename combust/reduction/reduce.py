"""Reduction: a small mechanism of a large one, with a report of what it does worse."""

from __future__ import annotations

import math
import shlex
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from combust.errors import ConfigError, FileFormatError, at
from combust.interrupts import Stopped, stoppable
from combust.io.lock import locked
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.mechanism.mixtures import streams
from combust.reduction import chain
from combust.reduction.cases.evaluate import Evaluator
from combust.reduction.cases.samples import Samples, require_inputs, sample
from combust.reduction.chain import Stage
from combust.reduction.folder import Folder
from combust.reduction.mechanism_file import write_mechanism
from combust.reduction.report import report
from combust.reduction.select.search import Judgement
from combust.reduction.select.targets import default_targets, rows_of
from combust.reduction.settings import Reduction, load
from combust.report.meter import SILENT, Reporter
from combust.settings.ranges import stream


@dataclass(frozen=True, eq=False)
class Reduced:
    """A reduced mechanism, and how it was found."""

    mechanism: Path  # Cantera's YAML
    report: Path  # HTML; beside it the same as .md and .json
    stages: tuple[Stage, ...]  # the steps in order; the last one's part of the mechanism is what was written
    held_out: Judgement | None  # at the conditions that the search did not see; None if there are none

    @property
    def best(self) -> Judgement:
        """The result: what is kept, and its errors at the conditions of the search."""
        return self.stages[-1].judgement


def reduce(
    config: Reduction | str | Path,
    out: str | Path | None = None,
    *,
    changes: Sequence[str] = (),
    resume: bool = False,
    force: bool = False,
    reporter: Reporter = SILENT,
) -> Reduced:
    """Reduces a mechanism and writes it with a report.

    config : settings, or the path of a TOML file, with "table.key=value" changes
    out : the folder; runs/<name of the config> if omitted
    resume, force : continue what was interrupted; remove the files of an earlier reduction

    All names are checked before anything long is computed. Raises ConfigError, MechanismError for what cannot be,
    DivergenceError where the detailed mechanism fails, Stopped on a signal: what is judged is kept for `resume`.
    """
    if isinstance(config, Reduction):
        if changes:
            raise ConfigError("changes: go with the path of a file; change settings by msgspec.structs.replace")
        settings, where, name = config, "settings", config.title or "reduction"
    else:
        settings, where, name = load(config, changes), str(config), Path(config).stem
    folder = Folder(Path(out or f"runs/{name}"), force, resume)
    gas = Mechanism.load(settings.mechanism, settings.phase, ions=settings.ions)
    with at(where):
        check(settings, gas)
    words = command(where, changes, out) if config is not settings else "combust.reduction.reduce, from Python"
    with locked(folder.path):
        folder.claim(settings, gas.sha256)
        describe(settings, gas, reporter)
        try:
            with stoppable():
                return run(settings, gas, folder, words, reporter)
        except KeyboardInterrupt:
            raise Stopped("stopped: the same command with --resume continues") from None
        finally:
            reporter.clear()


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


def describe(settings: Reduction, gas: Mechanism, reporter: Reporter) -> None:
    """Says what is to be done."""
    reporter.say(f"{gas.path}: {len(gas.species)} species, {gas.rates.order.shape[0]} reactions")
    for case in settings.cases:
        reporter.say(f"  {case}" + (" (held out)" if case.held_out else ""))
    limits = chain.tolerances(settings, settings.cases)
    reporter.say("tolerances: " + ", ".join(f"{name} {100 * limit:g} %" for name, limit in limits.items()))


def run(settings: Reduction, gas: Mechanism, folder: Folder, command: str, reporter: Reporter) -> Reduced:
    """The detailed mechanism, samples, steps, held-out conditions, files."""
    seconds: dict[str, float] = {}
    progress, how = chain.begin(settings, gas), settings.search
    watch = chain.watch_of(settings, progress.tolerance)
    reporter.of("evaluations")
    with Evaluator(
        progress.parent, progress.cases, progress.tolerance, watch, how.workers, done=reporter.reach, engine=how.engine
    ) as evaluator:
        with timed(seconds, "detailed mechanism"):  # first, as it solves in parallel the flames that samples are of
            evaluator.references()
        with timed(seconds, "samples"):
            progress.samples = sampled(settings, gas, folder, reporter)
        reporter.of("evaluations")
        chain.reduce(progress, evaluator, reporter.say)
        with timed(seconds, "held-out conditions"):
            held_out = judged_apart(progress, evaluator)
        write_mechanism(folder.mechanism, progress, held_out, command)
        report.write(folder.path, progress, evaluator, held_out, command, seconds, reporter)
    reporter.clear()
    return Reduced(folder.mechanism, folder.path / "report.html", tuple(progress.stages), held_out)


def sampled(settings: Reduction, gas: Mechanism, folder: Folder, reporter: Reporter) -> Samples:
    """States of the conditions of the search; those of an interrupted run if they are there."""
    cases = tuple(case for case in settings.cases if not case.held_out)
    if folder.samples.exists():
        try:
            found = Samples.read(folder.samples)
        except FileFormatError as error:
            reporter.say(f"samples are taken again: {error}")
        else:
            if found.cases == cases and found.sha256 == gas.sha256:
                return found
    of_cases = reporter.of("conditions sampled")
    found = sample(gas, cases, lambda row, case, states: of_cases.reach(row + 1, len(cases)))
    of_cases.clear()
    found.write(folder.samples)
    reporter.say(f"{len(found)} states sampled")
    return found


def judged_apart(progress: chain.Progress, evaluator: Evaluator) -> Judgement | None:
    """What the result does at held-out conditions, if there are any."""
    if not any(case.held_out for case in progress.cases):
        return None
    return evaluator.judge([progress.best.subset], held_out=True, limit=math.inf)[0]


def command(where: str, changes: Sequence[str], out: str | Path | None) -> str:
    """The command line that gives this result, whether or not it was interrupted."""
    given = [word for text in changes for word in ("--set", text)]
    return shlex.join(["combust", "reduce", where, *given, *(["--out", str(out)] if out else [])])


@contextmanager
def timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Notes how long the block took."""
    begin = time.monotonic()
    yield
    seconds[name] = time.monotonic() - begin
