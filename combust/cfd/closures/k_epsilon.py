"""All eddies by two equations, of their kinetic energy k and its dissipation epsilon: the standard model of averages.

nu_t = C_mu k^2/eps;  with P = nu_t 2 S:S - 2/3 k div u, S the deviatoric rate of strain,
dk/dt + u.grad k = P - eps + div((nu + nu_t/s_k) grad k),
deps/dt + u.grad eps = eps/k (C_1 P - C_2 eps) + div((nu + nu_t/s_e) grad eps).
Launder & Spalding, Comput. Methods Appl. Mech. Eng. 3 (1974) 269. doi:10.1016/0045-7825(74)90029-2
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from combust.cfd.boundaries.conditions import Wall, conditions_of
from combust.cfd.closures.base import EddyFields
from combust.cfd.closures.carried import Balance, Carrying, Quantity
from combust.cfd.closures.strain import dilatation, largest_speed, squared_strain
from combust.cfd.closures.view import Domain, View
from combust.cfd.mesh.grid import NAMES
from combust.errors import ConfigError
from combust.kernels import compiled
from combust.settings.eddies import Eddies

TINY = 1e-300
INTENSITY, LENGTH = 0.05, 0.07  # of a start that says nothing: u' over the largest speed, length over the least extent


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

    initial : eddies at the start; None: those of INTENSITY and LENGTH
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
    quantities = (Quantity("k_t", "k"), Quantity("epsilon_t", "epsilon"))

    def require(self, domain: Domain) -> None:
        """Raises ConfigError for a wall with friction: the model holds where viscosity does not count."""
        for axis, sides in enumerate(domain.boundaries):
            for end, side in zip(("low", "high"), sides, strict=True):
                if any(isinstance(c, Wall) and not c.slip for c in conditions_of(side)):
                    raise ConfigError(
                        f'boundary.{NAMES[axis]}_{end}: turbulence.kind = "k-epsilon" has nothing to say at a wall '
                        "with friction: use slip = true, or another kind"
                    )

    def start(self, view: View) -> Tensor:
        """Of `initial`, the same everywhere."""
        speed, given = largest_speed(view), self.initial
        if given is None:
            faces = view.grid.faces
            given = Eddies(
                intensity=INTENSITY,
                length=LENGTH * min(float(faces[a][-1] - faces[a][0]) for a in view.grid.layout.axes),
            )
        rows = [float(given.value(name, speed, "turbulence.initial")) for name in ("k", "epsilon")]
        if not all(row > 0 and math.isfinite(row) for row in rows):
            raise ConfigError("turbulence.initial: nothing moves at the start: give k, and length or epsilon")
        shape = (2, *view.grid.layout.n)
        return (
            torch.tensor(rows, dtype=torch.float64, device=view.grid.device).reshape(2, 1, 1, 1).expand(shape).clone()
        )

    def update(self, view: View) -> EddyFields:
        """The eddies of the k and epsilon of `view`."""
        assert view.carried is not None
        k, epsilon = view.inner(view.carried)
        nu = viscosity(k, epsilon, self.c_mu)
        return EddyFields(nu, nu / self.prandtl, nu / self.schmidt, k, epsilon)

    def balance(self, view: View, values: Tensor) -> Balance:
        """Of the kernel."""
        constants = self.c_mu, self.c_1, self.c_2, self.sigma_k, self.sigma_epsilon
        return Balance(*balance_kernel(values, view.gradients, *constants))
