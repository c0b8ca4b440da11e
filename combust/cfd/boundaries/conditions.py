"""Boundary conditions of the low-Mach solver.

A condition says what its ghost cells hold: scalars (T, Y) fixed or with zero gradient, tangential velocity fixed or
with zero gradient, normal velocity fixed on the boundary face or free with a fixed pressure. What flows in is a stream
of its own: advection carries its density, Y and h through the face, whatever the ghosts hold for diffusion. Each value
is a number, or a function of time and place (values.py), on a whole side or on a part of it (patches.py). Adding one:
a dataclass with these answers, its table in settings.py and its line in build.py of this folder.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from combust.cfd.boundaries.values import Function, Values, samples, unsteady
from combust.cfd.mesh.halo import copy_edge, ghosts_of
from combust.errors import ConfigError
from combust.settings.eddies import Eddies

Stream = Callable[[Eddies, float | Tensor], Sequence[Tensor]]


@dataclass
class Place:
    """Where a condition writes: `ghosts` layers beyond the low (0) or high (1) side of an axis; now : what it holds."""

    axis: int
    side: int
    ghosts: int
    now: Values


def still() -> list[float | Function]:
    """A velocity of zero."""
    return [0.0, 0.0, 0.0]


@dataclass
class Boundary:
    """Zero-gradient everywhere, closed: the base of all conditions. Its methods write ghosts, with what holds now.

    velocity : (z, y, x) [m/s], each a number or a function
    scalars : (1 + species) values of T [K] and Y, NaN where the gradient is zero; or a function
    stream : (1 + species) T and Y of what advection brings in through the side, or a function; None: what ghosts hold
    diffusion_counts : whether diffusion through the side is part of what crosses it in the balances
    heat : what enters the gas through the side beside conduction [W/m2], a number or a function
    Functions of time and points are those of values.py. Raises ConfigError naming the argument that is something else.
    """

    velocity: list[float | Function] = field(default_factory=still)
    scalars: Tensor | Function | None = None
    stream: Tensor | Function | None = None
    diffusion_counts: bool = True
    pressure: str = "neumann"
    slip: bool = True
    heat: float | Function = 0.0

    def __post_init__(self) -> None:
        name = type(self).__name__
        if self.pressure not in ("neumann", "dirichlet"):
            raise ConfigError(f'{name}: pressure = {self.pressure!r}: allowed are "neumann" and "dirichlet"')
        if len(self.velocity) != 3 or not all(callable(v) or isinstance(v, int | float) for v in self.velocity):
            raise ConfigError(f"{name}: velocity: needs three numbers or functions, of z, y and x")
        if not (callable(self.heat) or isinstance(self.heat, int | float)):
            raise ConfigError(f"{name}: heat: needs a number or a function")
        for key in ("scalars", "stream"):
            value = getattr(self, key)
            if value is None or callable(value):
                continue
            if not isinstance(value, Tensor) or value.dim() != 1 or value.dtype != torch.float64:
                raise ConfigError(f"{name}: {key}: needs a float64 tensor (1 + species) of T and Y, or a function")

    @property
    def functions(self) -> bool:
        """Whether anything here is a function."""
        return any(callable(value) for value in (*self.velocity, self.scalars, self.stream, self.heat))

    @property
    def unsteady(self) -> bool:
        """Whether anything here may change with time."""
        return any(unsteady(value) for value in (*self.velocity, self.scalars, self.stream, self.heat))

    @property
    def opens(self) -> bool:
        """Whether gas passes as the flow has it, out or in."""
        return self.pressure == "dirichlet"

    @property
    def heated(self) -> bool:
        """Whether it passes heat beside what conducts."""
        return callable(self.heat) or self.heat != 0.0

    def fill_scalars(self, data: Tensor, at: Place) -> None:
        """Ghosts of the stacked (T, Y): fixed values where given, else the value of the edge cell."""
        copy_edge(data, at.axis, at.side, at.ghosts)
        fixed = at.now.scalars
        if fixed is None:
            return
        beyond = ghosts_of(data, at.axis, at.side, at.ghosts)
        beyond.copy_(torch.where(torch.isnan(fixed), beyond, fixed))

    def fill_stream(self, data: Tensor, at: Place) -> None:
        """Ghosts of the stacked (T, Y) as advection takes them: those of the stream, if there is one."""
        if at.now.stream is not None:
            ghosts_of(data, at.axis, at.side, at.ghosts).copy_(at.now.stream)

    def fill_backflow(self, data: Tensor, at: Place, enters: Tensor) -> None:
        """The same of an open side, whose stream is there only at the faces where gas enters."""
        if at.now.stream is not None:
            ghosts = ghosts_of(data, at.axis, at.side, at.ghosts)
            ghosts.copy_(torch.where(enters, at.now.stream, ghosts))

    def fill_thermal_diffusion(self, data: Tensor, at: Place) -> None:
        """Ghosts of the coefficients of thermal diffusion: as computed."""

    def fill_eddies(self, data: Tensor, at: Place, law: slice | None = None) -> None:
        """Ghosts of the eddies' diffusivities: the value of the edge cell. law : the rows of `data` whose edge cells
        hold what laws of the wall say of this side, of viscosity and heat.
        """
        copy_edge(data, at.axis, at.side, at.ghosts)

    def fill_carried(self, data: Tensor, at: Place, walls: Tensor | None, given: Stream) -> None:
        """Ghosts of what a closure carries, (rows, ...): the value of the edge cell.

        walls : what walls with friction hold, by the cell beside them, padded, NaN where the gradient is zero
        given : rows of a stream with these eddies and this speed [m/s]
        """
        copy_edge(data, at.axis, at.side, at.ghosts)

    def fill_velocity(self, data: Tensor, at: Place, component: int) -> None:
        """Normal component: the boundary face itself if fixed; ghosts follow. Tangential: wall value or edge value."""
        axis, ghosts = at.axis, at.ghosts
        if component == axis:
            if self.pressure == "neumann":
                n = data.shape[axis - 3]
                write(data.narrow(axis - 3, ghosts if at.side == 0 else n - ghosts - 1, 1), at.now.velocity[axis])
            copy_edge(data, axis, at.side, ghosts)
        elif self.slip:
            copy_edge(data, axis, at.side, ghosts)
        else:
            write(ghosts_of(data, axis, at.side, ghosts), at.now.velocity[component])


def write(data: Tensor, value: float | Tensor) -> None:
    """data = value, in place."""
    if isinstance(value, Tensor):
        data.copy_(value)
    else:
        data.fill_(value)


@dataclass
class Inflow(Boundary):
    """A stream enters: its velocity and density give the mass flux, which carries its Y and h.

    With a `stream` and no `scalars` that is all that crosses the face: the total fluxes are those of the stream, and
    the gas at the face floats (Danckwerts 1953, doi:10.1016/0009-2509(53)80001-1). With `scalars` and no `stream` T and
    Y are held at the face, and what diffuses through it comes on top, uncounted.
    eddies : smaller than the stream's means, for closures that carry some of their quantities
    """

    slip: bool = False
    eddies: Eddies | None = None

    def fill_carried(self, data: Tensor, at: Place, walls: Tensor | None, given: Stream) -> None:
        """Those of the stream where it has them, else the value of the edge cell."""
        copy_edge(data, at.axis, at.side, at.ghosts)
        if self.eddies is None:
            return
        speed = at.now.velocity[at.axis]
        beyond = ghosts_of(data, at.axis, at.side, at.ghosts)
        for row, value in zip(
            beyond, given(self.eddies, speed if isinstance(speed, float) else speed.abs()), strict=True
        ):
            row.copy_(torch.where(torch.isnan(value), row, value))

    @property
    def streams(self) -> list[Tensor]:
        """(1 + species) T and Y of each gas that flows in, as far as constants and tables tell."""
        return samples(self.stream if self.stream is not None else self.scalars)


@dataclass
class Burner(Inflow):
    """A cooled porous plug: the fluxes of species are those of the stream, T is held, and heat conducts into it."""

    def fill_thermal_diffusion(self, data: Tensor, at: Place) -> None:
        """None: Y floats at the face, where T does not, and no species may cross it but by the stream."""
        ghosts_of(data, at.axis, at.side, at.ghosts).zero_()

    def fill_eddies(self, data: Tensor, at: Place, law: slice | None = None) -> None:
        """None: in the pores there is no motion but that of the stream, and heat goes into the plug by conduction."""
        ghosts_of(data, at.axis, at.side, at.ghosts).zero_()


@dataclass
class Outflow(Boundary):
    """Fixed pressure, zero gradient of everything else.

    Where gas comes back in, its pressure is less by rho u^2 / 2, as of gas that was at rest; it is that of `stream`, or
    without one as that of the cell it enters.
    """

    pressure: str = "dirichlet"


@dataclass
class ConvectiveOutflow(Outflow):
    """The velocity normal to the side is carried out: du/dt + U_c du/dn = 0 (outflow.py), and no pressure is fixed.

    convection : U_c [m/s], above 0; None: the mean velocity at which gas leaves by the side. To be given where another
        side or part fixes the pressure. Raises ConfigError.
    """

    pressure: str = "neumann"
    convection: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        U = self.convection
        if U is not None and not (isinstance(U, int | float) and 0 < U < math.inf):
            raise ConfigError(f"ConvectiveOutflow: convection = {U!r}: must be a velocity above 0 [m/s]")

    @property
    def opens(self) -> bool:
        """Gas passes as the flow has it."""
        return True

    def fill_velocity(self, data: Tensor, at: Place, component: int) -> None:
        """Zero gradient beyond the face, whose velocity the momentum equations' part of a step has set."""
        copy_edge(data, at.axis, at.side, at.ghosts)


@dataclass
class Wall(Boundary):
    """Impermeable; no slip (at the given tangential velocity) unless `slip`.

    Adiabatic, unless scalars[0] fixes T, or `heat` passes it. The total flux of each species is zero, that of thermal
    diffusion included.
    """

    slip: bool = False

    def fill_thermal_diffusion(self, data: Tensor, at: Place) -> None:
        """None: what drives species along a gradient of T is made up for by a gradient of Y, and nothing crosses."""
        ghosts_of(data, at.axis, at.side, at.ghosts).zero_()

    def fill_eddies(self, data: Tensor, at: Place, law: slice | None = None) -> None:
        """None at a wall with friction: there is no motion there, below the grid's cells or above. A law of the wall
        makes up for the slope of the velocity that the cells do not show.
        """
        if self.slip:
            copy_edge(data, at.axis, at.side, at.ghosts)
            return
        ghosts_of(data, at.axis, at.side, at.ghosts).zero_()
        if law is not None:
            said = copy_edge(data[law], at.axis, at.side, at.ghosts)
            ghosts_of(data, at.axis, at.side, at.ghosts)[: said.shape[0]] = said

    def fill_carried(self, data: Tensor, at: Place, walls: Tensor | None, given: Stream) -> None:
        """What the closure holds at walls with friction."""
        edge = copy_edge(data, at.axis, at.side, at.ghosts)
        if walls is not None and not self.slip:
            n = walls.shape[at.axis - 3]
            held = walls.narrow(at.axis - 3, at.ghosts if at.side == 0 else n - at.ghosts - 1, 1)
            ghosts_of(data, at.axis, at.side, at.ghosts).copy_(torch.where(torch.isnan(held), edge, held))


@dataclass
class Symmetry(Boundary):
    """Mirror plane: impermeable, no shear, no flux."""


@dataclass
class Parts:
    """Several conditions on one side: `conditions[i]` from ranges[i][0] to ranges[i][1] [m] of the coordinate `over`.

    over : axis (0 z, 1 y, 2 x) in the side. The ranges meet and cover the side; a cell belongs to the range that its
    centre lies in. Raises ConfigError.
    """

    over: int
    ranges: list[tuple[float, float]]
    conditions: list[Boundary]

    def __post_init__(self) -> None:
        if not self.conditions or len(self.ranges) != len(self.conditions):
            raise ConfigError(
                f"Parts: ranges: needs one for each of the {len(self.conditions)} conditions, not {len(self.ranges)}"
            )

    @property
    def pressure(self) -> str:
        """That of all parts, "mixed" where some fix it and others do not."""
        kinds = {condition.pressure for condition in self.conditions}
        return kinds.pop() if len(kinds) == 1 else "mixed"


Side = Boundary | Parts | None
Sides = tuple[Side, Side]


def conditions_of(side: Side) -> tuple[Boundary, ...]:
    """The conditions on a side: none, one, or those of its parts."""
    if side is None:
        return ()
    return tuple(side.conditions) if isinstance(side, Parts) else (side,)
