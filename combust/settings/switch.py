"""`--set X.kind=...`: another kind of a table of a file, wherever a table has kinds.

What only the kind before knew is left out, which is said. What the command line gives itself is never left out: there a
wrong key is an error.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import msgspec.inspect as mi

from combust.errors import ConfigError
from combust.explain import dotted, keys_at, lookup, type_at

Path = tuple[str | int, ...]


class Switches:
    """What the overrides of one case file have given, which kinds they changed, and what was left out for it."""

    def __init__(self, root: type | None) -> None:
        """root : the struct that the file is read into; None where no table has kinds."""
        self.root = root
        self.given: list[Path] = []
        self.kinds: dict[str, str] = {}  # "chemistry" -> "direct"
        self.left_out: list[str] = []

    def table(self, raw: Any, path: Sequence[str | int]) -> None:
        """Makes the shorthand of a kind ("mixture-averaged") at `path`, given or by default, a table."""
        above, value = lookup(raw, list(path[:-1])), lookup(raw, list(path))
        if not isinstance(above, dict) or not self._structs(raw, path):
            return
        if path[-1] not in above:
            fields = {f.name: f.default for f in keys_at(self.root, raw, list(path[:-1]))}  # type: ignore[arg-type]
            value = fields[path[-1]]
        if isinstance(value, str):
            above[path[-1]] = {"kind": value}

    def note(self, raw: dict[str, Any], path: Sequence[str | int]) -> None:
        """After an override wrote `path`: if it is another kind, leaves out what this kind does not know."""
        self.given.append(tuple(path))
        *place, key = path
        kind, table = lookup(raw, list(path)), lookup(raw, list(place))
        if key != "kind" or not place or not isinstance(table, dict) or not isinstance(kind, str):
            return
        structs = self._structs(raw, place)
        if not structs:
            return
        self.kinds[dotted(list(place))] = kind
        literals = {value for option in self._options(raw, place) if isinstance(option, mi.LiteralType)
                    for value in option.values}  # fmt: skip
        if kind in {str(s.tag) for s in structs}:
            known = {"kind", *(field.name for field in keys_at(self.root, raw, list(place)))}  # type: ignore[arg-type]
        elif kind in literals:
            known = {"kind"}
        else:
            return  # an unknown kind: the message about it says what is known
        for name in [name for name in table if name not in known]:
            if not any(given[: len(place) + 1] == (*place, name) for given in self.given):
                del table[name]
                self.left_out.append(dotted([*place, name]))
        if kind in literals and set(table) == {"kind"}:
            lookup(raw, place[:-1])[place[-1]] = kind

    def _options(self, raw: Any, place: Sequence[str | int]) -> list[mi.Type]:
        # Without the kind that is there now: all that there may be.
        return [] if self.root is None else type_at(self.root, _without_kind(raw, place), list(place))[1]

    def _structs(self, raw: Any, place: Sequence[str | int]) -> list[mi.StructType]:
        return [o for o in self._options(raw, place) if isinstance(o, mi.StructType) and o.tag is not None]

    def explained(self, error: ConfigError) -> ConfigError:
        """An error of a case whose kinds were changed, with what to give if a key is missing for that."""
        for place, kind in self.kinds.items():
            found = str(error).partition(f"{place}.")[2].partition(" is missing")
            if found[1] and found[0].isidentifier():
                key = f"{place}.{found[0]}"
                return ConfigError(f'{error}. {place}.kind = "{kind}" needs it: add --set {key}=...')
        return error

    def say(self) -> None:
        """What was left out, on stderr."""
        if self.left_out:
            kinds = ", ".join(f"{place}.kind={kind}" for place, kind in self.kinds.items())
            print(f"note: {kinds} has no use for {'; '.join(self.left_out)}: left out", file=sys.stderr, flush=True)


def _without_kind(raw: Any, place: Sequence[str | int]) -> Any:
    """`raw` with nothing at `place`: the way to it stays."""
    if not place:
        return None
    if isinstance(raw, list):
        return [_without_kind(entry, place[1:]) if i == place[0] else entry for i, entry in enumerate(raw)]
    if not isinstance(raw, dict):
        return raw
    return {**raw, place[0]: _without_kind(raw.get(place[0]), place[1:])}
