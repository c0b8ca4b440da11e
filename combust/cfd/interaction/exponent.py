"""The exponent of wrinkling, from the wrinkles that are resolved.

The surface of a flame between the sizes D and d is (D/d)^beta times the resolved one. Filtered once more, to gamma D, a
flame loses part of what was resolved: the same law for both widths gives gamma^beta = <|grad c|>/<|grad c^|>, c^ the
progress variable filtered, means over the domain. That of a planar flame is 0.
Charlette, Meneveau, Veynante, Combust. Flame 131 (2002) 181, doi:10.1016/S0010-2180(02)00401-7; with this law: Wang,
Boileau, Veynante, Combust. Flame 158 (2011) 2199, doi:10.1016/j.combustflame.2011.04.008
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from combust.cfd.closures.view import View
from combust.cfd.mesh.grid import Layout, along
from combust.cfd.operators.gradients import squared_gradient
from combust.kernels import compiled

VARIANCE = 0.5  # of the filter (1/4, 1/2, 1/4), in squares of a cell's width
TOGETHER = 2  # such filters between two exchanges of ghosts, of which each takes a layer
LARGEST = 1.0  # of a surface that fills space


def smoothed(f: Tensor, layout: Layout) -> Tensor:
    """The owned cells of a padded scalar after TOGETHER filters (1/4, 1/2, 1/4) along every axis."""
    for axis in layout.axes:
        f = along(f, layout, axis, -TOGETHER, TOGETHER) if f.shape[axis] > layout.n[axis] + 2 * TOGETHER else f
        for _ in range(TOGETHER):
            n = f.shape[axis] - 2
            f = 0.25 * (f.narrow(axis, 0, n) + f.narrow(axis, 2, n)) + 0.5 * f.narrow(axis, 1, n)
    return f


smoothed_kernel = compiled(smoothed)
squared_gradient_kernel = compiled(squared_gradient)


@dataclass(frozen=True)
class DynamicExponent:
    """ratio : width of the test filter over D, that of the thickened flame."""

    ratio: float

    def rounds(self, cells: float) -> int:
        """Exchanges of ghosts for a test filter where the thickened flame has so many cells: a Gaussian filter of width
        w has the variance w^2/12.
        """
        return max(1, round((self.ratio * cells) ** 2 / 12.0 / VARIANCE / TOGETHER))

    def gain(self, cells: float) -> float:
        """gamma: the width after the test filter over D."""
        width_squared = 12.0 * VARIANCE * TOGETHER * self.rounds(cells)
        return math.sqrt(1.0 + width_squared / cells**2)

    def value(self, view: View, progress: Tensor, cells: float) -> Tensor:
        """beta, 0-d, between 0 and LARGEST (collective). progress : c of the owned cells;  cells : see `rounds`"""
        layout, metrics, volume = view.grid.layout, view.grid.metrics, view.grid.volume

        def surface(padded: Tensor) -> Tensor:
            return (squared_gradient_kernel(padded, layout, metrics).sqrt() * volume).sum()

        c = view.padded(progress)
        before = surface(c)
        for _ in range(self.rounds(cells)):
            c = view.padded(smoothed_kernel(c, layout))
        total = view.sum(torch.stack([before, surface(c)]))
        flame = total[1] > 0
        ratio = torch.where(flame, total[0] / torch.where(flame, total[1], 1.0), 1.0)
        return (ratio.log() / math.log(self.gain(cells))).clamp(0.0, LARGEST)
