"""Reads files and folders of experiments; a file that cannot be used does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from combust.errors import CombustError, FileFormatError
from combust.experiments.formats.chemked import read_chemked
from combust.experiments.formats.data import DataSet
from combust.experiments.formats.respecth import read_respecth
from combust.files import is_file

READERS: dict[str, Callable[[str | Path], DataSet]] = {
    ".yaml": read_chemked,
    ".yml": read_chemked,
    ".xml": read_respecth,
}


def read(path: str | Path) -> DataSet:
    """One file of experiments: ChemKED from .yaml or .yml, ReSpecTh from .xml. Raises FileFormatError."""
    reader = READERS.get(Path(path).suffix.lower())
    if not is_file(Path(path)):
        raise FileFormatError(f"{path}: no such file{'' if reader else ' or folder'}")
    if reader is None:
        raise FileFormatError(f"{path}: experiments are read from {', '.join(READERS)}")
    return reader(path)


def read_all(paths: Iterable[str | Path]) -> tuple[list[DataSet], list[CombustError]]:
    """Data sets of files and of all files below folders, and the errors of those that cannot be used."""
    sets: list[DataSet] = []
    errors: list[CombustError] = []
    for given in map(Path, paths):
        inside = within(given)
        if not inside:
            errors.append(FileFormatError(f"{given}: no file of {', '.join(READERS)} in this folder"))
        for path in inside:
            try:
                sets.append(read(path))
            except CombustError as error:
                errors.append(error)
    return sets, errors


def within(path: Path) -> list[Path]:
    """The files below a folder, in alphabetical order; a path that is none stands for itself."""
    return sorted(p for p in path.rglob("*") if p.suffix.lower() in READERS) if path.is_dir() else [path]
