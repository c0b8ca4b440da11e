"""A manufactured solution around an axis: two gases mix in a travelling wave between the axis and a slip wall.

    s = sin(k X) cos(pi r) cos(w t),  X = x - f t,  r from 0 to 1;  rho = ((rho_0 + rho_1) + (rho_1 - rho_0) s) / 2
    rho (u - f) = a cos(k X) cos(pi r) sin(w t) + (1/r) d(psi)/dr,  rho v = -(1/r) d(psi)/dx,
    psi = b r^2 (1 - r^2)^3 sin(k X) sin(w t)

Continuity holds exactly, and no gradient meets axis or wall; species and momentum get the sources that sympy finds.
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
from combust.cfd.initial.fields import Fields, constant_velocity, stack
from combust.cfd.mesh.grid import Grid

Function = Callable[..., Tensor]


@dataclass(frozen=True)
class AxisWave:
    """Densities [kg/m3], wave number and frequency over pi [1/m, 1/s], velocity of the frame and of the rings [m/s],
    viscosity [Pa s], which is the diffusivity of mass, too.
    """

    rho0: float = 5.0
    rho1: float = 1.0
    k: float = 2.0
    w: float = 2.0
    frame: float = 0.5
    rings: float = 0.3
    mu: float = 1e-3

    @cached_property
    def functions(self) -> dict[str, Function]:
        """Z, rho, u, v and the sources of Z, u and v, of (x, r, t)."""
        x, r, t = sympy.symbols("x r t")
        d, pi, mu = sympy.diff, sympy.pi, sympy.Float(self.mu)
        k, w, r0, r1 = (sympy.Float(v) for v in (self.k, self.w, self.rho0, self.rho1))
        X, turn = pi * k * (x - self.frame * t), sympy.sin(pi * w * t)
        s = sympy.sin(X) * sympy.cos(pi * r) * sympy.cos(pi * w * t)
        rho, Z = ((r0 + r1) + (r1 - r0) * s) / 2, (1 + s) / ((1 + r0 / r1) + (1 - r0 / r1) * s)
        psi = self.rings * r**2 * (1 - r**2) ** 3 * sympy.sin(X) * turn
        drift = -(r1 - r0) * w / (2 * k) * sympy.cos(X) * sympy.cos(pi * r) * turn
        u = self.frame + (drift + sympy.expand(d(psi, r) / r)) / rho
        v = -sympy.expand(d(psi, x) / r) / rho
        p = sympy.sin(X) * sympy.cos(pi * r) * sympy.cos(pi * w * t) / 10

        def gone(along_x: sympy.Expr, along_r: sympy.Expr) -> sympy.Expr:
            return d(along_x, x) + d(r * along_r, r) / r

        div = gone(u, v)
        shear = mu * (d(u, r) + d(v, x))
        normal = [mu * (2 * strain - 2 * div / 3) for strain in (d(u, x), d(v, r), v / r)]
        found = {
            "Z": Z,
            "rho": rho,
            "u": u,
            "v": v,
            "source": d(rho * Z, t) + gone(rho * u * Z - mu * d(Z, x), rho * v * Z - mu * d(Z, r)),
            "force_u": d(rho * u, t) + d(p, x) + gone(rho * u * u - normal[0], rho * u * v - shear),
            "force_v": d(rho * v, t) + d(p, r) + gone(rho * u * v - shear, rho * v * v - normal[1]) + normal[2] / r,
            "continuity": d(rho, t) + gone(rho * u, rho * v),
        }
        known = [{"sin": torch.sin, "cos": torch.cos}, "math"]
        return {name: sympy.lambdify((x, r, t), e, modules=known, cse=True) for name, e in found.items()}

    def at(self, name: str, points: tuple[Tensor, Tensor, Tensor], t: float) -> Tensor:
        """One of them at points (z, r, x) and time t [s]; zero on the axis, where only v is asked for."""
        z, r, x = points
        on_axis = r <= 0.0
        value = self.functions[name](x, torch.where(on_axis, 1.0, r), torch.tensor(t, dtype=torch.float64))
        return torch.where(on_axis, 0.0, value + torch.zeros_like(x + r + z))

    def fields(self, grid: Grid, t: float) -> Fields:
        """T, Y and face velocities."""
        Z = self.at("Z", grid.centres, t)
        u = list(constant_velocity(grid, (0.0, 0.0, 0.0)))
        u[2], u[1] = self.at("u", grid.face_points(2), t), self.at("v", grid.face_points(1), t)
        return stack(grid, 300.0, torch.stack([1 - Z, Z])), tuple(u)

    def rates(self, view: View, t: float, dt: float) -> Rates:
        """The sources in the middle of the step, (1 + species, ...) [kg/m3/s] and on faces [N/m3]."""
        grid, half = view.grid, t + 0.5 * dt
        source = self.at("source", grid.centres, half)
        forces = (None, self.at("force_v", grid.face_points(1), half), self.at("force_u", grid.face_points(2), half))
        return Rates(torch.stack([torch.zeros_like(source), -source, source]), forces)
