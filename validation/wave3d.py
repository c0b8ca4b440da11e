"""The manufactured solution of Shunn, Ham and Moin in three directions: two gases mix in a travelling, pulsating wave.

    s = sin(k X) sin(k Y) sin(k Z) cos(w t),    X = x - f_x t and so on
    rho = ((rho_0 + rho_1) + (rho_1 - rho_0) s) / 2,    rho (u - f_x) = a cos(k X) sin(k Y) sin(k Z) sin(w t) and so on

Each direction carries a third of what continuity asks for, which holds exactly; species and momentum get the sources
that sympy finds. In two directions: J. Comput. Phys. 231 (2012) 3801, doi:10.1016/j.jcp.2012.01.027
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import sympy
import torch
from torch import Tensor

from combust.cfd.closures.base import Rates
from combust.cfd.closures.view import View
from combust.cfd.initial.fields import Fields, stack
from combust.cfd.mesh.grid import Grid

Function = Callable[..., Tensor]
COMPONENTS = (2, 1, 0)  # axes of the velocities along x, y, z


@dataclass(frozen=True)
class Wave:
    """Densities [kg/m3], wave number and frequency over pi [1/m, 1/s], velocity of the frame [m/s], viscosity [Pa s]

    which is the diffusivity of mass, too.
    """

    rho0: float = 5.0
    rho1: float = 1.0
    k: float = 2.0
    w: float = 2.0
    frame: tuple[float, float, float] = (0.5, 0.4, 0.3)
    mu: float = 1e-3

    @cached_property
    def functions(self) -> dict[str, Function]:
        """Z, rho, u_0..2 and the sources of Z and momentum, of (x, y, z, t)."""
        space, t = sympy.symbols("x y z"), sympy.Symbol("t")
        k, w, r0, r1 = (sympy.Float(v) for v in (self.k, self.w, self.rho0, self.rho1))
        moving = [sympy.pi * k * (a - f * t) for a, f in zip(space, self.frame, strict=True)]
        sin, cos = [sympy.sin(a) for a in moving], [sympy.cos(a) for a in moving]
        s = sin[0] * sin[1] * sin[2] * sympy.cos(sympy.pi * w * t)
        rho, Z = ((r0 + r1) + (r1 - r0) * s) / 2, (1 + s) / ((1 + r0 / r1) + (1 - r0 / r1) * s)
        drift = -(r1 - r0) * w / (6 * k) * sympy.sin(sympy.pi * w * t)
        u = [f + drift * cos[i] * sin[i - 1] * sin[i - 2] / rho for i, f in enumerate(self.frame)]
        found = {"Z": Z, "rho": rho, **{f"u{i}": e for i, e in enumerate(u)}}
        d, mu = sympy.diff, sympy.Float(self.mu)
        found["source"] = d(rho * Z, t) + sum(d(rho * u[j] * Z - mu * d(Z, space[j]), space[j]) for j in range(3))
        div, p = sum(d(u[j], space[j]) for j in range(3)), rho * u[0] * u[1] / 2
        for i in range(3):
            force = d(rho * u[i], t) + d(p, space[i])
            for j in range(3):
                strain = d(u[i], space[j]) + d(u[j], space[i]) - (2 * div / 3 if i == j else 0)
                force += d(rho * u[i] * u[j] - mu * strain, space[j])
            found[f"force{i}"] = force
        known = [{"sin": torch.sin, "cos": torch.cos}, "math"]
        return {name: sympy.lambdify((*space, t), e, modules=known, cse=True) for name, e in found.items()}

    def at(self, name: str, points: tuple[Tensor, Tensor, Tensor], t: float) -> Tensor:
        """One of them at points (z, y, x) and time t [s]."""
        z, y, x = points
        time = torch.tensor(t, dtype=torch.float64)
        return torch.as_tensor(self.functions[name](x, y, z, time) + torch.zeros_like(x + y + z))

    def fields(self, grid: Grid, t: float) -> Fields:
        """T, Y and face velocities."""
        Z = self.at("Z", grid.centres, t)
        u: list[Tensor | None] = [None] * 3
        for i, axis in enumerate(COMPONENTS):
            u[axis] = self.at(f"u{i}", grid.face_points(axis), t)
        return stack(grid, 300.0, torch.stack([1 - Z, Z])), tuple(u)

    def rates(self, view: View, t: float, dt: float) -> Rates:
        """The sources in the middle of the step, (1 + species, ...) [kg/m3/s] and on faces [N/m3]."""
        grid, half = view.grid, t + 0.5 * dt
        source = self.at("source", grid.centres, half)
        force: list[Tensor | None] = [None] * 3
        for i, axis in enumerate(COMPONENTS):
            force[axis] = self.at(f"force{i}", grid.face_points(axis), half)
        return Rates(torch.stack([torch.zeros_like(source), -source, source]), tuple(force))
