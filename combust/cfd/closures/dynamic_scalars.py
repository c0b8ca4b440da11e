"""Diffusivities of eddies that the resolved motion asks for: the procedure of `dynamic_smagorinsky` for scalars.

    K_j = (rho u_j f)^ - (rho u_j)^ (rho f)^ / rho^
    R_j = D^2 ((rho |S| f_j)^ - (D^/D)^2 rho^ |S^| f^_j),   f_j the slope of f along j, f^_j = (rho f_j)^ / rho^
    C/Pr = <K_j R_j> / <R_j R_j>,   D_t = C/Pr D^2 |S|

of the temperature for heat, and for species with sums over all mass fractions, in the sense of least squares (Lilly).
Where C/Pr is negative D_t is zero; where nothing varies it is that of the given number.

Moin, Squires, Cabot, Lee, Phys. Fluids A 3 (1991) 2746. doi:10.1063/1.858164
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from combust.cfd.closures.box_filter import Weights, box_filtered
from combust.cfd.closures.names import Filter
from combust.cfd.closures.symmetric import layered, rate
from combust.cfd.closures.view import View
from combust.cfd.mesh.slabs import Joined
from combust.cfd.operators.gradients import gradient
from combust.kernels import compiled

EVEN = 1e-8  # R over rho |S| D f where f counts as the same everywhere


def scalar_contractions(flow: Tensor, width: Tensor, ratio: float, weights: Weights, own: Tensor) -> Tensor:
    """(3, ...) K_j R_j, R_j R_j, and the square of what R would be if f changed by itself over a cell.

    flow : (14, ...) density, velocity, strain, f and its slopes (z, y, x), one layer more along the filtered axes
    width : D [m];  ratio : (D^/D)^2;  own : rho |S| f of the cells without that layer
    """
    rho, u, S, f, slopes = flow[0], flow[1:4].unbind(), flow[4:10].unbind(), flow[10], flow[11:14].unbind()
    mean = box_filtered(rho, weights)
    mean_f = box_filtered(rho * f, weights) / mean
    inner, wide = rho * rate(S), ratio * rate([box_filtered(rho * one, weights) / mean for one in S])
    K = [box_filtered(rho * v * f, weights) - box_filtered(rho * v, weights) * mean_f for v in u]
    square = width * width
    R = [square * (box_filtered(inner * g, weights) - wide * box_filtered(rho * g, weights)) for g in slopes]
    kr, rr = (sum((a * b for a, b in zip(x, R, strict=True)), torch.zeros_like(mean)) for x in (K, R))
    return torch.stack([kr, rr, (width * own) ** 2])


scalar_contractions_kernel = compiled(scalar_contractions)


def scalar_products(view: View, filter: Filter, S: Tensor, rows: range) -> Tensor:
    """(3, ...) `scalar_contractions` of (T, Y), summed over these rows (collective)."""
    grid, box, width = view.grid, view.domain.box, view.width(filter)
    cells, total = view.inner(view.q), torch.zeros(3, *view.grid.layout.n, dtype=torch.float64, device=view.grid.device)
    shared = layered(view, torch.cat([view.rho[None], view.velocity, S]))
    for row in rows:
        slopes = gradient(view.q[row], grid.layout, grid.metrics)
        flow = torch.cat([shared, layered(view, torch.cat([cells[row][None], slopes]))])
        own, joined, beyond = view.rho * rate(S) * cells[row], Joined(grid.layout.n[0]), 2 * int(0 in box.axes)
        for slab in view.domain.slabs:
            part = flow if slab.whole else flow.narrow(1, slab.start, slab.planes + beyond)
            fields = slab.cells(width), box.ratio, box.of(slab), slab.cells(own)
            joined.put(slab.start, scalar_contractions_kernel(part, *fields))
        total = total + joined.whole
    return total


def diffusivity(sums: Tensor, nu: Tensor, number: float, per: Tensor) -> Tensor:
    """D_t (nz, ny, nx) [m2/s] of averages `sums` of `scalar_products`. per : D^2 |S|;  number : turbulent Prandtl or
    Schmidt number where nothing varies
    """
    found = torch.where(sums[1] > 0, sums[0] / sums[1], 0.0).clamp_min(0.0) * per
    return torch.where(sums[1] > EVEN * EVEN * sums[2], found, nu / number)


def dynamic_diffusivities(
    view: View, filter: Filter, S: Tensor, nu: Tensor, numbers: tuple[float, float], average: Callable[[Tensor], Tensor]
) -> tuple[Tensor, Tensor]:
    """(alpha_t, D_t) of heat and species; average : of rows over where the constants are one (collective)."""
    width, rows = view.width(filter), (range(0, 1), range(1, len(view.q)))
    per = width * width * rate(S)
    heat, species = (
        diffusivity(average(scalar_products(view, filter, S, which)), nu, number, per)
        for which, number in zip(rows, numbers, strict=True)
    )
    return heat, species
