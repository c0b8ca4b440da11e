"""Initial fields: temperature, mass fractions and velocity on a rank's block."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from combust.cfd.mesh.grid import Faces, Grid

Fields = tuple[Tensor, Faces]


class Along(Protocol):
    """What is taken of a flame along x: x [m], T [K], u [m/s] (points,), Y (species, points)."""

    @property
    def x(self) -> np.ndarray: ...
    @property
    def T(self) -> np.ndarray: ...
    @property
    def Y(self) -> np.ndarray: ...
    @property
    def u(self) -> np.ndarray: ...


class FlatFlame(Along, Protocol):
    """Of a planar flame also its speed [m/s]."""

    @property
    def speed(self) -> float: ...


def stack(grid: Grid, T: Tensor | float, Y: Tensor) -> Tensor:
    """(T, Y) of the owned cells from values that broadcast: T (...), Y (species, ...)."""
    shape = grid.layout.n
    T = torch.as_tensor(T, dtype=torch.float64, device=grid.device)
    Y = Y.to(grid.device)
    Y = Y.reshape(-1, 1, 1, 1) if Y.dim() == 1 else Y
    return torch.cat([T.expand(shape)[None], Y.expand(Y.shape[0], *shape)]).contiguous()


def constant_velocity(grid: Grid, velocity: Sequence[float]) -> Faces:
    """Faces with one velocity (z, y, x) [m/s]."""
    return tuple(
        torch.full(face_shape(grid, a), float(velocity[a]), dtype=torch.float64, device=grid.device)
        if a in grid.layout.axes
        else None
        for a in range(3)
    )


def face_shape(grid: Grid, axis: int) -> tuple[int, int, int]:
    n = list(grid.layout.n)
    n[axis] += 1
    return n[0], n[1], n[2]


def uniform(grid: Grid, T: float, Y: Tensor, velocity: Sequence[float]) -> Fields:
    """The same gas everywhere, moving with `velocity` (z, y, x)."""
    return stack(grid, T, Y), constant_velocity(grid, velocity)


def wrinkles(grid: Grid, amplitude: float, modes: int | Sequence[int], seed: int) -> Tensor:
    """Displacement of a front along x [m], (nz, ny, 1): cosines over y (and z) with random phases, total `amplitude`.

    modes : n for 1..n waves per width, or the numbers of waves; one wave alone has phase zero.
    """
    numbers = list(range(1, modes + 1)) if isinstance(modes, int) else list(modes)
    generator = np.random.default_rng(seed)
    total = torch.zeros((), dtype=torch.float64, device=grid.device)
    for axis in (a for a in grid.layout.axes if a != 2):
        faces = grid.faces[axis]
        s = (grid.centres[axis] - faces[0]) / (faces[-1] - faces[0])
        for m in numbers:
            phase = 0.0 if len(numbers) == 1 else float(generator.uniform(0, 2 * math.pi))
            total = total + torch.cos(2 * math.pi * m * s + phase)
    n = grid.layout.n
    return (amplitude / max(len(numbers), 1) * total).expand(n[0], n[1], 1)


def monotone(x: np.ndarray, values: np.ndarray, at: np.ndarray) -> Tensor:
    """Values along their last axis, given at x, between them: no new extrema, hence no negative mass fractions, and
    smooth second derivatives.
    """
    from scipy.interpolate import PchipInterpolator  # a sixth of what `combust run` loads, and few starts need it

    return torch.from_numpy(PchipInterpolator(x, values, axis=-1)(at))


def flame(grid: Grid, profile: FlatFlame, position: float, displacement: Tensor | float = 0.0) -> Fields:
    """A planar flame profile laid along x with its half-temperature point at `position` + `displacement`.

    Unburnt gas at low x. Velocity: the profile's mass flux over the local density.
    """
    half = 0.5 * (profile.T[0] + profile.T[-1])
    x_half = float(np.interp(half, profile.T, profile.x))
    x = grid.centres[2] - position - displacement + x_half
    x = x.expand(grid.layout.n).cpu().numpy().clip(profile.x[0], profile.x[-1])
    T, Y = monotone(profile.x, profile.T, x), monotone(profile.x, profile.Y, x)
    q = stack(grid, T.to(grid.device), (Y / Y.sum(0)).to(grid.device))
    u = constant_velocity(grid, (0.0, 0.0, float(profile.speed)))
    points = grid.face_points(2)[2] - position - displacement + x_half
    xf = points.expand(face_shape(grid, 2)).cpu().numpy().clip(profile.x[0], profile.x[-1])
    ux = u[2]
    assert ux is not None
    ux.copy_(monotone(profile.x, profile.u, xf))
    return q, u


def kernel(
    grid: Grid,
    T: float,
    Y: Tensor,
    hot_T: float,
    hot_Y: Tensor,
    centre: Sequence[float],
    radius: float,
    thickness: float,
) -> Fields:
    """A ball of hot gas at `centre` (z, y, x), with a tanh edge of the given thickness, in gas at rest."""
    distance2 = sum((grid.centres[a] - centre[a]) ** 2 for a in grid.layout.axes)
    c = 0.5 * (1 - torch.tanh(2 * (torch.sqrt(torch.as_tensor(distance2)) - radius) / thickness))
    Yc = Y.reshape(-1, 1, 1, 1) + c * (hot_Y - Y).reshape(-1, 1, 1, 1)
    return stack(grid, T + (hot_T - T) * c, Yc), constant_velocity(grid, (0.0, 0.0, 0.0))


def vortices(grid: Grid, speed: float) -> Faces:
    """u = U sin(kx) cos(ly), v = -U (k/l) cos(kx) sin(ly) over one period of the domain in x and y (cos(mz) in 3-D)."""
    u = list(constant_velocity(grid, (0.0, 0.0, 0.0)))
    k = [2 * math.pi / (f[-1] - f[0]) for f in grid.faces]
    for axis, sign in ((2, 1.0), (1, -k[2] / k[1])):
        z, y, x = grid.face_points(axis)
        x, y, z = k[2] * (x - grid.faces[2][0]), k[1] * (y - grid.faces[1][0]), k[0] * (z - grid.faces[0][0])
        wave = torch.sin(x) * torch.cos(y) if axis == 2 else torch.cos(x) * torch.sin(y)
        if 0 in grid.layout.axes:
            wave = wave * torch.cos(z)
        u[axis] = (sign * speed * wave).expand(face_shape(grid, axis)).contiguous()
    return tuple(u)


def taylor_green(grid: Grid, T: float, Y: Tensor, speed: float) -> Fields:
    """One gas in an array of Taylor-Green vortices."""
    return stack(grid, T, Y), vortices(grid, speed)


class OpposedProfile(Along, Protocol):
    """Of a flame between jets, x from the exit of the fuel, also V = v/r [1/s]."""

    @property
    def V(self) -> np.ndarray: ...


def opposed(grid: Grid, profile: OpposedProfile, position: float) -> Fields:
    """A flame between jets along x, whose fuel leaves its exit at x = position.

    What leaves sideways is 2 rho V per length along x around an axis; it all goes along y in a plane, and along y and z
    in three dimensions.
    """

    def laid(values: np.ndarray, x: Tensor) -> Tensor:
        at = (x - position).cpu().numpy().clip(profile.x[0], profile.x[-1])
        return monotone(profile.x, values, at).to(grid.device)

    Y = laid(profile.Y, grid.centres[2])
    u: list[Tensor | None] = [None] * 3
    planar = not grid.axisymmetric and 0 not in grid.layout.axes
    for axis in grid.layout.axes:
        z, y, x = grid.face_points(axis)
        if axis == 2:
            found = laid(profile.u, x)
        else:
            found = laid(profile.V, x) * (y if axis == 1 else z) * (2.0 if planar else 1.0)
        u[axis] = found.expand(face_shape(grid, axis)).contiguous()
    return stack(grid, laid(profile.T, grid.centres[2]), Y / Y.sum(0)), tuple(u)
