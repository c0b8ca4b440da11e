"""Surfaces of a flame, from its progress variable."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from combust.cfd.mesh.grid import Layout, Metrics, along
from combust.cfd.operators.gradients import squared_gradient


def surface_density(progress: Tensor, layout: Layout, metrics: Metrics) -> Tensor:
    """Area of the flame per volume at the owned cells [1/m], whose integral is its surface: w(c) |grad c|.

    The weight w = 1 - cos 2 pi c, zero outside 0 < c < 1, makes the integral a mean of the areas of the iso-surfaces of
    c, mostly of those about 1/2; gas hotter than burnt gas has none. What is differenced is W(c), the integral of w:
    for a plane normal to an axis the sum over cells is then its section, however few cells it spans.
    progress : c, padded.  Surface densities of iso-surfaces: doi:10.1016/S0360-1285(01)00017-X
    """
    c = progress.clamp(0.0, 1.0)
    return squared_gradient(c - torch.sin(2.0 * math.pi * c) / (2.0 * math.pi), layout, metrics).sqrt()


def crossings(T: Tensor, level: float, layout: Layout, metrics: Metrics, x: Tensor) -> tuple[Tensor, Tensor]:
    """Where T rises through `level` along x: whether between a cell and its left neighbour, and the place [m].

    T : padded [K];  x : centres of the owned cells [m]
    """
    metric, n = metrics[2], layout.n[2]
    assert metric is not None
    wide = along(T, layout, 2, -1, 1)
    left, right = wide.narrow(2, 0, n), wide.narrow(2, 1, n)
    found = (left < level) & (right >= level)
    step = 1.0 / metric.per_distance.narrow(2, 0, n)
    place = x.expand(layout.n) - step * (right - level) / torch.where(found, right - left, 1.0)
    return found, torch.where(found, place, 0.0)
