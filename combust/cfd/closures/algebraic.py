"""Eddy viscosities that are functions of the velocity gradient and the width of a cell.

Each has a file of its own, with its kernel and a class derived from `Algebraic`. Energy and dissipation of its eddies
are those that would give its viscosity by the relations of the one-equation closure,

    nu_t = C_k D k^(1/2),   epsilon = C_e k^(3/2) / D

Yoshizawa, Horiuti, J. Phys. Soc. Jpn. 54 (1985) 2834. doi:10.1143/JPSJ.54.2834
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor

from combust.cfd.closures.base import EddyFields
from combust.cfd.closures.names import Filter
from combust.cfd.closures.view import View
from combust.kernels import compiled

Rows = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
C_K, C_E = 0.094, 1.048


@dataclass(frozen=True)
class Algebraic(ABC):
    """constant : the model's;  prandtl, schmidt : turbulent numbers;  filter : whose width it takes."""

    constant: float
    prandtl: float
    schmidt: float
    filter: Filter = "volume"

    @abstractmethod
    def viscosity(self, gradients: Tensor, width: Tensor) -> Tensor:
        """nu_t [m2/s] of gradients (3, 3, ...) du_i/dx_j [1/s] and the filter width (...) [m]."""

    def length(self, view: View, width: Tensor) -> Tensor:
        """What the model takes for the filter width: that width, but for closures that know better."""
        return width

    def update(self, view: View) -> EddyFields:
        """The eddies of the flow of `view`."""
        width = view.width(self.filter)
        nu = self.viscosity(view.gradients, self.length(view, width))
        return EddyFields(*of_viscosity_kernel(nu, width, self.prandtl, self.schmidt), width=width)


def energy(nu: Tensor, width: Tensor) -> tuple[Tensor, Tensor]:
    """k [m2/s2] and epsilon [m2/s3] of eddies of the viscosity nu [m2/s] and the filter width [m]."""
    speed = nu / (C_K * width)
    k = speed * speed
    return k, C_E * k * speed / width


def of_viscosity(nu: Tensor, width: Tensor, prandtl: float, schmidt: float) -> Rows:
    """The rows of EddyFields of eddies of the viscosity nu [m2/s] and the filter width [m]."""
    return nu, nu / prandtl, nu / schmidt, *energy(nu, width)


of_viscosity_kernel = compiled(of_viscosity)
