"""All names of fields and quantities that a case may ask for: of every flow, of chemistry, closures, sources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from combust.case.config import CHEMISTRIES, Config
from combust.cfd.boundaries.settings import Burner, Periodic, Symmetry, Wall
from combust.cfd.closures.settings import NoTurbulence, Turbulence
from combust.cfd.initial.settings import FlameInitial, KernelInitial, LayersInitial
from combust.cfd.interaction.settings import COMBUSTIONS
from combust.cfd.mesh.settings import AxisymmetricMesh
from combust.cfd.sources.settings import SOURCES
from combust.settings import names
from combust.settings.base import Name
from combust.settings.names import (
    ALONG_PATHS,
    AT_REST,
    BURNER,
    FAMILIES,
    FRESH,
    OF_FIELD,
    OF_FIELDS,
    OF_SOURCE,
    PROGRESS,
    STREAMS,
    TURBULENCE,
    WALL,
    WALLS,
)

OR = " or "  # between kinds that show the same name


def _of(kinds: Mapping[str, Any], table: str) -> dict[str, Name]:
    """What kinds show of themselves, by the names that each declares: they need the kind, or what they say."""
    found: dict[str, Name] = {}
    for kind, struct in kinds.items():
        for name, about in getattr(struct, table).items():
            needs = found[name].needs + OR + kind if name in found else kind
            found[name] = about if about.needs else about._replace(needs=needs)
    return found


# Names that a kind of chemistry, combustion, source or closure declares need that kind.
KINDS = {f'chemistry.kind = "{struct.__struct_config__.tag}"': struct for struct in CHEMISTRIES}
SOURCE_KINDS = {f'sources = [{{ kind = "{struct.__struct_config__.tag}", ... }}]': struct for struct in SOURCES}
CLOSURE_KINDS = {f'turbulence.kind = "{struct.__struct_config__.tag}"': struct for struct in get_args(Turbulence)}
COMBUSTION_KINDS = {f'combustion.kind = "{struct.__struct_config__.tag}"': struct for struct in COMBUSTIONS}
OF_KINDS = {**KINDS, **COMBUSTION_KINDS, **SOURCE_KINDS, **CLOSURE_KINDS}
KIND_FIELDS, KIND_COLUMNS = _of(OF_KINDS, "FIELDS"), _of(OF_KINDS, "COLUMNS")
FIELDS = {**names.FIELDS, **KIND_FIELDS, "rank": names.FIELDS["rank"]}
QUANTITIES = {**names.QUANTITIES, **KIND_COLUMNS}


def has(config: Config, need: str) -> bool:
    """Whether a case has what a name needs."""
    if need in KINDS:
        return isinstance(config.chemistry, KINDS[need])
    if any(kind in COMBUSTION_KINDS for kind in need.split(OR)):
        return isinstance(config.combustion, tuple(COMBUSTION_KINDS[kind] for kind in need.split(OR)))
    if any(kind in SOURCE_KINDS for kind in need.split(OR)):
        structs = tuple(SOURCE_KINDS[kind] for kind in need.split(OR))
        return any(isinstance(source, structs) for source in config.sources)
    if need in CLOSURE_KINDS:
        return isinstance(config.turbulence, CLOSURE_KINDS[need])
    if need == ALONG_PATHS:
        return getattr(config.turbulence, "average", None) == "lagrangian"
    if need == TURBULENCE:
        return not isinstance(config.turbulence, NoTurbulence)
    if need == FRESH:
        return isinstance(config.initial, FlameInitial | KernelInitial)
    if need == STREAMS:
        return isinstance(config.initial, LayersInitial) or streams_of(config) is not None
    if need == PROGRESS:
        return config.output.progress.complete or isinstance(config.initial, FlameInitial | KernelInitial)
    sides = config.boundary.tables(config.mesh.dimensions)  # "x_low[0]" is a part of "x_low"
    if need == WALL or need in WALLS.values():
        return any(need in (WALL, WALLS[name.partition("[")[0]]) for name, side in sides.items() if has_friction(side))
    if need == AT_REST:
        every = sides.values()
        kept = all(isinstance(s, Periodic | Symmetry) or isinstance(s, Wall) and not any(s.velocity) for s in every)
        return kept and not isinstance(config.mesh, AxisymmetricMesh)
    return need != BURNER or any(isinstance(side, Burner) for side in sides.values())


def has_friction(side: Any) -> bool:
    """Whether the table is a wall with friction."""
    return isinstance(side, Wall) and not side.slip


def streams_of(config: Config) -> tuple[str, str] | None:
    """Compositions of fuel and oxidizer that the fields of mixture refer to, None where the case names none.

    Those of output.mixture_fraction, else those of the initial table if it has both.
    """
    table = config.output.mixture_fraction or config.initial
    fuel, oxidizer = getattr(table, "fuel", None), getattr(table, "oxidizer", None)
    return (fuel, oxidizer) if isinstance(fuel, str) and isinstance(oxidizer, str) else None


def need_of(name: str) -> str:
    """What a field or quantity needs of the case, one of the sentences above; "" if nothing, or if it is unknown."""
    found = OF_FIELD.fullmatch(name)
    known = FIELDS if found else {**FIELDS, **QUANTITIES}
    if one := OF_SOURCE.fullmatch(name):
        name = one[1]
    return known.get(found[2] if found else name, Name("")).needs


def _cell(name: Name) -> str:
    """Meaning and needs for a table of Markdown, whose columns end at bars."""
    apart = "; where several sources show it, `NAME[n]` is that of `sources[n]`, from 0" if name.apart else ""
    return (name.meaning + apart + (f"; needs {name.needs}" if name.needs else "")).replace("|", "\\|")


def markdown() -> list[str]:
    """Tables of all names."""
    lines = []
    for title, place, tables in (
        ("Fields", "output.fields.names", (FIELDS, {f"{k}<species>": name for k, name in FAMILIES.items()})),
        ("Quantities", "output.series.quantities", (QUANTITIES, OF_FIELDS)),
    ):
        lines += ["", f"## {title}", "", f"Names of `{place}`.", "", "| name | unit | meaning |", "|---|---|---|"]
        for table in tables:
            lines += [f"| `{key}` | {name.unit or '-'} | {_cell(name)} |" for key, name in table.items()]
    return lines
