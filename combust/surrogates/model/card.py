"""What the card and the numbers of a model must be before anything is computed with them."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import msgspec
import torch
from msgspec import Meta, Struct
from torch import Tensor

from combust.errors import FileFormatError
from combust.files import fit
from combust.settings.base import Count, NotNegative, Positive, Settings, Text, doc

Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Share = Annotated[float, Meta(ge=0, le=1)]
Extent = Annotated[int, Meta(ge=0)]
Pair = tuple[float, float]
Row = tuple[float, ...]
Table = tuple[Row, ...]
AGAIN = "copy both files of the model again, or make this part again (combust train --range)"


class Source(Struct):
    """The mechanism."""

    path: Text
    sha256: Digest
    phase: str | None = None


class Scales(Struct):
    """Of the coordinates."""

    power: Annotated[float, Meta(gt=0, le=1)]
    floor: Positive
    tau: Positive
    output: Literal["box-cox", "linear"]


class Shape(Struct):
    """Of the networks."""

    width: Count
    depth: Extent
    ensemble: Count


class Weights(Struct):
    """The other file."""

    file: Annotated[str, Meta(pattern=r"^[^/\\]*[^/\\.][^/\\]*$")]
    sha256: Digest
    bytes: Extent


class Ranges(Struct):
    """What the training rows cover."""

    T: Pair
    p: Pair
    dt: Pair
    phi: Pair
    atoms: dict[str, Pair] = {}
    T_fresh: Pair | None = None

    def __post_init__(self) -> None:
        for name in ("T", "p", "dt", "phi", "T_fresh"):
            low, high = getattr(self, name) or (1.0, 1.0)
            if not 0 < low <= high:
                raise ValueError(f"{name} = [{low}, {high}]: needs 0 < lowest <= highest")


class Stated(Struct):
    """The error that a trusted step keeps within."""

    T_K: Positive
    Y_of_peak: Positive
    quantile: Share
    of_change: NotNegative = 0.0


class Router(Struct):
    """Its calibration."""

    stated: Stated


class Routed(Struct):
    """A card whose model has a router."""

    router: Router


class Samples(Struct):
    """Where it comes from."""

    rows: dict[str, int]
    trajectories: int

    def __post_init__(self) -> None:
        if "train" not in self.rows:
            raise ValueError("rows: train is missing")


class Training(Struct):
    """How long it took."""

    rows_seen: int = 0
    seconds: NotNegative = 0.0


class Card(Struct):
    """The entries of a card that something is done with."""

    name: Text
    mechanism: Source
    fuel: Text
    oxidizer: Text
    species: Annotated[tuple[Text, ...], Meta(min_length=1)]
    ranges: Ranges
    coordinates: Scales
    network: Shape
    weights: Weights
    config: Text
    title: str = ""
    hold: Literal["hp", "uv"] = "hp"
    router: dict[str, Any] | None = None  # a Router where the model has its tables
    samples: Samples | None = None
    training: Training | None = None
    written: str = ""


class Ratios(Settings, frozen=True):
    """Of elements, Z_e / (Z_e + Z_f), of rows."""

    lowest: Table
    highest: Table


class Taught(Settings, frozen=True):
    """What a card says of the fresh gas of the training rows; all temperatures in K."""

    flames: Annotated[Pair | None, doc("fresh gas of flames")]
    ignitions: Annotated[Pair | None, doc("start of ignitions")]
    margin: Annotated[NotNegative, doc("by which a cell's may lie beyond")]
    temperature: Annotated[Row, doc("nodes")]
    mixture: Annotated[Row, doc("nodes, mixture fractions")]
    coldest: Annotated[Row, doc("fresh gas of the coldest rows at each temperature")]
    hottest: Annotated[Table | None, doc("of flames of the hottest fresh gas, at each temperature and mixture")]
    apart: Annotated[Row | None, doc("of the hottest rows of counterflow flames at each temperature")]
    even: Annotated[Ratios | None, doc("elements of ignitions")]
    premixed: Annotated[Ratios | None, doc("elements of premixed flames and reactors")]
    known: dict[str, float] = {}  # share of the rows of each kind that this takes

    def __post_init__(self) -> None:
        count, mixtures = len(self.temperature), len(self.mixture)
        for name in ("temperature", "mixture"):
            nodes = getattr(self, name)
            if len(nodes) < 2 or not all(0 < a < b < math.inf for a, b in zip(nodes, nodes[1:], strict=False)):
                raise ValueError(f"{name}: needs two nodes or more, > 0, each above the one before")
        for name in ("coldest", "apart"):
            row = getattr(self, name)
            if row is not None and (len(row) != count or not all(map(math.isfinite, row))):
                raise ValueError(f"{name}: needs a number for each of the {count} temperatures")
        if self.hottest is not None and (
            len(self.hottest) != count
            or any(len(row) != mixtures or not all(map(math.isfinite, row)) for row in self.hottest)
        ):
            raise ValueError(f"hottest: needs {count} rows of {mixtures} numbers")
        for name in ("flames", "ignitions"):
            pair = getattr(self, name)
            if pair is not None and not 0 < pair[0] <= pair[1] < math.inf:
                raise ValueError(f"{name} = {list(pair)}: needs 0 < lowest <= highest")


def taught_of(card: dict[str, Any], where: str) -> Taught | None:
    """The card's "fresh"; None where an older training left none. Raises FileFormatError."""
    if "fresh" not in card:
        return None
    try:
        return msgspec.convert(card["fresh"], Taught)
    except msgspec.ValidationError as error:
        raise FileFormatError(f"learned chemistry '{where}': its card is damaged: fresh: {error}; {AGAIN}") from error


def require(card: dict[str, Any], source: str) -> None:
    """Raises FileFormatError naming the entry that is missing or cannot be."""
    found = fit(card, Card, source)
    if len(set(found.species)) < len(found.species):
        raise FileFormatError(f"{source}: species: a name stands twice")


def stated_of(card: dict[str, Any], source: str) -> Stated:
    """What the router's limits keep. Raises FileFormatError naming the entry that is missing or cannot be."""
    return fit(card, Routed, source).router.stated


def require_numbers(card: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    """Raises ValueError naming the tensor whose numbers are missing, of another shape, or not finite."""
    for name, value in tensors.items():
        if value.is_floating_point() and bool(value.isnan().any()):
            raise ValueError(f"{name} holds NaN")
        if value.is_floating_point() and name != "tables.trust.limit" and bool(value.isinf().any()):
            raise ValueError(f"{name} holds infinite numbers")
    species = len(card["species"])
    for name in ("active", "inert"):
        rows = entry(tensors, f"coordinates.{name}")
        known = rows.dtype == torch.int64 and rows.dim() == 1 and bool(((rows >= 0) & (rows < species)).all())
        if not known:
            raise ValueError(f"coordinates.{name} are not rows of the {species} species")
    active, inert = (tensors[f"coordinates.{name}"] for name in ("active", "inert"))
    if not active.numel() or torch.cat([active, inert]).unique().numel() != active.numel() + inert.numel():
        raise ValueError("coordinates.active and inert: a species stands twice, or none is there")
    inputs = active.numel() + inert.numel() + 4
    for name, count in (("mean", inputs), ("deviation", inputs), ("scale", active.numel())):
        require_shape(tensors, f"coordinates.{name}", (count,))
        if name != "mean" and not bool((tensors[f"coordinates.{name}"] > 0).all()):
            raise ValueError(f"coordinates.{name} is not positive everywhere")
    shape, outputs = card["network"], active.numel()
    width, depth, count = shape["width"], shape["depth"], shape["ensemble"]
    each = width * (inputs + 1) + depth * width * (width + 1) + outputs * (width + 1)
    own = sum(value.numel() for name, value in tensors.items() if name.startswith("networks."))
    if own != count * each:
        raise ValueError(f"{own} weights for {count} network(s) of {depth} layers of {width}, which have {each} each")
    if "tables.references.T" in tensors:  # without them there is no router (combust.surrogates.provider.learned.Parts)
        require_tables(tensors, species, inputs - 1)
        if card.get("router") is not None:
            try:
                stated_of(card, "the card")
            except FileFormatError as error:
                raise ValueError(str(error)) from error


def require_tables(tensors: dict[str, Tensor], species: int, inputs: int) -> None:
    """The same of the tables of a router: `inputs` without dt."""
    elements = entry(tensors, "tables.trust.elements").shape[0]
    references = entry(tensors, "tables.references.T").numel()
    shapes = {
        "lower": (inputs,), "upper": (inputs,), "centre": (inputs,), "whiten": (inputs, inputs),
        "elements": (elements, species), "ratio_lower": (elements, elements), "ratio_upper": (elements, elements),
        "peak": (species,), "stated": (3,), "limit": (1,),
    }  # fmt: skip
    for name, shape in shapes.items():
        require_shape(tensors, f"tables.trust.{name}", shape)
    require_shape(tensors, "tables.references.T", (references,))
    require_shape(tensors, "tables.references.Y", (species, references))
    if not bool(tensors["tables.trust.limit"] >= 0):
        raise ValueError("tables.trust.limit is not >= 0")
    for name in ("trust.peak", "references.T"):
        if not references or not bool((tensors[f"tables.{name}"] > 0).all()):
            raise ValueError(f"tables.{name} is empty or not positive everywhere")


def entry(tensors: dict[str, Tensor], name: str) -> Tensor:
    """A tensor by name. Raises ValueError."""
    if name not in tensors:
        raise ValueError(f"{name} is missing")
    return tensors[name]


def require_shape(tensors: dict[str, Tensor], name: str, shape: tuple[int, ...]) -> None:
    """Raises ValueError for a tensor of another shape, or of whole numbers."""
    value = entry(tensors, name)
    if tuple(value.shape) != shape or not value.is_floating_point():
        raise ValueError(f"{name} has shape {tuple(value.shape)}, needs {shape}")
