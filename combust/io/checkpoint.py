"""Checkpoints: the complete state of a run in one HDF5 file, the same for any number of ranks.

Root makes the file with empty contiguous data sets and closes it, then all ranks fill these with MPI-IO: no parallel
HDF5 is needed. Each data set carries a checksum that does not depend on the decomposition, verified on reading; that of
all else in the file (combust.io.seal) is verified before HDF5 opens it.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import h5py
import numpy as np
from msgspec import Struct

from combust import __version__
from combust.cfd.mesh.block import AXES, Block, Triple
from combust.errors import FileFormatError
from combust.files import MOST, fit
from combust.io import hdf5
from combust.io.blocks import Placed, replacing, write_blocks
from combust.io.seal import Apart, checksum, seal
from combust.parallel import Communicator, collective, on_root

FORMAT = "combust checkpoint"
VERSION = 1
OLDER = "continue from an older checkpoint (--restart auto takes the newest that is whole)"
State = Mapping[str, tuple[np.ndarray, str]]
Words = Callable[[str, str], str]
HASH = re.compile("[0-9a-f]{16,}")
Place = Literal["cell", "face_x", "face_y", "face_z", "global"]
MAY_LACK = ("clock", "follower", "heat_out", "so_far_")
"""Beginnings of what not every checkpoint has of the state: of cases with other boundaries or sources, of 0.2; the flow
knows what stands for it."""
# What h5py raises where a file is not what it says; MemoryError for extents that cannot be.
DAMAGE = (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError, OverflowError, MemoryError)


class Description(Struct):
    """What every checkpoint says of itself; the rest is for those that continue from it."""

    step: int
    time: float
    identity: dict[str, str]
    case: str = ""


class Loop(Struct):
    """Where the time loop stood; see Simulation.state."""

    time: float
    step: int
    dt: float
    free_dt: float
    wall: float


class HookState(Struct):
    """What a hook must remember; see combust.run.hooks."""

    last: int | None
    count: int


class Continued(Struct):
    """What a run continues from."""

    loop: Loop
    hooks: dict[str, HookState]


class Stored(NamedTuple):
    """A data set of the state."""

    data: h5py.Dataset
    place: str
    checksum: int


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
    offsets, apart = {}, []
    with h5py.File(path, "w", libver="earliest") as file:
        file.attrs.update(format=FORMAT, version=VERSION, combust=__version__)
        meta = file.create_dataset("meta", data=np.frombuffer(text, np.uint8))
        meta.attrs["crc32"] = zlib.crc32(text)
        apart.append(Apart(meta.id.get_offset(), meta.nbytes))
        group = file.create_group("state")
        group.attrs["names"] = "\n".join(state)  # so that a reader without a case sees what is missing
        for name, (array, place) in state.items():
            shape, _ = layout(block, array, place)
            dataset = hdf5.contiguous(group, name, shape)
            dataset.attrs["place"] = place
            dataset.attrs["checksum"] = np.uint64(sums[name])
            if place == "global":
                dataset[...] = array
            else:
                offsets[name] = dataset.id.get_offset()
            apart.append(Apart(dataset.id.get_offset(), dataset.nbytes))
    seal(path, apart)  # of what only root writes; the data sets have checksums of their own
    return offsets


def read_checkpoint(
    path: Path,
    block: Block,
    identity: Mapping[str, str] | None = None,
    may_differ: Sequence[str] = (),
    words: Words = lambda case, key: "",
) -> Checkpoint:
    """Reads this rank's part of a checkpoint, written on any number of ranks, and verifies it.

    identity : what the file must have been written for (mechanism, mesh, ...), compared before the fields are read
    may_differ : keys of the identity that are not compared
    words : (case that wrote the file, key of the identity) -> what is other in the case that reads it, "" if not known
    Raises DamagedFileError (truncated, wrong checksum) or FileFormatError (other kind, mechanism or mesh), naming
    file and reason, on all ranks.
    """
    comm = block.comm
    problem: FileFormatError | None = None
    arrays: dict[str, np.ndarray] = {}
    places: dict[str, str] = {}
    stored: dict[str, int] = {}
    meta: dict[str, Any] = {}
    on_root(comm, lambda: require_readable(path), f"read {path}")
    try:
        with opened(path) as file:
            meta = read_meta(path, file)
            compare(path, meta, identity, may_differ, words)
            for name, found in entries(path, file).items():
                places[name], stored[name] = found.place, found.checksum
                arrays[name] = read_part(found.data, block, found.place)
    except FileFormatError as error:
        problem = error
    except DAMAGE as error:
        problem = DamagedFileError(f"{path}: damaged: {error}")
    collective(comm, problem)
    for name, array in arrays.items():
        if checksum(comm, array, *layout(block, array, places[name])) != stored[name]:
            problem = problem or DamagedFileError(f"{path}: damaged: the checksum of {name!r} is wrong")
        elif not np.isfinite(array).all():
            problem = problem or not_finite(path, name)
    collective(comm, problem)
    return Checkpoint(arrays, places, meta)


def open_checkpoint(path: Path) -> h5py.File:
    """Opens a checkpoint for reading. Raises DamagedFileError, or FileFormatError if it is something else."""
    require_readable(path)
    return opened(path)


def require_readable(path: Path) -> None:
    """Raises DamagedFileError for a file that HDF5 should not open, FileFormatError for one that is not there."""
    try:
        hdf5.require_readable(path)
    except FileNotFoundError as error:
        raise FileFormatError(f"{path}: no such file") from error
    except (OSError, ValueError) as error:
        raise DamagedFileError(f"{path}: damaged: {error}; {OLDER}") from error


def opened(path: Path) -> h5py.File:
    """Opens a checkpoint that is readable."""
    try:
        file = h5py.File(path, "r", locking="best-effort")
    except FileNotFoundError as error:
        raise FileFormatError(f"{path}: no such file") from error
    except DAMAGE as error:
        raise DamagedFileError(f"{path}: cannot be opened as HDF5 (truncated or of another kind): {error}") from error
    try:
        kind, version = file.attrs.get("format"), file.attrs.get("version")
        if kind is None or not np.array_equal(kind, FORMAT):
            raise DamagedFileError(f"{path}: is an HDF5 file but not a combust checkpoint")
        if version is None:
            raise DamagedFileError(f"{path}: does not say its format's version")
        if not np.array_equal(version, VERSION):
            raise FileFormatError(f"{path}: has checkpoint format {version}; this combust reads format {VERSION}")
    except DAMAGE as error:
        file.close()
        raise DamagedFileError(f"{path}: damaged: {error}") from error
    except FileFormatError:
        file.close()
        raise
    return file


def read_meta(path: Path, file: h5py.File) -> dict[str, Any]:
    """The description of a checkpoint. Raises DamagedFileError for one that is not whole or lacks an entry."""
    try:
        data = hdf5.plain(file, "meta", "|u1", most=MOST)
        text = data[...].tobytes()
        if zlib.crc32(text) != int(data.attrs["crc32"]):
            raise DamagedFileError(f"{path}: damaged: the checksum of its description is wrong")
        meta = json.loads(text)
        fit(meta, Description, f"{path}: damaged: its description")
    except DamagedFileError:
        raise
    except (*DAMAGE, RecursionError) as error:
        raise DamagedFileError(f"{path}: damaged: its description cannot be read: {error}") from error
    except FileFormatError as error:
        raise DamagedFileError(str(error)) from error
    return dict(meta)


def entries(path: Path, file: h5py.File) -> dict[str, Stored]:
    """Data sets of the state by name. Raises DamagedFileError for what `write_checkpoint` would not have written."""
    found: dict[str, Stored] = {}
    try:
        group = file.get("state")
        if not isinstance(group, h5py.Group):
            raise ValueError("'state' is missing")
        for name in dict.fromkeys([*str(group.attrs.get("names", "")).split("\n"), *group]):
            if not name:
                continue
            data = hdf5.plain(group, name, "<f8")
            place, whole = str(data.attrs["place"]), int(data.attrs["checksum"])
            if place not in Place.__args__:  # type: ignore[attr-defined]
                raise ValueError(f"{name!r} belongs to {place!r}")
            if place != "global" and data.ndim < 3:
                raise ValueError(f"{name!r} has {data.ndim} extents")
            found[name] = Stored(data, place, whole)
    except DAMAGE as error:
        raise DamagedFileError(f"{path}: damaged: {error}") from error
    return found


def verify(path: Path, file: h5py.File) -> dict[str, Stored]:
    """Data sets of the state, all of them whole. Raises DamagedFileError naming the first that is not."""
    read_meta(path, file)
    found = entries(path, file)
    shape = next((entry.data.shape[-3:] for entry in found.values() if entry.place == "cell"), None)
    for name, entry in found.items():
        if entry.place != "global" and shape is not None:
            wanted = tuple(n + (entry.place == f"face_{axis}") for axis, n in zip("zyx", shape, strict=True))
            if entry.data.shape[-3:] != wanted:
                raise DamagedFileError(
                    f"{path}: damaged: {name!r} has {entry.data.shape[-3:]} entries (z, y, x), beside {shape} cells"
                )
        try:
            array = np.asarray(entry.data[...])
        except DAMAGE as error:
            raise DamagedFileError(f"{path}: damaged: {name!r}: {error}") from error
        if checksum(Communicator(), array, array.shape, (0,) * array.ndim) != entry.checksum:
            raise DamagedFileError(f"{path}: damaged: the checksum of {name!r} is wrong")
        if not np.isfinite(array).all():
            raise not_finite(path, name)
    return found


def not_finite(path: Path, name: str) -> DamagedFileError:
    return DamagedFileError(f"{path}: damaged: {name!r} holds numbers that are not finite, which no run writes")


def require_continuable(path: Path, meta: Mapping[str, Any]) -> None:
    """Raises DamagedFileError naming what a run would miss in the description."""
    try:
        loop = fit(meta, Continued, f"{path}: damaged: its description", finite=False).loop
        for name in ("time", "dt", "wall"):
            if not math.isfinite(getattr(loop, name)):
                raise FileFormatError(f"{path}: damaged: its description: loop.{name} = {getattr(loop, name)}")
        if loop.step < 0 or not loop.free_dt > 0:
            raise FileFormatError(f"{path}: damaged: its description: loop: step {loop.step}, free_dt {loop.free_dt}")
    except FileFormatError as error:
        raise DamagedFileError(str(error)) from error


def require_complete(path: Path, saved: Checkpoint, block: Block, state: State, renewed: tuple[str, ...] = ()) -> None:
    """Raises DamagedFileError naming what the checkpoint lacks of the `state` of a flow, on all ranks.

    renewed : names that it need not have
    """
    problem: FileFormatError | None = None
    try:
        require_continuable(path, saved.meta)
        for name, (array, place) in state.items():
            if name not in saved.arrays and (name.startswith(MAY_LACK) or name in renewed):
                continue
            if name not in saved.arrays:
                raise DamagedFileError(f"{path}: damaged: it lacks {name!r}")
            if (saved.places[name], saved.arrays[name].shape) != (place, array.shape):
                raise DamagedFileError(
                    f"{path}: damaged: {name!r} has shape {saved.arrays[name].shape} ({saved.places[name]}), this case "
                    f"needs {array.shape} ({place})"
                )
    except DamagedFileError as error:
        problem = error
    collective(block.comm, problem)


def compare(
    path: Path, meta: Mapping[str, Any], wanted: Mapping[str, str] | None, may_differ: Sequence[str], words: Words
) -> None:
    """Raises FileFormatError naming the first entry of the identity that differs, but for those of `may_differ`."""
    stored = meta["identity"]
    for key in {**stored, **wanted} if wanted is not None else ():
        there, here = stored.get(key, "nothing"), (wanted or {}).get(key, "nothing")
        if there != here and key not in may_differ:
            same = key == "mechanism" and "species" in stored and stored["species"] == (wanted or {}).get("species")
            hashed = HASH.fullmatch(there) or HASH.fullmatch(here)  # what no one can read
            what = words(str(meta.get("case", "")), key) if hashed else ""
            raise FileFormatError(
                f"{path}: belongs to another case: its {key} is "
                + (f"another one ({what}); " if what else f"{there}, that of this case is {here}; ")
                + "restart from a checkpoint of this case or start anew with another --out"
                + (", or continue with --change: its species are the same" if same else "")
                + (
                    f'; or begin with its fields on this grid: initial = {{ kind = "run", folder = "{path}" }}'
                    if key == "mesh"
                    else ""
                )
            )


def read_part(dataset: h5py.Dataset, block: Block, place: str) -> np.ndarray:
    if place == "global":
        return np.asarray(dataset[...])
    shape, start, count = owned(block, place)
    if dataset.shape[-3:] != shape:
        raise ValueError(f"{dataset.name} has {dataset.shape[-3:]} entries (z, y, x), the mesh needs {shape}")
    return np.asarray(dataset[(..., *(slice(s, s + c) for s, c in zip(start, count, strict=True)))])
