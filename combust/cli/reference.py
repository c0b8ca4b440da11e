"""The reference of files that combust takes, made from the structs that read them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import msgspec.inspect as mi

from combust.case import names
from combust.case.config import whole
from combust.errors import ConfigError
from combust.explain import allowances, documented, flatten, types_of
from combust.settings import FILES
from combust.settings.quantities import schema

TITLES = {
    "case": "Case files",
    "chain": "Files of `combust chain`",
    "learn": "Files of `combust learn`",
    "reduce": "Files of `combust reduce`",
    "tst": "Files of `combust tst`",
    "thermo": "Files of `combust thermo`",
    "falloff": "Files of `combust falloff`",
    "uncertainty": "Files of factors: `combust uncertainty`",
    "sample": "Files of learned chemistry: `combust sample`, `train` and `verify`",
}
UNITS = (
    "Numbers are in the SI unit in brackets. In its place a text with another unit is allowed: "
    '`"1 atm"`, `"27 degC"`, `"50 us"`.'
)


def kinds_of() -> dict[str, dict[str, str]]:
    """Table of a case file -> kind -> one line about it."""
    found = {}
    for name, options, _ in tables():
        kinds = {str(o.tag): summary(o) for o in options if o.tag is not None}
        if kinds:
            found[name.removesuffix(".x_low")] = kinds
    return found


def kinds(section: str | None = None) -> dict[str, dict[str, str]]:
    """The same, of one table if it is named. Raises ConfigError for an unknown one."""
    known = kinds_of()
    if section is None:
        return known
    if section not in known:
        raise ConfigError(f"combust list {section}: unknown; known: {', '.join(known)}")
    return {section: known[section]}


def root_of(file: str) -> type[msgspec.Struct]:
    """What a kind of file (combust.settings.FILES) is read into. Raises ConfigError for another."""
    if file not in FILES:
        raise ConfigError(f"schema of {file!r}: unknown; known: {', '.join(FILES)}")
    if file == "case":
        return whole()
    if file == "reduce":
        from combust.reduction.settings import Reduction

        return Reduction
    if file == "tst":
        from combust.kinetics.quantum.settings import Tst

        return Tst
    if file == "chain":
        from combust.chain.settings import Chain

        return Chain
    if file == "thermo":
        from combust.kinetics.quantum.thermochemistry.settings import Thermo

        return Thermo
    if file == "falloff":
        from combust.kinetics.falloff.settings import Falloff

        return Falloff
    if file == "uncertainty":
        from combust.kinetics.uncertainty.settings import FactorFile

        return FactorFile
    if file == "learn":
        from combust.surrogates.rounds.settings import Learn

        return Learn
    from combust.surrogates.settings import Surrogate

    return Surrogate


def schema_of(file: str) -> dict[str, Any]:
    """JSON Schema of a kind of file, for editors."""
    return schema(root_of(file))


def tables(kind: type[msgspec.Struct] | None = None) -> Iterator[tuple[str, list[mi.StructType], str]]:
    """Every table of a file, outermost first: (path, structs it may be, text about it)."""
    root = types_of(kind or whole())
    assert isinstance(root, mi.StructType)
    queue: list[tuple[str, mi.StructType]] = [("", root)]
    seen: set[str] = set()
    for path, struct in queue:
        for field in struct.fields:
            place = f"{path}.{field.name}".lstrip(".")
            options = structs_of(field.type)
            # The sides of the domain are alike: x_low stands for all.
            alike = path == "boundary" and field.name != "x_low"
            if options and place not in seen and not alike:
                seen.add(place)
                yield place, options, described(field)
                queue += [(place, option) for option in options]


def structs_of(kind: mi.Type) -> list[mi.StructType]:
    """The tables that a key may hold, one, a list of them or several by names of their own."""
    options = list(flatten(kind))
    inner = [leaf for o in options if isinstance(o, mi.VarTupleType) for leaf in flatten(o.item_type)]
    inner += [leaf for o in options if isinstance(o, mi.DictType) for leaf in flatten(o.value_type)]
    found = [o for o in (*options, *inner) if isinstance(o, mi.StructType)]
    return list({o.cls: o for o in found}.values())


def markdown(file: str = "case") -> str:
    """Reference tables of all keys: type, default, meaning; of a case also of the names of fields and quantities."""
    kind = root_of(file)
    root = types_of(kind)
    assert isinstance(root, mi.StructType)
    lines = [f"# {TITLES.get(file, TITLES['sample'])}", "", summary(root), "", UNITS, "", *table(root)]
    told: dict[type, str] = {}
    for path, options, text in tables(kind):
        lines += ["", f"## `{path}`", "", *([text[:1].upper() + text[1:] + "."] if text else [])]
        for option in options:
            if option.tag is None and (before := told.setdefault(option.cls, path)) != path:
                lines += [*([""] if lines[-1] else []), f"{summary(option)} Its keys are those of `{before}`."]
                continue
            title = f'**`kind = "{option.tag}"`** ' if option.tag is not None else ""
            lines += [
                *([""] if lines[-1] else []),
                title + summary(option),
                *([""] if option.fields else []),
                *table(option),
            ]
    return "\n".join(lines + (names.markdown() if file == "case" else []))


def table(struct: mi.StructType) -> list[str]:
    """Markdown rows of the keys of one struct."""
    if not struct.fields:
        return []
    rows = ["| key | value | default | meaning |", "|---|---|---|---|"]
    for field in struct.fields:
        unit = (documented(field.type) or mi.Metadata(field.type)).extra or {}
        options = list(flatten(field.type))
        structs = structs_of(field.type)
        plain = ", ".join(allowances(options, f" [{unit['unit']}]" if unit else ""))
        several = any(isinstance(o, mi.VarTupleType) for o in options)
        listed = "table or list of tables" if any(isinstance(o, mi.StructType) for o in options) else "list of tables"
        value = "table" if structs == options else listed if structs and several and only_tables(options) else plain
        value = "tables by name" if structs and any(isinstance(o, mi.DictType) for o in options) else value
        rows.append(f"| `{field.name}` | {value} | {default(field)} | {described(field)} |".replace("||", "|"))
    return rows


def only_tables(options: list[mi.Type]) -> bool:
    """Whether a key holds tables and lists of them, nothing else."""
    return all(isinstance(o, mi.StructType) or isinstance(o, mi.VarTupleType) and structs_of(o) for o in options)


def default(field: mi.Field) -> str:
    if field.required:
        return "required"
    value: Any = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    if value is None:
        return "none"
    if isinstance(value, tuple) and value and isinstance(value[0], msgspec.Struct):
        return f"{len(value)} of them"
    return "see below" if isinstance(value, msgspec.Struct) else f"`{msgspec.json.encode(value).decode()}`"


def described(field: mi.Field) -> str:
    found = documented(field.type)
    return str((found.extra_json_schema or {}).get("description", "")) if found is not None else ""


def summary(struct: mi.StructType) -> str:
    """First line of a struct's docstring."""
    return (struct.cls.__doc__ or "").strip().splitlines()[0]
