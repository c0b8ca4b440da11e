"""Reactive molecular dynamics of a box of molecules by LAMMPS, in segments that are kept whole."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from combust import __version__
from combust.atomic import replace_bytes
from combust.errors import ConfigError, FileFormatError, OutputError
from combust.files import fit, read_bytes, read_json
from combust.interrupts import Stopped, stoppable
from combust.io.lock import locked
from combust.kinetics.dynamics import box, lammps, script
from combust.kinetics.dynamics.settings import Dynamics, Record, Segment
from combust.report.meter import SILENT, Reporter

MARK = "md.json"
MOST = 2**31  # bytes of a segment


@dataclass(frozen=True)
class Simulated:
    """A finished run:  folder : `combust network` takes it;  record : what it holds;  made : segments of this call"""

    folder: Path
    record: Record
    made: int


def md(
    molecules: Mapping[str, int],
    T: float,
    density: float,
    time: float,
    out: str | Path,
    *,
    seed: int = 1,
    potential: str = "ffield.reax.cho",
    resume: bool = False,
    program: str | None = None,
    reporter: Reporter = SILENT,
    **more: float,
) -> Simulated:
    """Runs `molecules` (name: count) at T [K] and density [kg/m3] for `time` [s] into the folder `out`.

    potential : ReaxFF file, or a DeePMD model where LAMMPS has pair_style deepmd;  program : LAMMPS
    resume : continue what was interrupted, whose end is the same to the bit; nothing to do is no error
    more : step, every, settle, segment, damping [s] of combust.kinetics.dynamics.settings.Dynamics

    Raises ConfigError, DependencyError (LAMMPS, or its forces, are not there), lammps.LammpsError, Stopped on a signal.
    """
    raw = {"molecules": dict(molecules), "T": T, "density": density, "time": time, "seed": seed,
           "potential": potential, **more}  # fmt: skip
    try:
        settings = fit(raw, Dynamics, "md")
    except FileFormatError as error:
        raise ConfigError(str(error)) from None
    found = lammps.find(program)
    lammps.require(found, settings.deep)
    folder = Path(out)
    with locked(folder):
        for left in folder.glob("work-*"):
            shutil.rmtree(left, ignore_errors=True)  # of a run that was killed
        record = begin(folder, settings, found, resume)
        return segments(folder, record, found, reporter)


def begin(folder: Path, settings: Dynamics, program: lammps.Program, resume: bool) -> Record:
    """The record of a new folder, or of an interrupted run. Raises ConfigError where they do not fit."""
    mark = folder / MARK
    field = lammps.potential(settings.potential, program)
    digest = hashlib.sha256(read_bytes(field, MOST)).hexdigest()
    if mark.is_file():
        if not resume:
            raise ConfigError(f"{folder}: holds a run already: continue it with --resume, or choose another --out")
        return require_same(folder, read(folder), settings, digest, program)
    made = box.make(settings.molecules, settings.density, settings.seed)
    record = Record(settings=settings, elements=made.elements, volume=made.volume, potential_sha256=digest,
                    lammps=program.version, combust=__version__)  # fmt: skip
    try:
        replace_bytes(folder / script.DATA, box.data_file(made, not settings.deep).encode())
        shutil.copyfile(field, folder / script.FIELD)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written: {error.strerror or error}") from error
    write(folder, record)
    return record


def require_same(folder: Path, before: Record, settings: Dynamics, digest: str, program: lammps.Program) -> Record:
    """Raises ConfigError where settings, forces or LAMMPS were others: the end would not be the same."""
    old, new = msgspec.to_builtins(before.settings), msgspec.to_builtins(settings)
    for key in new:
        if key != "time" and old[key] != new[key]:
            raise ConfigError(f"--resume: {key} was {old[key]} in {folder} and is {new[key]} now")
    if before.potential_sha256 != digest:
        raise ConfigError(f"--resume: {settings.potential} is not the file that {folder} was begun with")
    if before.lammps != program.version:
        raise ConfigError(f"--resume: {folder} was begun with LAMMPS {before.lammps}, this one is {program.version}")
    return msgspec.structs.replace(before, settings=settings)


def segments(folder: Path, record: Record, program: lammps.Program, reporter: Reporter) -> Simulated:
    """Runs what is missing, segment 0 (the thermostat settles) first."""
    total, first = record.settings.segments + 1, len(record.segments)
    progress = reporter.of("segments")
    for number in range(first, total):
        try:
            with stoppable():
                record = one(folder, record, number, program)
        except KeyboardInterrupt:
            raise Stopped(f"{folder}: {number} of {total} segments are kept; continue with --resume") from None
        progress.reach(number + 1, total)
    progress.clear()
    return Simulated(folder, record, max(0, total - first))


def one(folder: Path, record: Record, number: int, program: lammps.Program) -> Record:
    """Segment `number` in a folder of its own, moved to its place when it is whole; the record with it."""
    with tempfile.TemporaryDirectory(dir=folder, prefix="work-", ignore_cleanup_errors=True) as name:
        work = Path(name)
        os.symlink(Path("..") / script.FIELD, work / script.FIELD)
        if number == 0:
            os.symlink(Path("..") / script.DATA, work / script.DATA)
        else:
            start = folder / state(number - 1)
            if sha256(start) != record.segments[number - 1].restart:
                raise FileFormatError(f"{start}: is not the state that {MARK} names; begin anew in another folder")
            os.symlink(Path("..") / start.name, work / script.START)
        lammps.run(program, script.text(record.settings, record.elements, number), work)
        file = table(number) if number else ""
        done = Segment(file=file, sha256=sha256(work / script.TABLE) if number else "",
                       restart=sha256(work / script.END))  # fmt: skip
        if number:
            os.replace(work / script.TABLE, folder / file)
        os.replace(work / script.END, folder / state(number))
    record = msgspec.structs.replace(record, segments=(*record.segments[:number], done))
    write(folder, record)
    (folder / state(number - 1)).unlink(missing_ok=True)
    return record


def table(number: int) -> str:
    """Name of a segment's file."""
    return f"trajectory_{number:04d}.txt"


def state(number: int) -> str:
    """Name of the state at the end of a segment."""
    return f"state_{number:04d}.restart"


def sha256(path: Path) -> str:
    return hashlib.sha256(read_bytes(path, MOST)).hexdigest()


def write(folder: Path, record: Record) -> None:
    """The record, whole or not at all. Raises OutputError."""
    try:
        replace_bytes(folder / MARK, msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n")
    except OSError as error:
        raise OutputError(f"{folder / MARK}: cannot be written: {error.strerror or error}") from error


def read(folder: Path) -> Record:
    """The record of a folder. Raises FileFormatError."""
    return fit(read_json(folder / MARK), Record, folder / MARK)
