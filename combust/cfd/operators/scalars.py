"""Transport of species and enthalpy: bounded advection, mixture-averaged diffusion, the divergence it implies.

Rows of the primitive array q are (T, Y_1 .. Y_n), rows of the conserved array U are (rho h, rho Y_1 .. rho Y_n).
All functions are pure and are compiled; q and the transport coefficients come padded with ghosts.
"""

from __future__ import annotations

import torch
from torch import Tensor

from combust.cfd.mesh.grid import Areas, AxisMetric, Layout, Metrics, along, weighted
from combust.cfd.operators.coefficients import Coefficients, combined, density, per_species, specific_moles
from combust.cfd.operators.reconstruction import named
from combust.cfd.operators.stencils import inside, layers, mean, slope, wider
from combust.kinetics.rates.thermo import GAS_CONSTANT, Thermo, cp_mass, h_and_cp_mass, h_mass

SIDES = 6  # of a box: the low and high one of z, y and x


def advective_flux(
    q: Tensor, u: Tensor, p0: Tensor, thermo: Thermo, layout: Layout, metric: AxisMetric, axis: int, reconstruction: str
) -> Tensor:
    """Fluxes of (rho h, rho Y) [W/m2, kg/m2/s] at the faces of an axis, from T and Y there by the equation of state.

    T is interpolated rather than h, which jumps with composition by the enthalpies of formation.
    """
    scheme, reach = named(reconstruction), wider(layout, axis)
    values = scheme.values if reach is layout else scheme.points
    assert values is not None
    face = values(q, u, reach, metric, axis)
    T, Y = face[0], face[1:]
    # Limited Y do not sum to one; rho Y with both normalised needs no sum: (p0/RT) Y_k / sum_i(Y_i/W_i).
    carried = u * p0 / (GAS_CONSTANT * T * specific_moles(thermo, Y))
    h = (Y * h_mass(thermo, T)).sum(0)
    return carried * torch.cat([h[None], Y])


def divergence(flux: Tensor, layout: Layout, metric: AxisMetric, axis: int) -> Tensor:
    """What leaves the owned cells through their faces normal to an axis, per volume; flux : at faces 0..n, at one more
    on either side where the order is the fourth.
    """
    return slope(weighted(flux, metric, axis), layout, axis, metric.per_volume)


def ends(flux: Tensor, areas: tuple[Tensor, Tensor], axis: int) -> tuple[Tensor, Tensor]:
    """What passes the high and the low end of the block per second; `areas` are zero where that is not the domain's."""
    n = flux.shape[axis - 3]
    high, low = flux.narrow(axis - 3, n - 1, 1) * areas[1], flux.narrow(axis - 3, 0, 1) * areas[0]
    return high.sum((1, 2, 3)), low.sum((1, 2, 3))


def outflow(flux: Tensor, areas: tuple[Tensor, Tensor], axis: int) -> Tensor:
    """What leaves through the block's two ends per second."""
    high, low = ends(flux, areas, axis)
    return high - low


def advection(
    q: Tensor,
    velocity: tuple[Tensor | None, ...],
    p0: Tensor,
    thermo: Thermo,
    layout: Layout,
    metrics: Metrics,
    reconstruction: str,
    areas: Areas,
) -> tuple[Tensor, tuple[Tensor | None, ...], Tensor]:
    """Rate of change of U by advection, mass fluxes at faces per axis, and outflow of U from the domain [.../s]."""
    rate = torch.zeros((), dtype=q.dtype, device=q.device)
    mass: list[Tensor | None] = [None] * 3
    out = torch.zeros(q.shape[0], dtype=q.dtype, device=q.device)
    for axis in layout.axes:
        metric, u, area = metrics[axis], velocity[axis], areas[axis]
        assert metric is not None and u is not None and area is not None
        more = layers(layout, axis)
        u = along(u, layout, axis, -more, 1 + more)
        flux = advective_flux(q, u, p0, thermo, layout, metric, axis, reconstruction)
        rate = rate - divergence(flux, layout, metric, axis)
        flux = inside(flux, layout, axis)
        mass[axis] = flux[1:].sum(0)
        out = out + outflow(flux, area, axis)
    return rate, tuple(mass), out


def diffusive_flux(
    q: Tensor, coefficients: Coefficients, thermo: Thermo, layout: Layout, metric: AxisMetric, axis: int
) -> Tensor:
    """Diffusive fluxes of (rho h, rho Y) at the faces of an axis that `divergence` takes.

    j_k = -(rho D_k W_k/W) grad X_k + Y_k sum_i (rho D_i W_i/W) grad X_i, so that they sum to zero
    (Coffee & Heimerl 1981, doi:10.1016/0010-2180(81)90027-4); q = -lambda grad T + sum_k h_k j_k. Thermal diffusion
    adds -(D_T,k/T) grad T to j_k before the correction.
    """
    more = layers(layout, axis)

    def near(f: Tensor) -> Tensor:
        return along(f, layout, axis, -1 - 2 * more, 1 + 2 * more)

    def at_face(f: Tensor) -> Tensor:
        return mean(f, layout, axis, metric.right)

    wide = near(q)
    slope_T = slope(wide[0], layout, axis, metric.per_distance)
    face = at_face(wide)
    j = -at_face(near(coefficients.mole_diffusivity)) * _slope_X(wide, thermo, layout, metric, axis)
    if coefficients.thermal_diffusion is not None:
        j = j - at_face(near(coefficients.thermal_diffusion)) * slope_T
    j = j - face[1:] * j.sum(0)
    heat = -at_face(near(coefficients.conductivity)) * slope_T + (h_mass(thermo, face[0]) * j).sum(0)
    return torch.cat([heat[None], j])


def _slope_X(wide: Tensor, thermo: Thermo, layout: Layout, metric: AxisMetric, axis: int) -> Tensor:
    """Slopes of the mole fractions at faces [1/m], from (T, Y) of the cells around."""
    dim, n = axis - 3, wide.shape[axis - 3] - 1
    moles = wide[1:] * per_species(1.0 / thermo.molar_mass)
    total = moles.sum(0)
    if layers(layout, axis):
        return slope(moles / total, layout, axis, metric.per_distance)
    # X_k = moles_k / total on both sides of the face, over one common denominator: one division per face.
    lo, hi = (0, n), (1, n)
    left, right = total.narrow(dim, *lo), total.narrow(dim, *hi)
    return (moles.narrow(dim, *hi) * left - moles.narrow(dim, *lo) * right) * (metric.per_distance / (left * right))


def diffusion(
    q: Tensor, coefficients: Coefficients, thermo: Thermo, layout: Layout, metrics: Metrics, areas: Areas
) -> tuple[Tensor, Tensor]:
    """Rate of change of U by diffusion, and what leaves the domain by diffusion [.../s].

    The latter has 7 + species entries: U through all sides, then enthalpy through each, low and high of z, y, x.
    """
    rate = torch.zeros((), dtype=q.dtype, device=q.device)
    out = torch.zeros(q.shape[0], dtype=q.dtype, device=q.device)
    heat = [out[0]] * SIDES
    for axis in layout.axes:
        metric, area = metrics[axis], areas[axis]
        assert metric is not None and area is not None
        flux = diffusive_flux(q, coefficients, thermo, layout, metric, axis)
        rate = rate - divergence(flux, layout, metric, axis)
        high, low = ends(inside(flux, layout, axis), area, axis)
        out = out + (high - low)
        heat[2 * axis], heat[2 * axis + 1] = -low[0], high[0]
    return rate, torch.cat([out, torch.stack(heat)])


def diffusive_rate(U: Tensor, q: Tensor, coefficients: Coefficients, thermo: Thermo, layout: Layout) -> Tensor:
    """Largest diffusivity [m2/s] of any species or of heat over the owned cells; q and coefficients padded."""
    conductivity = along(coefficients.conductivity, layout, layout.axes[-1], 0, 0)
    B = along(coefficients.mole_diffusivity, layout, layout.axes[-1], 0, 0)
    inner = along(q, layout, layout.axes[-1], 0, 0)
    T, Y = inner[0], inner[1:]
    species = (B / per_species(thermo.molar_mass)).amax(0) / specific_moles(thermo, Y)
    heat = conductivity / (Y * cp_mass(thermo, T)).sum(0)
    return (torch.maximum(species, heat) / U[1:].sum(0)).max()


def largest_diffusivity(q: Tensor, coefficients: Coefficients, p0: Tensor, thermo: Thermo) -> Tensor:
    """The largest diffusivity [m2/s] of a species or of heat, padded as q and the coefficients are."""
    T, Y = q[0], q[1:]
    species = (coefficients.mole_diffusivity / per_species(thermo.molar_mass)).amax(0) / specific_moles(thermo, Y)
    heat = coefficients.conductivity / (Y * cp_mass(thermo, T)).sum(0)
    return torch.maximum(species, heat) / density(thermo, T, Y, p0)


def temperature_step(U: Tensor, T: Tensor, thermo: Thermo, iterations: int) -> Tensor:
    """Newton steps towards the T at which sum_k rho Y_k h_k(T) = rho h."""
    for _ in range(iterations):
        h, cp = h_and_cp_mass(thermo, T)
        T = T + (U[0] - (U[1:] * h).sum(0)) / (U[1:] * cp).sum(0)
    return T


def primitive(U: Tensor, T: Tensor, thermo: Thermo, iterations: int) -> Tensor:
    """(T, Y) of a conserved state, T by Newton steps from a guess."""
    return torch.cat([temperature_step(U, T, thermo, iterations)[None], U[1:] * (1.0 / U[1:].sum(0))])


def first_stage(
    U0: Tensor, source: Tensor, rate: Tensor, T: Tensor, step: Tensor, thermo: Thermo
) -> tuple[Tensor, Tensor]:
    """U_1 = U_0 + step (source + rate of diffusion) and (T, Y)_1; T : a guess."""
    U1 = U0 + step * (source + rate)
    return U1, primitive(U1, T, thermo, 1)


def transport_rate(U: Tensor, U0: Tensor, wdot: Tensor, dt: Tensor) -> Tensor:
    """Mean rate at which transport changed U over dt, while reactions changed rho Y at the rates wdot."""
    rate = (U - U0) / dt
    return torch.cat([rate[:1], rate[1:] - wdot])


def stage(
    row: Tensor,
    U0: Tensor,
    U1: Tensor,
    U2: Tensor,
    rate0: Tensor,
    source: Tensor,
    q1: Tensor,
    dt: Tensor,
    coefficients: Coefficients,
    thermo: Thermo,
    layout: Layout,
    metrics: Metrics,
    areas: Areas,
) -> tuple[Tensor, Tensor, Tensor]:
    """One Runge-Kutta-Chebyshev stage of dU/dt = source + diffusion(q); returns U_j, (T, Y)_j and the outflow.

    row : (mu, nu, mu_tilde, gamma_tilde); U1, U2 : the two last stages; q1 : padded (T, Y) of U1; rate0 : of diffusion
    at the start.
    T follows by one Newton step a stage: the stages approach the end state, so it converges along the way.
    """
    fixed = coefficients, thermo, layout, metrics, areas
    U, out = _advanced(row, U0, U1, U2, rate0, source, q1, dt, *fixed)
    return U, primitive(U, along(q1[0], layout, layout.axes[-1], 0, 0), thermo, 1), out


def last_stage(
    row: Tensor,
    U0: Tensor,
    U1: Tensor,
    U2: Tensor,
    rate0: Tensor,
    source: Tensor,
    q1: Tensor,
    dt: Tensor,
    wdot: Tensor,
    coefficients: Coefficients,
    thermo: Thermo,
    layout: Layout,
    metrics: Metrics,
    areas: Areas,
) -> tuple[Tensor, Tensor]:
    """The last stage, as `stage`; returns the `transport_rate` of its U, and the outflow."""
    fixed = coefficients, thermo, layout, metrics, areas
    U, out = _advanced(row, U0, U1, U2, rate0, source, q1, dt, *fixed)
    return transport_rate(U, U0, wdot, dt), out


def _advanced(
    row: Tensor, U0: Tensor, U1: Tensor, U2: Tensor, rate0: Tensor, source: Tensor, q1: Tensor, dt: Tensor,
    coefficients: Coefficients, thermo: Thermo, layout: Layout, metrics: Metrics, areas: Areas,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """U of a stage, and the outflow."""
    rate, out = diffusion(q1, coefficients, thermo, layout, metrics, areas)
    mu, nu, mt, gt = row
    U = (1 - mu - nu) * U0 + mu * U1 + nu * U2 + dt * (mt * (rate + source) + gt * (source + rate0))
    return U, out


def divergence_source(rate: Tensor, wdot: Tensor, q: Tensor, rho: Tensor, thermo: Thermo, layout: Layout) -> Tensor:
    """S in div u = S - theta dp0/dt, from the diffusive rates of U, the mass production rates and the density [1/s].

    The velocity divergence that keeps the pressure of the equation of state at p0 while T and Y change at these rates.
    Day & Bell, Combust. Theory Modelling 4 (2000) 535. doi:10.1088/1364-7830/4/4/309
    """
    inner = along(q, layout, layout.axes[-1], 0, 0)
    T, Y = inner[0], inner[1:]
    R = rate[1:] + wdot
    h, cp_k = h_and_cp_mass(thermo, T)
    heating = rate[0] - (h * R).sum(0)
    cp = (Y * cp_k).sum(0)
    moles = (R / per_species(thermo.molar_mass)).sum(0)
    return (heating / (cp * T) + moles / specific_moles(thermo, Y)) / rho


def compressibility(q: Tensor, p0: Tensor, thermo: Thermo, layout: Layout) -> Tensor:
    """theta = 1/(gamma p0) [1/Pa]."""
    inner = along(q, layout, layout.axes[-1], 0, 0)
    T, Y = inner[0], inner[1:]
    gas = GAS_CONSTANT * specific_moles(thermo, Y)
    cp = (Y * cp_mass(thermo, T)).sum(0)
    return (cp - gas) / cp / p0


def equation_of_state_error(U: Tensor, T: Tensor, p0: Tensor, thermo: Thermo) -> Tensor:
    """(p_eos - p0)/p0 with p_eos = R T sum_k rho Y_k / W_k."""
    return GAS_CONSTANT * T * specific_moles(thermo, U[1:]) / p0 - 1


def mean_rates(rhoY: Tensor, U: Tensor, Q: Tensor, dt: Tensor) -> Tensor:
    """Mean reaction rates of the species [kg/m3/s] that took U, with the transport Q, to rhoY in dt [s]."""
    return (rhoY - U[1:]) / dt - Q[1:]


Ahead = tuple[Coefficients, Tensor, Tensor]  # what is extrapolated: transport coefficients, (T, Y), S


def ahead(now: Ahead, before: Ahead, w: Tensor) -> Ahead:
    """Extrapolated by w steps from those before and now."""

    def beyond(a: Tensor, b: Tensor) -> Tensor:
        return a + w * (a - b)

    return combined(now[0], before[0], beyond), beyond(now[1], before[1]), beyond(now[2], before[2])
