"""A checksum of a whole file in its last line, which other programs pass over.

HDF5 ends where its superblock says, VTK's XML at the appended data, and after an XML document a comment may stand; a
program that changes an HDF5 file in place cuts the line off. Numbers that all ranks write afterwards stand apart: each
array of them has a checksum that does not depend on the decomposition, so nothing is read back to be summed.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from combust.parallel import Communicator

MARK = b"<!-- combust checksum 1: "
LINE = re.compile(rb"<!-- combust checksum 1: sha256 ([0-9a-f]{64}) apart ((?:[0-9]+\+[0-9]+=[0-9]* )*)-->\n\Z")
LONGEST = 2**20  # bytes of the line, 20,000 arrays
PIECE = 2**22  # bytes that are read at a time
VALUES = 2**13  # numbers that are mixed at a time: larger arrays are given back to the system each time
BROKEN = "its content is not what was written (wrong checksum)"


class Apart(NamedTuple):
    """A range of bytes that is not in the checksum of the file.

    sum : `checksum` of the float64 numbers there, None where the file's own content holds it
    """

    offset: int
    size: int
    sum: int | None = None


class Line(NamedTuple):
    """The last line of a file: its own bytes, and what it says."""

    size: int
    sha256: str
    apart: tuple[Apart, ...]


def checksum(comm: Communicator, local: np.ndarray, shape: tuple[int, ...], start: tuple[int, ...]) -> int:
    """Checksum of a global array: the sum over its elements of a 64-bit mix of position and bits (splitmix64).

    A sum does not depend on order, so every decomposition gives the same number. doi:10.1145/2660193.2660195
    """
    strides = [int(np.prod(shape[axis + 1 :], dtype=int)) for axis in range(len(shape))]
    first = sum(a * b for a, b in zip(start, strides, strict=True))
    part = mixed(np.asarray(local, dtype=np.float64, order="C"), strides, first) % 2**64
    return part if shape == local.shape else sum(comm.gather(part)) % 2**64


def mixed(local: np.ndarray, strides: Sequence[int], first: int) -> int:
    """Sum of the mixes of `local`, whose first element has the number `first`; in pieces that stay in the cache."""
    if local.size > VALUES:
        if len(local) == 1:
            return mixed(local[0], strides[1:], first)
        rows = max(1, VALUES * len(local) // local.size)
        pieces = range(0, len(local), rows)
        return sum(mixed(local[i : i + rows], strides, first + i * strides[0]) for i in pieces)
    index = np.full((1,) * local.ndim, first, np.uint64)
    for axis, (count, stride) in enumerate(zip(local.shape, strides, strict=True)):
        along = np.arange(count, dtype=np.uint64) * np.uint64(stride)
        index = index + along.reshape([-1 if a == axis else 1 for a in range(local.ndim)])
    # Arrays, never scalars: numpy warns when a scalar wraps around.
    x = np.atleast_1d(local).view(np.uint64) ^ ((np.atleast_1d(index) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15))
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return int((x ^ (x >> np.uint64(31))).sum(dtype=np.uint64))


def seal(path: Path, apart: Sequence[Apart] = ()) -> None:
    """Adds the line to a file, in which the numbers `apart` need not stand yet. Raises OSError."""
    with open(path, "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        line = line_of(digest(file, size, apart), apart)
        file.seek(size)
        file.write(line)


def sealed(data: bytes) -> bytes:
    """`data` and its line."""
    return data + line_of(digest(io.BytesIO(data), len(data), ()), ())


def line_of(sha256: str, apart: Sequence[Apart]) -> bytes:
    """The line for a file."""
    return MARK + f"sha256 {sha256} apart {text_of(apart)}-->\n".encode()


def text_of(apart: Sequence[Apart]) -> str:
    return "".join(f"{part.offset}+{part.size}={'' if part.sum is None else part.sum} " for part in apart)


def digest(file: BinaryIO, size: int, apart: Sequence[Apart]) -> str:
    """SHA-256 of the first `size` bytes but those that stand apart, and of where these are."""
    found, place = hashlib.sha256(text_of(apart).encode()), 0
    for part in (*sorted(apart), Apart(size, 0)):
        file.seek(place)
        while place < part.offset and (piece := file.read(min(PIECE, part.offset - place))):
            found.update(piece)
            place += len(piece)
        place = max(place, part.offset + part.size)
    return found.hexdigest()


def last_line(tail: bytes) -> Line | None:
    """The line at the end of a file; None where there is none. Raises ValueError for one that is not as written."""
    place = tail.rfind(MARK, max(len(tail) - LONGEST, 0))
    if place < 0:
        return None
    found = LINE.match(tail, place)
    if found is None:
        raise ValueError(BROKEN)
    parts = [re.split(r"[+=]", text) for text in found[2].decode().split()]
    apart = tuple(Apart(int(offset), int(size), int(sum) if sum else None) for offset, size, sum in parts)
    return Line(len(tail) - place, found[1].decode(), apart)


def require_sealed(path: Path) -> bool:
    """Whether a file has the line. Its numbers apart are not looked at.

    Raises ValueError where its other bytes are not those that were written, OSError where it cannot be read.
    """
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - LONGEST, 0))
        line = last_line(file.read())
        if line is not None and digest(file, size - line.size, line.apart) != line.sha256:
            raise ValueError(BROKEN)
    return line is not None


def unsealed(data: bytes) -> bytes:
    """A file's content without its line, if it has one. Raises ValueError where it is not what was written."""
    line = last_line(data)
    if line is None:
        return data
    content = data[: len(data) - line.size]
    same = all(part.sum is None or sum_of(content, part) == part.sum for part in line.apart)
    if not same or digest(io.BytesIO(content), len(content), line.apart) != line.sha256:
        raise ValueError(BROKEN)
    return content


def sum_of(content: bytes, part: Apart) -> int:
    """Checksum of the float64 numbers of a range, -1 where it is not in the content as a whole."""
    if part.size % 8 or part.offset + part.size > len(content):
        return -1
    values = np.frombuffer(content, np.float64, part.size // 8, part.offset)
    return checksum(Communicator(), values, values.shape, (0,))
