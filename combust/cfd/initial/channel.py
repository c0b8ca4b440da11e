"""Turbulent flow between walls to start from: the mean profile, and streaks and waves near the walls that break down.

Schoppa, Hussain, J. Fluid Mech. 453 (2002) 57, doi:10.1017/S002211200100667X: streaks beside a wall become unstable to
waves along them. The forms are those of de Villiers' perturbations (PhD thesis, Imperial College, 2006, 5.2).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from combust.cfd.initial.base import Start, Starting
from combust.errors import ConfigError
from combust.settings.base import NamedMixture, NotNegative, Positive, Temperature, doc

if TYPE_CHECKING:
    import numpy as np

    from combust.cfd.initial.fields import Fields
    from combust.cfd.mesh.grid import Grid

STREAK, WAVE = 200.0, 500.0  # distance of streaks and length of waves, in wall units
PEAK = 20.0  # y+ where the streaks are strongest
NOISE = 0.2  # by which they differ from place to place
KAPPA = 0.41


class ChannelInitial(Start, NamedMixture, frozen=True, kw_only=True, tag_field="kind", tag="channel"):
    """Flow along x between walls at both ends of y: the mean profile of a turbulent channel, and what breaks it up.

    Near the walls it has streaks along x and waves across them, which break down within a few h/u_tau, where the mesh
    has three dimensions; without them it is the mean profile (Reichardt's). doi:10.1017/S002211200100667X
    """

    temperature: Annotated[Temperature, doc("temperature", "K")]
    velocity: Annotated[Positive, doc("bulk velocity, along x", "m/s")]
    reynolds: Annotated[
        Annotated[float, Meta(ge=50)], doc("friction Reynolds number u_tau h / nu, h half of the height: wall units")
    ]
    disturbance: Annotated[NotNegative, doc("of streaks, over the bulk velocity; their waves have a quarter of it")] = (
        0.25
    )
    seed: Annotated[int, Meta(ge=0), doc("seed of what differs from place to place")] = 0

    def fields(self, case: Starting) -> Fields:
        """Initial T, Y and velocities. Raises ConfigError for a mesh that is no channel."""
        import torch

        from combust.cfd.initial import fields

        grid = case.grid
        require_channel(grid)
        q, u = fields.uniform(grid, self.temperature, case.mixture(self), (0.0, 0.0, 0.0))
        found = list(u)
        for axis in (2, 0):
            if axis in grid.layout.axes and (made := self._along(grid, axis)) is not None:
                found[axis] = torch.tensor(made, dtype=torch.float64, device=grid.device).contiguous()
        return q, tuple(found)

    def _along(self, grid: Grid, axis: int) -> np.ndarray:
        """Velocity along x (2) or z (0) on its faces."""
        import numpy as np

        from combust.cfd.initial.fields import face_shape

        shape = face_shape(grid, axis)
        z, y, x = (p.cpu().numpy() for p in grid.face_points(axis))
        low, high = float(grid.faces[1][0]), float(grid.faces[1][-1])
        half = 0.5 * (high - low)
        unit = self.reynolds / half  # wall units per metre
        plus = unit * np.minimum(y - low, high - y)
        near = plus / PEAK * np.exp(0.5 - 0.5 * (plus / PEAK) ** 2)  # 1 where it is largest
        side = np.where(y - low < half, 1.0, -1.0)
        if axis == 2:
            mean = self.velocity * reichardt(plus) / self._bulk(grid, unit)
            if 0 not in grid.layout.axes:
                return np.broadcast_to(mean, shape).copy()
            streaks = np.cos(whole(grid, 0, unit, STREAK) * (z - grid.faces[0][0]))
            return mean + self.disturbance * self.velocity * near * streaks * self._noise(grid, axis)
        waves = np.sin(whole(grid, 2, unit, WAVE) * (x - grid.faces[2][0]) + 0.5 * side)
        return 0.25 * self.disturbance * self.velocity * near * waves * self._noise(grid, axis)

    def _bulk(self, grid: Grid, unit: float) -> float:
        """Mean of the profile over the cells of the whole height, in wall units."""
        import numpy as np

        faces = np.array(grid.faces[1])
        y = 0.5 * (faces[1:] + faces[:-1])
        plus = unit * np.minimum(y - faces[0], faces[-1] - y)
        return float((reichardt(plus) * np.diff(faces)).sum() / (faces[-1] - faces[0]))

    def _noise(self, grid: Grid, axis: int) -> np.ndarray:
        """Factors about 1 on the faces of an axis, the same on any ranks, and at both ends of a periodic direction."""
        import numpy as np

        from combust.cfd.initial.fields import face_shape
        from combust.cfd.synthetic import draws

        block = grid.block
        z, y, x = (
            (np.arange(n) + start) % total
            for n, start, total in zip(face_shape(grid, axis), block.start, block.shape, strict=True)
        )
        return 1.0 + NOISE * draws.bell(self.seed, z[:, None, None], y[:, None], x, axis)


def reichardt(plus: np.ndarray) -> np.ndarray:
    """u+ at y+ of a turbulent boundary layer: H. Reichardt, ZAMM 31 (1951) 208. doi:10.1002/zamm.19510310704"""
    import numpy as np

    inner = 1.0 - np.exp(-plus / 11.0) - plus / 11.0 * np.exp(-plus / 3.0)
    return np.log1p(KAPPA * plus) / KAPPA + 7.8 * inner


def whole(grid: Grid, axis: int, unit: float, length: float) -> float:
    """The wave number [1/m] of about `length` wall units that fits into a direction."""
    extent = float(grid.faces[axis][-1] - grid.faces[axis][0])
    return 2 * math.pi * max(1, round(extent * unit / length)) / extent


def require_channel(grid: Grid) -> None:
    """Raises ConfigError unless there are cells in x and y, x (and z) periodic, and y not."""
    axes, periodic = grid.layout.axes, grid.block.periodic
    if not {1, 2} <= set(axes) or grid.axisymmetric:
        raise ConfigError('initial.kind = "channel": needs a mesh in x and y (and z), without an axis')
    for axis, name in ((2, "x"), (0, "z")):
        if axis in axes and not periodic[axis]:
            raise ConfigError(f'initial.kind = "channel": boundary.{name} must be {{ kind = "periodic" }}')
    if periodic[1]:
        raise ConfigError('initial.kind = "channel": y lies between walls, and is periodic here')
