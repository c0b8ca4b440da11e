"""Large eddies with an equation for the kinetic energy k of those below the grid.

nu_t = C_k D sqrt(k);  dk/dt + u.grad k = nu_t 2 S:S - 2/3 k div u - C_e k^(3/2)/D + div((nu + nu_t) grad k), D the
filter width and S the deviatoric rate of strain. Where production is dissipation it is Smagorinsky's model, of constant
C_s^2 = C_k sqrt(C_k/C_e). Yoshizawa & Horiuti, J. Phys. Soc. Jpn. 54 (1985) 2834. doi:10.1143/JPSJ.54.2834
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from combust.cfd.closures.base import EddyFields
from combust.cfd.closures.carried import Balance, Carrying, Quantity
from combust.cfd.closures.names import Filter
from combust.cfd.closures.speed import largest_speed
from combust.cfd.closures.view import View
from combust.cfd.operators.strain import dilatation, squared_strain
from combust.errors import ConfigError
from combust.kernels import compiled
from combust.settings.eddies import Eddies

LEAST = 1e-8  # of the square of the largest speed: k of a start where nothing shears


def balance(k: Tensor, gradients: Tensor, width: Tensor, c_k: float, c_e: float) -> tuple[Tensor, Tensor, Tensor]:
    """Production [m2/s3], destruction [1/s] and diffusivity [m2/s] of k [m2/s2]."""
    root, div = k.sqrt(), dilatation(gradients) * (2.0 / 3.0)
    nu = c_k * width * root
    production = nu * squared_strain(gradients) + (-div).clamp_min(0.0) * k
    return production, c_e * root / width + div.clamp_min(0.0), nu


def eddies(
    k: Tensor, width: Tensor, numbers: tuple[float, float, float, float]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """nu_t, alpha_t and D_t [m2/s], epsilon [m2/s3] of k [m2/s2]; numbers : C_k, C_e, turbulent Prandtl and Schmidt."""
    (c_k, c_e, prandtl, schmidt), root = numbers, k.sqrt()
    nu = c_k * width * root
    return nu, nu / prandtl, nu / schmidt, c_e * k * root / width


balance_kernel = compiled(balance)
eddies_kernel = compiled(eddies)


@dataclass(frozen=True)
class KEquation(Carrying):
    """c_k, c_e : constants of viscosity and dissipation;  prandtl, schmidt : turbulent numbers

    initial : eddies at the start; None: those whose production is their dissipation;  filter : whose width it takes
    """

    c_k: float = 0.094
    c_e: float = 1.048
    prandtl: float = 0.7
    schmidt: float = 0.7
    initial: Eddies | None = None
    filter: Filter = "volume"

    quantities = (Quantity("k_t", "k"),)

    def start(self, view: View) -> Tensor:
        """Of `initial`, else in equilibrium with the strain. Raises ConfigError for an intensity of no motion."""
        speed = largest_speed(view)
        if self.initial is not None:
            given = float(self.initial.value("k", speed, "turbulence.initial"))
            if not given > 0:
                raise ConfigError(
                    "turbulence.initial: nothing moves at the start, so that an intensity makes no eddies: give k"
                )
            return torch.full((1, *view.grid.layout.n), given, dtype=torch.float64, device=view.grid.device)
        k = (self.c_k / self.c_e) * view.width(self.filter) ** 2 * squared_strain(view.gradients)
        return k.clamp_min(LEAST * speed * speed)[None]

    def at_walls(self, view: View) -> Tensor:
        """None: no motion."""
        return torch.zeros(1, 1, 1, 1, dtype=torch.float64, device=view.grid.device)

    def update(self, view: View) -> EddyFields:
        """The eddies of the k of `view`."""
        assert view.carried is not None
        k, width = view.inner(view.carried)[0], view.width(self.filter)
        nu, heat, species, epsilon = eddies_kernel(k, width, (self.c_k, self.c_e, self.prandtl, self.schmidt))
        return EddyFields(nu, heat, species, k, epsilon, width=width)

    def balance(self, view: View, values: Tensor) -> Balance:
        """Of the kernel."""
        found = balance_kernel(values[0], view.gradients, view.width(self.filter), self.c_k, self.c_e)
        return Balance(*(f[None] for f in found))
