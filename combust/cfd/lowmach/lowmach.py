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
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor

from combust.cfd.boundaries import inflow, outflow, walls
from combust.cfd.closures.base import Rates
from combust.cfd.closures.carried import Carrying
from combust.cfd.closures.view import View
from combust.cfd.lowmach.carried import Carrier
from combust.cfd.lowmach.context import Context, context
from combust.cfd.lowmach.discretisation import Discretisation
from combust.cfd.lowmach.momentum import Momentum
from combust.cfd.lowmach.problem import LowMachNumerics, Problem
from combust.cfd.lowmach.projection import Projection
from combust.cfd.lowmach.sound import require_sound
from combust.cfd.lowmach.state import State
from combust.cfd.lowmach.transport import Transport
from combust.cfd.mesh.grid import Faces, Grid
from combust.cfd.mesh.slabs import of_cells, pointwise
from combust.cfd.operators import scalars
from combust.cfd.operators.coefficients import Coefficients, combined, multiplied, transport_coefficients, with_eddies
from combust.cfd.operators.native import coefficients
from combust.cfd.operators.native import state as cells
from combust.cfd.pressure.base import PressureSolver
from combust.devices import number, total
from combust.errors import DivergenceError, StateError
from combust.kernels import compiled
from combust.kinetics.integrate.statistics import Statistics
from combust.kinetics.providers.chemistry import Chemistry, require_hold
from combust.kinetics.providers.slowed import Slowed
from combust.kinetics.transport.model import TransportModel
from combust.parallel import together

T = TypeVar("T")
CARRIED = 1.0  # Courant number beyond which the velocity of a convective outflow may grow from step to step
BESIDE_WALL = 0.1  # of its volume a cell may gain or lose in a step beside a wall whose temperature jumps

coefficients_kernel = compiled(transport_coefficients, native=coefficients.transport_coefficients)
primitive_kernel = compiled(scalars.primitive, native=cells.primitive)
divergence_kernel = compiled(scalars.divergence_source, native=cells.divergence_source)
mean_rates_kernel = compiled(scalars.mean_rates, native=cells.mean_rates)
ahead_kernel = compiled(scalars.ahead, native=cells.ahead)
with_eddies_kernel = compiled(with_eddies)
multiplied_kernel = compiled(multiplied)


class LowMach(Discretisation):
    """The scheme on one grid: holds no fields, turns a State at n into one at n+1."""

    def __init__(
        self,
        grid: Grid,
        problem: Problem,
        numerics: LowMachNumerics,
        chemistry: Chemistry,
        pressure: PressureSolver,
        transport_data: TransportModel,
    ):
        """Raises ConfigError for an unknown reconstruction, one that needs more ghosts than the grid has, or chemistry
        whose cells do not keep what those of this flow keep.
        """
        super().__init__(grid, problem, numerics)
        require_hold(chemistry, "flow", "a low-Mach flow")
        if isinstance(chemistry, Slowed):
            chemistry = chemistry.chemistry
        self.plain = chemistry  # as the mechanism has it, and below as the interaction lets it act
        self.chemistry: Chemistry = chemistry if problem.interaction is None else Slowed(chemistry)
        self.pressure, self.transport_data = pressure, transport_data
        self.projection, self.transport, self.momentum = Projection(self, pressure), Transport(self), Momentum(self)
        self.chemistry_stats: Statistics | None = None
        closure = problem.closure
        self.carrier = Carrier(self, closure) if isinstance(closure, Carrying) else None

    @property
    def iterations(self) -> list[int]:
        """Of the pressure solves of the last step."""
        return self.projection.iterations

    @property
    def stages(self) -> int:
        """Runge-Kutta-Chebyshev stages of the scalars in the last step."""
        return self.transport.stages

    # --- one step -----------------------------------------------------------------------------------------------

    def step(self, s: State, t: float, dt: float) -> State:
        """The state at t + dt. Raises DivergenceError on all ranks when the solution is lost."""
        self.projection.iterations, self.transport.stages = [], 0
        view = self.view_of(s, t, dt)
        given = self.asked(view)
        advance = self._transport_strang if self.numerics.coupling == "strang" else self._transport_sdc
        new, (u_adv, fluxes) = advance(s, given, dt)
        with self.timers.phase("momentum"):
            u, beta = self.momentum.advance(s, new, u_adv, fluxes, given, dt)
            new.u, new.p = self.projection.project(u, s.p, beta, new)
        if self.carrier is not None:
            self.carrier.advance(s, new, view, fluxes, dt, lambda: self.view_of(new, t + dt, dt))
        if given.counted is not None:
            new.balance = new.balance - dt * given.counted
        parts = torch.cat([new.balance - s.balance, new.heat_out - s.heat_out])
        left = total(self.comm, parts)
        new.balance, new.heat_out = s.balance + left[: -scalars.SIDES], s.heat_out + left[-scalars.SIDES :]
        new.balance[0] -= (new.p0 - s.p0) * self.volume
        require_sound(new, self.grid, self.thermo, self.problem.gas.species, self.numerics.eos_limit)
        return new

    def _transport_sdc(self, s: State, given: Context, dt: float) -> tuple[State, tuple[Faces, Faces]]:
        # A call of its own: its other fields are gone before coefficients and rates are evaluated.
        U, q, wdot, dp0, left, moved = self._swept(s, given, dt)
        return self._finish(s, U, q, moved[0], wdot, dp0, left, given, dt), moved

    def _swept(
        self, s: State, given: Context, dt: float
    ) -> tuple[Tensor, Tensor, Tensor, float, Tensor, tuple[Faces, Faces]]:
        """U, q and mean reaction rates at n+1, dp0/dt and outflow, velocities and mass fluxes, after all sweeps."""
        n = s.U.shape[0] - 1
        chi = self.pressure_error(s) / dt
        work = self._chemical(lambda: self.chemistry.begin(self.inner(s.q)[0].reshape(-1), s.U[1:].reshape(n, -1), dt))
        w = 0.5 * dt / s.dt_before
        q_half, S_half, c_half = self._extrapolated(s, given, w)
        u_half = self._extrapolated_velocity(s, w, given.t + 0.5 * dt)
        s.forget_before()
        start = self.transport.start(s, c_half, dt)
        U, q, wdot = s.U, s.q, s.wdot
        u_adv = u_half
        rates = lambda: s.wdot  # noqa: E731
        step = number(dt, self.grid.device)
        for sweep in range(self.numerics.sweeps):
            if sweep:
                q_half, S_half = self._centred(s, U, q, u_adv, wdot, c_half, given, dt)
                del U, q
            u_adv, dp0 = self.projection.advection_velocity(s, u_half, q_half, S_half + chi)
            source, fluxes, left = self.transport.advection(s, q_half, u_adv, dp0, given, dt)
            source[1:] += wdot
            del q_half, wdot
            Q, diffused = self.transport.diffused(s, start, source, rates, given, dt)
            left = left + diffused
            del source
            T, rhoY = self._react(work, Q)
            rates = partial(of_cells, mean_rates_kernel, (rhoY, s.U, Q), (step,))
            s.forget_rates()
            wdot, U = rates(), torch.cat([(s.U[0] + dt * Q[0])[None], rhoY])
            q = self._primitive(U, T, given.t + dt)
        return U, q, wdot, dp0, left, (u_adv, fluxes)

    def _transport_strang(self, s: State, given: Context, dt: float) -> tuple[State, tuple[Faces, Faces]]:
        """Half reaction, transport, half reaction; the second transport estimate uses the centred state."""
        chi = self.pressure_error(s) / dt
        w = 0.5 * dt / s.dt_before
        q_half, S_half, c_half = self._extrapolated(s, given, w)
        u_half = self._extrapolated_velocity(s, w, given.t + 0.5 * dt)
        s.forget_before()
        none = torch.zeros_like(s.wdot)
        first = replace(s, U=self._react_alone(s.U, self.inner(s.q)[0], 0.5 * dt))
        T0 = primitive_kernel(first.U, self.inner(s.q)[0], self.thermo, 3)[0]
        self.filler.at(given.t)
        first.q = self.filler.scalars(torch.cat([T0[None], first.U[1:] / first.U[1:].sum(0)]))
        start = self.transport.start(first, c_half, dt)
        U, q, wdot = first.U, first.q, none
        u_adv = u_half
        for sweep in range(self.numerics.sweeps):
            if sweep:
                q_half, S_half = self._centred(s, U, q, u_adv, wdot, c_half, given, dt)
            u_adv, dp0 = self.projection.advection_velocity(s, u_half, q_half, S_half + chi)
            source, fluxes, left = self.transport.advection(first, q_half, u_adv, dp0, given, dt)
            Q, diffused = self.transport.diffused(first, start, source, lambda: none, given, dt)
            left = left + diffused
            U = first.U + dt * Q
            T = primitive_kernel(U, T0, self.thermo, 3)[0]
            U = self._react_alone(U, T, 0.5 * dt)
            wdot = (U[1:] - s.U[1:]) / dt - Q[1:]
            q = self._primitive(U, T, given.t + dt)
        return self._finish(s, U, q, u_adv, wdot, dp0, left, given, dt), (u_adv, fluxes)

    def _finish(
        self,
        s: State,
        U: Tensor,
        q: Tensor,
        u: Faces,
        wdot: Tensor,
        dp0: float,
        left: Tensor,
        given: Context,
        dt: float,
    ) -> State:
        """The scalar part of the state at n+1, its coefficients and divergence source; u : velocities of the step."""
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
            balance=s.balance + left[: -scalars.SIDES],
            heat_out=s.heat_out + left[-scalars.SIDES :],
        )
        new.coefficients, new.S = self.evaluate(q, U, u, given, given.t + dt)
        return new

    # --- pieces -------------------------------------------------------------------------------------------------

    def coefficients(self, q: Tensor) -> Coefficients:
        """Transport coefficients of the padded (T, Y)."""
        with self.timers.phase("transport"):
            data, model = self.transport_data, self.problem.transport
            c = coefficients_kernel.native(None, data, self.thermo, q, model)
            if c is None:
                c = pointwise(lambda q: coefficients_kernel(data, self.thermo, q, model), q)
            if c.thermal_diffusion is not None:
                self.filler.thermal_diffusion(c.thermal_diffusion)
            return c

    def view(
        self, u: Faces, q: Tensor, U: Tensor, p0: Tensor, t: float, dt: float, c: Coefficients | None = None
    ) -> View:
        """The flow as closures and sources see it, from its padded velocities and (T, Y), and (rho h, rho Y).

        c : transport coefficients of the gas, made where they are asked for if omitted
        """

        def gas() -> Coefficients:
            return self.coefficients(q) if c is None else c

        def reactions() -> Tensor:
            return self.reactions(q, U)

        return View(self.domain, u, q, U[1:].sum(0), p0, t, dt, gas, thermo=self.thermo, chemistry=reactions)

    def view_of(self, s: State, t: float, dt: float) -> View:
        """The flow of a state."""
        view = self.view(s.u, s.q, s.U, s.p0, t, dt, s.coefficients)
        return replace(view, drive=s.drive, carried=s.carried)

    def asked(self, view: View) -> Context:
        """What closure, interaction and sources say of the step that starts with `view`: from now on the chemistry
        reacts as the interaction says.
        """
        given = context(view, self)
        if isinstance(self.chemistry, Slowed):
            self.chemistry.factor = None if given.rates is None else given.rates.reshape(-1)
        return given

    def acting(self, c: Coefficients, given: Context) -> Coefficients:
        """The coefficients of gas and eddies together, as they act."""
        if given.molecular is not None:
            c = multiplied_kernel(c, given.molecular)
        return c if given.eddies is None else with_eddies_kernel(c, given.eddies, self.thermo)

    def reactions(self, q: Tensor, U: Tensor) -> Tensor:
        """Mass production rates of the mechanism in the owned cells, (species, nz, ny, nx) [kg/m3/s]."""
        rhoY = U[1:]
        return self.plain.rates(self.inner(q)[0].reshape(-1), rhoY.reshape(rhoY.shape[0], -1)).reshape(rhoY.shape)

    def evaluate(self, q: Tensor, U: Tensor, u: Faces, given: Context, t: float) -> tuple[Coefficients, Tensor]:
        """Transport coefficients of the gas and divergence source of a state at time t, with the rates of sources."""
        c, n = self.coefficients(q), U.shape[0] - 1
        with self.timers.phase("divergence"):
            wdot = self.chemistry.rates(self.inner(q)[0].reshape(-1), U[1:].reshape(n, -1)).reshape(U[1:].shape)
        c_all = self.acting(c, given)
        return c, self._divergence(q, U[1:].sum(0), u, c_all, wdot, given.end, t)

    def _divergence(
        self, q: Tensor, rho: Tensor, u: Faces, c: Coefficients, wdot: Tensor, added: Rates | None, t: float
    ) -> Tensor:
        """Divergence source of a state whose species react at the rates wdot, with the rates of sources."""
        with self.timers.phase("divergence"):
            self.filler.at(t)
            heat, joined = walls.heat(self.filler), self.joined()
            for slab in self.slabs:
                rate, _ = self.transport.diffusion_of(slab, q, c)
                if added is not None and added.scalars is not None:
                    rate = rate + slab.cells(added.scalars)
                if heat is not None:
                    rate = torch.cat([rate[:1] + slab.cells(heat), rate[1:]])
                fields = slab.cells(wdot), slab.padded(q), slab.cells(rho)
                joined.put(slab.start, divergence_kernel(rate, *fields, self.thermo, slab.layout))
            S = joined.whole
            inflow.add_expansion(S, q, u, self.filler, self.thermo)
            return S

    def _extrapolated(self, s: State, given: Context, w: float) -> tuple[Tensor, Tensor, Coefficients]:
        """(T, Y), S and coefficients extrapolated from n-1 and n to n+1/2; those of the eddies stay."""
        assert s.coefficients is not None and s.coefficients_before is not None

        def beyond(a: Tensor, b: Tensor) -> Tensor:
            return pointwise(lambda a, b: a + w * (a - b), a, b)

        now = s.coefficients, s.q, s.S
        earlier = s.coefficients_before, s.q_before, s.S_before
        found = ahead_kernel.native(None, now, earlier, number(w, self.grid.device))
        if found is None:
            found = combined(now[0], earlier[0], beyond), beyond(s.q, s.q_before), beyond(s.S, s.S_before)
        return found[1], found[2], self.acting(found[0], given)

    def _centred(
        self, s: State, U: Tensor, q: Tensor, u: Faces, wdot: Tensor, c: Coefficients, given: Context, dt: float
    ) -> tuple[Tensor, Tensor]:
        """(T, Y) and S at n+1/2 from the state at n and an estimate of the one at n+1, with mean reaction rates."""
        q_half = pointwise(lambda a, b: 0.5 * (a + b), s.q, q)
        rho = 0.5 * (s.U[1:].sum(0) + U[1:].sum(0))
        return q_half, self._divergence(q_half, rho, u, c, wdot, given.mean, given.t + 0.5 * dt)

    def _primitive(self, U: Tensor, T: Tensor, t: float) -> Tensor:
        """Padded (T, Y) of a conserved state at time t; T: a close guess."""
        with self.timers.phase("eos"):
            self.filler.at(t)
            q = self.grid.padded(U.shape[0])
            of_cells(primitive_kernel, (U, T), (self.thermo, 2), into=(self.inner(q),))
            return self.filler.scalar_ghosts(q)

    def _extrapolated_velocity(self, s: State, w: float, t: float) -> Faces:
        """Velocity extrapolated to n+1/2, t: its ghosts on other ranks' cells are as good as those it comes from."""
        with self.timers.phase("pressure"):
            self.filler.at(t)
            u = tuple(None if a is None or b is None else a + w * (a - b) for a, b in zip(s.u, s.u_before, strict=True))
            return self.filler.velocity_boundaries(u)

    def _react(self, work: object, Q: Tensor) -> tuple[Tensor, Tensor]:
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

    def _chemical(self, call: Callable[[], T]) -> T:
        """A call of the chemistry; what fails on one rank fails on all, as a lost solution."""
        with self.timers.phase("chemistry"):
            try:
                return together(self.comm, call)
            except StateError as error:
                raise DivergenceError(f"{error}; shorten the time step (numerics.cfl, numerics.dt_max)") from error

    def limits(self, s: State) -> dict[str, float]:
        """Largest dt [s] over all ranks: by convection and expansion, the latter beside walls of given temperature, and
        by the velocity that carries the gas out of convective outflows.
        """
        speed = torch.zeros((), dtype=torch.float64, device=self.grid.device)
        for a in self.layout.axes:
            faces, metric = self.block_faces(s.u)[a], self.metrics[a]
            assert faces is not None and metric is not None
            n = self.layout.n[a]
            fastest = torch.maximum(faces.narrow(a, 0, n).abs(), faces.narrow(a, 1, n).abs())
            speed = speed + fastest * metric.per_width
        rates = [float(speed.max()), float(s.S.abs().max())]
        if self.filler.holds_temperature:
            rates.append(walls.expansion(s.S, self.filler))
        rate, expansion, *beside = self.comm.max(*rates)
        tiny = 1e-300
        found = {"cfl": self.numerics.cfl / (rate + tiny), "expansion": 0.5 / (expansion + tiny)}
        if beside:
            found["wall"] = BESIDE_WALL / (beside[0] + tiny)
        if self.filler.convects:
            rate = outflow.given_rate(self.problem.boundaries, self.grid)
            found["outflow"] = min(self.numerics.cfl, CARRIED) / (rate + tiny)
        return found
