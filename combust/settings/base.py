"""Base of the tables of a case file, and the values that many of them share."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from msgspec import Meta, Struct


def doc(text: str, unit: str | None = None, kind: str | None = None) -> Meta:
    """Documentation of a key and the SI unit of its value, which files may give as a text in another unit.

    kind : what is measured (a key of combust.units.TABLES) where the unit does not tell: temperature differences
    """
    known = {name: value for name, value in (("unit", unit), ("kind", kind)) if value}
    return Meta(
        description=text, extra=known or None, extra_json_schema={f"x-{k}": v for k, v in known.items()} or None
    )


Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
Count = Annotated[int, Meta(ge=1)]
Temperature = Annotated[float, Meta(ge=100, le=6000)]
PRESSURES = (100.0, 1e9)  # Pa
Pressure = Annotated[float, Meta(ge=PRESSURES[0], le=PRESSURES[1])]
Text = Annotated[str, Meta(min_length=1)]
Duration = Positive | Annotated[str, Meta(pattern=r"^\d+(\.\d+)?\s*(s|min|h|d)$")]
Vector = Annotated[tuple[float, ...], Meta(min_length=1, max_length=3)]
Vector3 = tuple[float, float, float]


class Name(NamedTuple):
    """What a field or quantity of output stands for; `needs`: what the case must have, in words, or nothing.

    apart : whether the sum over several sources that show it means nothing
    """

    meaning: str
    unit: str = ""
    needs: str = ""
    apart: bool = False


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all tables: immutable, unknown keys refused."""


class Mixture(Settings, frozen=True):
    """A gas named by `composition`, or by `fuel`, `oxidizer` and `phi`."""

    composition: Annotated[Text | None, doc("mole fractions")] = None
    fuel: Annotated[Text | None, doc("mole fractions of the fuel, with oxidizer and phi")] = None
    oxidizer: Annotated[Text | None, doc("mole fractions of the oxidizer")] = None
    phi: Annotated[Positive | None, doc("equivalence ratio")] = None

    def __post_init__(self) -> None:
        parts = [value is not None for value in (self.fuel, self.oxidizer, self.phi)]
        if self.composition is not None and any(parts):
            raise ValueError("give either composition or fuel, oxidizer and phi, not both")
        if any(parts) and not all(parts):
            raise ValueError("fuel, oxidizer and phi go together")

    @property
    def has_composition(self) -> bool:
        return self.composition is not None or self.fuel is not None


class NamedMixture(Mixture, frozen=True):
    """A gas that has to be named."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.has_composition:
            raise ValueError("needs composition, or fuel, oxidizer and phi")


def seconds(duration: float | str) -> float:
    """Seconds of 90, "90s", "30min", "23h" or "2d"."""
    if not isinstance(duration, str):
        return float(duration)
    unit = duration.lstrip("0123456789. ")
    return float(duration.removesuffix(unit)) * {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}[unit]
