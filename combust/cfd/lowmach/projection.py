"""Velocities with the divergence that the equation of state asks for, and the pressures that give it to them."""

from __future__ import annotations

import torch
from torch import Tensor

from combust.cfd.boundaries import outflow
from combust.cfd.lowmach.discretisation import Discretisation
from combust.cfd.lowmach.state import State
from combust.cfd.mesh.grid import Faces, along
from combust.cfd.operators import momentum
from combust.cfd.pressure.base import PressureSolver


class Projection:
    """Projects velocities; `iterations` are those of the pressure solves of the step at hand."""

    def __init__(self, on: Discretisation, solver: PressureSolver):
        self.on, self.solver = on, solver
        self.iterations: list[int] = []

    def advection_velocity(self, s: State, u: Faces, q: Tensor, target: Tensor) -> tuple[Faces, float]:
        """The velocity u, at n+1/2, with the divergence that the equation of state asks for, and dp0/dt of a closed
        box. Its ghosts are not yet those of the new velocity: advection of second order needs none.
        """
        on = self.on
        with on.timers.phase("pressure"):
            target, dp0 = self.compatible(target, q, s.p0, u)
            self.let_out(u, target)
            rhs = momentum.velocity_divergence(u, on.layout, on.metrics) - target
            phi = on.filler.pressure(self.solver.solve_constant(rhs))
            u = self.minus_gradient(u, phi, None)
            if on.layout.fourth:
                on.filler.neighbours(u)
            return u, dp0

    def compatible(self, S: Tensor, q: Tensor, p0: Tensor, u: Faces) -> tuple[Tensor, float]:
        """S - theta dp0/dt; in a closed box dp0/dt makes its integral equal the flow through the boundaries."""
        on = self.on
        if not on.closed:
            return S, 0.0
        theta = on.compressibility(q, p0)
        V = on.grid.volume
        parts = torch.stack([(S * V).sum() - on.filler.outflow(u), (theta * V).sum()])
        total, denominator = on.comm.sum(*parts.tolist())
        dp0 = total / denominator
        return S - theta * dp0, dp0

    def let_out(self, u: Faces, target: Tensor) -> None:
        """Makes convective outflows of padded u, in place, carry what flows in and expands, if nothing else would."""
        on = self.on
        if on.lets_out:
            kept = float((target * on.grid.volume).sum() - on.filler.outflow(u))
            outflow.let_out(u, on.comm.sum(kept)[0], on.filler)

    def minus_gradient(self, u: Faces, p: Tensor, beta: Faces | None) -> Faces:
        """u - beta grad p on the block's faces, padded with the ghosts of u."""
        layout = self.on.layout
        result: list[Tensor | None] = [None] * 3
        for a in layout.axes:
            ua, metric = u[a], self.on.metrics[a]
            assert ua is not None and metric is not None
            step = momentum.gradient(p, layout, self.on.metrics, a)
            if beta is not None:
                step = step * beta[a]  # type: ignore[operator]
            ua = ua.clone()
            along(ua, layout, a, 0, 1).sub_(step)
            result[a] = ua
        return tuple(result)

    def project(self, u: Faces, p: Tensor, beta: Faces, new: State) -> tuple[Faces, Tensor]:
        """u, ghosts set, with the divergence of `new`, and the pressure p + dp that gives it."""
        on = self.on
        with on.timers.phase("pressure"):
            target, _ = self.compatible(new.S, new.q, new.p0, u)
            self.let_out(u, target)
            rhs = momentum.velocity_divergence(u, on.layout, on.metrics) - target
            terms = momentum.velocity_moduli(u, on.layout, on.metrics) + new.S.abs() + target.abs()
            solution = self.solver.solve(beta, rhs, terms=terms)  # type: ignore[arg-type]
            self.iterations.append(solution.iterations)
            dp = on.filler.pressure(solution.p)
            return on.filler.velocity(self.minus_gradient(u, dp, beta)), p + dp
