"""Wall-adapting local eddy viscosity (WALE): vanishes in pure shear, and at walls with the cube of the distance.

Nicoud, Ducros, Flow Turbul. Combust. 62 (1999) 183. doi:10.1023/A:1009995426001
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from combust.cfd.closures.algebraic import Algebraic
from combust.kernels import compiled

OFF = ((0, 1), (0, 2), (1, 2))


def eddy_viscosity(gradients: Tensor, length: Tensor) -> Tensor:
    """nu_t = length^2 (D:D)^(3/2) / ((S:S)^(5/2) + (D:D)^(5/4)) [m2/s], D the deviatoric symmetric part of g.g.

    gradients : (3, 3, ...) g, du_i/dx_j [1/s];  length : (...) constant times filter width [m]
    """
    g = gradients

    def square(i: int, j: int) -> Tensor:  # of g.g; sums of products, since a matrix product of 3 by 3 is slow
        return g[i, 0] * g[0, j] + g[i, 1] * g[1, j] + g[i, 2] * g[2, j]

    diagonal = [square(i, i) for i in range(3)]
    third = (diagonal[0] + diagonal[1] + diagonal[2]) / 3.0
    # (D:D) of the parts on and off the diagonal: a difference of squares would leave round-off in pure shear.
    a, b, c = ((one - third) ** 2 for one in diagonal)
    d, e, f = ((0.5 * (square(i, j) + square(j, i))) ** 2 for i, j in OFF)
    dd = a + b + c + 2.0 * (d + e + f)
    ss = g[0, 0] ** 2 + g[1, 1] ** 2 + g[2, 2] ** 2 + sum(0.5 * (g[i, j] + g[j, i]) ** 2 for i, j in OFF)
    root = dd.sqrt()
    denominator = ss * ss * ss.sqrt() + dd * root.sqrt()
    return length * length * torch.where(denominator > 0, dd * root / denominator, 0.0)


eddy_viscosity_kernel = compiled(eddy_viscosity)


@dataclass(frozen=True)
class Wale(Algebraic):
    """constant : C_w, some 3.3 times Smagorinsky's."""

    def viscosity(self, gradients: Tensor, width: Tensor) -> Tensor:
        """Of the kernel."""
        return eddy_viscosity_kernel(gradients, self.constant * width)
