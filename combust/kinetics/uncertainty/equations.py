"""Reactions of a mechanism by equations as people write them: either direction, any order, `2 OH` or `OH + OH`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import NamedTuple

from combust.errors import ConfigError

ARROWS = ("<=>", "=>", "=")
THIRD = re.compile(r"\(\s*\+\s*([^\s()]+)\s*\)")  # (+M)
COUNT = re.compile(r"(\d+)\s*(\S+)")
MOST_NAMED = 4


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


class Equations:
    """The reactions of a mechanism:  equations : as Cantera writes them;  species : names"""

    def __init__(self, equations: Sequence[str], species: Sequence[str], mechanism: str) -> None:
        self.texts, self.mechanism = tuple(equations), mechanism
        upper = {name.upper(): name for name in species}
        # Where two names differ in case only, every spelling is its own.
        self.names = upper if len(upper) == len(species) else {name: name for name in species}
        self.fold = len(upper) == len(species)
        self.written = [self.parse(text) for text in equations]

    def find(self, text: str, where: str) -> tuple[int, ...]:
        """Numbers, from 0, of the reaction that `text` names, its duplicates with it.

        Raises ConfigError with the nearest ones where there is none, and with all of them where it may be several.
        """
        try:
            asked = self.parse(text)
        except ValueError as error:
            raise ConfigError(f"{where}: {text!r}: {error}") from None
        found = [i for i, one in enumerate(self.written) if asked.same(one)]
        if found:
            return tuple(found)
        kin = [self.texts[i] for i, one in enumerate(self.written) if one.plain == asked.plain]
        if len(kin) > 1:
            raise ConfigError(f"{where}: {text!r} may be several reactions of {self.mechanism}: {', '.join(kin)}; name "
                              "each with its collider, or all of them together")  # fmt: skip
        raise ConfigError(f"{where}: {self.mechanism} has no reaction {text!r}; {self.nearest(text, kin)}")

    def nearest(self, text: str, kin: Sequence[str]) -> str:
        """What comes closest, in words."""
        close = difflib.get_close_matches(text, self.texts, MOST_NAMED - 1, 0.5)
        named = list(dict.fromkeys([*kin, *close]))[:MOST_NAMED]
        return f"nearest: {', '.join(named)}" if named else "`combust info` lists its reactions"

    def parse(self, text: str) -> Written:
        """Raises ValueError, in words, for what is no equation of these species."""
        arrow = next((arrow for arrow in ARROWS if arrow in text), None)
        if arrow is None:
            raise ValueError("must be an equation such as 'H + O2 <=> O + OH'")
        thirds = {self.spelled(name) or name.upper() for name in THIRD.findall(text)}
        left, _, right = THIRD.sub(" ", text).partition(arrow)
        sides = [self.side(part) for part in (left, right)]
        if all("M" in side and "M" not in self.names for side in sides):
            thirds.add("M")
            sides = [tuple(name for name in side if name != "M") for side in sides]
        if len(thirds) > 1 or not all(sides):
            raise ValueError("must have reactants and products, and one third body on both sides")
        return Written(sides[0], sides[1], thirds.pop() if thirds else "", arrow != "=>")

    def side(self, text: str) -> tuple[str, ...]:
        """Species of one side, sorted, each as often as it takes part."""
        parts = [part.strip() for part in re.split(r"\s\+\s|\s\+|\+\s", text.strip())]
        if any(self.one(part) is None for part in parts):
            parts = [part.strip() for part in text.split("+")]
        found: list[str] = []
        for part in parts:
            if (one := self.one(part)) is None:
                close = difflib.get_close_matches(part.upper(), list(self.names), 3, 0.5)
                raise ValueError(f"{self.mechanism} has no species {part!r}" + (
                    f"; nearest: {', '.join(self.names[name] for name in close)}" if close else ""))  # fmt: skip
            found += one
        return tuple(sorted(found))

    def one(self, part: str) -> list[str] | None:
        """A term with its coefficient; None where it is no species."""
        if (name := self.spelled(part)) is not None:
            return [name]
        counted = COUNT.fullmatch(part)
        if counted and (name := self.spelled(counted[2])) is not None and 1 <= int(counted[1]) <= 9:
            return [name] * int(counted[1])
        return None

    def spelled(self, name: str) -> str | None:
        """The mechanism's spelling of a species, or M."""
        known = self.names.get(name.upper() if self.fold else name)
        return known or ("M" if name.upper() == "M" else None)
