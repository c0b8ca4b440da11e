"""Boundary conditions of the low-Mach solver.

A condition says what its ghost cells hold: scalars (T, Y) fixed or with zero gradient, tangential velocity fixed or
with zero gradient, normal velocity fixed on the boundary face or free with a fixed pressure. What flows in is a stream
of its own: advection carries its density, Y and h through the face, whatever the ghosts hold for diffusion. Adding one:
a dataclass with these answers, its table in settings.py and its line in build.py of this folder.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from combust.cfd.mesh.halo import copy_edge, ghosts_of


@dataclass
class Boundary:
    """Zero-gradient everywhere, closed: the base of all conditions. Its methods write `ghosts` layers beyond a side.

    velocity : (z, y, x) [m/s];  scalars : (1 + species) values of T [K] and Y, NaN where the gradient is zero
    stream : (1 + species) T and Y of what advection brings in through the side; None: what the ghosts hold
    diffusion_counts : whether diffusion through the side is part of what crosses it in the balances
    """

    velocity: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    scalars: torch.Tensor | None = None
    stream: torch.Tensor | None = None
    diffusion_counts: bool = True
    pressure: str = "neumann"
    slip: bool = True

    def fill_scalars(self, data: torch.Tensor, axis: int, side: int, ghosts: int) -> None:
        """Ghosts of the stacked (T, Y): fixed values where given, else the value of the edge cell."""
        copy_edge(data, axis, side, ghosts)
        if self.scalars is None:
            return
        beyond = ghosts_of(data, axis, side, ghosts)
        fixed = self.scalars.reshape(-1, 1, 1, 1)
        beyond.copy_(torch.where(torch.isnan(fixed), beyond, fixed))

    def fill_stream(self, data: torch.Tensor, axis: int, side: int, ghosts: int) -> None:
        """Ghosts of the stacked (T, Y) as advection takes them: those of the stream, if there is one."""
        if self.stream is not None:
            ghosts_of(data, axis, side, ghosts).copy_(self.stream.reshape(-1, 1, 1, 1))

    def fill_thermal_diffusion(self, data: torch.Tensor, axis: int, side: int, ghosts: int) -> None:
        """Ghosts of the coefficients of thermal diffusion: as computed."""

    def fill_velocity(self, data: torch.Tensor, axis: int, side: int, ghosts: int, component: int) -> None:
        """Normal component: the boundary face itself if fixed; ghosts follow. Tangential: wall value or edge value."""
        if component == axis:
            if self.pressure == "neumann":
                n = data.shape[axis - 3]
                data.narrow(axis - 3, ghosts if side == 0 else n - ghosts - 1, 1).fill_(self.velocity[axis])
            copy_edge(data, axis, side, ghosts)
        elif self.slip:
            copy_edge(data, axis, side, ghosts)
        else:
            ghosts_of(data, axis, side, ghosts).fill_(self.velocity[component])


@dataclass
class Inflow(Boundary):
    """A stream enters: its velocity and density give the mass flux, which carries its Y and h.

    With a `stream` and no `scalars` that is all that crosses the face: the total fluxes are those of the stream, and
    the gas at the face floats (Danckwerts 1953, doi:10.1016/0009-2509(53)80001-1). With `scalars` and no `stream` T and
    Y are held at the face, and what diffuses through it comes on top, uncounted.
    """

    slip: bool = False

    @property
    def entering(self) -> torch.Tensor:
        """(1 + species) T and Y of the gas that flows in."""
        found = self.stream if self.stream is not None else self.scalars
        assert found is not None
        return found


@dataclass
class Burner(Inflow):
    """A cooled porous plug: the fluxes of species are those of the stream, T is held, and heat conducts into it."""

    def fill_thermal_diffusion(self, data: torch.Tensor, axis: int, side: int, ghosts: int) -> None:
        """None: Y floats at the face, where T does not, and no species may cross it but by the stream."""
        ghosts_of(data, axis, side, ghosts).zero_()


@dataclass
class Outflow(Boundary):
    """Fixed pressure, zero gradient of everything else."""

    pressure: str = "dirichlet"


@dataclass
class Wall(Boundary):
    """Impermeable; no slip (at the given tangential velocity) unless `slip`; adiabatic unless scalars[0] fixes T."""

    slip: bool = False


@dataclass
class Symmetry(Boundary):
    """Mirror plane: impermeable, no shear, no flux."""


Sides = tuple[Boundary | None, Boundary | None]
