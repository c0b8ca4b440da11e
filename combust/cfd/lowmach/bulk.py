"""Holds the bulk flow along periodic axes: a force per volume, the same everywhere, as a mean pressure gradient is."""

from __future__ import annotations

import torch
from torch import Tensor

from combust.cfd.closures.base import Bulk
from combust.cfd.lowmach.discretisation import Discretisation
from combust.cfd.mesh.grid import Faces, along
from combust.cfd.operators.stencils import pair_sum


def held(
    u: Faces,
    bulk: tuple[Bulk | None, ...],
    rho: Tensor,
    beta: Faces,
    drive: Tensor | None,
    dt: float,
    on: Discretisation,
) -> tuple[Faces, Tensor]:
    """Velocities, padded, whose bulk flow is what was asked for, and the force per volume of the step [N/m3], (3).

    u : padded, after a step of dt [s] with the force `drive`;  rho : of the owned cells;  beta : dt / rho at faces.
    The force of a step is that of the last one, which the flow has felt among all others; what is missing to the bulk
    flow at its end is given at once, so that the flow is exact whatever friction does meanwhile, and steady when that
    is. The projection that follows leaves it as it is where the density is one.
    """
    axes = [a for a in on.layout.axes if bulk[a] is not None]
    mass = rho * on.grid.volume
    sums = [float(mass.sum())]
    for a in axes:
        faces = along(u[a], on.layout, a, 0, 1)  # type: ignore[arg-type]
        sums += [float((mass * _cells(f, a)).sum()) for f in (faces, beta[a])]  # type: ignore[arg-type]
    total, *rest = on.comm.sum(*sums)
    found = torch.zeros(3, dtype=torch.float64, device=on.grid.device) if drive is None else drive.clone()
    moved = list(u)
    for a, now, gain in zip(axes, rest[::2], rest[1::2], strict=True):
        asked = bulk[a]
        assert asked is not None
        wanted = asked.velocity * total if asked.velocity is not None else (asked.mass_flux or 0.0) * on.volume
        missing = (wanted - now) / gain
        found[a] += missing
        moved[a] = u[a].clone()  # type: ignore[union-attr]
        along(moved[a], on.layout, a, 0, 1).add_(missing * beta[a])  # type: ignore[arg-type, operator]
    return on.filler.velocity(tuple(moved)), found


def _cells(f: Tensor, axis: int) -> Tensor:
    """Means of the two faces of cells: with the cells' masses the sum of momentum over all faces of a periodic axis."""
    return 0.5 * pair_sum(f, axis)
