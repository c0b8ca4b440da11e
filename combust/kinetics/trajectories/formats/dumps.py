"""Dumps of LAMMPS (`dump custom`, `dump atom`) as text: https://docs.lammps.org/dump.html."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from combust.errors import ConfigError, FileFormatError, at
from combust.kinetics.trajectories.formats.distances import Cell, pairs_within
from combust.kinetics.trajectories.formats.frames import (
    Frame,
    Hear,
    blocks,
    cut,
    opened,
    require_elements,
    require_same,
    unheard,
    wrong,
)

MARK = b"ITEM: TIMESTEP"
COLUMNS = (("x", "y", "z"), ("xu", "yu", "zu"), ("xs", "ys", "zs"), ("xsu", "ysu", "zsu"))
ANGSTROM = ("real", "metal")
UNITS = re.compile(rb"ITEM: UNITS\s+(\w+)")


def frames(path: Path, elements: Sequence[str], reach: float, hear: Hear = unheard) -> Iterator[Frame]:
    """Pairs of each frame by distance;  elements : of types 1, 2, ..., not needed where the dump names them
    reach : largest distance over the sum of the covalent radii

    Raises FileFormatError that names file and frame, ConfigError where `elements` are too few.
    """
    before: tuple[str, ...] | None = None
    require_units(path)
    for number, block in enumerate(blocks(path, MARK, hear)):
        parts = sections(path, number, block)
        step, atoms = integer(path, number, parts, "TIMESTEP"), integer(path, number, parts, "NUMBER OF ATOMS")
        names, rows = columns(path, number, parts, atoms)
        cell = box(path, number, parts)
        now = kinds(path, number, names, rows, elements)
        require_same(path, number, before, now)
        before = now
        with at(f"{path}: frame {number}"):
            found = pairs_within(now, places(path, number, names, rows, cell), cell, reach)
        yield Frame(now, step, *found, cell.volume * 1e-30 if cell.periodic.all() else None)


def require_units(path: Path) -> None:
    """Raises FileFormatError where the head of the file says units whose length is not the angstrom."""
    with opened(path) as file:
        found = UNITS.search(file.read(400))
    if found and found[1].decode() not in ANGSTROM:
        raise wrong(path, 0, f"units {found[1].decode()}: lengths are read in those of {' and '.join(ANGSTROM)}")


def sections(path: Path, number: int, block: bytes) -> dict[str, tuple[str, str]]:
    """First word(s) of each ITEM -> what else stands in its line, and below it."""
    try:
        text = block.decode("utf-8")
    except UnicodeDecodeError as error:
        raise wrong(path, number, f"is not text ({error.reason})") from error
    found = {}
    for part in text.split("ITEM: ")[1:]:
        line, _, body = part.partition("\n")
        key = next((k for k in ("NUMBER OF ATOMS", "BOX BOUNDS", "TIMESTEP", "ATOMS", "TIME")
                    if line.startswith(k)), line)  # fmt: skip
        found[key] = (line[len(key) :].strip(), body)
    return found


def integer(path: Path, number: int, parts: dict[str, tuple[str, str]], key: str) -> int:
    try:
        return int(parts[key][1])
    except KeyError:
        raise cut(path, number) from None
    except ValueError:
        raise wrong(path, number, f"ITEM: {key} is {parts[key][1].strip()!r}, no number") from None


def columns(path: Path, number: int, parts: dict[str, tuple[str, str]], atoms: int) -> tuple[list[str], np.ndarray]:
    """Names of the columns, and the rows (atoms, columns) as texts, by their id where there is one."""
    if "ATOMS" not in parts:
        raise cut(path, number)
    line, body = parts["ATOMS"]
    names, words = line.split(), body.split()
    if len(words) != atoms * len(names) or not body.endswith("\n"):
        raise (
            cut(path, number)
            if len(words) <= atoms * len(names)
            else wrong(path, number, f"{len(words)} words in ATOMS, {atoms} atoms with {len(names)} columns have fewer")
        )
    rows = np.array(words).reshape(atoms, len(names))
    if "id" not in names:
        return names, rows
    ids = whole(path, number, rows[:, names.index("id")], "id")
    if len(np.unique(ids)) != atoms:
        raise wrong(path, number, "two atoms have one id")
    return names, rows[ids.argsort(kind="stable")]


def whole(path: Path, number: int, words: np.ndarray, name: str) -> np.ndarray:
    """A column of whole numbers."""
    try:
        return words.astype(np.int64)
    except (ValueError, OverflowError):
        raise wrong(path, number, f"column {name}: not all are whole numbers") from None


def kinds(path: Path, number: int, names: list[str], rows: np.ndarray, elements: Sequence[str]) -> tuple[str, ...]:
    """Elements of the atoms."""
    if "element" in names:
        return require_elements(path, number, tuple(rows[:, names.index("element")].tolist()))
    if "type" not in names:
        raise wrong(path, number, "has neither a column element nor type")
    types = whole(path, number, rows[:, names.index("type")], "type")
    if types.min() < 1:
        raise wrong(path, number, f"an atom of type {types.min()}: types count from 1")
    if types.max() > len(elements):
        raise ConfigError(
            f"{path}: has atoms of type {types.max()}, --elements names {len(elements)}: give them all, in order"
        )
    given = require_elements(path, number, elements)
    return tuple(given[kind - 1] for kind in types)


def box(path: Path, number: int, parts: dict[str, tuple[str, str]]) -> Cell:
    """The box: orthogonal or tilted, lo and hi of tilted ones without their bounds' tilt."""
    if "BOX BOUNDS" not in parts:
        raise cut(path, number)
    line, body = parts["BOX BOUNDS"]
    try:
        bounds = np.array([[float(word) for word in row.split()] for row in body.split("\n")[:3]])
        if bounds.shape not in ((3, 2), (3, 3)) or "abc" in line:
            raise ValueError
    except ValueError:
        raise wrong(path, number, "BOX BOUNDS are not three rows of lo, hi and maybe a tilt") from None
    xy, xz, yz = bounds[:, 2] if bounds.shape[1] == 3 else (0.0, 0.0, 0.0)
    low = bounds[:, 0] - (min(0.0, xy, xz, xy + xz), min(0.0, yz), 0.0)
    high = bounds[:, 1] - (max(0.0, xy, xz, xy + xz), max(0.0, yz), 0.0)
    if not (np.isfinite(bounds).all() and (high > low).all()):
        raise wrong(path, number, "BOX BOUNDS span no volume")
    lx, ly, lz = high - low
    flags = [word for word in line.split() if len(word) == 2 and word not in ("xy", "xz", "yz")]
    periodic = np.array([flag == "pp" for flag in flags] if len(flags) == 3 else [True] * 3)
    return Cell(np.array([[lx, 0, 0], [xy, ly, 0], [xz, yz, lz]]), low, periodic)


def places(path: Path, number: int, names: list[str], rows: np.ndarray, cell: Cell) -> np.ndarray:
    """(atoms, 3) in angstrom."""
    for three in COLUMNS:
        if set(three) <= set(names):
            try:
                x = rows[:, [names.index(name) for name in three]].astype(float)
            except ValueError:
                raise wrong(path, number, f"{', '.join(three)}: not all are numbers") from None
            if not np.isfinite(x).all():
                raise wrong(path, number, f"{', '.join(three)}: not all are finite")
            return x @ cell.vectors + cell.origin if "s" in three[0] else x
    raise FileFormatError(f"{path}: has no columns {' or '.join(','.join(three) for three in COLUMNS)}")
