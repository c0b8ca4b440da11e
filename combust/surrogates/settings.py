"""The file that `combust sample`, `train` and `verify` take: one learned chemistry, from its states to its trust."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta

from combust.errors import ConfigError
from combust.settings.base import Count, NotNegative, Positive, Settings, Text, doc
from combust.settings.config import beside, checked, read, toml_value

Share = Annotated[float, Meta(ge=0, le=1)]
Pair = Annotated[tuple[float, float], Meta(description="lowest and highest")]
Fields = Annotated[int, Meta(ge=0)]


class Range(Settings, frozen=True):
    """What the model covers; states beyond go to exact chemistry."""

    p: Annotated[Pair, doc("pressure", "Pa")]
    T: Annotated[Pair, doc("temperature", "K")]
    phi: Annotated[Pair, doc("equivalence ratio of the mixtures that are sampled")]
    dt: Annotated[Pair, doc("time step", "s")]
    T_fresh: Annotated[Pair, doc("unburnt gas of flames", "K")] = (300.0, 600.0)
    T_ignition: Annotated[Pair, doc("start of ignitions", "K")] = (900.0, 1700.0)

    def __post_init__(self) -> None:
        for name in ("p", "T", "phi", "dt", "T_fresh", "T_ignition"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise ValueError(f"{name} = [{low}, {high}]: needs 0 < lowest <= highest")


class Trajectories(Settings, frozen=True):
    """How many of each kind, at conditions spread evenly (Sobol) over the range."""

    ignition: Annotated[Fields, doc("reactors at constant h and p")] = 120
    extinction: Annotated[Fields, doc("burning branches of stirred reactors, to extinction")] = 4
    flame: Annotated[Fields, doc("free flames")] = 32
    counterflow: Annotated[Fields, doc("fuel against oxidizer")] = 4
    burner: Annotated[Fields, doc("flames held by a cooled burner")] = 4


class Streams(Settings, frozen=True):
    """Shares of the rows."""

    base: Annotated[NotNegative, doc("states of the trajectories as they are")] = 0.35
    perturbed: Annotated[NotNegative, doc("copies with other T and Y^(1 + a)")] = 0.25
    mixed: Annotated[NotNegative, doc("partly mixed pairs, at constant enthalpy")] = 0.2
    evolved: Annotated[NotNegative, doc("the above after exact chemistry over 1e-7 to 1e-3 s: slow manifold")] = 0.1
    multiscale: Annotated[NotNegative, doc("log-uniform draws of the species, evolved briefly")] = 0.1


class Labels(Settings, frozen=True):
    """Exact end states."""

    hold: Annotated[Literal["hp", "uv"], doc("what a cell keeps: h, p (low-Mach) or v, e (compressible)")] = "hp"
    rtol: Annotated[Positive, doc("relative tolerance of the batched integrator")] = 1e-5
    atol: Annotated[Positive, doc("absolute tolerance on mass fractions")] = 1e-12
    audit: Annotated[Count, doc("rows that CVODE integrates again at 1e-10, 1e-18")] = 200


class Sample(Settings, frozen=True):
    """States and their labels."""

    rows: Annotated[Count, doc("labelled rows of all streams together")] = 500_000
    trajectories: Trajectories = Trajectories()
    streams: Streams = Streams()
    temperature: Annotated[
        NotNegative, doc("largest shift of T in perturbed copies", "K", "temperature difference")
    ] = 100.0
    exponent: Annotated[NotNegative, doc("largest a in Y^(1 + a) of perturbed copies")] = 0.1
    slow: Annotated[Share, doc("largest share of rows whose rates are slow over dt: not for the network")] = 0.25
    heat_release: Annotated[Positive, doc("copies keep heat release within this factor of the greatest of all")] = 3.0
    flows: Annotated[tuple[str, ...], doc("folders of flow runs whose checkpoints are harvested")] = ()
    flow_share: Annotated[Share, doc("of the rows, from these")] = 0.2
    round: Annotated[Count, doc("on-policy round that rows from flow runs are marked with")] = 1
    held_out: Annotated[Share, doc("of the trajectories: for test")] = 0.12
    validation: Annotated[Share, doc("of the trajectories: to stop early and calibrate the router")] = 0.1
    seed: Annotated[int, Meta(ge=0), doc("of all draws")] = 0
    labels: Labels = Labels()


class Architecture(Settings, frozen=True):
    """Shape and coordinates."""

    width: Annotated[Count, doc("neurons of a layer")] = 128
    depth: Annotated[Count, doc("residual layers")] = 3
    power: Annotated[Annotated[float, Meta(gt=0, le=1)], doc("of the Box-Cox transform of mass fractions")] = 0.1
    floor: Annotated[Positive, doc("mass fraction below which species are not told apart")] = 1e-12
    output: Annotated[
        Literal["box-cox", "linear"], doc("what is predicted: difference of Box-Cox coordinates, or of mass fractions")
    ] = "box-cox"
    ensemble: Annotated[Count, doc("networks whose mean is taken")] = 1


class Loss(Settings, frozen=True):
    """Weights of the terms; zero leaves one out."""

    step: Annotated[NotNegative, doc("L1 of the scaled output")] = 1.0
    tail: Annotated[NotNegative, doc("the worst species of a row, in shares of its peak mass fraction")] = 0.0
    heat: Annotated[NotNegative, doc("error of T, in K per 100 K")] = 0.0
    semigroup: Annotated[NotNegative, doc("f(f(x, a), b) = f(x, a + b)")] = 0.0
    rollout: Annotated[NotNegative, doc("error after several steps in a row")] = 0.0
    rollout_steps: Annotated[Count, doc("steps of the rollout")] = 3


class Train(Settings, frozen=True):
    """How it is trained."""

    epochs: Annotated[Count, doc("passes over the training rows")] = 30
    batch: Annotated[Count, doc("rows of a step")] = 2048
    rate: Annotated[Positive, doc("learning rate at the start; it falls along a cosine")] = 2e-3
    patience: Annotated[Count, doc("epochs without a better validation loss before it stops")] = 20
    init: Annotated[Text | None, doc("model to start from, by name or path; also of another mechanism or range")] = None
    new_first: Annotated[
        Share, doc("of the schedule, in which only what belongs to species that are new to `init` is learned")
    ] = 0.2
    precision: Annotated[Literal["fp32", "bf16"], doc("of the network's arithmetic in training")] = "fp32"
    device: Annotated[Literal["auto", "cpu", "cuda"], doc("auto: a GPU (untried) if there is one")] = "auto"
    seed: Annotated[int, Meta(ge=0), doc("of weights and of the order of rows")] = 0
    loss: Loss = Loss()


class Router(Settings, frozen=True):
    """When the network is trusted: calibrated on validation rows to this error of one step."""

    temperature: Annotated[Positive, doc("allowed error of T after a step", "K", "temperature difference")] = 0.1
    species: Annotated[Positive, doc("allowed error of Y after a step, in shares of the species' peak")] = 1e-3
    relative: Annotated[NotNegative, doc("also allowed: this share of the step's change of T, and of Y")] = 0.05
    quantile: Annotated[Share, doc("of the accepted rows that keep within both")] = 0.98
    references: Annotated[Count, doc("states whose Jacobians the correction shares")] = 64


class Surrogate(Settings, frozen=True):
    """A learned chemistry."""

    mechanism: Annotated[Text, doc("Cantera YAML file")]
    fuel: Annotated[Text, doc("mole fractions")]
    range: Annotated[Range, doc("what the model covers")]
    title: str = ""
    phase: Annotated[Text | None, doc("name of a phase of the file; the first gas if omitted")] = None
    ions: Annotated[Literal["neutral"] | None, doc("let ions of an ionized-gas phase diffuse like neutrals")] = None
    oxidizer: Annotated[Text, doc("mole fractions")] = "O2:1, N2:3.76"
    sample: Sample = Sample()
    network: Architecture = Architecture()
    train: Train = Train()
    router: Router = Router()


def load(path: str | Path, overrides: Sequence[str] = ()) -> Surrogate:
    """The learned chemistry in a TOML file, with "table.key=value" overrides.

    A mechanism or model to start from that lies beside the file gets its full path. Raises ConfigError that names file,
    key, value and what is allowed.
    """
    path = Path(path)
    found = checked(read(path, overrides), str(path), Surrogate)
    train = found.train
    if train.init is not None:
        train = msgspec.structs.replace(train, init=model_beside(path, train.init))
    return msgspec.structs.replace(
        found, mechanism=beside(path, found.mechanism), title=found.title or path.stem, train=train
    )


def model_beside(path: Path, model: str) -> str:
    """The full path of the card of a model that lies in the folder of `path`; else the name as it is."""
    for name in (model, f"{model}.json", f"{model}/model.json"):
        if (found := beside(path, name)) != name:
            return found
    return model


class Given(NamedTuple):
    """The settings of a learned chemistry that a function was called with."""

    settings: Surrogate
    where: str  # the file, or what stands for it in messages
    name: str  # by which folders of output are called


def given(config: Surrogate | str | Path, changes: Sequence[str] = ()) -> Given:
    """Settings as they are, or those of a TOML file with "table.key=value" changes. Raises ConfigError."""
    if not isinstance(config, Surrogate):
        return Given(load(config, changes), str(config), Path(config).stem)
    if changes:
        raise ConfigError("changes: go with the path of a file; change settings by msgspec.structs.replace")
    return Given(config, "settings", config.title or "learned")


def to_toml(settings: Surrogate) -> str:
    """The settings with all defaults; loads again to the same."""
    raw = {key: value for key, value in msgspec.to_builtins(settings).items() if value is not None}
    lines = [f"{key} = {toml_value(value)}" for key, value in raw.items() if not isinstance(value, dict)]
    for name, inner in raw.items():
        if isinstance(inner, dict):
            given = {key: value for key, value in inner.items() if value is not None}
            lines += ["", f"[{name}]", *(f"{key} = {toml_value(value)}" for key, value in given.items())]
    return "\n".join(lines) + "\n"


def decades(pair: tuple[float, float]) -> float:
    """ln(highest / lowest)."""
    return math.log(pair[1] / pair[0])
