"""A large block in slabs of planes, so that the temporaries of kernels are those of a slab and stay near the cache.

Blocks of three dimensions are cut along z; a flux between two slabs is computed for either, to the same bits. Small
blocks are one slab, which is the block itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from combust.cfd.mesh.grid import Areas, AxisMetric, Faces, Layout, Metrics
from combust.graphs import remade
from combust.kernels import Kernel, Places

CELLS = 2**15  # of a slab, about: two cuts more cost as much as a slab twice as large does beyond the cache
WHOLE = 2**16  # cells of a block that is not cut
FINE = 2**13  # of a slab of kernels that hold dozens of fields at once; twice as many are not cut
FEWEST = 4  # planes of a slab: fluxes at its two ends are computed twice


class Slab(NamedTuple):
    """Planes start .. start + planes - 1 of the owned cells, with the layout and metrics of this part of the block."""

    start: int
    planes: int
    layout: Layout
    metrics: Metrics
    whole: bool

    def cells(self, f: Tensor) -> Tensor:
        """Its part of a field of owned cells (..., nz, ny, nx)."""
        return f if self.whole else f.narrow(-3, self.start, self.planes)

    def padded(self, f: Tensor) -> Tensor:
        """Its part of a padded field, with ghosts."""
        return f if self.whole else f.narrow(-3, self.start, self.planes + 2 * self.layout.g[0])

    def padded_faces(self, u: Faces) -> Faces:
        """Its part of padded fields on faces."""
        if self.whole:
            return u
        more = 2 * self.layout.g[0]
        return tuple(
            None if f is None else f.narrow(0, self.start, self.planes + more + (a == 0)) for a, f in enumerate(u)
        )

    def areas(self, areas: Areas, of: int) -> Areas:
        """Face areas at its ends: along z there are none where it ends within the block, which has `of` planes."""
        if self.whole:
            return areas
        found: list[tuple[Tensor, Tensor] | None] = [None, None, None]
        for a, ends in enumerate(areas):
            if ends is None:
                continue
            low, high = ends
            if a == 0:
                low = low if self.start == 0 else torch.zeros_like(low)
                high = high if self.start + self.planes == of else torch.zeros_like(high)
                found[a] = low, high
            else:
                found[a] = self.cells(low), self.cells(high)
        return tuple(found)


def split(planes: int, cells: int, fine: bool = False) -> list[tuple[int, int]]:
    """(start, count) of slabs of so many planes of so many cells; all counts equal where that can be, since kernels are
    compiled for each. fine : for kernels that hold dozens of fields
    """
    each, whole = (FINE, 2 * FINE) if fine else (CELLS, WHOLE)
    if planes * cells <= whole:
        return [(0, planes)]
    aim = max(FEWEST, each // cells)
    even = [d for d in range(max(FEWEST, aim // 2), 2 * aim + 1) if planes % d == 0]
    parts = planes // min(even, key=lambda d: abs(d - aim)) if even else max(planes // aim, 1)
    ends = [planes * i // parts for i in range(parts + 1)]
    return [(a, b - a) for a, b in zip(ends, ends[1:], strict=False)]


def slabs(layout: Layout, metrics: Metrics, fine: bool = False) -> tuple[Slab, ...]:
    """The slabs of a block. fine : as for `split`."""
    nz, ny, nx = layout.n
    parts = split(nz, ny * nx, fine) if layout.axes == (0, 1, 2) else [(0, nz)]
    if len(parts) == 1:
        return (Slab(0, nz, layout, metrics, True),)
    return tuple(
        Slab(
            start,
            count,
            layout._replace(n=(count, ny, nx)),
            (_part(metrics[0], start, count, layout.g[0]), *metrics[1:]),
            False,
        )
        for start, count in parts
    )


def _part(metric: AxisMetric | None, start: int, count: int, ghosts: int) -> AxisMetric:
    """Metrics along z of some of the planes."""
    assert metric is not None and metric.face is None  # axisymmetric meshes have one plane
    reach = {"half": 2 * ghosts, "per_reach": 2 * ghosts - 1}
    at_faces = ("per_distance", "right", "right_volume", "per_momentum")
    parts = {
        name: f.narrow(0, start, count + reach.get(name, int(name in at_faces)))
        for name, f in metric._asdict().items()
        if f is not None
    }
    return AxisMetric(**parts)


class Joined:
    """A field put together slab by slab. into : where it goes, (..., nz, ny, nx); a new one if omitted."""

    def __init__(self, planes: int, into: Tensor | None = None):
        self.planes, self.into = planes, into

    def put(self, start: int, part: Tensor) -> None:
        """Takes planes from `start` on; of a block in one piece it is `part` itself, unless it goes elsewhere."""
        count = part.shape[-3]
        if self.into is None:
            if count >= self.planes:
                self.into = part
                return
            self.into = part.new_empty((*part.shape[:-3], self.planes, *part.shape[-2:]))
        self.into.narrow(-3, start, count).copy_(part)

    @property
    def whole(self) -> Tensor:
        assert self.into is not None
        return self.into


class Behind:
    """Puts parts into a field that the next slab still reads from, one plane or more beyond its ends: each part waits
    until the slab after it has been computed.
    """

    def __init__(self, into: Tensor):
        self.into = into
        self.waiting: tuple[int, Tensor] | None = None

    def put(self, start: int, part: Tensor) -> None:
        """Takes planes from `start` on, and writes those that waited."""
        self.done()
        self.waiting = start, part

    def done(self) -> None:
        """Writes what waits."""
        if self.waiting is not None:
            start, part = self.waiting
            self.into.narrow(-3, start, part.shape[-3]).copy_(part)
            self.waiting = None


def pointwise(function: Callable[..., Any], *fields: Tensor, into: Sequence[Tensor | None] = ()) -> Any:
    """function(*fields), a tensor or a tuple of tensors and None, slab by slab: all are (..., planes, ny, nx); a cell
    of the result depends on that cell alone. into : where each result goes; a new field for None.
    """
    planes, ny, nx = fields[0].shape[-3:]
    parts = split(planes, ny * nx)
    if len(parts) == 1 and not into:
        return function(*fields)
    joined: list[Joined | None] = []
    for start, count in parts:
        result = function(*(f.narrow(-3, start, count) for f in fields))
        several = result if isinstance(result, tuple) else (result,)
        given = into or [None] * len(several)
        joined = joined or [None if x is None else Joined(planes, to) for x, to in zip(several, given, strict=True)]
        for field, x in zip(joined, several, strict=True):
            if field is not None:
                field.put(start, x)
    whole = [None if field is None else field.whole for field in joined]
    return remade(result, whole) if isinstance(result, tuple) else whole[0]


def of_cells(
    kernel: Kernel[..., Any], fields: tuple[Tensor, ...], constants: tuple[Any, ...] = (), into: Places | None = None
) -> Any:
    """kernel(*fields, *constants), each cell of whose results depends on that cell alone: in one go where it has a
    version in C++, which has no temporaries, else slab by slab. into : as for `pointwise`
    """
    found = kernel.native(into, *fields, *constants)
    if found is not None:
        return found
    return pointwise(lambda *parts: kernel(*parts, *constants), *fields, into=into or ())
