"""Learned chemistry for any number of cells at constant enthalpy and pressure, with exact chemistry behind it.

chem = Learned.load("h2_air", fallback="direct")
T, Y, route, stats = chem.advance(T, p, Y, dt)
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import torch
from torch import Tensor

from combust import kernels
from combust.errors import ConfigError, MechanismError, StateError
from combust.kernels import compiled
from combust.kinetics.gas.values import Values
from combust.kinetics.integrate import systems
from combust.kinetics.integrate.blocks import BLOCK, by_blocks, take, where
from combust.kinetics.integrate.cells import System, evaluate_all
from combust.kinetics.integrate.cvode import CellIntegrator
from combust.kinetics.integrate.reactor import COMPILE_FROM, ReactorIntegrator
from combust.kinetics.integrate.state import T_MAX, T_MIN, Check, require
from combust.kinetics.integrate.systems import Fixed
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.rates.thermo import GAS_CONSTANT
from combust.surrogates import library
from combust.surrogates.model.model import Model, files_of
from combust.surrogates.model.source import locate
from combust.surrogates.trust.corrector import Corrector
from combust.surrogates.trust.parts import Parts, Precision
from combust.surrogates.trust.references import SharedJacobians
from combust.surrogates.trust.router import corrected_step, met
from combust.surrogates.trust.routes import EXACT, NETWORK, REFUSED, SLOW, RouteStatistics
from combust.surrogates.trust.slow import LIMIT, SlowStep

Fallback = Literal["direct", "cvode", "none"]
SMALLEST_SUM, LARGEST_SUM = 0.9, 1.1  # of mass fractions as they come from transport
LEAST = -0.05  # of one
NEGLIGIBLE = 1e-13  # change of every mass fraction over dt, below which a cell is left alone without the router


class Advanced(NamedTuple):
    """T (...cells) K, Y (species, ...cells), route (...cells) as combust.surrogates.trust.router.ROUTES, statistics."""

    T: Tensor
    Y: Tensor
    route: Tensor
    stats: RouteStatistics


energy_kept_kernel = compiled(systems.energy_kept, dynamic=None)


class Learned:
    """A network, a router and exact chemistry for one mechanism; made with `Learned.load`."""

    def __init__(
        self,
        model: Model,
        gas: Mechanism,
        fallback: Fallback = "direct",
        router: bool = True,
        precision: Precision = "fp32",
        rtol: float = 1e-4,
        atol: float = 1e-9,
        compile: bool | None = None,
        network: bool = True,
    ) -> None:
        """fallback: of cells that the network may not have: "direct" integration, "cvode", or "none" (they stay as they
        are and are counted). router=False: the network alone, uncorrected, for every cell whose rates are not
        negligible, as long as it keeps elements and energy. rtol, atol: of the exact integration. compile: fused
        kernels or eager ones; None: fused for large batches only, since compiling takes a minute or two. network=False:
        what the network would do is exact, to see what it gives.
        """
        if fallback not in get_args(Fallback):
            raise ConfigError(f'fallback "{fallback}": allowed are {", ".join(get_args(Fallback))}')
        self.parts = Parts.of(model, gas, precision)
        self.model, self.gas, self.fallback, self.router = model, gas, fallback, router
        hold = model.hold
        self.system = System(gas.kinetics, hold)
        self.shared = SharedJacobians(gas, hold, self.parts.references)
        self.slow = SlowStep(self.shared, self.parts.trust)
        self.corrector = Corrector(self.parts.core, self.system, self.shared)
        self.exact = ReactorIntegrator(gas, hold, rtol, atol, "rodas3")
        self.compile, self.with_network = compile, network
        self.energy_kept = partial(energy_kept_kernel, gas.thermo, hold)

    @classmethod
    def load(
        cls,
        model: str | Path,
        fallback: Fallback = "direct",
        mechanism: str | Path | None = None,
        device: torch.device | str = "cpu",
        **options: Any,
    ) -> Learned:
        """By the name of a shipped model or a path; `mechanism` if not found where the card says or beside the model.

        Raises FileFormatError for a missing or damaged model, ConfigError for one of another mechanism.
        """
        path = library.find(model)
        found = Model.load(path)
        known = found.card["mechanism"]
        phase, ions = known.get("phase"), known.get("ions")
        try:
            gas = Mechanism.load(mechanism or locate(found.card, files_of(path)[0].parent), phase, device, ions)
        except MechanismError:
            if mechanism is None or phase is None:
                raise
            gas = Mechanism.load(mechanism, None, device, ions)  # another file: `require` says what differs
        return cls(found, gas, fallback, **options)

    def advance(self, T: Values, p: Values, Y: Values, dt: float) -> Advanced:
        """T [K], Y after dt [s], of T, p [Pa] (...cells), Y (species, ...cells), at what the model keeps constant.

        Y may be slightly negative (to -0.05) or unnormalised (sum within 0.9 to 1.1), as it comes from transport: the
        networks see max(Y, 0) over its sum, and the result has the elements and energy of Y as given; such cells are
        counted.
        A dt above the model's range is done in equal sub-steps; below it cells are slow or exact. Raises StateError for
        states that are not finite, out of range, or whose sum is off; DivergenceError if exact chemistry fails.
        """
        T, p, Y = self._checked(T, p, Y)
        if not (math.isfinite(dt) and dt > 0):
            raise StateError(f"dt = {dt} s: must be finite and > 0")
        shape = T.shape
        t, q, y = T.reshape(-1), p.reshape(-1), Y.reshape(Y.shape[0], -1)
        total = y.sum(0)
        given = RouteStatistics(
            negative=int((y < 0).any(0).sum()), unnormalised=int(((total - 1).abs() > 1e-6).sum()), substeps=0
        )
        count = max(1, math.ceil(dt / self.parts.model.dt_range[1]))
        stats, route = given, torch.full_like(t, SLOW, dtype=torch.int8)
        y = y / total  # the scale of a cell's mass is not chemistry's
        rho = self.gas.density(t, q, y)
        worth = t.numel() * (1 + y.shape[0]) ** 2 >= COMPILE_FROM if self.compile is None else self.compile
        with torch.no_grad(), kernels.using("compiled" if worth else "eager"):
            for _ in range(count):
                t, y, now, more = self._step(t, q, y, dt / count)
                if self.model.hold == "uv":
                    q = rho * GAS_CONSTANT * t / self.gas.mean_molar_mass(y)
                stats, route = stats + more, torch.maximum(route, now)
        stats = replace(stats, error=stats.error.reshape(shape))
        return Advanced(t.reshape(shape), (y * total).reshape(Y.shape), route.reshape(shape), stats)

    def _checked(self, T: Values, p: Values, Y: Values) -> tuple[Tensor, Tensor, Tensor]:
        Y = torch.as_tensor(Y, dtype=torch.float64, device=self.gas.device).detach()
        if Y.dim() == 0 or Y.shape[0] != len(self.gas.species):
            raise StateError(
                f"Y has shape {tuple(Y.shape)}: the first extent must be the {len(self.gas.species)} species of "
                f"{self.gas.path}"
            )
        T, p = (self._of_cells(name, x, Y.shape[1:]) for name, x in (("T", T), ("p", p)))
        total = Y.sum(0)
        least = Y.amin(0)
        require(
            Check((T >= T_MIN) & (T <= T_MAX), T, "temperature", f"{T_MIN:g} to {T_MAX:g} K"),
            Check((p > 0) & torch.isfinite(p), p, "pressure", "finite and > 0 Pa"),
            Check((total > SMALLEST_SUM) & (total < LARGEST_SUM), total, "sum of mass fractions", "0.9 to 1.1"),
            Check(least >= LEAST, least, "least mass fraction", f"{LEAST:g} or more"),
        )
        return T, p, Y

    def _of_cells(self, name: str, value: Values, shape: torch.Size) -> Tensor:
        value = torch.as_tensor(value, dtype=torch.float64, device=self.gas.device).detach()
        try:
            return value.expand(shape)
        except RuntimeError:
            raise StateError(
                f"{name} has shape {tuple(value.shape)}: must be one value, or {tuple(shape)} as the cells of Y"
            ) from None

    def _step(self, T: Tensor, p: Tensor, Y: Tensor, dt: float) -> tuple[Tensor, Tensor, Tensor, RouteStatistics]:
        z = torch.cat([T.unsqueeze(0), Y])
        end, zero = z.clone(), torch.zeros_like(z)
        fixed = Fixed(p if self.model.hold == "hp" else self.gas.density(T, p, Y))
        f = evaluate_all(self.system, z, zero, BLOCK, fixed)
        route = torch.full_like(T, EXACT, dtype=torch.int8)
        error = torch.zeros_like(T)
        near = self.shared.nearest(z) if self.router else z.new_empty(0)
        left = self._slow(z, f, zero, near, p, dt, end, route)
        inside = self._inside(z, p, left, dt)
        outside = left.numel() - inside.numel()
        self._network(z, f, near, p, inside, dt, end, route, error, fixed)
        rest = where(route == EXACT)
        self._exact(z, p, rest, dt, end, route)
        slow, own, exact, refused = torch.bincount(route.long(), minlength=4).tolist()
        stats = RouteStatistics(
            T.numel(), slow, own, exact, refused, outside=outside, distrusted=rest.numel() - outside, error=error
        )
        return end[0], end[1:], route, stats

    def _slow(
        self, z: Tensor, f: Tensor, zero: Tensor, near: Tensor, p: Tensor, dt: float, end: Tensor, route: Tensor
    ) -> Tensor:
        """Does the cells whose rates are slow, or negligible without the router; returns the others."""
        if not self.router:
            idle = (f[1:].abs() * dt < NEGLIGIBLE).all(0)
            route[idle] = SLOW
            return where(~idle)
        tried = where(self.slow.tries(z, f, dt))
        new, error = self.slow.step(tried, near, z, f, zero, p, dt)
        good = where(error <= LIMIT)
        done = tried[good]
        new, before = take(new, good), take(z, done)
        new[0] = by_blocks(self.energy_kept, before, new)
        end[:, done], route[done] = self._signed(before, new), SLOW
        return where(route != SLOW)

    def _signed(self, before: Tensor, new: Tensor) -> Tensor:
        """`new` (1 + species, cells) without negative mass fractions, with the elements and energy of `before`."""
        low = where((new[1:] < 0.0).any(0))
        new[:, low] = self._nonnegative(take(before, low), take(new, low))
        return new

    def _nonnegative(self, before: Tensor, new: Tensor) -> Tensor:
        new = self.corrector.nonnegative(new, before[1:])
        new[0] = by_blocks(self.energy_kept, before, new)
        return new

    def _inside(self, z: Tensor, p: Tensor, cells: Tensor, dt: float) -> Tensor:
        """Those of the cells that the network may try."""
        if not self.router:
            return cells
        if dt < self.parts.model.dt_range[0] or not self.with_network:
            return cells[:0]
        here = take(z, cells)
        return cells[where(self.parts.covered(here[0], p[cells], here[1:]))]

    def _network(
        self,
        z: Tensor,
        f: Tensor,
        near: Tensor,
        p: Tensor,
        cells: Tensor,
        dt: float,
        end: Tensor,
        route: Tensor,
        error: Tensor,
        fixed: Fixed,
    ) -> None:
        """Does the cells whose network step is trusted."""
        here, pressure = take(z, cells), p[cells]
        step = self.parts.network(here[0], pressure, here[1:], dt)
        z1 = torch.cat([step.T.unsqueeze(0), step.Y])
        if self.router:
            chemical = take(f, cells)
            found = corrected_step(
                self.parts.trust,
                self.corrector,
                here,
                z1,
                step,
                chemical,
                torch.zeros_like(z1),
                near[cells],
                pressure,
                dt,
                fixed.of(cells),
            )
            z1, error[cells], good = found.z, found.error, found.accepted(self.parts.trust.limit)
        else:
            good = met(step)
        kept = where(good)
        done = cells[kept]
        end[:, done], route[done] = take(z1, kept), NETWORK

    def _exact(self, z: Tensor, p: Tensor, cells: Tensor, dt: float, end: Tensor, route: Tensor) -> None:
        if not cells.numel():
            return
        if self.fallback == "none":
            route[cells] = REFUSED
            return
        here, (low, high) = take(z, cells), self.gas.T_range
        bad = torch.zeros_like(z[0], dtype=torch.bool)
        bad[cells] = (here[0] < low) | (here[0] > high)
        allowed = f"within the mechanism's {low:g} to {high:g} K for exact chemistry"
        require(Check(~bad, z[0], "temperature", allowed))
        batch = self.exact.batch(here[0], p[cells], here[1:], torch.full_like(here[0], dt))
        if self.fallback == "direct":
            end[:, cells] = self._signed(here, self.exact.run(batch)[0])
            return
        one = CellIntegrator(self.gas, self.exact.tolerance.rtol, self.exact.tolerance.atol, self.model.hold)
        held = batch.fixed.held.tolist()
        done = [one(cell, batch.z[:, i], batch.s[:, i], dt, held[i]) for i, cell in enumerate(cells.tolist())]
        end[:, cells] = self._nonnegative(here, torch.stack(done, 1))
