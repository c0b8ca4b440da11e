"""The cases that come with combust: files of `combust run`, `reduce`, `sample` and `train` to begin with."""

from __future__ import annotations

import importlib.resources
import tomllib
from difflib import get_close_matches
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import NamedTuple

from combust import __version__
from combust.atomic import replace_bytes
from combust.errors import ConfigError

FOLDERS = {  # verb that takes the files -> folder of the package, and what their names begin with
    "run": ("cases", ""),  # in a checkout a link to the folder of that name beside the package
    "reduce": ("cases/reduction", "reduction/"),
    "sample": ("surrogates/library", "learned/"),
}
ENDING = ".toml"


class Case(NamedTuple):
    """A case: name, which verb takes it ("run", "reduce" or "sample"), its title, and the text of the file."""

    name: str
    verb: str
    title: str
    text: str


def cases() -> tuple[Case, ...]:
    """All of them, by verb and name."""
    root = importlib.resources.files("combust")
    return tuple(case for verb, (folder, prefix) in FOLDERS.items() for case in _within(root / folder, prefix, verb))


def _within(folder: Traversable, prefix: str, verb: str) -> list[Case]:
    found = []
    for file in folder.iterdir():
        if file.name.endswith(ENDING):
            text = file.read_text(encoding="utf-8")
            title = str(tomllib.loads(text).get("title", ""))
            found.append(Case(prefix + file.name.removesuffix(ENDING), verb, title, text))
    return sorted(found)


def named(name: str) -> Case:
    """A case by its name. Raises ConfigError with those that there are."""
    known = {case.name: case for case in cases()}
    short = {case.name.rpartition("/")[2]: case for case in known.values()}
    found = known.get(name.removesuffix(ENDING)) or short.get(name.removesuffix(ENDING))
    if found is None:
        near = get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise ConfigError(f"case {name!r} is unknown; {hint}known: {', '.join(known)}")
    return found


def new(name: str, path: str | Path | None = None, force: bool = False) -> Path:
    """Writes a copy of a case, which says where it comes from; the path.

    path : of the copy; in the current folder by the name of the case if None;  force : replace a file that is there
    Raises ConfigError for an unknown case, a file that is there, or a place that cannot be written.
    """
    case = named(name)
    file = case.name.rpartition("/")[2] + ENDING
    made = Path(file if path is None else path)
    origin = f"# A copy of the case {case.name} of combust {__version__} (combust new {case.name}).\n"
    try:
        if made.is_dir():
            raise ConfigError(
                f"{made} is a folder: give the file to write, as {made / (case.name.rpartition('/')[2] + ENDING)}"
            )
        if made.exists() and not force:
            raise ConfigError(f"{made} exists: choose another name, or --force to replace it")
        replace_bytes(made, (origin + case.text).encode())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{made} cannot be written: {getattr(error, 'strerror', None) or error}") from error
    return made
