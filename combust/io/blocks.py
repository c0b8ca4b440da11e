"""One file, written by all ranks at once with MPI-IO; the bytes do not depend on the number of ranks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeVar

import numpy as np

from combust.errors import OutputError
from combust.parallel import Communicator, collective, on_root

T = TypeVar("T")
Shape = tuple[int, ...]


class Placed(NamedTuple):
    """This rank's part `local` of a global float64 array of `shape`, and where both belong.

    start : index of the part's first element in the array;  offset : first byte of the array in the file
    """

    offset: int
    local: np.ndarray
    shape: Shape
    start: Shape


def write_blocks(comm: Communicator, path: Path, size: int, parts: Sequence[Placed]) -> None:
    """Writes the parts of all ranks into the file `path`, which root has made and which will hold `size` bytes.

    The data are read back and compared: MPI libraries have been seen to return success on a full disk.
    Raises OutputError on all ranks.
    """
    on_root(comm, lambda: check_space(path, size), f"write {path}")
    parts = [p._replace(local=np.ascontiguousarray(p.local, dtype=np.float64)) for p in parts]
    problem = None
    try:
        if not (write_alone(path, parts) if comm.mpi is None else write_together(comm, path, parts)):
            problem = OutputError(f"cannot write {path}: what was written reads back differently (disk full?)")
    except OSError as cause:
        problem = OutputError(f"cannot write {path}: {cause.strerror or cause}")
    collective(comm, problem)


def write_alone(path: Path, parts: Sequence[Placed]) -> bool:
    """Writes whole arrays without MPI; True if they read back equal."""
    with open(path, "r+b") as file:
        for part in parts:
            file.seek(part.offset)
            file.write(part.local.data)
        file.flush()
        os.fsync(file.fileno())
    with open(path, "rb") as file:
        return all(same_at(file, part) for part in parts)


def write_together(comm: Communicator, path: Path, parts: Sequence[Placed]) -> bool:
    """Writes by MPI-IO; True if this rank's parts read back equal. Raises OSError on the ranks that failed."""
    from mpi4py import MPI

    try:
        file = MPI.File.Open(comm.mpi, str(path), MPI.MODE_RDWR)
    except MPI.Exception as error:
        raise OSError(None, f"MPI-IO: {error.Get_error_string()}") from error
    types = [MPI.DOUBLE.Create_subarray(list(p.shape), list(p.local.shape), list(p.start)).Commit() for p in parts]
    failures = [
        attempt(file, part, block, file.Write_all, part.local) for part, block in zip(parts, types, strict=True)
    ]
    file.Sync()
    comm.barrier()
    same = True
    for part, block in zip(parts, types, strict=True):
        back = np.empty_like(part.local)
        failures.append(attempt(file, part, block, file.Read_all, back))
        same = same and same_bits(back, part.local)
        block.Free()
    file.Close()
    for failure in filter(None, failures):
        raise OSError(None, f"MPI-IO: {failure}")
    return same


def attempt(file: Any, part: Placed, block: Any, action: Callable[[np.ndarray], None], data: np.ndarray) -> str:
    """Reads or writes one part; returns what went wrong, because a rank that failed must take part in the next call."""
    from mpi4py import MPI

    try:
        file.Set_view(part.offset, MPI.DOUBLE, block)
        action(data)
    except MPI.Exception as error:
        return str(error.Get_error_string())
    return ""


def same_at(file: BinaryIO, part: Placed) -> bool:
    file.seek(part.offset)
    data = file.read(part.local.nbytes)
    return len(data) == part.local.nbytes and same_bits(np.frombuffer(data).reshape(part.local.shape), part.local)


def same_bits(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(np.array_equal(one.view(np.uint64), other.view(np.uint64)))


def check_space(path: Path, size: int) -> None:
    """Raises OSError if the file system of `path` lacks room for what is missing of `size` bytes (holes count)."""
    room = os.statvfs(path.parent)
    free = room.f_bavail * room.f_frsize
    missing = size - 512 * path.stat().st_blocks
    if free < missing:
        raise OSError(None, f"no space left on device ({missing} bytes needed, {free} free)")


@contextmanager
def replacing(comm: Communicator, path: Path) -> Iterator[Path]:
    """A temporary name to write under: it becomes `path` in one step at the end, and is removed on failure."""
    part = path.with_name(path.name + ".part")
    try:
        yield part
    except BaseException:
        if comm.is_root:
            part.unlink(missing_ok=True)
        raise
    on_root(comm, lambda: os.replace(part, path), f"write {path}")


def write_text(path: Path, text: str) -> None:
    """Writes a small file so that it is at any moment either the old or the new one. Raises OutputError."""
    try:
        with replacing(Communicator(), path) as part, open(part, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
