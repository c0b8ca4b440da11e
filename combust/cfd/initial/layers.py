"""Streams beside each other, separated by layers in which they are mixed; unreacted, hot or in equilibrium."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from msgspec import Meta, structs

from combust.cfd.initial.base import Start, Starting
from combust.cfd.initial.hot_spot import HotSpotKey, heated, ring
from combust.cfd.initial.motion import TurbulenceKey, VortexKey
from combust.cfd.initial.opposed import Jets, solved
from combust.settings.base import NamedMixture, Positive, Settings, Temperature, Vector, doc

if TYPE_CHECKING:
    from torch import Tensor

    from combust.cfd.initial.fields import Fields
    from combust.cfd.mesh.grid import Grid
    from combust.kinetics.flames.counterflow import CounterflowProfile
    from combust.kinetics.mechanism.mechanism import Mechanism

AXES = {"x": 2, "y": 1, "z": 0}
FEWEST = 3.0  # cells over a layer's width


class Layer(NamedMixture, frozen=True, kw_only=True):
    """One of the streams, in the order along the direction."""

    temperature: Annotated[Temperature, doc("temperature", "K")]
    burnt: Annotated[bool, doc("what this gas burns to from there, at constant enthalpy and pressure")] = False
    velocity: Annotated[Vector, doc("velocity in x, y, z", "m/s")] = (0.0,)
    until: Annotated[float | None, doc("middle of the layer to the next stream; the last has none", "m")] = None
    width: Annotated[
        Positive | None,
        doc("w of that layer, the next stream's share being [1 + tanh((s - until)/w)]/2, or rising over w", "m"),
    ] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.until is None) != (self.width is None):
            raise ValueError("until and width go together")


class Burnt(Settings, frozen=True):
    """Burnt gas beyond a place: the equilibrium at constant enthalpy and pressure of the mixture that is there."""

    along: Annotated[Literal["x", "y", "z"], doc("direction")]
    beyond: Annotated[float, doc("middle of the front", "m")]
    width: Annotated[Positive, doc("w of the front, the burnt share being [1 + tanh((s - beyond)/w)]/2", "m")]

    def doubts(self, grid: Grid) -> dict[str, str]:
        """A front that is not in the domain: all of it is burnt, or nothing."""
        low, high = (float(grid.faces[AXES[self.along]][end]) for end in (0, -1))
        if low <= self.beyond <= high:
            return {}
        what = "all of the gas is burnt" if self.beyond < low else "no gas is burnt"
        return {
            "far_front": f"initial.burnt.beyond: {self.beyond:g} m lies outside, and {what}: the domain is from "
            f"{low:g} to {high:g} m in {self.along}"
        }


def mixing_order(gas: Mechanism, gases: Tensor) -> tuple[int, int]:
    """Which of two gases (2, species) is the oxidizer and which the fuel, by the oxygen that they need."""
    from combust.cfd.diagnostics.mixture import coupling_function

    need = gases @ coupling_function(gas)
    return int(need.argmin()), int(need.argmax())


class LayersInitial(Start, Settings, frozen=True, tag_field="kind", tag="layers"):
    """Streams side by side: fuel, pilot and co-flow, a stratified mixture, a gradient of temperature.

    Between them mass fractions and enthalpy are mixed in the shares of the streams (T with `mix = "temperature"`), with
    a tanh or a straight line. `reacted` burns what is mixed at constant enthalpy and pressure, `burnt` a part of it.
    """

    one_gas: ClassVar[bool] = False

    streams: Annotated[tuple[Layer, ...], Meta(min_length=2), doc("from low to high")]
    along: Annotated[Literal["x", "y", "z"], doc("direction in which they follow each other")] = "x"
    mirror: Annotated[float | None, doc("the same on both sides of this place: `until` is the distance to it", "m")] = (
        None
    )
    shape: Annotated[Literal["tanh", "linear"], doc("of the layers")] = "tanh"
    mix: Annotated[Literal["enthalpy", "temperature"], doc("what is mixed like the mass fractions")] = "enthalpy"
    reacted: Annotated[
        Literal["no", "temperature", "all"],
        doc("equilibrium at constant h and p of each cell; temperature: its T with the unreacted gas"),
    ] = "no"
    flamelet: Annotated[
        Jets | None,
        doc("T and Y of Cantera's flame between jets of the two streams, at the mixture fraction of the cell"),
    ] = None
    burnt: Annotated[Burnt | None, doc("equilibrium beyond a place, fresh before it")] = None
    taylor_green: Annotated[
        Positive | None,
        doc("peak velocity of Taylor-Green vortices over the domain, added to those of the streams", "m/s"),
    ] = None
    hot_spot: HotSpotKey = None
    turbulence: TurbulenceKey = None
    vortex: VortexKey = None

    def __post_init__(self) -> None:
        *inner, last = self.streams
        if last.until is not None:
            raise ValueError("the last stream goes on to the end: it has neither until nor width")
        edges = [stream.until for stream in inner]
        if any(edge is None for edge in edges):
            raise ValueError("all streams but the last need until and width")
        if any(a >= b for a, b in zip(edges, edges[1:], strict=False)):  # type: ignore[operator]
            raise ValueError(f"until must rise from stream to stream; given {edges}")
        if self.mirror is not None and edges[0] <= 0:  # type: ignore[operator]
            raise ValueError("with mirror, until is a distance: greater than 0")
        if self.flamelet is not None and (self.burnt is not None or self.reacted != "no" or len(self.streams) != 2):
            raise ValueError("flamelet goes with two streams, and without reacted and burnt")
        if self.flamelet is not None and any(stream.composition is None for stream in self.streams):
            raise ValueError("flamelet needs streams that are given by composition")
        if self.flamelet is not None and any(stream.burnt for stream in self.streams):
            raise ValueError("flamelet needs streams that have not burnt")
        if self.burnt is not None and self.reacted != "no":
            raise ValueError('burnt goes with reacted = "no": the rest of the gas is fresh')

    def fields(self, case: Starting) -> Fields:
        """Initial T, Y and velocities. Raises ConfigError."""
        from combust.cfd.initial import mixing

        table, gases = self._burnt_streams(case, self._gases(case))
        return heated(self.hot_spot, case.grid, mixing.fields(table, case, gases, self._flame(case, gases)))

    def _burnt_streams(self, case: Starting, gases: Tensor) -> tuple[LayersInitial, Tensor]:
        """The table and the gases (streams, species) with what burnt streams have become."""
        from combust.cfd.initial.mixing import equilibrium

        streams = list(self.streams)
        for i, stream in enumerate(streams):
            if stream.burnt:
                T, Y = equilibrium(case.gas, case.pressure, gases.new_tensor([stream.temperature]), gases[i : i + 1].T)
                streams[i], gases[i] = structs.replace(stream, temperature=float(T[0])), Y[:, 0]
        return structs.replace(self, streams=tuple(streams)), gases

    def _flame(self, case: Starting, gases: Tensor) -> CounterflowProfile | None:
        """Cantera's flame between jets of the streams, whichever is the fuel. Raises ConfigError."""
        if self.flamelet is None:
            return None
        oxidizer, fuel = mixing_order(case.gas, gases)
        given = [self.streams[i] for i in (fuel, oxidizer)]
        parts = [part for stream in given for part in (stream.composition, stream.temperature)]
        return solved(case, "initial.flamelet", self.flamelet, *parts)  # type: ignore[arg-type]

    def _gases(self, case: Starting) -> Tensor:
        """(streams, species) mass fractions."""
        import torch

        return torch.stack([case.mixture(s, f"initial.streams[{i}]") for i, s in enumerate(self.streams)])

    def _edges(self) -> list[tuple[float, float]]:
        """(width, place) of each layer [m], thick ones first; with `mirror` on both sides of it."""
        found = []
        for stream in self.streams:
            if stream.width is not None and stream.until is not None:
                middle, signs = (0.0, (1,)) if self.mirror is None else (self.mirror, (-1, 1))
                found += [(stream.width, middle + sign * stream.until) for sign in signs]
        return sorted(found, reverse=True)

    def _far(self, grid: Grid) -> dict[str, str]:
        """Places that are not in the domain."""
        low, high = (float(grid.faces[AXES[self.along]][end]) for end in (0, -1))
        outside = f"m lies outside: the domain is from {low:g} to {high:g} m in {self.along}"
        found: dict[str, str] = {} if self.burnt is None else self.burnt.doubts(grid)
        if self.mirror is not None and not low <= self.mirror <= high:
            found["far_mirror"] = f"initial.mirror: {self.mirror:g} {outside}"
        for number, stream in enumerate(self.streams[:-1]):
            until = stream.until or 0.0
            sides = (until,) if self.mirror is None else (self.mirror - until, self.mirror + until)
            if not any(low <= place <= high for place in sides):
                found[f"far_layer_{number}"] = f"initial.streams[{number}].until: {until:g} {outside}"
        return found

    def doubts(self, grid: Grid) -> dict[str, str]:
        """Layers that the cells do not show, and a jump across a periodic side."""
        axis = AXES[self.along]
        if axis not in grid.layout.axes:
            return {"layers": f"initial.along: nothing varies along {self.along}, which has one cell"}
        found = self._far(grid)
        for width, place in self._edges():
            widest = grid.widest(axis, place - width, place + width)
            if width < FEWEST * widest / 2:
                found["thin_layers"] = (
                    f"initial.streams: a layer of width {width:.3g} m on cells of {widest:.3g} m: it is less than "
                    f"{FEWEST:g} cells thick"
                )
        first, last = self.streams[0], self.streams[-1]
        same = (first.composition, first.temperature) == (last.composition, last.temperature)
        if grid.block.periodic[axis] and self.mirror is None and not same:
            found["jump"] = f"initial.streams: {self.along} is periodic, the last stream meets the first with a jump"
        if self.hot_spot is not None:
            found |= ring(self.hot_spot.centre, grid)
        return found
