"""What a turbulence closure carries, moved over a step once the gas has been: see combust.cfd.closures.carried.

Two sweeps, as of the gas, with the step's mass fluxes. Each takes advection (of the state at n, then of the mean with
the first sweep's estimate), then Runge-Kutta-Chebyshev stages of diffusion and sources. Where destruction is faster
than the fastest diffusion, it is implicit instead: stages see the sources as they came out before, and then these act
with the rate of transport, as reactions do. A balance of sources and diffusion stays where it is, whatever the step.
What nothing diffuses takes no stages: all its sources are implicit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from combust.cfd.boundaries.conditions import Inflow, conditions_of
from combust.cfd.closures.carried import Balance, Carrying, of_stream, require_eddies
from combust.cfd.closures.view import View
from combust.cfd.diagnostics import gas
from combust.cfd.lowmach.discretisation import Discretisation
from combust.cfd.lowmach.state import State
from combust.cfd.mesh.grid import NAMES, Faces, along
from combust.cfd.mesh.require import require_field, require_values
from combust.cfd.operators import carried, rkc
from combust.cfd.operators.stencils import layers
from combust.devices import number
from combust.errors import ConfigError
from combust.kernels import compiled
from combust.parallel import together
from combust.settings.eddies import Eddies

begun_kernel = compiled(carried.begun)
mixing_kernel = compiled(carried.mixing)
parted_kernel = compiled(carried.parted)
advection_kernel = compiled(carried.advection)
diffusion_kernel = compiled(carried.diffusion)
first_stage_kernel = compiled(carried.first_stage)
stage_kernel = compiled(carried.stage)
at_start_kernel = compiled(carried.at_start)
transported_kernel = compiled(carried.transported)
settle_kernel = compiled(carried.settle)


SOFT = 2.0  # times the largest rate of diffusion: destruction that is slower is part of the diffusion stages


class Walls(NamedTuple):
    """values : what walls hold, padded, None where gradients are zero;  vary : whether that hangs on the gas beside"""

    values: Tensor | None
    vary: bool


class Diffusion(NamedTuple):
    """coefficients : padded [kg/m/s];  rate : of change of rho f at the start, by them

    stiff : where destruction is implicit, elsewhere stages take it, up to `cap` [1/s]
    """

    coefficients: Tensor
    rate: Tensor
    stiff: Tensor
    cap: Tensor
    stages: int


class Step(NamedTuple):
    """What the sweeps of a step share. rho0, rho1 : density at its ends, by its mass fluxes [kg/m3]

    diffusion : None where nothing diffuses the quantities;  walls : what they hold
    """

    dt: Tensor
    U0: Tensor
    rho0: Tensor
    rho1: Tensor
    diffusion: Diffusion | None
    walls: Walls


class Sources(NamedTuple):
    """Of a sweep: what diffusion stages take, `added` [rho f per time] and `soft` [1/s], and the rest, in `settle`.

    fixed : what is held at a value at the end of the step, NaN elsewhere
    """

    added: Tensor | None
    soft: Tensor | None
    rest_added: Tensor
    rest: Tensor
    fixed: Tensor | None


def mean_of(first: Balance, last: Balance) -> Balance:
    """Of a step, by those at its ends. What is held is held where the first has it, at what the last says."""
    fixed = first.fixed
    if fixed is not None and last.fixed is not None:
        fixed = torch.where(torch.isnan(fixed) | torch.isnan(last.fixed), fixed, last.fixed)
    return Balance(
        0.5 * (first.production + last.production),
        0.5 * (first.destruction + last.destruction),
        first.diffusivity,  # of which the whole step is
        fixed,
    )


class Carrier:
    """Keeps and advances the quantities of one closure on one grid; holds no fields."""

    def __init__(self, on: Discretisation, closure: Carrying):
        """Raises ConfigError for an inflow that does not say what it brings."""
        closure.require(on.domain)
        self.on, self.closure, self.quantities = on, closure, closure.quantities
        self.names = tuple(q.name for q in self.quantities)
        self.scheme = carried.bounded(on.numerics.reconstruction)
        device = on.grid.device
        self.positive, self.molecular = (
            torch.tensor([getattr(q, key) for q in self.quantities], device=device).reshape(-1, 1, 1, 1)
            for key in ("positive", "molecular")
        )
        self.given = partial(of_stream, self.quantities, place="turbulence of an inflow")
        self.inflows: dict[str, Eddies] = {}
        for a in on.layout.axes:
            for end, side in zip(("low", "high"), on.problem.boundaries[a], strict=True):
                for condition in conditions_of(side):
                    if isinstance(condition, Inflow):
                        place = f"boundary.{NAMES[a]}_{end}"
                        require_eddies(self.quantities, condition.eddies, place)
                        if condition.eddies is not None:
                            self.inflows[place] = condition.eddies

    def begin(self, view: View, given: Tensor | None = None) -> Tensor:
        """Padded quantities of a flow that starts with `view` (collective); given : of the owned cells, None: as the
        closure says. Raises ConfigError, StateError.
        """

        def asked() -> Tensor:
            values = self.closure.start(view) if given is None else given
            self._require(self.on.problem.name("closure", "start"), values)
            self._require_slow(view, values)
            return values

        found = together(self.on.comm, asked)
        return self.filled(self.on.filler.pad(found), view)

    def _require_slow(self, view: View, values: Tensor) -> None:
        """Raises ConfigError where eddies of the start or of an inflow are faster than sound (collective)."""
        rows = [row.max() for q, row in zip(self.quantities, values, strict=True) if q.given == "k"]
        if not rows:
            return
        mach = gas.mach(view.inner(view.q), torch.ones_like(view.velocity), self.on.thermo)
        start, sound = view.max(torch.stack([*rows, 3.0**0.5 / mach.min()])).tolist()
        given = {f"{place}.turbulence": eddies.k for place, eddies in self.inflows.items() if eddies.k is not None}
        for place, k in {"turbulence.initial": start, **given}.items():
            if k > 1.5 * sound**2:
                raise ConfigError(
                    f"{place}: k = {k:.3g} m2/s2 is of eddies of {(k / 1.5) ** 0.5:.3g} m/s, faster than sound in the "
                    f"gas, {sound:.3g} m/s, which the low-Mach equations have not: at most {1.5 * sound**2:.3g} m2/s2"
                )

    def filled(self, f: Tensor, view: View) -> Tensor:
        """Padded quantities with their ghosts set, in place."""
        self.on.filler.at(view.t)
        return self.on.filler.carried(f, self._walls(view).values, self.given)

    def _walls(self, view: View) -> Walls:
        """What they hold beside the gas of `view` (collective)."""
        found = together(self.on.comm, lambda: self.closure.at_walls(replace(view, carried=None)))
        if found is None:
            return Walls(None, False)
        if found.shape[1:] == (1, 1, 1):
            return Walls(found.expand(-1, *self.on.grid.padded(None).shape), False)
        return Walls(view.padded(found), True)

    def _require(self, name: str, f: Tensor) -> None:
        """Raises ConfigError for another shape, StateError for values that are not finite, or negative where positive
        quantities are."""
        require_field(name, f, (len(self.names), *self.on.layout.n), self.on.grid.device)
        least, most = torch.aminmax(f)  # a NaN is both
        if bool((least >= 0) & (most < torch.inf)):
            return
        good = torch.isfinite(f) & ((f >= 0) | ~self.positive)
        if not bool(good.all()):
            for q, row in zip(self.quantities, f, strict=True):
                require_values(f"{name}: {q.name}", row, *([0.0] if q.positive else []))

    def _balance(self, view: View, values: Tensor) -> Balance:
        """What the closure says of these values; what fails on one rank fails on all."""

        def asked() -> Balance:
            found = self.closure.balance(view, values)
            for key, f in zip(Balance._fields, found, strict=True):
                if f is not None:
                    f = torch.nan_to_num(f) if key == "fixed" else f  # NaN: free
                    self._require(f"{self.on.problem.name('closure', 'balance')}: {key}", f)
            return found

        return together(self.on.comm, asked)

    def advance(self, s: State, new: State, view: View, mass: Faces, dt: float, after: Callable[[], View]) -> None:
        """Sets what is carried of the state at n + 1; view, after : the flow at n and n + 1

        mass : fluxes at the block's faces
        """
        on = self.on
        assert s.carried is not None
        with on.timers.phase("closure"):
            f0 = on.inner(s.carried)
            first = self._balance(view, f0)
            mass = self._wide(mass)
            step = self._step(s, new, view, mass, first, dt)
            on.filler.at(view.t + dt)
            advected = self._advected(s.carried, mass)
            sources = self._sources(step, first)
            acted = self._acted_at_start(step, advected, sources)
            f, held, kept = self._swept(step, advected, acted, sources, second=False)
            for _ in range(1, on.numerics.sweeps):
                mean = 0.5 * (advected + self._advected(self._with_ghosts(f, step), mass))
                last = self._balance(view, f)
                if acted is not None:
                    acted = self._acted(step, f, self._sources(step, last))
                    if first.fixed is not None:
                        acted = torch.where(torch.isnan(first.fixed), acted, kept)
                sources = self._sources(step, mean_of(first, last))
                f, held, kept = self._swept(step, mean, acted, sources, second=True)
            if step.walls.vary:  # as a restart will find them
                step = step._replace(walls=self._walls(after()))
            new.carried, new.held = self._with_ghosts(f, step), held

    def _wide(self, mass: Faces) -> Faces:
        """Mass fluxes at the faces that a divergence takes."""
        on = self.on
        if not on.layout.fourth:
            return mass
        padded = on.filler.neighbours(on.filler.pad_faces(mass))
        found: list[Tensor | None] = [None] * 3
        for a in on.layout.axes:
            more = layers(on.layout, a)
            found[a] = along(padded[a], on.layout, a, -more, 1 + more)  # type: ignore[arg-type]
        return tuple(found)

    def _step(self, s: State, new: State, view: View, mass: Faces, first: Balance, dt: float) -> Step:
        on = self.on
        assert s.carried is not None
        rho0 = view.rho
        step = number(dt, on.grid.device)
        rho1, eddies = begun_kernel(rho0, mass, step, first.diffusivity, on.layout, on.metrics)
        diffusion = None
        if eddies is not None or any(q.molecular for q in self.quantities):
            if eddies is None:
                eddies = torch.zeros_like(first.production)
            diffusion = self._diffusion(s, new, on.filler.eddies(eddies), (rho0, rho1), first, dt)
        return Step(step, rho0 * on.inner(s.carried), rho0, rho1, diffusion, self._walls(view))

    def _diffusion(
        self, s: State, new: State, eddies: Tensor, rho: tuple[Tensor, Tensor], first: Balance, dt: float
    ) -> Diffusion:
        """Over a step; eddies : padded [kg/m/s];  rho : density at its ends."""
        on = self.on
        assert s.carried is not None and s.coefficients is not None and new.coefficients is not None
        viscosities = s.coefficients.viscosity, new.coefficients.viscosity
        mixing, largest = mixing_kernel(eddies, *viscosities, self.molecular, *rho, on.layout)
        fastest = on.comm.max(float(largest))[0]
        what, radius = "diffusivity of what the closure carries", on.stiffness(fastest)
        if on.bounds_locally:
            radius = on.local_stiffness((mixing / on.domain.padded(torch.minimum(*rho))).amax(0), fastest)
        on.stages_within(radius, dt, what, fastest)
        cap = max(min(SOFT * radius, rkc.longest(on.numerics.max_stages) / dt - radius), 0.0)
        stages = on.stages_within(radius + cap, dt, what, fastest)
        rate = diffusion_kernel(s.carried, mixing, on.layout, on.metrics)
        bound = number(cap, on.grid.device)
        return Diffusion(mixing, rate, first.destruction > cap, bound, stages)

    def _sources(self, step: Step, balance: Balance) -> Sources:
        """Parted between diffusion stages and `settle`."""
        diffusion, fixed = step.diffusion, balance.fixed
        if diffusion is not None:
            given = balance.production, balance.destruction, diffusion.stiff, diffusion.cap, fixed
            return Sources(*parted_kernel(step.rho0, step.rho1, *given), fixed)
        added, rest = 0.5 * (step.rho0 + step.rho1) * balance.production, balance.destruction
        if fixed is not None:
            added, rest = (torch.where(torch.isnan(fixed), f, 0.0) for f in (added, rest))
        return Sources(None, None, added, rest, fixed)

    def _acted_at_start(self, step: Step, advected: Tensor, sources: Sources) -> Tensor | None:
        """What the sources beside those of the stages do per time, by the rates at the start; None without stages."""
        if step.diffusion is None:
            return None
        assert sources.added is not None and sources.soft is not None
        start = at_start_kernel(advected, step.diffusion.rate, sources.added, sources.soft, step.U0)
        return self._settled(step, start, sources, second=False)[1]

    @staticmethod
    def _acted(step: Step, f: Tensor, sources: Sources) -> Tensor:
        """What the sources beside those of the stages do to rho f per time, at f."""
        return sources.rest_added - step.rho1 * sources.rest * f

    def _advected(self, f: Tensor, mass: Faces) -> Tensor:
        return advection_kernel(f, mass, self.on.layout, self.on.metrics, self.scheme)

    def _with_ghosts(self, f: Tensor, step: Step) -> Tensor:
        return self.on.filler.carried(self.on.filler.pad(f), step.walls.values, self.given)

    def _settled(self, step: Step, rate: Tensor, sources: Sources, second: bool) -> tuple[Tensor, Tensor, Tensor]:
        """`carried.settle` with transport at this rate."""
        given = step.rho0, step.rho1, sources.rest_added, sources.rest, step.dt, self.positive
        if sources.fixed is None:
            return settle_kernel(step.U0, rate, *given, second)
        free = torch.isnan(sources.fixed)  # of the others transport does not count: nothing is held above zero
        f, acted, held = settle_kernel(step.U0, torch.where(free, rate, 0.0), *given, second)
        f = torch.where(free, f, sources.fixed)
        return f, torch.where(free, acted, (step.rho1 * f - step.U0) / step.dt - rate), held

    def _swept(
        self, step: Step, advected: Tensor, acted: Tensor | None, sources: Sources, second: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        """f after a step of advection at this rate, diffusion, and sources, of which those beside the stages' are about
        `acted` meanwhile; how many values are held; and what these sources came out as.
        """
        rate = advected
        if acted is not None:
            U = self._diffused(step, advected, acted, sources)
            rate = transported_kernel(U, step.U0, acted, step.dt)
        f, acted, held = self._settled(step, rate, sources, second)
        return f, held, acted

    def _diffused(self, step: Step, advected: Tensor, acted: Tensor, sources: Sources) -> Tensor:
        """rho f after Runge-Kutta-Chebyshev of diffusion, destruction, and what is constant over the step."""
        on, diffusion, rho = self.on, step.diffusion, (step.rho0, step.rho1)
        assert diffusion is not None and sources.added is not None and sources.soft is not None
        rows = rkc.coefficients(diffusion.stages, on.grid.device)
        shares = rkc.times_on(diffusion.stages, on.grid.device)
        rates = advected, acted, sources.added
        rate0, source, U1, f = first_stage_kernel(
            step.U0, diffusion.rate, sources.soft, rates, rows[0][2] * step.dt, shares[0], *rho
        )
        U2 = step.U0
        for row, share in zip(rows[1:], shares[1:], strict=True):
            padded = self._with_ghosts(f, step)
            U, f = stage_kernel(
                row, step.U0, U1, U2, rate0, source, padded, step.dt, diffusion.coefficients, sources.soft, share, *rho,
                on.layout, on.metrics,
            )  # fmt: skip
            U2, U1 = U1, U
        return U1
