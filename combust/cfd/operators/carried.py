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


def begun(
    rho0: Tensor, mass: Faces, dt: Tensor, diffusivity: Tensor | None, layout: Layout, metrics: Metrics
) -> tuple[Tensor, Tensor | None]:
    """Density after dt by these mass fluxes [kg/m3], and the diffusivity [m2/s] times its mean over the step."""
    rho1 = rho0 + dt * mass_rate(mass, layout, metrics)
    return rho1, None if diffusivity is None else 0.5 * (rho0 + rho1) * diffusivity


def mixing(
    eddies: Tensor,
    viscosity0: Tensor,
    viscosity1: Tensor,
    molecular: Tensor,
    rho0: Tensor,
    rho1: Tensor,
    layout: Layout,
) -> tuple[Tensor, Tensor]:
    """Coefficients of `diffusion`, padded [kg/m/s], and the largest over the density of the owned cells [m2/s].

    eddies : padded [kg/m/s];  viscosity0, viscosity1 : of the gas at the ends of the step;  molecular : rows with it
    """
    total = eddies + molecular * (0.5 * (viscosity0 + viscosity1))
    return total, (along(total, layout, 2, 0, 0) / torch.minimum(rho0, rho1)).max()


def parted(
    rho0: Tensor,
    rho1: Tensor,
    production: Tensor,
    destruction: Tensor,
    stiff: Tensor,
    cap: Tensor,
    fixed: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What sources add to rho f and take of it [1/s] in the stages of diffusion, and the rest of both.

    stiff : where stages take nothing, elsewhere destruction up to `cap` [1/s];  fixed : NaN where sources act
    """
    added = 0.5 * (rho0 + rho1) * production
    soft = torch.where(stiff, 0.0, torch.minimum(destruction, cap))
    rest = destruction - soft
    if fixed is not None:
        free = torch.isnan(fixed)
        added, soft, rest = (torch.where(free, f, 0.0) for f in (added, soft, rest))
    in_stages = torch.where(stiff, 0.0, added)
    return in_stages, soft, added - in_stages, rest


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


def first_stage(
    U0: Tensor,
    diffused: Tensor,
    soft: Tensor,
    rates: tuple[Tensor, Tensor, Tensor],
    by: Tensor,
    share: Tensor,
    rho0: Tensor,
    rho1: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The rate of diffusion and destruction at the start, the sum of the constant `rates`, and rho f and f after the
    first stage, of the length `by` [s], which stands a `share` of the step after its start.
    """
    rate0, source = diffused - soft * U0, rates[0] + rates[1] + rates[2]
    U = U0 + by * (rate0 + source)
    return rate0, source, U, U / (rho0 + share * (rho1 - rho0))


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
    share: Tensor,
    rho0: Tensor,
    rho1: Tensor,
    layout: Layout,
    metrics: Metrics,
) -> tuple[Tensor, Tensor]:
    """One Runge-Kutta-Chebyshev stage of d(rho f)/dt = source + diffusion(f) - soft rho f, as `scalars.stage`: rho f
    and f.

    f1 : padded f of U1;  rate0 : of diffusion and destruction at the start
    share : of the step, after which the stage stands;  rho0, rho1 : density at its ends [kg/m3]
    """
    mu, nu, mt, gt = row
    rate = diffusion(f1, coefficients, layout, metrics) - soft * U1
    U = (1 - mu - nu) * U0 + mu * U1 + nu * U2 + dt * (mt * (rate + source) + gt * (source + rate0))
    return U, U / (rho0 + share * (rho1 - rho0))


def at_start(advected: Tensor, diffused: Tensor, added: Tensor, soft: Tensor, U0: Tensor) -> Tensor:
    """Rate of change of rho f at the start of a step by all that stages take."""
    return advected + diffused + added - soft * U0


def transported(U: Tensor, U0: Tensor, acted: Tensor, dt: Tensor) -> Tensor:
    """Mean rate that took rho f from U0 to U in dt, less what other sources did meanwhile."""
    return (U - U0) / dt - acted


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
