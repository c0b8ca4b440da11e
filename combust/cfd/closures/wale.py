"""Wall-adapting local eddy viscosity (WALE): vanishes in pure shear, and at walls with the cube of the distance.

Nicoud, Ducros, Flow Turbul. Combust. 62 (1999) 183. doi:10.1023/A:1009995426001
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from combust.cfd.closures.algebraic import Algebraic
from combust.kernels import compiled


def eddy_viscosity(gradients: Tensor, length: Tensor) -> Tensor:
    """nu_t = length^2 (D:D)^(3/2) / ((S:S)^(5/2) + (D:D)^(5/4)) [m2/s], D the deviatoric symmetric part of g.g.

    gradients : (3, 3, ...) g, du_i/dx_j [1/s];  length : (...) constant times filter width [m]
    """
    strain = 0.5 * (gradients + gradients.transpose(0, 1))
    square = torch.einsum("ik...,kj...->ij...", gradients, gradients)
    both = 0.5 * (square + square.transpose(0, 1))
    trace = square[0, 0] + square[1, 1] + square[2, 2]
    # (D:D) of the parts on and off the diagonal: a difference of squares would leave round-off in pure shear.
    off = both[0, 1] ** 2 + both[0, 2] ** 2 + both[1, 2] ** 2
    on = sum((both[i, i] - trace / 3.0) ** 2 for i in range(3))
    dd = on + 2.0 * off
    ss = (strain * strain).sum((0, 1))
    denominator = ss**2.5 + dd**1.25
    return length * length * torch.where(denominator > 0, dd**1.5 / denominator, 0.0)


eddy_viscosity_kernel = compiled(eddy_viscosity)


@dataclass(frozen=True)
class Wale(Algebraic):
    """constant : C_w, some 3.3 times Smagorinsky's."""

    def viscosity(self, gradients: Tensor, width: Tensor) -> Tensor:
        """Of the kernel."""
        return eddy_viscosity_kernel(gradients, self.constant * width)
