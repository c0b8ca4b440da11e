"""A manufactured solution of the variable-density equations: two gases mixing in a travelling, pulsating wave.

Shunn, Ham, Moin, J. Comput. Phys. 231 (2012) 3801. doi:10.1016/j.jcp.2012.01.027
Continuity holds exactly; species and momentum get the sources found here by differentiating the solution.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from combust.cfd.closures.base import Rates
from combust.cfd.closures.view import View
from combust.cfd.initial.fields import Fields, constant_velocity, stack
from combust.cfd.initial.taylor import ONE, Taylor
from combust.cfd.mesh.grid import Grid

Of = TypeVar("Of", Tensor, Taylor)  # values, or values with their derivatives


@dataclass(frozen=True)
class Wave:
    """The solution. rho0, rho1 : densities of the first and second gas [kg/m3]; k pi, w pi : wave number, frequency

    uf, vf : velocity of the frame [m/s];  mu : viscosity [Pa s];  schmidt : mu / (rho D)
    """

    rho0: float
    rho1: float
    k: float
    w: float
    uf: float
    vf: float
    mu: float
    schmidt: float

    def _s(self, x: Of, y: Of, t: Of) -> Of:
        k = math.pi * self.k
        return (k * (x - self.uf * t)).sin() * (k * (y - self.vf * t)).sin() * (math.pi * self.w * t).cos()

    def Z(self, x: Of, y: Of, t: Of) -> Of:
        """Mass fraction of the second gas."""
        a, s = self.rho0 / self.rho1, self._s(x, y, t)
        return (1 + s) / ((1 + a) + (1 - a) * s)

    def rho(self, x: Of, y: Of, t: Of) -> Of:
        Z = self.Z(x, y, t)
        return 1 / (Z / self.rho1 + (1 - Z) / self.rho0)

    def _drift(self, a: Of, b: Of, t: Of) -> Of:
        k = math.pi * self.k
        return (
            (self.rho1 - self.rho0)
            * (-self.w / (4 * self.k))
            * (k * a).cos()
            * (k * b).sin()
            * (math.pi * self.w * t).sin()
        )

    def u(self, x: Of, y: Of, t: Of) -> Of:
        return self.uf + self._drift(x - self.uf * t, y - self.vf * t, t) / self.rho(x, y, t)

    def v(self, x: Of, y: Of, t: Of) -> Of:
        return self.vf + self._drift(y - self.vf * t, x - self.uf * t, t) / self.rho(x, y, t)

    def species_source(self, x: Tensor, y: Tensor, t: Tensor) -> Tensor:
        """d(rho Z)/dt + div(rho u Z) - div(mu/Sc grad Z)."""
        at = (Taylor(x, x=ONE), Taylor(y, y=ONE), Taylor(t, t=ONE))
        Z = self.Z(*at)
        rhoZ = self.rho(*at) * Z
        moved = rhoZ.t + (rhoZ * self.u(*at)).x + (rhoZ * self.v(*at)).y
        return moved - self.mu / self.schmidt * (Z.xx + Z.yy)

    def momentum_source(self, component: int, x: Tensor, y: Tensor, t: Tensor) -> Tensor:
        """d(rho u_i)/dt + div(rho u u_i) + dp/dx_i - div tau_i with p = rho u v / 2; component 0 is x, 1 is y."""
        at = (Taylor(x, x=ONE), Taylor(y, y=ONE), Taylor(t, t=ONE))
        u, v = self.u(*at), self.v(*at)
        rho = self.rho(*at)
        momentum, p = rho * (u, v)[component], 0.5 * rho * u * v
        moved = momentum.t + (momentum * u).x + (momentum * v).y
        # div tau_i / mu = laplacian(u_i) + d(div u)/dx_i / 3
        if component == 0:
            return moved + p.x - self.mu * (u.xx + u.yy + (u.xx + v.xy) / 3)
        return moved + p.y - self.mu * (v.xx + v.yy + (u.xy + v.yy) / 3)


def fields(grid: Grid, wave: Wave, T: float, t: float = 0.0) -> Fields:
    """The exact T, Y and face velocities at time t."""
    time = torch.tensor(t, dtype=torch.float64, device=grid.device)
    _, y, x = grid.centres
    Z = wave.Z(x, y, time).expand(grid.layout.n)
    u = list(constant_velocity(grid, (0.0, 0.0, 0.0)))
    for axis, c in ((2, wave.u), (1, wave.v)):
        _, y, x = grid.face_points(axis)
        face = u[axis]
        assert face is not None
        u[axis] = c(x, y, time).expand(face.shape).contiguous()
    return stack(grid, T, torch.stack([1 - Z, Z])), tuple(u)


@dataclass(frozen=True)
class Forcing:
    """The sources of the solution; gas enthalpies are zero at the (constant) temperature of the problem."""

    wave: Wave

    def rates(self, view: View, t: float, dt: float) -> Rates:
        """Those in the middle of the step, (1 + species, ...) [kg/m3/s] and on faces [N/m3]; no forces for dt = 0."""
        grid = view.grid
        time = torch.tensor(t + 0.5 * dt, dtype=torch.float64, device=grid.device)
        _, y, x = grid.centres
        source = self.wave.species_source(x, y, time).expand(grid.layout.n)
        scalars = torch.stack([torch.zeros_like(source), -source, source])
        if dt == 0.0:
            return Rates(scalars)
        momentum: list[Tensor | None] = [None] * 3
        for axis, component in ((2, 0), (1, 1)):
            z, y, x = grid.face_points(axis)
            momentum[axis] = self.wave.momentum_source(component, x, y, time) + torch.zeros_like(z)
        return Rates(scalars, tuple(momentum))
