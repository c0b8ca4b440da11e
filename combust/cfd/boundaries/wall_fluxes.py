"""Heat and species that leave the gas through walls and burners, by the present state: fields and numbers.

Fluxes count out of the gas. Through a wall no species passes, which is seen here: their total fluxes are those that the
scheme takes, thermal diffusion included.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from combust.cfd.boundaries.conditions import Burner, Wall
from combust.cfd.boundaries.fill import Filler
from combust.cfd.boundaries.patches import Patch
from combust.cfd.operators import scalars
from combust.cfd.operators.coefficients import Coefficients
from combust.cfd.operators.scalars import SIDES
from combust.kinetics.rates.thermo import Thermo


class Through(NamedTuple):
    """What leaves through the owned faces of a patch, their areas [m2]; flux : heat [W/m2], species [kg/m2/s]."""

    patch: Patch
    flux: Tensor
    area: Tensor


def through(q: Tensor, coefficients: Coefficients, filler: Filler, thermo: Thermo) -> Iterator[Through]:
    """Of each wall and burner of this block; q : padded (T, Y)."""
    for axis in filler.layout.axes:
        metric, areas = filler.grid.metrics[axis], filler.areas[axis]
        own = [p for p in filler.patches() if p.at.axis == axis and isinstance(p.condition, Wall | Burner)]
        if not own or metric is None or areas is None:
            continue
        whole = scalars.diffusive_flux(q, coefficients, thermo, filler.layout, metric, axis)
        for patch in own:
            side = patch.at.side
            flux = patch.owned((2 * side - 1) * whole.narrow(axis - 3, side * filler.layout.n[axis], 1)).clone()
            value = patch.at.now.heat
            flux[0] -= patch.inner(value) if isinstance(value, Tensor) else value
            yield Through(patch, flux, patch.owned(areas[side]))


def heat_by_side(found: Iterable[Through]) -> list[float]:
    """Heat that leaves through the low and high side of z, y, x of this block [W]."""
    total = [0.0] * SIDES
    for patch, flux, area in found:
        total[2 * patch.at.axis + patch.at.side] += float((flux[0] * area).sum())
    return total


def largest_species_flux(found: Iterable[Through]) -> float:
    """The largest modulus of the flux of a species through the walls of this block [kg/m2/s]."""
    return max((float(flux[1:].abs().max()) for _, flux, _ in found if flux.numel()), default=0.0)


def heat_field(found: Iterable[Through], filler: Filler) -> Tensor:
    """Heat that leaves a cell through its walls over their area [W/m2], zero in cells without walls (nz, ny, nx)."""
    heat = torch.zeros(filler.layout.n, dtype=torch.float64, device=filler.grid.device)
    area_of = torch.zeros_like(heat)
    for patch, flux, area in found:
        edge = patch.at.side * (filler.layout.n[patch.at.axis] - 1)
        patch.owned(heat.narrow(patch.at.axis, edge, 1)).add_(flux[0] * area)
        patch.owned(area_of.narrow(patch.at.axis, edge, 1)).add_(area.expand(flux[0].shape))
    return heat / torch.where(area_of > 0, area_of, 1.0)
