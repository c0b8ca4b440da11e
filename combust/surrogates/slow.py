"""Cells whose rates are slow over the step: one step with exact rates and a Jacobian that similar cells share.

Burnt gas relaxes slowly along its manifold, where a network's small bias would add up, and fresh gas hardly reacts; but
both carry radicals that live for less than a step. With (1 - gamma dt J)^-1 of a reference state nearby, two
evaluations of the exact rates suffice: the W-method of Verwer et al., SIAM J. Sci. Comput. 20 (1999) 1456,
doi:10.1137/S1064827597326651. It is of second order whatever J is, keeps elements, and estimates its error.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from combust.kernels import compiled
from combust.kinetics import systems
from combust.kinetics.integrate import Tolerance, blocks, cells_last, take
from combust.kinetics.mechanism import Mechanism
from combust.kinetics.qss import AnyKinetics
from combust.kinetics.systems import Fixed, Hold
from combust.kinetics.thermo import GAS_CONSTANT

GAMMA = 1.0 - 0.5**0.5  # with an exact Jacobian the method is L-stable
TRIED = 10.0  # chemical change over dt, in tolerances, up to which the step is tried
FAINT = 1e-6  # of the tolerance: a change too faint to grow into one that matters
NEARNESS = 300.0  # K that count as much as the peak of a species, in the choice of a reference


class References(NamedTuple):
    """States whose Jacobians are shared: T (references,), Y (species, references)."""

    T: Tensor
    Y: Tensor


def w_step(
    kin: AnyKinetics, hold: Hold, tolerance: tuple[float, float], solve: Tensor, z: Tensor, chemical: Tensor,
    s: Tensor, fixed: Fixed | None, dt: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """z (1 + species, cells) after dt (0-d) with sources s, its error in tolerances, and whether radicals grow in it.

    chemical: dz/dt at z without sources; solve: (1 - gamma dt J)^-1.
    """
    test = Tolerance(*tolerance)
    f0 = chemical + systems.transport_rate(kin.thermo, z, s) if fixed is None else chemical
    k1 = solve @ f0
    f1 = systems.rate(kin, hold, z + dt * k1, s, fixed)
    k2 = solve @ (f1 - 2.0 * k1)
    grows = (f1.abs() > 2.0 * f0.abs()) & (dt * f1.abs() > FAINT * test.scale(z))
    return z + dt * (1.5 * k1 + 0.5 * k2), test.error(z, (0.5 * dt) * (k1 + k2)), grows.any(0)


w_step_kernel = compiled(w_step, dynamic=None)


class SlowStep:
    """The step for one mechanism and system; keeps the matrices of the last pressure and time step."""

    def __init__(
        self, gas: Mechanism, hold: Hold, references: References, peak: Tensor, tolerance: Tolerance, block: int = 2048
    ) -> None:
        """peak (species,): largest mass fractions, the measure of nearness; tolerance: of the error of a step."""
        self.gas, self.hold, self.tolerance, self.block = gas, hold, tolerance, block
        self.references = References(*(x.to(gas.device) for x in references))
        self.scale = torch.cat([peak.new_tensor([NEARNESS]), peak.clamp_min(1e-12)]).to(gas.device).unsqueeze(1)
        self._places = torch.cat([self.references.T.unsqueeze(0), self.references.Y]) / self.scale
        self._known: tuple[tuple[float, float], list[Tensor]] | None = None

    def tries(self, z: Tensor, chemical: Tensor, dt: float) -> Tensor:
        """Cells whose rates are slow enough to try (cells,)."""
        return self.tolerance.error(z, dt * chemical) <= TRIED

    def step(
        self, cells: Tensor, z: Tensor, chemical: Tensor, s: Tensor, p: Tensor, dt: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """New states (1 + species, cells) of some cells of z, their errors in tolerances, and what grows.

        p (all cells,) Pa. Only reactors ("hp", "uv") are told of growth: in a flow rates change sign beside transport.
        """
        dtype, device = z.dtype, z.device
        new, error = torch.empty(z.shape[0], cells.numel(), dtype=dtype, device=device), z.new_empty(cells.numel())
        grows = torch.zeros(cells.numel(), dtype=torch.bool, device=device)
        if not cells.numel():
            return new, error, grows
        solves, near = self._solves(float(p.mean()), dt), self._nearest(take(z, cells))
        step = torch.tensor(dt, dtype=dtype, device=device)
        tolerance = (self.tolerance.rtol, self.tolerance.atol)
        for i, solve in enumerate(solves):
            own = (near == i).nonzero().squeeze(-1)
            for some, count in blocks(own, self.block):
                here = cells[some]
                state, f, source = take(z, here), take(chemical, here), take(s, here)
                fixed = None if self.hold == "flow" else self._fixed(state, p[here])
                cells_last(state, f, source, *(fixed or ()))
                a, b, g = w_step_kernel(
                    self.gas.kinetics, self.hold, tolerance, solve, state, f, source, fixed, step)
                own_count = some[:count]
                new[:, own_count], error[own_count] = a[:, :count], b[:count]
                if self.hold != "flow":
                    grows[own_count] = g[:count]
        return new, error, grows

    def _fixed(self, z: Tensor, p: Tensor) -> Fixed:
        return Fixed(p if self.hold == "hp" else self.gas.density(z[0], p, z[1:]))

    def _nearest(self, z: Tensor) -> Tensor:
        """Row of the nearest reference (cells,)."""
        place = torch.cat([z[:1], z[1:] / z[1:].sum(0)]) / self.scale
        a = self._places
        return ((a * a).sum(0).unsqueeze(1) - 2.0 * (a.T @ place)).argmin(0)

    def _solves(self, p: float, dt: float) -> list[Tensor]:
        """(1 - gamma dt J)^-1 of each reference; p is rounded to 1 %, so that all ranks take the same."""
        p = 10.0 ** (round(math.log10(p) * 230.0) / 230.0)
        if self._known is not None and self._known[0] == (p, dt):
            return self._known[1]
        T, Y = self.references
        rho = p * self.gas.mean_molar_mass(Y) / (GAS_CONSTANT * T)
        z = torch.cat([T.unsqueeze(0), Y * rho if self.hold == "flow" else Y])
        held = torch.full_like(T, p) if self.hold == "hp" else rho
        fixed = None if self.hold == "flow" else Fixed(held)
        J = systems.linearise(self.gas.kinetics, self.hold, z, torch.zeros_like(z), fixed).jacobian
        unit = torch.eye(z.shape[0], dtype=z.dtype, device=z.device)
        solves = list(torch.linalg.inv(unit - GAMMA * dt * J.permute(2, 0, 1)).unbind(0))
        self._known = ((p, dt), solves)
        return solves


def burnt_and_fresh(gas: Mechanism, fuel: str, oxidizer: str, phis: list[float], T: float, p: float) -> References:
    """References of mixtures: fresh gas at T [K] and burnt gas in equilibrium, of each equivalence ratio."""
    solution = gas.cantera()
    found: list[tuple[float, Tensor]] = []
    for phi in phis:
        Y = gas.mixture(fuel, oxidizer, phi).cpu()
        found.append((T, Y))
        solution.TPY = T, p, Y.numpy()
        solution.equilibrate("HP")
        found.append((float(solution.T), torch.tensor(solution.Y.copy())))
    return References(torch.tensor([T for T, _ in found], dtype=torch.float64), torch.stack([Y for _, Y in found], 1))
