"""What a saddle leads to: displaced along its mode both ways, then downhill; which molecules are there then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from combust.errors import ConfigError, DivergenceError
from combust.kinetics.quantum.engines.optimise import optimise
from combust.kinetics.quantum.engines.structure import Array, Engine, Pieces, Structure
from combust.kinetics.quantum.record import Record
from combust.kinetics.trajectories.formats.radii import RADII
from combust.kinetics.trajectories.molecules import Species, species
from combust.report.meter import SILENT, Reporter

STEP = 0.15  # angstrom, of the displacement along the mode
BONDED = 1.3  # of the sum of covalent radii
APART = 2.0  # sums of covalent radii, between atoms of molecules that have come apart
FLAT = 2.5e-3  # hartree/bohr, largest component of a gradient that no longer pulls these together


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
    """Molecules at the end of the way down: at a minimum, or where known ones are apart and nothing pulls any more.

    What weakly bound molecules do then takes a hundred gradients and tells nothing.
    """

    def apart(here: Structure, gradient: Array) -> bool:
        known = all(kind in names for kind in molecules(here.elements, here.places))
        return known and separate(here.elements, here.places) and float(np.abs(gradient).max()) < FLAT

    try:
        last = optimise(engine, start, level, pieces, name, reporter=reporter, enough=apart)
    except DivergenceError as error:
        raise DivergenceError(f"{error}; the way down from the saddle was not followed to its end") from None
    kinds = molecules(last.elements, last.places)
    return " + ".join(sorted(names.get(kind, str(kind)) for kind in kinds))


def molecules(elements: Sequence[str], places: np.ndarray) -> list[Species]:
    """Kinds of molecules in a geometry, by distances."""
    found = []
    for group in groups(elements, places):
        bonds = [
            (a, b) for a, b in combinations(range(len(group)), 2) if gap(elements, places, group[a], group[b]) < BONDED
        ]
        found.append(species([elements[i] for i in group], bonds))
    return found


def groups(elements: Sequence[str], places: np.ndarray) -> list[list[int]]:
    """Atoms of each molecule, in order."""
    left, found = set(range(len(elements))), []
    while left:
        group, edge = set(), {min(left)}
        while edge:
            group |= edge
            edge = {j for i in edge for j in left - group if gap(elements, places, i, j) < BONDED}
        left -= group
        found.append(sorted(group))
    return found


def separate(elements: Sequence[str], places: np.ndarray) -> bool:
    """Whether there are several molecules, far from each other."""
    apart = combinations(groups(elements, places), 2)
    gaps = [gap(elements, places, i, j) for one, other in apart for i in one for j in other]
    return bool(gaps) and min(gaps) > APART


def gap(elements: Sequence[str], places: np.ndarray, i: int, j: int) -> float:
    """Between two atoms, in sums of covalent radii."""
    return float(np.linalg.norm(places[i] - places[j])) / (RADII[elements[i]] + RADII[elements[j]])
