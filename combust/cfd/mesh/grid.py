"""Structured grids: uniform or stretched Cartesian, one to three dimensions, and their metrics on a rank's block.

Ghost cells lie in active directions only. A ghost cell beyond a physical boundary has width zero: it holds the
boundary value itself, so that face interpolation, gradients over half a cell and momentum volumes at boundaries
all follow from the interior formulas.
"""

from __future__ import annotations

import hashlib
import math
import os
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeVar

import numpy as np
import torch

from combust import devices
from combust.cfd.mesh.block import Block, Triple
from combust.errors import ConfigError

GHOSTS = 2  # fewest layers of ghost cells: what momentum and slopes take
FOURTH = 3  # where differences are of fourth order
POISON = os.environ.get("COMBUST_POISON") == "1"
Coordinates = TypeVar("Coordinates", np.ndarray, torch.Tensor)
NAMES = ("z", "y", "x")
ROUND_OFF = 1e-9  # of a length: places nearer than that are one


class Layout(NamedTuple):
    """What a kernel must know to cut a padded array: interior cells and ghost widths (z, y, x), active axes.

    fourth : the axes along which differences are of fourth order
    """

    n: Triple
    g: Triple
    axes: tuple[int, ...]
    fourth: tuple[int, ...] = ()


class AxisMetric(NamedTuple):
    """1-D metrics of one direction, shaped to broadcast over (z, y, x).

    width : (n) cell widths [m];  per_width, per_distance : inverse of the widths, and of the distances (n+1) between
    centres at faces [1/m], since kernels multiply;  right : (n+1) linear weight of the cell to the right at a face;
    right_volume : (n+1) its share of a momentum volume;  half : (n+2g) half widths of all cells of a padded array, of
    g layers of ghosts;  per_reach : (n+2g-1) inverse distances between their centres, for slopes (`near` cuts both)

    per_volume : (n) inverse of a cell's volume per area of a face of weight 1, for divergences;  per_momentum : (n+1)
    the same of momentum volumes;  face, cell : (n+2g+1), (n+2g) weights of faces and centres, None where all are 1;
    in an axisymmetric mesh they are the distance from the axis [m], and per_volume = 1 / (r width)
    """

    width: torch.Tensor
    per_width: torch.Tensor
    per_distance: torch.Tensor
    right: torch.Tensor
    right_volume: torch.Tensor
    per_reach: torch.Tensor
    half: torch.Tensor
    per_volume: torch.Tensor
    per_momentum: torch.Tensor
    face: torch.Tensor | None = None
    cell: torch.Tensor | None = None


Metrics = tuple[AxisMetric | None, ...]  # per axis (z, y, x), None along inactive ones
Faces = tuple[torch.Tensor | None, ...]  # a field on faces: per axis those normal to it
Areas = tuple[tuple[torch.Tensor, torch.Tensor] | None, ...]  # per axis of the faces at the block's two ends [m2]


def equal_cells(faces: np.ndarray) -> bool:
    """Whether the cells between these faces [m] have one width."""
    return float(np.ptp(np.diff(faces))) <= ROUND_OFF * float(faces[-1] - faces[0])


@dataclass(frozen=True)
class Grid:
    """Global face coordinates (z, y, x) [m] and the block of cells that this rank owns.

    ghosts : layers of ghost cells, those that the reconstruction of scalars needs (at least GHOSTS)
    axisymmetric : y is the distance r from the axis of x; volumes and areas are those of the whole revolution
    order : of differences along periodic directions of equal cells, 2 or 4; along others it is 2
    Raises ConfigError for face coordinates that do not rise, too few ghosts, an axisymmetric mesh with an r below 0
    or more than one cell in z, or order 4 of an axisymmetric mesh or one without such a direction.
    """

    block: Block
    faces: tuple[np.ndarray, np.ndarray, np.ndarray]
    device: str = "cpu"
    ghosts: int = GHOSTS
    axisymmetric: bool = False
    order: int = 2

    def __post_init__(self) -> None:
        for name, faces, n in zip(NAMES, self.faces, self.block.shape, strict=True):
            if len(faces) != n + 1 or not np.all(np.diff(faces) > 0):
                raise ConfigError(f"mesh: face coordinates in {name} must be {n + 1} rising numbers")
        if self.axisymmetric and (self.faces[1][0] < 0 or self.block.shape[0] != 1):
            raise ConfigError(
                f"mesh: an axisymmetric one has one cell in z and no distance r (y) from the axis below 0; this has "
                f"{self.block.shape[0]} in z, and y begins at {self.faces[1][0]:g}"
            )
        if not devices.is_there(self.device):
            raise ConfigError(f'device = "{self.device}": there is none such here; allowed: "cpu", "cuda" with a GPU')
        if self.ghosts < GHOSTS:
            raise ConfigError(f"ghosts = {self.ghosts}: a grid needs at least {GHOSTS} layers of ghost cells")
        self._check_order()
        for name, n, ranks in zip(NAMES, self.block.shape, self.block.dims, strict=True):
            if ranks > 1 and n // ranks < self.ghosts:
                raise ConfigError(
                    f"mesh: {n} cells in {name} on {ranks} ranks: each needs at least {self.ghosts}, as many as there "
                    "are layers of ghost cells; use fewer ranks or more cells"
                )

    def _check_order(self) -> None:
        if self.order not in (2, 4):
            raise ConfigError(f"numerics.order = {self.order}: differences are of order 2 or 4")
        if self.order == 2:
            return
        if self.axisymmetric:
            raise ConfigError(
                "numerics.order = 4: an axisymmetric mesh has differences of order 2 only: use numerics.order = 2"
            )
        if self.ghosts < FOURTH:
            raise ConfigError(f"ghosts = {self.ghosts}: differences of order 4 need {FOURTH} layers of ghost cells")
        if not self.layout.fourth:
            raise ConfigError(
                "numerics.order = 4: differences are of fourth order along periodic directions of equal cells, and "
                "this mesh has no such direction: use order = 2"
            )

    def _even(self, axis: int) -> bool:
        """Whether a direction is periodic and its cells are equal."""
        width = self.widths[axis]
        return bool(self.block.periodic[axis] and np.ptp(width) <= ROUND_OFF * width.mean())

    @cached_property
    def layout(self) -> Layout:
        axes = self.block.axes
        ghosts = tuple(self.ghosts if a in axes else 0 for a in range(3))
        fourth = tuple(a for a in axes if self.order == 4 and self._even(a))
        return Layout(self.block.count, (ghosts[0], ghosts[1], ghosts[2]), axes, fourth)

    @cached_property
    def widths(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Global cell widths (z, y, x) [m]."""
        z, y, x = (np.diff(f) for f in self.faces)
        return z, y, x

    def widest(self, axis: int, low: float, high: float) -> float:
        """Width of the widest cell that has part of low to high [m]; 0 where there is none."""
        faces = self.faces[axis]
        return float(self.widths[axis][(faces[1:] > low) & (faces[:-1] < high)].max(initial=0.0))

    @cached_property
    def metrics(self) -> tuple[AxisMetric | None, ...]:
        return tuple(self._metric(a) if a in self.layout.axes else None for a in range(3))

    def _metric(self, axis: int) -> AxisMetric:
        """Metrics from the widths of the block's cells and its ghosts (zero beyond a physical boundary)."""
        n, start, g = self.block.count[axis], self.block.start[axis], self.ghosts
        where = np.arange(start - g, start + n + g)
        total = self.block.shape[axis]
        if self.block.periodic[axis]:
            w = self.widths[axis][where % total]
        else:
            inside = (where >= 0) & (where < total)
            w = np.where(inside, self.widths[axis][where.clip(0, total - 1)], 0.0)
        left, right = w[:-1], w[1:]  # at all faces between cells of the padded array
        distance = 0.5 * (left + right)
        # Between two ghosts of width zero nothing changes: any distance will do, zero would give 0/0.
        reach = np.where(distance > 0, distance, 1.0)
        at, own = slice(g - 1, g + n), slice(g, g + n)  # faces 0..n, cells 0..n-1
        per_width, per_distance = self._spread(1.0 / w[own], axis), self._spread(1.0 / distance[at], axis)
        weights: dict[str, torch.Tensor] = {"per_volume": per_width, "per_momentum": per_distance}
        share = (right / (2 * reach))[at]
        if self.axisymmetric and axis == 1:
            edges = self.faces[axis][(np.arange(start - g, start + n + g + 1)).clip(0, total)]
            middle = 0.5 * (edges[1:] + edges[:-1])
            volume = middle * w
            both = 0.5 * (volume[:-1] + volume[1:])
            share = (0.5 * volume[1:] / np.where(both > 0, both, 1.0))[at]
            weights = {
                "per_volume": self._spread(1.0 / volume[own], axis),
                "per_momentum": self._spread(1.0 / both[at], axis),
                "face": self._spread(edges, axis),
                "cell": self._spread(middle, axis),
            }
        return AxisMetric(
            width=self._spread(w[own], axis),
            per_width=per_width,
            per_distance=per_distance,
            right=self._spread((left / (2 * reach))[at], axis),
            right_volume=self._spread(share, axis),
            per_reach=self._spread(1.0 / reach, axis),
            half=self._spread(0.5 * w, axis),
            **weights,
        )

    def _spread(self, values: np.ndarray, axis: int) -> torch.Tensor:
        shape = [1, 1, 1]
        shape[axis] = len(values)
        return torch.tensor(values, dtype=torch.float64, device=self.device).reshape(shape)

    @cached_property
    def volume(self) -> torch.Tensor:
        """Volumes of the owned cells, (nz, ny, nx) [m3]; inactive directions count with their full extent, and of an
        axisymmetric mesh the whole revolution.
        """
        z, y, x = (
            self._spread(w[s : s + n], a)
            for a, (w, s, n) in enumerate(zip(self.widths, self.block.start, self.block.count, strict=True))
        )
        if self.axisymmetric:
            return (2 * math.pi * self.centres[1] * (y * x)).contiguous()  # whatever the one cell in z is wide
        return (z * y * x).contiguous()

    @cached_property
    def weights(self) -> tuple[tuple[np.ndarray, np.ndarray] | None, ...]:
        """Per axis (z, y, x) the global weights of cells and of faces, None where all are 1."""
        r = self.faces[1]
        return None, (0.5 * (r[1:] + r[:-1]), r) if self.axisymmetric else None, None

    @cached_property
    def centres(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Coordinates of the owned cell centres (z, y, x), each shaped to broadcast [m]."""
        z, y, x = (
            self._spread((0.5 * (f[1:] + f[:-1]))[s : s + n], a)
            for a, (f, s, n) in enumerate(zip(self.faces, self.block.start, self.block.count, strict=True))
        )
        return z, y, x

    def face_points(self, axis: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Coordinates of the block's faces normal to `axis` (both ends included), each shaped to broadcast [m]."""
        points = list(self.centres)
        start, n = self.block.start[axis], self.block.count[axis]
        points[axis] = self._spread(self.faces[axis][start : start + n + 1], axis)
        return points[0], points[1], points[2]

    def padded(self, components: int | None, stagger: int | None = None) -> torch.Tensor:
        """Field with ghosts, not yet set: cells, or faces normal to axis `stagger`.

        With COMBUST_POISON=1 (in the tests) it is NaN, so that a ghost that nobody wrote shows.
        """
        n, g = self.layout.n, self.layout.g
        shape = [n[a] + 2 * g[a] + (a == stagger) for a in range(3)]
        lead = [] if components is None else [components]
        data = torch.empty(lead + shape, dtype=torch.float64, device=self.device)
        return data.fill_(float("nan")) if POISON else data


def mesh_digest(faces: tuple[np.ndarray, np.ndarray, np.ndarray], axisymmetric: bool) -> str:
    """Hexadecimal SHA-256 of face coordinates (z, y, x), which tells meshes apart."""
    parts = [np.ascontiguousarray(f).tobytes() for f in faces] + [b"axisymmetric"] * axisymmetric
    return hashlib.sha256(b"".join(parts)).hexdigest()


def uniform_faces(lower: float, upper: float, cells: int) -> np.ndarray:
    """Faces of equal cells."""
    return np.linspace(lower, upper, cells + 1)


def stretched_faces(lower: float, upper: float, cells: int, ratio: float, symmetric: bool = False) -> np.ndarray:
    """Faces whose cells grow by `ratio` from the low side; `symmetric`: from both sides towards the middle."""
    steps = np.arange(cells)
    with np.errstate(over="ignore", invalid="ignore"):  # Grid refuses faces that do not rise
        growth = ratio ** (np.minimum(steps, cells - 1 - steps) if symmetric else steps).astype(float)
        edges = np.concatenate([[0.0], np.cumsum(growth)])
        return lower + (upper - lower) * edges / edges[-1]


def nearest_image(away: Coordinates, faces: np.ndarray) -> Coordinates:
    """Distances [m] along a periodic direction to the nearest of a place's images; faces : of the whole mesh."""
    length = float(faces[-1] - faces[0])
    return away - length * (away / length).round()


def cut(f: torch.Tensor, layout: Layout, **spans: tuple[int, int]) -> torch.Tensor:
    """The interior of a padded array, widened per axis: span (lo, hi) takes cells lo .. n-1+hi. Keys z, y, x."""
    for axis, name in enumerate(NAMES):
        lo, hi = spans.get(name, (0, 0))
        start, count = layout.g[axis] + lo, layout.n[axis] + hi - lo
        if start or count != f.shape[axis - 3]:  # a view of everything costs a call, half of them where cells are few
            f = f.narrow(axis - 3, start, count)
    return f


def along(f: torch.Tensor, layout: Layout, axis: int, lo: int, hi: int) -> torch.Tensor:
    """`cut` widened along one axis only."""
    return cut(f, layout, **{NAMES[axis]: (lo, hi)})


def near(metric: torch.Tensor, axis: int, count: int) -> torch.Tensor:
    """The middle `count` entries of a metric that reaches over the ghosts: those nearest to the block."""
    return metric.narrow(axis - 3, (metric.shape[axis - 3] - count) // 2, count)


def weighted(flux: torch.Tensor, metric: AxisMetric, axis: int) -> torch.Tensor:
    """Fluxes at so many of the middle faces of an axis, times the weights of these faces."""
    return flux if metric.face is None else flux * near(metric.face, axis, flux.shape[axis - 3])
