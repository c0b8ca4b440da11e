"""Smagorinsky's closure with the constant that the resolved motion asks for: the dynamic procedure.

With a second filter of width D^ (`box_filter`) the stresses between the two widths are known, and those of the closure
at both differ by C M, C the square of Smagorinsky's constant:

    L_ij = (rho u_i u_j)^ - (rho u_i)^ (rho u_j)^ / rho^
    M_ij = 2 D^2 ((rho |S| S_ij)^ - (D^/D)^2 rho^ |S^| S^_ij),   S^ = (rho S)^ / rho^
    C = <L_ij M_ij> / <M_ij M_ij>

S is the rate of strain without dilatation, |S| = (2 S:S)^(1/2). Moin et al. take for S^ the strain of the velocity
(rho u)^ / rho^. It is S^ + ((u grad rho)^ - (rho u)^ (grad rho)^ / rho^) / rho^, symmetric and without trace: the same
where the density does not vary within the filter, and not made here, since it would ask for nine fields more to be
filtered and three more from other ranks. The averages < > are those of `Average`. Where C is
negative there are no eddies, which is counted.

Germano, Piomelli, Moin, Cabot, Phys. Fluids A 3 (1991) 1760. doi:10.1063/1.857955
Lilly, Phys. Fluids A 4 (1992) 633. doi:10.1063/1.858280
With density: Moin, Squires, Cabot, Lee, Phys. Fluids A 3 (1991) 2746. doi:10.1063/1.858164
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from combust.cfd.closures.algebraic import Rows, of_viscosity
from combust.cfd.closures.averages import domain_sums, plane_sums
from combust.cfd.closures.base import EddyFields, Showing
from combust.cfd.closures.box_filter import Weights, box_filtered
from combust.cfd.closures.dynamic_scalars import dynamic_diffusivities
from combust.cfd.closures.names import Average, Filter, Scalars
from combust.cfd.closures.symmetric import PAIRS, contracted, layered, moving, rate
from combust.cfd.closures.view import View
from combust.cfd.mesh.slabs import Joined
from combust.kernels import compiled

EVEN = 1e-13  # M over rho u u where motion counts as the same everywhere


def contractions(flow: Tensor, width: Tensor, ratio: float, weights: Weights) -> Tensor:
    """(2, ...) L_ij M_ij and M_ij M_ij; zero where M is within the round-off of L, the differences of rho u u.

    flow : (10, ...) density [kg/m3], velocity (z, y, x) [m/s] and strain, one layer more along the filtered axes
    width : D of the cells [m];  ratio : (D^/D)^2
    """
    # Row by row: rows put together in one tensor would cost twice as much.
    rho, u, S = flow[0], flow[1:4].unbind(), flow[4:10].unbind()
    momentum = [rho * one for one in u]
    mean = box_filtered(rho, weights)
    mean_u = [box_filtered(one, weights) / mean for one in momentum]
    mean_S = [box_filtered(rho * one, weights) / mean for one in S]
    L = [box_filtered(momentum[i] * u[j], weights) - mean * (mean_u[i] * mean_u[j]) for i, j in PAIRS]
    own, wide = rho * rate(S), ratio * mean * rate(mean_S)
    M = [box_filtered(own * one, weights) - wide * other for one, other in zip(S, mean_S, strict=True)]
    per = 2.0 * width * width
    products = torch.stack([per * contracted(L, M), per * per * contracted(M, M)])
    even = mean * sum((one * one for one in mean_u), torch.zeros_like(mean))
    return torch.where(products[1] > (EVEN * even) ** 2, products, 0.0)


def eddies(square: Tensor, strain: Tensor, width: Tensor, prandtl: float, schmidt: float) -> Rows:
    """`of_viscosity` where the square of Smagorinsky's constant is `square`; where that is negative there are none."""
    nu = square.clamp_min(0.0) * width * width * rate(strain)
    return of_viscosity(nu, width, prandtl, schmidt)


moving_kernel = compiled(moving)
contractions_kernel = compiled(contractions)
eddies_kernel = compiled(eddies)


class Contractions(NamedTuple):
    """What of a flow its constant is made of.

    strain : (6, ...) of the owned cells [1/s];  width : D [m];  products : (2, ...) L_ij M_ij and M_ij M_ij
    """

    strain: Tensor
    width: Tensor
    products: Tensor


def contractions_of(view: View, filter: Filter) -> Contractions:
    """Of the flow of a view, made once (collective)."""
    return view.once(("contractions", filter), lambda: _contractions(view, filter))


def _contractions(view: View, filter: Filter) -> Contractions:
    box = view.domain.box
    now, width, grid = moving_kernel(view.rho, view.velocity, view.gradients), view.width(filter), view.grid
    flow = layered(view, now)
    joined = Joined(grid.layout.n[0])
    beyond = 2 * int(0 in box.axes)
    for slab in view.domain.slabs:
        part = flow if slab.whole else flow.narrow(1, slab.start, slab.planes + beyond)
        joined.put(slab.start, contractions_kernel(part, slab.cells(width), box.ratio, box.of(slab)))
    return Contractions(now[4:], width, joined.whole)


@dataclass(frozen=True)
class DynamicSmagorinsky(Showing):
    """average : of the contractions;  prandtl, schmidt : turbulent numbers;  filter : whose width D is
    scalars : whether these numbers are given or dynamic, too
    """

    average: Average = "plane"
    prandtl: float = 0.7
    schmidt: float = 0.7
    filter: Filter = "volume"
    scalars: Scalars = "given"

    axisymmetric = False  # it filters along x, y and z

    @property
    def fields(self) -> Mapping[str, Callable[[View], Tensor]]:
        """The square of the constant."""
        return {"smagorinsky_square": self.square}

    @property
    def columns(self) -> Mapping[str, Callable[[View], float]]:
        """Where it is limited."""
        return {"eddies_limited": self.limited}

    def update(self, view: View) -> EddyFields:
        """The eddies of the flow of `view`."""
        of = contractions_of(view, self.filter)
        square = self._square(view, of.products)
        found = EddyFields(*eddies_kernel(square, of.strain, of.width, self.prandtl, self.schmidt), width=of.width)
        if self.scalars == "given":
            return found
        numbers, average = (self.prandtl, self.schmidt), lambda rows: self._sums(view, rows)
        heat, species = dynamic_diffusivities(view, self.filter, of.strain, found.viscosity, numbers, average)
        return found._replace(heat=heat, species=species)

    def _sums(self, view: View, rows: Tensor) -> Tensor:
        return domain_sums(view, rows).reshape(-1, 1, 1, 1) if self.average == "global" else plane_sums(view, rows)

    def _square(self, view: View, products: Tensor) -> Tensor:
        sums = self._sums(view, products)
        found = torch.where(sums[1] > 0, sums[0] / sums[1], 0.0)
        return found.expand(view.grid.layout.n)

    def square(self, view: View) -> Tensor:
        """C, the square of Smagorinsky's constant before it is limited to C >= 0, (nz, ny, nx)."""
        return self._square(view, contractions_of(view, self.filter).products)

    def limited(self, view: View) -> float:
        """The share of the volume where C is negative, so that there are no eddies."""
        negative = (self.square(view) < 0).to(torch.float64)
        shares = domain_sums(view, torch.stack([negative, torch.ones_like(negative)]))
        return float(shares[0] / shares[1])
