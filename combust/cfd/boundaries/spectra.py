"""Spectra in CSV files beside a case: columns k and E, read once, and kept in the case from then on."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from combust.cfd.boundaries.tables import FileColumns
from combust.cfd.synthetic.settings import TableSpectrum
from combust.errors import ConfigError, FileFormatError, at
from combust.files import is_file

T = TypeVar("T")
KINDS = {"k": "wave number", "E": "spectral energy"}


def with_spectra(value: T, place: str, folder: Path) -> T:
    """`value` with what files hold in place of the names of spectra; place : where it stands. Raises ConfigError."""
    if isinstance(value, TableSpectrum):
        with at(place):
            return read(value, folder) if value.file is not None else value  # type: ignore[return-value]
    if isinstance(value, tuple):
        return tuple(with_spectra(item, f"{place}[{i}]", folder) for i, item in enumerate(value))  # type: ignore
    if not isinstance(value, msgspec.Struct):
        return value
    fields = msgspec.structs.asdict(value)
    found = {name: with_spectra(item, f"{place}.{name}", folder) for name, item in fields.items()}
    changed = {name: item for name, item in found.items() if item is not fields[name] and item != fields[name]}
    return msgspec.structs.replace(value, **changed) if changed else value


def read(table: TableSpectrum, folder: Path) -> TableSpectrum:
    """The table with the numbers of its file. Raises ConfigError."""
    assert table.file is not None
    path = folder / table.file if is_file(folder / table.file) else Path(table.file)
    try:
        columns = FileColumns(path)
        k, E = (tuple(columns.numbers(name, kind)) for name, kind in KINDS.items())
    except FileFormatError as error:
        raise ConfigError(f"file: {error}") from error
    if min(*k, *E) <= 0:
        raise ConfigError(f"file: {path}: k and E must be greater than 0")
    try:
        return msgspec.structs.replace(table, file=None, k=k, E=E)
    except ValueError as error:
        raise ConfigError(f"file: {path}: {error}") from error
