"""What an earlier run met on a plane, as values at a side: a file of planes (combust.planes), read as time goes on.

The first record is time zero; between records and between the centres of its cells values are linear.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from combust import planes
from combust.cfd.boundaries.values import MOST_SAMPLES, TIME, Table
from combust.cfd.mesh.grid import NAMES
from combust.errors import ConfigError, FileFormatError

COMPONENTS = {"x": "u", "y": "v", "z": "w"}  # what velocities are called in such files

Number = TypeVar("Number", int, float)
FEW = 4  # times, and places along each direction, at which streams are judged


class FromPlanes(Table):
    """Fields of a file of planes, (nz, ny, nx) of one, (rows, ...) of several; `normal`: axis of the side."""

    turns = True  # gas may flow out where it is used as an inflow

    def __init__(
        self, file: planes.Planes, fields: Sequence[str], normal: int, repeat: bool, several: bool, device: str
    ):
        """Raises FileFormatError for a file without the fields."""
        if not fields:
            raise FileFormatError(f"{file.path}: has none of these fields; it has {', '.join(file.names)}")
        for name in fields:
            file.field(name)
        self.over, self.file, self.fields, self.several, self.repeat = (TIME,), file, list(fields), several, repeat
        self.at = [[float(t) for t in file.times - file.times[0]]]
        self.knots, self.normal, self.on = [], normal, torch.device(device)
        self._along = {
            axis: torch.tensor(centres, dtype=torch.float64, device=device)
            for axis, centres in zip(NAMES, (file.z, file.y, file.x), strict=True)
            if axis != NAMES[normal] and len(centres) > 1
        }
        self._kept: dict[int, Tensor] = {}
        self.rows: tuple[list[int], int] | None = None  # of species: where each field goes, of how many

    @property
    def device(self) -> torch.device:
        return self.on

    @property
    def places(self) -> dict[str, list[float]]:
        """Some of its times, and some of the centres of its cells."""
        return {TIME: few(self.at[0]), **{name: few(centres.tolist()) for name, centres in self._along.items()}}

    @property
    def unsteady(self) -> bool:
        return len(self.at[0]) > 1

    @property
    def peak(self) -> float:
        """The largest modulus of some of the planes."""
        records = [self.file.at(i) for i in few(range(len(self.at[0])), MOST_SAMPLES)]
        return max(float(np.abs(record[name]).max()) for record in records for name in self.fields)

    def first(self) -> Tensor:
        """The first plane, (rows, nz, ny, nx)."""
        return self._record(0)

    def _record(self, index: int) -> Tensor:
        if index not in self._kept:
            found = self.file.at(index)
            stacked = np.stack([found[name] for name in self.fields])
            for old in [i for i in self._kept if not index - 1 <= i <= index + 1]:
                del self._kept[old]
            self._kept[index] = torch.tensor(stacked, dtype=torch.float64, device=self.on)
        return self._kept[index]

    def __call__(self, t: float, points: Tensor) -> Tensor:
        """(nz, ny, nx), or (rows, nz, ny, nx), at the points. Raises FileFormatError for damaged records."""
        if self.unsteady:
            i, w = self._moment(t, self.at[0])
            a, b = self._record(i), self._record(i + 1)
            values = a + w * (b - a)
        else:
            values = self._record(0)
        # one entry along the normal, and along what the plane does not extend in
        lattice = values.squeeze(self.normal + 1).movedim(0, -1)
        axes = [axis for axis in range(3) if axis != self.normal]
        where = []
        for place, axis in enumerate(axes):
            knots = self._along.get(NAMES[axis])
            if knots is None:
                lattice = lattice.expand(*(2 if d == place else -1 for d in range(3)))
                knots = points.new_tensor([0.0, 1.0])
            where.append(self._between(points[axis], knots))
        found = self._interpolated(lattice, where).movedim(-1, 0)
        if self.rows is not None:
            whole = found.new_zeros(self.rows[1], *found.shape[1:])
            whole[self.rows[0]] = found / found.sum(0)
            return whole
        return found if self.several else found[0]


def few(values: Sequence[Number], most: int = FEW) -> list[Number]:
    """At most so many of them, evenly, with both ends."""
    picked = np.unique(np.linspace(0, len(values) - 1, min(len(values), most)).round().astype(int))
    return [values[i] for i in picked]


def opened(
    path: str, place: str, axis: int, reach: dict[str, tuple[float, float]], directions: Sequence[str]
) -> planes.Planes:
    """The file of planes for a side normal to `axis`. Raises ConfigError naming `place` where it does not fit it."""
    try:
        file = planes.read(path)
    except FileFormatError as error:
        raise ConfigError(f"{place}.file: {error}") from error
    if not len(file.times):
        raise ConfigError(f"{place}.file: {path}: holds no plane yet")
    centres = dict(zip(NAMES, (file.z, file.y, file.x), strict=True))
    if len(centres[NAMES[axis]]) != 1:
        raise ConfigError(
            f"{place}.file: {path}: is a plane normal to {file.normal}, the side is normal to {NAMES[axis]}"
        )
    for name in (d for d in directions if d != NAMES[axis]):
        c, (low, high) = centres[name], reach[name]
        if len(c) < 2:
            raise ConfigError(f"{place}.file: {path}: has one cell in {name}, along which the side extends")
        first, last = 1.5 * c[0] - 0.5 * c[1], 1.5 * c[-1] - 0.5 * c[-2]
        # Half a cell is let pass: of stretched cells the outer faces do not follow from the centres.
        if c[0] > low + (c[1] - c[0]) or c[-1] < high - (c[-1] - c[-2]):
            raise ConfigError(
                f"{place}.file: {path}: its cells go from {name} = {first:.6g} to {last:.6g} m, the side from "
                f"{low:.6g} to {high:.6g} m: a plane must cover it"
            )
    return file
