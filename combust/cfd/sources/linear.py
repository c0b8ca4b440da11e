"""Turbulence in a periodic box kept up by a force along its own fluctuations.

Lundgren, CTR Annual Research Briefs (2003) 461; Rosales, Meneveau, Phys. Fluids 17 (2005) 095106,
doi:10.1063/1.2047568: in a cube of side L the eddies settle at u'^3/epsilon = 0.19 L, whatever drives them. With A of
Carroll, Blanquart, Phys. Fluids 25 (2013) 105114, doi:10.1063/1.4824112, A (k0/k), the power is constant.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from combust.cfd.closures.base import Rates
from combust.cfd.closures.view import View
from combust.cfd.mesh.grid import NAMES, Grid, along
from combust.cfd.sources.base import Acting, Count
from combust.errors import ConfigError

NATURAL = 0.19  # u'^3 / epsilon over the side of a cube
NOTHING = 1e-13  # of the energy of all motion: less of its fluctuations is round-off of their mean


def require_box(grid: Grid, what: str, between: tuple[float, float] | None = None) -> None:
    """Raises ConfigError unless the mesh has two or three directions, all of them periodic: but x, where the force is
    limited to a part of it, `between` [m], which must be in the domain.
    """
    axes = grid.layout.axes
    if len(axes) < 2 or grid.axisymmetric:
        raise ConfigError(f"{what}: needs a mesh in two or three directions, without an axis")
    for a in axes:
        if not grid.block.periodic[a] and (a != 2 or between is None):
            raise ConfigError(
                f"{what}: needs a periodic box; the sides in {NAMES[a]} are not: give boundary.{NAMES[a]} = "
                '{ kind = "periodic" }'
            )

    centres = 0.5 * (grid.faces[2][1:] + grid.faces[2][:-1])
    if between is not None and not ((centres >= between[0]) & (centres <= between[1])).any():
        raise ConfigError(
            f"{what}: x = [{between[0]:g}, {between[1]:g}] m: no cell has its centre there; the domain is from "
            f"{grid.faces[2][0]:g} to {grid.faces[2][-1]:g} m"
        )


def natural_length(grid: Grid, between: tuple[float, float] | None = None) -> float:
    """u'^3 / epsilon that linear forcing makes [m], in a part of x if it is limited to that."""
    sides = {a: float(np.ptp(grid.faces[a])) for a in grid.layout.axes}
    if between is not None:
        sides[2] = min(sides[2], between[1] - between[0])
    return NATURAL * min(sides.values())


class LinearForcing(Acting):
    """A (u - mean u) per mass, of the power u_rms^3 / length per mass at every step.

    dimensions : of the motion;  u_rms : of a component [m/s];  length [m]
    between : places along x that it is limited to, as mean u and power are [m]; None: all
    """

    def __init__(
        self, dimensions: int, u_rms: float, length: float, between: tuple[float, float] | None = None
    ) -> None:
        self.dimensions, self.per_mass, self.between = dimensions, u_rms**3 / length, between
        self.speed = u_rms

    def rates(self, view: View, t: float, dt: float) -> Rates:
        """A so that the force alone brings the energy k in dt to k + power dt, however small it is."""
        if dt == 0.0:
            return Rates()
        _, mean, k = motion(view, self.between)
        rate = (math.sqrt(1.0 + self.per_mass * dt / k) - 1.0) / dt if k > 0 else 0.0
        layout = view.grid.layout
        found: list[Tensor | None] = [None, None, None]
        for a in layout.axes:
            force = rate * (along(view.u[a], layout, a, 0, 1) - mean[a])  # type: ignore[arg-type]
            found[a] = force if self.between is None else force * within(view.grid.face_points(a)[2], self.between)
        return Rates(acceleration=tuple(found))

    @property
    def columns(self) -> Mapping[str, Count]:
        return {"forcing_power": self.power, "turbulence_u_rms": self.u_rms}

    def power(self, view: View) -> float:
        """That of the step to come [W]."""
        mass, _, k = motion(view, self.between)
        return self.per_mass * mass if k > 0 else 0.0

    def u_rms(self, view: View) -> float:
        """Of a component, now [m/s]."""
        return math.sqrt(2.0 * motion(view, self.between)[2] / self.dimensions)

    def concerns(self, view: View) -> dict[str, str]:
        """A gas at rest stays at rest, an even stream even."""
        if motion(view, self.between)[2] > 0:
            return {}
        where = "" if self.between is None else f" in x = [{self.between[0]:g}, {self.between[1]:g}] m"
        return {"forcing": "sources: linear forcing amplifies what differs from the mean velocity, and there is none"
                f"{where}: it adds nothing, and u_rms is never reached; give initial.turbulence"}  # fmt: skip


def within(x: Tensor, between: tuple[float, float]) -> Tensor:
    """1 at places x [m] between two, 0 elsewhere."""
    return ((x >= between[0]) & (x <= between[1])).to(x.dtype)


def motion(view: View, between: tuple[float, float] | None = None) -> tuple[float, list[float], float]:
    """Mass [kg], mean velocity along z, y, x [m/s], and kinetic energy per mass of what differs from it [m2/s2], of the
    whole domain, or of the part of x `between` [m] (collective). The energy is zero where it is round-off.
    """
    grid, layout = view.grid, view.grid.layout
    mass = view.rho * grid.volume
    if between is not None:
        mass = mass * within(grid.centres[2], between)
    sums = [mass.sum()]
    for a in layout.axes:
        faces, n = along(view.u[a], layout, a, 0, 1), layout.n[a]  # type: ignore[arg-type]
        low, high = faces.narrow(a, 0, n), faces.narrow(a, 1, n)
        sums += [(0.5 * mass * (low + high)).sum(), (0.5 * mass * (low * low + high * high)).sum()]
    total, *rest = view.sum(torch.stack(sums)).tolist()
    mean, energy = [0.0, 0.0, 0.0], 0.0
    for a, momentum, square in zip(layout.axes, rest[::2], rest[1::2], strict=True):
        mean[a] = momentum / total
        energy += 0.5 * max(square / total - mean[a] ** 2, 0.0)
    if energy <= NOTHING * 0.5 * sum(rest[1::2]) / total:
        energy = 0.0
    return total, mean, energy
