"""A key of a side's table, a number or a table of numbers, checked against the mesh and what it may be."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from combust.cfd.boundaries import shapes
from combust.cfd.boundaries.bounds import Bounds
from combust.cfd.boundaries.planes import COMPONENTS, FromPlanes, opened
from combust.cfd.boundaries.profiles import Gases, Profile, is_planes
from combust.cfd.boundaries.shapes import Shape, TanhLayer, of_mean
from combust.cfd.boundaries.tables import read
from combust.cfd.boundaries.values import ROUND, Table
from combust.cfd.mesh.grid import NAMES, ROUND_OFF
from combust.errors import ConfigError, FileFormatError, at
from combust.files import leaves


class Limits(NamedTuple):
    """What a value may be, and what that is for."""

    least: float
    most: float
    text: str


FREE = Limits(-math.inf, math.inf, "")
SPEEDS = Limits(0.0, math.inf, 'at least 0: velocities count into the domain; where gas leaves, use kind = "outflow"')
TEMPERATURES = Limits(100.0, 6000.0, "from 100 to 6000 K")
PHI = Limits(1e-300, math.inf, "greater than 0")


@dataclass(frozen=True)
class Key:
    """Where a condition stands in a case: its place ("boundary.x_low"), the axis that is normal to its side.

    reach : per coordinate from where to where the condition acts [m];  directions : those of the mesh
    side : cells and what bounds them, for profiles by name
    """

    place: str
    axis: int
    reach: dict[str, tuple[float, float]]
    directions: tuple[str, ...]
    device: str
    side: Bounds

    def value(self, name: str, given: float | Profile, limits: Limits = FREE) -> float | Table:
        """The number or the table of the key `name`. Raises ConfigError for what does not fit side or limits."""
        if not isinstance(given, Profile):
            return given
        filled = read(given, f"{self.place}.{name}", name.rpartition(".")[2].partition("[")[0], Path())
        if is_planes(filled):
            return self.planes(name, filled, [filled.column or self._column(name)])
        self.require(name, filled, limits)
        if filled.shape is not None:
            return self.shape(name, filled)
        return self.table(name, filled, self.array(name, filled))

    def _column(self, name: str) -> str:
        """What the key is called in files of planes."""
        last = name.rpartition(".")[2]
        return {"velocity": COMPONENTS[NAMES[self.axis]], "temperature": "T", **COMPONENTS}.get(last, last)

    def planes(self, name: str, given: Profile | Gases, fields: list[str] | None) -> FromPlanes:
        """Values of an earlier run on a plane; fields : None: the mass fractions of the file, as rows."""
        place = f"{self.place}.{name}"
        assert given.file is not None
        file = opened(given.file, place, self.axis, self.reach, self.directions)
        names = fields or [field for field in file.names if field.startswith("Y_")]
        try:
            found = FromPlanes(file, names, self.axis, given.repeat, fields is None, self.device)
            found.first()
        except FileFormatError as error:
            raise ConfigError(f"{place}.file: {error}") from error
        return found

    def shape(self, name: str, given: Profile) -> Table:
        """A profile by name."""
        if given.shape == "tanh":
            return self.layer(name, given, self.array(name, given))
        if name.rpartition(".")[2] != "velocity":
            raise ConfigError(f'{self.place}.{name}.shape = "{given.shape}": is for a velocity; allowed here: "tanh"')
        if ROUND in (over := self._over(name, given)):
            raise ConfigError(f'{self.place}.{name}.over = "r": is for tables and shape = "tanh"; write it as a table')
        spans = {a: self.side.span(a, self.reach[a]) for a in over}
        if given.shape == "parabolic":
            if not spans:
                raise ConfigError(f"{self.place}.{name}: {self.side.nothing}; give a number")
            value = shapes.parabola(spans)
        else:
            value = shapes.power_law({} if given.shape == "plug" else spans, given.exponent or 7.0)
        made = Shape(value, spans, 1.0 if given.peak is None else given.peak)
        if given.mean is None:
            return made
        cells = {a: self.side.cells(a, self.reach[a]) for a in spans}
        device = self.device
        centres, weights = ({a: pair[i].to(device) for a, pair in cells.items()} for i in (0, 1))
        return of_mean(made, given.mean, centres, weights) if spans else made.scaled(given.mean)

    def layer(self, name: str, given: Profile | Gases, values: Tensor) -> TanhLayer:
        """Two values with a tanh between them."""
        over = self._over(name, given)
        if len(over) != 1:
            raise ConfigError(f'{self.place}.{name}: shape = "tanh" is over one coordinate: name it with over')
        assert given.centre is not None and given.thickness is not None
        return TanhLayer(over[0], given.centre, given.thickness, values, given.width)

    def _over(self, name: str, given: Profile | Gases) -> tuple[str, ...]:
        """The coordinates of a shape, by default those of the side that are not periodic."""
        for over in given.names:
            self.require_along(f"{name}.over", over)
        along = [a for a in self.directions if a != NAMES[self.axis]]
        return given.names or tuple(a for a in along if not self.side.even(a, self.reach[a]))

    def require(self, name: str, given: Profile | Gases, limits: Limits) -> None:
        """Raises ConfigError for a value beyond the limits."""
        if given.values is None:
            return  # of a shape: its settings know what mean and peak may be
        for where, value in leaves(given.values, f"{self.place}.{name}.values"):
            if not limits.least <= value <= limits.most:
                raise ConfigError(f"{where} = {value:g}: must be {limits.text}")

    def array(self, name: str, given: Profile) -> Tensor:
        """Values as a tensor, one direction per coordinate."""
        rows: Any = given.values
        several = [isinstance(row, tuple) for row in rows]
        if (len(given.names) == 1 or given.shape is not None) and not any(several):
            return torch.tensor(rows, dtype=torch.float64, device=self.device)
        if len(given.names) == 2 and all(several) and len({len(row) for row in rows}) == 1:
            return torch.tensor(rows, dtype=torch.float64, device=self.device)
        raise ConfigError(
            f"{self.place}.{name}.values: needs "
            + (
                "a list of numbers"
                if len(given.names) == 1
                else "lists of equal length, one for each entry of the first"
            )
        )

    def table(self, name: str, given: Profile | Gases, values: Tensor) -> Table:
        """The table of values, (entries, rows) or (entries of the first, entries of the second, rows)."""
        for over in given.names:
            self.require_along(f"{name}.over", over)
        entries: Any = given.at if len(given.names) == 2 else (given.at,)
        if len(entries) != len(given.names) or not all(isinstance(e, tuple) for e in entries):
            raise ConfigError(f"{self.place}.{name}.at: needs {len(given.names)} lists, one for each of `over`")
        if any(isinstance(x, tuple) for e in entries for x in e):
            raise ConfigError(f"{self.place}.{name}.at: needs numbers, or with two names in `over` a list for each")
        with at(f"{self.place}.{name}"):
            made = Table(given.names, entries, values, given.repeat)
        for over, e in zip(given.names, entries, strict=True):
            if over == "time":
                continue
            low, high = self.away() if over == ROUND else self.reach[over]
            near = ROUND_OFF * (high - low)
            if e[0] > low + near or e[-1] < high - near:
                raise ConfigError(
                    f"{self.place}.{name}.at: goes from {over} = {e[0]:.6g} to {e[-1]:.6g} m, the side from {low:.6g} "
                    f"to {high:.6g} m: a table must cover it"
                )
        return made

    def away(self) -> tuple[float, float]:
        """The least and the largest distance from the axis y = z = 0 [m]."""
        y, z = self.reach["y"], self.reach["z"]
        nearest = (min(max(0.0, low), high) for low, high in (y, z))
        return math.hypot(*nearest), math.hypot(*(max(-low, high) for low, high in (y, z)))

    def require_along(self, name: str, over: str) -> None:
        """Raises ConfigError for a coordinate that is none of the side."""
        allowed = [a for a in self.directions if a != NAMES[self.axis]]
        if NAMES[self.axis] == "x" and len(allowed) == 2:
            allowed.append(ROUND)
        if over not in (*allowed, "time"):
            raise ConfigError(
                f'{self.place}.{name}: "{over}" is no direction of that side of this mesh; allowed: '
                f"{', '.join([*allowed, 'time'] if name.endswith('over') else allowed) or 'none'}"
            )
