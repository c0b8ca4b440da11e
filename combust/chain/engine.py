"""A chain run by Snakemake: rules wire manifests and call one stage each; what is stale the manifests say."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from combust.chain import manifest as manifests
from combust.chain.plan import Planned
from combust.chain.stage import Asked, Stage
from combust.errors import CombustError, ConfigError, DependencyError
from combust.interrupts import Stopped
from combust.report.meter import Reporter

FOLDER, PLAN, RULES = "engine", "plan.json", "Snakefile"
COMMAND = "snakemake"


class EngineError(CombustError):
    """The engine ended with a stage that failed."""

    exit_code = 1


def run(planned: Sequence[Planned], asked: Asked, options: Sequence[str], force: bool, reporter: Reporter) -> None:
    """Lets the engine make what is stale. Raises DependencyError without it, EngineError where a stage failed.

    The caller holds the chain's lock, so that a lock that Snakemake left is of no living process, and goes.
    """
    if force or any("asked for anew" in one.reasons for one in planned):
        raise ConfigError("--force and --from: go without an engine (leave out what stands after --)")
    command = found()
    where = asked.out / FOLDER
    where.mkdir(parents=True, exist_ok=True)
    (where / PLAN).write_text(json.dumps(plan_of(planned, asked), indent=1) + "\n", encoding="utf-8")
    stamps(planned, asked.out)
    base = [
        *command,
        "--snakefile",
        str(Path(__file__).parent / RULES),
        "--directory",
        str(where),
        "--config",
        f"plan={PLAN}",
    ]
    if any((where / ".snakemake" / "locks").glob("*")):
        reporter.say("    the engine's lock is of a process that has ended: it is taken off")
        call([*base, "--unlock", "--quiet", "--cores", "1"])
    more = ["--cores", str(asked.cores)] if not {"--cores", "-c", "--jobs", "-j"} & set(options) else []
    code = call([
        *base, "--rerun-incomplete", "--keep-incomplete", "--rerun-triggers", "input", "--quiet", "rules", *more,
        *options,
    ])  # fmt: skip
    if code:
        raise EngineError(
            f"{COMMAND} ended with {code}: the message above says which stage failed; what is finished is kept, and "
            "the same command goes on"
        )


def found() -> list[str]:
    """The engine's command. Raises DependencyError."""
    own = shutil.which(COMMAND, path=os.path.dirname(sys.executable)) or shutil.which(COMMAND)
    if own is None:
        raise DependencyError(
            f'{COMMAND} is not there: pip install "combust[chain]", or leave out what stands after --: without an '
            "engine the stages run in order, to the same result"
        )
    return [own]


def call(command: Sequence[str]) -> int:
    """Its exit code; what it says goes where combust's own words go. Raises Stopped on a signal."""
    with subprocess.Popen(command) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.wait()
            raise Stopped("stopped: the same command goes on") from None


def plan_of(planned: Sequence[Planned], asked: Asked) -> dict[str, Any]:
    """What the rules read: a stage, those before it, its command, what it needs."""
    return {
        "stages": [
            {
                "name": one.stage.name,
                "after": list(one.stage.after),
                "command": command_of(one.stage, asked),
                "threads": one.stage.cores,
                "resources": resources_of(one.stage),
            }
            for one in planned
        ]
    }


def resources_of(stage: Stage) -> dict[str, Any]:
    """As Snakemake's executors know them: a job of ranks has as many tasks of one processor, which it starts itself."""
    found: dict[str, Any] = {"mem_mb": stage.needs.memory, "runtime": stage.needs.minutes}
    return found | ({"mpi": "mpirun", "tasks": stage.ranks, "cpus_per_task": 1} if stage.ranks > 1 else {})


def command_of(stage: Stage, asked: Asked) -> str:
    """One stage by a process of its own, then a copy of its manifest, by which the engine knows that it is done."""
    made, stamp = asked.out / stage.name / manifests.NAME, asked.out / FOLDER / f"{stage.name}.json"
    copied = shlex.join(["cp", str(made), str(stamp)])
    return f"cd {shlex.quote(os.getcwd())} && {shlex.join(asked.words(stage))} && {copied}"


def stamps(planned: Sequence[Planned], out: Path) -> None:
    """Copies of the manifests of fresh stages; of stale ones none, so that the engine calls them.

    A stage that turns out to be up to date when what it reads was made anew says so and costs a second.
    """
    for one in planned:
        stamp = out / FOLDER / f"{one.stage.name}.json"
        if not one.fresh:
            stamp.unlink(missing_ok=True)
        else:
            shutil.copyfile(out / one.stage.name / manifests.NAME, stamp)
