"""Profiles by name: plug, parabola of a laminar flow, power law, two streams with a layer of a tanh between them.

All are functions of the points of a side (values.py). Where the mean is given, the values at the cells of the side, or
of its part, are scaled so that their flow rate is that of the mean, to round-off, on every mesh and number of ranks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from combust.cfd.boundaries.values import Table, coordinate
from combust.cfd.mesh.grid import NAMES

# Odd terms of the series of a duct: what is left of it is 1e-7 of the peak at a tenth of the half width from a wall,
# 2e-6 at a thousandth.
TERMS = 200
Named = dict[str, Tensor]


class Span(NamedTuple):
    """From wall to wall along a coordinate of a side [m]: a plane of symmetry at an end is the middle of the span.

    round : the coordinate is the distance from the axis of an axisymmetric mesh; `low` is then the inner radius
    """

    low: float
    high: float
    round: bool = False

    def across(self, s: Tensor) -> Tensor:
        """-1 and 1 at the walls, 0 in the middle; of a pipe the distance from its axis."""
        if self.round and self.low == 0.0:
            return s / self.high
        return (2 * s - self.low - self.high) / (self.high - self.low)


def parabola(spans: Mapping[str, Span]) -> Callable[[Named], Tensor]:
    """Laminar flow over its largest speed: between planes, in a pipe, an annulus, or a rectangular duct.

    Annulus and duct: F. M. White, Viscous Fluid Flow, 3rd ed. (2006), sec. 3-3.3; the duct is a series.
    """
    if len(spans) == 2:
        return _duct(spans)
    ((name, span),) = spans.items()
    if span.round and span.low > 0.0:
        return lambda at: _annulus(at[name] / span.high, span.low / span.high)
    return lambda at: 1.0 - span.across(at[name]) ** 2


def _annulus(r: Tensor, k: float) -> Tensor:
    """Between the radii k and 1."""
    slope = (1 - k**2) / math.log(k)
    best = math.sqrt(-slope / 2)  # where the speed is largest
    return (1 - r**2 - slope * torch.log(r)) / (1 - best**2 - slope * math.log(best))


def _duct(spans: Mapping[str, Span]) -> Callable[[Named], Tensor]:
    (a, across_a), (b, across_b) = spans.items()
    ratio = (across_b.high - across_b.low) / (across_a.high - across_a.low)

    def series(eta: Tensor, zeta: Tensor) -> Tensor:
        total = torch.zeros_like(eta * zeta)
        for k in range(TERMS):
            i = 2 * k + 1
            w = i * math.pi / 2 * ratio
            z = zeta.abs()
            # cosh(w zeta) / cosh(w), which neither overflows
            fall = torch.exp(w * (z - 1)) * (1 + torch.exp(-2 * w * z)) / (1 + math.exp(-2 * w))
            total = total + (-1) ** k * (1 - fall) * torch.cos(i * math.pi / 2 * eta) / i**3
        return total

    middle = torch.zeros((), dtype=torch.float64)
    top = float(series(middle, middle))
    return lambda at: series(across_a.across(at[a]), across_b.across(at[b])) / top


def power_law(spans: Mapping[str, Span], exponent: float) -> Callable[[Named], Tensor]:
    """(distance from the wall over that of the middle)^(1/exponent), of two coordinates the product."""

    def value(at: Named) -> Tensor:
        found = torch.ones((), dtype=torch.float64)
        for name, span in spans.items():
            found = found * (1.0 - span.across(at[name]).abs()).clamp_min(0.0) ** (1.0 / exponent)
        return found

    return value


class Shape(Table):
    """A profile of one sign across a side: `value` of its coordinates, 1 at its peak, times `factor`."""

    def __init__(self, value: Callable[[Named], Tensor], spans: Mapping[str, Span], factor: float):
        self.over, self.value, self.spans, self.factor = tuple(spans), value, spans, factor

    @property
    def device(self) -> torch.device:
        return torch.device("cpu")  # it goes where the points are

    @property
    def unsteady(self) -> bool:
        return False

    @property
    def peak(self) -> float:
        """The largest modulus of its values."""
        return abs(self.factor)

    def scaled(self, factor: float) -> Shape:
        """The profile with all values times a factor."""
        return Shape(self.value, self.spans, factor * self.factor)

    def __call__(self, t: float, points: Tensor) -> Tensor:
        """(nz, ny, nx) at the points."""
        at = {name: points[NAMES.index(name)] for name in self.over}
        return self.factor * self.value(at).clamp_min(0.0).to(points.device) * torch.ones_like(points[0])


def of_mean(shape: Shape, mean: float, centres: Named, weights: Named) -> Shape:
    """The profile whose mean over the cells of a side is `mean`.

    centres, weights : along each coordinate of the side, of the cells of the part, 1-D
    """
    names = list(centres)
    lattice = torch.meshgrid(*centres.values(), indexing="ij")
    value = shape.value(dict(zip(names, lattice, strict=True))).clamp_min(0.0)
    area = torch.ones((), dtype=torch.float64)
    for weight in weights.values():
        area = area[..., None] * weight
    whole = float((value * area).sum() / (torch.ones_like(lattice[0]) * area).sum())
    return shape.scaled(mean / whole / shape.factor)


class TanhLayer(Table):
    """Two values with a tanh between them at `centre`, or within and without `width` about it.

    values : (2) or (2, rows), on the low and the high side of the centre; with a width without and within it
    thickness : of the largest slope, the vorticity thickness of a shear layer [m]
    """

    def __init__(self, over: str, centre: float, thickness: float, values: Tensor, width: float | None = None):
        half = 0.0 if width is None else 0.5 * width
        at = [centre - half - 3 * thickness, centre if width is not None else centre + 3 * thickness]
        super().__init__((over,), [at], values)
        self.centre, self.thickness, self.width = centre, thickness, width

    def scaled(self, factor: float) -> TanhLayer:
        """The profile with all values times a factor."""
        return TanhLayer(self.over[0], self.centre, self.thickness, factor * self.values, self.width)

    def share(self, s: Tensor) -> Tensor:
        """Of the second value, at the coordinate s."""
        scale = 2.0 / self.thickness
        if self.width is None:
            return 0.5 * (1 + torch.tanh(scale * (s - self.centre)))
        half = 0.5 * self.width
        low, high = torch.tanh(scale * (s - self.centre + half)), torch.tanh(scale * (s - self.centre - half))
        return 0.5 * (low - high)

    def __call__(self, t: float, points: Tensor) -> Tensor:
        """(nz, ny, nx), or (rows, nz, ny, nx), at the points."""
        share, (low, high) = self.share(coordinate(self.over[0], points)), self.values
        if self.values.dim() == 1:
            return low + share * (high - low)
        return low.reshape(-1, 1, 1, 1) + share * (high - low).reshape(-1, 1, 1, 1)
