"""The flow at the start of a step, as closures and sources see it."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import torch
from torch import Tensor

from combust.cfd.closures.domain import Domain
from combust.cfd.closures.names import Filter
from combust.cfd.closures.near_walls import Gas, NearWall, near_wall, sides_with_friction
from combust.cfd.mesh.grid import Faces, Grid, along
from combust.cfd.operators.coefficients import Coefficients
from combust.cfd.operators.gradients import gradient
from combust.cfd.operators.momentum import cell_velocity, velocity_gradient
from combust.errors import ConfigError
from combust.kernels import compiled
from combust.kinetics.rates.thermo import Thermo

T = TypeVar("T")

gradient_kernel = compiled(velocity_gradient)
velocity_kernel = compiled(cell_velocity)


@dataclass(frozen=True)
class View:
    """The flow at time t. What it holds must not be changed.

    u : per axis (z, y, x) velocities on faces, padded [m/s];  q : (1 + species, ...) T [K] and Y, padded
    rho : (nz, ny, nx) density of the owned cells [kg/m3];  p0 : thermodynamic pressure [Pa], 0-d
    t, dt : time of this state and length of the step that it starts [s]
    carried : (rows, ...) what the closure carries, padded; None of one that carries nothing
    gas : gives its transport coefficients, padded;  thermo : its thermodynamics
    chemistry : gives the rates of its reactions
    drive : force per volume that held the bulk flow in the last step, along z, y, x [N/m3]; None where nothing did

    A closure or source that needs what other ranks have asks with `padded`, `sum` and `max`, on all ranks in the same
    order: where one has failed, all get its error there. It sends no messages of its own.
    """

    domain: Domain
    u: Faces
    q: Tensor
    rho: Tensor
    p0: Tensor
    t: float
    dt: float
    gas: Callable[[], Coefficients] | None = None
    drive: Tensor | None = None
    thermo: Thermo | None = None
    carried: Tensor | None = None
    chemistry: Callable[[], Tensor] | None = None

    @property
    def grid(self) -> Grid:
        """The grid: widths, centres, volumes, `layout` to cut padded arrays."""
        return self.domain.grid

    @cached_property
    def gradients(self) -> Tensor:
        """du_i/dx_j at the owned cells, (3, 3, nz, ny, nx) with i and j in the order z, y, x [1/s]."""
        return gradient_kernel(self.u, self.grid.layout, self.grid.metrics, self.domain.slope_weights)

    @cached_property
    def coefficients(self) -> Coefficients:
        """Transport coefficients of the gas, padded: viscosity [Pa s], conductivity [W/m/K], ..."""
        if self.gas is None:
            raise ConfigError("this view knows no transport coefficients: give View(..., gas=...)")
        return self.gas()

    @property
    def kinematic_viscosity(self) -> Tensor:
        """Of the gas in the owned cells, (nz, ny, nx) [m2/s]."""
        return along(self.coefficients.viscosity, self.grid.layout, 2, 0, 0) / self.rho

    def once(self, name: Hashable, make: Callable[[], T]) -> T:
        """make() the first time, what it gave after that: of what a closure asks more than once of one flow."""
        made: dict[Hashable, T] = self.__dict__.setdefault("_made", {})
        if name not in made:
            made[name] = make()
        return made[name]

    @cached_property
    def reactions(self) -> Tensor:
        """Mass production rates of the owned cells by the mechanism, (species, nz, ny, nx) [kg/m3/s]: not multiplied by
        what turbulence below the grid makes of them.
        """
        if self.chemistry is None:
            raise ConfigError("this view knows no reactions: give View(..., chemistry=...)")
        return self.chemistry()

    def padded(self, field: Tensor) -> Tensor:
        """A field of owned cells (..., nz, ny, nx) with ghosts: those of other ranks and of the other end of periodic
        directions; beyond sides each repeats the cell at the side, as for a zero gradient (collective).
        """
        return self.domain.padded(field)

    def sum(self, values: Tensor) -> Tensor:
        """The sum over all ranks of a tensor of one shape, to the same bits on each (collective)."""
        return self.domain.sum(values)

    @cached_property
    def walls(self) -> tuple[NearWall, ...]:
        """The flow beside each side of this block that has a wall with friction; it has none where it touches none."""
        if not self.domain.friction:
            return ()
        if self.thermo is None:
            raise ConfigError("this view knows no thermodynamics of its gas: give View(..., thermo=...)")
        gas = Gas(self.q, self.p0, self.coefficients, self.thermo)
        return tuple(near_wall(self.grid, key, where, self.u, gas) for key, where in self.domain.friction.items())

    @cached_property
    def wall_units(self) -> Tensor:
        """y+ = y u_tau/nu of the owned cells, (nz, ny, nx): of the nearest piece of a wall with friction the distance,
        and the friction velocity by the slope of the velocity (collective). Raises ConfigError where there is none.
        """
        near = self.domain.nearest_wall
        if not near.starts:
            raise ConfigError(
                "turbulence.van_driest: damps eddies at walls with friction, and this case has none: leave it out, or "
                'use boundary kind = "wall" without slip'
            )
        per_length = torch.zeros(near.pieces, dtype=torch.float64, device=self.grid.device)
        shape, block = self.grid.block.shape, self.grid.block
        for wall in self.walls:
            sides = [1 if a == wall.axis else n for a, n in enumerate(shape)]
            start = near.starts[wall.key]
            part = per_length[start : start + math.prod(sides)].view(sides)
            for a in range(3):
                if a != wall.axis:
                    part = part.narrow(a, block.start[a], block.count[a])
            part.copy_((wall.speed / (wall.distance * wall.viscosity)).sqrt())
        return near.distance * self.sum(per_length)[near.piece]

    @cached_property
    def velocity(self) -> Tensor:
        """Means of the faces of the owned cells, (3: z, y, x, nz, ny, nx) [m/s]."""
        return velocity_kernel(self.u, self.grid.layout)

    def max(self, values: Tensor) -> Tensor:
        """The largest of all ranks of each number in a tensor of one shape (collective)."""
        return self.domain.max(values)

    @cached_property
    def carried_gradients(self) -> Tensor:
        """grad f of each quantity that the closure carries, (rows, 3: z, y, x, nz, ny, nx)."""
        assert self.carried is not None
        return torch.stack([gradient(f, self.grid.layout, self.grid.metrics) for f in self.carried])

    def inner(self, f: Tensor) -> Tensor:
        """The owned cells of a padded array."""
        return along(f, self.grid.layout, 2, 0, 0)

    @property
    def bounded(self) -> bool:
        """Whether any side of the domain has a wall with friction, whatever this block touches."""
        return bool(sides_with_friction(self.domain.boundaries))

    @property
    def T(self) -> Tensor:
        """Temperature of the owned cells [K]."""
        return along(self.q[0], self.grid.layout, 2, 0, 0)

    @property
    def Y(self) -> Tensor:
        """Mass fractions of the owned cells, (species, nz, ny, nx)."""
        return along(self.q[1:], self.grid.layout, 2, 0, 0)

    @property
    def filter_width(self) -> Tensor:
        """Geometric mean of a cell's widths over the active directions, (nz, ny, nx) [m]."""
        return self.domain.filter_width

    def width(self, filter: Filter) -> Tensor:
        """The width (nz, ny, nx) [m] of the filter of that name. Raises ConfigError as `Domain.scotti_width`."""
        return self.domain.width(filter)

    @property
    def wall_distance(self) -> Tensor:
        """Distance from the nearest wall with friction, (nz, ny, nx) [m]; infinite without one."""
        return self.domain.wall_distance
