"""Tables of a case file in place of a number or of a gas: over coordinates of a side and time, or by name."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from combust.settings.base import NotNegative, Positive, Settings, Text, doc
from combust.settings.quantities import ALONG, SAME

Over = Literal["x", "y", "z", "r", "time"]
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
            "what it depends on: a coordinate of the side; r, of a side in x in three dimensions: the distance from "
            "the axis y = z = 0; or time; a list of two: on both. A shape that omits it: on those coordinates of the "
            "side that are not periodic"
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

    over: Annotated[Over | None, doc("what it depends on: a coordinate of the side, r or time")] = None
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
