"""Direct integration of detailed chemistry: the reference provider."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from combust import devices
from combust.errors import ConfigError
from combust.kinetics.integrate import cells as ode
from combust.kinetics.integrate import tighter, w_method
from combust.kinetics.integrate.blocks import MULTIPLE, ON_DEVICE, blocks, in_pieces, parted, put, take, where
from combust.kinetics.integrate.cells import Linearised, Tolerance
from combust.kinetics.integrate.cvode import CellIntegrator
from combust.kinetics.integrate.durations import Durations
from combust.kinetics.integrate.linear import inverse
from combust.kinetics.integrate.native.integrator import compiled_for
from combust.kinetics.integrate.native.slow import SlowCells
from combust.kinetics.integrate.progress import next_step
from combust.kinetics.integrate.rosenbrock import METHODS, Method
from combust.kinetics.integrate.state import Kept, as_packed, check_source, check_state, pack
from combust.kinetics.integrate.statistics import Statistics
from combust.kinetics.integrate.systems import Hold
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.providers.chemistry import Result, require_cell, require_step
from combust.kinetics.rates.qss import with_tolerance

# A change of the end state between two sweeps, in units of the tolerance, up to which the linearised equations give
# it: in hydrogen flames at 2 and 7 us its error then stays below 0.02 of the tolerance, and 99 % of the cells qualify;
# in mixtures that are igniting it reached 0.2 (tests/unit/test_correction.py).
# Where the first sweep took sub-steps, the linearisation at the start is a poorer guide (a fifth of the change wrong).
CORRECTABLE, CORRECTABLE_SUBSTEPS = 10.0, 0.25
CORRECTABLE_SLOW = 1.0  # of slow cells, by the Jacobian that they share
FACTOR_BYTES = 2**30  # of factors kept between `begin` and `advance`; beyond it they are computed again
JACOBIANS = 4e9  # bytes of those of a block on a device
SLOW = 1.0  # chemical change over dt, in units of the tolerance, below which the step of slow cells is tried


def block_size(species: int, device: torch.device | None = None) -> int:
    """Cells of a block: on a CPU tables of a Jacobian stay near the cache, the cost of a call is small beside its work;
    on another device as many as fill it.
    """
    if device is not None and devices.works_ahead(device):
        return max(MULTIPLE, min(ON_DEVICE, 1 << int(JACOBIANS // (8 * (1 + species) ** 2)).bit_length() - 1))
    return 2048 if species <= 16 else 512


@dataclass
class DirectStep:
    """What `Direct.begin` prepared; `slow` and the blocks, or `fast`, together hold every cell once.

    The first `advance` moves slow cells whose error is too large to the others.
    """

    z: Tensor
    chemical: Tensor  # dz/dt of the slow cells at z without transport
    durations: Durations
    guess: Tensor | None  # transport that the Jacobians assume; None: none
    alike: Tensor | None  # numbers of cells that take about the same dt, see `Durations.alike`; None: all do
    solves: dict[int, Tensor]  # of these (1 - gamma dt J)^-1 of the reference state, for the slow cells
    slow: Tensor
    blocks: list[tuple[Tensor, int, Linearised | None]]
    fast: Tensor | None = None  # instead of blocks, where cells are integrated by kinetics.integrate.native
    last: tuple[Tensor, Tensor, Tensor] | None = None  # of the last `advance`: source, end, cells done in one step


class Direct:
    """Every cell integrated with the mechanism itself, to a tolerance (relative rtol, mass fraction atol).

    Cells whose rates are slow over the step share one small matrix, and the error of their step is tested as well;
    the others have a Jacobian and a factorisation each, used by all `advance` calls of a step.
    """

    def __init__(
        self,
        gas: Mechanism,
        rtol: float = 1e-4,
        atol: float = 1e-8,
        method: str = "rodas3",
        block: int | None = None,
        reference: Tensor | None = None,
        hold: Hold = "flow",
        factor_bytes: int = FACTOR_BYTES,
    ) -> None:
        """hold : what cells keep, "flow" or "uv", see combust.kinetics.providers.chemistry
        factor_bytes : of factors that may be kept between the calls of a step; 0 where `advance` is called once
        reference : z = (T, rho Y) of a gas that many slow cells are close to, as the fresh gas of a flame. Traces
        of radicals are short-lived there; its Jacobian keeps the cheap step of slow cells stable.
        """
        if method not in METHODS:
            raise ConfigError(f'integrator method "{method}" is unknown; known: {", ".join(METHODS)}')
        if not (0.0 < rtol < 1.0 and 0.0 < atol < 1.0):
            raise ConfigError(f"chemistry tolerances rtol = {rtol}, atol = {atol}: both must lie between 0 and 1")
        require_cell(hold)
        self.gas, self.hold = gas, hold
        self.system = ode.System(with_tolerance(gas.kinetics, atol), hold)
        self.tolerance = Tolerance(rtol, atol)
        self.method: Method = METHODS[method]
        self.block, self.factor_bytes = block or block_size(len(gas.species), gas.device), factor_bytes
        self._jacobian = None if reference is None else ode.jacobian_at(gas.kinetics, reference, hold)
        self._fallback: CellIntegrator | None = None
        self._chemical = Kept(lambda z: self._rate(z, torch.zeros_like(z)))  # dz/dt without transport

    def rates(self, T: Tensor, rhoY: Tensor) -> Tensor:
        """Mass production rates (species, cells) kg/m3/s at T [K], rhoY [kg/m3]."""
        return self._chemical(pack(T, rhoY))[1:]

    def begin(
        self, T: Tensor, rhoY: Tensor, dt: float | Durations, Q: Tensor | None = None, Qh: Tensor | None = None
    ) -> DirectStep:
        """Rate test, Jacobians and factors for a step of dt [s]; Q, Qh: best guesses of the transport rates.

        Raises StateError naming the first cell whose state is not finite or out of range.
        """
        z = pack(T, rhoY)
        check_state(self.gas, z)
        s = None if Q is None or Qh is None else pack(Qh, Q)
        z, chemical = self._chemical.given_up(z)
        durations = Durations.given(dt)
        slow, fast = parted(self._changes(z, chemical, durations) <= SLOW)
        chemical = take(chemical, slow)
        step = DirectStep(z, chemical, durations, s, durations.alike(), {}, slow, [])
        if compiled_for(self.system.kin, z) is not None:
            step.fast = fast
        else:
            self._add_blocks(step, fast)
        return step

    def _native_slow(self, durations: Durations, z: Tensor, cells: Tensor | None, *given: Tensor) -> SlowCells | None:
        """The C++ kernels of slow cells that all take the same step; None where they do not serve."""
        native = None if durations.share is not None else compiled_for(self.system.kin, z, *given)
        tolerances = self.tolerance.rtol, self.tolerance.atol
        return None if native is None else SlowCells(native, self.hold, tolerances, z, cells)

    def _changes(self, z: Tensor, chemical: Tensor, durations: Durations) -> Tensor:
        """What chemistry changes over the step, in tolerances (cells,)."""
        native, dt = self._native_slow(durations, z, None, chemical), durations.seconds
        if native is not None:
            return native.sizes(chemical, durations.whole)
        if isinstance(dt, Tensor):
            return in_pieces(lambda z, chemical, dt: self.tolerance.error(z, dt * chemical), z, chemical, dt)
        return in_pieces(lambda z, chemical: self.tolerance.error(z, dt * chemical), z, chemical)

    def _add_blocks(self, step: DirectStep, cells: Tensor) -> None:
        """Linearises the cells, as long as there is room for their factors."""
        size = step.z.shape[0] ** 2 * step.z.element_size()
        room = self.factor_bytes - size * sum(kept.numel() for kept, _, _ in step.blocks)
        for some, count in blocks(cells, self.block):
            room -= size * some.numel()
            step.blocks.append((some, count, self._linearise(step, some) if room >= 0 else None))

    def advance(self, step: object, Q: Tensor, Qh: Tensor) -> Result:
        """Integrate over the step with constant Q [kg/m3/s], Qh [W/m3].

        Raises StateError for sources that are not finite, DivergenceError naming a cell that cannot be integrated.
        """
        step, s = require_step(step, DirectStep, self), as_packed(Qh, Q)
        check_source(s)
        end = step.z.clone()
        if step.last is None:
            redo = [self._first_slow(step, s, end)]
        else:
            redo = [self._correct_slow(step, s, end)]
        if step.fast is not None:
            stats = self._integrate(step, s, end, *redo[0])
            step.last = (s, end, torch.ones_like(end[0], dtype=torch.bool))  # asked for by corrections of blocks only
            return Result(end[0], end[1:], stats)
        tried: list[tuple[Tensor, Tensor]] = []
        for cells, count, at in self._linearised(step) if step.last is None else self._correct(step, s, end):
            new, error = ode.rosenbrock_step(self.system, self.method, self.tolerance, at, take(s, cells))
            put(end, cells[:count], new[:, :count])
            tried.append((cells[:count], error[:count]))
        if tried:
            redo.append(_refused(*(torch.cat(x) for x in zip(*tried, strict=True))))
        one_step = torch.ones_like(end[0], dtype=torch.bool)
        for cells, _ in redo:
            one_step[cells] = False
        stats = self._redo(step, s, end, redo)
        step.last = (s, end, one_step)
        return Result(end[0], end[1:], stats)

    def _first_slow(self, step: DirectStep, s: Tensor, end: Tensor) -> tuple[Tensor, Tensor]:
        """The slow cells into `end`; those whose error is too large join the others. None is left to be done again."""
        native = self._native_slow(step.durations, step.z, step.slow, s)
        if native is None:
            new, error = self._slow_step(step, torch.arange(step.slow.numel(), device=s.device), s)
            put(end, step.slow, new)
        else:
            error = native.step(s, step.chemical, self._solve(step, 0), step.durations.whole, end)
        # Leave room: the transport rates will change a little.
        left, others = parted(error <= 0.5)
        if others.numel():
            if step.fast is None:
                self._add_blocks(step, step.slow[others])
            else:
                step.fast = torch.cat([step.fast, step.slow[others]])
            step.slow, step.chemical = step.slow[left], take(step.chemical, left)
        return step.slow[:0], error[:0]

    def _integrate(self, step: DirectStep, s: Tensor, end: Tensor, again: Tensor, error: Tensor) -> Statistics:
        """The fast cells into `end`, and the slow ones `again`, whose step failed with that error."""
        assert step.fast is not None
        cells, total = torch.cat([step.fast, again]), step.z.shape[1]
        stats = Statistics(total, step.slow.numel() - again.numel())
        if not cells.numel():
            return stats
        h = step.durations.of(cells).by_cell(step.z[0, cells])
        first = h.clone()
        if again.numel():
            own = h[step.fast.numel() :]
            first[step.fast.numel() :] = next_step(self.method, own, error, torch.zeros_like(own, dtype=torch.bool))
        return stats + self._path(step, s, end, cells, h, first)

    def _linearise(self, step: DirectStep, cells: Tensor) -> Linearised:
        h = step.durations.of(cells).by_cell(step.z[0, cells])
        z = take(step.z, cells)
        s = torch.zeros_like(z) if step.guess is None else take(step.guess, cells)
        return ode.linearise_block(self.system, self.method, z, s, h)

    def _linearised(self, step: DirectStep) -> Iterator[tuple[Tensor, int, Linearised]]:
        """The blocks of the step; what was not kept is computed again."""
        for cells, count, at in step.blocks:
            yield cells, count, at if at is not None else self._linearise(step, cells)

    def _correct(self, step: DirectStep, s: Tensor, end: Tensor) -> Iterator[tuple[Tensor, int, Linearised]]:
        """Corrects the last end states for a small change of the source, into `end`; gives cells it does not suit.

        These few are pooled over the blocks: a kernel call costs as much as a hundred cells. A full block of them goes
        at once, so that the pool never holds the factors of many.
        """
        assert step.last is not None
        source, last, one_step = step.last
        left: list[Tensor] = []
        parts: list[Linearised] = []
        for cells, count, at in self._linearised(step):
            change, size, error = ode.correction_step(
                self.method, self.tolerance, at, take(s, cells) - take(source, cells)
            )
            limit = torch.where(one_step[cells], CORRECTABLE, CORRECTABLE_SUBSTEPS)
            small = (size <= limit) & (error <= 1.0)
            put(end, cells[:count], (take(last, cells) + change)[:, :count])
            some = where(~small[:count])
            if some.numel():
                left.append(cells[some])
                parts.append(at.of(some))
            while sum(part.numel() for part in left) >= self.block:
                pool, joined = torch.cat(left), Linearised.join(parts)
                yield from self._pooled(pool[: self.block], joined)
                rest = torch.arange(self.block, pool.numel(), device=pool.device)
                left, parts = [pool[rest]], [joined.of(rest)]
        if left:
            yield from self._pooled(torch.cat(left), Linearised.join(parts))

    def _pooled(self, pool: Tensor, at: Linearised) -> Iterator[tuple[Tensor, int, Linearised]]:
        """The first cells of a batch, as many as the pool has, as a block."""
        everything = torch.arange(pool.numel(), device=pool.device)
        for some, count in blocks(everything, self.block):
            yield pool[some], count, at.of(some)

    def _redo(self, step: DirectStep, s: Tensor, end: Tensor, redo: list[tuple[Tensor, Tensor]]) -> Statistics:
        """Integrate with sub-steps the cells whose one step failed; into `end`."""
        total = step.z.shape[1]
        if not total:
            return Statistics()
        cells, error = (torch.cat(x) for x in zip(*redo, strict=True))
        first_try = total - cells.numel()
        skipped = step.slow.numel() - redo[0][0].numel()  # the first entry holds the slow cells that failed
        stats = Statistics(total, skipped, first_try - skipped, cells.numel())
        if not cells.numel():
            return stats
        h = step.durations.of(cells).by_cell(error)
        first = next_step(self.method, h, error, torch.zeros_like(error, dtype=torch.bool))
        return stats + self._path(step, s, end, cells, h, first)

    def _path(self, step: DirectStep, s: Tensor, end: Tensor, cells: Tensor, h: Tensor, first: Tensor) -> Statistics:
        """Some cells over h with first steps `first`, into `end`."""
        z0, source = take(step.z, cells), take(s, cells)
        path = tighter.integrate_cells(self.system, self.method, self.tolerance, z0, source, h, first, self.block)
        for i in path.failed.tolist() if path.failed.numel() else []:
            path.z[:, i] = self._by_cvode(int(cells[i]), z0[:, i], source[:, i], float(h[i]), path.z[:, i])
        put(end, cells, path.z)
        return Statistics(0, 0, path.steps, path.rejected, path.failed.numel())

    def _by_cvode(self, cell: int, z: Tensor, s: Tensor, dt: float, reached: Tensor) -> Tensor:
        if self._fallback is None:
            self._fallback = CellIntegrator(self.gas, self.tolerance.rtol, self.tolerance.atol, self.hold)
        return self._fallback(cell, z, s, dt, reached=reached)

    def _rate(self, z: Tensor, s: Tensor) -> Tensor:
        return ode.evaluate_all(self.system, z, s, self.block)

    def _solve(self, step: DirectStep, number: int) -> Tensor:
        """(1 - gamma dt J)^-1 of the reference state for the slow cells of a number (`Durations.alike`)."""
        if number not in step.solves:
            z, dt = step.z, step.durations.typical(number)
            unit = torch.eye(z.shape[0], dtype=z.dtype, device=z.device)
            J = self._jacobian
            step.solves[number] = unit if J is None else inverse(unit - w_method.GAMMA * dt * J)
        return step.solves[number]

    def _groups(
        self, step: DirectStep, chosen: Tensor
    ) -> Iterator[tuple[slice[int, int, None] | Tensor, Tensor, int, int]]:
        """The chosen ones of the slow cells, those that share a matrix together: their places among the chosen ones,
        themselves, padded, their count and their number.
        """
        if step.alike is None:
            start = 0
            for some, count in blocks(chosen, self.block):
                yield slice(start, start + count), some, count, 0
                start += count
            return
        numbers: Tensor = step.alike[step.slow[chosen]]
        present: list[int] = numbers.unique().tolist()
        for number in present:
            places = (numbers == number).nonzero().squeeze(-1)
            for some, count in blocks(places, self.block):
                yield some[:count], chosen[some], count, number

    def _slow_step(self, step: DirectStep, chosen: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
        """New states and errors, in units of the tolerance, of the chosen ones of the slow cells with transport s."""
        new, error = torch.empty_like(step.z[:, : chosen.numel()]), torch.empty_like(step.z[0, : chosen.numel()])
        whole = devices.number(step.durations.whole, s.device)
        for places, some, count, number in self._groups(step, chosen):
            cells, chemical = step.slow[some], take(step.chemical, some)
            before, source, solve = take(step.z, cells), take(s, cells), self._solve(step, number)
            share = step.durations.of(cells).share
            h = whole if share is None else step.durations.whole * share
            z, e = w_method.slow_step(self.system, self.tolerance, solve, before, chemical, source, h)
            new[:, places], error[places] = z[:, :count], e[:count]
        return new, error

    def _correct_slow(self, step: DirectStep, s: Tensor, end: Tensor) -> tuple[Tensor, Tensor]:
        """As `_correct`, for the slow cells; returns those whose step failed, and their errors."""
        native = self._native_slow(step.durations, step.z, step.slow, s)
        if native is None:
            return self._correct_by_torch(step, s, end)
        assert step.last is not None
        source, last, _ = step.last
        far = where(~(native.change(s, source, last, self._response(step, 0), end) <= CORRECTABLE_SLOW))
        again = step.slow[far]
        if not again.numel():
            return again, step.z[0, :0]
        some = native._replace(cells=again)
        return _refused(again, some.step(s, take(step.chemical, far), self._solve(step, 0), step.durations.whole, end))

    def _response(self, step: DirectStep, number: int) -> Tensor:
        """Of the end states of slow cells of a number to a change of their source."""
        M, dt = self._solve(step, number), step.durations.typical(number)
        return w_method.response(M, torch.zeros_like(M) if self._jacobian is None else self._jacobian, dt)

    def _correct_by_torch(self, step: DirectStep, s: Tensor, end: Tensor) -> tuple[Tensor, Tensor]:
        assert step.last is not None
        source, last, _ = step.last
        left: list[tuple[Tensor, Tensor]] = [(step.slow[:0], step.slow[:0].bool())]
        responses: dict[int, Tensor] = {}
        for _, some, count, number in self._groups(step, torch.arange(step.slow.numel(), device=s.device)):
            if number not in responses:
                responses[number] = self._response(step, number)
            cells = step.slow[some]
            z, ds = take(step.z, cells), take(s, cells) - take(source, cells)
            if step.durations.share is not None:  # of the length of the cell's own step
                ds = ds * (step.durations.of(cells).seconds / step.durations.typical(number))
            change, size = w_method.slow_change(self.system, self.tolerance, responses[number], z, ds)
            put(end, cells[:count], (take(last, cells) + change)[:, :count])
            left.append((some[:count], ~(size[:count] <= CORRECTABLE_SLOW)))
        candidates, far = (torch.cat(x) for x in zip(*left, strict=True))
        again = candidates[where(far)]
        new, error = self._slow_step(step, again, s)
        again = step.slow[again]
        put(end, again, new)
        return _refused(again, error)


def _refused(cells: Tensor, error: Tensor) -> tuple[Tensor, Tensor]:
    """The cells whose error is too large, and their errors."""
    bad = where(~(error <= 1.0))
    return cells[bad], error[bad]
