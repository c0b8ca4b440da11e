"""What a saddle leads to: displaced along its mode both ways, then downhill; which molecules are there then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from combust.errors import ConfigError, DivergenceError
from combust.kinetics.quantum.engines.optimise import optimise
from combust.kinetics.quantum.engines.structure import Engine, Pieces, Structure
from combust.kinetics.quantum.record import Record
from combust.kinetics.trajectories.formats.radii import RADII
from combust.kinetics.trajectories.molecules import Species, species
from combust.report.meter import SILENT, Reporter

STEP = 0.15  # angstrom, of the displacement along the mode
BONDED = 1.3  # of the sum of covalent radii


def connections(
    engine: Engine, saddle: Record, known: Mapping[str, Record], sides: tuple[Sequence[str], Sequence[str]],
    pieces: Pieces, reporter: Reporter = SILENT,
) -> tuple[str, str]:  # fmt: skip
    """Names of both ends, as in ("H2 + OH", "H + H2O"): of `known` where the molecules are theirs, else formulas.

    Raises ConfigError unless they are the two `sides`, DivergenceError where a way down is not found.
    """
    names = {kind: name for name, one in known.items() for kind in molecules(one.elements, one.places)}
    ends = []
    for sign, name in ((1, "ahead"), (-1, "behind")):
        moved = saddle.places + sign * STEP * np.array(saddle.mode) / np.abs(np.array(saddle.mode)).max()
        start = Structure(f"saddle, {name}", saddle.elements, (), saddle.charge, saddle.multiplicity).at(moved)
        ends.append(end(engine, start, saddle.level, pieces, f"saddle_{name}", names, reporter))
    wanted = [" + ".join(sorted(side)) for side in sides]
    if sorted(ends) != sorted(wanted):
        raise ConfigError(
            f"saddle: displaced along its imaginary mode both ways it ends in {ends[0]} and {ends[1]}, not in "
            f"{wanted[0]} and {wanted[1]}: it belongs to another reaction"
        )
    return ends[0], ends[1]


def end(
    engine: Engine, start: Structure, level: str, pieces: Pieces, name: str, names: Mapping[Species, str],
    reporter: Reporter,
) -> str:  # fmt: skip
    """Molecules at the end of the way down."""
    try:
        last = optimise(engine, start, level, pieces, name, reporter=reporter)
    except DivergenceError as error:
        raise DivergenceError(f"{error}; the way down from the saddle was not followed to its end") from None
    kinds = molecules(last.elements, last.places)
    return " + ".join(sorted(names.get(kind, str(kind)) for kind in kinds))


def molecules(elements: Sequence[str], places: np.ndarray) -> list[Species]:
    """Kinds of molecules in a geometry, by distances."""
    near = [
        [j for j in range(len(elements)) if j != i and bonded(elements, places, i, j)] for i in range(len(elements))
    ]
    left, found = set(range(len(elements))), []
    while left:
        group, edge = set(), {min(left)}
        while edge:
            group |= edge
            edge = {j for i in edge for j in near[i]} - group
        left -= group
        order = sorted(group)
        bonds = [(order.index(i), order.index(j)) for i in order for j in near[i] if i < j]
        found.append(species([elements[i] for i in order], bonds))
    return found


def bonded(elements: Sequence[str], places: np.ndarray, i: int, j: int) -> bool:
    reach = BONDED * (RADII[elements[i]] + RADII[elements[j]])
    return bool(np.linalg.norm(places[i] - places[j]) < reach)
