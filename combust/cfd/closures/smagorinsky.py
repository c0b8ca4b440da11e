"""Smagorinsky's eddy viscosity with a constant coefficient.

Smagorinsky, Mon. Weather Rev. 91 (1963) 99. doi:10.1175/1520-0493(1963)091<0099:GCEWTP>2.3.CO;2
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from combust.cfd.closures.algebraic import Algebraic
from combust.kernels import compiled


def eddy_viscosity(gradients: Tensor, length: Tensor) -> Tensor:
    """nu_t = length^2 sqrt(2 S:S) [m2/s], S the deviatoric rate of strain.

    gradients : (3, 3, ...) du_i/dx_j [1/s];  length : (...) constant times filter width [m]
    """
    strain = 0.5 * (gradients + gradients.transpose(0, 1))
    dilatation = gradients[0, 0] + gradients[1, 1] + gradients[2, 2]
    square = 2 * (strain * strain).sum((0, 1)) - (2.0 / 3.0) * dilatation * dilatation
    return length * length * torch.sqrt(square.clamp_min(0.0))  # of a pure dilatation round-off may leave less


eddy_viscosity_kernel = compiled(eddy_viscosity)


@dataclass(frozen=True)
class Smagorinsky(Algebraic):
    """constant : Smagorinsky's."""

    def viscosity(self, gradients: Tensor, width: Tensor) -> Tensor:
        """Of the kernel."""
        return eddy_viscosity_kernel(gradients, self.constant * width)
