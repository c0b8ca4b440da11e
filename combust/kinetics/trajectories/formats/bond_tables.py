"""Tables of bond orders that LAMMPS writes: `fix reaxff/bonds` (reax/c/bonds before 2022).

Format: https://docs.lammps.org/fix_reaxff_bonds.html. Neither elements nor the box are in these files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from combust.errors import ConfigError
from combust.kinetics.trajectories.formats.frames import (
    Frame,
    Hear,
    blocks,
    cut,
    require_elements,
    require_same,
    unheard,
    wrong,
)

MARK = b"# Timestep"
HEAD = re.compile(rb"# Timestep (\d+)\s*\n#\s*\n# Number of particles (\d+)\s*\n")
ROW = 7  # numbers of an atom without bonds: id, type, count, molecule, sum of orders, lone pairs, charge


def frames(path: Path, elements: Sequence[str], hear: Hear = unheard) -> Iterator[Frame]:
    """Bonds of each frame by their order;  elements : of the types 1, 2, ... of LAMMPS.

    Raises FileFormatError that names file and frame, ConfigError where `elements` are too few.
    """
    before: tuple[str, ...] | None = None
    types = require_elements(path, 0, elements)
    previous = np.empty(0)
    for number, block in enumerate(blocks(path, MARK, hear)):
        head = HEAD.match(block)
        if head is None:
            raise cut(path, number) if b"\n" not in block[:200].rstrip() else wrong(path, number, "has no head")
        atoms = int(head[2])
        if before is not None and atoms != len(before):
            raise wrong(path, number, f"has {atoms} atoms, the frames before have {len(before)}")
        rows = table(path, number, block, atoms)
        kinds = rows.kinds
        if before is None or not np.array_equal(kinds, previous):
            if kinds.min() < 1:
                raise wrong(path, number, f"an atom of type {int(kinds.min())}: types count from 1")
            if kinds.max() > len(types):
                raise ConfigError(
                    f"{path}: has atoms of type {int(kinds.max())}, --elements names {len(types)}: give all, in order"
                )
            now = tuple(types[kind - 1] for kind in kinds)
            require_same(path, number, before, now)
            before, previous = now, kinds
        yield Frame(before, int(head[1]), rows.pairs, rows.orders, None)


class Rows:
    """What stands in a table: kinds (atoms,) from 1, pairs and orders of bonds."""

    def __init__(self, kinds: np.ndarray, pairs: np.ndarray, orders: np.ndarray) -> None:
        self.kinds, self.pairs, self.orders = kinds, pairs, orders


def table(path: Path, number: int, block: bytes, atoms: int) -> Rows:
    """The rows of one frame. Raises FileFormatError where they are not those of `atoms` atoms."""
    body = block[block.find(b"nlp q") + 5 :].rstrip(b"# \r\n\t") if b"nlp q" in block else b""
    x = np.fromstring(body, sep=" ") if body else np.empty(0)
    starts = begins(x, atoms)
    if starts is None:
        whole = block.rstrip(b" \r\n").endswith(b"#") and b"nlp q" in block
        raise wrong(path, number, f"is no table of {atoms} atoms") if whole else cut(path, number)
    ids = x[starts].astype(np.int64) - 1
    kinds = np.zeros(atoms, np.int64)
    if ids.min() < 0 or ids.max() >= atoms or len(np.unique(ids)) != atoms:
        raise wrong(path, number, f"atoms are not numbered from 1 to {atoms}")
    kinds[ids] = x[starts + 1]
    counts = x[starts + 2].astype(np.int64)
    pairs, orders = [], []
    for k in range(int(counts.max(initial=0))):
        has = counts > k
        i, j = ids[has], x[starts[has] + 3 + k].astype(np.int64) - 1
        order = x[starts[has] + 4 + counts[has] + k]
        if j.min() < 0 or j.max() >= atoms:
            raise wrong(path, number, "a bond leads to an atom that is not there")
        once = i < j
        pairs.append((i * atoms + j)[once])
        orders.append(order[once])
    if not pairs:
        return Rows(kinds, np.empty(0, np.int64), np.empty(0))
    codes, strength = np.concatenate(pairs), np.concatenate(orders)
    way = codes.argsort(kind="stable")
    return Rows(kinds, codes[way], strength[way])


def begins(x: np.ndarray, atoms: int) -> np.ndarray | None:
    """Where each row begins in the numbers of a table; None where they are not those of `atoms` rows."""
    if not np.isfinite(x).all():
        return None
    values = x.tolist()
    place, found = 0, []
    end = len(values)
    while place + 2 < end and 0 <= values[place + 2] < atoms:
        found.append(place)
        place += ROW + 2 * int(values[place + 2])
    return np.array(found) if place == end and len(found) == atoms and atoms > 0 else None
