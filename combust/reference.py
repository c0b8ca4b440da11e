"""The reference of case files, made from the structs that read them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import msgspec.inspect as mi

from combust.explain import allowances, documented, flatten
from combust.settings import names
from combust.settings.running import Config


def kinds_of() -> dict[str, dict[str, str]]:
    """Table of a case file -> kind -> one line about it."""
    found = {}
    for name, options, _ in tables():
        kinds = {str(o.tag): summary(o) for o in options if o.tag is not None}
        if kinds:
            found[name.removesuffix(".x_low")] = kinds
    return found


def tables() -> Iterator[tuple[str, list[mi.StructType], str]]:
    """Every table of a case file, outermost first: (path, structs it may be, text about it)."""
    root = mi.type_info(Config)
    assert isinstance(root, mi.StructType)
    queue: list[tuple[str, mi.StructType]] = [("", root)]
    seen: set[str] = set()
    for path, struct in queue:
        for field in struct.fields:
            place = f"{path}.{field.name}".lstrip(".")
            options = [o for o in flatten(field.type) if isinstance(o, mi.StructType)]
            # The sides of the domain are alike: x_low stands for all.
            alike = path == "boundary" and field.name != "x_low"
            if options and place not in seen and not alike:
                seen.add(place)
                yield place, options, described(field)
                queue += [(place, option) for option in options]


def markdown() -> str:
    """Reference tables of all keys: type, default, meaning; and of the names of fields and quantities."""
    root = mi.type_info(Config)
    assert isinstance(root, mi.StructType)
    lines = ["# Case files", "", summary(root), "", *table(root)]
    for path, options, text in tables():
        lines += ["", f"## `{path}`", "", text[:1].upper() + text[1:] + "."]
        for option in options:
            title = f'**`kind = "{option.tag}"`** ' if option.tag is not None else ""
            lines += ["", title + summary(option), *([""] if option.fields else []), *table(option)]
    lines += names.markdown()
    return "\n".join(lines)


def table(struct: mi.StructType) -> list[str]:
    """Markdown rows of the keys of one struct."""
    if not struct.fields:
        return []
    rows = ["| key | value | default | meaning |", "|---|---|---|---|"]
    for field in struct.fields:
        unit = (documented(field.type) or mi.Metadata(field.type)).extra or {}
        options = list(flatten(field.type))
        is_table = all(isinstance(o, mi.StructType) for o in options)
        value = "table" if is_table else ", ".join(allowances(options, f" [{unit['unit']}]" if unit else ""))
        rows.append(f"| `{field.name}` | {value} | {default(field)} | {described(field)} |".replace("||", "|"))
    return rows


def default(field: mi.Field) -> str:
    if field.required:
        return "required"
    value: Any = field.default if field.default is not msgspec.NODEFAULT else field.default_factory
    if value is None:
        return "none"
    return "see below" if isinstance(value, msgspec.Struct) else f"`{msgspec.json.encode(value).decode()}`"


def described(field: mi.Field) -> str:
    found = documented(field.type)
    return str((found.extra_json_schema or {}).get("description", "")) if found is not None else ""


def summary(struct: mi.StructType) -> str:
    """First line of a struct's docstring."""
    return (struct.cls.__doc__ or "").strip().splitlines()[0]
