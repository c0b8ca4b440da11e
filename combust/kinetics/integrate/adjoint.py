"""The discrete adjoint of Rosenbrock steps: how the end state of `integrate_cells` depends on what goes in.

The forward integration records the states that its steps start from, nothing else. Of a step

    (1/(gamma h) - J) U_i = f(z_i) + sum_{j<i} (c_ij / h) U_j
    z_i = z + sum_{j<i} a_ij U_j,      z' = z + sum_i m_i U_i

with the cotangent l of z', each stage from the last to the first has w_i = (1/(gamma h) - J)^-T u_i, where u_i gathers
m_i l and what later stages hand back, and adds to the cotangent of z

    l + sum_i (J(z_i)^T w_i + H[U_i]^T w_i),        H[U] = dJ/dz . U, symmetric in its last two places,

and to those of parameters sum_i w_i . df(z_i)/dp and sum_ij w_i . (dJ/dp) U_i. Step sizes count as given: their own
change alters the end state by no more than the error that the tolerances allow.

All that is not linear, J and H at all steps of all cells, is evaluated at once, in windows of WINDOW bytes, so that
only small linear algebra goes from step to step.

Sandu, Daescu, Carmichael, Atmos. Environ. 37, 5083 (2003). doi:10.1016/j.atmosenv.2003.08.019
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from combust.kinetics.integrate import bend, systems
from combust.kinetics.integrate import cells as ode
from combust.kinetics.integrate.cells import System
from combust.kinetics.integrate.ending import Ending
from combust.kinetics.integrate.jacobian import linearise
from combust.kinetics.integrate.rosenbrock import Method
from combust.kinetics.integrate.systems import Fixed, Hold
from combust.kinetics.rates.qss import AnyKinetics

WINDOW = 2e8  # bytes of Jacobians and their derivatives kept at once


class Path:
    """An observer of `integrate_cells` that keeps the states which steps start from."""

    ending: Ending | None = None

    def __init__(self, size: int) -> None:
        self.rows = list(range(size))
        self.parts: list[Tensor] = []

    def __call__(self, record: Tensor) -> None:
        """States of some cells, as `Observer` has them."""
        self.parts.append(torch.cat([record[:, :2], record[:, 3::2]], dim=1))

    def steps(self, dt: Tensor) -> Steps:
        """All steps of cells that go over dt (cells,) s."""
        record = torch.cat(self.parts)
        cell = record[:, 0].to(torch.int64)
        order = torch.argsort(cell, stable=True)  # a cell's states were recorded in order of time
        cell, t, z = cell[order], record[order, 1], record[order, 2:]
        counts = torch.bincount(cell, minlength=dt.shape[0])
        after = counts.cumsum(0)[cell] - 1 - torch.arange(cell.shape[0], device=cell.device)
        end = torch.where(after == 0, dt[cell], torch.roll(t, -1))
        return Steps(z.T.contiguous(), end - t, cell, after)


class Steps(NamedTuple):
    """Steps in a row: z (1 + species, steps) at their start, size h s, cell, and how many of its cell come after."""

    z: Tensor
    h: Tensor
    cell: Tensor
    after: Tensor

    def of(self, chosen: Tensor) -> Steps:
        """Some of them."""
        return Steps(self.z[:, chosen], self.h[chosen], self.cell[chosen], self.after[chosen])


class Cotangents(NamedTuple):
    """Of z at the start, sources, what reactors hold, and of each of the mechanism's tensors that were asked for."""

    z: Tensor
    s: Tensor
    held: Tensor
    learnt: list[Tensor]


@dataclass
class Stages:
    """What a window of steps needs for its adjoint, steps first."""

    h: Tensor
    lu: Tensor
    pivots: Tensor
    z: list[Tensor]  # of each stage, (1 + species, steps)
    U: list[Tensor]  # (1 + species, steps)
    J: list[Tensor]  # at each stage, (steps, 1 + species, 1 + species)
    H: list[Tensor]  # of each U, the same shape


def reverse(
    system: System, own: AnyKinetics, learnt: Sequence[Tensor], method: Method, steps: Steps, s: Tensor, fixed: Fixed,
    cotangent: Tensor,
) -> Cotangents:  # fmt: skip
    """Cotangents of what goes in from that of the end states (1 + species, cells).

    system: for values; own: the same kinetics made of `learnt`, tensors that torch differentiates.
    """
    size = steps.z.shape[0]
    total = Cotangents(cotangent.clone(), torch.zeros_like(s), torch.zeros_like(fixed.held), [x * 0 for x in learnt])
    room = max(1, int(WINDOW / (8 * size**2 * (2 * method.stages + 2))))
    for chosen in windows(steps.after, room):
        part = steps.of(chosen)
        sources, known = s[:, part.cell], fixed.of(part.cell)
        stages = stages_of(system, method, part, sources, known)
        W = torch.zeros(method.stages, *part.z.T.shape, dtype=s.dtype, device=s.device)
        for after in range(int(part.after.min()), int(part.after.max()) + 1):
            at = (part.after == after).nonzero().squeeze(-1)
            cells = part.cell[at]
            total.z[:, cells], W[:, at] = through_step(method, stages, at, total.z[:, cells].T)
        found = of_inputs(own, system.hold, learnt, stages, sources, known, W)
        total.s.index_add_(1, part.cell, found.s)
        total.held.index_add_(0, part.cell, found.held)
        total = total._replace(learnt=[x + y for x, y in zip(total.learnt, found.learnt, strict=True)])
    return total


def windows(after: Tensor, room: int) -> list[Tensor]:
    """Indices of steps in windows of about `room`, the last steps of all cells first; no rank of them is split."""
    order = torch.argsort(after, stable=True)
    counts = torch.bincount(after).tolist()
    sizes: list[int] = []
    for count in counts:
        if sizes and sizes[-1] + count <= room:
            sizes[-1] += count
        else:
            sizes.append(count)
    return list(order.split(sizes))


def stages_of(system: System, method: Method, steps: Steps, s: Tensor, fixed: Fixed) -> Stages:
    """The stages of all steps again, the Jacobians along them, and how J changes along each U."""
    hold, kin, z = system.hold, system.kin, steps.z

    def at(z: Tensor) -> Tensor:
        return linearise(kin, hold, z, fixed, s)[1]

    J = at(z)
    eye = torch.eye(z.shape[0], dtype=z.dtype, device=z.device)
    lu, pivots = torch.linalg.lu_factor(eye / (method.gamma * steps.h)[:, None, None] - J.permute(2, 0, 1))
    U: list[Tensor] = []
    places: list[Tensor] = []
    for i in range(method.stages):
        places.append(z + ode.weighted(method.a[i], U) if i and any(method.a[i]) else z)
        right = ode.evaluate(system, places[i], s, fixed)
        if i:
            right = right + ode.weighted(method.c[i], U) / steps.h
        U.append(torch.linalg.lu_solve(lu, pivots, right.T.unsqueeze(-1)).squeeze(-1).T)
    along = [J if place is z else at(place) for place in places]
    bent = [bend.along(kin, hold, z, u, s, fixed) for u in U]
    first = [[x.permute(2, 0, 1) for x in kind] for kind in (along, bent)]
    return Stages(steps.h, lu, pivots, places, U, *first)


def through_step(method: Method, stages: Stages, at: Tensor, cotangent: Tensor) -> tuple[Tensor, Tensor]:
    """Cotangents at the start of the steps `at`, (1 + species, steps), and w (stages, steps, 1 + species), from those
    of their ends (steps, 1 + species).
    """
    lu, pivots, h = stages.lu[at], stages.pivots[at], stages.h[at].unsqueeze(-1)
    u = [m * cotangent for m in method.m]
    start, W = cotangent, torch.empty(method.stages, *cotangent.shape, dtype=cotangent.dtype, device=cotangent.device)
    for i in reversed(range(method.stages)):
        w = torch.linalg.lu_solve(lu, pivots, u[i].unsqueeze(-1), adjoint=True)
        back = (stages.J[i][at].mT @ w).squeeze(-1)
        start = start + back + (stages.H[i][at].mT @ w).squeeze(-1)
        W[i] = w.squeeze(-1)
        for j in range(i):
            a, c = method.a[i][j], method.c[i][j]
            if a or c:
                u[j] = u[j] + a * back + (c / h) * W[i]
    return start.T, W


def of_inputs(
    kin: AnyKinetics, hold: Hold, learnt: Sequence[Tensor], stages: Stages, s: Tensor, fixed: Fixed, W: Tensor
) -> Cotangents:
    """Those of sources and held values of each step, and of the mechanism's tensors, from w."""
    with torch.enable_grad():
        sources, held = s.detach().requires_grad_(), fixed.held.detach().requires_grad_()
        known = Fixed(held, fixed.member)
        inputs = (sources, held, *learnt)
        J = systems.linearise(kin, hold, stages.z[0], sources, known).jacobian
        U = torch.stack(stages.U)
        outputs = [J, *(systems.rate(kin, hold, z, sources, known) for z in stages.z)]
        weights = [torch.einsum("smk,sjm->kjm", W, U), *(w.T for w in W)]
        found = torch.autograd.grad(outputs, inputs, weights, allow_unused=True, materialize_grads=True)
    return Cotangents(stages.z[0], found[0], found[1], list(found[2:]))
