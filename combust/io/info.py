"""What is in a file that combust reads: checkpoint, snapshot, index of snapshots, planes, mechanism, failed cell."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from combust.errors import ConfigError, FileFormatError, MechanismError
from combust.files import is_file

OLDER = (".inp", ".dat", ".cti", ".xml")  # formats of mechanisms before YAML


class SavedArray(NamedTuple):
    """An array of a checkpoint, where its numbers lie ("cell", "face_x", ..., "global"), and its shape."""

    name: str
    place: str
    shape: tuple[int, ...]


class CheckpointInfo(NamedTuple):
    """A checkpoint whose checksums are right;  by : the version that wrote it;  case : the case file, as text"""

    step: int
    time: float
    by: str
    identity: dict[str, str]
    arrays: tuple[SavedArray, ...]
    case: str


class FieldInfo(NamedTuple):
    """A field of a snapshot, and the range of its values."""

    name: str
    vector: bool
    low: float
    high: float


class SnapshotInfo(NamedTuple):
    """Fields at one time;  cells : of (x, y, z);  ends : of each of these directions [m]"""

    step: int
    time: float
    cells: tuple[int, ...]
    ends: tuple[tuple[float, float], ...]
    fields: tuple[FieldInfo, ...]


class PlanesInfo(NamedTuple):
    """Planes over time, whose checksums are right.

    normal, at : direction [x, y or z] and place [m];  cells : of (x, y, z);  times : first and last [s]
    """

    records: int
    normal: str
    at: float
    cells: tuple[int, ...]
    times: tuple[float, float]
    fields: tuple[FieldInfo, ...]


class IndexInfo(NamedTuple):
    """Times [s] and names of the snapshots of a run."""

    snapshots: tuple[tuple[float, str], ...]


class MechanismInfo(NamedTuple):
    """A phase of a mechanism;  phases : all of the file;  reactions : how many of each type;  refused : why combust
    does not run it, empty where it does;  T_limits : of its data [K]
    """

    phase: str
    phases: tuple[str, ...]
    species: tuple[str, ...]
    elements: tuple[str, ...]
    transport: str
    T_limits: tuple[float, float]
    reactions: dict[str, int]
    refused: str


class CellInfo(NamedTuple):
    """A cell whose chemistry failed, in lines;  again : integrates it once more, and gives lines"""

    lines: tuple[str, ...]
    again: Callable[[], Iterable[str]]


Info = CheckpointInfo | SnapshotInfo | PlanesInfo | IndexInfo | MechanismInfo | CellInfo


def info(file: str | Path, phase: str | None = None) -> Info:
    """What is in a checkpoint (.h5), snapshot (.vtr), index (.pvd), file of planes (.npy), mechanism (.yaml) or failed
    cell (.json).

    phase : of a mechanism; the one that combust reads if None
    Raises FileFormatError, also for a damaged file, ConfigError for the phase of what is no mechanism.
    """
    path = Path(file)
    read = {
        ".h5": checkpoint, ".vtr": snapshot, ".pvd": index, ".npy": planes,
        ".yaml": mechanism, ".yml": mechanism, ".json": cell,
    }  # fmt: skip
    read |= dict.fromkeys(OLDER, mechanism)  # which says how to convert them
    if path.suffix not in read:
        raise FileFormatError(f"{file}: combust info reads {', '.join(k for k in read if k not in OLDER)}")
    if read[path.suffix] is mechanism:
        return mechanism(path, phase)
    if not is_file(path):
        raise FileFormatError(f"{file}: no such file")
    if phase is not None:
        raise ConfigError(f"--phase {phase}: {file} is no mechanism")
    found: Info = read[path.suffix](path)  # type: ignore[operator]
    return found


def checkpoint(path: Path) -> CheckpointInfo:
    from combust.io.checkpoint import open_checkpoint, read_meta, require_continuable, verify

    with open_checkpoint(path) as opened:
        meta, found = read_meta(path, opened), verify(path, opened)
        require_continuable(path, meta)
        by = str(opened.attrs.get("combust", "an unknown version"))
        arrays = tuple(SavedArray(name, entry.place, tuple(entry.data.shape)) for name, entry in found.items())
    return CheckpointInfo(meta["step"], meta["time"], by, meta["identity"], arrays, meta.get("case", ""))


def snapshot(path: Path) -> SnapshotInfo:
    from combust.io.vtr import read_vtr

    shot = read_vtr(path)
    axes = tuple(reversed(shot.coordinates))
    fields = tuple(
        FieldInfo(name, values.ndim == 4, float(values.min()), float(values.max()))
        for name, values in shot.fields.items()
    )
    ends = tuple((float(points[0]), float(points[-1])) for points in axes)
    return SnapshotInfo(shot.step, shot.time, tuple(max(c.size - 1, 1) for c in axes), ends, fields)


def planes(path: Path) -> PlanesInfo:
    from combust.planes import read

    found = read(path)
    if not len(found.times):
        raise FileFormatError(f"{path}: holds no record yet")
    low, high = dict.fromkeys(found.names, math.inf), dict.fromkeys(found.names, -math.inf)
    for number in range(len(found.times)):
        for name, values in found.at(number).items():
            low[name], high[name] = min(low[name], float(values.min())), max(high[name], float(values.max()))
    axes = [found.x, found.y, found.z]
    return PlanesInfo(
        len(found.times),
        found.normal,
        float(axes["xyz".index(found.normal)][0]),
        tuple(len(axis) for axis in axes),
        (float(found.times[0]), float(found.times[-1])),
        tuple(FieldInfo(name, False, low[name], high[name]) for name in found.names),
    )


def index(path: Path) -> IndexInfo:
    from combust.io.vtr import read_pvd

    return IndexInfo(tuple(read_pvd(path)))


def cell(path: Path) -> CellInfo:
    from combust.kinetics.integrate import failed_cell
    from combust.kinetics.providers.rerun import rerun

    found = failed_cell.read(path)
    return CellInfo(tuple(failed_cell.describe(found)), lambda: rerun(found))


def mechanism(path: Path, phase: str | None = None) -> MechanismInfo:
    from combust.kinetics.mechanism import phases, places

    file, read, refused = places.find(path), phase, ""
    try:
        read = phases.read(file, phase).name
    except MechanismError as error:
        refused = str(error)
    gas = phases.solution(file, read, transport=False)
    entries = {str(entry.get("name")): entry for entry in phases.phases_of(file)}
    counts: dict[str, int] = {}
    for reaction in gas.reactions():
        counts[reaction.reaction_type] = counts.get(reaction.reaction_type, 0) + 1
    return MechanismInfo(
        gas.name, tuple(entries), tuple(gas.species_names), tuple(gas.element_names),
        str(entries.get(gas.name, {}).get("transport", "none")), (gas.min_temp, gas.max_temp),
        dict(sorted(counts.items())), refused,
    )  # fmt: skip
