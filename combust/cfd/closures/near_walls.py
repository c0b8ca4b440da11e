"""The flow beside walls with friction: what laws of the wall are asked about."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from combust.cfd.boundaries.conditions import Boundary, Parts, Side, Sides, Wall, conditions_of
from combust.cfd.mesh.grid import NAMES, Faces, Grid, cut
from combust.cfd.operators.coefficients import Coefficients, density, molecular
from combust.kinetics.rates.thermo import Thermo


class Gas(NamedTuple):
    """The gas of a block: q : padded (T, Y);  p0 : [Pa];  coefficients : padded."""

    q: Tensor
    p0: Tensor
    coefficients: Coefficients
    thermo: Thermo


class NearWall(NamedTuple):
    """The cells of this block beside one of its sides with friction; planes are (nz, ny, nx) with 1 along `axis`.

    side : 0 the low one, 1 the high one;  friction : where on the side there is a wall with friction
    distance : of the centres of these cells from the side [m], to broadcast
    slip : per tangential direction (z, y, x) the velocity at the centres less that of the wall [m/s], None: zero
    speed : its modulus [m/s]
    viscosity, heat : kinematic viscosity and thermal diffusivity of the gas at the wall [m2/s]
    density : of the gas there [kg/m3]
    """

    axis: int
    side: int
    friction: Tensor
    distance: Tensor
    slip: Faces
    speed: Tensor
    viscosity: Tensor
    heat: Tensor
    density: Tensor

    @property
    def key(self) -> tuple[int, int]:
        """What `EddyFields.wall` names the side by."""
        return self.axis, self.side

    def cells(self, f: Tensor) -> Tensor:
        """Of a field of the owned cells (..., nz, ny, nx) that of the cells beside the side, a view."""
        return edge(f, self.axis, self.side)


def edge(f: Tensor, axis: int, side: int) -> Tensor:
    """The layer of (..., nz, ny, nx) at the low (0) or high (1) end of an axis, a view."""
    return f.narrow(axis - 3, side * (f.shape[axis - 3] - 1), 1)


def has_friction(condition: Boundary) -> bool:
    """Whether it is a wall with friction."""
    return isinstance(condition, Wall) and not condition.slip


def sides_with_friction(boundaries: tuple[Sides, Sides, Sides]) -> tuple[tuple[int, int], ...]:
    """(axis, side) of all sides of the domain that are walls with friction, or have one as a part."""
    return tuple(
        (a, s)
        for a, sides in enumerate(boundaries)
        for s, side in enumerate(sides)
        if any(has_friction(c) for c in conditions_of(side))
    )


def ranges(side: Side, axis: int, holds: Callable[[Boundary], bool]) -> Iterator[tuple[int, float, float]]:
    """(axis, from, to) that conditions of a kind reach over on a side of an axis; all along `axis` where it has one."""
    if isinstance(side, Parts):
        for (low, high), condition in zip(side.ranges, side.conditions, strict=True):
            if holds(condition):
                yield side.over, low, high
    elif side is not None and holds(side):
        yield axis, -math.inf, math.inf


def with_friction(side: Side, axis: int) -> Iterator[tuple[int, float, float]]:
    """(axis, from, to) that walls with friction on a side reach over; all along any axis where it is one."""
    return ranges(side, axis, has_friction)


def where(side: Side, axis: int, grid: Grid, holds: Callable[[Boundary], bool]) -> Tensor:
    """Where on a side of an axis its condition is of a kind, to broadcast over a plane of the owned cells beside it."""
    found = torch.zeros((), dtype=torch.bool, device=grid.device)
    for over, low, high in ranges(side, axis, holds):
        place = grid.centres[over]
        found = ~found if over == axis else found | ((place >= low) & (place < high))
    return found


def where_friction(side: Side, axis: int, grid: Grid) -> Tensor:
    """Where on a side there is a wall with friction: a plane of the owned cells beside it."""
    plane = [1 if a == axis else n for a, n in enumerate(grid.layout.n)]
    return where(side, axis, grid, has_friction).expand(plane).clone()


def near_wall(grid: Grid, key: tuple[int, int], friction: Tensor, u: Faces, gas: Gas) -> NearWall:
    """The flow beside a side; friction : where it is;  u : padded velocities."""
    axis, side = key
    layout, metric = grid.layout, grid.metrics[axis]
    assert metric is not None
    slip: list[Tensor | None] = [None] * 3
    square = torch.zeros_like(friction, dtype=torch.float64)
    for c in layout.axes:
        f = u[c]
        if c == axis or f is None:
            continue
        # Ghosts beyond a side have no width: they hold the velocity of the wall.
        around = cut(f, layout, **{NAMES[c]: (0, 1), NAMES[axis]: (-1, 1)})
        n, last = layout.n[c], around.shape[axis] - 1
        around = 0.5 * (around.narrow(c, 0, n) + around.narrow(c, 1, n))
        relative = around.narrow(axis, side * (last - 2) + 1, 1) - around.narrow(axis, side * last, 1)
        slip[c], square = relative, square + relative * relative

    def at_wall(f: Tensor) -> Tensor:
        return edge(cut(f, layout, **{NAMES[axis]: (-1, 1)}), axis, side)

    mu, conductivity = at_wall(gas.coefficients.viscosity), at_wall(gas.coefficients.conductivity)
    q = at_wall(gas.q)
    nu, alpha = molecular(mu, conductivity, q, gas.p0, gas.thermo)
    rho = density(gas.thermo, q[0], q[1:], gas.p0)
    distance = 0.5 * edge(metric.width, axis, side)
    return NearWall(axis, side, friction, distance, tuple(slip), square.sqrt(), nu, alpha, rho)
