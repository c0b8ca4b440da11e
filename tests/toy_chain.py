"""A chain of four small stages for tests of the order, the manifests and the engine; as a script, one call of it.

python tests/toy_chain.py OUT [key=value ...] : settings are a, b, c, d (numbers that stages add), text (of the file of
the first stage), pause (s of each of ten steps of a stage), full (stage that finds the disk full), fail (stage that
fails), again, until, only, force=1.
A stage appends a line a step to steps.txt, with its settings, so that it goes on from there; what it makes is the sum.
"""

from __future__ import annotations

import errno
import json
import sys
import time
from pathlib import Path

from combust.chain.chain import chosen, of_stages
from combust.chain.stage import Asked, Stage, Work
from combust.errors import CombustError, DivergenceError
from combust.interrupts import Stopped
from combust.report.meter import Reporter

STEPS = 10
NAMES = ("first", "second", "third", "last")
AFTER = {"first": (), "second": ("first",), "third": ("first",), "last": ("second", "third")}


def number(path: Path) -> int:
    return int(path.read_text())


def worker(name: str, add: int, given: str | None, pause: float, full: str, fail: str):
    """What a stage does: the sum of what it reads and of its own number, and a file that differs each time."""

    def work(here: Work) -> None:
        steps = here.folder / "steps.txt"
        done = len(steps.read_text().splitlines()) if here.resume and steps.exists() else 0
        for step in range(done, STEPS):
            if full == name and step == STEPS // 2:
                raise OSError(errno.ENOSPC, "No space left on device", str(steps))
            if fail == name and step == STEPS // 2:
                raise DivergenceError("it was asked to fail")
            time.sleep(pause)
            with steps.open("a") as file:
                file.write(f"{step} of {add}\n")
        total = add + sum(number(here.out / other / "sum.txt") for other in AFTER[name])
        total += number(Path(given)) if given else 0
        # "third" makes the same of 7 and of 8: what reads it is then up to date.
        (here.folder / "sum.txt").write_text(str(total // 2 * 2 if name == "third" else total))
        (here.folder / "when.txt").write_text(str(time.time_ns()))

    return work


def stages(out: Path, given: str, pause: float = 0.0, full: str = "", fail: str = "", **adds: int) -> tuple[Stage, ...]:
    own = {"pause": pause, "full": full, "fail": fail}
    numbers = dict(zip(NAMES, (adds.get(key, k) for k, key in enumerate("abcd")), strict=True))
    return tuple(
        Stage(
            name, f"the stage {name}", worker(name, numbers[name], given if name == "first" else None, **own),
            {"add": numbers[name]}, (given,) if name == "first" else (), AFTER[name], {"sum.txt": None},
            command=f"toy {name}", seconds=STEPS * pause,
        )
        for name in NAMES
    )  # fmt: skip


class Said(Reporter):
    """Prints what is said."""

    def say(self, line: str) -> None:
        print(line, flush=True)


def words(options: dict[str, object]) -> list[str]:
    return [f"{key}={value}" for key, value in options.items()]


def run(out: Path, given: Path, reporter: Reporter | None = None, engine: list[str] | None = None, **options):
    """A call of the chain; options as of the script;  engine : options for Snakemake, which runs it then"""
    how = {key: options.pop(key, None) for key in ("until", "first", "only")}
    flags = {key: bool(options.pop(key, False)) for key in ("dry_run", "force")}
    made = chosen(stages(out, str(given), **options), **how)
    asked = Asked(
        out, 1, lambda stage: [sys.executable, __file__, str(out), str(given), f"only={stage.name}", *words(options)]
    )
    del how["until"]
    return of_stages(made, asked, **how, **flags, engine_options=engine, reporter=reporter or Said())


def content(out: Path) -> dict[str, str]:
    """What the stages made, but for what differs each time."""
    return {name: (out / name / "sum.txt").read_text() for name in NAMES if (out / name).is_dir()}


def main(words: list[str]) -> int:
    out, given = Path(words[0]), Path(words[1])
    options = {key: json.loads(value) if value[0].isdigit() else value for key, _, value in
               (word.partition("=") for word in words[2:])}  # fmt: skip
    try:
        found = run(out, given, **options)
    except Stopped as stop:
        print(stop)
        return 4
    except CombustError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(f"made: {' '.join(done.stage.name for done in found.done if done.made) or 'nothing'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
