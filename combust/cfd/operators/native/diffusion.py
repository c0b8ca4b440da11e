"""Diffusion of a block in C++: its rate, and stages of Runge-Kutta-Chebyshev, see combust.cfd.operators.scalars.

A block goes through in one piece, however large: what is between two rows of cells stays in the cache.
"""

from __future__ import annotations

import ctypes
from typing import Any

import torch
from torch import Tensor

from combust import machine_code
from combust.cfd.mesh.grid import Areas, AxisMetric, Layout, Metrics, near
from combust.cfd.operators.coefficients import Coefficients
from combust.cfd.operators.native.fields import INT, POINTER, REAL, Kept, begins, by_reference, fields, gas_of, threads
from combust.cfd.operators.native.library import library, require_memory
from combust.cfd.operators.scalars import SIDES
from combust.kernels import Places
from combust.kinetics.rates.thermo import Thermo
from combust.torch_parts import doubles

BEHIND = 16  # numbers after those of a metric, which vectors read
GIVEN, OTHERS = 4, 7  # fields with ghosts, and without, see diffusion.h
RATE, STAGE, LAST_STAGE = range(3)


class _Axis(ctypes.Structure):
    """See box.h."""

    _fields_ = [
        ("per_distance", POINTER), ("right", POINTER), ("per_volume", POINTER), ("face", POINTER),
        ("area", POINTER * 2),
    ]  # fmt: skip


class _Box(ctypes.Structure):
    _fields_ = [("n", INT * 3), ("axes", _Axis * 3), ("dimensions", INT)]


class _Task(ctypes.Structure):
    """`Diffusion` of diffusion.h."""

    _fields_ = [
        ("given", INT * (4 * GIVEN)), ("others", INT * (4 * OTHERS)), ("numbers", REAL * 6), ("kind", INT),
        ("thermal", INT), ("out", POINTER), ("names", INT * 3),
    ]  # fmt: skip


def serves(q: Tensor, coefficients: Coefficients, thermo: Thermo, layout: Layout) -> bool:
    """Whether `diffusion` and `stage` do, for such fields of a block."""
    return machine_code.wanted() and _known(q, coefficients, thermo, layout) and library() is not None


def _known(q: Tensor, c: Coefficients, thermo: Thermo, layout: Layout) -> bool:
    if layout.fourth or not layout.axes or gas_of(thermo) is None:
        return False
    return doubles(q, c.conductivity, c.mole_diffusivity) and (
        c.thermal_diffusion is None or doubles(c.thermal_diffusion)
    )


def diffusion(
    places: Places | None, q: Tensor, coefficients: Coefficients, thermo: Thermo, layout: Layout, metrics: Metrics,
    areas: Areas,
) -> tuple[Tensor, Tensor] | None:  # fmt: skip
    """As `scalars.diffusion`."""
    if not _known(q, coefficients, thermo, layout) or (code := library()) is None:
        return None
    rate = torch.empty((q.shape[0], *layout.n), dtype=q.dtype) if places is None or places[0] is None else places[0]
    given, to = _given(q, coefficients, layout), fields(layout.axes, (rate,))
    if given is None or to is None:
        return None
    task = _Task(given=given, kind=RATE, thermal=coefficients.thermal_diffusion is not None)
    task.others[20:24] = to
    return rate, _run(code, task, thermo, layout, metrics, areas, q.shape[0])


def stage(
    places: Places | None, row: Tensor, U0: Tensor, U1: Tensor, U2: Tensor, rate0: Tensor, source: Tensor, q1: Tensor,
    dt: Tensor, coefficients: Coefficients, thermo: Thermo, layout: Layout, metrics: Metrics, areas: Areas,
) -> tuple[Tensor, Tensor, Tensor] | None:  # fmt: skip
    """As `scalars.stage`. The places of U and (T, Y) may be those of U2 and of the owned cells of q1."""
    U, q = (torch.empty_like(U0) if x is None else x for x in (places or (None, None))[:2])
    fixed = coefficients, thermo, layout, metrics, areas
    out = _stage(STAGE, row, (U0, U1, U2, rate0, source, U, q), q1, dt, *fixed)
    return None if out is None else (U, q, out)


def last_stage(
    places: Places | None, row: Tensor, U0: Tensor, U1: Tensor, U2: Tensor, rate0: Tensor, source: Tensor, q1: Tensor,
    dt: Tensor, wdot: Tensor, coefficients: Coefficients, thermo: Thermo, layout: Layout, metrics: Metrics,
    areas: Areas,
) -> tuple[Tensor, Tensor] | None:  # fmt: skip
    """As `scalars.last_stage`. The place of the rate may be that of U2."""
    Q = torch.empty_like(U0) if places is None or places[0] is None else places[0]
    fixed = coefficients, thermo, layout, metrics, areas
    out = _stage(LAST_STAGE, row, (U0, U1, U2, rate0, source, Q, wdot), q1, dt, *fixed)
    return None if out is None else (Q, out)


def _stage(
    kind: int, row: Tensor, fields_of_cells: tuple[Tensor, ...], q1: Tensor, dt: Tensor, coefficients: Coefficients,
    thermo: Thermo, layout: Layout, metrics: Metrics, areas: Areas,
) -> Tensor | None:  # fmt: skip
    """Does a stage; its outflow, None where C++ does not serve."""
    if not (_known(q1, coefficients, thermo, layout) and doubles(row, dt, *fields_of_cells)):
        return None
    if (code := library()) is None:
        return None
    given, others = _given(q1, coefficients, layout), fields(layout.axes, fields_of_cells)
    if given is None or others is None:
        return None
    mu, nu, mt, gt = row.tolist()
    step = float(dt)
    numbers = (1.0 - mu - nu, mu, nu, step * mt, step * gt, 1.0 / step)
    task = _Task(given, others, numbers, kind, coefficients.thermal_diffusion is not None)
    return _run(code, task, thermo, layout, metrics, areas, q1.shape[0])


def _given(q: Tensor, c: Coefficients, layout: Layout) -> ctypes.Array[ctypes.c_int64] | None:
    """The fields with ghosts, from their first owned cell on."""
    found = (
        q,
        c.mole_diffusivity,
        c.conductivity,
        c.conductivity if c.thermal_diffusion is None else c.thermal_diffusion,
    )
    return begins(fields(layout.axes, found), layout)


def _run(
    code: ctypes.CDLL, task: _Task, thermo: Thermo, layout: Layout, metrics: Metrics, areas: Areas, width: int
) -> Tensor:
    """Does the task; what leaves the domain, as `scalars.diffusion` has it."""
    out = torch.zeros(width + SIDES, dtype=torch.float64)
    task.out = out.data_ptr()
    task.names[:] = [-1] * (3 - len(layout.axes)) + list(layout.axes)
    count = threads(layout.n[0] * layout.n[1] * layout.n[2])
    box = _boxes.of(layout, metrics, areas)
    outcome = code.combust_diffusion(by_reference(gas_of(thermo)), ctypes.byref(box), ctypes.byref(task), count)
    require_memory(outcome, "diffusion", count)
    return out


def _box(layout: Layout, metrics: Metrics, areas: Areas) -> _Box:
    made, kept, axes = _Box(), [], layout.axes
    first = 3 - len(axes)
    made.dimensions = len(axes)
    made.n[:] = [1] * first + [layout.n[a] for a in axes]
    for i, a in enumerate(axes, first):
        metric, ends = metrics[a], areas[a]
        assert metric is not None and ends is not None
        arrays: list[Any] = [*_numbers(metric, a, layout.n[a]), *map(_area, ends)]
        axis = made.axes[i]
        for name, x in zip(("per_distance", "right", "per_volume", "face"), arrays, strict=False):
            setattr(axis, name, None if x is None else x.data_ptr())
        axis.area[:] = [None if x is None else x.data_ptr() for x in arrays[4:]]
        kept += arrays
    made.kept = kept  # the arrays it points to
    return made


_boxes: Kept[_Box] = Kept(_box)


def _numbers(metric: AxisMetric, axis: int, n: int) -> list[Tensor | None]:
    weight = None if metric.face is None else near(metric.face, axis, n + 1)
    every = (metric.per_distance, metric.right, metric.per_volume, weight)
    return [None if x is None else torch.cat([x.reshape(-1), x.new_zeros(BEHIND)]) for x in every]


def _area(x: Tensor) -> Tensor | None:
    """Areas of an end; None where it is not the domain's."""
    return x.contiguous().clone() if bool((x != 0).any()) else None
