"""Files of settings: TOML in, checked and documented structs out, and values back to TOML."""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from combust.errors import ConfigError
from combust.explain import dotted, explain, shortened, shown
from combust.files import DEEPEST, TOO_DEEP, UnreadableError, is_file, is_folder, leaves, read_text
from combust.settings.quantities import in_si
from combust.settings.switch import Switches
from combust.terminal import OBEYED

T = TypeVar("T")
BARE = re.compile(r"[^\[\]{}\"'#\n]+")
LARGEST = 1e30  # of any number: none in SI is so large, and squares of larger ones overflow


def read(path: Path, overrides: Sequence[str] = (), switches: Switches | None = None) -> dict[str, Any]:
    """The content of a TOML file, with overrides. Raises ConfigError for a file that cannot be read.

    switches : learns of the kinds that the overrides change
    """
    try:
        raw = parsed(read_text(path))
    except UnreadableError as error:
        raise ConfigError(str(error)) from error
    except ValueError as error:
        raise ConfigError(f"{path}: is not valid TOML: {error}") from error
    for text in overrides:
        override(raw, text, switches or Switches(None))
    return raw


def parsed(text: str) -> dict[str, Any]:
    """The tree of a TOML text. Raises ValueError for what is not TOML, or nested too deeply."""
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("its lists and tables are nested too deeply") from None


def checked(raw: dict[str, Any], source: str, kind: type[T]) -> T:
    """`raw` as a struct of type `kind`, texts with units as numbers in SI; `source` is the file named in errors.

    Raises ConfigError.
    """
    for place, value in leaves(raw):
        if problem := beyond_use(value):
            raise ConfigError(f"{source}: {place} = {shown(value)}: {problem}")
    raw = in_si(raw, kind, source)
    try:
        return msgspec.convert(raw, kind, strict=True)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{source}: {explain(str(error), raw, kind)}") from None


def beyond_use(value: Any) -> str:
    """What is wrong with a value whatever its key; empty if nothing is."""
    if value is TOO_DEEP:
        return f"more than {DEEPEST} lists and tables within each other"
    if isinstance(value, float) and not math.isfinite(value):
        return "must be a finite number"
    if isinstance(value, float) and abs(value) > LARGEST:
        return f"must be a number of at most {LARGEST:g} in size (all units are SI)"
    if isinstance(value, int) and abs(value) >= 2**63:
        return "must be a whole number below 2^63"
    return "holds a NUL character" if isinstance(value, str) and "\0" in value else ""


def override(raw: dict[str, Any], text: str, switches: Switches) -> None:
    """Sets "a.b=value", or "a[0].b=value" in a list, in `raw`; the value is TOML, and words that are not TOML are
    strings. Raises ConfigError.
    """
    key, equals, value = text.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(re.fullmatch(r"[\w-]+(\[\d{1,6}\])*", part) for part in parts):
        raise ConfigError(f"override {text!r}: write table.key=value, or table[0].key=value of an entry of a list")
    names = [int(token) if token.isdigit() and i else token
             for part in parts for i, token in enumerate(re.findall(r"[\w-]+", part))]  # fmt: skip
    value = value.strip()
    try:
        new = parsed(f"value = {value}")["value"]
    except ValueError:
        if not BARE.fullmatch(value):
            raise ConfigError(f"override {shortened(text)!r}: {shortened(value)!r} is not a TOML value") from None
        new = value
    table: Any = raw
    for depth, name in enumerate(names[:-1]):
        switches.table(raw, names[: depth + 1])
        table = _entry(table, names[: depth + 1], text) if isinstance(name, int) else table.setdefault(name, {})
        if not isinstance(table, list if isinstance(names[depth + 1], int) else dict):
            what = "a list" if isinstance(names[depth + 1], int) else "a table"
            hint = f": name an entry of it, {dotted(names[: depth + 1])}[0]" if isinstance(table, list) else ""
            raise ConfigError(f"override {text!r}: {dotted(names[: depth + 1])} is not {what}{hint}")
    if isinstance(names[-1], int):
        _entry(table, names, text)
    table[names[-1]] = new
    switches.note(raw, names)


def _entry(values: list[Any], path: list[str | int], text: str) -> Any:
    """The entry of a list that a path leads to. Raises ConfigError where there are not so many."""
    place = path[-1]
    assert isinstance(place, int)
    if place >= len(values):
        raise ConfigError(f"override {text!r}: {dotted(path[:-1])} has {len(values)} entries, counted from 0")
    return values[place]


def beside(path: Path, file: str) -> str:
    """The full path of a file that lies in the folder of `path`; what is found elsewhere keeps its name."""
    found = path.parent / file
    return str(found.resolve()) if is_file(found) else file


def there(name: str, near: Path | None = None, library: Path | None = None, pattern: str = "*") -> str:
    """A file or folder that lies in the folder of the file `near`, from here, or comes with combust, in `library`.

    pattern : of the library's files that are named where there is none. Raises ConfigError.
    """
    if near is not None and (is_file(near.parent / name) or is_folder(near.parent / name)):
        return str((near.parent / name).resolve())
    for place in (Path(name), *([library / name] if library else [])):
        if is_file(place) or is_folder(place):
            return str(place)
    own = ", ".join(sorted(file.name for file in library.glob(pattern))) if library else ""
    first = f"{name} is " + ("neither beside this file nor here" if near is not None else "not here")
    raise ConfigError(first + (f", nor comes with combust, which has {own}" if own else ""))


def flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Pairs of "a.b.0.c" and what is there."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, (list, tuple)) else None
    if not items:
        yield name, value
        return
    for key, inner in items:
        yield from flat(inner, f"{name}.{key}" if name else str(key))


def toml_key(name: str) -> str:
    """A key of a table; names of species like CH2(S) need quotes."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)


def toml_value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{toml_key(k)} = {toml_value(v)}" for k, v in value.items() if v is not None) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml_value(v) for v in value) + "]"
    if isinstance(value, str):
        return OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))
    return str(value).lower() if isinstance(value, bool) else repr(value)
