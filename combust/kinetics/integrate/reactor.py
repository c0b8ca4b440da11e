"""Batches of homogeneous reactors: every cell is integrated on its own, to a tolerance.

Cells whose rates are negligible over the step take one explicit step, whose error is tested; the others take
Rosenbrock steps in blocks that fit the cache; a cell that does not arrive, at smaller atol either, goes to CVODE. At
the end elements are put right and the temperature is that of the conserved energy, so that enthalpy (or energy) and
elements are kept to round-off.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from combust import kernels
from combust.errors import ConfigError, StateError
from combust.kinetics.gas import data_range
from combust.kinetics.gas.protocol import Gas
from combust.kinetics.gas.values import Values
from combust.kinetics.integrate import cells as ode
from combust.kinetics.integrate import conserved, systems, tighter
from combust.kinetics.integrate.cells import System, Tolerance
from combust.kinetics.integrate.cvode import CellIntegrator
from combust.kinetics.integrate.observer import Observer
from combust.kinetics.integrate.rosenbrock import METHODS, Method
from combust.kinetics.integrate.state import Check, require
from combust.kinetics.integrate.statistics import Statistics
from combust.kinetics.integrate.systems import Fixed
from combust.kinetics.rates.qss import with_tolerance

CHUNK = 2**16  # cells integrated together: bounds the memory, whatever the number of cells
# Bytes of a block's Jacobians, and its most cells. On a CPU: with fewer cells the cost of calls shows, with more they
# leave the cache. On a GPU: what fills it.
JACOBIANS = {True: (8e6, 8200), False: (4e9, CHUNK)}
SLOW = 1.0  # change over dt, in units of the tolerance, below which the explicit step is tried
FAINT = 1e-8  # of the tolerance: a change over dt too faint to grow into one that matters
FIRST_CHANGE = 300.0  # the first implicit step may change the state by so many tolerances, extrapolated
COMPILE_FROM = 1e8  # cells * (1 + species)^2 of a call: below it compiling takes longer than it saves


class Reactors(NamedTuple):
    """State after the step: T (...cells) K, Y (species, ...cells), and what it took."""

    T: Tensor
    Y: Tensor
    stats: Statistics


class Batch(NamedTuple):
    """Cells in a row, as the integrator takes them."""

    z: Tensor  # (1 + species, cells)
    s: Tensor  # (1 + species, cells)
    fixed: Fixed
    dt: Tensor  # (cells,) s

    def of(self, cells: Tensor | slice[int, int, None]) -> Batch:
        """The part of some cells."""
        return Batch(self.z[:, cells], self.s[:, cells], self.fixed.of(cells), self.dt[cells])


class Advanced(NamedTuple):
    """End states of a chunk, its counts, which cells took the explicit step, and those that went to CVODE."""

    z: Tensor
    stats: Statistics
    slow: Tensor
    failed: Tensor


class ReactorIntegrator:
    """Integrates batches of reactors of one mechanism at constant (h, p) or (u, v)."""

    def __init__(
        self, gas: Gas, hold: str = "hp", rtol: float = 1e-6, atol: float = 1e-10, method: str = "rodas5p"
    ) -> None:
        """Tolerances: rtol relative, atol in mass fractions. Raises ConfigError for tolerances outside (0, 1)."""
        if not (0.0 < rtol < 1.0 and 0.0 < atol < 1.0):
            raise ConfigError(f"integration: rtol = {rtol}, atol = {atol}; both must lie between 0 and 1")
        if method not in METHODS:
            raise ConfigError(f'integration: method "{method}" is unknown; known: {", ".join(METHODS)}')
        systems.require_reactor(hold)
        self.gas, self.tolerance = gas, Tolerance(rtol, atol)
        self.system = System(with_tolerance(gas.kinetics, atol), hold)  # type: ignore[arg-type]
        self.method: Method = METHODS[method]
        room, most = JACOBIANS[gas.device.type == "cpu"]
        self.block = max(8, min(most, int(room / (8 * (1 + len(gas.species)) ** 2)) // 8 * 8))
        self._cells: CellIntegrator | None = None

    def batch(
        self, T: Tensor, p: Tensor, Y: Tensor, dt: Tensor, s: Tensor | None = None, member: Values | None = None
    ) -> Batch:
        """Cells in a row; T, p, dt, member (...cells), Y (species, ...cells), s (1 + species, ...cells).

        Raises StateError naming a cell whose T is outside the mechanism's range or whose dt is not positive.
        """
        low, high = self.gas.T_range
        require(
            Check((T >= low) & (T <= high), T, "temperature", f"within the mechanism's {low:g} to {high:g} K"),
            Check((dt > 0) & torch.isfinite(dt), dt, "dt", "finite and > 0 s"),
        )
        data_range.warn(self.gas, "reactor", T, Y)
        held = p if self.system.hold == "hp" else self.gas.density(T, p, Y)
        z = torch.cat([T.reshape(1, -1), Y.reshape(Y.shape[0], -1)])
        sources = torch.zeros_like(z) if s is None else s.reshape(z.shape)
        return Batch(z, sources, Fixed(held.reshape(-1), self._members(member, T)), dt.reshape(-1))

    def _members(self, member: Values | None, T: Tensor) -> Tensor | None:
        """Raises StateError for a cell without a member of the ensemble."""
        count = self.gas.rates.multiplier.shape[1]
        if not count and member is None:
            return None
        if not count or member is None:
            raise StateError("an ensemble needs the member of each cell, and only an ensemble has members")
        found = torch.as_tensor(member, dtype=torch.int64, device=T.device).expand(T.shape)
        require(Check((found >= 0) & (found < count), found, "member", f"one of 0 to {count - 1}"))
        return found.reshape(-1)

    def run(self, batch: Batch) -> tuple[Tensor, Statistics]:
        """z at the end of each cell's dt. Raises DivergenceError for a cell that even CVODE cannot integrate."""
        kernels.keep_freed_memory()
        end, stats = torch.empty_like(batch.z), Statistics()
        for start in range(0, batch.z.shape[1], CHUNK):
            part = slice(start, start + CHUNK)
            end[:, part], counted = self._chunk(batch.of(part), start)
            stats = stats + counted
        data_range.warn(self.gas, "reactor", end[0], end[1:])
        return end, stats

    def rates(self, batch: Batch) -> Tensor:
        """dz/dt (1 + species, cells) at the start."""
        return ode.evaluate_all(self.system, batch.z, batch.s, self.block, batch.fixed)

    def first_steps(self, batch: Batch, f: Tensor) -> Tensor:
        """First step sizes (cells,) s."""
        change = self.tolerance.error(batch.z, batch.dt * f)
        return batch.dt / (change / FIRST_CHANGE).clamp_min(1.0)

    def _chunk(self, batch: Batch, offset: int) -> tuple[Tensor, Statistics]:
        moved = self.advance(batch, offset)
        return self.conserved(batch, moved.z), moved.stats

    def advance(self, batch: Batch, offset: int = 0, observe: Observer | None = None) -> Advanced:
        """A chunk to its end, before T is made that of the conserved energy; offset: the number of its first cell."""
        f = self.rates(batch)
        end, slow = self._explicit(batch, f)
        cells = (~slow).nonzero().squeeze(-1)
        stats, failed = Statistics(batch.z.shape[1], batch.z.shape[1] - cells.numel()), cells[:0]
        if cells.numel():
            part = batch.of(cells)
            first = self.first_steps(part, f[:, cells])
            job = self.system, self.method, self.tolerance, part.z, part.s, part.dt, first, self.block, part.fixed
            path = (
                tighter.integrate_reactors(*job) if observe is None else ode.integrate_cells(*job, observe)
            )  # whose states are one path
            for i in path.failed.tolist() if path.failed.numel() else []:
                path.z[:, i] = self._by_cvode(offset + int(cells[i]), part.of(slice(i, i + 1)), path.z[:, i])
            end[:, cells] = path.z
            stats = stats + Statistics(0, 0, path.steps, path.rejected, path.failed.numel())
            failed = cells[path.failed]
        return Advanced(end, stats, slow, failed)

    def _explicit(self, batch: Batch, f: Tensor) -> tuple[Tensor, Tensor]:
        """Heun's step where rates are negligible, its error (against Euler's) is within the tolerance, and where they
        do not double anywhere: below the tolerance, radicals may grow to an ignition.
        """
        slow = self.tolerance.error(batch.z, batch.dt * f) <= SLOW
        end = batch.z.clone()
        cells = slow.nonzero().squeeze(-1)
        if cells.numel():
            part, f0 = batch.of(cells), f[:, cells]
            f1 = self.rates(part._replace(z=part.z + part.dt * f0))
            end[:, cells] = part.z + 0.5 * part.dt * (f0 + f1)
            grows = (f1 > 2 * f0.abs()) & (part.dt * f1 > FAINT * self.tolerance.scale(part.z))
            slow[cells] = (self.tolerance.error(part.z, 0.5 * part.dt * (f1 - f0)) <= 0.5) & ~grows.any(0)
        return end, slow

    def conserved(self, batch: Batch, end: Tensor) -> Tensor:
        """The end state with the elements and, by Newton from the integrated T, the energy that the sources leave."""
        given = end[1:]
        Y = conserved.elements_kept(self.gas, batch.z[1:], given, batch.s[1:], batch.dt)
        end = end if Y is given else torch.cat([end[:1], Y])
        T = systems.energy_kept(self.gas.thermo, self.system.hold, batch.z, end, batch.s[0] * batch.dt)
        return torch.cat([T.unsqueeze(0), Y])

    def _by_cvode(self, cell: int, one: Batch, reached: Tensor) -> Tensor:
        if self._cells is None:
            self._cells = CellIntegrator(self.gas, self.tolerance.rtol, self.tolerance.atol, self.system.hold)
        return self._cells(cell, one.z[:, 0], one.s[:, 0], float(one.dt), float(one.fixed.held), reached)


def sources_of(source: tuple[Values, Values] | None, T: Tensor, Y: Tensor) -> Tensor | None:
    """s (1 + species, ...cells) of heat and species. Raises StateError for a cell where they are not finite."""
    if source is None:
        return None
    heat, species = (torch.as_tensor(x, dtype=Y.dtype, device=Y.device) for x in source)
    s = torch.cat([heat.expand(T.shape).unsqueeze(0), species.expand(Y.shape)])
    require(Check(torch.isfinite(s).all(0), s.sum(0), "source", "finite"))
    return s


def integrate(
    integrator: ReactorIntegrator,
    T: Tensor,
    p: Tensor,
    Y: Tensor,
    dt: Tensor,
    source: tuple[Values, Values] | None = None,
    compile: bool | None = None,
    member: Values | None = None,
    run: Callable[[Batch], tuple[Tensor, Statistics]] | None = None,
) -> Reactors:
    """State after dt of reactors at T, p, dt (...cells), Y (species, ...cells); see `Mechanism.integrate`.

    run: what stands in the place of `integrator.run`.
    """
    batch = integrator.batch(T, p, Y, dt, sources_of(source, T, Y), member)
    worth = T.numel() * batch.z.shape[0] ** 2 >= COMPILE_FROM if compile is None else compile
    with kernels.using("compiled" if worth else "eager"):
        z, stats = (run or integrator.run)(batch)
    return Reactors(z[0].reshape(T.shape), z[1:].reshape(Y.shape), stats)
