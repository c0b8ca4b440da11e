"""Reactors whose end states torch differentiates: forward by `ReactorIntegrator`, backward by `adjoint`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.utils import _pytree

from combust import kernels
from combust.errors import ConfigError, DivergenceError
from combust.kinetics.gas import data_range
from combust.kinetics.integrate import adjoint, systems
from combust.kinetics.integrate.reactor import CHUNK, Advanced, Batch, ReactorIntegrator
from combust.kinetics.integrate.statistics import Statistics
from combust.kinetics.integrate.systems import Fixed
from combust.kinetics.rates.qss import AnyKinetics, QssKinetics, with_tolerance


def run(integrator: ReactorIntegrator, kin: AnyKinetics, batch: Batch) -> tuple[Tensor, Statistics]:
    """`integrator.run`, differentiable by z, s, held and dt of the batch and by the tensors of `kin`.

    kin: the kinetics of the integrator, with their history of derivatives. Raises ConfigError for species in
    quasi-steady state, DivergenceError for a cell that only CVODE can integrate.
    """
    if isinstance(kin, QssKinetics):
        raise ConfigError(
            "integrate: gradients=True and species in quasi-steady state, whose second derivatives are not exact; "
            "allowed: mechanisms without them"
        )
    leaves, spec = _pytree.tree_flatten(with_tolerance(kin, integrator.tolerance.atol))
    places = [i for i, x in enumerate(leaves) if isinstance(x, Tensor) and x.requires_grad]
    task = Task(integrator, leaves, spec, places)
    ends = []
    for start in range(0, batch.z.shape[1], CHUNK):
        part = batch.of(slice(start, start + CHUNK))
        end = Advance.apply(task, start, part.fixed.member, part.z, part.s, part.fixed.held, part.dt, *task.learnt)
        ends.append(integrator.conserved(part, end))
    end = torch.cat(ends, dim=1) if ends else batch.z
    data_range.warn(integrator.gas, "reactor", end[0].detach(), end[1:].detach())
    return end, task.stats


class Task:
    """An integration, and the mechanism's tensors that it is differentiated by."""

    def __init__(
        self, integrator: ReactorIntegrator, leaves: Sequence[object], spec: _pytree.TreeSpec, places: Sequence[int]
    ) -> None:
        self.integrator, self.leaves, self.spec, self.places = integrator, leaves, spec, places
        self.stats = Statistics()

    @property
    def learnt(self) -> list[Tensor]:
        """Those tensors."""
        return [x for i in self.places if isinstance(x := self.leaves[i], Tensor)]

    def kinetics(self) -> tuple[AnyKinetics, list[Tensor]]:
        """Kinetics made of fresh copies of them, for derivatives of their own."""
        own = [x.detach().requires_grad_() for x in self.learnt]
        leaves = list(self.leaves)
        for place, x in zip(self.places, own, strict=True):
            leaves[place] = x
        return _pytree.tree_unflatten(leaves, self.spec), own


class Context(Protocol):
    """What the backward pass gets of the forward one."""

    task: Task
    batch: Batch
    path: adjoint.Path
    moved: Advanced


class Advance(torch.autograd.Function):
    """End states (1 + species, cells) before T is made that of the conserved energy."""

    @staticmethod
    def forward(
        ctx: Context, task: Task, offset: int, member: Tensor | None, z: Tensor, s: Tensor, held: Tensor, dt: Tensor,
        *learnt: Tensor,
    ) -> Tensor:  # fmt: skip
        """Integrates the cells and keeps their steps. Raises DivergenceError for a cell that went to CVODE."""
        z, s, held, dt = (x.detach() for x in (z, s, held, dt))
        batch, path = Batch(z, s, Fixed(held, member), dt), adjoint.Path(z.shape[0])
        moved = task.integrator.advance(batch, offset, path)
        if moved.failed.numel():
            cell = offset + int(moved.failed[0])
            raise DivergenceError(
                f"integrate: cell {cell} went to CVODE, whose steps have no derivatives; "
                "allowed with gradients=True: cells that the Rosenbrock steps can integrate (try another rtol or atol)"
            )
        task.stats = task.stats + moved.stats
        ctx.task, ctx.batch, ctx.path, ctx.moved = task, batch, path, moved
        return moved.z

    @staticmethod
    @once_differentiable
    def backward(ctx: Context, cotangent: Tensor) -> tuple[Tensor | None, ...]:
        """Cotangents of what `forward` was given."""
        with kernels.using("eager"):
            found = _reverse(ctx.task, ctx.batch, ctx.path, ctx.moved.slow, ctx.moved.z, cotangent)
        return (None, None, None, *found)


def _reverse(
    task: Task, batch: Batch, path: adjoint.Path, slow: Tensor, end: Tensor, cotangent: Tensor
) -> list[Tensor]:
    """Cotangents of z, s, held, dt and the mechanism's tensors."""
    integrator = task.integrator
    kin, learnt = task.kinetics()
    z, s, held, dt = (torch.zeros_like(x) for x in (batch.z, batch.s, batch.fixed.held, batch.dt))
    sums = [torch.zeros_like(x) for x in learnt]
    cells = (~slow).nonzero().squeeze(-1)
    if cells.numel():
        part = batch.of(cells)
        got = adjoint.reverse(
            integrator.system, kin, learnt, integrator.method, path.steps(part.dt), part.s, part.fixed,
            cotangent[:, cells],
        )  # fmt: skip
        z[:, cells], s[:, cells], held[cells] = got.z, got.s, got.held
        sums = got.learnt
        dt[cells] = (cotangent[:, cells] * integrator.rates(part._replace(z=end[:, cells]))).sum(0)
    cells = slow.nonzero().squeeze(-1)
    if cells.numel():
        z[:, cells], s[:, cells], held[cells], dt[cells], *more = _through_heun(
            integrator, kin, learnt, batch.of(cells), cotangent[:, cells]
        )
        sums = [x + y for x, y in zip(sums, more, strict=True)]
    return [z, s, held, dt, *sums]


def _through_heun(
    integrator: ReactorIntegrator, kin: AnyKinetics, learnt: list[Tensor], batch: Batch, cotangent: Tensor
) -> tuple[Tensor, ...]:
    """Cotangents through the explicit step of cells whose rates are negligible."""
    with torch.enable_grad():
        inputs = [x.detach().requires_grad_() for x in (batch.z, batch.s, batch.fixed.held, batch.dt)]
        z, s, held, dt = inputs
        fixed, hold = Fixed(held, batch.fixed.member), integrator.system.hold
        f0 = systems.rate(kin, hold, z, s, fixed)
        f1 = systems.rate(kin, hold, z + dt * f0, s, fixed)
        end = z + 0.5 * dt * (f0 + f1)
        return torch.autograd.grad(end, (*inputs, *learnt), cotangent, allow_unused=True, materialize_grads=True)
