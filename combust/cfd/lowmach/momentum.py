"""The momentum part of a step: convection, forces and viscosity; the projection that follows is its caller's."""

from __future__ import annotations

from torch import Tensor

from combust.cfd.boundaries import outflow
from combust.cfd.closures.base import Rates
from combust.cfd.lowmach import bulk
from combust.cfd.lowmach.context import Context
from combust.cfd.lowmach.discretisation import Discretisation
from combust.cfd.lowmach.state import Acted, State
from combust.cfd.mesh.grid import Faces, along
from combust.cfd.operators import momentum, rkc
from combust.devices import number
from combust.kernels import compiled

convection_kernel = compiled(momentum.convection)
viscous_rate_kernel = compiled(momentum.viscous_rate)
viscous_stage_kernel = compiled(momentum.viscous_stage)


class Momentum:
    """Advances the velocities with the old pressure."""

    def __init__(self, on: Discretisation):
        self.on = on

    def advance(
        self, s: State, new: State, u_adv: Faces, mass: Faces, context: Context, dt: float
    ) -> tuple[Faces, Faces]:
        """Velocities at n+1, padded, before their projection, and dt / rho at the block's faces.

        new : the scalars at n+1;  u_adv, mass : velocities and mass fluxes at n+1/2
        """
        on = self.on
        layout, metrics = on.layout, on.metrics
        on.filler.at(context.t + 0.5 * dt)
        rho_old, rho_new, mass = on.filler.momentum_inputs(s.U[1:].sum(0), new.U[1:].sum(0), mass, u_adv)
        outflow.at_rest(u_adv, on.filler)
        rho = 0.5 * (rho_old + rho_new)
        conv = convection_kernel(u_adv, mass, layout, metrics, on.numerics.momentum)
        given = context.mean or Rates()
        reference = on.reference_density(on.inner(rho))
        source: list[Tensor | None] = [None] * 3
        beta: list[Tensor | None] = [None] * 3
        for a in layout.axes:
            r0, r1 = (momentum.face_density(r, layout, metrics, a) for r in (rho_old, rho_new))
            r = 0.5 * (r0 + r1)
            ua, metric = u_adv[a], metrics[a]
            assert ua is not None and metric is not None
            gradient = momentum.gradient(s.p, layout, metrics, a)
            force = conv[a] - along(ua, layout, a, 0, 1) * (r1 - r0) / dt - gradient  # type: ignore[operator]
            force = force + on.problem.gravity[a] * (r - reference)
            force = given.force(force, r, a)
            outflow.resist(force, ua, r, on.filler, a, metric)
            source[a], beta[a] = force / r, dt / r
        carried = outflow.carried(u_adv, on.filler, on.comm)
        u = self._viscous(s.u, tuple(source), rho, self._viscosity(s, new, context), carried, context.t, dt)
        eddies = None if context.eddies is None else context.eddies.viscosity
        new.acted = Acted((rho_old, rho_new), reference, eddies, given._replace(scalars=None), s.drive)
        if any(given.bulk):
            u, new.drive = bulk.held(u, given.bulk, new.U[1:].sum(0), tuple(beta), s.drive, dt, on)
        return u, tuple(beta)

    def _viscosity(self, s: State, new: State, context: Context) -> Tensor:
        """The mean viscosity of gas and eddies over the step, padded [Pa s]."""
        assert s.coefficients is not None and new.coefficients is not None
        mu = 0.5 * (s.coefficients.viscosity + new.coefficients.viscosity)
        return mu if context.eddies is None else mu + context.eddies.viscosity

    def _viscous(
        self, u: Faces, source: Faces, rho: Tensor, mu: Tensor, carried: outflow.Carried, t: float, dt: float
    ) -> Faces:
        """u after the explicit forces and Runge-Kutta-Chebyshev viscosity over dt."""
        on = self.on
        layout, metrics = on.layout, on.metrics
        ratio = float((along(mu, layout, 2, 0, 0) / along(rho, layout, 2, 0, 0)).max())
        # 4/3 for the normal stress of the fastest direction, the others add their shear.
        ratio = on.comm.max(ratio)[0]
        radius = on.stiffness(ratio * (4.0 / 3.0))
        if on.bounds_locally:
            radius = on.local_stiffness((4.0 / 3.0) * mu / rho, ratio * (4.0 / 3.0))
        stages = on.stages_within(radius, dt, "kinematic viscosity", ratio)
        rows, shares = rkc.coefficients(stages, on.grid.device), rkc.times(stages)
        step = number(dt, on.grid.device)
        u0 = on.block_faces(u)
        F0 = tuple(
            None if f is None or s is None else f + s
            for f, s in zip(viscous_rate_kernel(u, rho, mu, layout, metrics), source, strict=True)
        )
        mt = rows[0][2] * step
        u2, u1 = u0, tuple(None if a is None or f is None else a + mt * f for a, f in zip(u0, F0, strict=True))
        outflow.carry(u1, u0, carried, shares[0] * dt)
        on.filler.at(t + shares[0] * dt)
        padded = on.filler.velocity(on.filler.pad_faces(u1))
        for row, share in zip(rows[1:], shares[1:], strict=True):
            u2, u1 = u1, viscous_stage_kernel(row, u0, u1, u2, F0, source, padded, rho, step, mu, layout, metrics)
            outflow.carry(u1, u0, carried, share * dt)
            on.filler.at(t + share * dt)
            padded = on.filler.velocity(on.filler.pad_faces(u1))
        return padded
