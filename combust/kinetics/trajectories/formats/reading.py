"""Where trajectories lie: files of others with what the user says of them, and folders that `combust md` made."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from combust.errors import ConfigError, DependencyError, FileFormatError
from combust.files import is_file, is_folder
from combust.kinetics.dynamics.run import MARK, read
from combust.kinetics.trajectories.formats import bond_tables, dumps, xyz
from combust.kinetics.trajectories.formats.distances import Cell, pairs_within
from combust.kinetics.trajectories.formats.frames import (
    Frame,
    Hear,
    is_cut,
    opened,
    require_elements,
    size,
    unheard,
    wrong,
)

KINDS = ("bonds", "dump", "xyz", "dpdata:FORMAT")


@dataclass(frozen=True)
class Given:
    """What a user says of files that do not say it themselves.

    elements : of the types 1, 2, ... of LAMMPS;  T [K];  step : time of one step (LAMMPS) or frame (XYZ) [s]
    volume : of the box [m3];  kind : one of KINDS, None: by the content;  allow_cut : a last frame may be cut
    """

    elements: tuple[str, ...] = ()
    T: float | None = None
    step: float | None = None
    volume: float | None = None
    kind: str | None = None
    allow_cut: bool = False


@dataclass(frozen=True)
class Source:
    """One trajectory:  files : in their order;  T [K], step [s], volume [m3] as found or given"""

    name: str
    files: tuple[Path, ...]
    kind: str
    given: Given

    @property
    def by_order(self) -> bool:
        """Whether bonds have orders; else they are judged by distance."""
        return self.kind == "bonds"

    @property
    def bytes(self) -> int:
        """Of all files."""
        return sum(size(path) for path in self.files)

    def frames(self, reach: float, hear: Hear = unheard) -> Iterator[Frame]:
        """All frames. Raises FileFormatError that names file and frame: what is no trajectory, a cut frame (but the
        last where that is allowed), atoms that change, time that goes backwards.
        """
        last: int | None = None
        before: tuple[str, ...] | None = None
        for path in self.files:
            number = -1
            try:
                for number, frame in enumerate(self.of_file(path, reach, hear)):
                    if number == 0 and last is not None and frame.step == last and path != self.files[0]:
                        continue  # the first frame of a segment is the last of the one before
                    if last is not None and frame.step <= last:
                        raise wrong(path, number, f"time goes backwards: step {frame.step} after step {last}")
                    if before is not None and before != frame.elements:
                        raise wrong(path, number, "has other atoms than the files before")
                    last, before = frame.step, frame.elements
                    yield frame
            except FileFormatError as error:
                if not (self.given.allow_cut and is_cut(error) and path == self.files[-1]):
                    raise
            if number < 0:
                raise FileFormatError(f"{path}: holds no frame of a trajectory ({self.kind})")

    def of_file(self, path: Path, reach: float, hear: Hear) -> Iterator[Frame]:
        """Frames of one file, by its kind."""
        if self.kind == "bonds":
            return bond_tables.frames(path, self.given.elements, hear)
        if self.kind == "dump":
            return dumps.frames(path, self.given.elements, reach, hear)
        if self.kind == "xyz":
            return xyz.frames(path, reach, hear)
        return of_dpdata(path, self.kind.partition(":")[2], reach)


def sources(paths: Sequence[str | Path], given: Sequence[Given]) -> list[Source]:
    """Trajectories of files, of folders of `combust md`, and of folders of these; given : one for each path.

    Raises ConfigError for what is not there, or where the user must say what a file does not.
    """
    found: list[Source] = []
    for path, own in zip(map(Path, paths), given, strict=True):
        if is_folder(path) and own.kind is None:
            inner = [path] if (path / MARK).is_file() else sorted(mark.parent for mark in path.glob(f"*/{MARK}"))
            if not inner:
                raise ConfigError(f"{path}: is no folder of `combust md`, nor one of several such (no {MARK})")
            found += [of_folder(one) for one in inner]
        elif is_file(path) or (own.kind is not None and path.exists()):
            found.append(of_given(path, own))
        else:
            raise ConfigError(f"{path}: no such file or folder")
    return found


def of_folder(folder: Path) -> Source:
    """The trajectory that `combust md` made, as far as it has come. Raises FileFormatError."""
    record = read(folder)
    files = tuple(folder / segment.file for segment in record.segments if segment.file)
    if not files:
        raise FileFormatError(f"{folder}: its run has no segment yet")
    settings = record.settings
    given = Given(record.elements, settings.T, settings.step, record.volume)
    return Source(str(folder), files, "dump" if settings.deep else "bonds", given)


def of_given(path: Path, given: Given) -> Source:
    """A file of the user's. Raises ConfigError where something of it must be said."""
    kind = given.kind or kind_of(path)
    if kind not in KINDS[:3] and not kind.startswith("dpdata:"):
        raise ConfigError(f"--format {kind}: unknown; known: {', '.join(KINDS)}")
    if kind == "bonds" and not given.elements:
        raise ConfigError(f"{path}: tables of bonds name no elements: --elements H,O in the order of LAMMPS' types")
    if given.step is None:
        raise ConfigError(f"{path}: --step is missing: the time of one step of LAMMPS, or of one frame, as 0.2fs")
    return Source(str(path), (path,), kind, given)


def kind_of(path: Path) -> str:
    """By the first bytes. Raises FileFormatError."""
    try:
        with opened(path) as file:
            head = file.read(400)
    except (OSError, EOFError) as error:
        raise FileFormatError(f"{path}: cannot be read: {error}") from error
    if head.lstrip().startswith(bond_tables.MARK):
        return "bonds"
    if head.lstrip().startswith(b"ITEM:"):
        return "dump"
    if xyz.looks_so(head):
        return "xyz"
    raise FileFormatError(f"{path}: neither a table of bonds, nor a dump, nor XYZ; name it with --format {KINDS[3]}")


def of_dpdata(path: Path, form: str, reach: float) -> Iterator[Frame]:
    """Frames of what dpdata reads (DeePMD, VASP, CP2K, ...), which it holds in memory as a whole."""
    try:
        import dpdata
    except ImportError as error:
        raise DependencyError(
            f"--format dpdata:{form} needs dpdata: pip install 'combust[dpdata]' ({error})"
        ) from error
    try:
        system = dpdata.System(str(path), fmt=form)
        names, types = system["atom_names"], system["atom_types"]
        coords, cells = system["coords"], system["cells"]
    except Exception as error:  # of any kind, by format
        raise FileFormatError(f"{path}: dpdata cannot read it as {form}: {type(error).__name__}: {error}") from error
    elements = require_elements(path, 0, tuple(names[kind] for kind in types))
    periodic = np.full(3, not getattr(system, "nopbc", False))
    for number, (x, vectors) in enumerate(zip(coords, cells, strict=True)):
        cell = Cell(np.asarray(vectors), np.zeros(3), periodic)
        volume = cell.volume * 1e-30 if periodic.all() else None
        yield Frame(elements, number, *pairs_within(elements, np.asarray(x), cell, reach), volume)


def digest(path: Path) -> str:
    """SHA-256 of a file, or of all files of a folder by name."""
    found = hashlib.sha256()
    for file in sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]:
        with open(file, "rb") as stream:
            while piece := stream.read(2**20):
                found.update(piece)
    return found.hexdigest()
