"""Tables of a case file that say what happens at the sides of the domain."""

from __future__ import annotations

from itertools import product
from typing import Annotated, Any, Literal

from combust.settings.base import Positive, Pressure, Settings, Temperature, Vector3, doc
from combust.settings.physics import Mixture


class Periodic(Settings, frozen=True, tag_field="kind", tag="periodic"):
    """What leaves on one side enters on the other; belongs to both sides of a direction."""


class Inflow(Mixture, frozen=True, kw_only=True, tag_field="kind", tag="inflow"):
    """Gas enters, at its own density and a given velocity; by default it is the initial unburnt gas."""

    velocity: Annotated[
        float | Literal["flame-speed", "balanced"],
        doc("into the domain; flame-speed: that of the initial flame; balanced: follows the consumption speed", "m/s"),
    ]
    temperature: Annotated[Temperature | None, doc("that of the initial unburnt gas if omitted", "K")] = None
    inlet: Annotated[
        Literal["flux", "value"],
        doc("flux: species and enthalpy enter with the gas alone; value: T and Y are held, what diffuses comes on top"),
    ] = "flux"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.velocity, str) and not self.velocity >= 0:
            raise ValueError(
                f"velocity = {self.velocity:g} m/s is directed outwards: it counts into the domain on every side; "
                'use a number >= 0, or kind = "outflow" where gas leaves'
            )


class Burner(Mixture, frozen=True, kw_only=True, tag_field="kind", tag="burner"):
    """A cooled burner: holds T, takes heat (`heat_to_burner` in the series); species enter with the gas alone."""

    velocity: Annotated[Positive, doc("into the domain, of the gas at the burner's temperature", "m/s")]
    temperature: Annotated[Temperature | None, doc("of burner and gas; if omitted that of the initial gas", "K")] = None


class Outflow(Settings, frozen=True, tag_field="kind", tag="outflow"):
    """Gas leaves at a given pressure."""

    pressure: Annotated[Pressure | None, doc("pressure; gas.pressure if omitted", "Pa")] = None


class Wall(Settings, frozen=True, tag_field="kind", tag="wall"):
    """A solid wall: no mass passes."""

    slip: Annotated[bool, doc("no friction")] = False
    temperature: Annotated[Temperature | None, doc("wall temperature; adiabatic if omitted", "K")] = None
    velocity: Annotated[Vector3, doc("velocity of a sliding wall in x, y, z", "m/s")] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        if self.slip and any(self.velocity):
            raise ValueError("a slip wall has no friction: it cannot have a velocity")


class Symmetry(Settings, frozen=True, tag_field="kind", tag="symmetry"):
    """A plane of symmetry: no normal flow, no gradients."""


Side = Periodic | Inflow | Burner | Outflow | Wall | Symmetry
SIDES = tuple(f"{axis}_{end}" for axis, end in product("xyz", ("low", "high")))


class Boundary(Settings, frozen=True):
    """What happens on each side of the domain; `x`, `y`, `z` stand for both sides of a direction."""

    x: Annotated[Side | None, doc("both sides in x")] = None
    y: Annotated[Side | None, doc("both sides in y")] = None
    z: Annotated[Side | None, doc("both sides in z")] = None
    x_low: Annotated[Side | None, doc("low side in x")] = None
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
            if sum(isinstance(side, Periodic) for side in pair) == 1:
                raise ValueError(f'{axis}: periodic belongs to both sides; write {axis} = {{ kind = "periodic" }}')

    def sides(self, dimensions: int) -> dict[str, Side]:
        """The kind of each side, "x_low", "x_high", ... for the first `dimensions` directions."""
        names = SIDES[: 2 * dimensions]
        found: dict[str, Any] = {name: getattr(self, name) or getattr(self, name[0]) for name in names}
        return {name: side for name, side in found.items() if side is not None}
