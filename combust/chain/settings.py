"""The file that `combust chain` takes: a fuel, its mechanism, and what each stage from there to a flame does."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from combust.errors import ConfigError, at
from combust.kinetics.quantum.settings import LIBRARY as COMPUTED
from combust.reduction.settings import Reduction
from combust.settings.base import Count, NotNegative, Settings, Text, doc
from combust.settings.config import beside, checked, override, read, there
from combust.settings.switch import Switches
from combust.surrogates.rounds.settings import Retrain, Select, Stop
from combust.surrogates.settings import Surrogate

FLOW_NAME = re.compile(r"[a-z][a-z0-9_]*")
GAS = ("phase", "ions")  # keys of the top that reduction and learned chemistry have, too
STREAMS = ("fuel", "oxidizer")
PUBLISHED = Path(__file__).parents[1] / "experiments" / "library"  # measurements that come with combust


class Published(Settings, frozen=True):
    """The experiments that the mechanism is compared with, and how they are simulated."""

    data: Annotated[tuple[Text, ...], Meta(min_length=1), doc("ChemKED or ReSpecTh files, or folders of them")]
    hold: Annotated[Literal["uv", "hp"], doc("what ignitions keep")] = "uv"
    within: Annotated[float, Meta(gt=1), doc("simulate so many times the measured delay")] = 30.0
    transport: Annotated[Literal["mixture-averaged", "unity-Lewis"], doc("of flames")] = "mixture-averaged"
    soret: Annotated[bool, doc("thermal diffusion in flames")] = False
    refine: Annotated[Literal["customary", "extrapolated", "converged"], doc("grids of burning velocities")] = (
        "extrapolated"
    )
    alias: Annotated[tuple[Text, ...], doc('"A=B": species A of the data is B of the mechanism')] = ()


class Judging(Settings, frozen=True):
    """The report card of the learned chemistry."""

    quick: Annotated[bool, doc("a small subset")] = False
    only: Annotated[tuple[Text, ...] | None, doc("parts of the card; all if omitted")] = None


class FlowCase(Settings, frozen=True):
    """A flow with the learned chemistry."""

    case: Annotated[dict[str, Any], doc("a case file's tables, without gas.mechanism and chemistry")]
    exact: Annotated[bool, doc("also run it with exact chemistry: the difference is the network's")] = True
    ranks: Annotated[Count, doc("processes that share the cells by MPI; does not make a flow stale")] = 1


class Variant(Settings, frozen=True):
    """A flow of the chain, changed."""

    flow: Annotated[Text, doc("its name")]
    set: Annotated[tuple[Text, ...], doc("changes to its case, each as table.key=value")] = ()


class Rounds(Settings, frozen=True):
    """Rounds of learning from flows, as combust learn does them; the best network then goes on."""

    explore: Annotated[tuple[Variant, ...], Meta(min_length=1), doc("flows whose states are harvested")]
    held_out: Annotated[
        tuple[Variant, ...], Meta(min_length=1), doc("flows by which each round is judged; nothing is harvested there")
    ]
    every: Annotated[Count, doc("steps between two looks at the cells")] = 10
    select: Annotated[Select, doc("choice of states")] = Select()
    train: Annotated[Retrain, doc("training of a round")] = Retrain()
    stop: Annotated[Stop, doc("end of the rounds")] = Stop()


class Constants(Settings, frozen=True):
    """Rate constants that go into the detailed mechanism, in the place of those that it has."""

    tst: Annotated[tuple[Text, ...], doc("files of combust tst, as oh_h2.toml, which comes with combust")] = ()
    merge: Annotated[tuple[Text, ...], doc("Cantera files of rates, as combust merge takes them")] = ()

    def __post_init__(self) -> None:
        if not self.tst + self.merge:
            raise ValueError("constants: name files in tst or merge, or leave the table out")


class Uncertain(Settings, frozen=True):
    """What the rate constants of the detailed mechanism may be off by: bands of what it gives beside experiments."""

    factors: Annotated[Text, doc("file of factors, as combust uncertainty takes it")]
    samples: Annotated[Count, doc("of delays; a power of two")] = 256
    seed: Annotated[int, Meta(ge=0), doc("of the samples")] = 1


class Needs(Settings, frozen=True):
    """What an engine asks of a cluster for a stage."""

    cores: Annotated[Count, doc("processors of the job")] = 1
    memory: Annotated[Count, doc("megabytes")] = 4000
    minutes: Annotated[Count, doc("after which the cluster ends it")] = 120


class Chain(Settings, frozen=True):
    """A chain of stages."""

    mechanism: Annotated[Text, doc("Cantera YAML file, the detailed mechanism")]
    fuel: Annotated[Text, doc("mole fractions")]
    oxidizer: Annotated[Text, doc("mole fractions")]
    validate: Published
    reduce: Annotated[Reduction, doc("as the file of combust reduce, without what stands at the top")]
    learned: Annotated[Surrogate, doc("as the file of combust sample, without what stands at the top")]
    flows: Annotated[dict[str, FlowCase], Meta(min_length=1), doc("by the names of their stages, in order")]
    learn: Annotated[Rounds | None, doc("rounds of learning from the flows; none if omitted")] = None
    constants: Annotated[Constants | None, doc("rate constants that go into the mechanism first; none without")] = None
    uncertainty: Annotated[Uncertain | None, doc("bands of the detailed mechanism; none without")] = None
    title: str = ""
    phase: Annotated[Text | None, doc("name of a phase of the file; the first gas if omitted")] = None
    ions: Annotated[Literal["neutral"] | None, doc("let ions of an ionized-gas phase diffuse like neutrals")] = None
    verify: Judging = Judging()
    expected: Annotated[dict[str, NotNegative], doc("CPU time of stages, for the plan", "s")] = {}
    needs: Annotated[dict[str, Needs], doc("of stages, for engines")] = {}


def load(path: str | Path, overrides: Sequence[str] = (), quick: bool = False) -> Chain:
    """The chain in a TOML file, with "table.key=value" overrides; quick: with its table [quick] put over the rest.

    The mechanism and data that lie beside the file get their full paths. Raises ConfigError that names file, key, value
    and what is allowed.
    """
    path = Path(path)
    raw = read(path)
    small = raw.pop("quick", None)
    if quick:
        if not isinstance(small, dict):
            raise ConfigError(f"{path}: has no table [quick], which --quick takes")
        put_over(raw, small)
    for text in overrides:
        override(raw, text, Switches(None))
    share_top(raw)
    found = checked(raw, str(path), Chain)
    for name in found.flows:
        if not FLOW_NAME.fullmatch(name):
            raise ConfigError(f"{path}: flows.{name}: is no name of a stage: lower case letters, digits and _")
    with at(f"{path}: validate.data"):
        data = tuple(there(one, path, PUBLISHED) for one in found.validate.data)
    own = msgspec.structs.replace(
        found, mechanism=beside(path, found.mechanism), title=found.title or path.stem,
        validate=msgspec.structs.replace(found.validate, data=data),
    )  # fmt: skip
    if own.uncertainty is not None:
        given = msgspec.structs.replace(own.uncertainty, factors=beside(path, own.uncertainty.factors))
        own = msgspec.structs.replace(own, uncertainty=given)
    if own.constants is not None:
        with at(f"{path}: constants.tst"):
            tst = tuple(there(one, path, COMPUTED, "*.toml") for one in own.constants.tst)
        with at(f"{path}: constants.merge"):
            rates = tuple(there(one, path) for one in own.constants.merge)
        own = msgspec.structs.replace(own, constants=Constants(tst, rates))
    return own


def put_over(raw: dict[str, Any], small: dict[str, Any]) -> None:
    """Puts values in place of others, table by table; lists as a whole."""
    for key, value in small.items():
        if isinstance(value, dict) and isinstance(raw.get(key), dict):
            put_over(raw[key], value)
        else:
            raw[key] = value


def share_top(raw: dict[str, Any]) -> None:
    """What stands once at the top is meant for reduction and learned chemistry, too."""
    for table in ("reduce", "learned"):
        own = raw.get(table)
        if isinstance(own, dict):
            for key in ("mechanism", *STREAMS, *GAS):
                if key in own:
                    raise_twice(table, key)
                if key in raw:
                    own[key] = raw[key]


def raise_twice(table: str, key: str) -> None:
    """Raises ConfigError."""
    raise ConfigError(f"{table}.{key}: stands at the top of the file, for all stages: leave it out here")
