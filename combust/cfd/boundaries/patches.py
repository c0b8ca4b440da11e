"""Where conditions act: the part of a side that a block touches, its points, and what holds there now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import zip_longest

import numpy as np
import torch
from torch import Tensor

from combust.cfd.boundaries.conditions import Boundary, Inflow, Parts, Place
from combust.cfd.boundaries.values import Values, evaluate
from combust.cfd.mesh.grid import NAMES, ROUND_OFF, Grid
from combust.cfd.mesh.require import same_device
from combust.errors import ConfigError

OF_ONE = 1e-6  # that mass fractions may miss in their sum
CUT = 1e-6  # of a cell: edges that near to a face lie on it
Run = tuple[int, int]  # first of the padded cells or faces along an axis, and how many


@dataclass
class Patch:
    """A condition on a side of a block, or on the cells of it that belong to its part.

    over : axis that the part is a range of, None for the whole side;  cells, faces : its padded ones along that axis
    rows : of T and Y, None where that is not known
    """

    grid: Grid
    condition: Boundary
    at: Place
    over: int | None = None
    cells: Run = (0, 0)
    faces: Run = (0, 0)
    rows: int | None = None

    def __post_init__(self) -> None:
        c = self.condition
        self.functions = c.functions
        self.time: float | None = None
        for name, value in (("scalars", c.scalars), ("stream", c.stream)):
            if isinstance(value, Tensor) and not same_device(value.device, self.grid.device):
                raise ConfigError(f"{type(c).__name__}: {name}: lies on {value.device}, the grid on {self.grid.device}")
            if isinstance(value, Tensor) and self.rows not in (None, len(value)):
                raise ConfigError(f"{type(c).__name__}: {name}: has {len(value)} entries, T and Y are {self.rows}")
            if isinstance(value, Tensor) and len(value) > 1:
                _require_gas(f"{type(c).__name__}: {name}", value)
        _require_inwards(c, self.at)
        self.points = {s: self._points(s) for s in (None, *self.grid.layout.axes)} if self.functions else {}
        heat = 0.0 if callable(c.heat) else c.heat
        self.at.now = Values(c.velocity, _column(c.scalars), _column(c.stream), heat)  # type: ignore[arg-type]

    @property
    def unsteady(self) -> bool:
        return self.condition.unsteady

    def set(self, t: float) -> None:
        """From here on it holds what it does at time t [s]."""
        if self.functions and t != self.time and (self.time is None or self.unsteady):
            self.at.now = self.values(t)
            self.time = t

    def values(self, t: float) -> Values:
        """What it holds at time t [s]. Raises ConfigError for a function that returns something else."""
        c, name = self.condition, type(self.condition).__name__
        moves = any(callable(v) for v in c.velocity)
        velocity = [self.velocity(a, t) for a in range(3)] if moves else c.velocity
        scalars, stream = (
            evaluate(f"{name}: {key}", value, t, self.points[None], self.rows or -1, key == "scalars")
            if callable(value)
            else _column(value)
            for key, value in (("scalars", c.scalars), ("stream", c.stream))
        )
        for key, value in (("scalars", scalars), ("stream", stream)):
            if callable(getattr(c, key)) and value is not None and len(value) > 1:
                _require_gas(f"{name}: {key}: its function, at t = {t:.6g} s", value)
        # Once: what turbulence or an earlier run brings may be directed outwards at all points of one rank at times.
        if self.time is None and not getattr(c.velocity[self.at.axis], "turns", False):
            _require_inwards(c, self.at, velocity[self.at.axis], f", at t = {t:.6g} s")  # type: ignore[arg-type]
        heat = evaluate(f"{name}: heat", c.heat, t, self.points[None]) if callable(c.heat) else c.heat
        return Values(velocity, scalars, stream, heat)  # type: ignore[arg-type]

    def velocity(self, component: int, t: float) -> float | Tensor:
        """A component of the velocity that is given on the side [m/s], at its points."""
        value, axis = self.condition.velocity[component], self.at.axis
        if not callable(value):
            return value
        if component not in self.grid.layout.axes:
            return 0.0
        points = self.points[None if component == axis else component]
        return evaluate(f"{type(self.condition).__name__}: velocity[{component}]", value, t, points)

    def view(self, data: Tensor, stagger: int | None = None) -> Tensor:
        """The part of padded data, cells or faces normal to axis `stagger`, that belongs to this patch."""
        if self.over is None:
            return data
        start, count = self.faces if stagger == self.over else self.cells
        return data.narrow(self.over - 3, start, count)

    def _owned(self) -> tuple[int, int]:
        """First and number of its own cells of the block along `over`."""
        assert self.over is not None
        g, n = self.grid.layout.g[self.over], self.grid.layout.n[self.over]
        first = min(max(self.cells[0] - g, 0), n)
        last = min(max(sum(self.cells) - g, 0), n)
        return first, last - first

    def owned(self, data: Tensor) -> Tensor:
        """The part of an array of owned cells (..., nz, ny, nx) that belongs to this patch."""
        return data if self.over is None else data.narrow(self.over - 3, *self._owned())

    def inner(self, value: Tensor) -> Tensor:
        """Of values at the padded points of the cells those at owned cells; of constants themselves."""
        for a in self.grid.layout.axes:
            if a == self.at.axis or value.shape[a - 3] == 1:
                continue
            start, count = self.grid.layout.g[a], self.grid.layout.n[a]
            if a == self.over:
                own, count = self._owned()
                start = own + start - self.cells[0] if count else 0  # it may have ghosts alone on this rank
            value = value.narrow(a - 3, start, count)
        return value

    def _points(self, stagger: int | None) -> Tensor:
        """(3, nz, ny, nx) coordinates of padded cells beside the side, or of faces normal to a direction in it [m]."""
        axes = [self._coordinates(a, a == stagger and a != self.at.axis) for a in range(3)]
        for a in range(3):
            if a == self.over:
                start, count = self.faces if stagger == a else self.cells
                axes[a] = axes[a][start : start + count]
        z, y, x = (torch.tensor(c, dtype=torch.float64, device=self.grid.device) for c in axes)
        return torch.stack(torch.meshgrid(z, y, x, indexing="ij"))

    def _coordinates(self, axis: int, of_faces: bool) -> np.ndarray:
        faces, block = self.grid.faces[axis], self.grid.block
        if axis == self.at.axis:
            return faces[[0 if self.at.side == 0 else -1]]
        g, n, total = self.grid.layout.g[axis], self.grid.layout.n[axis], block.shape[axis]
        where = np.arange(-g, n + g + of_faces) + block.start[axis]
        if block.periodic[axis]:
            where %= total
        if of_faces:
            return faces[where.clip(0, total)]
        # A ghost beyond a side has no width: it lies on the side.
        centres = np.concatenate([faces[:1], 0.5 * (faces[1:] + faces[:-1]), faces[-1:]])
        return centres[where.clip(-1, total) + 1]


def _require_gas(what: str, values: Tensor) -> None:
    """Raises ConfigError for (1 + species, ...) T and Y of no gas; NaN, of zero gradient, is let pass."""
    T, Y = values[0], values[1:]
    if not bool((torch.isnan(T) | (T > 0)).all()):
        raise ConfigError(f"{what}: T = {float(T[~torch.isnan(T)].min()):g} K: must be greater than 0")
    total = Y.sum(0)
    wrong = (total - 1).abs() > OF_ONE  # false of NaN
    if bool(wrong.any()):
        raise ConfigError(f"{what}: mass fractions sum to {float(total[wrong].flatten()[0]):.6g}, must be 1")
    if bool((Y < -OF_ONE).any()):
        raise ConfigError(f"{what}: a mass fraction is {float(Y[~torch.isnan(Y)].min()):.6g}, must be at least 0")


def _require_inwards(condition: Boundary, at: Place, given: float | Tensor | None = None, when: str = "") -> None:
    """Raises ConfigError for an inflow that is directed outwards at all its points."""
    value = condition.velocity[at.axis] if given is None else given
    if not isinstance(condition, Inflow) or callable(value):
        return
    inwards = (1 - 2 * at.side) * value
    most = float(inwards.max()) if isinstance(inwards, Tensor) and inwards.numel() else inwards
    if not isinstance(most, Tensor) and most < 0:
        raise ConfigError(
            f"{type(condition).__name__}: velocity[{at.axis}]: {(1 - 2 * at.side) * most:g} m/s at the "
            f"{('low', 'high')[at.side]} side of {NAMES[at.axis]}{when}: it is directed outwards; components point "
            "along the axes, so that gas enters at a high side with a negative one"
        )


def _column(values: object) -> Tensor | None:
    return values.reshape(-1, 1, 1, 1) if isinstance(values, Tensor) else None


def patches(grid: Grid, axis: int, side: int, condition: Boundary | Parts, rows: int | None = None) -> list[Patch]:
    """The patches of a side of this block; rows : of T and Y. Raises ConfigError for parts that do not fit the side."""
    at = Place(axis, side, grid.layout.g[axis], Values((), None, None))
    if isinstance(condition, Boundary):
        return [Patch(grid, condition, at, rows=rows)]
    over = condition.over
    if over == axis or over not in grid.layout.axes:
        allowed = " and ".join(NAMES[a] for a in reversed(grid.layout.axes) if a != axis) or "none: it is a point"
        raise ConfigError(f"Parts: over = {over}: no axis in a side normal to {NAMES[axis]}; allowed: {allowed}")
    owner = fit(condition, grid.faces[over])
    g, n, total = grid.layout.g[over], grid.layout.n[over], grid.block.shape[over]
    where = np.arange(-g, n + g) + grid.block.start[over]
    where = where % total if grid.block.periodic[over] else where.clip(0, total - 1)
    cells = owner[where]
    faces = between(cells, [hold(c) for c in condition.conditions])
    found = []
    for k, part in enumerate(condition.conditions):
        for of_cells, of_faces in zip_longest(runs(cells == k), runs(faces == k), fillvalue=(0, 0)):
            found.append(Patch(grid, part, replace(at), over, of_cells, of_faces, rows))
    return found


def hold(condition: Boundary) -> int:
    """How firmly a part holds the velocity along the side: walls with friction, then inflows, then what is free."""
    return 0 if condition.slip else 1 if isinstance(condition, Inflow) else 2


def between(cells: np.ndarray, held: list[int]) -> np.ndarray:
    """Part of each face between cells and at the ends; between two parts that which holds more has it, or the lower."""
    low, high = np.concatenate([cells[:1], cells]), np.concatenate([cells, cells[-1:]])
    firm = np.array(held)
    return np.where(firm[high] > firm[low], high, low)


def runs(mask: np.ndarray) -> Iterator[Run]:
    """(first, count) of each stretch of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    for first, end in zip(edges[::2], edges[1::2], strict=True):
        yield int(first), int(end - first)


def fit(parts: Parts, faces: np.ndarray) -> np.ndarray:
    """The part that each cell of the whole side belongs to, by its centre; faces : along parts.over [m].

    Raises ConfigError for parts that do not meet, do not cover the side, or hold no cell.
    """
    name = NAMES[parts.over]
    order = sorted(range(len(parts.ranges)), key=lambda k: parts.ranges[k])
    near = ROUND_OFF * float(faces[-1] - faces[0])
    reached = float(faces[0])
    for k in order:
        low, high = parts.ranges[k]
        if abs(low - reached) > near:
            what = "is left out" if low > reached else "is given twice"
            a, b = sorted((low, reached))
            raise ConfigError(
                f"{name} from {a:.6g} to {b:.6g} m {what}: parts must meet, and cover the side, {name} from "
                f"{faces[0]:.6g} to {faces[-1]:.6g} m"
            )
        reached = high
    if abs(reached - float(faces[-1])) > near:
        raise ConfigError(f"parts end at {name} = {reached:.6g} m, and the side at {faces[-1]:.6g} m: cover it all")
    edges = np.array([parts.ranges[k][1] for k in order[:-1]])
    owner = np.array(order)[np.searchsorted(edges, 0.5 * (faces[1:] + faces[:-1]), side="right")]
    for k, (low, high) in enumerate(parts.ranges):
        if not (owner == k).any():
            raise ConfigError(
                f"the part from {name} = {low:.6g} to {high:.6g} m holds the centre of no cell: widen it, refine the "
                "mesh, or put its edges on faces"
            )
    return owner


def cut_cells(faces: np.ndarray, parts: Parts) -> list[tuple[float, float, float]]:
    """(edge, face where it acts, share of the cell between them) of each edge within a cell [m, m, -]; see `fit`."""
    found = []
    for edge in sorted({high for _, high in parts.ranges if high < faces[-1]}):
        cell = min(max(int(np.searchsorted(faces, edge, side="right")) - 1, 0), len(faces) - 2)
        low, high = float(faces[cell]), float(faces[cell + 1])
        face = low if edge - low <= high - edge else high
        share = abs(edge - face) / (high - low)
        if share > CUT:
            found.append((edge, face, share))
    return found


def any_unsteady(condition: Boundary | Parts | None) -> bool:
    """Whether a side holds anything that may change with time."""
    conditions = condition.conditions if isinstance(condition, Parts) else [condition] if condition else []
    return any(c.unsteady for c in conditions)
