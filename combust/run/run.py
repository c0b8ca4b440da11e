"""Runs a case to its end, or continues it from a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from combust import __version__
from combust.case.config import Config
from combust.case.load import load, to_toml
from combust.errors import at
from combust.io.blocks import write_text
from combust.io.folder import Folder
from combust.io.lock import locked
from combust.parallel import ALONE, Communicator, on_root
from combust.report.meter import SILENT, Reporter
from combust.run.ahead import compiled_ahead
from combust.run.summary import RunReport, summarize, write_summary

if TYPE_CHECKING:
    from combust.run.simulation import Hook


def run(
    case: str | Path,
    comm: Communicator = ALONE,
    overrides: Sequence[str] = (),
    restart: str | None = None,
    force: bool = False,
    change: bool = False,
    reporter: Reporter = SILENT,
    more: Callable[[Config], Sequence[Hook]] = lambda config: (),
) -> RunReport:
    """Runs the case file to its end on all ranks of `comm` (collective); one process alone by default.

    overrides : "table.key=value" each;  restart : "auto" (newest whole checkpoint, if any) or a checkpoint file
    force : remove combust's files from a folder that is not empty
    change : continue a checkpoint though the physics of the case are other than those that wrote it
    reporter : hears what is run, and what is doubtful while it runs;  more : hooks beside those of the case
    The output folder is this run's alone (combust.io.lock). A run that fails before its first step leaves no file, and
    replaces none. A solution that is lost later is a report with the reason "diverged".
    Raises CombustError for what was wrong before the first step, OutputError if a file cannot be written.
    """
    config = on_root(comm, lambda: load(case, overrides))
    folder = Folder(config.output.directory or ".")
    with locked(folder.path, comm), ExitStack() as beside:
        again = on_root(comm, lambda: restart not in (None, "auto") or restart == "auto" and bool(folder.checkpoints()))
        on_root(comm, lambda: folder.check(again, force or restart == "auto"))
        reporter.say(f"combust {__version__}: {config.title}; {comm.size} rank(s), output in {folder.path}")
        beside.enter_context(compiled_ahead(config, comm, reporter))
        # torch and the solver: seconds, so only after the case file is known to be good, and machine code on its way
        from combust.run import course
        from combust.run.build import build
        from combust.run.compilation import Compilation
        from combust.run.earlier import beginning, keep

        with at(case):
            begun = on_root(comm, lambda: beginning(config, folder, restart, again))
            compilation = Compilation(config, reporter)
            sim = course.simulation(build(begun, comm), config, folder, reporter, more(config))
            sim.hooks = [compilation, *sim.hooks]
        source = course.continued(sim, config, folder, restart, change, reporter) if again else None
        course.check_names(sim.flow, config)
        on_root(comm, lambda: folder.clear(again))
        with course.nothing_left_of_a_failure(sim, folder), closing(compilation):
            on_root(comm, lambda: write_text(folder.next_case(), course.header(source) + to_toml(config)))
            on_root(comm, lambda: keep(begun, folder))
            outcome = course.advance(sim, folder)
            summary = summarize(sim, config, outcome) | {"continues": source and asdict(source)}
            on_root(comm, lambda: write_summary(folder.summary, summary))
        return course.ended(sim, folder, outcome, summary, source)
