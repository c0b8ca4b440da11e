"""Where the kinetic energy of a low-Mach flow goes in a step: what gas, eddies and the scheme itself take of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from torch import Tensor

from combust.cfd.boundaries.conditions import Inflow, Sides, conditions_of
from combust.cfd.diagnostics import motion
from combust.cfd.lowmach.lowmach import LowMach
from combust.cfd.lowmach.state import Acted, State
from combust.cfd.mesh.grid import Faces, Grid, along
from combust.cfd.operators import momentum
from combust.cfd.operators.stencils import pair_sum
from combust.errors import ConfigError
from combust.settings.names import AT_REST


class Flowing(Protocol):
    """What of a flow this is made of."""

    scheme: LowMach
    current: State


class Densities(NamedTuple):
    """At faces 0..n of an axis, at n and n+1 [kg/m3]."""

    before: Tensor
    now: Tensor

    @property
    def mean(self) -> Tensor:
        return 0.5 * (self.before + self.now)


class KineticBudget:
    """Asked by name, at any time of a flow; all are collective.

    The energy is that of the velocities on faces, rho u^2/2 over their momentum volumes, which convection by mean
    velocities keeps whatever the density is (combust.cfd.operators.momentum).
    """

    def __init__(self, flow: Flowing):
        self.flow, self.scheme = flow, flow.scheme

    def quantities(self) -> dict[str, Callable[[], float]]:
        """By name [W]."""
        return {"resolved_dissipation": self.resolved, "numerical_dissipation": self.numerical}

    def resolved(self) -> float:
        """What the viscosity of the gas takes now."""
        c = self.flow.current.coefficients
        assert c is not None
        return self.scheme.comm.sum(self._viscous(self.flow.current.u, c.viscosity))[0]

    def numerical(self) -> float:
        """What is missing of the kinetic energy after the last step, by the time of the step: what neither viscosity
        took nor pressure, gravity and sources put in. NaN before the first step, after a restart too. Raises
        ConfigError where energy enters or leaves by the sides.
        """
        scheme, s = self.scheme, self.flow.current
        require_at_rest(scheme.grid, scheme.problem.boundaries)
        if s.acted is None:
            return math.nan
        gain, work = 0.0, 0.0
        mean: list[Tensor | None] = [None, None, None]
        for a in scheme.layout.axes:
            rho = Densities(*(momentum.face_density(r, scheme.layout, scheme.metrics, a) for r in s.acted.rho))
            before, now = s.u_before[a], s.u[a]
            assert before is not None and now is not None
            mean[a] = 0.5 * (before + now)
            u0, u1, u = (along(f, scheme.layout, a, 0, 1) for f in (before, now, mean[a]))  # type: ignore[arg-type]
            gain += self._integral(0.5 * (rho.now * u1**2 - rho.before * u0**2), a)
            work += self._integral(u * self._force(a, rho.mean, s, s.acted), a)
        assert s.coefficients is not None and s.coefficients_before is not None
        mu = 0.5 * (s.coefficients.viscosity + s.coefficients_before.viscosity)
        taken = self._viscous(tuple(mean), mu if s.acted.eddies is None else mu + s.acted.eddies)
        gain, work, taken = scheme.comm.sum(gain, work, taken)
        return work - taken - gain / s.dt_before

    def _viscous(self, u: Faces, viscosity: Tensor) -> float:
        """Of this rank [W]; both padded."""
        found = motion.viscous_dissipation(u, viscosity, self.scheme.layout, self.scheme.metrics)
        return float((found * self.scheme.grid.volume).sum())

    def _integral(self, f: Tensor, axis: int) -> float:
        """Of values on faces 0..n over the momentum volumes, which are halves of the cells beside; of this rank."""
        return float((0.5 * pair_sum(f, axis) * self.scheme.grid.volume).sum())

    def _force(self, axis: int, rho: Tensor, s: State, acted: Acted) -> Tensor:
        """By pressure, gravity and sources in the last step [N/m3], on faces; rho : there."""
        scheme, given = self.scheme, acted.given
        force = scheme.problem.gravity[axis] * (rho - acted.reference)
        force = force - momentum.gradient(s.p, scheme.layout, scheme.metrics, axis)
        force = given.force(force, rho, axis)
        if given.bulk[axis] is not None and s.drive is not None:  # what was given at the end, beside that of `given`
            force = force + s.drive[axis] - (0.0 if acted.drive is None else acted.drive[axis])
        return force


def require_at_rest(grid: Grid, boundaries: tuple[Sides, Sides, Sides]) -> None:
    """Raises ConfigError unless no energy passes the sides: periodic ones, mirrors, walls at rest; no axis."""
    sides = [c for a in grid.layout.axes for side in boundaries[a] for c in conditions_of(side)]
    if grid.axisymmetric or any(c.opens or isinstance(c, Inflow) or moves(c.velocity) for c in sides):
        raise ConfigError(f'"numerical_dissipation" needs {AT_REST}')


def moves(velocity: Sequence[object]) -> bool:
    """Whether anything of it is not zero."""
    return any(callable(v) or v != 0.0 for v in velocity)
