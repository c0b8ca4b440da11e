"""combust chain: from a mechanism to a turbulent flame and a report of each link, as far as that is not there yet."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from combust.chain import engine, order, plan
from combust.chain.digests import Digests
from combust.chain.order import Done
from combust.chain.plan import Planned
from combust.chain.settings import load
from combust.chain.stage import Asked, Stage, built_on, named, needed_by
from combust.chain.stages import REPORT, stages_of
from combust.errors import ConfigError
from combust.io.lock import locked
from combust.report.meter import SILENT, Reporter

LOCK = "chain.lock"


@dataclass(frozen=True)
class ChainReport:
    """A chain that is up to date, or what it would do.

    planned : every stage, with why it ran (or would run);  done : those that are up to date now, none of a dry run
    report : the page of the last stage (.html), None where that was not asked for
    """

    out: Path
    planned: tuple[Planned, ...]
    done: tuple[Done, ...]
    report: Path | None

    @property
    def stale(self) -> tuple[Planned, ...]:
        """What was, or is, to be done."""
        return tuple(one for one in self.planned if not one.fresh)


def chain(
    config: str | Path,
    out: str | Path | None = None,
    *,
    changes: Sequence[str] = (),
    quick: bool = False,
    until: str | None = None,
    first: str | None = None,
    only: str | None = None,
    cores: int = 1,
    dry_run: bool = False,
    force: bool = False,
    engine_options: Sequence[str] | None = None,
    tell: Callable[[tuple[Planned, ...]], None] = lambda planned: None,
    reporter: Reporter = SILENT,
) -> ChainReport:
    """Makes all stages of a chain that are not up to date, in order, each in a folder of `out` with a manifest.

    config : TOML file, with "table.key=value" changes;  out : runs/<its name> if omitted, with _quick for `quick`
    quick : with the file's table [quick] put over the rest
    until : the last stage;  first : this stage and all that hang on it are made anew;  only : one stage alone
    cores : processes or threads of a stage;  dry_run : only the plan;  force : make anew what was edited or is foreign
    engine_options : run by Snakemake with these options, () for none;  tell : hears the plan before anything is done

    Raises ConfigError for what cannot be, for files that are not as the chain made them, by name, and with the process
    that holds the folder; what a stage raises, with its name; Stopped on a signal. What is finished is kept.
    """
    settings = load(config, changes, quick)
    folder = Path(out or f"runs/{Path(config).stem}{'_quick' if quick else ''}")
    asked = Asked(folder, cores, lambda stage: alone(config, folder, changes, quick, stage))
    return of_stages(
        chosen(stages_of(settings, folder), until, first, only), asked, first=first, only=only,
        dry_run=dry_run, force=force, engine_options=engine_options, tell=tell, reporter=reporter,
    )  # fmt: skip


def alone(config: str | Path, out: Path, changes: Sequence[str], quick: bool, stage: Stage) -> list[str]:
    """The words of a process that makes one stage."""
    words = [sys.executable, "-m", "combust", "chain", str(config), "--only", stage.name, "--out", str(out)]
    words += ["--cores", str(stage.needs.cores)]
    return words + ["--quick"] * quick + [word for text in changes for word in ("--set", text)]


def chosen(stages: Sequence[Stage], until: str | None, first: str | None, only: str | None) -> tuple[Stage, ...]:
    """The stages of a call. Raises ConfigError for a name that there is not, or options that do not go together."""
    for what, name in (("--until", until), ("--from", first), ("--only", only)):
        if name is not None:
            named(stages, name, what)
    if only is not None and (until, first) != (None, None):
        raise ConfigError("--only: goes with neither --until nor --from")
    last = until or only
    found = tuple(stages) if last is None else needed_by(stages, last)
    if first is not None and first not in {stage.name for stage in found}:
        raise ConfigError(f"--from {first}: comes after --until {until}, or does not lead to it")
    return found


def of_stages(
    stages: Sequence[Stage],
    asked: Asked,
    *,
    first: str | None = None,
    only: str | None = None,
    dry_run: bool = False,
    force: bool = False,
    engine_options: Sequence[str] | None = None,
    tell: Callable[[tuple[Planned, ...]], None] = lambda planned: None,
    reporter: Reporter = SILENT,
) -> ChainReport:
    """`chain` of stages as they are."""
    if asked.cores < 1:
        raise ConfigError(f"--cores {asked.cores}: must be at least 1")
    out = asked.out
    if dry_run:
        found = planned(stages, out, Digests(out), first, force)
        tell(found)
        return ChainReport(out, found, (), None)
    with locked(out, name=f"{only}.job.lock" if only else LOCK):
        digests = Digests(out)
        found = planned(stages, out, digests, first, force)
        tell(found)
        if only is not None:
            require_ready(found, only)
        for one in found:
            if not one.fresh:
                one.stage.check()
        if engine_options is not None and any(not one.fresh for one in found):
            engine.run(found, asked, engine_options, force, reporter)
        again = built_on(stages, first) if first and engine_options is None else set()
        done = order.run(stages, out, digests, again, force, asked.cores, reporter)
        digests.save()
    page = out / REPORT / "report.html"
    return ChainReport(out, found, tuple(done), page if any(one.stage.name == REPORT for one in done) else None)


def planned(
    stages: Sequence[Stage], out: Path, digests: Digests, first: str | None, force: bool
) -> tuple[Planned, ...]:
    """The plan. Raises ConfigError where a stage before `first` is not up to date."""
    again = built_on(stages, first) if first else set()
    found = plan.plan(stages, out, digests, again, force)
    for one in found:
        if first and one.stage.name == first:
            break
        if first and not one.fresh:
            raise ConfigError(
                f"--from {first}: stage {one.stage.name} before it is not up to date ({one.words()}): leave --from "
                f"out, "
                f"or begin with --from {one.stage.name}"
            )
    return found


def require_ready(found: Sequence[Planned], only: str) -> None:
    """Raises ConfigError where stages before the one are not up to date."""
    for one in found:
        if one.stage.name != only and not one.fresh:
            raise ConfigError(f"--only {only}: stage {one.stage.name} before it is not up to date ({one.words()})")
