"""The text of a mechanism before Cantera sees it: what would end the process, or take gigabytes, is refused.

Cantera 3.2 dies (segmentation fault) on a P-log pressure below zero, on a linear-Burke reaction without colliders and
on a YAML alias within its own anchor, and expands aliases of aliases without limit. All of these show in the text, at
a cost of some milliseconds per megabyte. Chemkin files are recognised and the command that converts them is said.
"""

from __future__ import annotations

import functools
import os
import re
from pathlib import Path
from typing import Any

import cantera as ct
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, NodeEvent

from combust.errors import MechanismError
from combust.files import MEGA, UnreadableError, read_bytes

MOST = 256 * MEGA  # bytes of a mechanism
MOST_NODES = 1_000_000  # of YAML that aliases stand for
CONVERTERS = {
    ".cti": "cti2yaml {0}", ".xml": "ctml2yaml {0}",
    **dict.fromkeys((".inp", ".dat", ".ck", ".chemkin", ".mech"), "ck2yaml --input={0} --thermo=... --transport=..."),
}  # fmt: skip
REFUSALS = (ct.CanteraError, RuntimeError, ValueError, TypeError, LookupError, ArithmeticError, MemoryError)
CHEMKIN = re.compile(rb"^\s*(?:!.*\n\s*)*(ELEM(?:ENTS)?|SPEC(?:IES)?|THERMO?|REAC(?:TIONS)?)\b(?!\s*:)", re.IGNORECASE)
ALIAS, ANCHOR = (re.compile(rb"(?:^|[\s\[{,:-])" + mark + rb"([^\s\[\]{},]+)", re.MULTILINE) for mark in (rb"\*", b"&"))
LOW_PRESSURE = re.compile(rb"[{,\n\s-]['\"]?P['\"]?\s*:\s*([-+]?[\d.][^,}\s]*|-\s*\.inf|\.nan)", re.IGNORECASE)
AMOUNTS = (b"efficiencies:", b"orders:", b"composition:", b"X:", b"Y:")  # of species, which may be called P
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eEdD][-+]?\d+)?")
NO_COLLIDERS = re.compile(rb"\bcolliders\s*:[ \t]*(?:#.*)?(?:\[\s*\]|\{\s*\}|~|null\b|(?=,|\}|\r?\n\s*(?!\s|-|\[|#)))")


def require_readable(file: Path) -> None:
    """Raises MechanismError for a text that Cantera must not be given; what was found good is not read again."""
    try:
        state = os.stat(file)
        _checked(str(file.resolve()), state.st_size, state.st_mtime_ns)
    except OSError as error:
        raise MechanismError(f"{file}: cannot be read: {error.strerror or error}") from error


@functools.lru_cache(maxsize=256)
def _checked(path: str, size: int, changed: int) -> None:
    """The look at a file of this size and time of change."""
    file = Path(path)
    if command := CONVERTERS.get(file.suffix.lower()):
        raise MechanismError(_convert(file, command))
    try:
        data = read_bytes(file, MOST)
    except UnreadableError as error:
        raise MechanismError(str(error)) from error
    if CHEMKIN.match(data):
        raise MechanismError(_convert(file, CONVERTERS[".inp"]))
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        where = f"{error.reason} at byte {error.start}"
        raise MechanismError(f"{file}: is not YAML: not text in UTF-8 ({where})") from error
    _require_pressures(file, data)
    if empty := NO_COLLIDERS.search(data):
        line = 1 + data.count(b"\n", 0, empty.start())
        raise MechanismError(f"{file}: line {line}: colliders: empty; a linear-Burke reaction needs at least M")
    if set(ALIAS.findall(data)) & set(ANCHOR.findall(data)):
        _require_small(file, data)


def _convert(file: Path, command: str) -> str:
    out = file.with_suffix(".yaml").name
    return (
        f"{file}: not a Cantera YAML file; convert it with `{command.format(file)}"
        + (f" --output={out}` (leave out what is part of the file)" if "ck2yaml" in command else f" {out}`")
        + f", then give {out}"
    )


def _require_pressures(file: Path, data: bytes) -> None:
    """Every pressure of a state or of a P-log table is a positive, finite number."""
    for found in LOW_PRESSURE.finditer(data):
        text = found[1].decode("utf-8", "replace")
        number = NUMBER.match(text)
        value = float(number[0].lower().replace("d", "e")) if number else 0.0
        if not 0.0 < value < float("inf") and not _enclosing(data[: found.start(1)]).endswith(AMOUNTS):
            line = 1 + data.count(b"\n", 0, found.start(1))
            raise MechanismError(f"{file}: line {line}: pressure P: {text}: must be a positive number")


def _enclosing(before: bytes) -> bytes:
    """The text up to the key of the map, in braces or by indentation, that the last key of `before` stands in."""
    opened = before.rfind(b"{")
    if opened > before.rfind(b"}"):
        return before[:opened].rstrip()
    *above, own = before.splitlines()
    indent = len(own) - len(own.lstrip())
    outer = (line.rstrip() for line in reversed(above) if line.strip() and len(line) - len(line.lstrip()) < indent)
    return next(outer, b"")


def _require_small(file: Path, data: bytes) -> None:
    """Aliases stand for few nodes, and none for itself. Raises MechanismError."""
    sizes: dict[str, int] = {}
    open_: list[tuple[str | None, int]] = []  # anchors of what is not closed yet, and nodes within so far
    total = 0
    try:
        for event in YAML(typ="safe", pure=True).parse(data.decode()):
            grown = _nodes(event, sizes, {name for name, _ in open_}, file)
            total += grown
            open_ = [(name, count + grown) for name, count in open_]
            if isinstance(event, CollectionStartEvent):
                open_.append((event.anchor, 1))
            elif isinstance(event, CollectionEndEvent):
                name, count = open_.pop()
                sizes |= {name: count} if name else {}
            elif isinstance(event, NodeEvent) and event.anchor and not isinstance(event, AliasEvent):
                sizes[event.anchor] = 1
            if total > MOST_NODES:
                raise MechanismError(f"{file}: its YAML aliases stand for more than {MOST_NODES} entries")
    except (YAMLError, ValueError, RecursionError) as error:
        raise MechanismError(f"{file}: not valid YAML: {' '.join(str(error).split())}") from error


def _nodes(event: Any, sizes: dict[str, int], within: set[str | None], file: Path) -> int:
    """Nodes that an event adds."""
    if not isinstance(event, AliasEvent):
        return int(isinstance(event, NodeEvent))
    if event.anchor in within:
        raise MechanismError(f"{file}: YAML alias *{event.anchor} lies within what it stands for")
    return sizes.get(event.anchor, 1)


def message_of(error: BaseException) -> str:
    """The message of Cantera without its frame of stars."""
    lines = [line.strip() for line in str(error).splitlines()]
    return " ".join(line for line in lines if line and not set(line) <= {"*"})
