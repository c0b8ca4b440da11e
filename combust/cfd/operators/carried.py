"""Passive quantities per mass that move with the gas: bounded advection by given mass fluxes, diffusion, sources.

Rows of the padded f are the quantities, those of U are rho f. All functions are pure and are compiled.
"""

from __future__ import annotations

import torch
from torch import Tensor

from combust.cfd.mesh.grid import Faces, Layout, Metrics, along
from combust.cfd.operators.reconstruction import named
from combust.cfd.operators.scalars import divergence
from combust.cfd.operators.stencils import layers, mean, slope, wider


def bounded(reconstruction: str) -> str:
    """The scheme that carries them: that of the other scalars if it has bounds, else van Leer's."""
    return "van-leer" if named(reconstruction).bounded == "nowhere" else reconstruction


def mass_rate(mass: Faces, layout: Layout, metrics: Metrics) -> Tensor:
    """Rate of change of the density by mass fluxes at the faces that `divergence` takes [kg/m3/s]."""
    total: Tensor | None = None
    for axis in layout.axes:
        part = divergence(mass[axis], layout, metrics[axis], axis)  # type: ignore[arg-type]
        total = part if total is None else total + part
    assert total is not None
    return -total


def advection(f: Tensor, mass: Faces, layout: Layout, metrics: Metrics, reconstruction: str) -> Tensor:
    """Rate of change of rho f by advection; mass : fluxes at the faces that `divergence` takes [kg/m2/s]."""
    total = torch.zeros((), dtype=f.dtype, device=f.device)
    for axis in layout.axes:
        m, metric = mass[axis], metrics[axis]
        assert m is not None and metric is not None
        face = named(reconstruction).values(f, m, wider(layout, axis), metric, axis)
        total = total - divergence(m * face, layout, metric, axis)
    return total


def diffusion(f: Tensor, coefficients: Tensor, layout: Layout, metrics: Metrics) -> Tensor:
    """Rate of change of rho f by diffusion; coefficients : padded [kg/m/s], a row each."""
    total = torch.zeros((), dtype=f.dtype, device=f.device)
    for axis in layout.axes:
        metric = metrics[axis]
        assert metric is not None
        more = layers(layout, axis)
        near, wide = (along(g, layout, axis, -1 - 2 * more, 1 + 2 * more) for g in (coefficients, f))
        flux = -mean(near, layout, axis, metric.right) * slope(wide, layout, axis, metric.per_distance)
        total = total - divergence(flux, layout, metric, axis)
    return total


def stage(
    row: Tensor,
    U0: Tensor,
    U1: Tensor,
    U2: Tensor,
    rate0: Tensor,
    source: Tensor,
    f1: Tensor,
    dt: Tensor,
    coefficients: Tensor,
    soft: Tensor,
    rho: Tensor,
    layout: Layout,
    metrics: Metrics,
) -> tuple[Tensor, Tensor]:
    """One Runge-Kutta-Chebyshev stage of d(rho f)/dt = source + diffusion(f) - soft rho f, as `scalars.stage`: rho f
    and f.

    f1 : padded f of U1;  rate0 : of diffusion and destruction at the start;  rho : density at the stage's time [kg/m3]
    """
    mu, nu, mt, gt = row
    rate = diffusion(f1, coefficients, layout, metrics) - soft * U1
    U = (1 - mu - nu) * U0 + mu * U1 + nu * U2 + dt * (mt * (rate + source) + gt * (source + rate0))
    return U, U / rho


def settle(
    U0: Tensor,
    transport: Tensor,
    rho0: Tensor,
    rho: Tensor,
    added: Tensor,
    destruction: Tensor,
    dt: Tensor,
    positive: Tensor,
    second: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """f at the end of a step in which transport adds `transport` to rho f per time, and the sources `added` and what
    destruction takes; what the sources do per time; and how many values are held.

    Destruction d f is implicit: f = (f0 + dt r (1 + x/2)) / (1 + x + x^2/2) with x = d dt and r all that comes in, of
    second order and for no x below zero; without `second` f = (f0 + dt r) / (1 + x). Where transport alone would leave
    less than nothing of a positive quantity, it is held: what transport takes out becomes a destruction as well.
    Patankar's rule, see Burchard, Deleersnijder, Meister, Appl. Numer. Math. 47 (2003) 1.
    doi:10.1016/S0168-9274(03)00101-6
    """
    x = dt * destruction
    more = 1.0 + 0.5 * x if second else torch.ones_like(x)
    divisor = 1.0 + x * more
    left = U0 + dt * transport * more
    held = positive & (left < 0)
    f = (left + dt * added * more) / (rho * divisor)
    share = -dt * transport * rho0 / U0.clamp_min(1e-300)  # of rho f there was, that transport takes out
    y = x + (share / rho).clamp_min(0.0)
    more = 1.0 + 0.5 * y if second else torch.ones_like(y)
    f_held = (U0 + dt * added * more) / (rho * (1.0 + y * more))
    f = torch.where(held, torch.where(torch.isfinite(f_held), f_held, 0.0), f)
    return f, added - rho * destruction * f, held.sum()
