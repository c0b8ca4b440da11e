"""Events: minimal sets of atoms whose partition into molecules changed; molecules between two of them.

Molecules are the connected components of the bonds. Several changes of one step are one event only as far as they
share atoms. Complexes that do not last are contracted: A + B -> X and X -> C + D become A + B -> C + D.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from combust.kinetics.trajectories.bonds import Changes
from combust.kinetics.trajectories.molecules import Species, species

ALWAYS = -1  # number of an event before the start


@dataclass
class Molecule:
    """A molecule between two events:  born, died : their numbers, ALWAYS if it was there, or stays"""

    kind: Species
    atoms: tuple[int, ...]
    born: int
    died: int = ALWAYS


@dataclass(frozen=True)
class Event:
    """What became what at a step: numbers of molecules."""

    step: int
    reactants: tuple[int, ...]
    products: tuple[int, ...]


@dataclass
class History:
    """All molecules and events of a trajectory, at one least duration of bonds.

    recrossed : events that led back to what was there, after contraction
    """

    begin: int
    end: int
    molecules: list[Molecule] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    recrossed: int = 0

    def kinds(self, numbers: Sequence[int]) -> tuple[Species, ...]:
        """Of molecules, in order."""
        return tuple(sorted(self.molecules[number].kind for number in numbers))

    def lives(self, number: int) -> tuple[int, int]:
        """First and last step of a molecule."""
        one = self.molecules[number]
        begin = self.begin if one.born == ALWAYS else self.events[one.born].step
        return begin, self.end if one.died == ALWAYS else self.events[one.died].step


class Atoms:
    """Bonds and molecules now."""

    def __init__(self, elements: Sequence[str], pairs: np.ndarray) -> None:
        self.elements, self.count = elements, len(elements)
        self.near: list[set[int]] = [set() for _ in elements]
        self.named: dict[tuple[object, ...], Species] = {}
        for pair in pairs.tolist():
            self.flip(pair)

    def flip(self, pair: int) -> None:
        """Makes or breaks a bond."""
        i, j = divmod(pair, self.count)
        self.near[i] ^= {j}
        self.near[j] ^= {i}

    def parts(self, atoms: Sequence[int]) -> list[tuple[int, ...]]:
        """The molecules that these atoms are in."""
        seen: set[int] = set()
        found = []
        for first in atoms:
            if first in seen:
                continue
            part, rest = {first}, [first]
            while rest:
                new = self.near[rest.pop()] - part
                part |= new
                rest += new
            seen |= part
            found.append(tuple(sorted(part)))
        return found

    def kind(self, part: Sequence[int]) -> Species:
        """Of a molecule; the same numbering is named once."""
        place = {atom: i for i, atom in enumerate(part)}
        bonds = tuple((place[i], place[j]) for i in part for j in sorted(self.near[i]) if i < j)
        elements = tuple(self.elements[i] for i in part)
        key = (elements, bonds)
        if key not in self.named:
            self.named[key] = species(elements, bonds)
        return self.named[key]


def history(found: Changes, least: int) -> History:
    """Molecules and events of the changes that last at least `least` steps, complexes not contracted."""
    atoms = Atoms(found.elements, found.start)
    made = History(found.begin, found.end)
    of_atom = [0] * atoms.count

    def add(part: tuple[int, ...], born: int) -> int:
        made.molecules.append(Molecule(atoms.kind(part), part, born))
        for atom in part:
            of_atom[atom] = len(made.molecules) - 1
        return len(made.molecules) - 1

    for part in atoms.parts(range(atoms.count)):
        add(part, ALWAYS)
    steps, pairs = found.persistent(least)
    cuts = [0, *(np.flatnonzero(np.diff(steps)) + 1).tolist(), len(steps)]
    for begin, end in pairwise(cuts):
        if begin == end:
            continue
        some = pairs[begin:end].tolist()
        old = sorted({of_atom[atom] for pair in some for atom in divmod(pair, atoms.count)})
        for pair in some:
            atoms.flip(pair)
        parts = atoms.parts([atom for number in old for atom in made.molecules[number].atoms])
        for before, after in groups(old, parts, of_atom):
            if len(before) == len(after) == 1 and atoms.kind(after[0]) == made.molecules[before[0]].kind:
                continue  # other bonds within, the same molecule
            number = len(made.events)
            for one in before:
                made.molecules[one].died = number
            products = tuple(add(part, number) for part in after)
            made.events.append(Event(int(steps[begin]), tuple(before), products))
    return made


def groups(
    old: Sequence[int], parts: Sequence[tuple[int, ...]], of_atom: Sequence[int]
) -> list[tuple[list[int], list[tuple[int, ...]]]]:
    """(molecules before, atoms of those after) that share atoms, as small as can be."""
    joined = Joined(len(old))
    place = {number: i for i, number in enumerate(old)}
    for part in parts:
        first, *rest = {place[of_atom[atom]] for atom in part}
        for other in rest:
            joined.join(first, other)
    found: dict[int, tuple[list[int], list[tuple[int, ...]]]] = {}
    for i, number in enumerate(old):
        found.setdefault(joined.root(i), ([], []))[0].append(number)
    for part in parts:
        found[joined.root(place[of_atom[part[0]]])][1].append(part)
    return list(found.values())


class Joined:
    """Sets that are joined two by two."""

    def __init__(self, count: int) -> None:
        self.above = list(range(count))

    def root(self, i: int) -> int:
        """What stands for the set of i."""
        while self.above[i] != i:
            self.above[i] = self.above[self.above[i]]
            i = self.above[i]
        return i

    def join(self, i: int, j: int) -> None:
        self.above[self.root(i)] = self.root(j)


def joined_events(raw: History, least: int, always: Callable[[Species], bool]) -> Joined:
    """Which events are one."""
    joined = Joined(len(raw.events))
    more = [len(event.products) - len(event.reactants) for event in raw.events]  # molecules, of what stands for a set
    found = []
    for number, one in enumerate(raw.molecules):
        if one.born != ALWAYS and one.died != ALWAYS:
            begin, end = raw.lives(number)
            if (listed := always(one.kind)) or end - begin < least:
                found.append((not listed, end - begin, number))
    for short, _, number in sorted(found):
        i, j = joined.root(raw.molecules[number].born), joined.root(raw.molecules[number].died)
        if i != j and not (short and more[i] == more[j] == 0):
            joined.join(i, j)
            more[joined.root(j)] = more[i] + more[j]
    return joined


def contracted(raw: History, least: int, always: Callable[[Species], bool] = lambda kind: False) -> History:
    """The events with complexes taken out: molecules between two events that last fewer than `least` steps, or of a
    kind that `always` is one.

    Events that such a passage joins are one, at the step of the last; until then the reactants are there. The shortest
    passage joins first, and two events that leave as many molecules as they take are whole: they stay two, as fast
    reactions after each other. One that leads back to the same species is no event: they go on living, under other
    numbers.
    """
    joined = joined_events(raw, least, always)
    sets: dict[int, list[int]] = {}
    for number in range(len(raw.events)):
        sets.setdefault(joined.root(number), []).append(number)
    made = History(raw.begin, raw.end, [Molecule(m.kind, m.atoms, m.born, m.died) for m in raw.molecules])
    order = sorted(sets.values(), key=lambda some: raw.events[some[-1]].step)
    within = {number: some for some in order for number in some}
    for some in order:
        used = [m for number in some for m in raw.events[number].reactants]
        given = [m for number in some for m in raw.events[number].products]
        reactants = tuple(
            m for m in used if raw.molecules[m].born == ALWAYS or within[raw.molecules[m].born] is not some
        )
        products = tuple(
            m for m in given if raw.molecules[m].died == ALWAYS or within[raw.molecules[m].died] is not some
        )
        for m in reactants:
            made.molecules[m].died = len(made.events)
        for m in products:
            made.molecules[m].born = len(made.events)
        for m in set(used) & set(given):
            made.molecules[m].born = made.molecules[m].died = len(made.events)  # of no duration
        made.events.append(Event(raw.events[some[-1]].step, reactants, products))
    made.recrossed = sum(made.kinds(e.reactants) == made.kinds(e.products) for e in made.events)
    return made
