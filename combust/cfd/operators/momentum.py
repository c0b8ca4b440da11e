"""Momentum on staggered faces: mass-consistent central convection, full viscous stress.

The momentum volume of a face spans the halves of its two cells; its mass flux is the mean of theirs. Where the
velocity at its faces is the mean of the two beside them, convection neither makes nor loses discrete kinetic energy,
whatever the density, as long as that follows the same mass fluxes: "central" interpolates linearly, which is the mean
on uniform grids, "conserving" takes the mean on all grids. Verstappen & Veldman, J. Comput. Phys. 187 (2003) 343,
doi:10.1016/S0021-9991(03)00126-8. Along `Layout.fourth` slopes and means are of fourth order, and convection is that
of Morinishi et al., J. Comput. Phys. 143 (1998) 90, doi:10.1006/jcph.1998.5962, eq. 95, which keeps it too.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from combust.cfd.mesh.grid import NAMES, AxisMetric, Faces, Layout, Metrics, cut, near, weighted
from combust.cfd.operators.names import Momentum
from combust.cfd.operators.stencils import (
    blend,
    carried,
    difference,
    layers,
    mean,
    mean_of_four,
    moduli,
    pair_sum,
    slope,
)


def take(f: Tensor, layout: Layout, spans: dict[int, tuple[int, int]]) -> Tensor:
    return cut(f, layout, **{NAMES[a]: s for a, s in spans.items()})


def face_density(rho: Tensor, layout: Layout, metrics: Metrics, axis: int) -> Tensor:
    """Density of the momentum volumes at faces 0..n of an axis, from the padded cell density."""
    around = take(rho, layout, {axis: beside(layout, axis)})
    return mean(around, layout, axis, metrics[axis].right_volume)  # type: ignore[union-attr]


def beside(layout: Layout, axis: int) -> tuple[int, int]:
    """The cells that means and slopes at faces 0..n of an axis take, as a span of `cut`."""
    more = layers(layout, axis)
    return -1 - more, 1 + more


def own_faces(layout: Layout, axis: int) -> tuple[int, int]:
    """The faces that slopes at the owned cells take, as a span of `cut`."""
    more = layers(layout, axis)
    return -more, 1 + more


def gradient(p: Tensor, layout: Layout, metrics: Metrics, axis: int) -> Tensor:
    """Slope of a padded field of cells at faces 0..n of an axis."""
    around = take(p, layout, {axis: beside(layout, axis)})
    return slope(around, layout, axis, metrics[axis].per_distance)  # type: ignore[union-attr]


def convection(u: Faces, mass: Faces, layout: Layout, metrics: Metrics, scheme: Momentum = "central") -> Faces:
    """-div(mass flux * u) at the faces of each axis [kg/m2/s2]; u and mass fluxes padded with ghosts."""
    result: list[Tensor | None] = [None] * 3
    for a in layout.axes:
        ua, ma = u[a], mass[a]
        assert ua is not None and ma is not None
        metric = metrics[a]
        assert metric is not None
        total = -_along_itself(ua, ma, layout, metric, a)
        for b in layout.axes:
            if b == a:
                continue
            mb, other, wide = mass[b], metrics[b], layers(layout, b)
            assert mb is not None and other is not None
            through = take(mb, layout, {a: beside(layout, a), b: own_faces(layout, b)})
            through = mean(through, layout, a, metric.right_volume)
            if wide:
                beyond = take(ua, layout, {a: (0, 1), b: (-3, 3)})
                total = total - carried(through, beyond, b) * other.per_width.narrow(b - 3, 0, 1)
                continue
            flux = through * blend(take(ua, layout, {a: (0, 1), b: (-1, 1)}), b, _share(other, scheme))
            total = total - difference(weighted(flux, other, b), b) * other.per_volume
        result[a] = total
    return tuple(result)


def _along_itself(ua: Tensor, ma: Tensor, layout: Layout, metric: AxisMetric, a: int) -> Tensor:
    """Slope of mass flux times velocity along its own axis, over momentum volumes at faces 0..n."""
    if layers(layout, a):
        own, around = (take(f, layout, {a: (-3, 4)}) for f in (ma, ua))
        return carried(mean_of_four(own, a), around, a) * metric.per_momentum.narrow(a - 3, 0, 1)
    own = weighted(take(ma, layout, {a: (-1, 2)}), metric, a)
    centre = 0.25 * pair_sum(own, a) * pair_sum(take(ua, layout, {a: (-1, 2)}), a)
    return difference(centre, a) * metric.per_momentum


def _share(metric: AxisMetric, scheme: Momentum) -> Tensor:
    """Of the cell to the right in the velocity between two cells. At a boundary it is that of the ghost, all of it."""
    if scheme == "central":
        return metric.right
    return torch.where((metric.right > 0.0) & (metric.right < 1.0), 0.5, metric.right)


def viscous_force(u: Faces, viscosity: Tensor, layout: Layout, metrics: Metrics) -> Faces:
    """div tau at the faces of each axis [N/m3], tau = mu (grad u + grad u^T - 2/3 div u); u, mu padded."""
    result: list[Tensor | None] = [None] * 3
    for a in layout.axes:
        metric = metrics[a]
        assert metric is not None
        total = slope(_normal_stress(u, viscosity, layout, metrics, a), layout, a, metric.per_momentum)
        if metric.cell is not None:
            total = total - _hoop_force(u, viscosity, layout, metrics, a)
        for b in layout.axes:
            if b != a:
                other = metrics[b]
                assert other is not None
                shear = _shear_stress(u, viscosity, layout, metrics, a, b)
                total = total + slope(weighted(shear, other, b), layout, b, other.per_volume)
        result[a] = total
    return tuple(result)


def _normal_stress(u: Faces, viscosity: Tensor, layout: Layout, metrics: Metrics, a: int) -> Tensor:
    """tau_aa at cells -1..n along a, times their weight; at one more on either side where the order is the fourth.
    Beyond a boundary the cell has no width: its neighbour's.
    """
    div, strain, cells = None, None, beside(layout, a)
    for b in layout.axes:
        ub, metric = u[b], metrics[b]
        assert ub is not None and metric is not None
        if b == a:
            strain = gradient = _own_strain(ub, layout, metric, a)
            if metric.cell is not None:
                gradient = gradient + _hoop_strain(ub, layout, metric, a)
        else:
            faces = weighted(take(ub, layout, {a: cells, b: own_faces(layout, b)}), metric, b)
            gradient = slope(faces, layout, b, metric.per_volume)
        div = gradient if div is None else div + gradient
    assert div is not None and strain is not None
    tau = take(viscosity, layout, {a: cells}) * (2 * strain - (2.0 / 3.0) * div)
    metric_a = metrics[a]
    assert metric_a is not None
    if layers(layout, a):
        return tau
    tau = _repeat_into_ghosts(tau, near(metric_a.half, a, layout.n[a] + 2), a)
    return tau if metric_a.cell is None else tau * near(metric_a.cell, a, layout.n[a] + 2)


def _own_strain(ua: Tensor, layout: Layout, metric: AxisMetric, a: int) -> Tensor:
    """du_a/dx_a at the cells of `_normal_stress`."""
    if layers(layout, a):
        return slope(take(ua, layout, {a: (-3, 4)}), layout, a, metric.per_width)
    width = 2 * near(metric.half, a, layout.n[a] + 2)
    return difference(take(ua, layout, {a: (-1, 2)}), a) / torch.where(width > 0, width, 1.0)


def _hoop_strain(v: Tensor, layout: Layout, metric: AxisMetric, a: int) -> Tensor:
    """v / r at cells -1..n of an axisymmetric mesh [1/s]: what the divergence has beside dv/dr."""
    assert metric.cell is not None
    r = near(metric.cell, a, layout.n[a] + 2)
    return 0.5 * pair_sum(take(v, layout, {a: (-1, 2)}), a) / torch.where(r > 0, r, 1.0)


def _hoop_force(u: Faces, viscosity: Tensor, layout: Layout, metrics: Metrics, a: int) -> Tensor:
    """tau_theta / r of the momentum volumes at faces 0..n [N/m3]: each half cell gives its stress times its width."""
    metric, v = metrics[a], u[a]
    assert metric is not None and v is not None
    half = near(metric.half, a, layout.n[a] + 2)
    hoop = _hoop_strain(v, layout, metric, a)
    div = hoop + difference(take(v, layout, {a: (-1, 2)}), a) / torch.where(half > 0, 2 * half, 1.0)
    for b in layout.axes:
        other, ub = metrics[b], u[b]
        if b != a:
            assert other is not None and ub is not None
            div = div + difference(take(ub, layout, {a: (-1, 1), b: (0, 1)}), b) * other.per_width
    tau = take(viscosity, layout, {a: (-1, 1)}) * (2 * hoop - (2.0 / 3.0) * div)
    return pair_sum(tau * half, a) * metric.per_momentum


def _repeat_into_ghosts(tau: Tensor, half: Tensor, a: int) -> Tensor:
    """No viscous force normal to a boundary on its face: a ghost of no width takes its neighbour's stress."""
    m = tau.shape[a - 3]
    first, last = tau.narrow(a - 3, 0, 1), tau.narrow(a - 3, m - 1, 1)
    second, before = tau.narrow(a - 3, 1, 1), tau.narrow(a - 3, m - 2, 1)
    first = torch.where(half.narrow(a - 3, 0, 1) > 0, first, second)
    last = torch.where(half.narrow(a - 3, m - 1, 1) > 0, last, before)
    return torch.cat([first, tau.narrow(a - 3, 1, m - 2), last], dim=a - 3)


def _shear_stress(u: Faces, viscosity: Tensor, layout: Layout, metrics: Metrics, a: int, b: int) -> Tensor:
    """tau_ab at the edges where faces of a (0..n) and those of b meet that `slope` takes."""
    ua, ub, ma, mb = u[a], u[b], metrics[a], metrics[b]
    assert ua is not None and ub is not None and ma is not None and mb is not None
    more = layers(layout, b)
    cells = -1 - 2 * more, 1 + 2 * more
    mu = mean(take(viscosity, layout, {a: beside(layout, a), b: cells}), layout, a, ma.right)
    mu = mean(mu, layout, b, mb.right)
    dua = slope(take(ua, layout, {a: (0, 1), b: cells}), layout, b, mb.per_distance)
    dub = slope(take(ub, layout, {b: own_faces(layout, b), a: beside(layout, a)}), layout, a, ma.per_distance)
    return mu * (dua + dub)


def viscous_stage(
    row: Tensor,
    u0: Faces,
    u1: Faces,
    u2: Faces,
    F0: Faces,
    source: Faces,
    padded: Faces,
    rho: Tensor,
    dt: Tensor,
    viscosity: Tensor,
    layout: Layout,
    metrics: Metrics,
) -> Faces:
    """One Runge-Kutta-Chebyshev stage of du/dt = source + div tau / rho on the faces 0..n of each axis."""
    force = viscous_force(padded, viscosity, layout, metrics)
    mu, nu, mt, gt = row
    result: list[Tensor | None] = [None] * 3
    for a in layout.axes:
        a0, a1, a2, f0, s, f = u0[a], u1[a], u2[a], F0[a], source[a], force[a]
        assert a0 is not None and a1 is not None and a2 is not None
        assert f0 is not None and s is not None and f is not None
        rate = s + f / face_density(rho, layout, metrics, a)
        result[a] = (1 - mu - nu) * a0 + mu * a1 + nu * a2 + dt * (mt * rate + gt * f0)
    return tuple(result)


def viscous_rate(u: Faces, rho: Tensor, viscosity: Tensor, layout: Layout, metrics: Metrics) -> Faces:
    """div tau / rho at the faces of each axis [m/s2]."""
    force = viscous_force(u, viscosity, layout, metrics)
    return tuple(None if f is None else f / face_density(rho, layout, metrics, a) for a, f in enumerate(force))


def derivative(
    u: Faces, component: int, axis: int, layout: Layout, metrics: Metrics, high: Tensor | float = 0.5
) -> Tensor | None:
    """du_component/dx_axis at the owned cells [1/s]; None along an inactive direction.

    Across the component's own axis it lies between the slopes at the two faces of a cell, from cell means of u.
    high : weight of the slope at the high face, to broadcast over (nz, ny, nx). Second order with that of
    `Domain.slope_weights`; with a half everywhere, but first order in cells at a wall.
    """
    f, metric = u[component], metrics[axis]
    if f is None or metric is None:
        return None
    if component == axis:
        return slope(take(f, layout, {axis: own_faces(layout, axis)}), layout, axis, metric.per_width)
    n, m, more = layout.n[component], layout.n[axis], layers(layout, axis)
    f = take(f, layout, {component: own_faces(layout, component), axis: (-1 - 2 * more, 1 + 2 * more)})
    if layers(layout, component):
        f = mean_of_four(f, component)
    else:
        f = 0.5 * (f.narrow(component, 0, n) + f.narrow(component, 1, n))
    at_faces = slope(f, layout, axis, metric.per_distance)
    if more:
        return mean_of_four(at_faces, axis)
    return (1.0 - high) * at_faces.narrow(axis, 0, m) + high * at_faces.narrow(axis, 1, m)


def cell_velocity(u: Faces, layout: Layout) -> Tensor:
    """Means of the faces of a cell, (3, nz, ny, nx) [m/s]; u padded."""
    faces = [None if f is None else take(f, layout, {a: (0, 1)}) for a, f in enumerate(u)]
    zero = torch.zeros(layout.n, dtype=torch.float64, device=next(f.device for f in faces if f is not None))
    n = layout.n
    return torch.stack(
        [zero if f is None else 0.5 * (f.narrow(a, 0, n[a]) + f.narrow(a, 1, n[a])) for a, f in enumerate(faces)]
    )


def velocity_gradient(u: Faces, layout: Layout, metrics: Metrics, high: Faces) -> Tensor:
    """du_i/dx_j at the owned cells, (3, 3, nz, ny, nx) with i and j in the order z, y, x [1/s]; u padded.

    high : per axis the weight of the slope at the high face of a cell (`Domain.slope_weights`)
    In an axisymmetric mesh (z, z) is the hoop strain v / r.
    """
    a = layout.axes[-1]
    zero = torch.zeros_like(take(u[a], layout, {}))  # type: ignore[arg-type]
    rows = []
    for i in range(3):
        found = (derivative(u, i, j, layout, metrics, 0.5 if w is None else w) for j, w in enumerate(high))
        rows.append(torch.stack([zero if d is None else d for d in found]))
    hoop = hoop_strain(u, layout, metrics)
    if hoop is not None:
        rows[0] = torch.stack([hoop, zero, zero])
    return torch.stack(rows)


def curl(gradients: Tensor) -> Tensor:
    """curl u of du_i/dx_j (3, 3, ...), all in the order z, y, x: (3, ...) [1/s]."""
    g = gradients
    return torch.stack([g[1, 2] - g[2, 1], g[2, 0] - g[0, 2], g[0, 1] - g[1, 0]])


def hoop_strain(u: Faces, layout: Layout, metrics: Metrics) -> Tensor | None:
    """v / r at the owned cells of an axisymmetric mesh [1/s]; None of other meshes."""
    v, metric = u[1], metrics[1]
    if v is None or metric is None or metric.cell is None:
        return None
    n = layout.n[1]
    faces = take(v, layout, {1: (0, 1)})
    return 0.5 * (faces.narrow(1, 0, n) + faces.narrow(1, 1, n)) / near(metric.cell, 1, n)


def velocity_divergence(u: Faces, layout: Layout, metrics: Metrics) -> Tensor:
    """div u over the owned cells [1/s]."""
    return _over_faces(u, layout, metrics, slope)


def velocity_moduli(u: Faces, layout: Layout, metrics: Metrics) -> Tensor:
    """The sum of the moduli of the terms of div u over the owned cells [1/s]: what its round-off is a share of."""
    return _over_faces(tuple(None if f is None else f.abs() for f in u), layout, metrics, moduli)


def _over_faces(
    u: Faces, layout: Layout, metrics: Metrics, of: Callable[[Tensor, Layout, int, Tensor], Tensor]
) -> Tensor:
    """Sum over the axes of what `of` makes of the faces around the cells."""
    total: Tensor | None = None
    for a in layout.axes:
        ua, metric = u[a], metrics[a]
        assert ua is not None and metric is not None
        faces = weighted(take(ua, layout, {a: own_faces(layout, a)}), metric, a)
        part = of(faces, layout, a, metric.per_volume)
        total = part if total is None else total + part
    assert total is not None
    return total
