"""What happens at a face where a stream enters and the gas floats: the stream's expansion, and heat to a burner."""

from __future__ import annotations

import torch
from torch import Tensor

from combust.cfd.boundaries import outflow
from combust.cfd.boundaries.conditions import Burner
from combust.cfd.boundaries.fill import Filler
from combust.cfd.mesh.grid import Faces, along
from combust.cfd.mesh.grid import near as cells
from combust.cfd.operators import scalars
from combust.cfd.operators.coefficients import Coefficients, specific_moles
from combust.kinetics.rates.thermo import Thermo, h_and_cp_mass, h_mass


def expansion(T: Tensor, Y: Tensor, stream: Tensor, thermo: Thermo) -> Tensor:
    """Volume that a stream gains, per own volume, as it mixes with gas of T [K] and Y at constant pressure.

    T : (nz, ny, nx);  Y : (species, nz, ny, nx);  stream : (1 + species) or (1 + species, nz, ny, nx) its T and Y. Zero
    where both are the same, and where molar heat capacities are equal.
    """
    stream = stream.reshape(-1, 1, 1, 1) if stream.dim() == 1 else stream
    T_in, Y_in = stream[0].expand_as(T), stream[1:]
    h, cp_k = h_and_cp_mass(thermo, T)
    cp = (Y * cp_k).sum(0)
    heating = (Y_in * (h_mass(thermo, T_in) - h)).sum(0) / (cp * T)
    ratio = T / T_in
    return ratio * heating * specific_moles(thermo, Y) / specific_moles(thermo, Y_in) + (ratio - 1)


def add_expansion(S: Tensor, q: Tensor, u: Faces, filler: Filler, thermo: Thermo) -> None:
    """Adds to S [1/s], in place, what streams expand by in the cells they enter; q, u : padded (T, Y), velocities.

    The gas at the face floats, so that the stream jumps to the state of the first cell: a change of volume in advection
    which the divergence has to know, as it knows those of diffusion and reactions.
    """
    layout, inner = filler.layout, along(q, filler.layout, 2, 0, 0)
    for patch in filler.patches():
        axis, side, stream = patch.at.axis, patch.at.side, patch.at.now.stream
        metric, normal = filler.grid.metrics[axis], u[axis]
        if stream is None or metric is None or normal is None:
            continue
        inwards: float | Tensor
        if patch.condition.opens:
            inwards = outflow.inwards(patch, normal, filler)
        else:
            inwards = patch.at.now.velocity[axis] * (1 - 2 * side)
            if isinstance(inwards, Tensor):
                inwards = patch.inner(inwards).clamp_min(0.0)
            elif inwards <= 0:
                continue
        edge = side * (layout.n[axis] - 1)
        near = patch.owned(inner.narrow(axis - 3, edge, 1))
        gain = expansion(near[0], near[1:], patch.inner(stream), thermo)
        rate = metric.per_volume.narrow(axis, edge, 1)
        if metric.face is not None:
            rate = rate * cells(metric.face, axis, layout.n[axis] + 1).narrow(axis, edge + side, 1)
        patch.owned(S.narrow(axis, edge, 1)).add_(gain * (inwards * rate))


def heat_to_burner(q: Tensor, coefficients: Coefficients, filler: Filler, thermo: Thermo) -> float:
    """Heat [W] that conducts from this block's gas into burners."""
    areas = filler.areas_of(lambda condition: isinstance(condition, Burner))
    total = torch.zeros((), dtype=q.dtype, device=q.device)
    for axis in filler.layout.axes:
        metric, area = filler.grid.metrics[axis], areas[axis]
        assert metric is not None and area is not None
        flux = scalars.diffusive_flux(q, coefficients, thermo, filler.layout, metric, axis)
        total = total + scalars.outflow(flux, area, axis)[0]
    return float(total)
