"""Reactions of a mechanism by equations as people write them, in either direction."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence

from combust.errors import ConfigError
from combust.kinetics.gas.equations import NoSpecies, Written, parse

MOST_NAMED = 4


class Equations:
    """The reactions of a mechanism:  equations : as Cantera writes them;  species : names

    everywhere : numbers of reactions whose rate holds at all pressures and with all colliders
    """

    def __init__(
        self, equations: Sequence[str], species: Sequence[str], mechanism: str, everywhere: Collection[int] = ()
    ) -> None:
        self.texts, self.mechanism, self.everywhere = tuple(equations), mechanism, frozenset(everywhere)
        upper = {name.upper(): name for name in species}
        # Where two names differ in case only, every spelling is its own.
        self.names = upper if len(upper) == len(species) else {name: name for name in species}
        self.fold = len(upper) == len(species)
        self.written = [self.parse(text) for text in equations]

    def find(self, text: str, where: str) -> tuple[int, ...]:
        """Numbers, from 0, of the reaction that `text` names, its duplicates with it. Where the mechanism has one rate
        for all pressures, as P-log, any third body in `text`, or none, names that one: it has taken the place of all.

        Raises ConfigError with the nearest ones where there is none, and with all of them where it may be several.
        """
        try:
            asked = self.parse(text)
        except ValueError as error:
            raise ConfigError(f"{where}: {text!r}: {error}") from None
        found = [i for i, one in enumerate(self.written) if asked.same(one)]
        if found:
            return tuple(found)
        near = [i for i, one in enumerate(self.written) if one.plain == asked.plain]
        if near and self.everywhere.issuperset(near) and all(self.written[near[0]].same(self.written[i]) for i in near):
            return tuple(near)
        kin = [self.texts[i] for i in near]
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
        try:
            return parse(text, self.spelled)
        except NoSpecies as error:
            close = difflib.get_close_matches(error.name.upper(), list(self.names), 3, 0.5)
            nearest = f"; nearest: {', '.join(self.names[name] for name in close)}" if close else ""
            raise ValueError(f"{self.mechanism} has no species {error.name!r}{nearest}") from None

    def spelled(self, name: str) -> str | None:
        """The mechanism's spelling of a species."""
        return self.names.get(name.upper() if self.fold else name)
