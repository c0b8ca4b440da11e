"""Smagorinsky's closure with the constant that the past of each piece of gas asks for: the dynamic one of Lagrange.

C = I_LM/I_MM, averages of L:M and M:M (`dynamic_smagorinsky`, over the square of the density) along paths of the gas:

    dI/dt + u.grad I = (L:M - I)/T,   T = 1.5 D (I_LM I_MM)^(-1/8)

Both are carried with the gas by its own bounded fluxes, in place of the paper's interpolation, and not diffused; what
relaxes them is implicit. A negative L:M takes from I_LM in proportion to it, so that it comes near zero and not below:
the paper's is cut off there. Where C is under LEAST that does not go on, since T would grow without bounds. For the
same reason T is at most SHARE^(-1/8) = 32 times what it were of the present M:M and C = START: where the gas has met no
strain, as one that starts at rest or flows in evenly, averages are zero, and would stay so.

Meneveau, Lund, Cabot, J. Fluid Mech. 319 (1996) 353. doi:10.1017/S0022112096007379
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from combust.cfd.closures.algebraic import Rows
from combust.cfd.closures.averages import domain_sums
from combust.cfd.closures.base import EddyFields, Showing
from combust.cfd.closures.carried import Balance, Carrying, Quantity
from combust.cfd.closures.dynamic_smagorinsky import contractions_of, eddies
from combust.cfd.closures.names import Filter
from combust.cfd.closures.view import View
from combust.kernels import compiled

START = 0.16**2  # C at the start, as in the paper
LEAST = 1e-6  # C under which eddies count as none
SHARE = 1e-12  # of I_LM I_MM for the present M:M, which averages relax by at least
TINY = 1e-300


def balance(values: Tensor, products: Tensor, rho: Tensor, width: Tensor) -> tuple[Tensor, Tensor]:
    """Production and destruction of (I_LM, I_MM) [m4/s4], (2, ...) each, from (L:M, M:M) of stresses [kg/m/s2]."""
    lm, mm = products / (rho * rho)
    past = torch.maximum(values[0] * values[1], SHARE * START * mm * mm)
    per_time = past**0.125 / (1.5 * width)
    least = LEAST * torch.maximum(values[1], SHARE**0.5 * mm)
    taken = (-lm).clamp_min(0.0) / torch.maximum(values[0], least).clamp_min(TINY)
    return (
        per_time * torch.stack([lm.clamp_min(0.0), mm]),
        per_time * torch.stack([1.0 + taken, torch.ones_like(taken)]),
    )


def square(averages: Tensor) -> Tensor:
    """C, the square of Smagorinsky's constant, of (I_LM, I_MM)."""
    lm, mm = averages
    return torch.where(mm > 0, lm / mm.clamp_min(TINY), 0.0)


def eddies_of(averages: Tensor, strain: Tensor, width: Tensor, prandtl: float, schmidt: float) -> Rows:
    """`eddies` of these averages."""
    return eddies(square(averages), strain, width, prandtl, schmidt)


balance_kernel = compiled(balance)
eddies_kernel = compiled(eddies_of)


@dataclass(frozen=True)
class LagrangianSmagorinsky(Carrying, Showing):
    """prandtl, schmidt : turbulent numbers;  filter : whose width D is."""

    prandtl: float = 0.7
    schmidt: float = 0.7
    filter: Filter = "volume"

    quantities = (Quantity("I_LM", molecular=False), Quantity("I_MM", molecular=False))

    def start(self, view: View) -> Tensor:
        """Of C = START everywhere."""
        over = contractions_of(view, self.filter).products[1] / (view.rho * view.rho)
        return torch.stack([START * over, over])

    def balance(self, view: View, values: Tensor) -> Balance:
        """Of the kernel."""
        of = contractions_of(view, self.filter)
        found = balance_kernel(values, of.products, view.rho, of.width)
        return Balance(*found, None)

    def update(self, view: View) -> EddyFields:
        """The eddies of the averages of `view`."""
        of = contractions_of(view, self.filter)
        found = eddies_kernel(self._averages(view), of.strain, of.width, self.prandtl, self.schmidt)
        return EddyFields(*found, width=of.width)

    def square(self, view: View) -> Tensor:
        """C, the square of Smagorinsky's constant, (nz, ny, nx)."""
        return square(self._averages(view))

    @staticmethod
    def _averages(view: View) -> Tensor:
        assert view.carried is not None
        return view.inner(view.carried)

    def limited(self, view: View) -> float:
        """The share of the volume where C is under LEAST."""
        none = (self.square(view) < LEAST).to(torch.float64)
        shares = domain_sums(view, torch.stack([none, torch.ones_like(none)]))
        return float(shares[0] / shares[1])

    @property
    def fields(self) -> Mapping[str, Callable[[View], Tensor]]:
        """The square of the constant, beside the averages, which are carried."""
        return {"smagorinsky_square": self.square}

    @property
    def columns(self) -> Mapping[str, Callable[[View], float]]:
        """Where there are next to no eddies."""
        return {"eddies_limited": self.limited}
