"""Learned chemistry in the flow: a `Chemistry` whose cells are slow, or the network's, or exact.

Transport acts on a cell while it reacts, which the network does not see: it is fed to a network cell in impulses around
network steps (`SPLITTINGS`), and the correction then sees it as a source, as do slow and exact cells throughout.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from combust.errors import CombustError, ConfigError
from combust.kinetics.integrate.blocks import BLOCK, by_blocks, take, where
from combust.kinetics.integrate.cells import System, evaluate_all
from combust.kinetics.integrate.durations import Durations
from combust.kinetics.integrate.state import Check, Kept, check_source, check_state, pack, require
from combust.kinetics.integrate.statistics import Statistics
from combust.kinetics.integrate.systems import Hold
from combust.kinetics.providers.chemistry import Result, require_step
from combust.kinetics.providers.cvode import Cvode
from combust.kinetics.providers.direct import Direct
from combust.kinetics.rates.thermo import GAS_CONSTANT, column
from combust.parallel import Communicator, together
from combust.surrogates.model.model import Step
from combust.surrogates.provider.learned import Fallback
from combust.surrogates.provider.pool import Pool
from combust.surrogates.provider.sharing import Shared
from combust.surrogates.provider.splitting import SPLITTINGS, TRANSPORT, Splitting, enthalpy_kernel, pushed_kernel
from combust.surrogates.provider.step import LearnedStep
from combust.surrogates.trust import coverage
from combust.surrogates.trust.corrector import Corrector, trapezoid
from combust.surrogates.trust.fresh_case import TAUGHT, Verdict
from combust.surrogates.trust.parts import Parts
from combust.surrogates.trust.references import References, SharedJacobians
from combust.surrogates.trust.router import CorrectedStep, corrected_step, met, misfits
from combust.surrogates.trust.routes import EXACT, NETWORK, REFUSED, ROUTES, SLOW, RouteStatistics
from combust.surrogates.trust.slow import LIMIT, SlowStep

RESPONSE = 1.0  # change of a cell between sweeps, in units of what is allowed, up to which it is taken linear


class Asked(NamedTuple):
    """Cells whose rates are not slow, as the network sees them in the first of its steps, and how that is judged."""

    T: Tensor  # (cells,) K, after the transport that comes before the network
    p: Tensor  # (cells,) Pa
    Y: Tensor  # (species, cells)
    dt: Tensor  # (cells,) s of that step
    estimate: Tensor  # (cells,) of the error of what would be kept, over the limit of trust; infinite if it is lost
    inside: Tensor  # (cells,) like the training rows; others are exact, whatever the estimate
    trusted: Tensor  # (cells,) the network's


class LearnedFlow:
    """The provider. `route` and `error` (cells,) are those of the last step, `routes` its counts."""

    def __init__(
        self,
        parts: Parts,
        exact: Direct | Cvode,
        references: References | None = None,
        splitting: str = "strang",
        fallback: Fallback = "direct",
        router: bool = True,
        pool: Pool | None = None,
        shared: Shared | None = None,
        verdict: Verdict = TAUGHT,
        evening: Pool | None = None,
    ) -> None:
        """exact: the provider behind the network; references: of this flow, beside those that the model brings;
        verdict: whether the network may have cells at all, where there is a router, and what is to be said of that;
        pool, evening: of the cells of all ranks that are exact, and that the network tries.
        """
        if splitting not in SPLITTINGS:
            raise ConfigError(f'splitting "{splitting}": known are {", ".join(SPLITTINGS)}')
        if parts.model.hold != "hp":
            raise ConfigError(
                f"learned chemistry '{parts.model.name}' keeps {parts.model.hold}; a low-Mach flow needs one of \"hp\""
            )
        self.gas, self.parts, self.exact, self.router = parts.gas, parts, exact, router
        self.trusted, self.concerns = verdict.trusted, verdict.words
        self.splitting, self.fallback, self.pool, self.shared = SPLITTINGS[splitting], fallback, pool, shared
        self.evening = evening
        self.system = System(parts.gas.kinetics)
        known = parts.references if references is None else parts.references.joined(references)
        self.shared_jacobians = SharedJacobians(parts.gas, "flow", known)
        self.slow = SlowStep(self.shared_jacobians, parts.trust)
        self.corrector = Corrector(parts.core, self.system, self.shared_jacobians)
        self.route = self.error = torch.zeros(0)
        self.hold: Hold = "flow"  # around the network, whose own steps keep enthalpy and pressure
        self.fields = {"route": lambda: self.route, "route_error": lambda: self.error}
        self.columns = {f"{route}_share": partial(self._share, route) for route in ROUTES}
        self.routes = RouteStatistics(substeps=0)
        self.observer: Callable[[Asked], None] | None = None  # told of each step's cells, at the cost of judging them
        # dz/dt without transport
        self._chemical = Kept(lambda z: evaluate_all(self.system, z, torch.zeros_like(z), BLOCK))

    def _share(self, route: str, comm: Communicator) -> float:
        """Of all cells, that took a route in the last step (collective)."""
        cells, own = comm.sum(float(self.routes.cells), float(getattr(self.routes, route)))
        return own / cells if cells else 0.0

    def doubts(self, dt: float, p0: float, comm: Communicator) -> dict[str, str]:
        """Why the network will not be asked in a step of dt [s] at p0 [Pa], or had nothing to do in the last one, each
        by a name that stays (collective).
        """
        shares = [share for _, share in self.splitting if share]
        words = coverage.step_and_pressure(self.parts, dt, p0, shares, self.fallback, self.router)
        if words or not self.trusted or not self.router:
            return words
        return coverage.idle(self.routes, self.parts.model.name, comm)

    def rates(self, T: Tensor, rhoY: Tensor) -> Tensor:
        """Mass production rates (species, cells) kg/m3/s at T [K], rhoY [kg/m3]: always the exact ones."""
        return self._chemical(pack(T, rhoY))[1:]

    def begin(
        self, T: Tensor, rhoY: Tensor, dt: float | Durations, Q: Tensor | None = None, Qh: Tensor | None = None
    ) -> LearnedStep:
        """Raises StateError naming the first cell whose state is not finite or out of range."""
        z = pack(T, rhoY)
        check_state(self.gas, z)
        p = GAS_CONSTANT * T * (rhoY / column(self.gas.molar_mass, T)).sum(0)
        allowed = "finite and > 0 Pa; partial densities are lost"
        require(Check((p > 0) & torch.isfinite(p), p, "chemistry: pressure", allowed))
        return LearnedStep(z, self._chemical(z), self.shared_jacobians.nearest(z), p, Durations.given(dt))

    def advance(self, step: object, Q: Tensor, Qh: Tensor) -> Result:
        """Over the step with constant Q [kg/m3/s], Qh [W/m3].

        The first call of a step chooses the routes; later ones, with better transport, keep them. Raises StateError for
        sources that are not finite, DivergenceError naming a cell that cannot be integrated.
        """
        step, s = require_step(step, LearnedStep, self), pack(Qh, Q)
        if self.pool is None:
            check_source(s)
        else:  # no rank may wait for one that stops here
            together(self.pool.comm, lambda: check_source(s))
        end = step.z.clone()
        if step.last is None:
            self._choose(step, s, end)
        else:
            self._again(step, s, end)
        step.last = (s, end)
        r = self.routes
        return Result(end[0], end[1:], Statistics(r.cells, r.slow, r.network + r.exact, 0, r.exact))

    # --- routes -------------------------------------------------------------------------------------------------

    def _choose(self, step: LearnedStep, s: Tensor, end: Tensor) -> None:
        z, cells = step.z, step.z.shape[1]
        self.route = torch.full_like(z[0], EXACT, dtype=torch.int8)
        self.error = torch.zeros_like(z[0])
        step.slow = self._slow(step, s, end)
        self.route[step.slow] = SLOW
        left = where(self.route != SLOW)
        inside = left[where(self._covered(step, left))] if self.router else left
        z1, sound, failure = self._network_cells(step, inside, s)
        good = where(sound)
        step.network = inside[good]
        if self.observer is not None:
            self.observer(self._asked(step, left, s, step.network))
        end[:, step.network] = take(z1, good)
        self.route[step.network] = NETWORK
        step.exact = where(self.route == EXACT)
        if self.fallback == "none":
            self.route[step.exact] = REFUSED
        self._exact(step, step.exact, s, end, failure)
        slow, own, rest = step.slow.numel(), step.network.numel(), step.exact.numel()
        exact, refused = (0, rest) if self.fallback == "none" else (rest, 0)
        outside = left.numel() - inside.numel()
        self.routes = RouteStatistics(
            cells,
            slow,
            own,
            exact,
            refused,
            outside=outside,
            distrusted=step.exact.numel() - outside,
            negative=int((z[1:] < 0).any(0).sum()),
            error=self.error,
        )

    def _again(self, step: LearnedStep, s: Tensor, end: Tensor) -> None:
        """The same routes with other transport: to first order, in full where that changes much."""
        assert step.slow is not None and step.network is not None and step.exact is not None
        size = self._respond(step, s, end)
        far = [cells[where(size[cells] > RESPONSE)] for cells in (step.slow, step.network, step.exact)]
        end[:, far[0]] = self.slow.step(far[0], step.near, step.z, step.chemical, s, step.p, step.durations)[0]
        # Always: ranks evaluate together.
        z1, sound, failure = self._network_cells(step, far[1], s)
        good = where(sound)
        end[:, far[1][good]] = take(z1, good)
        self._exact(step, step.exact if self.fallback == "none" else far[2], s, end, failure)

    def _respond(self, step: LearnedStep, s: Tensor, end: Tensor) -> Tensor:
        """Writes the last ends, moved to first order; how much that is (cells,), in units of what is allowed."""
        assert step.last is not None and step.network is not None
        before, last = step.last
        z, cells = step.z, step.network
        if (steps := self.slow.native(step.durations, z, s)) is not None:
            end.copy_(last)
            size, everyone = torch.empty_like(step.p), torch.arange(z.shape[1])
            for places, alike in self.shared_jacobians.alike(
                everyone, step.near, step.p, step.durations.whole, trapezoid
            ):
                size[slice(None) if places is None else places] = steps.respond(
                    alike, z, s, before, step.durations.whole, end
                )
        else:
            change = self.corrector.respond(z, s - before, step.near, step.p, step.durations)
            torch.add(last, change, out=end)
            size = misfits(self.parts.trust, z, end, change)
        pushed = step.durations.of(cells).seconds * (take(s, cells) - take(before, cells))
        moved = self.corrector.nonnegative(take(end, cells), take(last, cells)[1:] + pushed[1:])
        end[:, cells] = moved
        return size

    def _slow(self, step: LearnedStep, s: Tensor, end: Tensor) -> Tensor:
        """Does the slow cells, into `end`, whose others are still to be done, and returns them."""
        if not self.router:
            return step.z.new_zeros(0, dtype=torch.int64)
        if (steps := self.slow.native(step.durations, step.z, step.chemical, s, step.p)) is not None:
            return self.slow.all_slow(steps, step.near, step.z, step.chemical, s, step.p, step.durations.whole, end)
        tried = where(self.slow.tries(step.z, step.chemical, step.durations.seconds))
        new, error = self.slow.step(tried, step.near, step.z, step.chemical, s, step.p, step.durations)
        good = where(error <= LIMIT)
        end[:, tried[good]] = take(new, good)
        return tried[good]

    def _covered(self, step: LearnedStep, cells: Tensor) -> Tensor:
        """Whether the network may try these cells: of states like its training's, for as long as it was taught."""
        low, high = self.parts.model.dt_range
        shares = [share for _, share in self.splitting if share]
        h = step.durations.of(cells).seconds
        taught = (min(shares) * h >= low) & (max(shares) * h <= high)
        if not self.trusted or not bool(taught.any() if isinstance(taught, Tensor) else taught):
            return torch.zeros_like(cells, dtype=torch.bool)
        here = take(step.z, cells)
        covered = self.parts.covered(here[0], step.p[cells], here[1:] / here[1:].sum(0))
        return taught & covered if isinstance(taught, Tensor) else covered

    def _split(self, step: LearnedStep, cells: Tensor, s: Tensor, splitting: Splitting) -> tuple[Tensor, Step]:
        """Network steps with impulses of transport between them: z (1 + species, cells), and the worst of the steps."""
        thermo, source, p = self.gas.thermo, take(s, cells), step.p[cells]
        T, r = step.z[0, cells], take(step.z[1:], cells)
        H = by_blocks(partial(enthalpy_kernel, thermo), T, r)
        factor = defect = torch.zeros_like(T)
        own = step.durations.of(cells)
        h, each = own.seconds, own.by_cell(T)
        for impulse, share in splitting:
            if impulse:
                T, r, H = by_blocks(partial(pushed_kernel, thermo), T, r, H, source, impulse * each)
            if share:
                rho = r.sum(0)
                done = self._network(T, p, r / rho, share * h)
                T, r = done.T, rho * done.Y
                factor, defect = torch.maximum(factor, done.factor), torch.maximum(defect, done.defect)
        z1 = pack(T, r)
        return z1, Step(T, r, factor, defect)

    def _network(self, T: Tensor, p: Tensor, Y: Tensor, dt: float | Tensor) -> Step:
        """By this rank, or by the owner of the device that it shares."""
        if self.shared is None:
            return self.parts.network(T, p, Y, dt)
        last = 2 + Y.shape[0]

        def all_cells(x: Tensor) -> Tensor:
            done = self.parts.network(x[0], x[1], x[2:last], x[last] if isinstance(dt, Tensor) else dt)
            return torch.cat([done.T.unsqueeze(0), done.factor.unsqueeze(0), done.defect.unsqueeze(0), done.Y])

        rows = [T.unsqueeze(0), p.unsqueeze(0), Y, *([dt.unsqueeze(0)] if isinstance(dt, Tensor) else [])]
        out = self.shared.evaluate(torch.cat(rows), all_cells)
        return Step(out[0], out[3:], out[1], out[2])

    def _network_cells(self, step: LearnedStep, cells: Tensor, s: Tensor) -> tuple[Tensor, Tensor, CombustError | None]:
        """Corrected steps of the network, (1 + species, cells), whether they may stand, and what failed, with none that
        may: other ranks wait for this one where exact cells are pooled. Shared among the ranks: all of them call it.
        """
        failure = None
        try:
            z1, error, good = self._evenly(step, cells, s)
        except CombustError as found:
            z1, error, failure = take(step.z, cells), torch.zeros_like(step.p[cells]), found
            good = torch.zeros_like(cells, dtype=torch.bool)
        if self.router:
            self.error[cells] = error
        return z1, good, failure

    def _evenly(self, step: LearnedStep, cells: Tensor, s: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """`_judged` by this rank, or by those that have fewer cells."""
        if self.evening is None:
            return self._judged(step, cells, s)
        plan = self.evening.begin(cells.numel())
        if not self.evening.trades(plan):
            return self._judged(step, cells, s)

        def judged(given: Tensor) -> Tensor:
            part, source = LearnedStep.unpacked(given, len(self.gas.species), step.durations.whole)
            z1, error, good = self._judged(part, torch.arange(part.p.numel(), device=part.p.device), source)
            return torch.cat([z1, error.unsqueeze(0), good.to(z1.dtype).unsqueeze(0)])

        done = self.evening.solve(plan, step.packed(cells, s), judged, step.z.shape[0] + 2)
        return done[:-2], done[-2], done[-1] > 0.0

    def _judged(self, step: LearnedStep, cells: Tensor, s: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Corrected steps of the network, (1 + species, cells), their errors in units of what is allowed and whether
        they may stand (cells,).
        """
        z1, network = self._split(step, cells, s, self.splitting)
        if not self.router:
            return z1, torch.zeros_like(network.T), met(network)
        found = self._corrected(step, cells, s, z1, network)
        return found.z, found.error, found.accepted(self.parts.trust.limit)

    def _corrected(self, step: LearnedStep, cells: Tensor, s: Tensor, z1: Tensor, network: Step) -> CorrectedStep:
        """Of the network's step of some cells to z1."""
        return corrected_step(
            self.parts.trust,
            self.corrector,
            take(step.z, cells),
            z1,
            network,
            take(step.chemical, cells),
            take(s, cells),
            step.near[cells],
            step.p[cells],
            step.durations.of(cells),
            None,
        )

    def _asked(self, step: LearnedStep, cells: Tensor, s: Tensor, trusted: Tensor) -> Asked:
        """All of these cells as the network would see them, whether it may or not, and what came of it."""
        impulse, share = self.splitting[0]
        pushed = self._split(step, cells, s, ((impulse, 0.0),))[0]
        found = self._corrected(step, cells, s, *self._split(step, cells, s, self.splitting))
        estimate = torch.maximum(found.error / self.parts.trust.limit, found.grown)
        estimate = torch.where(found.sound & estimate.isfinite(), estimate, torch.inf)
        dt = (share * step.durations.of(cells).seconds) * torch.ones_like(estimate)
        own = torch.zeros_like(self.route, dtype=torch.bool)
        own[trusted] = True
        rho, p = pushed[1:].sum(0), step.p[cells]
        inside = self.parts.covered(pushed[0], p, pushed[1:] / rho)
        return Asked(pushed[0], p, pushed[1:] / rho, dt, estimate, inside, own[cells])

    # --- exact cells --------------------------------------------------------------------------------------------

    def _exact(
        self, step: LearnedStep, cells: Tensor, s: Tensor, end: Tensor, failure: CombustError | None = None
    ) -> None:
        """Integrates cells, into `end`; pooled over the ranks where there is a pool, so that all ranks call it. A
        `failure` of the network's cells is raised then, and none of this rank's are integrated.
        """
        if failure is not None:
            cells = cells[:0]
        if self.fallback == "none":
            end[:, cells] = self._split(step, cells, s, TRANSPORT)[0]
            if failure is not None:
                raise failure
            return
        fields, rows = torch.cat([take(step.z, cells), take(s, cells)]), step.z.shape[0]
        whole, share = step.durations.of(cells)
        if share is not None:
            fields = torch.cat([fields, share.unsqueeze(0)])

        def solve(given: Tensor) -> Tensor:
            z, source = given[:rows], given[rows : 2 * rows]
            durations = Durations(whole, None if share is None else given[2 * rows])
            begun = self.exact.begin(z[0].clone(), z[1:].clone(), durations, source[1:], source[0])
            done = self.exact.advance(begun, source[1:], source[0])
            return pack(done.T, done.rhoY)

        if self.pool is not None:
            end[:, cells] = self.pool.solve(self.pool.begin(cells.numel()), fields, solve, rows)
        elif cells.numel():
            end[:, cells] = solve(fields)
        if failure is not None:
            raise failure
