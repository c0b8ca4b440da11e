"""Tables of a case file that say what happens at the sides of the domain."""

from __future__ import annotations

from itertools import product
from typing import Annotated, Any, Literal

from msgspec import Meta

from combust.cfd.synthetic.settings import Fluctuations
from combust.settings.base import Mixture, NotNegative, Positive, Pressure, Settings, Temperature, Text, doc
from combust.settings.quantities import ALONG, SAME

PART = "part of the side, in a list of several that meet and cover it"
Over = Literal["x", "y", "z", "time"]
Numbers = Annotated[tuple[float | tuple[float, ...], ...], Meta(min_length=2)]


Middle = Annotated[float | None, doc("of tanh: the coordinate of the layer, or with width of the slot's middle", "m")]
Width = Annotated[Positive | None, doc("of tanh: the slot's, within which the second value holds", "m")]
Thick = Annotated[Positive | None, doc("of tanh: the difference of both values over the largest slope", "m")]


class Profile(Settings, frozen=True):
    """A profile in place of a number: a table, linear between its entries (over time its first and last values hold
    beyond it), or a shape by name.
    """

    over: Annotated[
        Over | Annotated[tuple[Over, ...], Meta(min_length=1, max_length=2)] | None,
        doc(
            "what it depends on: a coordinate of the side or time; a list of two: on both. A shape that omits it: on "
            "those coordinates of the side that are not periodic"
        ),
    ] = None
    at: Annotated[Numbers | None, doc("rising entries that cover the side; over two: a list for each", ALONG)] = None
    values: Annotated[Numbers | None, doc("as many; over two: a list for each entry of the first", SAME)] = None
    file: Annotated[
        Text | None,
        doc(
            "in place of at and values, beside the case or a path: CSV file with a header, or a file of planes of an "
            "earlier run (.npy), of which over is omitted"
        ),
    ] = None
    column: Annotated[Text | None, doc("of the file that holds the values; named as the key if omitted")] = None
    repeat: Annotated[bool, doc("over time: begin again at the end")] = False
    shape: Annotated[
        Literal["plug", "parabolic", "power-law", "tanh"] | None,
        doc(
            "in place of a table, from wall to wall of the side or part. plug: even; parabolic: of a laminar flow "
            "between planes, in a pipe, annulus or rectangular duct; power-law: of a turbulent one; tanh: from "
            "values[0] to values[1]"
        ),
    ] = None
    mean: Annotated[
        NotNegative | None, doc("of a shape but tanh: mean over the side or part, which its cells meet exactly", SAME)
    ] = None
    peak: Annotated[NotNegative | None, doc("in place of mean: the largest value", SAME)] = None
    exponent: Annotated[Positive | None, doc("of power-law: n of (distance from the wall)^(1/n); 7 if omitted")] = None
    centre: Middle = None
    thickness: Thick = None
    width: Width = None

    def __post_init__(self) -> None:
        check_shape(self, (self.mean, self.peak), self.exponent)
        if self.shape is None:
            check_source(self)
        if self.column is not None and self.file is None:
            raise ValueError("column is for a file")

    @property
    def names(self) -> tuple[str, ...]:
        """What it depends on; () of a shape that does not say."""
        return (self.over,) if isinstance(self.over, str) else self.over or ()


class Gases(Settings, frozen=True):
    """A table of gases, or two with a layer between them: mass fractions are linear between its entries."""

    over: Annotated[Over | None, doc("what it depends on: a coordinate of the side or time")] = None
    at: Annotated[
        Annotated[tuple[float, ...], Meta(min_length=2)] | None, doc("rising entries that cover the side", ALONG)
    ] = None
    values: Annotated[Annotated[tuple[Text, ...], Meta(min_length=2)] | None, doc("mole fractions, as many")] = None
    file: Annotated[
        Text | None,
        doc(
            "in place of at and values, beside the case or a path: CSV file with columns X_<species>, or a file of "
            "planes of an earlier run (.npy) with fields Y_<species>, of which over is omitted"
        ),
    ] = None
    repeat: Annotated[bool, doc("over time: begin again at the end")] = False
    shape: Annotated[Literal["tanh"] | None, doc("in place of a table: from values[0] to values[1]")] = None
    centre: Middle = None
    thickness: Thick = None
    width: Width = None

    def __post_init__(self) -> None:
        check_shape(self, (), None)
        if self.shape is None:
            check_source(self)

    @property
    def names(self) -> tuple[str, ...]:
        """What it depends on; () where that is not said."""
        return () if self.over is None else (self.over,)


def is_planes(table: Profile | Gases) -> bool:
    """Whether it is a file of planes of an earlier run."""
    return table.file is not None and table.file.endswith(".npy")


def check_source(table: Profile | Gases) -> None:
    """Raises ValueError unless at and values, or a file, are given, and repeat where there is time."""
    given = [value is not None for value in (table.at, table.values)]
    if any(given) if table.file is not None else not all(given):
        raise ValueError("give at and values, or a file")
    if is_planes(table):
        if table.over is not None:
            raise ValueError("a file of planes has its own coordinates and times: omit over")
        return
    if table.repeat and "time" not in table.names:
        raise ValueError("repeat is for a table over time")


def check_shape(table: Profile | Gases, sizes: tuple[float | None, ...], exponent: float | None) -> None:
    """Raises ValueError for keys that do not go with the shape, or with none; sizes : mean and peak."""
    layer = {"centre": table.centre, "thickness": table.thickness, "width": table.width}
    given = [name for name, value in layer.items() if value is not None]
    if table.shape is None:
        if table.over is None and not is_planes(table):
            raise ValueError("over is missing: a coordinate of the side, or time; or give a shape")
        named = [*given, *(n for n, v in zip(("mean", "peak"), sizes, strict=False) if v is not None)]
        named += ["exponent"] * (exponent is not None)
        if named:
            raise ValueError(f"{named[0]} is for a shape: add shape, or leave {named[0]} out")
        return
    if table.at is not None or table.file is not None or table.repeat or "time" in table.names:
        raise ValueError(f'shape = "{table.shape}" takes neither at, file and repeat nor time: give a shape or a table')
    if exponent is not None and table.shape != "power-law":
        raise ValueError('exponent is for shape = "power-law"')
    if table.shape != "tanh":
        if given or table.values is not None:
            raise ValueError(f'{(given or ["values"])[0]} is for shape = "tanh"')
        if len([value for value in sizes if value is not None]) != 1:
            raise ValueError(f'shape = "{table.shape}": give mean or peak')
        return
    if any(value is not None for value in sizes):
        raise ValueError('shape = "tanh" has values, not mean and peak')
    if table.values is None or len(table.values) != 2 or table.centre is None or table.thickness is None:
        raise ValueError('shape = "tanh": give two values, centre and thickness')


Speed = float | Profile


class Components(Settings, frozen=True):
    """Velocities along a side."""

    x: Annotated[Speed | None, doc("part along x", "m/s")] = None
    y: Annotated[Speed | None, doc("part along y", "m/s")] = None
    z: Annotated[Speed | None, doc("part along z", "m/s")] = None


class Where(Settings, frozen=True):
    """A part of a side, where the side is a list of several: the range of one coordinate in it."""

    x: Annotated[tuple[float, float] | None, doc("from, to", "m")] = None
    y: Annotated[tuple[float, float] | None, doc("from, to", "m")] = None
    z: Annotated[tuple[float, float] | None, doc("from, to", "m")] = None

    def __post_init__(self) -> None:
        given = [value for value in (self.x, self.y, self.z) if value is not None]
        if len(given) != 1:
            raise ValueError("give one of x, y and z: the range of that coordinate")
        if not given[0][0] < given[0][1]:
            raise ValueError(f"{list(given[0])} must rise")

    @property
    def range(self) -> tuple[str, tuple[float, float]]:
        """The coordinate, and from where to where [m]."""
        name = next(name for name in "xyz" if getattr(self, name) is not None)
        return name, getattr(self, name)


class Part(Settings, frozen=True):
    """What may act on a part of a side."""

    where: Annotated[Where | None, doc(PART)] = None


class Periodic(Settings, frozen=True, tag_field="kind", tag="periodic"):
    """What leaves on one side enters on the other; belongs to both sides of a direction."""


PHI = "equivalence ratio; a table: fractions linear between entries"


class Entering(Mixture, frozen=True, kw_only=True):
    """A gas that flows in by a side or a part of one."""

    where: Annotated[Where | None, doc(PART)] = None
    composition: Annotated[Text | Gases | None, doc("mole fractions")] = None  # type: ignore[assignment]  # more
    phi: Annotated[Positive | Profile | None, doc(PHI)] = None  # type: ignore[assignment]  # than `Mixture` allows


class Hold(Settings, frozen=True):
    """How an inflow holds a flame: what moves the front dies out as exp(-t/time), without overshoot of the speed."""

    position: Annotated[float | None, doc("x of the front; where it is at the start if omitted", "m")] = None
    time: Annotated[
        Positive | None, doc("of the response; five times that in which the flame passes its thickness if omitted", "s")
    ] = None
    start: Annotated[NotNegative | None, doc("velocity at the start; that of the initial flame if omitted", "m/s")] = (
        None
    )
    measure: Annotated[
        Literal["front", "burnt-volume"],
        doc("where the front is: the mean x of its surface, or of a flat one with as much burnt gas behind it"),
    ] = "front"


class Inflow(Entering, frozen=True, kw_only=True, tag_field="kind", tag="inflow"):
    """Gas enters, at its own density and a given velocity; by default it is the initial unburnt gas."""

    velocity: Annotated[
        Speed | Literal["flame-speed", "balanced", "hold-flame"],
        doc(
            "into the domain; flame-speed: that of the initial flame; balanced: follows the consumption speed; "
            "hold-flame: what keeps the front in place",
            "m/s",
        ),
    ]
    hold: Annotated[Hold | None, doc("of hold-flame: where, and how fast")] = None
    tangential: Annotated[Components | None, doc("velocity along the side; none if omitted")] = None
    temperature: Annotated[Temperature | Profile | None, doc("that of the initial unburnt gas if omitted", "K")] = None
    fluctuations: Annotated[Fluctuations | None, doc("synthetic turbulence on top of velocity and tangential")] = None
    inlet: Annotated[
        Literal["flux", "value"],
        doc("flux: species and enthalpy enter with the gas alone; value: T and Y are held, what diffuses comes on top"),
    ] = "flux"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.hold is not None and self.velocity != "hold-flame":
            raise ValueError('hold is for velocity = "hold-flame"')
        if isinstance(self.velocity, int | float) and not self.velocity >= 0:
            raise ValueError(
                f"velocity = {self.velocity:g} m/s is directed outwards: it counts into the domain on every side; "
                'use a number >= 0, or kind = "outflow" where gas leaves'
            )
        if self.fluctuations is not None and self.velocity in ("balanced", "hold-flame"):
            raise ValueError(
                f'fluctuations go with a velocity that is given, "{self.velocity}" is found anew in each step: take a '
                'number, a table or "flame-speed"'
            )


class Burner(Entering, frozen=True, kw_only=True, tag_field="kind", tag="burner"):
    """A cooled burner: holds T, takes heat (`heat_to_burner` in the series); species enter with the gas alone."""

    velocity: Annotated[Positive | Profile, doc("into the domain, of the gas at the burner's temperature", "m/s")]
    temperature: Annotated[
        Temperature | Profile | None, doc("of burner and gas; if omitted that of the initial gas", "K")
    ] = None


class Outside(Mixture, frozen=True, kw_only=True):
    """The gas beyond an outflow; what is omitted is the initial unburnt gas."""

    temperature: Annotated[Temperature | None, doc("that of the initial unburnt gas if omitted", "K")] = None


class Outflow(Part, frozen=True, tag_field="kind", tag="outflow"):
    """Gas leaves: at a given pressure, or with the velocity that the flow carries out."""

    condition: Annotated[
        Literal["pressure", "convective"],
        doc("pressure: it is fixed on the side; convective: the velocity is carried out, du/dt + U du/dn = 0"),
    ] = "pressure"
    convection: Annotated[
        Positive | None, doc("U of convective; the mean velocity at which gas leaves by the side if omitted", "m/s")
    ] = None

    pressure: Annotated[Pressure | None, doc("pressure; gas.pressure if omitted", "Pa")] = None
    backflow: Annotated[
        Outside | None, doc("gas that comes in where the flow turns; as that of the cell beside if omitted")
    ] = None

    def __post_init__(self) -> None:
        if self.convection is not None and self.condition != "convective":
            raise ValueError('convection is for condition = "convective"')


class Wall(Part, frozen=True, tag_field="kind", tag="wall"):
    """A solid wall: no mass passes."""

    slip: Annotated[bool, doc("no friction")] = False
    temperature: Annotated[Temperature | Profile | None, doc("wall temperature; adiabatic if omitted", "K")] = None
    heat_flux: Annotated[
        float | Profile, doc("heat into the gas, below 0 out of it; in place of a temperature", "W/m2")
    ] = 0.0
    velocity: Annotated[
        tuple[Speed, Speed, Speed], doc("velocity of a sliding wall in x, y, z; each may be a table", "m/s")
    ] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        if self.temperature is not None and self.heat_flux != 0.0:
            raise ValueError(
                "give a temperature or a heat_flux, not both: a wall of given temperature passes what flows"
            )
        if self.slip and any(self.velocity):
            raise ValueError("a slip wall has no friction: it cannot have a velocity")


class Symmetry(Part, frozen=True, tag_field="kind", tag="symmetry"):
    """A plane of symmetry: no normal flow, no gradients."""


Sides = Periodic | Inflow | Burner | Outflow | Wall | Symmetry
Parts = Annotated[tuple[Inflow | Burner | Outflow | Wall | Symmetry, ...], Meta(min_length=1)]
Side = Sides | Parts
SIDES = tuple(f"{axis}_{end}" for axis, end in product("xyz", ("low", "high")))


class Boundary(Settings, frozen=True):
    """What happens on each side of the domain; `x`, `y`, `z` stand for both sides of a direction."""

    x: Annotated[Side | None, doc("both sides in x: one table, or a list of parts")] = None
    y: Annotated[Side | None, doc("both sides in y")] = None
    z: Annotated[Side | None, doc("both sides in z")] = None
    x_low: Annotated[Side | None, doc("low side in x: one table, or a list of parts")] = None
    x_high: Annotated[Side | None, doc("high side in x")] = None
    y_low: Annotated[Side | None, doc("low side in y")] = None
    y_high: Annotated[Side | None, doc("high side in y")] = None
    z_low: Annotated[Side | None, doc("low side in z")] = None
    z_high: Annotated[Side | None, doc("high side in z")] = None

    def __post_init__(self) -> None:
        for axis in "xyz":
            pair = (getattr(self, f"{axis}_low"), getattr(self, f"{axis}_high"))
            if getattr(self, axis) is not None and any(pair):
                raise ValueError(f"give either {axis} or {axis}_low and {axis}_high, not both")
            for name in (axis, f"{axis}_low", f"{axis}_high"):
                check_parts(name, getattr(self, name))
            if sum(isinstance(side, Periodic) for side in pair) == 1:
                raise ValueError(f'{axis}: periodic belongs to both sides; write {axis} = {{ kind = "periodic" }}')

    def sides(self, dimensions: int) -> dict[str, Side]:
        """The kind of each side, "x_low", "x_high", ... for the first `dimensions` directions."""
        names = SIDES[: 2 * dimensions]
        found: dict[str, Any] = {name: getattr(self, name) or getattr(self, name[0]) for name in names}
        return {name: side for name, side in found.items() if side is not None}

    def tables(self, dimensions: int) -> dict[str, Any]:
        """The tables of all sides and parts of sides: "x_low", or "x_low[0]", "x_low[1]" ... where it is a list."""
        found: dict[str, Any] = {}
        for name, side in self.sides(dimensions).items():
            parts = {f"{name}[{i}]": part for i, part in enumerate(side)} if isinstance(side, tuple) else {name: side}
            found.update(parts)
        return found


def check_parts(name: str, side: Any) -> None:
    """Raises ValueError for parts of a side that do not say where, and for a whole side that does."""
    for i, part in enumerate(side if isinstance(side, tuple) else ()):
        if part.where is None:
            raise ValueError(
                f'{name}[{i}].where is missing: which part of the side, for example {{ y = ["0 mm", "2 mm"] }}'
            )
    if getattr(side, "where", None) is not None:
        raise ValueError(f"{name}.where: for parts of a side; write {name} as a list of parts that cover it")
