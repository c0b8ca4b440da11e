"""Transport of species and enthalpy over a step: bounded advection, and diffusion by Runge-Kutta-Chebyshev."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from combust.cfd.boundaries import walls
from combust.cfd.lowmach.context import Context
from combust.cfd.lowmach.discretisation import Discretisation
from combust.cfd.lowmach.state import State
from combust.cfd.mesh.grid import Areas, Faces
from combust.cfd.mesh.slabs import Behind, Joined, Slab, of_cells
from combust.cfd.operators import rkc, scalars
from combust.cfd.operators.coefficients import Coefficients
from combust.cfd.operators.native import advection, diffusion, stages
from combust.cfd.operators.native import state as cells
from combust.devices import number
from combust.kernels import compiled

advection_kernel = compiled(scalars.advection, native=advection.advection)
diffusion_kernel = compiled(scalars.diffusion, native=diffusion.diffusion)
diffusive_rate_kernel = compiled(scalars.diffusive_rate, native=cells.diffusive_rate)
last_stage_kernel = compiled(scalars.last_stage, native=diffusion.last_stage)
first_stage_kernel = compiled(scalars.first_stage, native=stages.first_stage)
stage_kernel = compiled(scalars.stage, native=diffusion.stage)
transport_rate_kernel = compiled(scalars.transport_rate, native=stages.transport_rate)


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
            fastest = self._fastest(s, c)
            fastest = on.comm.max(fastest)[0]
            radius = on.stiffness(fastest)
            if on.bounds_locally:
                radius = on.local_stiffness(scalars.largest_diffusivity(s.q, c, s.p0, on.thermo), fastest)
            stages = on.stages_within(radius, dt, "diffusivity", fastest)
            self.stages = max(self.stages, stages)
            rate, out = self.diffusion(s.q, c)
            return DiffusionStart(c, rate, out, stages)

    def _fastest(self, s: State, c: Coefficients) -> float:
        """The largest diffusivity [m2/s] of this block."""
        on = self.on
        found = [
            diffusive_rate_kernel(slab.cells(s.U), slab.padded(s.q), part(slab, c), on.thermo, slab.layout)
            for slab in on.slabs
        ]
        return float(torch.stack(found).max())

    def _at_once(self, q: Tensor, c: Coefficients) -> bool:
        """Whether a block goes through diffusion in one piece, however large."""
        return diffusion.serves(q, c, self.on.thermo, self.on.layout)

    def diffusion(self, q: Tensor, c: Coefficients) -> tuple[Tensor, Tensor]:
        """Rate of change of U by diffusion, and what leaves the domain by diffusion [.../s], as `scalars.diffusion`."""
        on = self.on
        if self._at_once(q, c):
            return diffusion_kernel(q, c, on.thermo, on.layout, on.metrics, on.filler.diffusion_areas)
        joined, total = on.joined(), None
        for slab in on.slabs:
            rate, out = self.diffusion_of(slab, q, c)
            joined.put(slab.start, rate)
            total = out if total is None else total + out
        assert total is not None
        return joined.whole, total

    def diffusion_of(self, slab: Slab, q: Tensor, c: Coefficients) -> tuple[Tensor, Tensor]:
        """`diffusion` of a slab, from the fields of the whole block."""
        on, areas = self.on, self._areas(slab, self.on.filler.diffusion_areas)
        return diffusion_kernel(slab.padded(q), part(slab, c), on.thermo, slab.layout, slab.metrics, areas)

    def _areas(self, slab: Slab, areas: Areas) -> Areas:
        return slab.areas(areas, self.on.layout.n[0])

    def _advection(self, q: Tensor, u: Faces, p: Tensor) -> tuple[Tensor, Faces, Tensor]:
        """Rate of change of U by advection, mass fluxes at the block's faces, and outflow of U from the domain."""
        on = self.on
        constants = on.thermo, on.layout, on.metrics, on.numerics.reconstruction, on.filler.areas
        found = advection_kernel.native(None, q, u, p, *constants)
        return self._advection_in_slabs(q, u, p) if found is None else found

    def _advection_in_slabs(self, q: Tensor, u: Faces, p: Tensor) -> tuple[Tensor, Faces, Tensor]:
        on, joined, total = self.on, self.on.joined(), None
        mass = [Joined(on.layout.n[0] + (a == 0)) if a in on.layout.axes else None for a in range(3)]
        for slab in on.slabs:
            fixed = (on.thermo, slab.layout, slab.metrics, on.numerics.reconstruction)
            areas = self._areas(slab, on.filler.areas)
            rate, faces, out = advection_kernel(slab.padded(q), slab.padded_faces(u), p, *fixed, areas)
            joined.put(slab.start, rate)
            for field, face in zip(mass, faces, strict=True):
                if field is not None and face is not None:
                    field.put(slab.start, face)
            total = out if total is None else total + out
        assert total is not None
        return joined.whole, tuple(None if field is None else field.whole for field in mass), total

    def advection(
        self, s: State, q_half: Tensor, u_adv: Faces, dp0: float, given: Context, dt: float
    ) -> tuple[Tensor, Faces, Tensor]:
        """Mean rate of change of U by advection, sources and the work of p0; mass fluxes, and what left the domain: U,
        and the heat that walls of given heat flux let out through each side.
        """
        on, added = self.on, given.mean
        p_half = s.p0 + 0.5 * dt * dp0
        with on.timers.phase("advection"):
            on.filler.at(given.t + 0.5 * dt)
            source, mass, out = self._advection(on.filler.streams(q_half, u_adv), u_adv, p_half)
            source[0] += dp0
            if added is not None and added.scalars is not None:
                source = source + added.scalars
            heat = walls.heat(on.filler)
            if heat is not None:
                source[0] += heat
                out[0] -= (heat * on.grid.volume).sum()
        return source, mass, dt * torch.cat([out, walls.heat_out(on.filler)])

    def diffused(
        self, s: State, start: DiffusionStart, source: Tensor, wdot: Callable[[], Tensor], given: Context, dt: float
    ) -> tuple[Tensor, Tensor]:
        """Mean transport rate of U over the step, diffusion and `source`, which has the reaction rates wdot in it
        already; and what left the domain by diffusion. The rates are asked for anew after the stages, which need not
        hold them.
        """
        on = self.on
        with on.timers.phase("diffusion"):
            Q, diffused = self._diffuse(s, start, source, wdot, given.t, dt)
        return Q, dt * diffused

    def _diffuse(
        self, s: State, start: DiffusionStart, source: Tensor, wdot: Callable[[], Tensor], t: float, dt: float
    ) -> tuple[Tensor, Tensor]:
        """Mean transport rate of Runge-Kutta-Chebyshev over dt, and mean diffusive outflow through the boundaries."""
        on, outflows = self.on, [start.outflow]
        rows, shares = rkc.coefficients(start.stages, on.grid.device), rkc.times(start.stages)
        step = number(dt, on.grid.device)
        on.filler.at(t + shares[0] * dt)
        U1, q1 = self._first_stage(s, source, start, rows[0][2] * step)
        on.filler.nearest_ghosts(q1)
        U2 = s.U
        for row, share in zip(rows[1:-1], shares[1:-1], strict=True):
            U, out = self._stage((row, step), (s.U, U1, U2), start, source, q1)
            outflows.append(out)
            U2, U1 = U1, U
            on.filler.at(t + share * dt)
            on.filler.nearest_ghosts(q1)
        Q, out = self._last_stage((rows[-1], step), (s.U, U1, U2), start, source, q1, wdot)
        outflows.append(out)
        return Q, (rkc.weights(start.stages, on.grid.device) * torch.stack(outflows)).sum(0)

    def _first_stage(self, s: State, source: Tensor, start: DiffusionStart, step: Tensor) -> tuple[Tensor, Tensor]:
        """U after the first stage, and padded (T, Y), ghosts not yet set."""
        padded = self.on.grid.padded(s.U.shape[0])
        given, into = (s.U, source, start.rate, self.on.inner(s.q)[0]), (None, self.on.inner(padded))
        return of_cells(first_stage_kernel, given, (step, self.on.thermo), into)[0], padded

    def _stage(
        self, step: tuple[Tensor, Tensor], U: tuple[Tensor, Tensor, Tensor], start: DiffusionStart, source: Tensor,
        q1: Tensor,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """A later stage: U and the outflow; the owned cells of q1, padded (T, Y), become those of this stage. step :
        its coefficients and dt;  U : of the start and the last two stages, of which the older one is overwritten where
        the block is cut or goes through C++.
        """
        on, (row, dt), (U0, U1, U2) = self.on, step, U
        if self._at_once(q1, start.coefficients):
            fixed = (start.coefficients, on.thermo, on.layout, on.metrics, on.filler.diffusion_areas)
            places = (None if U2 is U0 else U2, on.inner(q1), None)
            new, _, out = stage_kernel.into(places, row, U0, U1, U2, start.rate, source, q1, dt, *fixed)
            return new, out
        again = None if U2 is U0 or len(on.slabs) == 1 else U2
        joined, primitive, total = on.joined(again), Behind(on.inner(q1)), None
        for slab in on.slabs:
            u0, u1, u2, rate, added = (slab.cells(f) for f in (U0, U1, U2, start.rate, source))
            c, areas = part(slab, start.coefficients), self._areas(slab, on.filler.diffusion_areas)
            u, q, out = stage_kernel(
                row, u0, u1, u2, rate, added, slab.padded(q1), dt, c, on.thermo, slab.layout, slab.metrics, areas
            )
            joined.put(slab.start, u)
            primitive.put(slab.start, q)
            total = out if total is None else total + out
        primitive.done()
        assert total is not None
        return joined.whole, total

    def _last_stage(
        self, step: tuple[Tensor, Tensor], U: tuple[Tensor, Tensor, Tensor], start: DiffusionStart, source: Tensor,
        q1: Tensor, wdot: Callable[[], Tensor],
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """The mean transport rate with the last stage, and the outflow; fields as in `_stage`."""
        on, (row, dt), (U0, U1, U2) = self.on, step, U
        if self._at_once(q1, start.coefficients):
            fixed = (start.coefficients, on.thermo, on.layout, on.metrics, on.filler.diffusion_areas)
            places = (None if U2 is U0 else U2, None)
            return last_stage_kernel.into(places, row, U0, U1, U2, start.rate, source, q1, dt, wdot(), *fixed)
        new, out = self._stage(step, U, start, source, q1)
        return of_cells(transport_rate_kernel, (new, U0, wdot()), (dt,)), out


def part(slab: Slab, c: Coefficients) -> Coefficients:
    """Coefficients of a slab, padded."""
    return c if slab.whole else Coefficients(*(None if f is None else slab.padded(f) for f in c))  # type: ignore[arg-type]
