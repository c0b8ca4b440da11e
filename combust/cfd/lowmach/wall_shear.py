"""Shear at the walls of a low-Mach flow, as its columns and fields show it: friction velocities and y+."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from combust.cfd.closures.near_walls import NearWall, edge, sides_with_friction
from combust.cfd.lowmach.through_walls import Walled
from combust.cfd.lowmach.unresolved import Unresolved
from combust.cfd.mesh.grid import NAMES, cut
from combust.errors import ConfigError
from combust.settings.names import SIDES, WALL, WALLS


class WallShear:
    """Asked by name, at any time of a flow. The shear is what the scheme takes, eddies at walls included."""

    def __init__(self, flow: Walled, unresolved: Unresolved):
        self.unresolved = unresolved
        self.flow, self.comm = flow, flow.scheme.grid.block.comm
        self.sides = sides_with_friction(flow.scheme.domain.boundaries)

    def quantities(self) -> dict[str, Callable[[], float]]:
        """Friction velocity by side [m/s]."""
        return {f"friction_velocity_{side}": lambda i=i: self.friction_velocity(i) for i, side in enumerate(SIDES)}  # type: ignore[misc]

    def friction_velocity(self, side: int) -> float:
        """sqrt(|mean shear| / mean density) over the walls with friction of the low and high side of z, y, x [m/s].
        Raises ConfigError of a side without.
        """
        if divmod(side, 2) not in self.sides:
            raise ConfigError(f'"friction_velocity_{SIDES[side]}" needs {WALLS[SIDES[side]]}')
        parts = torch.zeros(4, dtype=torch.float64, device=self.flow.scheme.grid.device)
        for near, viscosity in self._now():
            if 2 * near.axis + near.side == side:
                area = self._area(near)
                rate = area * viscosity * near.density / near.distance
                for c, slip in enumerate(near.slip):
                    if slip is not None:
                        parts[c] += (rate * slip).sum()
                parts[3] += (area * near.density).sum()
        *shear, mass = self.comm.sum(*parts.tolist())
        return math.sqrt(math.hypot(*shear) / mass)

    def y_plus(self) -> Tensor:
        """u_tau y / nu of the cells beside walls with friction, y the distance of their centres; 0 in all others.

        Raises ConfigError of a flow without such walls.
        """
        if not self.sides:
            raise ConfigError(f'"y_plus" needs {WALL}')
        found = torch.zeros(self.flow.scheme.layout.n, dtype=torch.float64, device=self.flow.scheme.grid.device)
        for near, viscosity in self._now():
            u_tau = (viscosity * near.speed / near.distance).sqrt()
            here = torch.where(near.friction, u_tau * near.distance / near.viscosity, 0.0)
            beside = near.cells(found)
            beside.copy_(torch.maximum(beside, here))
        return found

    def _area(self, near: NearWall) -> Tensor:
        """Of the faces with friction [m2]."""
        areas = self.flow.scheme.filler.areas[near.axis]
        assert areas is not None
        return torch.where(near.friction, areas[near.side], 0.0)

    def _now(self) -> list[tuple[NearWall, Tensor]]:
        """Each side with friction of this block, and the kinematic viscosity there, that of eddies included [m2/s]."""
        flow, s, scheme = self.flow, self.flow.current, self.flow.scheme
        scheme.filler.at(flow.time)
        view = scheme.view_of(s, flow.time, flow.dt)
        mu = self.unresolved.coefficients().viscosity
        found = []
        for near in view.walls:
            at_wall = edge(cut(mu, scheme.layout, **{NAMES[near.axis]: (-1, 1)}), near.axis, near.side)
            found.append((near, at_wall / near.density))
        return found
