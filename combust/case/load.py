"""Case files: TOML in, a checked Config out, and back.

load(path, overrides) -> Config;  to_toml(config) -> text that loads to the same Config.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from combust.case.config import Config, plain, whole
from combust.case.switches import CaseSwitches
from combust.cfd.boundaries.settings import SIDES, Burner, Inflow, Periodic, Symmetry
from combust.cfd.boundaries.spectra import with_spectra
from combust.cfd.boundaries.tables import with_tables
from combust.cfd.closures.settings import DynamicSmagorinsky, NoTurbulence, kinds_of_inflows
from combust.cfd.initial.settings import (
    FlameInitial,
    KernelInitial,
    ManufacturedInitial,
    RunInitial,
    TaylorGreenInitial,
)
from combust.cfd.model.settings import LOOP
from combust.cfd.sources.settings import MassFluxSource, RadiationSource
from combust.errors import ConfigError, at
from combust.files import is_file
from combust.settings.config import beside, checked, read, toml_value
from combust.settings.quantities import schema as json_schema
from combust.surrogates.provider.settings import LearnedChemistry


def load(path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """The case in the TOML file `path`, with "table.key=value" overrides applied and checked.

    A mechanism that lies beside the case file gets its full path; output.directory gets its default.
    Raises ConfigError that names file, key, value and what is allowed.
    """
    path = Path(path)
    switches = CaseSwitches(whole())
    raw = read(path, overrides, switches)
    try:
        switches.fit_inflows(raw)
        config = switches.fitted(convert(raw, str(path)))
    except ConfigError as error:
        raise switches.explained(error) from None
    switches.say()
    return complete(config, path)


def convert(raw: dict[str, Any], source: str) -> Config:
    """`raw` as a Config whose tables fit together; `source` is the file named in errors. Raises ConfigError."""
    config = checked(raw, source, whole())
    for problem in problems(config):
        raise ConfigError(f"{source}: {problem}")
    return config


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
        boundary = with_spectra(with_tables(config.boundary, path.parent), "boundary", path.parent)
        initial = with_spectra(config.initial, "initial", path.parent)
    if isinstance(initial, RunInitial):
        there = path.parent / initial.folder
        if there.exists() or not Path(initial.folder).exists():  # gone after a start: the name that it had then
            initial = replace(initial, folder=str(there.resolve()))
    title = config.title or path.stem
    return replace(config, title=title, gas=gas, chemistry=chemistry, initial=initial, output=output, boundary=boundary)


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
        yield from without_gas(config, f"boundary.{name}", side)
        yield from without_use(config, f"boundary.{name}", side)
    if config.mesh.axisymmetric:
        yield from axisymmetric(config)
    yield from of_turbulence(config)
    yield from same_files(config)
    for field in msgspec.structs.fields(config.numerics):
        taken = (*LOOP, *config.model.NUMERICS)
        if field.name not in taken and getattr(config.numerics, field.name) != field.default:
            kind = config.model.__struct_config__.tag
            yield f'numerics.{field.name}: model.kind = "{kind}" has no use for it; it takes {", ".join(taken)}'
    if config.numerics.dt is not None and config.numerics.dt_first is not None:
        yield (
            "numerics.dt_first: numerics.dt fixes all steps, the first one too; omit numerics.dt (steps then grow from "
            "dt_first, to dt_max at most), or omit dt_first"
        )
    if sum(isinstance(source, RadiationSource) for source in config.sources) > 1:
        yield 'sources: kind = "radiation" is there twice: the gas radiates once'
    held: list[str] = [source.axis for source in config.sources if isinstance(source, MassFluxSource)]
    yield from (f'sources: two sources hold the flow along "{axis}"' for axis in "xyz" if held.count(axis) > 1)
    velocity = getattr(config.initial, "velocity", 0.0)
    if isinstance(velocity, tuple) and any(velocity[dimensions:]):
        yield f"initial.velocity: the mesh has only {dimensions} dimension(s)"
    if isinstance(config.initial, KernelInitial) and len(config.initial.centre) != dimensions:
        yield f"initial.centre: needs {dimensions} number(s), one per dimension of the mesh"
    if isinstance(config.initial, KernelInitial) and config.initial.hot_temperature <= config.initial.temperature:
        yield "initial.hot_temperature: must exceed initial.temperature"


def without_gas(config: Config, place: str, side: Inflow | Burner) -> Iterator[str]:
    """What an inflow misses where the initial table names no one gas."""
    kind = config.initial.__struct_config__.tag
    if isinstance(config.initial, ManufacturedInitial):
        yield f'{place}: initial.kind = "manufactured" has no gas that could flow in'
    elif not getattr(config.initial, "one_gas", True) and not (side.has_composition and side.temperature):
        yield f'{place}: initial.kind = "{kind}" names no one gas that could flow in: give composition and temperature'


def without_use(config: Config, place: str, side: Inflow | Burner) -> Iterator[str]:
    """Eddies of an inflow that no closure carries on."""
    if side.turbulence is not None and not getattr(config.turbulence, "INFLOWS", False):
        kind, carrying = config.turbulence.__struct_config__.tag, ", ".join(f'"{one}"' for one in kinds_of_inflows())
        yield (
            f'{place}.turbulence: turbulence.kind = "{kind}" has no use for it: only {carrying} carry eddies with the '
            "gas; omit the table"
        )


def axisymmetric(config: Config) -> Iterator[str]:
    """What does not go with an axisymmetric mesh."""
    low = config.boundary.sides(2).get("y_low")
    if config.mesh.faces()[1][0] == 0.0 and not isinstance(low, Symmetry):
        yield 'boundary.y_low: is the axis (mesh.y begins at 0): write y_low = { kind = "symmetry" }'
    if isinstance(low, Periodic):
        yield "boundary.y: what leaves at the outer radius cannot enter at the inner one: r is not periodic"
    if config.gas.gravity[1]:
        yield "gas.gravity: acts along x only where the mesh is axisymmetric; its y part must be 0"
    if isinstance(config.turbulence, DynamicSmagorinsky):
        yield 'turbulence: mesh.kind = "axisymmetric": "dynamic-smagorinsky" filters along x, y and z: use another kind'
    if isinstance(config.initial, ManufacturedInitial | TaylorGreenInitial):
        yield f'initial.kind = "{config.initial.__struct_config__.tag}": is a solution in x and y, not in x and r'


def of_turbulence(config: Config) -> Iterator[str]:
    """What needs eddies that the closure lacks, or resolved ones, which averages lack."""
    combustion, closure = config.combustion.__struct_config__.tag, config.turbulence.__struct_config__.tag
    if config.combustion.EDDIES and isinstance(config.turbulence, NoTurbulence):
        yield (
            f'combustion.kind = "{combustion}": needs the energy of eddies and what they '
            'dissipate, and turbulence.kind = "none" has none; choose a turbulence.kind, or combustion.kind = "laminar"'
        )
    if not getattr(config.turbulence, "AVERAGED", False):  # a kind of one's own may be any table
        return
    lacks = f'and turbulence.kind = "{closure}" stands for all eddies, so that none are resolved; use a closure of'
    if config.combustion.RESOLVED:
        yield (
            f'combustion.kind = "{combustion}": needs eddies that are resolved, {lacks} large eddies, or "pasr", "edc"'
        )
    for number, source in enumerate(config.sources):
        if getattr(source, "RESOLVED", False):
            kind = source.__struct_config__.tag
            yield f'sources[{number}].kind = "{kind}": drives eddies that are resolved, {lacks} large eddies, or "none"'
    resolved = {"initial.turbulence": getattr(config.initial, "turbulence", None)}
    for name, side in config.boundary.tables(config.mesh.dimensions).items():
        resolved[f"boundary.{name}.fluctuations"] = getattr(side, "fluctuations", None)
    for place, given in resolved.items():
        if given is not None:
            instead = ", or turbulence = { intensity, length } there" if place.startswith("boundary") else ""
            yield f'{place}: is of eddies that are resolved, {lacks} large eddies, or "none"{instead}'


def same_files(config: Config) -> Iterator[str]:
    """Output that would be written to one file twice."""
    for place, key, files, what in (
        ("probes", "name", [probe.name for probe in config.output.probes], "probe"),
        ("conditional", "on", [means.on for means in config.output.conditional], "table"),
    ):
        for number, name in enumerate(files):
            if name in files[:number]:
                yield f'output.{place}[{number}].{key} = "{name}": is that of another {what}: each writes its own file'


def to_toml(config: Config) -> str:
    """The whole case with all defaults filled in; loads again to an equal Config."""
    raw = plain(config)
    lines = [f"{key} = {toml_value(value)}" for key, value in raw.items() if not isinstance(value, dict)]
    for name, table in raw.items():
        if isinstance(table, dict):
            lines += ["", f"[{name}]"]
            lines += [f"{key} = {toml_value(value)}" for key, value in table.items() if value is not None]
    return "\n".join(lines) + "\n"


def schema() -> dict[str, Any]:
    """JSON Schema of a case file, for editors."""
    return json_schema(whole())
