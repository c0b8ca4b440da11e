"""Settings as plain tables that know the defaults of their keys: what was kept of them earlier may lack later keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct


class Table(dict[str, Any]):
    """A struct as JSON holds it;  defaults : of those of its keys that have one"""

    def __init__(self, items: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
        super().__init__(items)
        self.defaults = defaults

    def only(self, *names: str) -> Table:
        """These keys of it."""
        return Table({name: self[name] for name in names}, self.defaults)

    def without(self, *names: str) -> Table:
        """All keys but these."""
        return self.only(*(name for name in self if name not in names))

    def beside(self, more: Mapping[str, Any]) -> Table:
        """With more keys, which have no defaults."""
        return Table({**self, **more}, self.defaults)


def tree(value: Any) -> Any:
    """Structs and what holds them as JSON does, structs as tables."""
    if isinstance(value, Struct):
        fields = msgspec.structs.fields(value)
        defaults = {
            f.encode_name: tree(f.default if f.default_factory is msgspec.NODEFAULT else f.default_factory())
            for f in fields if not f.required
        }  # fmt: skip
        own = {f.encode_name: tree(getattr(value, f.name)) for f in fields}
        return Table({**msgspec.to_builtins(value), **own}, defaults)
    if isinstance(value, dict):
        return {msgspec.to_builtins(key): tree(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [tree(inner) for inner in value]
    return msgspec.to_builtins(value)


def of_today(kept: Any, now: Any) -> Any:
    """What was kept of earlier settings, read as today: a key of a table that it lacks has its default.

    A default that is another one now stays what it was, and so do keys that are gone, kinds, and lists that grew.
    """
    if isinstance(now, dict) and isinstance(kept, dict):
        found = {name: of_today(value, now.get(name)) for name, value in kept.items()}
        later = now.defaults if isinstance(now, Table) else {}
        return found | {name: value for name, value in later.items() if name in now and name not in kept}
    if isinstance(now, list) and isinstance(kept, list) and len(now) == len(kept):
        return [of_today(*pair) for pair in zip(kept, now, strict=True)]
    return kept
