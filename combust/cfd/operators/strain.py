"""The rate of strain of a gradient du_i/dx_j (3, 3, ...) [1/s], components in the order z, y, x."""

from __future__ import annotations

from torch import Tensor


def dilatation(gradients: Tensor) -> Tensor:
    """div u [1/s]."""
    return gradients[0, 0] + gradients[1, 1] + gradients[2, 2]


def full_square(gradients: Tensor) -> Tensor:
    """S:S [1/s2], S = (grad u + grad u^T)/2."""
    strain = 0.5 * (gradients + gradients.transpose(0, 1))
    return (strain * strain).sum((0, 1))


def squared_strain(gradients: Tensor) -> Tensor:
    """2 S:S [1/s2], S the same without dilatation."""
    div = dilatation(gradients)
    return (2 * full_square(gradients) - (2.0 / 3.0) * div * div).clamp_min(0.0)  # round-off may leave less
