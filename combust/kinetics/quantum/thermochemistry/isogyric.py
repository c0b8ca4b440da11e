"""Reactions that conserve atoms and unpaired electrons, balanced in whole numbers, the most alike first."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, combinations_with_replacement

import numpy as np

from combust.errors import ConfigError
from combust.kinetics.trajectories.formats.radii import RADII

BONDED = 1.25  # times the sum of the covalent radii
ORDERS = ((0.93, 1), (0.81, 2), (0.0, 3))  # a bond longer than this share of that sum is single, double, triple
LEFT, RIGHT = 3, 4  # molecules of a side at most
MANY = 2_000_000  # sides that are looked through at most

Bonds = Mapping[tuple[str, str, int], int]


@dataclass(frozen=True)
class Molecule:
    """What a balance knows of one:  unpaired : electrons;  bonds : how many of each kind (elements, order)"""

    name: str
    composition: Mapping[str, int]
    unpaired: int
    bonds: Bonds


@dataclass(frozen=True)
class Balance:
    """A balanced reaction, the target on the left.

    reactants, products : coefficients by name;  changed : bonds of a kind that come or go, 0 in isodesmic reactions
    molecules : of both sides
    """

    reactants: Mapping[str, int]
    products: Mapping[str, int]
    changed: int
    molecules: int

    @property
    def equation(self) -> str:
        """Such as HO2 + H2 => H2O + OH."""
        return " => ".join(_side(side) for side in (self.reactants, self.products))

    @property
    def names(self) -> set[str]:
        """Of all that take part."""
        return {*self.reactants, *self.products}


def _side(side: Mapping[str, int]) -> str:
    return " + ".join(f"{n} {name}" if n > 1 else name for name, n in side.items())


def bonds(elements: Sequence[str], coordinates: np.ndarray) -> dict[tuple[str, str, int], int]:
    """Bonds of a geometry [angstrom] by length: their elements and order. Only likeness of reactions hangs on them."""
    found: Counter[tuple[str, str, int]] = Counter()
    for i, j in combinations(range(len(elements)), 2):
        length = float(np.linalg.norm(coordinates[i] - coordinates[j])) / (RADII[elements[i]] + RADII[elements[j]])
        if length < BONDED:
            order = 1 if "H" in (elements[i], elements[j]) else next(n for least, n in ORDERS if length > least)
            first, second = sorted((elements[i], elements[j]))
            found[first, second, order] += 1
    return dict(found)


def reactions(target: Molecule, partners: Sequence[Molecule]) -> list[Balance]:
    """All balances of one or two of `target` with at most two and four partners, the best first.

    Best : fewest bonds that change, then fewest molecules. Those that are a sum of a smaller one and what stays are
    not there, as nothing is on both sides. Raises ConfigError where there is none, or too many partners.
    """
    partners = [
        one for one in partners if one.name != target.name and set(one.composition) <= elements_near(target, partners)
    ]
    names = [one.name for one in partners]
    if len(set(names)) < len(names):
        raise ConfigError(
            f"{target.name}: partners {sorted(n for n in set(names) if names.count(n) > 1)} are given twice"
        )
    if math.comb(len(partners) + RIGHT, RIGHT) > MANY:
        raise ConfigError(f"{target.name}: {len(partners)} partners are too many to try all reactions of: give fewer")
    known = {one.name: one for one in (target, *partners)}
    ends: dict[tuple[object, ...], list[tuple[str, ...]]] = defaultdict(list)
    for side in sides(names, 1, RIGHT):
        ends[signature(side, known)].append(side)
    found: dict[str, Balance] = {}
    for count in (1, 2):
        for more in sides(names, 0, LEFT - count):
            left = (target.name,) * count + more
            for right in ends.get(signature(left, known), ()):
                if not set(left) & set(right) and primitive(left, right):
                    one = balance(left, right, known)
                    found.setdefault(one.equation, one)
    if not found:
        raise ConfigError(
            f"{target.name}: no isogyric reaction with {', '.join(names) or 'no partner'}: records of more species "
            "that have an anchor are wanted, or the enthalpy in another way (atomisation, a number)"
        )
    return sorted(found.values(), key=lambda one: (one.changed, one.molecules, one.equation))


def elements_near(target: Molecule, partners: Sequence[Molecule]) -> set[str]:
    """Elements that may take part: the target's, and all of partners that share one with it."""
    own = set(target.composition)
    return own.union(*(set(one.composition) for one in partners if set(one.composition) & own))


def sides(names: Sequence[str], least: int, most: int) -> Iterator[tuple[str, ...]]:
    """All lists of so many molecules, in order."""
    for size in range(least, most + 1):
        yield from combinations_with_replacement(names, size)


def signature(side: Sequence[str], known: Mapping[str, Molecule]) -> tuple[object, ...]:
    """What a side has: unpaired electrons and atoms."""
    atoms: Counter[str] = Counter()
    for name in side:
        atoms.update(known[name].composition)
    return (sum(known[name].unpaired for name in side), *sorted(atoms.items()))


def primitive(left: Sequence[str], right: Sequence[str]) -> bool:
    """Whether the coefficients have no common factor."""
    return math.gcd(*Counter(left).values(), *Counter(right).values()) == 1


def balance(left: Sequence[str], right: Sequence[str], known: Mapping[str, Molecule]) -> Balance:
    """Of two sides that balance."""
    change: Counter[tuple[str, str, int]] = Counter()
    for side, sign in ((left, -1), (right, 1)):
        for name in side:
            for kind, count in known[name].bonds.items():
                change[kind] += sign * count
    changed = sum(abs(n) for n in change.values())
    return Balance(dict(Counter(left)), dict(Counter(right)), changed, len(left) + len(right))


def atomisation(target: Molecule, partners: Sequence[Molecule]) -> Balance:
    """The target => its atoms; pairs break, so that spin is not conserved. Raises ConfigError for lacking atoms."""
    known = {one.name: one for one in (target, *partners)}
    atoms = {next(iter(one.composition)): one.name for one in partners if sum(one.composition.values()) == 1}
    if lacking := sorted(set(target.composition) - set(atoms)):
        raise ConfigError(f"{target.name}: atomisation wants records of the atoms {', '.join(lacking)}")
    if sum(target.composition.values()) == 1:
        raise ConfigError(f"{target.name}: is an atom: its enthalpy of formation is that of the table, or a number")
    right = [atoms[element] for element, n in sorted(target.composition.items()) for _ in range(n)]
    return balance((target.name,), right, known)
