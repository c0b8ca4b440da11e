"""A spark: heat of a given amount, place and time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from combust.cfd.closures.base import Rates
from combust.cfd.closures.view import View
from combust.cfd.mesh.grid import Grid, nearest_image
from combust.cfd.sources.base import Acting, Count

PARTS = 20  # steps that a spark takes at least


class Spark(Acting):
    """Heat at constant power within a time, spread as exp(-(distance/radius)^2), whose sum over the cells is exact.

    centre : (z, y, x) [m], of directions that the grid has; at the other side of a periodic one is the nearest image
    radius : where the power per volume is 1/e of that at the centre [m];  energy [J];  start, duration [s]
    """

    def __init__(
        self, grid: Grid, centre: Sequence[float], radius: float, energy: float, start: float, duration: float
    ) -> None:
        self.energy, self.start, self.duration = energy, start, duration
        self.end = start + duration
        self.share = shares(grid, centre, radius)  # 1/m3, of all that is put in

    def deposited(self, t: float) -> float:
        """Energy put in until time t [J]."""
        return deposited(self.energy, self.start, self.duration, t)

    def power(self, t: float) -> float:
        """Power at time t, just after it [W]."""
        return self.energy / self.duration if self.start <= t < self.end else 0.0

    def rates(self, view: View, t: float, dt: float) -> Rates:
        """The mean power of the step, so that the energy is exact whatever the steps are."""
        if dt > 0:
            power = self.energy / self.duration * max(min(t + dt, self.end) - max(t, self.start), 0.0) / dt
        else:
            power = self.power(t)
        if power == 0.0:
            return Rates()
        scalars = torch.zeros((1 + len(view.Y), *self.share.shape), dtype=self.share.dtype, device=self.share.device)
        scalars[0] = power * self.share
        return Rates(scalars)

    @property
    def columns(self) -> Mapping[str, Count]:
        return {"spark_power": lambda view: self.power(view.t)}

    @property
    def totals(self) -> Mapping[str, Callable[[float], float]]:
        return {"spark_energy": self.deposited}

    def step_limit(self, t: float) -> float:
        """A share of its duration while it burns."""
        return self.duration / PARTS if self.start <= t < self.end else math.inf

    def next_time(self, t: float) -> float:
        """Its start, then its end."""
        later = [moment for moment in (self.start, self.end) if moment > t * (1 + 1e-12)]
        return min(later, default=math.inf)


def deposited(energy: float, start: float, duration: float, t: float) -> float:
    """Energy [J] that a spark has put in until time t [s]."""
    return energy * min(max((t - start) / duration, 0.0), 1.0)


def shares(grid: Grid, centre: Sequence[float], radius: float) -> Tensor:
    """(nz, ny, nx) [1/m3] exp(-(distance/radius)^2) over its integral by the cells of the whole grid.

    The sum is a product of sums along the directions, which every rank has whole: the same bits on any number of them.
    """
    whole: list[np.ndarray] = []
    total = 2 * math.pi if grid.axisymmetric else 1.0
    for axis, (faces, weights) in enumerate(zip(grid.faces, grid.weights, strict=True)):
        width, middle = np.diff(faces), 0.5 * (faces[1:] + faces[:-1])
        along = np.ones_like(middle)
        if axis in grid.layout.axes:
            away = middle - centre[axis]
            if grid.block.periodic[axis]:
                away = nearest_image(away, faces)
            nearest = np.abs(away).min()  # its own factor cancels: a spark far thinner than a cell stays one
            along = np.exp((nearest**2 - away**2) / radius**2)
        if not (grid.axisymmetric and axis == 0):  # the revolution has no depth
            total *= float((along * width * (1.0 if weights is None else weights[0])).sum())
        start, n = grid.block.start[axis], grid.block.count[axis]
        whole.append(along[start : start + n])
    z, y, x = (torch.tensor(a, dtype=torch.float64, device=grid.device) for a in whole)
    return z[:, None, None] * y[None, :, None] * x[None, None, :] / total
