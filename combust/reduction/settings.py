"""The file that `combust reduce` takes: what to reduce, at which conditions, to which errors, by which steps."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from combust.errors import ConfigError
from combust.reduction.cases.conditions import ReductionCase
from combust.settings import ranges
from combust.settings.base import PRESSURES, Count, Positive, Pressure, Settings, Text, doc
from combust.settings.config import beside, checked, read

logger = logging.getLogger(__name__)

Fraction = Annotated[float, Meta(gt=0, le=1)]
Values = float | tuple[float, ...] | Text
Method = Literal["drgep", "drg", "pfa"]
Engine = Literal["cantera", "batched"]
METRICS = (
    "ignition_delay", "flame_speed", "extinction_time", "burnt_temperature", "peak_temperature",
    "extinction_temperature", "heat_release",
)  # fmt: skip
SPECIES_METRICS = ("peak", "final")


class Conditions(Settings, frozen=True):
    """All combinations of the values given; ranges are texts as on the command line: "1000:1400:5", "0.5,1".

    A text that says no unit is in SI; of pressures, where that was atm, it still is, with a warning.
    """

    kind: Annotated[Literal["ignition", "psr", "flame", "counterflow"], doc("what is simulated")]
    T: Annotated[Values, doc("initial or inlet temperatures", "K")]
    p: Annotated[
        Pressure | tuple[Pressure, ...] | Text, doc('pressures; a range in one text: "1,10 atm", "1:10:4 bar"', "Pa")
    ]
    phi: Annotated[Values, doc("equivalence ratios")] = 1.0
    fuel: Annotated[Text | None, doc("mole fractions, if not those of the file's top")] = None
    oxidizer: Annotated[Text | None, doc("mole fractions, if not those of the file's top")] = None
    hold: Annotated[Literal["uv", "hp"], doc("what an ignition keeps: volume or pressure")] = "uv"
    strain: Annotated[Values, doc("of counterflow flames", "1/s")] = 100.0
    held_out: Annotated[bool, doc("judge the result by these, but do not search by them")] = False


STANDARD = (
    Conditions(kind="ignition", T="1000:1800:3", p="1,10 atm", phi="0.5,1,1.5"),
    Conditions(kind="psr", T=300.0, p="1 atm", phi="0.7,1,1.3"),
    Conditions(kind="flame", T=300.0, p="1 atm", phi="0.7,1,1.3"),
)


class GraphSettings(Settings, frozen=True):
    """Species removal by the graph of their interactions."""

    method: Annotated[Method, doc("drgep: error propagation; drg: reachability; pfa: path fluxes")] = "drgep"
    targets: Annotated[dict[str, Positive] | None, doc('species or "heat release" and their weights')] = None
    scaling: Annotated[bool, doc("of targets by their element fluxes (drgep)")] = True
    regroup: Annotated[bool, doc("recompute the coefficients with the removed species as one group")] = True
    colliders: Annotated[Positive | None, doc("third-body efficiency from which a species takes part")] = None


class SensitivitySettings(Settings, frozen=True):
    """Species removal by trial."""

    method: Annotated[Literal["greedy", "initial", "none"], doc("rank anew after each removal, or once")] = "greedy"
    upper: Annotated[Fraction, doc("species of greater importance are not tried")] = 1.0


class ReactionSettings(Settings, frozen=True):
    """Removal of reactions among the kept species."""

    method: Annotated[Literal["csp", "contribution", "none"], doc("how reactions are ranked")] = "csp"


class QssSettings(Settings, frozen=True):
    """Species in quasi-steady state."""

    method: Annotated[Literal["balance", "csp", "lifetime", "none"], doc("how species are ranked")] = "none"
    most: Annotated[Count, doc("of them")] = 20


class RefitSettings(Settings, frozen=True):
    """Re-fit of pre-exponential factors after the cut."""

    method: Annotated[Literal["gradient", "none"], doc("by gradients through the kinetics")] = "none"
    factor: Annotated[float, Meta(gt=1, le=10), doc("greatest change of a rate, either way")] = 1.3


class SearchSettings(Settings, frozen=True):
    """How the smallest mechanism is looked for."""

    method: Annotated[Literal["chain", "network"], doc("graph, trial, reactions; or a network of DeePMR")] = "chain"
    look: Annotated[int, Meta(ge=0, le=50), doc("sizes tried below the first that fails")] = 4
    workers: Annotated[int, Meta(ge=0), doc("processes; 0: as many as cores")] = 0
    engine: Annotated[Engine, doc("of ignition delays: one by one, or a round at once")] = "cantera"
    seed: Annotated[int, Meta(ge=0), doc("of the network's sampling")] = 0
    budget: Annotated[Count, doc("candidates that the network search may evaluate")] = 400


class Reduction(Settings, frozen=True):
    """A reduction."""

    mechanism: Annotated[Text, doc("Cantera YAML file")]
    fuel: Annotated[Text, doc("mole fractions")]
    title: str = ""
    phase: Annotated[Text | None, doc("name of a phase of the file; the first gas if omitted")] = None
    ions: Annotated[Literal["neutral"] | None, doc("let ions of an ionized-gas phase diffuse like neutrals")] = None
    oxidizer: Annotated[Text, doc("mole fractions")] = "O2:0.21, N2:0.79"
    retain: Annotated[tuple[str, ...], doc("species that stay whatever happens")] = ()
    conditions: Annotated[tuple[Conditions, ...], Meta(min_length=1), doc("reactors and flames")] = STANDARD
    tolerance: Annotated[dict[str, Positive] | None, doc("greatest relative error of each metric")] = None
    graph: GraphSettings = GraphSettings()
    sensitivity: SensitivitySettings = SensitivitySettings()
    reactions: ReactionSettings = ReactionSettings()
    qss: QssSettings = QssSettings()
    refit: RefitSettings = RefitSettings()
    search: SearchSettings = SearchSettings()

    def __post_init__(self) -> None:
        for name in self.tolerance or ():
            kind, _, species = name.partition(" ")
            if name not in METRICS and not (kind in SPECIES_METRICS and species):
                known = ", ".join((*METRICS, *(f'"{kind} SPECIES"' for kind in SPECIES_METRICS)))
                raise ValueError(f"tolerance.{name}: unknown metric; known: {known}")

    @property
    def cases(self) -> tuple[ReductionCase, ...]:
        """All conditions, one by one. Raises ConfigError for a range that cannot be read."""
        found = (case for place, table in enumerate(self.conditions) for case in self._expand(table, place))
        return tuple(dict.fromkeys(found))

    def _expand(self, table: Conditions, place: int) -> Iterator[ReductionCase]:
        where = f"conditions[{place}]"
        counterflow = table.kind == "counterflow"
        axes = (
            _values(table.T, f"{where}.T", "temperature"),
            _pressures(table.p, f"{where}.p"),
            (1.0,) if counterflow else _values(table.phi, f"{where}.phi"),
            _values(table.strain, f"{where}.strain", "rate") if counterflow else (0.0,),
        )
        for T, p, phi, strain in itertools.product(*axes):
            fuel, oxidizer = ranges.stream(table.fuel or self.fuel), ranges.stream(table.oxidizer or self.oxidizer)
            yield ReductionCase(
                table.kind, fuel, oxidizer, T, p, phi,
                table.hold if table.kind == "ignition" else "hp", strain, table.held_out,
            )  # fmt: skip


def _values(given: Values, what: str, kind: str = "") -> Sequence[float]:
    if isinstance(given, str):
        found = ranges.quantities(given, kind, what) if kind else ranges.values(given, what)
        return ranges.positive(found, given, what)
    numbers = list(given) if isinstance(given, tuple) else [given]
    return ranges.positive([float(x) for x in numbers], str(given), what)


def _pressures(given: float | tuple[float, ...] | str, what: str) -> Sequence[float]:
    if not isinstance(given, str):
        return [float(x) for x in given] if isinstance(given, tuple) else [float(given)]
    if ranges.has_unit(given):
        found = ranges.positive(ranges.quantities(given, "pressure", what), given, what)
    else:
        found = ranges.pressures(given, what)
    low, high = PRESSURES
    if not all(low <= p <= high for p in found):
        raise ConfigError(
            f'{what} = "{given}": allowed {low:g} to {high:g} Pa. A text needs its unit ("1,10 atm"), a number without '
            "quotes is in Pa"
        )
    return found


def _without_unit(found: Reduction) -> Iterator[str]:
    """Pressures in texts that do not say in what."""
    for place, table in enumerate(found.conditions):
        if isinstance(table.p, str) and not ranges.has_unit(table.p):
            yield f'conditions[{place}].p = "{table.p}" says no unit and is read as atm: write "{table.p} atm"'


def load(path: str | Path, overrides: Sequence[str] = ()) -> Reduction:
    """The reduction in a TOML file, with "table.key=value" overrides.

    A mechanism that lies beside the file gets its full path. Raises ConfigError that names file, key, value and what
    is allowed.
    """
    path = Path(path)
    found = checked(read(path, overrides), str(path), Reduction)
    try:
        cases = found.cases
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    for words in _without_unit(found):
        logger.warning("warning: %s: %s", path, words)
    if all(case.held_out for case in cases):
        raise ConfigError(f"{path}: conditions: all are held out; the search needs some of its own")
    return msgspec.structs.replace(found, mechanism=beside(path, found.mechanism), title=found.title or path.stem)
