"""A manufactured solution of the variable-density equations: two gases mixing in a travelling, pulsating wave.

Shunn, Ham, Moin, J. Comput. Phys. 231 (2012) 3801. doi:10.1016/j.jcp.2012.01.027
Continuity holds exactly; species and momentum get the sources found here by differentiating the solution.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from combust.cfd.closures.base import Rates
from combust.cfd.closures.view import View
from combust.cfd.initial.fields import Fields, constant_velocity, stack
from combust.cfd.mesh.grid import Grid

Function = Callable[[Tensor, Tensor, Tensor], Tensor]


def derivative(f: Function, which: int) -> Function:
    """The pointwise partial derivative of f(x, y, t) with respect to argument `which`."""

    def df(*args: Tensor) -> Tensor:
        at = [a.contiguous() for a in torch.broadcast_tensors(*args)]

        def one(a: Tensor) -> Tensor:
            x, y, t = (a if i == which else b for i, b in enumerate(at))
            return f(x, y, t)

        return torch.func.jvp(one, (at[which],), (torch.ones_like(at[which]),))[1]

    return df


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

    def _s(self, x: Tensor, y: Tensor, t: Tensor) -> Tensor:
        k = math.pi * self.k
        return torch.sin(k * (x - self.uf * t)) * torch.sin(k * (y - self.vf * t)) * torch.cos(math.pi * self.w * t)

    def Z(self, x: Tensor, y: Tensor, t: Tensor) -> Tensor:
        """Mass fraction of the second gas."""
        a, s = self.rho0 / self.rho1, self._s(x, y, t)
        return (1 + s) / ((1 + a) + (1 - a) * s)

    def rho(self, x: Tensor, y: Tensor, t: Tensor) -> Tensor:
        Z = self.Z(x, y, t)
        return 1 / (Z / self.rho1 + (1 - Z) / self.rho0)

    def _drift(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        k = math.pi * self.k
        return (
            (self.rho1 - self.rho0)
            * (-self.w / (4 * self.k))
            * torch.cos(k * a)
            * torch.sin(k * b)
            * torch.sin(math.pi * self.w * t)
        )

    def u(self, x: Tensor, y: Tensor, t: Tensor) -> Tensor:
        return self.uf + self._drift(x - self.uf * t, y - self.vf * t, t) / self.rho(x, y, t)

    def v(self, x: Tensor, y: Tensor, t: Tensor) -> Tensor:
        return self.vf + self._drift(y - self.vf * t, x - self.uf * t, t) / self.rho(x, y, t)

    def p(self, x: Tensor, y: Tensor, t: Tensor) -> Tensor:
        return 0.5 * self.rho(x, y, t) * self.u(x, y, t) * self.v(x, y, t)

    def species_source(self, x: Tensor, y: Tensor, t: Tensor) -> Tensor:
        """d(rho Z)/dt + div(rho u Z) - div(mu/Sc grad Z)."""
        total = derivative(lambda *a: self.rho(*a) * self.Z(*a), 2)(x, y, t)
        for which, c in ((0, self.u), (1, self.v)):

            def flux(*a: Tensor, which: int = which, c: Function = c) -> Tensor:
                return self.rho(*a) * c(*a) * self.Z(*a) - self.mu / self.schmidt * derivative(self.Z, which)(*a)

            total = total + derivative(flux, which)(x, y, t)
        return total

    def momentum_source(self, component: int, x: Tensor, y: Tensor, t: Tensor) -> Tensor:
        """d(rho u_i)/dt + div(rho u u_i) + dp/dx_i - div tau_i; component 0 is x, 1 is y."""
        velocities = (self.u, self.v)
        ui = velocities[component]
        total = derivative(lambda *a: self.rho(*a) * ui(*a), 2)(x, y, t) + derivative(self.p, component)(x, y, t)
        for j, uj in enumerate(velocities):

            def flux(*a: Tensor, j: int = j, uj: Function = uj) -> Tensor:
                strain = derivative(ui, j)(*a) + derivative(uj, component)(*a)
                if j == component:
                    div = derivative(self.u, 0)(*a) + derivative(self.v, 1)(*a)
                    strain = strain - 2.0 / 3.0 * div
                return self.rho(*a) * ui(*a) * uj(*a) - self.mu * strain

            total = total + derivative(flux, j)(x, y, t)
        return total


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
