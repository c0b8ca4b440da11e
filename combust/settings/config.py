"""Case files: TOML in, checked and documented structs out, and back.

load(path, overrides) -> Config;  to_toml(config) -> text that loads to the same Config.
"""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from combust.cfd.boundaries.settings import SIDES, Burner, Inflow
from combust.cfd.boundaries.tables import with_tables
from combust.errors import ConfigError, at
from combust.explain import explain, shortened, shown
from combust.files import DEEPEST, TOO_DEEP, UnreadableError, is_file, leaves, read_text
from combust.settings.physics import FlameInitial, KernelInitial, LearnedChemistry, ManufacturedInitial
from combust.settings.quantities import in_si
from combust.settings.quantities import schema as json_schema
from combust.settings.running import Config
from combust.settings.switch import Switches
from combust.terminal import OBEYED

T = TypeVar("T")
BARE = re.compile(r"[^\[\]{}\"'#\n]+")
LARGEST = 1e30  # of any number: none in SI is so large, and squares of larger ones overflow


def load(path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """The case in the TOML file `path`, with "table.key=value" overrides applied and checked.

    A mechanism that lies beside the case file gets its full path; output.directory gets its default.
    Raises ConfigError that names file, key, value and what is allowed.
    """
    path = Path(path)
    switches = Switches(Config)
    raw = read(path, overrides, switches)
    try:
        config = switches.fitted(convert(raw, str(path)))
    except ConfigError as error:
        raise switches.explained(error) from None
    switches.say()
    return complete(config, path)


def read(path: Path, overrides: Sequence[str] = (), switches: Switches | None = None) -> dict[str, Any]:
    """The content of a TOML file, with overrides. Raises ConfigError for a file that cannot be read.

    switches : learns of the kinds that the overrides change
    """
    try:
        raw = parsed(read_text(path))
    except UnreadableError as error:
        raise ConfigError(str(error)) from error
    except ValueError as error:
        raise ConfigError(f"{path}: is not valid TOML: {error}") from error
    for text in overrides:
        override(raw, text, switches or Switches(None))
    return raw


def parsed(text: str) -> dict[str, Any]:
    """The tree of a TOML text. Raises ValueError for what is not TOML, or nested too deeply."""
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("its lists and tables are nested too deeply") from None


def checked(raw: dict[str, Any], source: str, kind: type[T]) -> T:
    """`raw` as a struct of type `kind`, texts with units as numbers in SI; `source` is the file named in errors.

    Raises ConfigError.
    """
    for place, value in leaves(raw):
        if problem := beyond_use(value):
            raise ConfigError(f"{source}: {place} = {shown(value)}: {problem}")
    raw = in_si(raw, kind, source)
    try:
        return msgspec.convert(raw, kind, strict=True)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{source}: {explain(str(error), raw, kind)}") from None


def beyond_use(value: Any) -> str:
    """What is wrong with a value whatever its key; empty if nothing is."""
    if value is TOO_DEEP:
        return f"more than {DEEPEST} lists and tables within each other"
    if isinstance(value, float) and not math.isfinite(value):
        return "must be a finite number"
    if isinstance(value, float) and abs(value) > LARGEST:
        return f"must be a number of at most {LARGEST:g} in size (all units are SI)"
    if isinstance(value, int) and abs(value) >= 2**63:
        return "must be a whole number below 2^63"
    return "holds a NUL character" if isinstance(value, str) and "\0" in value else ""


def convert(raw: dict[str, Any], source: str) -> Config:
    """`raw` as a Config whose tables fit together; `source` is the file named in errors. Raises ConfigError."""
    config = checked(raw, source, Config)
    for problem in problems(config):
        raise ConfigError(f"{source}: {problem}")
    return config


def override(raw: dict[str, Any], text: str, switches: Switches) -> None:
    """Sets "a.b=value" in `raw`; the value is TOML, and words that are not TOML are strings. Raises ConfigError."""
    key, equals, value = text.partition("=")
    names = key.strip().split(".")
    if not equals or not all(re.fullmatch(r"[\w-]+", name) for name in names):
        raise ConfigError(f"override {text!r}: write table.key=value")
    value = value.strip()
    try:
        new = parsed(f"value = {value}")["value"]
    except ValueError:
        if not BARE.fullmatch(value):
            raise ConfigError(f"override {shortened(text)!r}: {shortened(value)!r} is not a TOML value") from None
        new = value
    table = raw
    for depth, name in enumerate(names[:-1]):
        switches.table(raw, names[: depth + 1])
        table = table.setdefault(name, {})
        if not isinstance(table, dict):
            raise ConfigError(f"override {text!r}: {'.'.join(names[: depth + 1])} is not a table")
    table[names[-1]] = new
    switches.note(raw, names)


def complete(config: Config, path: Path) -> Config:
    """Fills what depends on where the case file lies."""
    gas, output, replace = config.gas, config.output, msgspec.structs.replace
    gas = replace(gas, mechanism=beside(path, gas.mechanism))
    chemistry = config.chemistry
    if isinstance(chemistry, LearnedChemistry):
        model = path.parent / chemistry.model
        if model.name and any(is_file(model.with_name(model.name + end)) for end in ("", ".json")):
            chemistry = replace(chemistry, model=str(model.resolve()))
    if output.directory is None:
        output = replace(output, directory=f"runs/{path.stem}")
    with at(path):
        boundary = with_tables(config.boundary, path.parent)
    title = config.title or path.stem
    return replace(config, title=title, gas=gas, chemistry=chemistry, output=output, boundary=boundary)


def problems(config: Config) -> Iterator[str]:
    """What does not fit together between tables, each as "path: what is wrong"."""
    dimensions = config.mesh.dimensions
    sides = config.boundary.sides(dimensions)
    for name in SIDES[: 2 * dimensions]:
        if name not in sides:
            yield f"boundary.{name} is missing: the mesh has {dimensions} dimension(s); every side needs a kind"
    for name in (*SIDES[2 * dimensions :], *"xyz"[dimensions:]):
        if getattr(config.boundary, name) is not None:
            yield f"boundary.{name}: the mesh has only {dimensions} dimension(s)"
    for name, side in config.boundary.tables(dimensions).items():
        if not isinstance(side, Inflow | Burner):
            continue
        if isinstance(side.velocity, str) and not isinstance(config.initial, FlameInitial):
            yield f'boundary.{name}.velocity = "{side.velocity}": needs initial.kind = "flame"; give a number [m/s]'
        if isinstance(config.initial, ManufacturedInitial):
            yield f'boundary.{name}: initial.kind = "manufactured" has no gas that could flow in'
    velocity = getattr(config.initial, "velocity", 0.0)
    if isinstance(velocity, tuple) and any(velocity[dimensions:]):
        yield f"initial.velocity: the mesh has only {dimensions} dimension(s)"
    if isinstance(config.initial, KernelInitial) and len(config.initial.centre) != dimensions:
        yield f"initial.centre: needs {dimensions} number(s), one per dimension of the mesh"
    if isinstance(config.initial, KernelInitial) and config.initial.hot_temperature <= config.initial.temperature:
        yield "initial.hot_temperature: must exceed initial.temperature"


def beside(path: Path, file: str) -> str:
    """The full path of a file that lies in the folder of `path`; what is found elsewhere keeps its name."""
    found = path.parent / file
    return str(found.resolve()) if is_file(found) else file


def flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Pairs of "a.b.0.c" and what is there."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, (list, tuple)) else None
    if not items:
        yield name, value
        return
    for key, inner in items:
        yield from flat(inner, f"{name}.{key}" if name else str(key))


def to_toml(config: Config) -> str:
    """The whole case with all defaults filled in; loads again to an equal Config."""
    raw = msgspec.to_builtins(config)
    lines = [f"{key} = {toml_value(value)}" for key, value in raw.items() if not isinstance(value, dict)]
    for name, table in raw.items():
        if isinstance(table, dict):
            lines += ["", f"[{name}]"]
            lines += [f"{key} = {toml_value(value)}" for key, value in table.items() if value is not None]
    return "\n".join(lines) + "\n"


def toml_key(name: str) -> str:
    """A key of a table; names of species like CH2(S) need quotes."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)


def toml_value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{toml_key(k)} = {toml_value(v)}" for k, v in value.items() if v is not None) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml_value(v) for v in value) + "]"
    if isinstance(value, str):
        return OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))
    return str(value).lower() if isinstance(value, bool) else repr(value)


def schema() -> dict[str, Any]:
    """JSON Schema of a case file, for editors."""
    return json_schema(Config)
