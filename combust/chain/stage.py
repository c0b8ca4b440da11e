"""What a stage of a chain is: settings and files in, a folder out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from combust.chain.settings import Needs
from combust.errors import ConfigError
from combust.report.meter import SILENT, Reporter


@dataclass(frozen=True)
class Work:
    """Where and how a stage works.

    folder : of its files, which takes its own name when all is done;  out : of the chain, earlier stages lie in it
    cores : processes or threads that it may use;  resume : there is something in the folder to go on from
    """

    folder: Path
    out: Path
    cores: int = 1
    resume: bool = False
    reporter: Reporter = SILENT


@dataclass(frozen=True, eq=False)
class Stage:
    """One link of a chain. Its result hangs on settings, files and the products of earlier stages, on nothing else.

    text : what it does, in a line;  settings : resolved, as JSON holds them;  files : that users give
    after : stages whose products it reads;  products : files of its folder that others read, each with what tells its
        content (a digest of the bytes where None)
    work : does it;  check : raises what is wrong with its settings before anything long begins
    command : the same by a verb alone;  size : of the work, in words;  seconds : CPU time expected, None if unknown
    ranks : of MPI, which it starts itself; results agree to round-off, so that they are no setting
    """

    name: str
    text: str
    work: Callable[[Work], None]
    settings: dict[str, Any] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    products: Mapping[str, Callable[[Path], str] | None] = field(default_factory=dict)
    check: Callable[[], None] = lambda: None
    command: str = ""
    size: str = ""
    seed: int | None = None
    seconds: float | None = None
    needs: Needs = Needs()
    ranks: int = 1

    @property
    def cores(self) -> int:
        """Processors that a job of it takes."""
        return max(self.needs.cores, self.ranks)


@dataclass(frozen=True)
class Asked:
    """A call of a chain: its folder, processes or threads of a stage, and the words that make one stage elsewhere."""

    out: Path
    cores: int = 1
    words: Callable[[Stage], list[str]] = lambda stage: []


def named(stages: Sequence[Stage], name: str, what: str) -> Stage:
    """Raises ConfigError with the names that there are."""
    for stage in stages:
        if stage.name == name:
            return stage
    raise ConfigError(f"{what} {name}: there is no such stage; there are {', '.join(one.name for one in stages)}")


def needed_by(stages: Sequence[Stage], last: str) -> tuple[Stage, ...]:
    """A stage and all that it hangs on, in order."""
    wanted = {last}
    for stage in reversed(stages):
        if stage.name in wanted:
            wanted |= set(stage.after)
    return tuple(stage for stage in stages if stage.name in wanted)


def built_on(stages: Sequence[Stage], first: str) -> set[str]:
    """A stage and all that hang on it."""
    found = {first}
    for stage in stages:
        if found & set(stage.after):
            found.add(stage.name)
    return found
