"""Numbers with a unit in files: a number is in SI, a text has its own unit ("1 atm", "50 us"); one rule for every key.

The keys are those whose documentation names a unit (`combust.settings.base.doc`). Texts become numbers before the file
is checked, so that limits, files that are written and restarts know SI numbers only.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
import msgspec.inspect as mi

from combust.errors import ConfigError, FileFormatError
from combust.explain import documented, dotted, flatten, narrowed, shown, types_of
from combust.units import NUMBER, names, to_si

KINDS = {
    "Pa": "pressure", "s": "time", "K": "temperature", "m": "length", "m/s": "velocity", "1/s": "rate",
    "Pa s": "viscosity", "kg/m3": "density", "m/s2": "acceleration", "1/m": "wave number", "W/m2": "heat flux",
    "J": "energy", "kg/m2/s": "mass flux", "Pa/m": "pressure gradient",
    "m2/s": "kinematic viscosity", "m2/s2": "energy per mass", "m3/s2": "spectral energy",
    "m2/s3": "dissipation",
}  # fmt: skip
# Units that a key of a table gets from elsewhere: from its key `over`; from the key that it stands for.
ALONG, SAME = "m or s", "unit of the key"
LISTS = (mi.VarTupleType, mi.ListType)
ANY_NUMBER = r"^\s*[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?"
LIMITS = ("type", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")  # keywords of a number


def in_si(raw: Any, root: type, source: str) -> Any:
    """`raw`, the tree of a file that becomes a struct of type `root`, with texts in place of numbers turned to SI.

    Raises ConfigError naming file and key for a unit that is unknown, or of something else.
    """
    return _value(raw, [types_of(root)], None, [], source)


def _value(value: Any, options: list[mi.Type], unit: dict[str, str] | None, path: list[str | int], source: str) -> Any:
    leaves = [leaf for option in options for leaf in flatten(option)]
    if isinstance(value, dict):
        structs = [o for o in narrowed(leaves, value) if isinstance(o, mi.StructType)]
        found = {}
        for key, inner in value.items():
            types, own = _field(structs, key)
            found[key] = _value(inner, types, _of_table(own, unit, value), [*path, key], source)
        return found
    if isinstance(value, list):
        several = unit is not None and 0 < len(value) == len(unit.get("each", "")) and isinstance(value[0], list)
        return [
            _value(
                inner,
                [t for o in leaves for t in _items(o, i)],
                {"unit": unit["each"][i]} if several and unit is not None else unit,
                [*path, i],
                source,
            )
            for i, inner in enumerate(value)
        ]
    if unit is None or not isinstance(value, str) or any(isinstance(o, mi.StrType) for o in leaves):
        return value
    number = NUMBER.fullmatch(value)
    if number is None or not number[2]:
        return value  # a word, or a number in quotes: what is allowed is said where types are checked
    try:
        return to_si(value, unit.get("kind") or KINDS[unit["unit"]])
    except FileFormatError as error:
        raise ConfigError(f"{source}: {dotted(path)} = {shown(value)}: {error}") from None


def _of_table(own: dict[str, str] | None, outer: dict[str, str] | None, table: dict[str, Any]) -> dict[str, str] | None:
    """The unit of a key of a table that stands for a key with the unit `outer`; "each": of coordinates in turn."""
    if own is None or own["unit"] not in (ALONG, SAME):
        return own
    if own["unit"] == SAME:
        return outer
    over = table.get("over")
    each = "".join("s" if name == "time" else "m" for name in (over if isinstance(over, list) else [over]))
    return {"unit": each[:1], "each": each} if each else None


def _field(structs: list[mi.StructType], key: str) -> tuple[list[mi.Type], dict[str, str] | None]:
    """Types of a key, and its unit."""
    types = [field.type for struct in structs for field in struct.fields if field.name == key]
    extra = [found.extra for kind in types if (found := documented(kind)) is not None and found.extra]
    return types, extra[0] if extra else None


def _items(option: mi.Type, place: int) -> list[mi.Type]:
    if isinstance(option, LISTS):
        return [option.item_type]
    return [option.item_types[place]] if isinstance(option, mi.TupleType) and place < len(option.item_types) else []


# --- the same for JSON Schema -----------------------------------------------------------------------------------------


def schema(root: type) -> dict[str, Any]:
    """JSON Schema of a file, for editors: where a number has a unit, a text with a unit is allowed too."""
    found = msgspec.json.schema(root)
    for node in _nodes(found):
        if "x-unit" in node:
            _widen(node, {"type": "string", "pattern": _pattern(node.get("x-kind") or KINDS.get(node["x-unit"]))})
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}


def _nodes(tree: Any) -> list[dict[str, Any]]:
    if isinstance(tree, list):
        return [node for inner in tree for node in _nodes(inner)]
    if not isinstance(tree, dict):
        return []
    return [tree, *(node for inner in tree.values() for node in _nodes(inner))]


def _pattern(kind: str | None) -> str:
    if kind is None:
        return rf"{ANY_NUMBER}\s*\S+.*$"
    escaped = "|".join(re.sub(r"([.*^()])", r"\\\1", unit) for unit in sorted(names(kind), key=len, reverse=True))
    return rf"{ANY_NUMBER}\s*({escaped})\s*$"


def _widen(node: dict[str, Any], text: dict[str, Any]) -> None:
    """Allows a text wherever the node allows a number."""
    for key in {"anyOf", "prefixItems"} & node.keys():
        node[key] = [_wider(inner, text) for inner in node[key]]
    if isinstance(node.get("items"), dict):
        node["items"] = _wider(node["items"], text)
    if node.get("type") == "number":
        number = {key: node.pop(key) for key in list(node) if key in LIMITS}
        node["anyOf"] = [number, text]


def _wider(node: dict[str, Any], text: dict[str, Any]) -> dict[str, Any]:
    if node.get("type") == "number":
        return {"anyOf": [node, text]}
    _widen(node, text)
    return node
