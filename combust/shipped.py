"""The cases that come with combust: files of `combust run`, `chain`, `reduce`, `sample` and `train` to begin with."""

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
    "chain": ("cases", ""),
    "reduce": ("cases/reduction", "reduction/"),
    "sample": ("surrogates/library", "learned/"),
}
ENDING = ".toml"
CHAINS = "chain_"  # how names of files in `cases` begin that are no flows


class ShippedCase(NamedTuple):
    """A case: name, which verb takes it ("run", "chain", "reduce" or "sample"), its title, and the text of the file.

    beside : name and content of each file that the case names and that lies beside it
    """

    name: str
    verb: str
    title: str
    text: str
    beside: tuple[tuple[str, bytes], ...] = ()


def cases() -> tuple[ShippedCase, ...]:
    """All of them, by verb and name."""
    root = importlib.resources.files("combust")
    return tuple(case for verb, (folder, prefix) in FOLDERS.items() for case in _within(root / folder, prefix, verb))


def _within(folder: Traversable, prefix: str, verb: str) -> list[ShippedCase]:
    found, files = [], {file.name: file for file in folder.iterdir() if file.is_file()}
    for file in files.values():
        if file.name.endswith(ENDING) and file.name.startswith(CHAINS) == (verb == "chain"):
            text = file.read_text(encoding="utf-8")
            raw = tomllib.loads(text)
            beside = tuple((name, files[name].read_bytes()) for name in sorted(files.keys() & texts(raw)))
            found.append(
                ShippedCase(prefix + file.name.removesuffix(ENDING), verb, str(raw.get("title", "")), text, beside)
            )
    return sorted(found)


def texts(value: object) -> set[str]:
    """All texts among the values of a file."""
    if isinstance(value, dict | list):
        parts = value.values() if isinstance(value, dict) else value
        return {text for part in parts for text in texts(part)}
    return {value} if isinstance(value, str) else set()


def named(name: str) -> ShippedCase:
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
    """Writes a copy of a case, which says where it comes from, and of the files that it names beside it; its path.

    path : of the copy; in the current folder by the name of the case if None;  force : replace files that are there
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
        for other, content in files_beside(case, made):
            if other == made:
                raise ConfigError(f"{made} is what the case itself calls a file beside it: choose another name")
            if other.exists() and not force and not (other.is_file() and other.read_bytes() == content):
                raise ConfigError(
                    f"{other} exists, and is not the file of that name that the case needs beside it: choose another "
                    "folder, or --force to replace it"
                )
        for other, content in files_beside(case, made):
            replace_bytes(other, content)
        replace_bytes(made, (origin + case.text).encode())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{made} cannot be written: {getattr(error, 'strerror', None) or error}") from error
    return made


def files_beside(case: ShippedCase, made: Path) -> list[tuple[Path, bytes]]:
    """Paths and contents of what a copy of the case at `made` needs beside it."""
    return [(made.parent / name, content) for name, content in case.beside]
