"""What drives a flow along a periodic direction: a bulk flow that is held, a pressure gradient that is given."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from combust.cfd.boundaries.conditions import Sides
from combust.cfd.closures.base import NO_BULK, Bulk, Rates
from combust.cfd.closures.near_walls import with_friction
from combust.cfd.closures.view import View
from combust.cfd.mesh.grid import Faces, Grid
from combust.cfd.sources.base import Acting, Count


class Drives(Acting):
    """A force along an axis, and what it shows."""

    axis: int

    def force(self, view: View) -> float:
        """Mean over the volume now [N/m3] (collective)."""
        raise NotImplementedError

    @property
    def columns(self) -> Mapping[str, Count]:
        return {"driving_force": self.force, "bulk_velocity": self.bulk_velocity, "forcing_power": self.power}

    def bulk_velocity(self, view: View) -> float:
        """Mean velocity along the axis, weighted by mass [m/s]."""
        mass, momentum = self._sums(view, view.rho)
        return momentum / mass

    def power(self, view: View) -> float:
        """What a force per volume puts into the motion [W]."""
        return self.force(view) * self._sums(view, torch.ones_like(view.rho))[1]

    def _sums(self, view: View, weight: Tensor) -> tuple[float, float]:
        """Integrals over the domain of a weight, and of it times the velocity along the axis."""
        share = weight * view.grid.volume
        total, moved = view.sum(torch.stack([share.sum(), (share * view.velocity[self.axis]).sum()])).tolist()
        return total, moved


class MassFlux(Drives):
    """Holds the bulk flow along an axis; the solver does it at the end of a step (combust.cfd.lowmach.bulk)."""

    def __init__(self, axis: int, bulk: Bulk) -> None:
        self.axis, self.bulk = axis, bulk
        self.speed = abs(bulk.velocity or 0.0)

    def rates(self, view: View, t: float, dt: float) -> Rates:
        """The force of the last step, and what the flow is to be."""
        if dt == 0.0:
            return Rates()
        bulk = list(NO_BULK)
        bulk[self.axis] = self.bulk
        momentum = None
        if view.drive is not None:
            momentum = on_faces(view.grid, self.axis, view.drive[self.axis])
        return Rates(momentum=momentum, bulk=(bulk[0], bulk[1], bulk[2]))

    def force(self, view: View) -> float:
        return 0.0 if view.drive is None else float(view.drive[self.axis])


class PressureGradient(Drives):
    """A constant force along an axis: per_volume [N/m3], or per_mass [m/s2]."""

    def __init__(self, grid: Grid, axis: int, per_volume: float = 0.0, per_mass: float = 0.0) -> None:
        self.axis, self.per_volume, self.per_mass = axis, per_volume, per_mass
        one = torch.ones((), dtype=torch.float64, device=grid.device)
        self.momentum = on_faces(grid, axis, per_volume * one) if per_volume else None
        self.acceleration = on_faces(grid, axis, per_mass * one) if per_mass else None

    def rates(self, view: View, t: float, dt: float) -> Rates:
        """The same at all times."""
        return Rates() if dt == 0.0 else Rates(momentum=self.momentum, acceleration=self.acceleration)

    def force(self, view: View) -> float:
        if not self.per_mass:
            return self.per_volume
        mass, volume = view.sum(torch.stack([(view.rho * view.grid.volume).sum(), view.grid.volume.sum()])).tolist()
        return self.per_mass * mass / volume

    def power(self, view: View) -> float:
        """With a force per mass its power is that of the momentum."""
        return super().power(view) if not self.per_mass else self.per_mass * self._sums(view, view.rho)[1]


def on_faces(grid: Grid, axis: int, value: Tensor) -> Faces:
    """The same on all faces of an axis, nothing along the others."""
    n = grid.layout.n
    found: list[Tensor | None] = [None, None, None]
    found[axis] = value.expand(tuple(m + (a == axis) for a, m in enumerate(n))).contiguous()
    return tuple(found)


def walls_per_volume(grid: Grid, boundaries: tuple[Sides, Sides, Sides], axis: int) -> float:
    """Area of the walls with friction that lie along an axis over the volume of the domain [1/m]: 1/h of a channel of
    height 2 h, 2/R of a pipe.
    """
    total = 0.0
    for a, sides in enumerate(boundaries):
        if a == axis or a not in grid.layout.axes:
            continue
        weights, width = grid.weights[a], np.diff(grid.faces[a])
        section = float((width if weights is None else weights[0] * width).sum())
        for end, side in enumerate(sides):
            edge = 1.0 if weights is None else float(weights[1][-end])
            for over, low, high in with_friction(side, a):
                share = 1.0
                if over != a:
                    faces = grid.faces[over]
                    length = float(min(high, faces[-1]) - max(low, faces[0]))
                    share = max(length, 0.0) / float(faces[-1] - faces[0])
                total += share * edge / section
    return total
