"""Transport of species and enthalpy over a step: bounded advection, and diffusion by Runge-Kutta-Chebyshev."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from combust.cfd.boundaries import walls
from combust.cfd.lowmach.context import Context
from combust.cfd.lowmach.discretisation import Discretisation
from combust.cfd.lowmach.state import State
from combust.cfd.mesh.grid import Faces
from combust.cfd.operators import rkc, scalars
from combust.cfd.operators.scalars import Coefficients
from combust.kernels import compiled

advection_kernel = compiled(scalars.advection)
diffusion_kernel = compiled(scalars.diffusion)
diffusive_rate_kernel = compiled(scalars.diffusive_rate)
first_stage_kernel = compiled(scalars.first_stage)
stage_kernel = compiled(scalars.stage)
transport_rate_kernel = compiled(scalars.transport_rate)


class DiffusionStart(NamedTuple):
    """Diffusion at the start of a step: coefficients at n+1/2, rate of U and outflow with them, and the stages that
    keep it stable over the step.
    """

    coefficients: Coefficients
    rate: Tensor
    outflow: Tensor
    stages: int


class Transport:
    """Advances (rho h, rho Y) by advection and diffusion; `stages` are those of the last step."""

    def __init__(self, on: Discretisation):
        self.on = on
        self.stages = 0

    def start(self, s: State, c: Coefficients, dt: float) -> DiffusionStart:
        """Diffusion at the start of a step, which its sweeps share."""
        on = self.on
        with on.timers.phase("diffusion"):
            fastest = float(diffusive_rate_kernel(s.U, s.q, c, on.thermo, on.layout))
            fastest = on.comm.max(fastest)[0]
            stages = rkc.stages_within(on.numerics.max_stages, on.stiffness(fastest), dt, "diffusivity", fastest)
            self.stages = max(self.stages, stages)
            rate, out = self.diffusion(s.q, c)
            return DiffusionStart(c, rate, out, stages)

    def diffusion(self, q: Tensor, c: Coefficients) -> tuple[Tensor, Tensor]:
        """Rate of change of U by diffusion, and what leaves the domain by diffusion [.../s], as `scalars.diffusion`."""
        on = self.on
        return diffusion_kernel(q, c, on.thermo, on.layout, on.metrics, on.filler.diffusion_areas)

    def rate(
        self,
        s: State,
        start: DiffusionStart,
        q_half: Tensor,
        u_adv: Faces,
        wdot: Tensor,
        dp0: float,
        given: Context,
        dt: float,
    ) -> tuple[Tensor, Faces, Tensor]:
        """Mean transport rate of U over the step (with the work of p0), mass fluxes, and what left the domain: U, and
        the heat that conducted out through each side.
        """
        on, added = self.on, given.mean
        p_half = s.p0 + 0.5 * dt * dp0
        fixed = (on.thermo, on.layout, on.metrics, on.numerics.reconstruction, on.filler.areas)
        with on.timers.phase("advection"):
            on.filler.at(given.t + 0.5 * dt)
            source, mass, out = advection_kernel(on.filler.streams(q_half), u_adv, p_half, *fixed)
            source[0] += dp0
            if added is not None and added.scalars is not None:
                source = source + added.scalars
            heat = walls.heat(on.filler)
            if heat is not None:
                source[0] += heat
                out[0] -= float((heat * on.grid.volume).sum())
        left = dt * torch.cat([out, walls.heat_out(on.filler)])
        with on.timers.phase("diffusion"):
            source[1:] += wdot
            U, diffused = self._diffuse(s, start, source, given.t, dt)
            step = torch.tensor(dt, dtype=torch.float64, device=on.grid.device)
            Q = transport_rate_kernel(U, s.U, wdot, step)
        return Q, mass, left + dt * diffused

    def _diffuse(self, s: State, start: DiffusionStart, source: Tensor, t: float, dt: float) -> tuple[Tensor, Tensor]:
        """U after Runge-Kutta-Chebyshev over dt, and the mean diffusive outflow through the boundaries."""
        on, c, out0 = self.on, start.coefficients, start.outflow
        rows, shares = rkc.coefficients(start.stages, on.grid.device), rkc.times(start.stages)
        step = torch.tensor(dt, dtype=torch.float64, device=on.grid.device)
        mt = rows[0][2]
        on.filler.at(t + shares[0] * dt)
        F0, U1, q = first_stage_kernel(s.U, source, start.rate, mt * step, on.inner(s.q)[0], on.thermo)
        q1, U2 = on.filler.scalars(q), s.U
        G2, G1 = torch.zeros_like(out0), mt * out0
        fixed = (c, on.thermo, on.layout, on.metrics, on.filler.diffusion_areas)
        for row, share in zip(rows[1:], shares[1:], strict=True):
            U, q, out = stage_kernel(row, s.U, U1, U2, F0, source, q1, step, *fixed)
            mu, nu, mt, gt = row
            G1, G2 = mu * G1 + nu * G2 + mt * out + gt * out0, G1
            U2, U1 = U1, U
            if row is not rows[-1]:
                on.filler.at(t + share * dt)
                q1 = on.filler.scalars(q)
        return U1, G1
