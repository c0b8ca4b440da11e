"""Low-Mach reacting flow: one step of the source-coupled (deferred-correction) or Strang-split scheme.

Staggered velocities, conservative rho Y and rho h. Each step: transport (bounded advection; diffusion by
Runge-Kutta-Chebyshev) with the lagged reaction rate as a source, then chemistry with the transport rate as a source,
repeated `sweeps` times; then momentum and one pressure projection. The velocity divergence is built from the same
discrete fluxes and rates as the update, plus a correction that returns the equation of state to p0.

Day & Bell, Combust. Theory Modelling 4 (2000) 535, doi:10.1088/1364-7830/4/4/309;
Nonaka, Day, Bell, Combust. Theory Modelling 22 (2018) 156, doi:10.1080/13647830.2017.1390610
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from combust.cfd.boundaries import inflow
from combust.cfd.lowmach.problem import Numerics, Problem
from combust.cfd.lowmach.sound import require_sound
from combust.cfd.lowmach.state import State
from combust.cfd.mesh.fill import Filler
from combust.cfd.mesh.grid import Grid, along
from combust.cfd.operators import momentum, rkc, scalars
from combust.cfd.operators.momentum import Faces
from combust.cfd.operators.reconstruction import named
from combust.cfd.operators.scalars import Coefficients
from combust.cfd.pressure.base import PressureSolver
from combust.errors import ConfigError, DivergenceError, StateError
from combust.kernels import compiled
from combust.parallel import together
from combust.timers import Timers

coefficients_kernel = compiled(scalars.transport_coefficients)
advection_kernel = compiled(scalars.advection)
diffusion_kernel = compiled(scalars.diffusion)
diffusive_rate_kernel = compiled(scalars.diffusive_rate)
first_stage_kernel = compiled(scalars.first_stage)
stage_kernel = compiled(scalars.stage)
transport_rate_kernel = compiled(scalars.transport_rate)
primitive_kernel = compiled(scalars.primitive)
divergence_kernel = compiled(scalars.divergence_source)
convection_kernel = compiled(momentum.convection)
viscous_rate_kernel = compiled(momentum.viscous_rate)
viscous_stage_kernel = compiled(momentum.viscous_stage)


class DiffusionStart(NamedTuple):
    """Diffusion at the start of a step: coefficients at n+1/2, rate of U and outflow with them, and the stages that
    keep it stable over the step.
    """

    coefficients: Coefficients
    rate: Tensor
    outflow: Tensor
    stages: int


class LowMach:
    """The scheme on one grid: holds no fields, turns a State at n into one at n+1."""

    def __init__(
        self,
        grid: Grid,
        problem: Problem,
        numerics: Numerics,
        chemistry: Any,
        pressure: PressureSolver,
        transport_data: Any,
    ):
        """Raises ConfigError for an unknown reconstruction, or one that needs more ghosts than the grid has."""
        needs = named(numerics.reconstruction).ghosts
        if needs > grid.ghosts:
            raise ConfigError(
                f'reconstruction = "{numerics.reconstruction}" reads {needs} layers of ghost cells, the grid has '
                f"{grid.ghosts}: make it with Grid(..., ghosts={needs})"
            )
        self.grid, self.problem, self.numerics = grid, problem, numerics
        self.chemistry, self.pressure, self.transport_data = chemistry, pressure, transport_data
        self.layout, self.metrics, self.thermo = grid.layout, grid.metrics, problem.gas.thermo
        self.timers = Timers()
        self.filler = Filler(grid, problem.boundaries, self.timers, 1 + len(problem.gas.species))
        self.comm = grid.block.comm
        self.iterations: list[int] = []
        self.stages = 0
        self.chemistry_stats: Any = None
        self.closed = not any(
            b is not None and b.pressure == "dirichlet" for a in self.layout.axes for b in problem.boundaries[a]
        )
        self.volume = self.comm.sum(float(grid.volume.sum()))[0]
        self.min_width = [None if a not in self.layout.axes else float(grid.widths[a].min()) for a in range(3)]

    # --- one step -----------------------------------------------------------------------------------------------

    def step(self, s: State, t: float, dt: float) -> State:
        """The state at t + dt. Raises DivergenceError on all ranks when the solution is lost."""
        self.iterations, self.stages = [], 0
        if self.numerics.coupling == "strang":
            new, mass = self._transport_strang(s, t, dt)
        else:
            new, mass = self._transport_sdc(s, t, dt)
        with self.timers.phase("momentum"):
            u_adv, fluxes = mass
            new.u, new.p = self._momentum(s, new, u_adv, fluxes, t, dt)
        left = self.comm.sum(*(new.balance - s.balance).tolist())
        new.balance = s.balance + torch.tensor(left, dtype=torch.float64, device=self.grid.device)
        new.balance[0] -= (new.p0 - s.p0) * self.volume
        require_sound(new, grid=self.grid, thermo=self.thermo, eos_limit=self.numerics.eos_limit)
        return new

    def _transport_sdc(self, s: State, t: float, dt: float) -> tuple[State, tuple[Faces, Faces]]:
        n = s.U.shape[0] - 1
        chi = scalars.equation_of_state_error(s.U, self.inner(s.q)[0], s.p0, self.thermo) / dt
        work = self._chemical(lambda: self.chemistry.begin(self.inner(s.q)[0].reshape(-1), s.U[1:].reshape(n, -1), dt))
        w = 0.5 * dt / s.dt_before
        q_half, S_half, c_half = self._extrapolated(s, w)
        u_half = self._extrapolated_velocity(s, w, t + 0.5 * dt)
        start = self._start_diffusion(s, c_half, dt)
        U, q, wdot = s.U, s.q, s.wdot
        for sweep in range(self.numerics.sweeps):
            if sweep:
                q_half, S_half = self._centred(s, U, q, wdot, c_half, t + 0.5 * dt)
            u_adv, dp0 = self._advection_velocity(s, u_half, q_half, S_half + chi)
            Q, fluxes, left = self._transport(s, start, q_half, u_adv, wdot, dp0, t, dt)
            T, rhoY = self._react(work, s, Q)
            wdot = (rhoY - s.U[1:]) / dt - Q[1:]
            U = torch.cat([(s.U[0] + dt * Q[0])[None], rhoY])
            q = self._primitive(U, T, t + dt)
        return self._finish(s, U, q, wdot, dp0, left, t, dt), (u_adv, fluxes)

    def _transport_strang(self, s: State, t: float, dt: float) -> tuple[State, tuple[Faces, Faces]]:
        """Half reaction, transport, half reaction; the second transport estimate uses the centred state."""
        chi = scalars.equation_of_state_error(s.U, self.inner(s.q)[0], s.p0, self.thermo) / dt
        w = 0.5 * dt / s.dt_before
        q_half, S_half, c_half = self._extrapolated(s, w)
        u_half = self._extrapolated_velocity(s, w, t + 0.5 * dt)
        none = torch.zeros_like(s.wdot)
        first = replace(s, U=self._react_alone(s.U, self.inner(s.q)[0], 0.5 * dt))
        T0 = primitive_kernel(first.U, self.inner(s.q)[0], self.thermo, 3)[0]
        self.filler.at(t)
        first.q = self.filler.scalars(torch.cat([T0[None], first.U[1:] / first.U[1:].sum(0)]))
        start = self._start_diffusion(first, c_half, dt)
        U, q, wdot = first.U, first.q, none
        for sweep in range(self.numerics.sweeps):
            if sweep:
                q_half, S_half = self._centred(s, U, q, wdot, c_half, t + 0.5 * dt)
            u_adv, dp0 = self._advection_velocity(s, u_half, q_half, S_half + chi)
            Q, fluxes, left = self._transport(first, start, q_half, u_adv, none, dp0, t, dt)
            U = first.U + dt * Q
            T = primitive_kernel(U, T0, self.thermo, 3)[0]
            U = self._react_alone(U, T, 0.5 * dt)
            wdot = (U[1:] - s.U[1:]) / dt - Q[1:]
            q = self._primitive(U, T, t + dt)
        return self._finish(s, U, q, wdot, dp0, left, t, dt), (u_adv, fluxes)

    def _finish(
        self, s: State, U: Tensor, q: Tensor, wdot: Tensor, dp0: float, left: Tensor, t: float, dt: float
    ) -> State:
        """The scalar part of the state at n+1, its coefficients and divergence source."""
        new = replace(
            s,
            U=U,
            q=q,
            p0=s.p0 + dt * dp0,
            wdot=wdot,
            q_before=s.q,
            u_before=s.u,
            S_before=s.S,
            dt_before=dt,
            coefficients_before=s.coefficients,
            balance=s.balance + left,
        )
        new.coefficients, new.S = self.evaluate(q, U, t + dt)
        return new

    # --- pieces -------------------------------------------------------------------------------------------------

    def coefficients(self, q: Tensor) -> Coefficients:
        """Transport coefficients of the padded (T, Y)."""
        with self.timers.phase("transport"):
            c = coefficients_kernel(self.transport_data, self.thermo, q, self.problem.transport)
            if c.thermal_diffusion is not None:
                self.filler.thermal_diffusion(c.thermal_diffusion)
            return c

    def evaluate(self, q: Tensor, U: Tensor, t: float) -> tuple[Coefficients, Tensor]:
        """Transport coefficients and divergence source of a state."""
        c, n = self.coefficients(q), U.shape[0] - 1
        with self.timers.phase("divergence"):
            wdot = self.chemistry.rates(self.inner(q)[0].reshape(-1), U[1:].reshape(n, -1)).reshape(U[1:].shape)
        return c, self._divergence(q, U, c, wdot, t)

    def _divergence(self, q: Tensor, U: Tensor, c: Coefficients, wdot: Tensor, t: float) -> Tensor:
        """Divergence source of a state whose species react at the rates wdot."""
        with self.timers.phase("divergence"):
            rate, _ = diffusion_kernel(q, c, self.thermo, self.layout, self.metrics, self.filler.diffusion_areas)
            if self.problem.forcing is not None:
                rate = rate + self.problem.forcing.scalars(t)
            self.filler.at(t)
            S = divergence_kernel(rate, wdot, q, U, self.thermo, self.layout)
            inflow.add_expansion(S, q, self.filler, self.thermo)
            return S

    def _extrapolated(self, s: State, w: float) -> tuple[Tensor, Tensor, Coefficients]:
        """(T, Y), S and coefficients extrapolated from n-1 and n to n+1/2."""
        assert s.coefficients is not None and s.coefficients_before is not None
        c = scalars.combined(s.coefficients, s.coefficients_before, lambda a, b: a + w * (a - b))
        return s.q + w * (s.q - s.q_before), s.S + w * (s.S - s.S_before), c

    def _centred(
        self, s: State, U: Tensor, q: Tensor, wdot: Tensor, c: Coefficients, t: float
    ) -> tuple[Tensor, Tensor]:
        """(T, Y) and S at n+1/2 from the state at n and an estimate of the one at n+1, with mean reaction rates."""
        q_half = 0.5 * (s.q + q)
        return q_half, self._divergence(q_half, 0.5 * (s.U + U), c, wdot, t)

    def _primitive(self, U: Tensor, T: Tensor, t: float) -> Tensor:
        """Padded (T, Y) of a conserved state at time t; T: a close guess."""
        with self.timers.phase("eos"):
            self.filler.at(t)
            return self.filler.scalars(primitive_kernel(U, T, self.thermo, 2))

    def _extrapolated_velocity(self, s: State, w: float, t: float) -> Faces:
        """Velocity extrapolated to n+1/2, t: its ghosts on other ranks' cells are as good as those it comes from."""
        with self.timers.phase("pressure"):
            self.filler.at(t)
            u = tuple(None if a is None or b is None else a + w * (a - b) for a, b in zip(s.u, s.u_before, strict=True))
            return self.filler.velocity_boundaries(u)

    def _advection_velocity(self, s: State, u: Faces, q: Tensor, target: Tensor) -> tuple[Faces, float]:
        """The velocity u, at n+1/2, with the divergence that the equation of state asks for, and dp0/dt of a closed
        box. Its ghosts are not yet those of the new velocity: advection needs none.
        """
        with self.timers.phase("pressure"):
            target, dp0 = self._compatible(target, q, s.p0, u)
            rhs = momentum.velocity_divergence(u, self.layout, self.metrics) - target
            phi = self.filler.pressure(self.pressure.solve_constant(rhs))
            return self._minus_gradient(u, phi, None), dp0

    def _compatible(self, S: Tensor, q: Tensor, p0: Tensor, u: Faces) -> tuple[Tensor, float]:
        """S - theta dp0/dt; in a closed box dp0/dt makes its integral equal the flow through the boundaries."""
        if not self.closed:
            return S, 0.0
        theta = scalars.compressibility(q, p0, self.thermo, self.layout)
        V = self.grid.volume
        out = self.filler.outflow(u)
        total, denominator = self.comm.sum(float((S * V).sum()) - out, float((theta * V).sum()))
        dp0 = total / denominator
        return S - theta * dp0, dp0

    def _minus_gradient(self, u: Faces, p: Tensor, beta: Faces | None) -> Faces:
        """u - beta grad p on the block's faces, padded with the ghosts of u."""
        result: list[Tensor | None] = [None] * 3
        for a in self.layout.axes:
            ua, metric = u[a], self.metrics[a]
            assert ua is not None and metric is not None
            step = momentum.difference(along(p, self.layout, a, -1, 1), a) * metric.per_distance
            if beta is not None:
                step = step * beta[a]  # type: ignore[operator]
            ua = ua.clone()
            along(ua, self.layout, a, 0, 1).sub_(step)
            result[a] = ua
        return tuple(result)

    def _transport(
        self,
        s: State,
        start: DiffusionStart,
        q_half: Tensor,
        u_adv: Faces,
        wdot: Tensor,
        dp0: float,
        t: float,
        dt: float,
    ) -> tuple[Tensor, Faces, Tensor]:
        """Mean transport rate of U over the step (with the work of p0), mass fluxes, and what left the domain."""
        layout, metrics, thermo = self.layout, self.metrics, self.thermo
        p_half = s.p0 + 0.5 * dt * dp0
        with self.timers.phase("advection"):
            self.filler.at(t + 0.5 * dt)
            source, mass, out = advection_kernel(
                self.filler.streams(q_half),
                u_adv,
                p_half,
                thermo,
                layout,
                metrics,
                self.numerics.reconstruction,
                self.filler.areas,
            )
            source[0] += dp0
            if self.problem.forcing is not None:
                source = source + self.problem.forcing.scalars(t + 0.5 * dt)
        left = dt * out
        with self.timers.phase("diffusion"):
            source[1:] += wdot
            U, diffused = self._diffuse(s, start, source, t, dt)
            step = torch.tensor(dt, dtype=torch.float64, device=self.grid.device)
            Q = transport_rate_kernel(U, s.U, wdot, step)
        return Q, mass, left + dt * diffused

    def _start_diffusion(self, s: State, c: Coefficients, dt: float) -> DiffusionStart:
        """Diffusion at the start of a step, which its sweeps share."""
        with self.timers.phase("diffusion"):
            fastest = float(diffusive_rate_kernel(s.U, s.q, c, self.thermo, self.layout))
            fastest = self.comm.max(fastest)[0]
            radius = fastest * sum(4.0 / w**2 for w in self.min_width if w is not None)
            stages = rkc.stages_within(self.numerics.max_stages, radius, dt, "diffusivity", fastest)
            self.stages = max(self.stages, stages)
            rate, out = diffusion_kernel(s.q, c, self.thermo, self.layout, self.metrics, self.filler.diffusion_areas)
            return DiffusionStart(c, rate, out, stages)

    def _diffuse(self, s: State, start: DiffusionStart, source: Tensor, t: float, dt: float) -> tuple[Tensor, Tensor]:
        """U after Runge-Kutta-Chebyshev over dt, and the mean diffusive outflow through the boundaries."""
        c, out0 = start.coefficients, start.outflow
        rows, shares = rkc.coefficients(start.stages, self.grid.device), rkc.times(start.stages)
        step = torch.tensor(dt, dtype=torch.float64, device=self.grid.device)
        mt = rows[0][2]
        self.filler.at(t + shares[0] * dt)
        F0, U1, q = first_stage_kernel(s.U, source, start.rate, mt * step, self.inner(s.q)[0], self.thermo)
        q1, U2 = self.filler.scalars(q), s.U
        G2, G1 = torch.zeros_like(out0), mt * out0
        for row, share in zip(rows[1:], shares[1:], strict=True):
            U, q, out = stage_kernel(
                row,
                s.U,
                U1,
                U2,
                F0,
                source,
                q1,
                step,
                c,
                self.thermo,
                self.layout,
                self.metrics,
                self.filler.diffusion_areas,
            )
            mu, nu, mt, gt = row
            G1, G2 = mu * G1 + nu * G2 + mt * out + gt * out0, G1
            U2, U1 = U1, U
            if row is not rows[-1]:
                self.filler.at(t + share * dt)
                q1 = self.filler.scalars(q)
        return U1, G1

    def _react(self, work: Any, s: State, Q: Tensor) -> tuple[Tensor, Tensor]:
        n = Q.shape[0] - 1
        result = self._chemical(lambda: self.chemistry.advance(work, Q[1:].reshape(n, -1), Q[0].reshape(-1)))
        self.chemistry_stats = result.stats
        return result.T.reshape(Q[0].shape), result.rhoY.reshape(Q[1:].shape)

    def _react_alone(self, U: Tensor, T: Tensor, dt: float) -> Tensor:
        """Chemistry without transport: rho h stays, rho Y change."""
        n, zero = U.shape[0] - 1, torch.zeros_like(U)
        work = self._chemical(lambda: self.chemistry.begin(T.reshape(-1), U[1:].reshape(n, -1), dt))
        result = self._chemical(lambda: self.chemistry.advance(work, zero[1:].reshape(n, -1), zero[0].reshape(-1)))
        return torch.cat([U[:1], result.rhoY.reshape(U[1:].shape)])

    def _chemical(self, call: Callable[[], Any]) -> Any:
        """A call of the chemistry; what fails on one rank fails on all, as a lost solution."""
        with self.timers.phase("chemistry"):
            try:
                return together(self.comm, call)
            except StateError as error:
                raise DivergenceError(f"{error}; shorten the time step (numerics.cfl, numerics.dt_max)") from error

    def _momentum(self, s: State, new: State, u_adv: Faces, mass: Faces, t: float, dt: float) -> tuple[Faces, Tensor]:
        layout, metrics = self.layout, self.metrics
        self.filler.at(t + 0.5 * dt)
        rho_old, rho_new, mass = self.filler.momentum_inputs(s.U[1:].sum(0), new.U[1:].sum(0), mass, u_adv)
        rho = 0.5 * (rho_old + rho_new)
        assert s.coefficients is not None and new.coefficients is not None
        mu = 0.5 * (s.coefficients.viscosity + new.coefficients.viscosity)
        conv = convection_kernel(u_adv, mass, layout, metrics)
        extra = None if self.problem.forcing is None else self.problem.forcing.momentum(t + 0.5 * dt)
        reference = self.reference_density(self.inner(rho))
        source: list[Tensor | None] = [None] * 3
        beta: list[Tensor | None] = [None] * 3
        for a in layout.axes:
            r0, r1 = (momentum.face_density(r, layout, metrics, a) for r in (rho_old, rho_new))
            r = 0.5 * (r0 + r1)
            ua, metric = u_adv[a], metrics[a]
            assert ua is not None and metric is not None
            gradient = momentum.difference(along(s.p, layout, a, -1, 1), a) * metric.per_distance
            force = conv[a] - along(ua, layout, a, 0, 1) * (r1 - r0) / dt - gradient  # type: ignore[operator]
            force = force + self.problem.gravity[a] * (r - reference)
            if extra is not None:
                force = force + extra[a]  # type: ignore[operator]
            source[a], beta[a] = force / r, dt / r
        u = self._viscous(s.u, tuple(source), rho, mu, t, dt)
        return self.project(u, s.p, tuple(beta), new)

    def project(self, u: Faces, p: Tensor, beta: Faces, new: State) -> tuple[Faces, Tensor]:
        """u, ghosts set, with the divergence of `new`, and the pressure p + dp that gives it."""
        with self.timers.phase("pressure"):
            target, _ = self._compatible(new.S, new.q, new.p0, u)
            rhs = momentum.velocity_divergence(u, self.layout, self.metrics) - target
            terms = momentum.velocity_moduli(u, self.layout, self.metrics) + new.S.abs() + target.abs()
            solution = self.pressure.solve(beta, rhs, terms=terms)  # type: ignore[arg-type]
            self.iterations.append(solution.iterations)
            dp = self.filler.pressure(solution.p)
            return self.filler.velocity(self._minus_gradient(u, dp, beta)), p + dp

    def _viscous(self, u: Faces, source: Faces, rho: Tensor, mu: Tensor, t: float, dt: float) -> Faces:
        """u after the explicit forces and Runge-Kutta-Chebyshev viscosity over dt."""
        layout, metrics = self.layout, self.metrics
        ratio = float((along(mu, layout, 2, 0, 0) / along(rho, layout, 2, 0, 0)).max())
        # 4/3 for the normal stress of the fastest direction, the others add their shear.
        ratio = self.comm.max(ratio)[0]
        radius = ratio * (4.0 / 3.0) * sum(4.0 / w**2 for w in self.min_width if w is not None)
        stages = rkc.stages_within(self.numerics.max_stages, radius, dt, "kinematic viscosity", ratio)
        rows, shares = rkc.coefficients(stages, self.grid.device), rkc.times(stages)
        step = torch.tensor(dt, dtype=torch.float64, device=self.grid.device)
        u0 = self.block_faces(u)
        F0 = tuple(
            None if f is None or s is None else f + s
            for f, s in zip(viscous_rate_kernel(u, rho, mu, layout, metrics), source, strict=True)
        )
        mt = rows[0][2] * step
        u2, u1 = u0, tuple(None if a is None or f is None else a + mt * f for a, f in zip(u0, F0, strict=True))
        self.filler.at(t + shares[0] * dt)
        padded = self.filler.velocity(self.filler.pad_faces(u1))
        for row, share in zip(rows[1:], shares[1:], strict=True):
            u2, u1 = u1, viscous_stage_kernel(row, u0, u1, u2, F0, source, padded, rho, step, mu, layout, metrics)
            self.filler.at(t + share * dt)
            padded = self.filler.velocity(self.filler.pad_faces(u1))
        return padded

    # --- helpers ------------------------------------------------------------------------------------------------

    def inner(self, f: Tensor) -> Tensor:
        """The owned cells of a padded array."""
        return along(f, self.layout, 2, 0, 0)

    def block_faces(self, u: Faces) -> Faces:
        """Faces 0..n of the block, per axis, of padded face arrays."""
        return tuple(None if f is None else along(f, self.layout, a, 0, 1) for a, f in enumerate(u))

    def reference_density(self, rho: Tensor) -> float:
        """What gravity is measured against [kg/m3]: the gas outside, or the mean of `rho`, the owned cells."""
        reference = self.problem.reference_density
        if reference is None:
            reference = self.comm.sum(float((rho * self.grid.volume).sum()))[0] / self.volume
        return reference

    def limits(self, s: State) -> dict[str, float]:
        """Largest dt [s] by convection and by expansion, over all ranks."""
        speed = torch.zeros((), dtype=torch.float64, device=self.grid.device)
        for a in self.layout.axes:
            faces, metric = self.block_faces(s.u)[a], self.metrics[a]
            assert faces is not None and metric is not None
            n = self.layout.n[a]
            fastest = torch.maximum(faces.narrow(a, 0, n).abs(), faces.narrow(a, 1, n).abs())
            speed = speed + fastest * metric.per_width
        rate, expansion = self.comm.max(float(speed.max()), float(s.S.abs().max()))
        tiny = 1e-300
        return {"cfl": self.numerics.cfl / (rate + tiny), "expansion": 0.5 / (expansion + tiny)}
