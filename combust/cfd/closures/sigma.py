"""Eddy viscosity from the singular values of the velocity gradient: vanishes in any flow of two dimensions, in
axisymmetric strain, in solid rotation, in dilatation, and at walls with the cube of the distance.

Nicoud, Baya Toda, Cabrit, Bose, Lee, Phys. Fluids 23 (2011) 085106. doi:10.1063/1.3623274
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from combust.cfd.closures.algebraic import Algebraic
from combust.kernels import compiled


def eddy_viscosity(gradients: Tensor, length: Tensor) -> Tensor:
    """nu_t = length^2 s3 (s1 - s2) (s2 - s3) / s1^2 [m2/s], s1 >= s2 >= s3 >= 0 the singular values of the gradient.

    gradients : (3, 3, ...) du_i/dx_j [1/s];  length : (...) constant times filter width [m]
    """
    s1, s2, s3 = singular_values(gradients)
    nu = length * length * s3 * (s1 - s2).clamp_min(0.0) * (s2 - s3).clamp_min(0.0)
    return torch.where(s1 > 0, nu / (s1 * s1), 0.0)


def singular_values(gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of (3, 3, ...) matrices g, the largest first: roots of the eigenvalues of g^T g by Cardano's formula, as in the
    paper's appendix, but the least from the determinant, which is exactly zero in two dimensions.
    """
    g = gradients
    scale = (g * g).sum((0, 1)).sqrt()
    g = g * torch.where(scale > 0, 1.0 / scale, 0.0)

    def product(i: int, j: int) -> Tensor:  # of g^T g; sums of products, since a matrix product of 3 by 3 is slow
        return g[0, i] * g[0, j] + g[1, i] * g[1, j] + g[2, i] * g[2, j]

    b0, b1, b2, b01, b02, b12 = (product(i, j) for i, j in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)))
    mean = (b0 + b1 + b2) / 3.0
    d0, d1, d2 = b0 - mean, b1 - mean, b2 - mean
    off = b01 * b01 + b02 * b02 + b12 * b12
    spread = ((d0 * d0 + d1 * d1 + d2 * d2 + 2.0 * off) / 6.0).sqrt()
    half = 0.5 * (d0 * (d1 * d2 - b12 * b12) - b01 * (b01 * d2 - b12 * b02) + b02 * (b01 * b12 - d1 * b02))
    cubed = spread * spread * spread
    cosine = torch.where(cubed > 0, half / cubed, 1.0).clamp(-1.0, 1.0)
    angle = torch.acos(cosine) / 3.0
    large = mean + 2.0 * spread * torch.cos(angle)
    middle = (mean - 2.0 * spread * torch.cos(angle + math.pi / 3.0)).clamp_min(0.0)
    s1, s2 = large.clamp_min(0.0).sqrt(), middle.sqrt()
    determinant = (
        g[0, 0] * (g[1, 1] * g[2, 2] - g[1, 2] * g[2, 1])
        - g[0, 1] * (g[1, 0] * g[2, 2] - g[1, 2] * g[2, 0])
        + g[0, 2] * (g[1, 0] * g[2, 1] - g[1, 1] * g[2, 0])
    ).abs()
    s3 = torch.where(s2 > 0, torch.minimum(determinant / (s1 * s2), s2), 0.0)
    return scale * s1, scale * s2, scale * s3


eddy_viscosity_kernel = compiled(eddy_viscosity)


@dataclass(frozen=True)
class Sigma(Algebraic):
    """constant : C_sigma."""

    def viscosity(self, gradients: Tensor, width: Tensor) -> Tensor:
        """Of the kernel."""
        return eddy_viscosity_kernel(gradients, self.constant * width)
