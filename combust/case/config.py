"""The whole of a case file: its tables, each with the kinds that its package lists."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import defstruct, structs

from combust.case.gas import Gas
from combust.case.output import Output
from combust.case.running import Stop
from combust.cfd.boundaries.settings import Boundary
from combust.cfd.closures.settings import NoTurbulence, Turbulence
from combust.cfd.initial.settings import Initial
from combust.cfd.interaction.settings import Combustion, Laminar
from combust.cfd.lowmach.settings import LowMachModel
from combust.cfd.mesh.settings import Mesh
from combust.cfd.model.settings import Numerics
from combust.cfd.sources.settings import Sources
from combust.errors import ConfigError
from combust.kinetics.providers.settings import CvodeChemistry, DirectChemistry, NoChemistry
from combust.settings.base import Settings, doc
from combust.surrogates.provider.settings import LearnedChemistry

Chemistry = DirectChemistry | LearnedChemistry | CvodeChemistry | NoChemistry
CHEMISTRIES = (DirectChemistry, LearnedChemistry, CvodeChemistry, NoChemistry)
Model = LowMachModel
DEFAULT_MODEL = "low-mach"


class Config(Settings, frozen=True, kw_only=True):
    """A case: physics, numerics, running."""

    title: Annotated[str, doc("one line about the case")] = ""
    device: Annotated[
        Literal["auto", "cpu", "cuda"], doc("where fields live; auto: a GPU (untried) if there is one")
    ] = "auto"
    model: Annotated[Model, doc("equations that are solved")] = LowMachModel()
    mesh: Annotated[Mesh, doc("grid")]
    gas: Annotated[Gas, doc("gas")]
    chemistry: Annotated[Chemistry, doc("reactions")] = DirectChemistry()
    turbulence: Annotated[Turbulence, doc("closure")] = NoTurbulence()
    combustion: Annotated[Combustion, doc("what turbulence below the grid does to reactions")] = Laminar()
    sources: Annotated[tuple[Sources, ...], doc("what acts on the gas from without: [[sources]] tables")] = ()
    initial: Annotated[Initial, doc("initial fields")]
    boundary: Annotated[Boundary, doc("sides of the domain")]
    numerics: Annotated[Numerics, doc("numerical methods")] = Numerics()
    stop: Annotated[Stop, doc("end of the run")]
    output: Annotated[Output, doc("files")] = Output()


# Tables that take kinds from elsewhere.
OPEN = ("model", "mesh", "chemistry", "turbulence", "combustion", "sources", "initial")
_whole: type[Config] = Config


def whole() -> type[Config]:
    """What case files are read into: Config, with the kinds that were admitted."""
    return _whole


def admit(table: str, kind: type[Settings]) -> None:
    """Lets case files that are read from now on name a kind of one's own, without a change of combust.

    table : one of OPEN;  kind : a struct with a tag, and the methods of the table's other kinds
    Raises ConfigError for a table that takes none, or a kind whose name is taken.
    """
    global _whole
    if table not in OPEN:
        raise ConfigError(f'admit: "{table}" takes no kinds; those that do: {", ".join(OPEN)}')
    field = next(field for field in structs.fields(_whole) if field.name == table)
    kinds: Any
    kinds, *about = get_args(field.type)
    several = get_origin(kinds) is tuple  # [[sources]]
    kinds = get_args(kinds)[0] if several else kinds
    taken = [known.__struct_config__.tag for known in get_args(kinds) or (kinds,)]
    if kind.__struct_config__.tag is None or kind.__struct_config__.tag in taken:
        raise ConfigError(f"admit: {kind.__name__} needs a tag of its own; taken: {', '.join(map(str, taken))}")
    either: Any = Union[(kinds, kind)]  # noqa: UP007 (made as it runs)
    wider = Annotated[tuple[either, ...] if several else either, *about]  # type: ignore[valid-type]
    made: Any = (table, wider) if field.required else (table, wider, field.default)
    extended: Any = defstruct("Config", [made], bases=(_whole,), frozen=True, kw_only=True, forbid_unknown_fields=True)
    _whole = extended


@contextmanager
def admitted_device(name: str) -> Iterator[None]:
    """Within, case files may name one more kind of device (see `combust.devices.admitted`)."""
    global _whole
    before = _whole
    field = next(field for field in structs.fields(_whole) if field.name == "device")
    kinds, *about = get_args(field.type)
    wider = Annotated[Literal[(*get_args(kinds), name)], *about]  # type: ignore[valid-type]
    made: Any = ("device", wider, field.default)
    extended: Any = defstruct("Config", [made], bases=(_whole,), frozen=True, kw_only=True, forbid_unknown_fields=True)
    _whole = extended
    try:
        yield
    finally:
        _whole = before


def plain(config: Config) -> dict[str, Any]:
    """The case as files hold it: all keys, but for `model` where it is the one that a case has without that key."""
    raw = msgspec.to_builtins(config)
    if isinstance(config.model, LowMachModel):
        del raw["model"]
    return dict(raw)
