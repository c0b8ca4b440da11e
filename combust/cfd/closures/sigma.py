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
    g = torch.where(scale > 0, g / scale, 0.0)
    b = torch.einsum("ki...,kj...->ij...", g, g)
    mean = (b[0, 0] + b[1, 1] + b[2, 2]) / 3.0
    d0, d1, d2 = b[0, 0] - mean, b[1, 1] - mean, b[2, 2] - mean
    off = b[0, 1] ** 2 + b[0, 2] ** 2 + b[1, 2] ** 2
    spread = ((d0 * d0 + d1 * d1 + d2 * d2 + 2.0 * off) / 6.0).sqrt()
    half = 0.5 * (
        d0 * (d1 * d2 - b[1, 2] ** 2)
        - b[0, 1] * (b[0, 1] * d2 - b[1, 2] * b[0, 2])
        + b[0, 2] * (b[0, 1] * b[1, 2] - d1 * b[0, 2])
    )
    cubed = spread**3
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
