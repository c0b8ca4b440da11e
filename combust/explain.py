"""Says what is wrong in a case file: which key, which value, what is allowed, which name was probably meant."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

import msgspec
import msgspec.inspect as mi

NAMES = {
    mi.FloatType: "a number",
    mi.IntType: "a whole number",
    mi.StrType: "a string",
    mi.BoolType: "true or false",
    mi.VarTupleType: "a list",
    mi.ListType: "a list",
    mi.TupleType: "a list",
    mi.StructType: "a table",
    mi.DataclassType: "a table",
    mi.DictType: "a table of numbers",
}
MEASURED = (mi.FloatType, mi.VarTupleType, mi.TupleType)
LONGEST = 200  # characters of a value that a message repeats
LIMITS = {"gt": "greater than", "ge": "at least", "lt": "less than", "le": "at most"}


def explain(message: str, raw: Any, root: type) -> str:
    """A message of msgspec about `raw` (checked against the struct `root`), as "path = value: allowed ..."."""
    what, _, place = message.rpartition(" - at `$")
    if not what:
        what, place = message, "`"
    path = tokens(named(place[:-1], message, raw, root))
    if found := re.fullmatch(r"Object contains unknown field `(.*)`", what):
        return unknown_key([*path, found[1]], [f.name for f in keys_at(root, raw, path)])
    if found := re.fullmatch(r"Object missing required field `(.*)`", what):
        return f"{dotted([*path, found[1]])} is missing: {described(root, raw, [*path, found[1]])}"
    value = lookup(raw, path)
    if what.startswith(("Expected", "Invalid")):
        return f"{dotted(path)} = {shown(value)}: {described(root, raw, path, value)}"
    return f"{dotted(path)}: {what}" if path else what


def tokens(place: str) -> list[str | int]:
    """Keys and numbers of entries in a place such as ".a[0].b"."""
    return [int(t[1:-1]) if t[0] == "[" else t[1:] for t in re.findall(r"\.[\w-]+|\[\d+\]", place)]


def named(place: str, message: str, raw: Any, root: type) -> str:
    """The place with the names that msgspec leaves out of tables by name: those whose entry alone is refused alike."""
    while "[...]" in place:
        before, _, after = place.partition("[...]")
        path = tokens(before)
        table = lookup(raw, path)
        keys = [key for key in table if refused(put(raw, path, {key: table[key]}), root) == message] if table else []
        if not keys:
            break
        place = f"{before}.{keys[0]}{after}"
    return place


def refused(raw: Any, root: type) -> str:
    """What msgspec has against it; empty if nothing."""
    try:
        msgspec.convert(raw, root, strict=True)
    except msgspec.ValidationError as error:
        return str(error)
    return ""


def put(raw: Any, path: Sequence[str | int], value: Any) -> Any:
    """A copy of a tree with another value at a place; the tree stays as it is."""
    if not path:
        return value
    copy = list(raw) if isinstance(raw, list) else dict(raw)
    copy[path[0]] = put(raw[path[0]], path[1:], value)  # type: ignore[index]
    return copy


def unknown_key(path: list[str | int], known: list[str]) -> str:
    return f"{dotted(path)}: unknown key; known: {', '.join(sorted(known))}{suggestion(path[-1], known)}"


def suggestion(value: Any, known: Sequence[Any]) -> str:
    """' Did you mean "x"?' if a known name is close to `value`."""
    close = get_close_matches(str(value), [str(k) for k in known], n=1, cutoff=0.5)
    return f'. Did you mean "{close[0]}"?' if close else ""


def described(root: type, raw: Any, path: list[str | int], value: Any = None) -> str:
    """What is allowed at `path`, its unit and its documentation."""
    field, options = type_at(root, raw, path)
    tags = [str(o.tag) for o in options if isinstance(o, mi.StructType) and o.tag is not None]
    literals = [v for o in options if isinstance(o, mi.LiteralType) for v in o.values]
    unit = f" [{field.extra['unit']}]" if field is not None and field.extra else ""
    allowed = [shown(v) for v in literals] if path and path[-1] == "kind" else list(allowances(options, unit))
    text = "allowed " + ", ".join(dict.fromkeys(allowed)) if allowed else "not allowed"
    doc = (field.extra_json_schema or {}).get("description", "") if field is not None else ""
    text += ", or a text with its unit" if unit and not any(isinstance(o, mi.StrType) for o in options) else ""
    return text + (f" ({doc})" if doc else "") + (suggestion(value, literals + tags) if isinstance(value, str) else "")


def allowances(options: list[mi.Type], unit: str) -> Iterator[str]:
    for option in options:
        if isinstance(option, mi.LiteralType):
            yield from (shown(v) for v in sorted(option.values, key=str))
        elif isinstance(option, mi.StructType) and option.tag is not None:
            yield f'a table with kind = "{option.tag}"'
        elif type(option) in NAMES:
            yield NAMES[type(option)] + limits(option) + (unit if isinstance(option, MEASURED) else "")


def limits(option: mi.Type) -> str:
    bounds = [f"{text} {value:g}" for k, text in LIMITS.items() if (value := getattr(option, k, None)) is not None]
    if isinstance(option, mi.VarTupleType) and option.max_length is not None:
        bounds.append(f"of {option.min_length} to {option.max_length} entries")
    if isinstance(option, mi.TupleType):
        bounds.append(f"of {len(option.item_types)} entries")
    if isinstance(option, mi.StrType) and option.pattern is not None:
        duration = option.pattern.startswith(r"^\d")
        bounds.append('such as "90s", "30min", "23h"' if duration else f"that matches {option.pattern}")
    return " " + " and ".join(bounds) if bounds else ""


def keys_at(root: type, raw: Any, path: list[str | int]) -> list[Any]:
    """Fields of the struct at `path`."""
    _, options = type_at(root, raw, path)
    return [field for option in options if isinstance(option, mi.StructType) for field in option.fields]


def type_at(root: type, raw: Any, path: list[str | int]) -> tuple[mi.Metadata | None, list[mi.Type]]:
    """Documentation of the key at `path` (None if it has none) and the types that are allowed there."""
    field: mi.Metadata | None = None
    options: list[mi.Type] = [types_of(root)]
    for token in path:
        options = narrowed(options, raw)
        below: list[mi.Type] = []
        for option in options:
            if isinstance(option, mi.StructType | mi.DataclassType):
                below += [f.type for f in option.fields if f.name == token]
                if isinstance(option, mi.StructType) and token == option.tag_field:
                    below.append(mi.LiteralType((option.tag,)))
            elif isinstance(option, mi.VarTupleType | mi.ListType):
                below.append(option.item_type)
            elif isinstance(option, mi.DictType):
                below.append(option.value_type)
            elif isinstance(option, mi.TupleType) and isinstance(token, int) and token < len(option.item_types):
                below.append(option.item_types[token])
        raw = step(raw, token)
        for option in below:
            field = documented(option) or field
        options = [leaf for option in below for leaf in flatten(option)]
    return field, narrowed(options, raw)


@lru_cache(maxsize=16)
def types_of(root: type) -> mi.Type:
    """All that a file of type `root` may hold, which takes longer to find out than to read most cases."""
    return mi.type_info(root)


def narrowed(options: list[mi.Type], raw: Any) -> list[mi.Type]:
    """Of several tagged structs, the one that `raw` names by its kind (all if it names none of them)."""
    kind = raw.get("kind") if isinstance(raw, dict) else None
    return [o for o in options if isinstance(o, mi.StructType) and o.tag == kind and kind is not None] or options


def documented(option: mi.Type) -> mi.Metadata | None:
    while isinstance(option, mi.Metadata):
        if option.extra_json_schema:
            return option
        option = option.type
    return None


def flatten(option: mi.Type) -> Iterator[mi.Type]:
    """The alternatives of a union, without wrappers and without null (TOML has none)."""
    if isinstance(option, mi.Metadata):
        yield from flatten(option.type)
    elif isinstance(option, mi.UnionType):
        for part in option.types:
            yield from flatten(part)
    elif not isinstance(option, mi.NoneType):
        yield option


def step(raw: Any, token: str | int) -> Any:
    try:
        return raw[token]
    except (KeyError, IndexError, TypeError):
        return None


def lookup(raw: Any, path: Sequence[str | int]) -> Any:
    for token in path:
        raw = step(raw, token)
    return raw


def dotted(path: list[str | int]) -> str:
    text = "".join(f"[{token}]" if isinstance(token, int) else f".{token}" for token in path)
    return text.removeprefix(".")


def shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{shortened(value)}"'
    if isinstance(value, int) and abs(value) > 10**LONGEST:
        return "a number of that many digits"
    return "{ ... }" if isinstance(value, dict) else shortened(str(value))


def shortened(text: str) -> str:
    """The beginning of a long text."""
    return text if len(text) <= LONGEST else text[:LONGEST] + "..."
