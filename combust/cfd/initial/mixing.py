"""Fields of streams that are mixed in layers, see `layers.py`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from combust.cfd.diagnostics.mixture import coupling_function
from combust.cfd.initial import fields as made
from combust.cfd.initial.base import Starting
from combust.cfd.mesh.grid import NAMES, Grid
from combust.errors import ConfigError
from combust.kinetics.mechanism.mechanism import Mechanism


class Stream(Protocol):
    """Its T [K] and velocity (x, ...) [m/s], and the middle and width of the layer to the next one [m]."""

    @property
    def temperature(self) -> float: ...
    @property
    def velocity(self) -> tuple[float, ...]: ...
    @property
    def until(self) -> float | None: ...
    @property
    def width(self) -> float | None: ...


class Front(Protocol):
    """Where burnt gas begins."""

    @property
    def along(self) -> str: ...
    @property
    def beyond(self) -> float: ...
    @property
    def width(self) -> float: ...


class LayersTable(Protocol):
    """What is asked of the table `initial`, as its keys say it."""

    @property
    def streams(self) -> Sequence[Stream]: ...
    @property
    def along(self) -> str: ...
    @property
    def mirror(self) -> float | None: ...
    @property
    def shape(self) -> str: ...
    @property
    def mix(self) -> str: ...
    @property
    def reacted(self) -> str: ...
    @property
    def burnt(self) -> Front | None: ...
    @property
    def taylor_green(self) -> float | None: ...


def shares(table: LayersTable, s: Tensor) -> Tensor:
    """(streams, ...) shares of the streams at places s [m]: not negative, with the sum 1.

    The next stream's share grows at each edge in what the edges before it have let through.
    """
    s = s if table.mirror is None else (s - table.mirror).abs()
    left, found = torch.ones_like(s), []
    for stream in table.streams[:-1]:
        assert stream.until is not None and stream.width is not None
        away = (s - stream.until) / stream.width
        passed = 0.5 * (1 + torch.tanh(away)) if table.shape == "tanh" else (0.5 + away).clamp(0.0, 1.0)
        found.append(left * (1 - passed))
        left = left * passed
    return torch.stack([*found, left])


class Flamelet(Protocol):
    """A flame over mixture fraction: T [K] and Y (species, points)."""

    @property
    def mixture_fraction(self) -> np.ndarray: ...
    @property
    def T(self) -> np.ndarray: ...
    @property
    def Y(self) -> np.ndarray: ...


def fields(table: LayersTable, case: Starting, gases: Tensor, flame: Flamelet | None = None) -> made.Fields:
    """T, Y and velocities. Raises ConfigError.

    gases : (streams, species) mass fractions;  flame : between the two streams, whose states are taken
    """
    grid, axis = case.grid, NAMES.index(table.along)
    if axis not in grid.layout.axes:
        raise ConfigError(f"initial.along: the mesh has no cells along {table.along} beside each other")
    # The whole line on every rank: equilibrium depends a little on the cell before, and ranks must agree.
    faces = torch.tensor(grid.faces[axis], device=grid.device)
    share = shares(table, 0.5 * (faces[1:] + faces[:-1]))
    if flame is None:
        T, Y = line(table, case.gas, share, gases)
    else:
        T, Y = burning(flame, share[int((gases @ coupling_function(case.gas)).argmax())])
    hot, burnt = (T, Y) if table.reacted == "no" and table.burnt is None else equilibrium(case.gas, case.pressure, T, Y)
    if table.reacted != "no":
        T, Y = hot, (burnt if table.reacted == "all" else Y)
    start, n = grid.block.start[axis], grid.block.count[axis]
    shape = [1, 1, 1]
    shape[axis] = n
    T, Y, burnt = (f[..., start : start + n].reshape(*f.shape[:-1], *shape) for f in (T, Y, burnt))
    if table.burnt is not None:
        T, Y = partly_burnt(table.burnt, grid, case.gas, T, Y, burnt)
    return made.stack(grid, T, Y), velocity(table, grid)


def line(table: LayersTable, gas: Mechanism, share: Tensor, gases: Tensor) -> tuple[Tensor, Tensor]:
    """T [K] and Y (species, ...) of streams mixed in shares (streams, ...)."""
    Y = gases.T @ share
    Y = Y / Y.sum(0)
    given = share.new_tensor([stream.temperature for stream in table.streams])
    T = given @ share
    if table.mix == "enthalpy" and float(given.max() - given.min()) > 0:
        h = torch.stack([gas.enthalpy(t, y) for t, y in zip(given, gases, strict=True)])
        T = gas.temperature(h @ share, Y)
    return T, Y


def burning(flame: Flamelet, Z: Tensor) -> tuple[Tensor, Tensor]:
    """T [K] and Y (species, ...) of a flame at mixture fractions Z."""
    found, first = np.unique(np.minimum.accumulate(flame.mixture_fraction), return_index=True)
    at = Z.cpu().numpy().clip(found[0], found[-1])
    T, Y = (made.monotone(found, values[..., first], at).numpy() for values in (flame.T, flame.Y))
    return torch.tensor(T, device=Z.device), torch.tensor(Y / Y.sum(0), device=Z.device)


def equilibrium(gas: Mechanism, p: float, T: Tensor, Y: Tensor) -> tuple[Tensor, Tensor]:
    """T (points,) [K] and Y (species, points) of equilibrium at constant enthalpy and pressure p [Pa]."""
    solution = gas.cantera(transport=False)
    hot, burnt = np.empty(T.numel()), np.empty(Y.shape)
    for i, (t, y) in enumerate(zip(T.cpu().numpy(), Y.T.cpu().numpy(), strict=True)):
        solution.TPY = t, p, y
        solution.equilibrate("HP", rtol=1e-10)
        hot[i], burnt[:, i] = solution.T, solution.Y
    return torch.tensor(hot, device=T.device), torch.tensor(burnt, device=T.device)


def partly_burnt(
    front: Front, grid: Grid, gas: Mechanism, T: Tensor, Y: Tensor, after: Tensor
) -> tuple[Tensor, Tensor]:
    """Fresh gas, and beyond a place what it burns to, `after`; between them they are mixed at their enthalpy."""
    over = NAMES.index(front.along)
    if over not in grid.layout.axes:
        raise ConfigError(f"initial.burnt.along: the mesh has no cells along {front.along} beside each other")
    share = 0.5 * (1 + torch.tanh((grid.centres[over] - front.beyond) / front.width))
    h = gas.enthalpy(T, Y)
    Y = Y + share * (after - Y)
    Y = Y / Y.sum(0)
    return gas.temperature(h.expand(Y.shape[1:]), Y), Y


def velocity(table: LayersTable, grid: Grid) -> made.Faces:
    """Of the streams in their shares at the faces, and of the vortices."""
    axis = NAMES.index(table.along)
    found: list[Tensor | None] = []
    whole = made.vortices(grid, table.taylor_green) if table.taylor_green is not None else (None,) * 3
    speeds = [tuple(reversed((*stream.velocity, 0.0, 0.0)[:3])) for stream in table.streams]
    for a in range(3):
        if a not in grid.layout.axes:
            if any(speed[a] for speed in speeds):
                raise ConfigError(f"initial.streams: a velocity along {NAMES[a]}, in which the mesh has one cell")
            found.append(None)
            continue
        share = shares(table, grid.face_points(a)[axis])
        u = (share * share.new_tensor([speed[a] for speed in speeds]).reshape(-1, 1, 1, 1)).sum(0)
        u = u.expand(made.face_shape(grid, a)).contiguous()
        whirl = whole[a]
        found.append(u if whirl is None else u + whirl)
    return tuple(found)
