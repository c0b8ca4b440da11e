"""Symmetric tensors of six components, and fields with the layer more that a wider filter takes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from combust.cfd.closures.view import View
from combust.cfd.operators.strain import dilatation

PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
Symmetric = Sequence[Tensor] | Tensor  # six components, in the order of PAIRS


def strain(gradients: Tensor) -> Tensor:
    """(6, ...) the rate of strain without dilatation of (3, 3, ...) gradients, in the order of `PAIRS` [1/s]."""
    third = dilatation(gradients) / 3.0
    own = [gradients[i, i] - third for i in range(3)]
    return torch.stack(own + [0.5 * (gradients[i, j] + gradients[j, i]) for i, j in PAIRS[3:]])


def moving(rho: Tensor, velocity: Tensor, gradients: Tensor) -> Tensor:
    """(10, ...) density, velocity (3, ...) and `strain` of gradients (3, 3, ...)."""
    return torch.cat([rho[None], velocity, strain(gradients)])


def rate(strain: Symmetric) -> Tensor:
    """|S| = (2 S:S)^(1/2) [1/s]."""
    return (2.0 * contracted(strain, strain)).sqrt()


def contracted(a: Symmetric, b: Symmetric) -> Tensor:
    """a_ij b_ij of symmetric tensors (6, ...)."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + 2.0 * (a[3] * b[3] + a[4] * b[4] + a[5] * b[5])


def layered(view: View, fields: Tensor) -> Tensor:
    """(rows, nz, ny, nx) with one layer more on either side along the directions of the box filter (collective)."""
    layout, axes = view.grid.layout, view.domain.box.axes
    found = view.padded(fields)
    for a in layout.axes:
        more = int(a in axes)
        found = found.narrow(a + 1, layout.g[a] - more, layout.n[a] + 2 * more)
    return found
