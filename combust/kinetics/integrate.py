"""Batched stiff integration of z = (T, rho Y_1 .. rho Y_n) with a constant transport source s = (Qh, Q_1 .. Q_n).

All cells of a block take a Rosenbrock step at once; each cell has its own step size and error. Cells that are done
leave the batch. Blocks of about a thousand cells keep the Jacobians in the cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from combust import kernels
from combust.kernels import compiled
from combust.kinetics import jacobian as jac
from combust.kinetics import linear
from combust.kinetics.rates import Kinetics, production_rates
from combust.kinetics.rosenbrock import Method
from combust.kinetics.thermo import column, cp_mass, h_mass

MAX_STEPS = 2000  # per cell and call, before it goes to the fallback
MIN_FRACTION = 1e-12  # of dt: a smaller step means that the error test cannot be met
SAFETY, GROW, SHRINK = 0.9, 5.0, 0.1


@dataclass(frozen=True)
class Tolerance:
    """A cell's error passes if each component stays within rtol |z| + atol rho (for T: rtol T + atol T)."""

    rtol: float = 1e-4
    atol: float = 1e-8

    def error(self, z: Tensor, defect: Tensor) -> Tensor:
        """Largest component of defect (1 + species, cells) over its scale at z, (cells,); NaN stays NaN."""
        size = torch.cat([z[:1], z[1:].sum(0, keepdim=True).expand(z.shape[0] - 1, -1)])
        return (defect.abs() / (self.rtol * z.abs() + self.atol * size)).amax(0)


@dataclass
class Linearised:
    """What one Jacobian gives at the states z: rates without transport, and the factors of 1/(gamma h) - J."""

    z: Tensor
    chemical: Tensor  # (1 + species, cells): dz/dt for s = 0
    h: Tensor  # (species, cells) J/kg
    rho_cp: Tensor  # (cells,)
    factors: linear.Factors

    def rate(self, s: Tensor) -> Tensor:
        """dz/dt at z with transport s."""
        heat = (s[:1] - (self.h * s[1:]).sum(0, keepdim=True)) / self.rho_cp
        return self.chemical + torch.cat([heat, s[1:]])


@dataclass
class Trajectory:
    """End states of `integrate_cells` and their counts; `failed` holds the cells that did not arrive."""

    z: Tensor
    steps: int
    rejected: int
    failed: Tensor


def rate(kin: Kinetics, z: Tensor, s: Tensor) -> Tensor:
    """dz/dt (1 + species, cells)."""
    dT, dY = jac.source(kin, z[0], z[1:], s[1:], s[0])
    return torch.cat([dT.unsqueeze(0), dY])


def linearise(kin: Kinetics, z: Tensor, s: Tensor, shift: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Rates without transport, h_k, rho cp, and shift - J (1 + species, 1 + species, cells) at z with transport s."""
    T, rhoY = z[0], z[1:]
    W = column(kin.thermo.molar_mass, T)
    S = W * production_rates(kin, T, rhoY / W)
    h = h_mass(kin.thermo, T)
    rho_cp = (rhoY * cp_mass(kin.thermo, T)).sum(0)
    chemical = torch.cat([(-(h * S).sum(0) / rho_cp).unsqueeze(0), S])
    J = jac.source_jacobian(kin, T, rhoY, s[1:], s[0]).movedim((-2, -1), (0, 1))
    unit = torch.eye(z.shape[0], dtype=z.dtype, device=z.device).unsqueeze(-1)
    return chemical, h, rho_cp, unit * shift - J


rate_kernel = compiled(rate)
linearise_kernel = compiled(linearise)


def blocks(index: Tensor, size: int) -> Iterator[tuple[Tensor, int]]:
    """Index in pieces of at most `size` with the count of valid entries.

    Compiled kernels know only a few sizes: a piece is padded with its last cell to the next of them.
    """
    sizes = (size // 8, size) if kernels.mode() == "compiled" else ()
    start, total = 0, index.shape[0]
    while start < total:
        count = min(size, total - start)
        if sizes and size // 2 > count > sizes[0]:
            count = sizes[0]  # several small blocks are cheaper than one mostly empty large one
        piece = index[start : start + count]
        padded = next((n for n in sizes if n >= count), count)
        if padded > count:
            piece = torch.cat([piece, piece[-1:].expand(padded - count)])
        yield piece, count
        start += count


def linearise_block(kin: Kinetics, method: Method, z: Tensor, s: Tensor, step: Tensor) -> Linearised:
    """Jacobian and factors at z for steps of size step (cells,)."""
    chemical, h, rho_cp, A = linearise_kernel(kin, z, s, 1.0 / (method.gamma * step))
    return Linearised(z, chemical, h, rho_cp, linear.factor(A))


def rosenbrock_step(kin: Kinetics, method: Method, at: Linearised, s: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
    """New states and error estimates (1 + species, cells) of one step of size step (cells,)."""
    f = at.rate(s)
    U: list[Tensor] = []
    for i in range(method.stages):
        if i > 0 and method.fresh[i]:
            f = rate_kernel(kin, at.z + weighted(method.a[i], U), s)
        U.append(linear.solve(at.factors, f + weighted(method.c[i], U) / step if U else f))
    return at.z + weighted(method.m, U), weighted(method.e, U)


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
    kin: Kinetics,
    method: Method,
    tolerance: Tolerance,
    z: Tensor,
    s: Tensor,
    dt: float,
    first: Tensor,
    block: int,
) -> Trajectory:
    """Adaptive integration over dt [s] from z with source s (1 + species, cells), first steps `first` (cells,).

    Cells are independent: each has its own step sizes, so the result does not depend on their company.
    """
    z, elapsed, step = z.clone(), torch.zeros_like(first), first.clone()
    steps = rejected = 0
    tries = torch.zeros(first.shape, dtype=torch.int64, device=z.device)
    active = torch.arange(z.shape[1], device=z.device)
    failed = []
    while active.numel():
        for cells, count in blocks(active, block):
            at = linearise_block(kin, method, z[:, cells], s[:, cells], step[cells])
            new, defect = rosenbrock_step(kin, method, at, s[:, cells], step[cells])
            cells, new, defect = cells[:count], new[:, :count], defect[:, :count]
            error = tolerance.error(at.z[:, :count], defect)
            good = error <= 1.0
            z[:, cells] = torch.where(good, new, at.z[:, :count])
            h = step[cells]
            left = torch.where(good, dt - elapsed[cells] - h, dt - elapsed[cells])
            left = torch.where(left.abs() <= 1e-12 * dt, torch.zeros_like(left), left)
            elapsed[cells] = dt - left
            step[cells] = torch.minimum(next_step(method, h, error, good), left)
            accepted = int(good.sum())
            steps, rejected = steps + accepted, rejected + count - accepted
        tries[active] += 1
        left = dt - elapsed[active]
        stuck = (left > 0) & ((tries[active] >= MAX_STEPS) | (step[active] < MIN_FRACTION * dt))
        failed.append(active[stuck])
        active = active[(left > 0) & ~stuck]
    return Trajectory(z, steps, rejected, torch.cat(failed) if failed else active)


def next_step(method: Method, step: Tensor, error: Tensor, good: Tensor) -> Tensor:
    """Next step sizes from the error of the last; a NaN error counts as very large."""
    factor = SAFETY * error.clamp_min(1e-12) ** (-1.0 / method.error_order)
    factor = torch.nan_to_num(factor, nan=SHRINK).clamp(SHRINK, GROW)
    return step * torch.where(good, factor, factor.clamp_max(0.9))
