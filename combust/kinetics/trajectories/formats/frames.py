"""What is read of a trajectory: frames with bonds or pairs of atoms, from files that are read piece by piece."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import numpy as np

from combust.errors import FileFormatError
from combust.files import unreadable
from combust.kinetics.trajectories.formats.radii import RADII

PIECE = 2**20  # bytes that are read at a time
LARGEST = 2**28  # bytes of one frame


class Frame(NamedTuple):
    """Pairs of atoms that may be bonded at one step.

    elements : of the atoms, in the order of their numbers
    pairs (pairs,) : i * atoms + j of each, i < j from 0, ascending;  strength (pairs,) : the larger, the more bonded
    volume : of the box [m3], None where the file does not say it
    """

    elements: tuple[str, ...]
    step: int
    pairs: np.ndarray
    strength: np.ndarray
    volume: float | None


Hear = Callable[[int], None]
"""Is told of the bytes that have been read, piece by piece."""


def unheard(count: int) -> None:
    """Nobody listens."""


def wrong(path: Path, number: int, reason: str) -> FileFormatError:
    """The error that names file and frame, which count from 0."""
    return FileFormatError(f"{path}: frame {number}: {reason}")


def cut(path: Path, number: int) -> FileFormatError:
    """Of a file that ends within a frame."""
    error = wrong(path, number, "the file ends in the middle of it: cut it off at its first line, or give --allow-cut")
    error.add_note("cut")
    return error


def is_cut(error: FileFormatError) -> bool:
    """Whether a file ended in the middle of its last frame."""
    return "cut" in getattr(error, "__notes__", ())


def opened(path: Path) -> BinaryIO:
    """The file, unpacked on the way if it is one of gzip. Raises UnreadableError."""
    try:
        file = open(path, "rb")
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
    except (OSError, ValueError) as error:
        raise unreadable(path, getattr(error, "strerror", None) or str(error)) from error
    return cast(BinaryIO, gzip.GzipFile(fileobj=file)) if packed else file


def pieces(path: Path, hear: Hear) -> Iterator[bytes]:
    """The content, a piece at a time. Raises UnreadableError."""
    with opened(path) as file:
        while True:
            try:
                piece = file.read(PIECE)
            except (OSError, EOFError, zlib.error) as error:
                raise unreadable(path, str(error)) from error
            if not piece:
                return
            hear(len(piece))
            yield piece


def blocks(path: Path, mark: bytes, hear: Hear) -> Iterator[bytes]:
    """Parts of a text that begin with `mark` at the start of a line, one after the other; what stands before the
    first is passed over. Raises UnreadableError, FileFormatError for a part that does not end.
    """
    rest, inside = b"\n", False
    for piece in pieces(path, hear):
        rest += piece
        *whole, rest = rest.split(b"\n" + mark)
        if whole and not inside:
            whole.pop(0)
            inside = True
        yield from (mark + part + b"\n" for part in whole)
        if len(rest) > LARGEST:
            raise FileFormatError(f"{path}: a frame of more than {LARGEST // 2**20} MB: is this a trajectory?")
    if inside:
        yield mark + rest


def require_elements(path: Path, number: int, elements: Sequence[str]) -> tuple[str, ...]:
    """`elements`, all of them known. Raises FileFormatError."""
    if odd := sorted(set(elements) - set(RADII)):
        raise wrong(path, number, f"unknown element{'s' if len(odd) > 1 else ''} {', '.join(odd)}")
    return tuple(elements)


def require_same(path: Path, number: int, before: Sequence[str] | None, now: Sequence[str]) -> None:
    """Raises FileFormatError where atoms came, went or became others."""
    if before is None or before == now:
        return
    if len(before) != len(now):
        raise wrong(path, number, f"has {len(now)} atoms, the frames before have {len(before)}")
    i = next(i for i, (a, b) in enumerate(zip(before, now, strict=True)) if a != b)
    raise wrong(path, number, f"atom {i + 1} is {now[i]}, it was {before[i]}")


def size(path: Path) -> int:
    """Bytes of a file, unpacked or not; 0 where it cannot be asked."""
    try:
        return os.stat(path).st_size
    except (OSError, ValueError):
        return 0
