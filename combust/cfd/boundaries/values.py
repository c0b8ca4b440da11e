"""Values at a side of the domain: constants, tables over coordinates and time, functions of both.

A function takes the time [s] and the points, (3: z, y, x, nz, ny, nx) [m] with one layer along the normal of the side,
and returns a float64 tensor on their device that broadcasts to (nz, ny, nx), for T and Y to (1 + species, nz, ny, nx).
One that has `unsteady = False` is evaluated once, any other at each time that the scheme asks for.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from combust.cfd.mesh.grid import NAMES
from combust.errors import ConfigError

Function = Callable[[float, Tensor], Tensor]
TIME, ROUND = "time", "r"  # r: the distance from the axis y = z = 0, of sides in x of a mesh in three directions
MOST_SAMPLES = 64  # values of a table that are looked at to judge it


class Values(NamedTuple):
    """What a condition holds on a part of a side at one time; each broadcasts to the ghosts it is written to.

    velocity : per component (z, y, x) [m/s];  scalars : (1 + species, ...) T [K] and Y, NaN where the gradient is zero
    stream : (1 + species, ...) T and Y of what advection brings in;  heat : into the gas [W/m2]
    """

    velocity: Sequence[float | Tensor]
    scalars: Tensor | None
    stream: Tensor | None
    heat: float | Tensor = 0.0


def unsteady(value: object) -> bool:
    """Whether a value may change with time."""
    return callable(value) and bool(getattr(value, "unsteady", True))


def evaluate(
    name: str, function: Function, t: float, points: Tensor, rows: int | None = None, held: bool = False
) -> Tensor:
    """function(t, points), broadcast to the points; rows : of T and Y, -1 if not known, None of a velocity.
    held : NaN may stand for zero gradient

    Raises ConfigError naming the argument `name` for what is no finite float64 tensor of that shape on that device.
    """
    try:
        value = function(t, points)
    except Exception as error:
        raise ConfigError(f"{name}: its function failed at t = {t:.6g} s: {type(error).__name__}: {error}") from error
    if not isinstance(value, Tensor):
        raise ConfigError(f"{name}: its function must return a torch tensor, not {type(value).__name__}")
    if value.dtype != torch.float64 or value.device != points.device:
        raise ConfigError(
            f"{name}: its function returned {value.dtype} on {value.device}; wanted float64 on {points.device}"
        )
    shape = tuple(points.shape[1:])
    if rows == -1:
        rows = value.shape[0] if value.dim() == 4 else 1
    wanted = shape if rows is None else (rows, *shape)
    try:
        value = value.expand(wanted)
    except RuntimeError:
        raise ConfigError(
            f"{name}: its function returned shape {tuple(value.shape)}, which does not broadcast to {wanted}"
        ) from None
    if bool((torch.isinf(value) if held else ~torch.isfinite(value)).any()):
        raise ConfigError(f"{name}: its function returned a value that is not finite at t = {t:.6g} s")
    return value


def coordinate(name: str, points: Tensor) -> Tensor:
    """x, y, z or r of points (3: z, y, x, ...) [m]."""
    return torch.hypot(points[0], points[1]) if name == ROUND else points[NAMES.index(name)]


class Table:
    """Linear interpolation over one or two of x, y, z, r and time.

    over : names;  at : rising coordinates [m] or times [s] of each;  values : (entries of the first, ... of the second,
    ... rows if it is of several)
    Beyond its ends the last value holds; over time it begins again there with `repeat`.
    """

    def __init__(self, over: Sequence[str], at: Sequence[Sequence[float]], values: Tensor, repeat: bool = False):
        self.over, self.at, self.values, self.repeat = tuple(over), [list(a) for a in at], values, repeat
        if len(self.over) not in (1, 2) or len(set(self.over)) != len(self.over):
            raise ConfigError(f"over = {list(over)}: must be one or two different ones of x, y, z, r and time")
        for name, coordinates, n in zip(self.over, self.at, values.shape, strict=False):
            if name not in (*NAMES, ROUND, TIME):
                raise ConfigError(f"over: {name!r} is none of x, y, z, r and time")
            if len(coordinates) < 2 or len(coordinates) != n:
                raise ConfigError(f"at: needs two or more entries, as many as values in {name}, here {n}")
            if not all(a < b for a, b in itertools.pairwise(coordinates)):
                raise ConfigError(f"at: the entries in {name} must rise")
        self.knots = [torch.tensor(a, dtype=torch.float64, device=values.device) for a in self.at]

    @property
    def device(self) -> torch.device:
        """Where its values lie."""
        return self.values.device

    @property
    def places(self) -> dict[str, list[float]]:
        """Coordinates [m] and times [s] at which it is looked at to judge it."""
        return dict(zip(self.over, self.at, strict=True))

    @property
    def unsteady(self) -> bool:
        """Whether it is over time."""
        return TIME in self.over

    @property
    def peak(self) -> float:
        """The largest modulus of its values."""
        return float(self.values.abs().max())

    def scaled(self, factor: float) -> Table:
        """The table with all values times a factor."""
        return Table(self.over, self.at, factor * self.values, self.repeat)

    def __call__(self, t: float, points: Tensor) -> Tensor:
        """(nz, ny, nx), or (rows, nz, ny, nx), at the points, or what broadcasts to that."""
        values, space = self.values, list(zip(self.over, self.knots, strict=True))
        if self.unsteady:
            place = self.over.index(TIME)
            i, w = self._moment(t, self.at[place])
            a, b = values.select(place, i), values.select(place, i + 1)
            values = a + w * (b - a)
            del space[place]
        rows = self.values.dim() - len(self.over)
        where = [self._between(coordinate(name, points), knots) for name, knots in space]
        if not where:
            return values.reshape(*values.shape, 1, 1, 1)
        found = self._interpolated(values, where)
        return found.movedim(-1, 0) if rows else found

    def _moment(self, t: float, at: list[float]) -> tuple[int, float]:
        if self.repeat and t > at[0]:
            t = at[0] + math.fmod(t - at[0], at[-1] - at[0])
        i = min(max(bisect.bisect_right(at, t) - 1, 0), len(at) - 2)
        return i, min(max((t - at[i]) / (at[i + 1] - at[i]), 0.0), 1.0)

    @staticmethod
    def _between(x: Tensor, knots: Tensor) -> tuple[Tensor, Tensor]:
        i = (torch.searchsorted(knots, x.contiguous(), right=True) - 1).clamp(0, len(knots) - 2)
        return i, ((x - knots[i]) / (knots[i + 1] - knots[i])).clamp(0.0, 1.0)

    @staticmethod
    def _interpolated(values: Tensor, where: list[tuple[Tensor, Tensor]]) -> Tensor:
        def weight(w: Tensor, like: Tensor) -> Tensor:
            return w.reshape(*w.shape, *[1] * (like.dim() - w.dim()))

        i, w = where[0]
        if len(where) == 1:
            a, b = values[i], values[i + 1]
        else:
            j, v = where[1]
            a, b = values[i, j], values[i + 1, j]
            a = a + weight(v, a) * (values[i, j + 1] - a)
            b = b + weight(v, b) * (values[i + 1, j + 1] - b)
        return a + weight(w, a) * (b - a)

    def times(self, begin: float, end: float) -> list[float]:
        """Times of its entries after `begin` and before `end`, of the first repetition that has some."""
        if not self.unsteady:
            return []
        at = self.at[self.over.index(TIME)]
        shift = 0.0
        if self.repeat and begin > at[-1]:
            shift = (at[-1] - at[0]) * math.floor((begin - at[0]) / (at[-1] - at[0]))
        periods = (0, 1) if self.repeat else (0,)
        found = [a + shift + p * (at[-1] - at[0]) for p in periods for a in at]
        return sorted({a for a in found if begin < a < end})


class GasStream:
    """T and Y of gas that flows in, stacked, where one of them or both are functions.

    T : [K];  Y : (species,) or a function of (species, nz, ny, nx)
    """

    def __init__(self, T: float | Function, Y: Tensor | Function):
        self.T, self.Y = T, Y

    @property
    def unsteady(self) -> bool:
        """Whether T or Y may change with time."""
        return unsteady(self.T) or unsteady(self.Y)

    def __call__(self, t: float, points: Tensor) -> Tensor:
        """(1 + species, nz, ny, nx) at the points."""
        shape = points.shape[1:]
        T = self.T(t, points) if callable(self.T) else points.new_tensor(self.T)
        Y = self.Y(t, points) if callable(self.Y) else self.Y.reshape(-1, 1, 1, 1)
        return torch.cat([T.expand(1, *shape), Y.expand(Y.shape[0], *shape)])


class Held:
    """T of a function, held on a side where Y has zero gradient."""

    def __init__(self, T: Function, species: int):
        self.T, self.species = T, species

    @property
    def unsteady(self) -> bool:
        """Whether T may change with time."""
        return unsteady(self.T)

    def __call__(self, t: float, points: Tensor) -> Tensor:
        """(1 + species, nz, ny, nx) at the points, NaN for Y."""
        T = self.T(t, points).expand(1, *points.shape[1:])
        return torch.cat([T, T.new_full((self.species, *points.shape[1:]), torch.nan)])


def samples(value: Tensor | Function | None) -> list[Tensor]:
    """(1 + species) of each stream that a constant or a table lets in, at most some dozens; [] of other functions."""
    if isinstance(value, Tensor):
        return [value]
    if not isinstance(value, GasStream):
        return []
    tables = [part for part in (value.T, value.Y) if isinstance(part, Table)]
    if len(tables) != callable(value.T) + callable(value.Y):
        return []
    known: dict[str, list[float]] = {}
    for table in tables:
        for name, at in table.places.items():
            known[name] = sorted({*known.get(name, []), *at})
    places = list(itertools.product(*known.values()))
    device = tables[0].device
    found = []
    for place in places[:: max(1, len(places) // MOST_SAMPLES)]:
        where = dict(zip(known, place, strict=True))
        if ROUND in where:
            where = {**where, "y": where[ROUND], "z": 0.0}
        point = torch.tensor([where.get(name, 0.0) for name in NAMES], dtype=torch.float64, device=device)
        found.append(value(where.get(TIME, 0.0), point.reshape(3, 1, 1, 1)).reshape(-1))
    return found


def largest(value: float | Function) -> float:
    """The largest modulus of a constant or a table; 0 of other functions."""
    if isinstance(value, Table):
        return value.peak
    return 0.0 if callable(value) else abs(value)
