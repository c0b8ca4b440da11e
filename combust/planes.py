"""Files of planes: what a run met on a plane of its domain, time after time; `np.load` reads them as well.

A file is one NumPy array of records in the order of time, each

    step : int64;  time : float64 [s]
    x, y, z : float64 (nx,), (ny,), (nz,): centres of the cells of the plane [m]; one of them has one entry, its place
    a field after the other : float64 (nz, ny, nx), in SI: u, v, w, T, Y_H2, ...
    check : uint32, the CRC-32 of the bytes before it

Coordinates stand in every record, so that one is whole by itself. A file grows by records; the number of them in its
header is set after each, so that what was cut off while it was written is not counted.
"""

from __future__ import annotations

import ast
import os
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from combust.errors import FileFormatError, OutputError

AXES = ("x", "y", "z")
FIRST = ("step", "time", *AXES)
LAST = "check"
MAGIC = b"\x93NUMPY\x02\x00"
DIGITS = 20  # of the number of records, with what is left of them as spaces
LONGEST = 2**22  # bytes of a header
RESTART = "restart with another --out, or with the fields and the place that it was begun with"


def record_type(coordinates: Mapping[str, np.ndarray], names: Sequence[str]) -> np.dtype:
    """The type of a record; coordinates : x, y, z of the plane [m];  names : of its fields."""
    nx, ny, nz = (len(coordinates[axis]) for axis in AXES)
    fields: list[tuple[str, str] | tuple[str, str, tuple[int, ...]]] = [("step", "<i8"), ("time", "<f8")]
    fields += [(axis, "<f8", (n,)) for axis, n in zip(AXES, (nx, ny, nz), strict=True)]
    fields += [(name, "<f8", (nz, ny, nx)) for name in names]
    return np.dtype([*fields, (LAST, "<u4")])


def record(
    step: int, time: float, coordinates: Mapping[str, np.ndarray], fields: Mapping[str, np.ndarray]
) -> np.ndarray:
    """One record, an array of one entry."""
    found = np.zeros(1, record_type(coordinates, list(fields)))
    found["step"], found["time"] = step, time
    for name, values in {**coordinates, **fields}.items():
        found[name][0] = values
    found[LAST] = sum_of(found)
    return found


def sum_of(one: np.ndarray) -> int:
    """The CRC-32 of a record but for its own."""
    return zlib.crc32(one.tobytes()[: -one.dtype[LAST].itemsize])


def header(dtype: np.dtype, count: int) -> bytes:
    """NumPy's header of so many records, as long for any number of them."""
    text = f"{{'descr': {np.lib.format.dtype_to_descr(dtype)!r}, 'fortran_order': False, 'shape': ({count},), }}"
    room = len(text) - len(str(count)) + DIGITS
    length = len(MAGIC) + 4 + room + 1
    padded = text.ljust(room + -length % 64) + "\n"
    return MAGIC + len(padded).to_bytes(4, "little") + padded.encode("latin1")


def begin(path: Path, dtype: np.dtype, keep_until: int | None = None) -> None:
    """Makes an empty file, or keeps the records up to step `keep_until` of one that is there.

    Raises FileFormatError if that file has other records, OutputError if it cannot be written.
    """
    kept = 0
    if keep_until is not None and path.exists():
        there = read(path)
        if there.records.dtype != dtype:
            raise FileFormatError(f"{path}: holds other fields or another plane than this case writes: {RESTART}")
        kept = int((there.steps <= keep_until).sum())
        del there
    try:
        with open(path, "r+b" if kept else "wb") as file:
            file.write(header(dtype, kept))
            file.truncate(file.tell() + kept * dtype.itemsize)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


def append(path: Path, one: np.ndarray) -> None:
    """Adds a record (see `record`). Raises OutputError."""
    try:
        with open(path, "r+b") as file:
            begin = len(header(one.dtype, 0))
            count = (file.seek(0, os.SEEK_END) - begin) // one.dtype.itemsize
            file.seek(begin + count * one.dtype.itemsize)
            file.write(one.tobytes())
            file.flush()
            file.seek(0)
            file.write(header(one.dtype, count + 1))
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


class Planes:
    """Records of a plane, which are read from the file when they are asked for.

    records : all of them, mapped into memory;  names : of the fields
    x, y, z : centres of the cells of the plane [m], one of them with one entry;  times [s], steps : of the records
    """

    def __init__(self, path: Path, records: np.ndarray) -> None:
        self.path, self.records = path, records
        self.names = tuple(name for name in records.dtype.names or () if name not in (*FIRST, LAST))
        self.steps = np.array(records["step"])
        self.times = np.array(records["time"])
        self.x, self.y, self.z = (np.array(records[axis][0]) if len(records) else np.zeros(0) for axis in AXES)

    @property
    def normal(self) -> str:
        """The direction that the plane is normal to: that with one entry; x of several."""
        return next((axis for axis in AXES if self.records.dtype[axis].shape == (1,)), "x")

    def field(self, name: str) -> np.ndarray:
        """A field at all times, (times, nz, ny, nx), unchecked. Raises FileFormatError for one that is not there."""
        if name not in self.names:
            raise FileFormatError(f"{self.path}: has no field {name!r}; it has {', '.join(self.names)}")
        return self.records[name]

    def __getitem__(self, name: str) -> np.ndarray:
        """`field`."""
        return self.field(name)

    def at(self, index: int) -> dict[str, np.ndarray]:
        """The fields of one record, each (nz, ny, nx). Raises FileFormatError where its checksum is wrong."""
        one = np.array(self.records[index : index + 1 or None])
        if int(one[LAST][0]) != sum_of(one):
            raise FileFormatError(f"{self.path}: damaged: the checksum of record {index} is wrong")
        found = {name: one[name][0] for name in self.names}
        for name, values in found.items():
            if not np.isfinite(values).all():
                raise FileFormatError(f"{self.path}: record {index}: {name} holds numbers that are not finite")
        return found


def read(path: str | Path) -> Planes:
    """The planes in a file, whose fields stay on disk. Raises FileFormatError naming what is wrong with it."""
    path = Path(path)
    try:
        dtype, count, offset = _described(path)
        records: np.ndarray = np.memmap(path, dtype, "r", offset, (count,)) if count else np.zeros(0, dtype)
    except FileNotFoundError as error:
        raise FileFormatError(f"{path}: no such file") from error
    except OSError as error:
        raise FileFormatError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, TypeError, LookupError, SyntaxError, OverflowError, MemoryError, RecursionError) as error:
        raise FileFormatError(f"{path}: is no file of planes written by combust: {error}") from error
    found = Planes(path, records)
    if not all(_rising(c) for c in (found.times, found.x, found.y, found.z)) or (found.steps < 0).any():
        raise FileFormatError(f"{path}: damaged: its times or coordinates are not finite numbers that rise")
    return found


def _rising(numbers: np.ndarray) -> bool:
    return bool(np.isfinite(numbers).all() and (numbers[1:] > numbers[:-1]).all())


def _described(path: Path) -> tuple[np.dtype, int, int]:
    """Type, number and offset of the records by a header. Raises ValueError and the like for another one."""
    with open(path, "rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise ValueError("it does not begin as a .npy file of records")
        length = int.from_bytes(file.read(4), "little")
        if length > LONGEST:
            raise ValueError(f"its header has {length} bytes")
        text = file.read(length)
        size, offset = file.seek(0, os.SEEK_END), len(MAGIC) + 4 + length
    found = ast.literal_eval(text.decode("latin1"))
    described, (count,) = found["descr"], found["shape"]
    names = [entry[0] for entry in described]
    if tuple(names[: len(FIRST)]) != FIRST or names[-1] != LAST:
        raise ValueError(f"its records do not begin with {', '.join(FIRST)}")
    sizes = [entry[2][0] for entry in described[2 : len(FIRST)]]
    if not all(isinstance(n, int) and 0 < n < 2**31 for n in (*sizes, count + 1)):
        raise ValueError("its extents are no numbers of cells")
    dtype = record_type(
        {axis: np.broadcast_to(0.0, n) for axis, n in zip(AXES, sizes, strict=True)}, names[len(FIRST) : -1]
    )
    if np.lib.format.dtype_to_descr(dtype) != described:
        raise ValueError("its fields are not float64 of shape (nz, ny, nx)")
    if size < offset + count * dtype.itemsize:
        raise ValueError(f"it is truncated: it has {size} bytes of {offset + count * dtype.itemsize}")
    return dtype, count, offset
