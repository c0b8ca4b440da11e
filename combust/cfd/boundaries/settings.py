"""Tables of a case file that say what happens at the sides of the domain."""

from __future__ import annotations

from itertools import product
from typing import Annotated, Any, Literal

from msgspec import Meta

from combust.cfd.boundaries.fluctuation_settings import Fluctuations
from combust.cfd.boundaries.profiles import Gases, Profile
from combust.settings.base import Mixture, NotNegative, Positive, Pressure, Settings, Temperature, Text, doc
from combust.settings.eddies import Eddies

PART = "part of the side, in a list of several that meet and cover it"
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
    turbulence: Annotated[
        Eddies | None, doc("eddies that the gas brings, for closures that carry their energy: intensity and length")
    ] = None


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
        Positive | None,
        doc(
            "U of convective; the mean velocity at which gas leaves by the side if omitted; to be given where "
            "another side or part fixes the pressure",
            "m/s",
        ),
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
