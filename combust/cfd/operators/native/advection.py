"""Advection of scalars in C++, see combust.cfd.operators.scalars.advection."""

from __future__ import annotations

import ctypes

from torch import Tensor

from combust.cfd.mesh.grid import Areas, AxisMetric, Layout, Metrics
from combust.cfd.operators.native.fields import INT, POINTER, REAL, gas_of, threads
from combust.cfd.operators.native.library import library, require_memory
from combust.kernels import Places
from combust.kinetics.rates.thermo import Thermo
from combust.torch_parts import plain

SCHEMES = ("upwind", "central", "van-leer", "koren")  # in the order of advection.h
Place = tuple[int, int, int, int]  # a `Field` of vectors.h


class _Advection(ctypes.Structure):
    """See advection.h, where the three axes are 16 numbers each."""

    _fields_ = [
        ("n", INT * 3), ("scheme", INT), ("threads", INT), ("p0", REAL), ("q", INT * 4), ("rate", INT * 4),
        ("axes", INT * 48), ("out", POINTER),
    ]  # fmt: skip


def advection(
    places: Places | None, q: Tensor, velocity: tuple[Tensor | None, ...], p0: Tensor, thermo: Thermo, layout: Layout,
    metrics: Metrics, reconstruction: str, areas: Areas,
) -> tuple[Tensor, tuple[Tensor | None, ...], Tensor] | None:  # fmt: skip
    """As `scalars.advection`, of second order and without the wide stencil of "weno5"."""
    gas, axes = gas_of(thermo), layout.axes
    if gas is None or reconstruction not in SCHEMES or layout.fourth or places is not None:
        return None
    if not all(map(plain, (q, *velocity))) or (code := library()) is None:
        return None
    rate, out = q.new_empty((q.shape[0], *layout.n)), q.new_empty(q.shape[0])
    mass = tuple(q.new_empty([n + (b == a) for b, n in enumerate(layout.n)]) if a in axes else None for a in range(3))
    kept: list[Tensor] = []
    flat: list[int] = [0] * 16 * (3 - len(axes))
    for a in axes:
        u, m, metric, area = velocity[a], mass[a], metrics[a], areas[a]
        assert u is not None and m is not None and metric is not None and area is not None
        ends = [end.contiguous() for end in area]
        kept += ends
        flat += [1, *_place(u, layout, axes, True), *_place(m, layout, axes), *_metric(metric, layout.g[a]),
                 *(end.data_ptr() for end in ends)]  # fmt: skip
    if _gaps((q, rate, *velocity, *mass), axes):
        return None
    count = threads(rate[0].numel())
    n = [1] * (3 - len(axes)) + [layout.n[a] for a in axes]
    job = _Advection(
        (INT * 3)(*n), SCHEMES.index(reconstruction), count, float(p0), (INT * 4)(*_place(q, layout, axes, True)),
        (INT * 4)(*_place(rate, layout, axes)), (INT * 48)(*flat), out.data_ptr(),
    )  # fmt: skip
    require_memory(code.combust_advection(ctypes.byref(gas), ctypes.byref(job)), "advection", count)
    return rate, mass, out


def _gaps(tensors: tuple[Tensor | None, ...], axes: tuple[int, ...]) -> bool:
    """Whether cells of one do not lie side by side."""
    return any(x is not None and x.stride()[axes[-1] - 3] != 1 for x in tensors)


def _place(x: Tensor, layout: Layout, axes: tuple[int, ...], padded: bool = False) -> Place:
    """Where the block's first cell or face is in a field, and the steps to the next component, plane and row."""
    strides = x.stride()
    first = sum(layout.g[a] * strides[a - 3] for a in axes) if padded else 0
    steps = [strides[a - 3] for a in axes[:-1]]
    plane, row = [0] * (2 - len(steps)) + steps
    return x.data_ptr() + 8 * first, strides[0] if len(strides) > 3 else 0, plane, row


def _metric(metric: AxisMetric, g: int) -> tuple[int, ...]:
    """Where the metrics of the block's first cell or face are."""
    face = 0 if metric.face is None else metric.face.data_ptr() + 8 * g
    half, reach = metric.half.data_ptr() + 8 * g, metric.per_reach.data_ptr() + 8 * (g - 1)
    return metric.per_volume.data_ptr(), metric.right.data_ptr(), half, reach, face
