"""Smagorinsky's closure with the constant that the resolved motion asks for: the dynamic procedure.

With a second filter of width D^ (`box_filter`) the stresses between the two widths are known, and those of the closure
at both differ by C M, C the square of Smagorinsky's constant:

    L_ij = (rho u_i u_j)^ - (rho u_i)^ (rho u_j)^ / rho^
    M_ij = 2 D^2 ((rho |S| S_ij)^ - (D^/D)^2 rho^ |S^| S^_ij),   S^ = (rho S)^ / rho^
    C = <L_ij M_ij> / <M_ij M_ij>

S is the rate of strain without dilatation, |S| = (2 S:S)^(1/2). The averages < > are those of `Average`. Where C is
negative there are no eddies, which is counted.

Germano, Piomelli, Moin, Cabot, Phys. Fluids A 3 (1991) 1760. doi:10.1063/1.857955
Lilly, Phys. Fluids A 4 (1992) 633. doi:10.1063/1.858280
With density: Moin, Squires, Cabot, Lee, Phys. Fluids A 3 (1991) 2746. doi:10.1063/1.858164
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from combust.cfd.closures.algebraic import of_viscosity_kernel
from combust.cfd.closures.averages import domain_sums, plane_sums
from combust.cfd.closures.base import EddyFields, Showing
from combust.cfd.closures.box_filter import Weights, box_filtered
from combust.cfd.closures.names import Average, Filter
from combust.cfd.closures.view import View
from combust.cfd.mesh.slabs import Joined
from combust.kernels import compiled

PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
Symmetric = Sequence[Tensor] | Tensor  # six components, in the order of PAIRS


def strain(gradients: Tensor) -> Tensor:
    """(6, ...) the rate of strain without dilatation of (3, 3, ...) gradients, in the order of `PAIRS` [1/s]."""
    third = (gradients[0, 0] + gradients[1, 1] + gradients[2, 2]) / 3.0
    own = [gradients[i, i] - third for i in range(3)]
    return torch.stack(own + [0.5 * (gradients[i, j] + gradients[j, i]) for i, j in PAIRS[3:]])


def rate(strain: Symmetric) -> Tensor:
    """|S| = (2 S:S)^(1/2) [1/s]."""
    return (2.0 * contracted(strain, strain)).sqrt()


def contracted(a: Symmetric, b: Symmetric) -> Tensor:
    """a_ij b_ij of symmetric tensors (6, ...)."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + 2.0 * (a[3] * b[3] + a[4] * b[4] + a[5] * b[5])


def contractions(flow: Tensor, width: Tensor, ratio: float, weights: Weights) -> Tensor:
    """(2, ...) L_ij M_ij and M_ij M_ij.

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
    return torch.stack([per * contracted(L, M), per * per * contracted(M, M)])


strain_kernel = compiled(strain)
contractions_kernel = compiled(contractions)


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
    S, width, grid = strain_kernel(view.gradients), view.width(filter), view.grid
    flow = view.padded(torch.cat([view.rho[None], view.velocity, S]))
    for a in grid.layout.axes:
        more = int(a in box.axes)
        flow = flow.narrow(a + 1, grid.layout.g[a] - more, grid.layout.n[a] + 2 * more)
    joined = Joined(grid.layout.n[0])
    more, beyond = int(0 in box.axes), 2 * int(0 in box.axes)
    for slab in view.domain.slabs:
        part = flow if slab.whole else flow.narrow(1, slab.start, slab.planes + beyond)
        joined.put(slab.start, contractions_kernel(part, slab.cells(width), box.ratio, box.of(slab)))
    return Contractions(S, width, joined.whole)


@dataclass(frozen=True)
class DynamicSmagorinsky(Showing):
    """average : of the contractions;  prandtl, schmidt : turbulent numbers;  filter : whose width D is."""

    average: Average = "plane"
    prandtl: float = 0.7
    schmidt: float = 0.7
    filter: Filter = "volume"

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
        nu = self._square(view, of.products).clamp_min(0.0) * of.width * of.width * rate(of.strain)
        return EddyFields(*of_viscosity_kernel(nu, of.width, self.prandtl, self.schmidt))

    def _square(self, view: View, products: Tensor) -> Tensor:
        sums = (
            domain_sums(view, products).reshape(2, 1, 1, 1) if self.average == "global" else plane_sums(view, products)
        )
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
