"""Gas that comes back through an outflow: the pressure that it loses on its way in, and what gas it is."""

from __future__ import annotations

from torch import Tensor

from combust.cfd.boundaries.fill import Filler
from combust.cfd.boundaries.patches import Patch
from combust.cfd.mesh.grid import AxisMetric, Faces, along
from combust.cfd.mesh.halo import ghosts_of


def inwards(patch: Patch, u: Tensor, filler: Filler) -> Tensor:
    """How fast gas enters at the owned faces of a patch, zero where it leaves [m/s]; u : padded, normal to its side."""
    axis, side = patch.at.axis, patch.at.side
    faces = along(u, filler.layout, axis, 0, 1)
    end = faces.narrow(axis, 0 if side == 0 else faces.shape[axis] - 1, 1)
    return patch.owned((1 - 2 * side) * end).clamp_min(0.0)


def at_rest(u: Faces, filler: Filler) -> None:
    """Ghosts of padded velocities along open sides, in place: none where gas enters, which comes from a rest."""
    layout = filler.layout
    for axis in layout.axes:
        for side in {patch.at.side for patch in filler.open_patches(axis)}:
            normal = u[axis]
            assert normal is not None
            end = (1 - 2 * side) * normal.narrow(axis, layout.g[axis] + side * layout.n[axis], 1)
            for b in layout.axes:
                along_side = u[b]
                if b == axis or along_side is None:
                    continue
                m = end.shape[b] - 1
                leaves = end.narrow(b, 0, m) + end.narrow(b, 1, m) <= 0
                ghosts_of(along_side, axis, side, layout.g[axis]).narrow(b, 1, m).mul_(leaves)


def resist(force: Tensor, u: Tensor, rho: Tensor, filler: Filler, axis: int, metric: AxisMetric) -> None:
    """Adds to the force on faces normal to `axis`, in place, what holds gas back that enters through open sides [N/m3].

    Gas from a surrounding at rest has the pressure of that less rho u^2 / 2 where it enters, so that no more energy
    comes in than the surrounding gives: without it a vortex that draws gas in grows without bound.
    rho : of the momentum volumes [kg/m3].  The normal part of the directional do-nothing condition of Braack & Mucha,
    J. Comput. Math. 32 (2014) 507, doi:10.4208/jcm.1405-m4347
    """
    for patch in filler.open_patches(axis):
        side = patch.at.side
        place = 0 if side == 0 else force.shape[axis] - 1
        speed = inwards(patch, u, filler)
        own, r = (patch.owned(f.narrow(axis, place, 1)) for f in (force, rho))
        own.sub_((1 - 2 * side) * 0.5 * r * speed * speed * metric.per_distance.narrow(axis, place, 1))
