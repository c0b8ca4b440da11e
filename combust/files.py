"""Files as they come from others: read whole, up to a size, with the reason where that cannot be."""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from combust.errors import FileFormatError
from combust.explain import explain

T = TypeVar("T")

MEGA = 2**20
MOST = 64 * MEGA  # bytes of a text that people or combust write: what is larger is something else
DEEPEST = 64  # tables within tables
TOO_DEEP = object()


class UnreadableError(FileFormatError):
    """A file that cannot be read; `reason` says why, without its name."""

    reason = ""


def unreadable(path: str | Path, reason: str) -> UnreadableError:
    """The error that names file and reason."""
    error = UnreadableError(f"{path}: cannot be read: {reason}")
    error.reason = reason
    return error


def read_bytes(path: str | Path, most: int = MOST) -> bytes:
    """The whole file. Raises UnreadableError, also for one of more than `most` bytes or a device without end."""
    if "\0" in str(path):
        raise unreadable(path, "its name holds a NUL character")
    try:
        with open(path, "rb") as file:
            state = os.fstat(file.fileno())
            regular = stat.S_ISREG(state.st_mode)
            data = file.read(None if regular and state.st_size <= most else most + 1)
    except OSError as error:
        raise unreadable(path, error.strerror or str(error)) from error
    if len(data) > most:
        raise unreadable(path, f"it is larger than {most // MEGA} MB")
    return data


def is_file(path: Path) -> bool:
    """Whether it is one; what cannot be a name is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Whether it is one; what cannot be a name is none."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def read_text(path: str | Path, most: int = MOST) -> str:
    """The whole file as UTF-8. Raises UnreadableError."""
    try:
        return read_bytes(path, most).decode("utf-8")
    except UnicodeDecodeError as error:
        raise unreadable(path, f"it is not text in UTF-8 ({error.reason} at byte {error.start})") from error


def read_json(path: str | Path, most: int = MOST) -> Any:
    """The tree of a JSON file. Raises UnreadableError."""
    try:
        return json.loads(read_text(path, most))
    except RecursionError:
        raise unreadable(path, "its lists and tables are nested too deeply") from None
    except ValueError as error:
        raise unreadable(path, f"it is not JSON: {error}") from error


def leaves(tree: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """(place, value) of all that is no list or table, place as in "a.b[0]"; ("...", TOO_DEEP) where it is."""
    stack: list[tuple[str, Any, int]] = [(place, tree, 0)]
    while stack:
        where, value, depth = stack.pop()
        if not isinstance(value, dict | list | tuple):
            yield where, value
        elif depth > DEEPEST:
            yield "...", TOO_DEEP
        elif isinstance(value, dict):
            inner = [(f"{where}.{key}" if where else str(key), item, depth + 1) for key, item in value.items()]
            stack += reversed(inner)
        else:
            stack += reversed([(f"{where}[{i}]", item, depth + 1) for i, item in enumerate(value)])


def fit(raw: Any, kind: type[T], source: object, finite: bool = True) -> T:
    """`raw` as a struct of type `kind` (see msgspec.convert); `source` is the file named in errors.

    finite: no number in what `kind` names may be NaN or infinite. Raises FileFormatError that names file and entry.
    """
    try:
        found = msgspec.convert(raw, kind, strict=True)
    except msgspec.ValidationError as error:
        raise FileFormatError(f"{source}: {explain(str(error), raw, kind)}") from None
    except (RecursionError, OverflowError) as error:
        raise FileFormatError(f"{source}: cannot be understood: {error}") from None
    for place, value in leaves(msgspec.to_builtins(found)) if finite else ():
        if isinstance(value, float) and not math.isfinite(value):
            raise FileFormatError(f"{source}: {place} = {value}: must be a finite number")
    return found
