"""Batched stiff integration of the systems of `systems`: z = (T, y_1 .. y_n), constant sources s.

On a CPU with a C++ compiler the steps are those of `integrate.native`, eight cells side by side. Here is the same for
any device and for what those kernels do not know: all cells of a block take a Rosenbrock step at once; each cell has
its own step size and error. Cells that are done leave the batch. Blocks of about a thousand cells keep the Jacobians in
the cache.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from combust import devices
from combust.graphs import cells_last
from combust.kernels import Kernel, compiled
from combust.kinetics.integrate import linear, systems
from combust.kinetics.integrate.blocks import blocks, by_blocks, take
from combust.kinetics.integrate.native.cells import through
from combust.kinetics.integrate.native.integrator import Compiled, Rules, compiled_for
from combust.kinetics.integrate.observer import Observer
from combust.kinetics.integrate.progress import Integrated, Integration, rules_of
from combust.kinetics.integrate.rosenbrock import Method
from combust.kinetics.integrate.systems import Fixed, Hold
from combust.kinetics.rates import powers
from combust.kinetics.rates.qss import AnyKinetics

Rates = tuple[Tensor, Tensor, Tensor]  # sources of transport, e_k and c of a state
MAX_STEPS = 2000  # per cell and call, before it goes to the fallback
LOOK = 8  # attempts on a device, see `attempts_between_looks`


def rules(most: int | None = None) -> Rules:
    """How steps are chosen, as the C++ kernels take it; most : steps that a cell tries, MAX_STEPS if it is not said."""
    return rules_of(MAX_STEPS if most is None else most)


class System(NamedTuple):
    """A mechanism's kinetics and which of combust.kinetics.integrate.systems is integrated."""

    kin: AnyKinetics
    hold: Hold = "flow"


@dataclass(frozen=True)
class Tolerance:
    """Each component of z may be wrong by rtol |z| + atol sum(y) (T: rtol T + atol T), as a root mean square."""

    rtol: float = 1e-4
    atol: float = 1e-8

    def scale(self, z: Tensor) -> Tensor:
        """How wrong each component may be, (1 + species, cells)."""
        size = torch.cat([z[:1], z[1:].sum(0, keepdim=True).expand(z.shape[0] - 1, -1)])
        return self.rtol * z.abs() + self.atol * size

    def error(self, z: Tensor, defect: Tensor) -> Tensor:
        """Root mean square, over components, of defect over scale at z, both (1 + species, cells); NaN stays NaN."""
        return (defect / self.scale(z)).square().mean(0).sqrt()


@dataclass
class Linearised:
    """What one Jacobian gives at the states z: rates without transport, and the factors of 1/(gamma h) - J."""

    z: Tensor
    step: Tensor  # (cells,) s
    chemical: Tensor  # (1 + species, cells): dz/dt for s = 0
    energy: Tensor  # e_k (species, cells) J/kg
    capacity: Tensor  # c (cells,)
    fixed: Fixed | None  # of a reactor
    form: linear.Form
    factors: linear.Factors

    def of(self, cells: Tensor) -> Linearised:
        """The part of some cells of the batch."""
        fields = (self.z, self.step, self.chemical, self.energy, self.capacity)
        z, step, chemical, energy, capacity = (take(f, cells) for f in fields)
        fixed = None if self.fixed is None else self.fixed.of(cells)
        factors = tuple(take(f, cells) for f in self.factors)
        return Linearised(z, step, chemical, energy, capacity, fixed, self.form, factors)

    @staticmethod
    def join(parts: list[Linearised]) -> Linearised:
        """One batch of several."""
        names = ("z", "step", "chemical", "energy", "capacity")
        z, step, chemical, energy, capacity = (torch.cat([getattr(p, name) for p in parts], dim=-1) for name in names)
        fixed = [part.fixed for part in parts if part.fixed is not None]
        factors = tuple(torch.cat(f, dim=-1) for f in zip(*(part.factors for part in parts), strict=True))
        rest = (Fixed.join(fixed) if fixed else None, parts[0].form, factors)
        return Linearised(z, step, chemical, energy, capacity, *rest)


def linearise(
    kin: AnyKinetics, hold: Hold, z: Tensor, s: Tensor, fixed: Fixed | None, shift: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """dz/dt without sources, e_k, c, and shift - J (1 + species, 1 + species, cells) at z with sources s."""
    g, e, capacity, J = systems.linearise(kin, hold, z, s, fixed)
    chemical = torch.cat([(-(e * g).sum(0) / capacity).unsqueeze(0), g])
    unit = torch.eye(z.shape[0], dtype=z.dtype, device=z.device).unsqueeze(-1)
    return chemical, e, capacity, unit * shift - J


def jacobian_at(kin: AnyKinetics, z: Tensor, hold: Hold = "flow") -> Tensor:
    """Jacobian (1 + species, 1 + species) of the rate of z (1 + species,) = (T, rho Y) of a cell without transport."""
    one = z.reshape(-1, 1)
    return systems.linearise(kin, hold, one, torch.zeros_like(one)).jacobian[..., 0]


# One compilation serves all batch sizes: `cells_last` tells the compiler which extent varies.
rate_kernel = compiled(systems.rate, dynamic=None)
linearise_kernel = compiled(linearise, dynamic=None)
factor_kernel = compiled(linear.factor, dynamic=None)


def evaluate(system: System, z: Tensor, s: Tensor, fixed: Fixed | None = None) -> Tensor:
    """dz/dt (1 + species, cells) by its kernel."""
    native = compiled_for(system.kin, z, s, *(fixed or ())[:1])
    return _by_torch(system, z, s, fixed) if native is None else _by_native(native, system, z, s, fixed)


def _by_native(native: Compiled, system: System, z: Tensor, s: Tensor, fixed: Fixed | None) -> Tensor:
    return native.rates(system.hold, z, s, *(fixed or (None, None)))


def _by_torch(system: System, z: Tensor, s: Tensor, fixed: Fixed | None) -> Tensor:
    cells_last(z, s, *(fixed or ()))
    return rate_kernel(system.kin, system.hold, z, s, fixed)


def evaluate_all(system: System, z: Tensor, s: Tensor, block: int, fixed: Fixed | None = None) -> Tensor:
    """`evaluate` for any number of cells, in blocks."""
    native = compiled_for(system.kin, z, s, *(fixed or ())[:1])
    if native is not None:
        return _by_native(native, system, z, s, fixed)
    known = [] if fixed is None else [x for x in fixed if x is not None]

    def kernel(z: Tensor, s: Tensor, *known: Tensor) -> Tensor:
        return _by_torch(system, z, s, Fixed(*known) if known else None)

    return by_blocks(kernel, z, s, *known, size=block)


def linearise_block(
    system: System, method: Method, z: Tensor, s: Tensor, step: Tensor, fixed: Fixed | None = None
) -> Linearised:
    """Jacobian and factors at z for steps of size step (cells,)."""
    shift = 1.0 / (method.gamma * step)
    cells_last(z, s, shift, *(fixed or ()))
    chemical, energy, capacity, A = linearise_kernel(system.kin, system.hold, z, s, fixed, shift)
    form = linear.best_form(z.shape[0])
    cells_last(A)
    return Linearised(z, step, chemical, energy, capacity, fixed, form, factor_kernel(form, A))


def rosenbrock_step(
    system: System, method: Method, tolerance: Tolerance, at: Linearised, s: Tensor
) -> tuple[Tensor, Tensor]:
    """New states (1 + species, cells) after one step with transport s, and their errors (cells,) in tolerances."""
    kernel = stage_kernel(method, tolerance)
    cells_last(s, at.z, at.step, at.chemical, at.energy, at.capacity, *at.factors)
    first, f = 0, at.chemical
    U: tuple[Tensor, ...] = ()
    while True:
        transport = (s, at.energy, at.capacity) if first == 0 else None
        last = method.segment_end(first)
        cells_last(f, *U)
        result, other = kernel(first, last, at.form, at.factors, at.z, at.step, f, U, transport)
        if isinstance(result, Tensor):
            new, error = result, other
            edge = powers.has_edge(system.kin.rates.edge)
            return new, torch.maximum(error, undershoot(tolerance, at, s, new)) if edge else error
        U, f = result, evaluate(system, other, s, at.fixed)
        first = last


def undershoot(tolerance: Tolerance, at: Linearised, s: Tensor, new: Tensor) -> Tensor:
    """How far y falls below zero in a step, (cells,), in units of atol sum(y); of what the sources do not take.

    Of mechanisms with orders below one: their rates end at zero, and only rates that go on beyond bring y back.
    """
    y = at.z[1:]
    lowest = y.clamp_max(0.0) + (at.step * s[1:]).clamp_max(0.0)
    return ((lowest - new[1:]) / (tolerance.atol * y.sum(0))).amax(0)


@functools.cache
def stage_kernel(
    method: Method, tolerance: Tolerance
) -> Kernel[
    [int, int, linear.Form, linear.Factors, Tensor, Tensor, Tensor, tuple[Tensor, ...], Rates | None],
    tuple[Tensor | tuple[Tensor, ...], Tensor],
]:
    """Kernel of the stages between two evaluations of the rates."""

    def stages(
        first: int, last: int, form: linear.Form, factors: linear.Factors, z: Tensor, step: Tensor, f: Tensor,
        before: tuple[Tensor, ...], transport: Rates | None,
    ) -> tuple[Tensor | tuple[Tensor, ...], Tensor]:  # fmt: skip
        if transport is not None:
            s, energy, capacity = transport
            heat = (s[:1] - (energy * s[1:]).sum(0, keepdim=True)) / capacity
            f = f + torch.cat([heat, s[1:]])
        U = list(before)
        for i in range(first, last):
            right = f + weighted(method.c[i], U) / step if i else f
            U.append(linear.solve(form, factors, right))
        if last < method.stages:
            return tuple(U), z + weighted(method.a[last], U)
        return z + weighted(method.m, U), tolerance.error(z, weighted(method.e, U))

    return compiled(stages, dynamic=None)


def correction_step(method: Method, tolerance: Tolerance, at: Linearised, ds: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Change of the end state by a change ds of the transport, in the linearised equations; its size and its error
    estimate (cells,), in tolerances.

    The same method on d' = J d + ds, d(0) = 0: J U_i follows from the solves, so no rates are evaluated.
    """
    cells_last(ds, at.z, at.step, at.energy, at.capacity, *at.factors)
    kernel = correction_kernel(method, tolerance)
    return kernel(at.form, at.factors, at.z, at.step, at.energy, at.capacity, ds)


@functools.cache
def correction_kernel(
    method: Method, tolerance: Tolerance
) -> Kernel[[linear.Form, linear.Factors, Tensor, Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]:
    """Kernel of `correction_step`."""

    def correct(
        form: linear.Form, factors: linear.Factors, z: Tensor, step: Tensor, energy: Tensor, capacity: Tensor,
        ds: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        heat = (ds[:1] - (energy * ds[1:]).sum(0, keepdim=True)) / capacity
        source = torch.cat([heat, ds[1:]])
        U: list[Tensor] = []
        JU: list[Tensor] = []
        for i in range(method.stages):
            right = source
            if any(method.a[i]):
                right = right + weighted(method.a[i], JU)
            if i:
                right = right + weighted(method.c[i], U) / step
            U.append(linear.solve(form, factors, right))
            JU.append(U[-1] / (method.gamma * step) - right)
        change = weighted(method.m, U)
        return change, tolerance.error(z, change), tolerance.error(z, weighted(method.e, U))

    return compiled(correct, dynamic=None)


def weighted(weights: tuple[float, ...], terms: list[Tensor]) -> Tensor:
    """Sum of weight times term; zero weights cost nothing."""
    pairs = [(w, x) for w, x in zip(weights, terms, strict=True) if w != 0.0]
    if not pairs:
        return torch.zeros_like(terms[0])
    total = pairs[0][1] * pairs[0][0]
    for w, x in pairs[1:]:
        total = torch.add(total, x, alpha=w)
    return total


def integrate_cells(
    system: System,
    method: Method,
    tolerance: Tolerance,
    z: Tensor,
    s: Tensor,
    dt: float | Tensor,
    first: Tensor,
    block: int,
    fixed: Fixed | None = None,
    observe: Observer | None = None,
    arrived: Callable[[int], None] | None = None,
    narrow: bool = False,
    most: int | None = None,
) -> Integrated:
    """Adaptive integration over dt [s] from z with sources s (1 + species, cells), first steps `first` (cells,).

    Cells are independent: each has its own step sizes, so the result does not depend on their company.

    Radicals that grow from below the tolerance are not seen by the error test, and a step h much longer than the time
    1/L of their growth damps them as if they decayed: an ignition would be leapt over in silence. As the growing mode
    has 1/(gamma h) - L < 0 then, the determinant is negative; such steps are refused and made a quarter as long.

    `observe` sees each state that a step starts from; `arrived` is told how many cells are at their end, now and then.
    `most`: steps that a cell tries before it has failed, MAX_STEPS if it is not said.
    `narrow`: a cell or two may go by kernels for so few; else results have the same bits in any company, as flows need.
    """
    native = compiled_for(system.kin, z, s, first, dt if isinstance(dt, Tensor) else None, *(fixed or ())[:1])
    if native is not None:
        job = system.hold, method, (tolerance.rtol, tolerance.atol), rules(most), z, s, dt, first, fixed
        return through(native, *job, observe, arrived, narrow)
    on = Integration.begin(z, dt, first)
    active = torch.arange(z.shape[1], device=z.device)
    attempts = attempts_between_looks(z.device)
    while active.numel():
        pieces = list(blocks(active, block))
        for _ in range(attempts):
            for cells, count in pieces:
                _attempt(on, system, method, tolerance, s, fixed, cells, count, observe)
            on.judge(active, rules(most).max_steps)
        if observe is not None:
            on.tell(observe)
        active = take(active, on.going[active].nonzero().squeeze(-1))
        if arrived is not None:
            arrived(z.shape[1] - active.numel())
    return on.ended()


def _attempt(
    on: Integration, system: System, method: Method, tolerance: Tolerance, s: Tensor, fixed: Fixed | None,
    cells: Tensor, count: int, observe: Observer | None,
) -> None:  # fmt: skip
    """A step of a block of cells, of which the first `count` are not padding."""
    source, known = take(s, cells), None if fixed is None else fixed.of(cells)
    at = linearise_block(system, method, take(on.z, cells), source, on.step[cells], known)
    new, error = rosenbrock_step(system, method, tolerance, at, source)
    if observe is not None:
        on.show(observe, cells[:count], at.z, at.chemical, system.kin.thermo.molar_mass)
    leaps = linear.negative_determinant(at.form, at.factors)[:count]
    on.move(method, cells[:count], at.z[:, :count], new[:, :count], error[:count], leaps)


def attempts_between_looks(device: torch.device) -> int:
    """Steps that a batch takes before the host looks who has arrived: cells that have go along meanwhile, masked.

    Results do not hang on it. A device works on while the host knows nothing, and blocks keep their size.
    """
    return LOOK if devices.works_ahead(device) else 1
