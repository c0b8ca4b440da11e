"""Smagorinsky's eddy viscosity with a constant coefficient, and less of it at walls by van Driest's damping.

Smagorinsky, Mon. Weather Rev. 91 (1963) 99. doi:10.1175/1520-0493(1963)091<0099:GCEWTP>2.3.CO;2
van Driest, J. Aeronaut. Sci. 23 (1956) 1007. doi:10.2514/8.3713
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from combust.cfd.closures.algebraic import Algebraic
from combust.cfd.closures.view import View
from combust.cfd.operators.strain import squared_strain
from combust.kernels import compiled


def eddy_viscosity(gradients: Tensor, length: Tensor) -> Tensor:
    """nu_t = length^2 sqrt(2 S:S) [m2/s], S the deviatoric rate of strain.

    gradients : (3, 3, ...) du_i/dx_j [1/s];  length : (...) constant times filter width [m]
    """
    return length * length * torch.sqrt(squared_strain(gradients))


eddy_viscosity_kernel = compiled(eddy_viscosity)


@dataclass(frozen=True)
class Smagorinsky(Algebraic):
    """constant : Smagorinsky's;  a_plus : van Driest's A+, None: no damping."""

    a_plus: float | None = None

    def length(self, view: View, width: Tensor) -> Tensor:
        """The width, times 1 - exp(-y+/A+) where there are walls to damp at: y+ by the friction of the nearest piece
        of one.
        """
        return width if self.a_plus is None else width * -torch.expm1(-view.wall_units / self.a_plus)

    def viscosity(self, gradients: Tensor, width: Tensor) -> Tensor:
        """Of the kernel."""
        return eddy_viscosity_kernel(gradients, self.constant * width)
