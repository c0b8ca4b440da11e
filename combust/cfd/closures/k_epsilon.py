"""All eddies by two equations, of their kinetic energy k and its dissipation epsilon: the standard model of averages.

nu_t = C_mu k^2/eps;  with P = nu_t 2 S:S - 2/3 k div u, S the deviatoric rate of strain,
dk/dt + u.grad k = P - eps + div((nu + nu_t/s_k) grad k),
deps/dt + u.grad eps = eps/k (C_1 P - C_2 eps) + div((nu + nu_t/s_e) grad eps); wall functions at walls with friction.
Launder & Spalding, Comput. Methods Appl. Mech. Eng. 3 (1974) 269. doi:10.1016/0045-7825(74)90029-2
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from combust.cfd.closures import averaged, wall_functions
from combust.cfd.closures.base import EddyFields
from combust.cfd.closures.carried import Balance, Carrying, Quantity
from combust.cfd.closures.near_walls import sides_with_friction
from combust.cfd.closures.view import Domain, View
from combust.cfd.mesh.grid import NAMES
from combust.cfd.operators.strain import dilatation, squared_strain
from combust.errors import ConfigError
from combust.kernels import compiled
from combust.settings.eddies import Eddies

TINY = 1e-300
ALLOWED = 0.04  # between kappa of the model and that of the law of the wall


def viscosity(k: Tensor, epsilon: Tensor, c_mu: float) -> Tensor:
    """nu_t [m2/s], zero where there is no k."""
    return torch.where(k > 0, c_mu * k * k / epsilon.clamp_min(TINY), 0.0)


def balance(
    f: Tensor, gradients: Tensor, c_mu: float, c_1: float, c_2: float, sigma_k: float, sigma_epsilon: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Production, destruction and diffusivity of (k, epsilon), (2, ...) each."""
    k, epsilon = f
    nu, rate = viscosity(k, epsilon, c_mu), epsilon / k.clamp_min(TINY)
    square, div = squared_strain(gradients), (2.0 / 3.0) * dilatation(gradients)
    squeezed, widened = (-div).clamp_min(0.0), div.clamp_min(0.0)
    # c_1 (eps/k) nu_t 2 S:S = c_1 c_mu k 2 S:S
    production = torch.stack([nu * square + squeezed * k, c_1 * (c_mu * k * square + squeezed * epsilon)])
    destruction = torch.stack([rate + widened, c_2 * rate + c_1 * widened])
    return production, destruction, torch.stack([nu / sigma_k, nu / sigma_epsilon])


balance_kernel = compiled(balance)


@dataclass(frozen=True)
class KEpsilon(Carrying):
    """c_mu, c_1, c_2, sigma_k, sigma_epsilon : the model's constants;  prandtl, schmidt : turbulent numbers

    initial : eddies at the start; None: those of averaged.INTENSITY and LENGTH
    """

    c_mu: float = 0.09
    c_1: float = 1.44
    c_2: float = 1.92
    sigma_k: float = 1.0
    sigma_epsilon: float = 1.3
    prandtl: float = 0.7
    schmidt: float = 0.7
    initial: Eddies | None = None

    averaged = True
    y_plus = (wall_functions.MEETS, math.inf)  # that the first cells at walls may have
    quantities = (Quantity("k_t", "k"), Quantity("epsilon_t", "epsilon"))

    @property
    def kappa(self) -> float:
        """That of the logarithmic layer, where production is dissipation, by the model's constants."""
        return math.sqrt(max(self.sigma_epsilon * self.c_mu**0.5 * (self.c_2 - self.c_1), 0.0))

    def require(self, domain: Domain) -> None:
        """Raises ConfigError for constants that do not go with the law of the wall, where walls have friction."""
        if sides_with_friction(domain.boundaries) and abs(self.kappa - wall_functions.KAPPA) > ALLOWED:
            axis, end = sides_with_friction(domain.boundaries)[0]
            raise ConfigError(
                f"boundary.{NAMES[axis]}_{('low', 'high')[end]}: a wall with friction, where turbulence.kind = "
                f'"k-epsilon" with c_1 = {self.c_1:g} has a logarithmic layer of kappa = {self.kappa:.3g}, and laws of '
                f"the wall have {wall_functions.KAPPA}: round_jet is for jets alone; use c_1 = 1.44, or slip = true"
            )

    def start(self, view: View) -> Tensor:
        """Of `initial`, at walls with friction no longer than the law of the wall has it: 0.41 times the distance."""
        found = averaged.start(view, self.initial, ("k", "epsilon"))
        least = self.c_mu**0.75 * found[0] ** 1.5 / (wall_functions.KAPPA * view.wall_distance)
        found[1] = torch.maximum(found[1], least)
        return found

    def update(self, view: View) -> EddyFields:
        """The eddies of the k and epsilon of `view`, those at walls by wall functions."""
        assert view.carried is not None
        k, epsilon = view.inner(view.carried)
        nu = viscosity(k, epsilon, self.c_mu)
        said = self._said(view, k)
        wall = {near.key: one.eddies for near, one in zip(view.walls, said, strict=True)} if view.bounded else None
        return EddyFields(nu, nu / self.prandtl, nu / self.schmidt, k, epsilon, wall)

    def balance(self, view: View, values: Tensor) -> Balance:
        """Of the kernel; in cells beside walls what wall functions say, epsilon held at it."""
        constants = self.c_mu, self.c_1, self.c_2, self.sigma_k, self.sigma_epsilon
        production, destruction, diffusivity = balance_kernel(values, view.gradients, *constants)
        if not view.bounded:
            return Balance(production, destruction, diffusivity)
        said, epsilon = self._said(view, values[0]), torch.full_like(values[1], torch.nan)
        wall_functions.set_in(production[0], view.walls, [one.production for one in said])
        wall_functions.set_in(epsilon, view.walls, [one.epsilon for one in said])
        lost = epsilon / values[0].clamp_min(TINY)
        destruction[0] = torch.where(torch.isnan(epsilon), destruction[0], lost)
        return Balance(
            production, destruction, diffusivity, torch.stack([torch.full_like(epsilon, torch.nan), epsilon])
        )

    def _said(self, view: View, k: Tensor) -> list[wall_functions.Said]:
        """By each of the view's walls, of k in the owned cells."""
        return [wall_functions.law(near, near.cells(k), self.prandtl, self.c_mu) for near in view.walls]
