"""Equations of reactions as people write them: in any order, `2 OH` or `OH + OH`, third bodies in brackets or not."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from combust.errors import ConfigError

ARROWS = ("<=>", "=>", "=")
# Kinds of rates, as Cantera names them, that hold at all pressures.
AT_ALL_PRESSURES = ("falloff", "pressure-dependent-Arrhenius", "Chebyshev", "linear-Burke")
THIRD = re.compile(r"\(\s*\+\s*([^\s()]+)\s*\)")  # (+M)
COUNT, NAME = re.compile(r"([1-9])\s*(\S+)"), re.compile(r"\S+")
PLUS = (r"\s\+\s", r"\s\+|\+\s", r"\+(?!\+|$)")  # names of ions may end with one
WANTED = "must be an equation such as 'H + O2 <=> O + OH'"


class NoSpecies(ValueError):
    """A term that is no species:  name : as it was written"""

    def __init__(self, name: str) -> None:
        super().__init__(f"no species {name!r}")
        self.name = name


class Written(NamedTuple):
    """An equation:  third : "M" or a collider that stands in (+ ...), empty without one"""

    left: tuple[str, ...]
    right: tuple[str, ...]
    third: str
    both_ways: bool

    def same(self, other: Written) -> bool:
        """Whether both are one reaction; a one-way reaction is not its reverse."""
        if self.third != other.third:
            return False
        if (self.left, self.right) == (other.left, other.right):
            return True
        return other.both_ways and (self.left, self.right) == (other.right, other.left)

    @property
    def plain(self) -> frozenset[tuple[str, ...]]:
        """Both sides without third bodies, explicit ones, too: what stands on either side."""
        left, right = list(self.left), list(self.right)
        for name in self.left:
            if name in left and name in right and len(left) > 1 and len(right) > 1:
                left.remove(name)
                right.remove(name)
        return frozenset((tuple(left), tuple(right)))


def parse(text: str, spelled: Callable[[str], str | None]) -> Written:
    """An equation; names on both sides are sorted, each as often as it takes part.

    spelled : how a species is spelled, None for what is none. Raises NoSpecies, and ValueError, in words, for what is
    no equation.
    """
    arrow = next((arrow for arrow in ARROWS if arrow in text), None)
    if arrow is None:
        raise ValueError(WANTED)
    left, _, right = text.partition(arrow)
    (one, first), (other, second) = (_parted(part, spelled) for part in (left, right))
    if first != second or len(first) > 1 or not (one and other):
        raise ValueError("must have reactants and products, and one third body on both sides")
    return Written(one, other, first[0] if first else "", arrow != "=>")


def _parted(text: str, spelled: Callable[[str], str | None]) -> tuple[tuple[str, ...], list[str]]:
    """Species of a side, and its third bodies: M and what stands in (+ ...)."""
    thirds = [spelled(name) or name.upper() for name in THIRD.findall(text)]
    names = _side(THIRD.sub(" ", text), spelled)
    if spelled("M") is not None:
        return names, thirds
    return tuple(name for name in names if name != "M"), thirds + [name for name in names if name == "M"]


def _side(text: str, spelled: Callable[[str], str | None]) -> tuple[str, ...]:
    for plus in PLUS:
        parts = [part.strip() for part in re.split(plus, text.strip())]
        terms = [_term(part, spelled) for part in parts]
        if all(terms):
            return tuple(sorted(name for term in terms for name in term))
    odd = next(part for part, term in zip(parts, terms, strict=True) if not term)
    raise NoSpecies(odd) if odd else ValueError(WANTED)


def _term(text: str, spelled: Callable[[str], str | None]) -> list[str]:
    """A species with its coefficient, or M; nothing where it is neither."""
    counted = COUNT.fullmatch(text)
    for count, name in ((1, text), (int(counted[1]), counted[2]) if counted else (0, "")):
        if own := spelled(name) or ("M" if name.upper() == "M" else None):
            return [own] * count
    return []


def written(equation: str) -> Written:
    """An equation of whatever species there are: what has no spaces is a name. Raises ConfigError."""
    try:
        return parse(equation, lambda name: name if NAME.fullmatch(name) and name.upper() != "M" else None)
    except ValueError as error:
        raise ConfigError(f"{equation!r}: {error}") from None


def sides_of(equation: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Sorted names on both sides, third bodies left out. Raises ConfigError."""
    found = written(equation)
    return found.left, found.right


def listed(side: Mapping[str, float]) -> tuple[str, ...]:
    """Names of a side of a reaction, {name: how often it takes part}, in the same order."""
    return tuple(sorted(name for name, count in side.items() for _ in range(round(count))))
