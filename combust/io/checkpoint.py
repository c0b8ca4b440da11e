"""Checkpoints: the complete state of a run in one HDF5 file, the same for any number of ranks.

Root makes the file with empty contiguous data sets and closes it, then all ranks fill these with MPI-IO: no parallel
HDF5 is needed. Each data set carries a checksum that does not depend on the decomposition; it is verified on reading.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from combust import __version__
from combust.cfd.block import AXES, Block, Triple
from combust.errors import FileFormatError
from combust.io.blocks import Placed, on_root, replacing, write_blocks
from combust.parallel import Communicator, collective

FORMAT = "combust checkpoint"
VERSION = 1
State = Mapping[str, tuple[np.ndarray, str]]


class DamagedFileError(FileFormatError):
    """A checkpoint that is incomplete or whose checksum is wrong: an older one may be whole."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint in memory.

    arrays : name -> this rank's part;  places : name -> "cell", "face_x", "face_y", "face_z" or "global"
    meta : what is not a field: step, time, loop, hooks, identity, config, combust
    """

    arrays: dict[str, np.ndarray]
    places: dict[str, str]
    meta: dict[str, Any]


def write_checkpoint(path: Path, block: Block, state: State, meta: Mapping[str, Any]) -> None:
    """Writes `state`, name -> (this rank's part, place), and `meta` (JSON values). Raises OutputError on all ranks."""
    comm = block.comm
    sums = {n: checksum(comm, a, *layout(block, a, place)) for n, (a, place) in state.items()}
    with replacing(comm, path) as part:
        offsets = on_root(comm, lambda: create(part, block, state, sums, meta), f"write {path}")
        parts = [
            Placed(offsets[name], array, *layout(block, array, place))
            for name, (array, place) in state.items()
            if name in offsets
        ]
        write_blocks(comm, part, offsets[""], parts)


def layout(block: Block, array: np.ndarray, place: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Global shape and first index of this rank's `array` (..., nz, ny, nx)."""
    if place == "global":
        return array.shape, (0,) * array.ndim
    shape, start, count = owned(block, place)
    if array.shape[-3:] != count:
        raise ValueError(f"state array of shape {array.shape} at {place!r} does not end in {count}")
    return (*array.shape[:-3], *shape), (*(0 for _ in array.shape[:-3]), *start)


def owned(block: Block, place: str) -> tuple[Triple, Triple, Triple]:
    """(global shape, start, count) of the cells or faces that this rank owns."""
    return (block.shape, block.start, block.count) if place == "cell" else block.faces(AXES[place[-1]])


def create(path: Path, block: Block, state: State, sums: Mapping[str, int], meta: Mapping[str, Any]) -> dict[str, int]:
    """Makes the file with all but the distributed data; returns their byte offsets and, under "", the file's size."""
    try:
        offsets = allocate(path, block, state, sums, json.dumps(dict(meta)).encode())
    except RuntimeError as error:  # how HDF5 reports a disk that is full when a file is closed
        raise OSError(None, str(error)) from error
    return offsets | {"": path.stat().st_size}


def allocate(path: Path, block: Block, state: State, sums: Mapping[str, int], text: bytes) -> dict[str, int]:
    offsets = {}
    with h5py.File(path, "w", libver="earliest") as file:
        file.attrs.update(format=FORMAT, version=VERSION, combust=__version__)
        file.create_dataset("meta", data=np.frombuffer(text, np.uint8)).attrs["crc32"] = zlib.crc32(text)
        group = file.create_group("state")
        for name, (array, place) in state.items():
            shape, _ = layout(block, array, place)
            dataset = contiguous(group, name, shape)
            dataset.attrs["place"] = place
            dataset.attrs["checksum"] = np.uint64(sums[name])
            if place == "global":
                dataset[...] = array
            else:
                offsets[name] = dataset.id.get_offset()
    return offsets


def contiguous(group: h5py.Group, name: str, shape: tuple[int, ...]) -> h5py.Dataset:
    """A contiguous float64 data set whose place in the file is fixed at once and not filled."""
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_layout(h5py.h5d.CONTIGUOUS)
    plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    plist.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    plist.set_obj_track_times(False)
    space = h5py.h5s.create_simple(shape) if shape else h5py.h5s.create(h5py.h5s.SCALAR)
    h5py.h5d.create(group.id, name.encode(), h5py.h5t.IEEE_F64LE, space, plist)
    return group[name]


def checksum(comm: Communicator, local: np.ndarray, shape: tuple[int, ...], start: tuple[int, ...]) -> int:
    """Checksum of a global array: the sum over its elements of a 64-bit mix of position and bits (splitmix64).

    A sum does not depend on order, so every decomposition gives the same number. doi:10.1145/2660193.2660195
    """
    local = np.asarray(local, dtype=np.float64, order="C")
    index = np.zeros((), np.uint64)
    for axis, (first, count) in enumerate(zip(start, local.shape, strict=True)):
        along = np.arange(first, first + count, dtype=np.uint64) * np.uint64(np.prod(shape[axis + 1 :], dtype=int))
        index = np.add.outer(index, along)
    # Arrays, never scalars: numpy warns when a scalar wraps around.
    x = np.atleast_1d(local).view(np.uint64) ^ ((np.atleast_1d(index) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15))
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    part = int((x ^ (x >> np.uint64(31))).sum(dtype=np.uint64))
    whole = shape == local.shape
    return part if whole else sum(comm.gather(part)) % 2**64


def read_checkpoint(path: Path, block: Block, identity: Mapping[str, str] | None = None) -> Checkpoint:
    """Reads this rank's part of a checkpoint, written on any number of ranks, and verifies it.

    identity : what the file must have been written for (mechanism, mesh, ...), compared before the fields are read
    Raises DamagedFileError (truncated, wrong checksum) or FileFormatError (other kind, mechanism or mesh), naming
    file and reason, on all ranks.
    """
    comm = block.comm
    problem: FileFormatError | None = None
    arrays: dict[str, np.ndarray] = {}
    places: dict[str, str] = {}
    stored: dict[str, int] = {}
    meta: dict[str, Any] = {}
    try:
        with open_checkpoint(path) as file:
            meta = read_meta(path, file)
            compare(path, meta["identity"], identity)
            for name, dataset in file["state"].items():
                places[name], stored[name] = str(dataset.attrs["place"]), int(dataset.attrs["checksum"])
                arrays[name] = read_part(dataset, block, places[name])
    except FileFormatError as error:
        problem = error
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        problem = DamagedFileError(f"{path}: damaged: {error}")
    collective(comm, problem)
    for name, array in arrays.items():
        if checksum(comm, array, *layout(block, array, places[name])) != stored[name]:
            problem = problem or DamagedFileError(f"{path}: damaged: the checksum of {name!r} is wrong")
    collective(comm, problem)
    return Checkpoint(arrays, places, meta)


def open_checkpoint(path: Path) -> h5py.File:
    """Opens a checkpoint for reading. Raises DamagedFileError, or FileFormatError if it is something else."""
    try:
        file = h5py.File(path, "r", locking="best-effort")
    except FileNotFoundError as error:
        raise FileFormatError(f"{path}: no such file") from error
    except OSError as error:
        raise DamagedFileError(f"{path}: cannot be opened as HDF5 (truncated or of another kind): {error}") from error
    if file.attrs.get("format") != FORMAT:
        file.close()
        raise FileFormatError(f"{path}: is an HDF5 file but not a combust checkpoint")
    if file.attrs.get("version") != VERSION:
        version = file.attrs.get("version")
        file.close()
        raise FileFormatError(f"{path}: has checkpoint format {version}; this combust reads format {VERSION}")
    return file


def read_meta(path: Path, file: h5py.File) -> dict[str, Any]:
    text = file["meta"][...].tobytes()
    if zlib.crc32(text) != int(file["meta"].attrs["crc32"]):
        raise DamagedFileError(f"{path}: damaged: the checksum of its description is wrong")
    return dict(json.loads(text))


def compare(path: Path, stored: Mapping[str, str], wanted: Mapping[str, str] | None) -> None:
    """Raises FileFormatError naming the first entry of the identity that differs."""
    for key in {**stored, **wanted} if wanted is not None else ():
        there, here = stored.get(key, "nothing"), (wanted or {}).get(key, "nothing")
        if there != here:
            raise FileFormatError(
                f"{path}: belongs to another case: its {key} is {there}, that of this case is {here}; "
                "restart from a checkpoint of this case or start anew with another --out"
            )


def read_part(dataset: h5py.Dataset, block: Block, place: str) -> np.ndarray:
    if place == "global":
        return np.asarray(dataset[...])
    shape, start, count = owned(block, place)
    if dataset.shape[-3:] != shape:
        raise ValueError(f"{dataset.name} has {dataset.shape[-3:]} entries (z, y, x), the mesh needs {shape}")
    return np.asarray(dataset[(..., *(slice(s, s + c) for s, c in zip(start, count, strict=True)))])
