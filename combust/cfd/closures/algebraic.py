"""Eddy viscosities that are functions of the velocity gradient and the width of a cell.

Each has a file of its own, with its kernel and a class derived from `Algebraic`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor

from combust.cfd.closures.base import EddyFields
from combust.cfd.closures.view import View


@dataclass(frozen=True)
class Algebraic(ABC):
    """constant : the model's;  prandtl, schmidt : turbulent numbers."""

    constant: float
    prandtl: float
    schmidt: float

    @abstractmethod
    def viscosity(self, gradients: Tensor, width: Tensor) -> Tensor:
        """nu_t [m2/s] of gradients (3, 3, ...) du_i/dx_j [1/s] and the filter width (...) [m]."""

    def update(self, view: View) -> EddyFields:
        """The eddies of the flow of `view`."""
        nu = self.viscosity(view.gradients, view.filter_width)
        return EddyFields(nu, nu / self.prandtl, nu / self.schmidt)
