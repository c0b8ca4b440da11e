"""The stages of a chain in order, in one process: each is judged anew at its turn, and made where it is stale."""

from __future__ import annotations

import resource
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from combust import __version__
from combust.chain import manifest as manifests
from combust.chain.digests import Digests
from combust.chain.folder import StageFolder
from combust.chain.manifest import Manifest, Output, Wanted
from combust.chain.plan import Planned, standing, why
from combust.chain.stage import Stage, Work
from combust.errors import CombustError, ConfigError, OutputError
from combust.interrupts import Stopped, stoppable
from combust.io.lock import locked
from combust.report.meter import SILENT, Reporter
from combust.timers import clock


@dataclass(frozen=True)
class Done:
    """A stage that is up to date now.

    made : in this call;  same : what others read of it is what it was before
    """

    stage: Stage
    manifest: Manifest
    made: bool
    same: bool


def run(
    stages: Sequence[Stage],
    out: Path,
    digests: Digests,
    again: Collection[str] = (),
    force: bool = False,
    cores: int = 1,
    reporter: Reporter = SILENT,
) -> list[Done]:
    """Makes what is stale, in order. Raises what a stage raises, with its name; what stages before it made is kept."""
    made: dict[str, Manifest] = {}
    found = []
    for stage in stages:
        folder = StageFolder(out, stage.name)
        with locked(out, name=f"{stage.name}.lock"):
            folder.recover()
            before, wrong = standing(folder, digests)
            wanted = manifests.wanted(stage, digests, made)
            reasons = why(stage, before, wanted, (), wrong, stage.name in again)
            if wrong and not force:
                raise ConfigError("; ".join(wrong))
            if not reasons and before is not None:
                done = Done(stage, before, False, True)
            else:
                reporter.say(f"--- {stage.name}: {stage.text} ({'; '.join(reasons)})")
                done = make(stage, folder, wanted, before, digests, out, cores, force, reporter)
        made[stage.name] = done.manifest
        found.append(done)
        digests.save()
    return found


def make(
    stage: Stage,
    folder: StageFolder,
    wanted: Wanted,
    before: Manifest | None,
    digests: Digests,
    out: Path,
    cores: int,
    force: bool,
    reporter: Reporter,
) -> Done:
    """Makes a stage in its half folder, which then takes its name."""
    with named(stage):
        require_nothing_lost(folder, before, force)
        found = folder.finished(wanted.key)
        if found is None:
            resume, starts = folder.begin(wanted.key)
            begun = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
            wall, cpu = time.monotonic(), spent()
            with stoppable():
                stage.work(Work(folder.half, out, cores, resume, reporter))
            folder.tidy()
            seconds = round(time.monotonic() - wall, 3), round(spent() - cpu, 3)
            found = manifest_of(stage, folder, wanted, digests, begun, seconds, cores, starts)
            manifests.write(folder.half, found)
        folder.install()
    same = before is not None and before.products == found.products
    words = ", as before" if same and found.products else ""
    reporter.say(f"    {stage.name} done in {clock(found.wall_seconds)}, {size(found.bytes)}{words}")
    return Done(stage, found, True, same)


def manifest_of(
    stage: Stage,
    folder: StageFolder,
    wanted: Wanted,
    digests: Digests,
    begun: str,
    seconds: tuple[float, float],
    cores: int,
    starts: int,
) -> Manifest:
    """Of the files in the half folder. Raises ConfigError for a product that the stage did not leave."""
    outputs = {
        str(file.relative_to(folder.half)): Output(digests.of(file), file.stat().st_size) for file in folder.files()
    }
    for name in stage.products:
        if name not in outputs:
            raise ConfigError(f"it left no {name}, which later stages read")
    products = {
        name: outputs[name].sha256 if tell is None else tell(folder.half / name)
        for name, tell in stage.products.items()
    }
    return Manifest(
        stage=stage.name, key=wanted.key, settings=wanted.settings, files=wanted.files, inputs=wanted.inputs,
        outputs=outputs, products=products, command=stage.command, seed=stage.seed, version=__version__, started=begun,
        wall_seconds=seconds[0], cpu_seconds=seconds[1], cores=cores, starts=starts, ranks=stage.ranks,
    )  # fmt: skip


def require_nothing_lost(folder: StageFolder, before: Manifest | None, force: bool) -> None:
    """Raises ConfigError for files of others in the folder that is to be replaced, unless `force`."""
    if force or not folder.path.exists():
        return
    others = manifests.strangers(folder.path, before)
    if others:
        raise ConfigError(
            f"{folder.path}: {others[0].name} was not made by this stage and would be lost, as it is to be made again: "
            "move it away, or --force"
        )


@contextmanager
def named(stage: Stage) -> Iterator[None]:
    """Errors begin with the stage; what stands of it is said, and that those before it are kept."""
    kept = "stages before it are kept, and the same command goes on here"
    try:
        yield
    except OutputError as error:
        raise OutputError(f"stage {stage.name}: {error}; {kept}") from error
    except CombustError as error:
        raise type(error)(f"stage {stage.name}: {error}") from error
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise OutputError(f"stage {stage.name}: {error.strerror or error}{where}; {kept}") from error
    except KeyboardInterrupt:
        raise Stopped(f"stopped in stage {stage.name}: the same command goes on there") from None


def spent() -> float:
    """CPU seconds of this process and of those that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def size(count: int) -> str:
    """Bytes for people."""
    for unit, least in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= least:
            return f"{count / least:.3g} {unit}"
    return f"{count} bytes"


def total(planned: Sequence[Planned]) -> float:
    """CPU seconds of what is to run, as far as known."""
    return sum(one.seconds or 0.0 for one in planned if not one.fresh)
