"""Boundary conditions of the low-Mach solver.

A condition says what its ghost cells hold: scalars (T, Y) fixed or with zero gradient, tangential velocity fixed or
with zero gradient, normal velocity fixed on the boundary face or free with a fixed pressure. Adding one: a dataclass
with these five answers, a `kind` in combust/config.py and its line in combust/case.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from combust.cfd.grid import GHOST
from combust.cfd.halo import copy_edge, ghosts_of


@dataclass
class Boundary:
    """Zero-gradient everywhere, closed: the base of all conditions.

    velocity : (z, y, x) [m/s];  scalars : (1 + species) values of T [K] and Y, NaN where the gradient is zero
    """

    velocity: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    scalars: torch.Tensor | None = None
    pressure: str = "neumann"
    slip: bool = True

    def fill_scalars(self, data: torch.Tensor, axis: int, side: int) -> None:
        """Ghosts of the stacked (T, Y): fixed values where given, else the value of the edge cell."""
        copy_edge(data, axis, side, GHOST)
        if self.scalars is None:
            return
        ghosts = ghosts_of(data, axis, side, GHOST)
        fixed = self.scalars.reshape(-1, 1, 1, 1)
        ghosts.copy_(torch.where(torch.isnan(fixed), ghosts, fixed))

    def fill_velocity(self, data: torch.Tensor, axis: int, side: int, component: int) -> None:
        """Normal component: the boundary face itself if fixed; ghosts follow. Tangential: wall value or edge value."""
        if component == axis:
            if self.pressure == "neumann":
                n = data.shape[axis - 3]
                data.narrow(axis - 3, GHOST if side == 0 else n - GHOST - 1, 1).fill_(self.velocity[axis])
            copy_edge(data, axis, side, GHOST)
        elif self.slip:
            copy_edge(data, axis, side, GHOST)
        else:
            ghosts_of(data, axis, side, GHOST).fill_(self.velocity[component])


@dataclass
class Inflow(Boundary):
    """Fixed velocity, temperature and composition."""

    slip: bool = False


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
