"""What follows from the state of each cell alone in C++, see combust.cfd.operators.scalars."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

from combust.cfd.mesh.grid import Layout, along
from combust.cfd.operators.coefficients import Coefficients
from combust.cfd.operators.native.fields import INT, axes_of, extent, fields, gas_of, threads
from combust.cfd.operators.native.library import library, require_memory
from combust.cfd.operators.scalars import Ahead
from combust.graphs import outline, restored, tensors_of
from combust.kernels import Places
from combust.kinetics.rates.thermo import Thermo
from combust.torch_parts import plain


def primitive(places: Places | None, U: Tensor, T: Tensor, thermo: Thermo, iterations: int) -> Tensor | None:
    """As `scalars.primitive`."""
    q = _place(places, U)
    return _called("combust_primitive", thermo, (U, T, q), iterations)


def divergence_source(
    places: Places | None, rate: Tensor, wdot: Tensor, q: Tensor, rho: Tensor, thermo: Thermo, layout: Layout
) -> Tensor | None:
    """As `scalars.divergence_source`."""
    inner = along(q, layout, layout.axes[-1], 0, 0)
    return _called("combust_divergence_source", thermo, (rate, wdot, inner, rho, _place(places, rho)))


def compressibility(places: Places | None, q: Tensor, p0: Tensor, thermo: Thermo, layout: Layout) -> Tensor | None:
    """As `scalars.compressibility`."""
    inner = along(q, layout, layout.axes[-1], 0, 0)
    return _called("combust_compressibility", thermo, (inner, _place(places, inner[0])), float(p0))


def equation_of_state_error(places: Places | None, U: Tensor, T: Tensor, p0: Tensor, thermo: Thermo) -> Tensor | None:
    """As `scalars.equation_of_state_error`."""
    return _called("combust_equation_of_state_error", thermo, (U, T, _place(places, U[0])), float(p0))


def diffusive_rate(
    places: Places | None, U: Tensor, q: Tensor, coefficients: Coefficients, thermo: Thermo, layout: Layout
) -> Tensor | None:
    """As `scalars.diffusive_rate`."""
    given = (q, coefficients.conductivity, coefficients.mole_diffusivity)
    inner = [along(f, layout, layout.axes[-1], 0, 0) for f in given]
    found = _called("combust_diffusivity", thermo, (U, *inner, torch.empty_like(U[0])))
    return None if found is None or places is not None else found.max()


def mean_rates(places: Places | None, rhoY: Tensor, U: Tensor, Q: Tensor, dt: Tensor) -> Tensor | None:
    """As `scalars.mean_rates`."""
    given = (rhoY, U, Q, _place(places, rhoY))
    if not all(map(plain, given)) or (code := library()) is None:
        return None
    axes, count = axes_of(rhoY), threads(rhoY[0].numel())
    flat = fields(axes, given)
    if flat is None:
        return None
    outcome = code.combust_mean_rates(extent(rhoY, axes), count, flat, rhoY.shape[0], float(dt))
    require_memory(outcome, "mean reaction rates", count)
    return given[-1]


def ahead(places: Places | None, now: Ahead, before: Ahead, w: Tensor) -> Ahead | None:
    """As `scalars.ahead`."""
    here, there = tensors_of(now), tensors_of(before)
    plain_ones = all(plain(x) and x.is_contiguous() for x in (*here, *there))
    if places is not None or len(here) != len(there) or not plain_ones or (code := library()) is None:
        return None
    made = [torch.empty_like(x) for x in here]
    flat = [x.data_ptr() for three in zip(here, there, made, strict=True) for x in three]
    sizes, count = [x.numel() for x in here], threads(now[2].numel())
    arrays = (INT * len(flat))(*flat), (INT * len(sizes))(*sizes)
    require_memory(code.combust_ahead(count, len(made), *arrays, float(w)), "extrapolation", count)
    found: Ahead = restored(outline(now), iter(made))
    return found


def _place(places: Places | None, like: Tensor) -> Tensor:
    """Where a single result goes."""
    to = None if places is None else places[0]
    return torch.empty_like(like, memory_format=torch.contiguous_format) if to is None else to


def _called(name: str, thermo: Thermo, given: tuple[Tensor, ...], *more: float) -> Tensor | None:
    """The last of the fields, which a kernel makes of the others; None where it does not serve."""
    gas = gas_of(thermo)
    if gas is None or not all(map(plain, given)) or (code := library()) is None:
        return None
    result = given[-1]
    axes = axes_of(result)
    flat = fields(axes, given)
    if flat is None:
        return None
    count = threads(given[0][0].numel())
    require_memory(getattr(code, name)(ctypes.byref(gas), extent(result, axes), count, flat, *more), name, count)
    return result
