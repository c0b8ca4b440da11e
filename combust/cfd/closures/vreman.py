"""Vreman's eddy viscosity: vanishes where the gradient has rank one, as in pure shear and across planar flames.

Vreman, Phys. Fluids 16 (2004) 3670. doi:10.1063/1.1785131
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from combust.cfd.closures.algebraic import Algebraic
from combust.kernels import compiled


def eddy_viscosity(gradients: Tensor, length: Tensor) -> Tensor:
    """nu_t = length^2 sqrt(B / g:g) [m2/s], B the sum of the squares of the minors of the gradient g.

    For one filter width in all directions B of the paper, b11 b22 - b12^2 + b11 b33 - b13^2 + b22 b33 - b23^2 of
    b = g.g^T, is that sum (Cauchy-Binet), which has no differences of large numbers.
    gradients : (3, 3, ...) du_i/dx_j [1/s];  length : (...) root of the constant times filter width [m]
    """
    square = (gradients * gradients).sum((0, 1))
    pairs = ((0, 1), (0, 2), (1, 2))
    minors = (
        (gradients[i, k] * gradients[j, m] - gradients[i, m] * gradients[j, k]) ** 2 for i, j in pairs for k, m in pairs
    )
    return length * length * torch.where(square > 0, sum(minors) / square, 0.0).sqrt()


eddy_viscosity_kernel = compiled(eddy_viscosity)


@dataclass(frozen=True)
class Vreman(Algebraic):
    """constant : c, some 2.5 times the square of Smagorinsky's; nu_t is in proportion to it."""

    def viscosity(self, gradients: Tensor, width: Tensor) -> Tensor:
        """Of the kernel."""
        return eddy_viscosity_kernel(gradients, self.constant**0.5 * width)
