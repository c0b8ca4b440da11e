"""XYZ files, extended by a lattice or plain: https://github.com/libAtoms/extxyz."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from combust.errors import at
from combust.files import unreadable
from combust.kinetics.trajectories.formats.distances import Cell, pairs_within
from combust.kinetics.trajectories.formats.frames import (
    Frame,
    Hear,
    cut,
    opened,
    require_elements,
    require_same,
    unheard,
    wrong,
)

KEY = re.compile(r"(\w+)\s*=\s*(\"[^\"]*\"|'[^']*'|\{[^}]*\}|\S+)")
STEPS = ("step", "timestep", "md_step")
MOST_ATOMS = 10**7


def frames(path: Path, reach: float, hear: Hear = unheard) -> Iterator[Frame]:
    """Pairs of each frame by distance;  reach : largest distance over the sum of the covalent radii

    The step of a frame is what its line says ("step=100"), else its number. Raises FileFormatError that names file
    and frame.
    """
    before: tuple[str, ...] | None = None
    with opened(path) as raw:
        text = io.TextIOWrapper(raw, encoding="utf-8")
        number = 0
        try:
            while head := next(text, ""):
                if not head.strip():
                    continue
                atoms = count(path, number, head)
                lines = list(islice(text, atoms + 1))
                if len(lines) < atoms + 1:
                    raise cut(path, number)
                if not lines[-1].endswith("\n") and not lines[-1].strip():
                    raise cut(path, number)
                frame = one(path, number, lines, reach)
                require_same(path, number, before, frame.elements)
                before = frame.elements
                yield frame
                hear(sum(map(len, lines)))
                number += 1
        except UnicodeDecodeError as error:
            raise wrong(path, number, f"is not text ({error.reason})") from error
        except (OSError, EOFError) as error:
            raise unreadable(path, str(error)) from error


def count(path: Path, number: int, line: str) -> int:
    """Atoms of the frame that begins with `line`."""
    try:
        found = int(line)
    except ValueError:
        raise wrong(path, number, f"begins with {line.strip()[:40]!r}, not with the number of atoms") from None
    if not 0 < found <= MOST_ATOMS:
        raise wrong(path, number, f"{found} atoms: at least one, at most {MOST_ATOMS}")
    return found


def one(path: Path, number: int, lines: list[str], reach: float) -> Frame:
    """A frame from its second line on."""
    keys = {key.lower(): value.strip("\"'{}") for key, value in KEY.findall(lines[0])}
    species, place = columns(path, number, keys.get("properties", "species:S:1:pos:R:3"))
    words = [line.split() for line in lines[1:]]
    try:
        elements = tuple(row[species] for row in words)
        x = np.array([row[place : place + 3] for row in words], dtype=float)
        if x.shape != (len(words), 3):
            raise ValueError
    except (IndexError, ValueError):
        short = len(words[-1]) < place + 3 or not lines[-1].endswith("\n")
        raise cut(path, number) if short else wrong(path, number, "a row has no symbol and three numbers") from None
    if not np.isfinite(x).all():
        raise wrong(path, number, "places are not all finite")
    cell = lattice(path, number, keys)
    elements = require_elements(path, number, elements)
    volume = cell.volume * 1e-30 if cell.periodic.all() else None
    step = next((int(keys[key]) for key in STEPS if keys.get(key, "").lstrip("-").isdigit()), number)
    with at(f"{path}: frame {number}"):
        return Frame(elements, step, *pairs_within(elements, x, cell, reach), volume)


def columns(path: Path, number: int, properties: str) -> tuple[int, int]:
    """Where the symbol and the first coordinate stand in a row."""
    parts, place, found = properties.split(":"), 0, {}
    try:
        for name, _, width in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
            found[name.lower()] = place
            place += int(width)
        return found["species"], found["pos"]
    except (ValueError, KeyError):
        raise wrong(path, number, f"Properties={properties}: has no species:S:1 and pos:R:3") from None


def lattice(path: Path, number: int, keys: dict[str, str]) -> Cell:
    """The cell that the line names; without one, no box."""
    if "lattice" not in keys:
        return Cell(np.eye(3), np.zeros(3), np.zeros(3, bool))
    try:
        vectors = np.array(keys["lattice"].split(), dtype=float).reshape(3, 3)
        if not (np.isfinite(vectors).all() and abs(np.linalg.det(vectors)) > 0):
            raise ValueError
    except ValueError:
        raise wrong(path, number, f"Lattice={keys['lattice']!r}: must be nine numbers that span a volume") from None
    flags = keys.get("pbc", "T T T").split()
    if len(flags) != 3:
        raise wrong(path, number, f"pbc={keys['pbc']!r}: must be three flags, T or F")
    return Cell(vectors, np.zeros(3), np.array([flag.upper().startswith("T") for flag in flags]))


def looks_so(head: bytes) -> bool:
    """Whether a file may be XYZ: a number alone in its first line."""
    return head.split(b"\n", 1)[0].strip().isdigit()
