"""All eddies by two equations, of their kinetic energy k and frequency omega, down to walls: shear-stress transport.

nu_t = a_1 k/max(a_1 omega, F_2 sqrt(2 S:S));  with P = min(nu_t 2 S:S, 10 b* k omega) - 2/3 k div u,
dk/dt + u.grad k = P - b* k omega + div((nu + s_k nu_t) grad k),
domega/dt + u.grad omega = g 2 S:S - b omega^2 + 2 (1 - F_1) s_2 grad k.grad omega/omega + div((nu + s_w nu_t) grad w).
Menter, Kuntz, Langtry, Turbulence, Heat and Mass Transfer 4 (2003) 625, after Menter, AIAA J. 32 (1994) 1598,
doi:10.2514/3.12149. Where there is no wall with friction, distances are infinite, and F_1 = F_2 = 0.

At walls k = 0; first cells may lie anywhere up to the logarithmic layer (`sst_walls`). If walls are "resolved" they
lie below y+ = 1: in the viscous sublayer omega is its exact solution there, 6 nu/(b_1 y^2), since differences between
neighbours do not follow y^-2: held in the first cell alone, the bulk velocity of a channel would be up to 3 % off.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from combust.cfd.closures import averaged, sst_walls, wall_functions
from combust.cfd.closures.base import EddyFields
from combust.cfd.closures.carried import Balance, Carrying, Quantity
from combust.cfd.closures.view import View
from combust.cfd.operators.strain import dilatation, squared_strain
from combust.kernels import compiled
from combust.settings.eddies import Eddies

A_1, STAR = 0.31, 0.09
SIGMA_K, SIGMA_OMEGA, BETA, GAMMA = (0.85, 1.0), (0.5, 0.856), (0.075, 0.0828), (5.0 / 9.0, 0.44)  # inner, outer
LIMIT = 10.0  # production over dissipation of k at most
LEAST_CROSS = 1e-10  # of the cross-diffusion in F_1 [1/s2]
SUBLAYER = 3.0  # y+ up to which omega is that of the viscous sublayer; there y (2 S:S)^(1/4)/nu^(1/2) is y+
TINY = 1e-300


def viscosity(f: Tensor, square: Tensor, nu: Tensor, distance: Tensor) -> Tensor:
    """nu_t [m2/s] of (k, omega), 2 S:S [1/s2], the gas's nu and the distance from walls [m]."""
    k, omega = f[0], f[1].clamp_min(TINY)
    wall = torch.maximum(2.0 * k.sqrt() / (STAR * omega * distance), 500.0 * nu / (distance * distance * omega))
    return A_1 * k / torch.maximum(A_1 * omega, square.sqrt() * torch.tanh(wall * wall))


def strains(gradients: Tensor) -> tuple[Tensor, Tensor]:
    """2 S:S [1/s2] and div u [1/s] of velocity gradients."""
    return squared_strain(gradients), dilatation(gradients)


def balance(
    f: Tensor, square: Tensor, dilated: Tensor, slopes: Tensor, nu: Tensor, distance: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Production, destruction and diffusivity of (k, omega), (2, ...) each.

    square, dilated : see `strains`;  slopes : (2, 3, ...) grad k and grad omega
    """
    k, omega = f[0], f[1].clamp_min(TINY)
    div = (2.0 / 3.0) * dilated
    squeezed, widened = (-div).clamp_min(0.0), div.clamp_min(0.0)
    cross = 2.0 * SIGMA_OMEGA[1] * (slopes[0] * slopes[1]).sum(0) / omega
    area = distance * distance
    first = torch.maximum(k.sqrt() / (STAR * omega * distance), 500.0 * nu / (area * omega))
    first = torch.minimum(first, 4.0 * SIGMA_OMEGA[1] * k / (cross.clamp_min(LEAST_CROSS) * area))
    F1 = torch.tanh(first**4)

    def blend(inner_outer: tuple[float, float]) -> Tensor:
        return inner_outer[1] + F1 * (inner_outer[0] - inner_outer[1])

    nu_t = viscosity(f, square, nu, distance)
    gamma, more = blend(GAMMA), (1.0 - F1) * cross
    of_k = torch.minimum(nu_t * square, LIMIT * STAR * k * omega) + squeezed * k
    of_omega = gamma * (square + squeezed * omega) + more.clamp_min(0.0)
    loss = blend(BETA) * omega + gamma * widened + (-more).clamp_min(0.0) / omega
    production, destruction = torch.stack([of_k, of_omega]), torch.stack([STAR * omega + widened, loss])
    return production, destruction, torch.stack([blend(SIGMA_K) * nu_t, blend(SIGMA_OMEGA) * nu_t])


def sublayer(omega: Tensor, square: Tensor, nu: Tensor, distance: Tensor, beside: Tensor) -> Tensor:
    """omega in the cells of the viscous sublayer, NaN elsewhere;  beside : 1 in cells at a wall, else 0"""
    viscous = 6.0 * nu / (BETA[0] * (distance * distance))
    within = (distance * square**0.25 < SUBLAYER * nu.sqrt()) & (2.0 * viscous > omega.clamp_min(TINY))
    return torch.where((beside > 0) | within, viscous, torch.nan)


viscosity_kernel, balance_kernel = compiled(viscosity), compiled(balance)
strains_kernel, sublayer_kernel, taken_out_kernel = compiled(strains), compiled(sublayer), compiled(sst_walls.taken_out)


@dataclass(frozen=True)
class KOmegaSST(Carrying):
    """prandtl, schmidt : turbulent numbers;  initial : eddies at the start; None: those of `averaged`

    resolved : whether first cells lie in the viscous sublayer, so that walls need no laws
    """

    prandtl: float = 0.7
    schmidt: float = 0.7
    initial: Eddies | None = None
    resolved: bool = True

    averaged = True
    quantities = (Quantity("k_t", "k"), Quantity("omega_t", "omega"))

    @property
    def y_plus(self) -> tuple[float, float]:
        """That the first cells at walls may have."""
        return (0.0, SUBLAYER if self.resolved else math.inf)

    def start(self, view: View) -> Tensor:
        """Of `initial`, with omega of the viscous sublayer on top, so that walls do not start with large eddies."""
        found, distance = averaged.start(view, self.initial, ("k", "omega")), view.wall_distance
        found[1] += 6.0 * view.kinematic_viscosity / (BETA[0] * distance * distance)
        return found

    def at_walls(self, view: View) -> Tensor:
        """k is zero; omega is that of the cell beside."""
        return torch.tensor([0.0, torch.nan], dtype=torch.float64, device=view.grid.device).reshape(2, 1, 1, 1)

    def update(self, view: View) -> EddyFields:
        """The eddies of the k and omega of `view`, those at walls by laws, if these are not resolved."""
        assert view.carried is not None
        f = view.inner(view.carried)
        square, _ = self._strains(view)
        wall = None
        if view.bounded and not self.resolved:
            said = self._said(view, f)
            square = self._beside(square, view, [one.square for one in said])
            wall = {near.key: one.eddies for near, one in zip(view.walls, said, strict=True)}
        nu = viscosity_kernel(f, square, view.kinematic_viscosity, view.wall_distance)
        return EddyFields(nu, nu / self.prandtl, nu / self.schmidt, f[0], STAR * f[0] * f[1], wall)

    def balance(self, view: View, values: Tensor) -> Balance:
        """Of the kernels; in cells beside walls what laws say of omega, or that of the viscous sublayer."""
        square, dilated = self._strains(view)
        nu, distance, omega = view.kinematic_viscosity, view.wall_distance, None
        if view.bounded and self.resolved:
            beside = self._beside(torch.zeros_like(square), view, [torch.ones_like(w.speed) for w in view.walls])
            omega = sublayer_kernel(values[1], square, nu, distance, beside)
        elif view.bounded:
            said = self._said(view, values)
            square = self._beside(square, view, [one.square for one in said])
            omega = self._beside(torch.full_like(square, torch.nan), view, [one.omega for one in said])
        found = Balance(*balance_kernel(values, square, dilated, view.carried_gradients, nu, distance))
        if omega is None:
            return found
        if not self.resolved:
            more = taken_out_kernel(values[1].clamp_min(TINY), nu, distance, view.domain.inverse_square_excess)
            found.destruction[1].add_(more)
        return found._replace(fixed=torch.stack([torch.full_like(omega, torch.nan), omega]))

    def _strains(self, view: View) -> tuple[Tensor, Tensor]:
        return view.once((KOmegaSST, "strains"), lambda: strains_kernel(view.gradients))

    def _said(self, view: View, f: Tensor) -> list[sst_walls.Said]:
        """By each of the view's walls, of (k, omega) in the owned cells."""
        k, omega = f[0], f[1].clamp_min(TINY)
        return [sst_walls.law(near, near.cells(k), near.cells(omega), self.prandtl) for near in view.walls]

    @staticmethod
    def _beside(field: Tensor, view: View, planes: list[Tensor]) -> Tensor:
        """The field with what these planes say in cells beside the view's walls."""
        found = field.clone()
        wall_functions.set_in(found, view.walls, planes)
        return found
