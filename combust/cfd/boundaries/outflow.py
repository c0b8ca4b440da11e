"""Outflows: what comes back through one of given pressure, and what carries the velocity out of a convective one.

At a convective outflow the velocity u normal to the side follows du/dt + U_c du/dn = 0, with the gradient to the first
face within and the velocities of the middle of the step (I. Orlanski, J. Comput. Phys. 21 (1976) 251,
doi:10.1016/0021-9991(76)90023-1, with U_c one for the side). Where no side fixes the pressure, all convective ones then
take one more velocity each time, so that as much leaves as flows in and expands. Where one does, nothing else would
open a convective one that no gas leaves by on the mean: it must be given its U_c.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from combust.cfd.boundaries.conditions import ConvectiveOutflow, Parts, Sides, conditions_of
from combust.cfd.boundaries.fill import Filler
from combust.cfd.boundaries.patches import Patch
from combust.cfd.mesh.grid import NAMES, AxisMetric, Faces, Grid, along
from combust.cfd.mesh.halo import ghosts_of
from combust.errors import ConfigError
from combust.parallel import Communicator

Carried = list[tuple[Patch, Tensor]]


def require_convection(boundaries: Sequence[Sides], axes: Sequence[int]) -> None:
    """Raises ConfigError for a convective outflow without U_c beside a side or part that fixes the pressure.

    The mean velocity there is what the pressure leaves it: at rest, or turned inwards, U_c would be 0 and stay so.
    """
    there = {
        f"{NAMES[a]}_{end}" + (f"[{i}]" if isinstance(side, Parts) else ""): c
        for a in axes
        for end, side in zip(("low", "high"), boundaries[a], strict=True)
        for i, c in enumerate(conditions_of(side))
    }
    fixed = [name for name, c in there.items() if c.pressure == "dirichlet"]
    for name, c in there.items():
        if fixed and isinstance(c, ConvectiveOutflow) and c.convection is None:
            raise ConfigError(
                f"boundary.{name}: a convective outflow beside {fixed[0]}, where the pressure is fixed, would stay "
                "closed from rest, as no gas leaves by it on the mean: give convection, its velocity [m/s]"
            )


def given_rate(boundaries: Sequence[Sides], grid: Grid) -> float:
    """The largest U_c over the width of the last cell [1/s] of outflows that are given theirs; the same on all ranks.

    A mean of velocities on a side is no more than the fastest of them, whose Courant number bounds the step.
    """
    found = [
        c.convection / float(grid.widths[a][-side])
        for a in grid.layout.axes
        for side in (0, 1)
        for c in conditions_of(boundaries[a][side])
        if isinstance(c, ConvectiveOutflow) and c.convection is not None
    ]
    return max(found, default=0.0)


def inwards(patch: Patch, u: Tensor, filler: Filler) -> Tensor:
    """How fast gas enters at the owned faces of a patch, zero where it leaves [m/s]; u : padded, normal to its side."""
    return patch.owned((1 - 2 * patch.at.side) * _end(u, patch, filler)).clamp_min(0.0)


def _end(u: Tensor, patch: Patch, filler: Filler) -> Tensor:
    """Of padded velocities normal to the side of a patch those at the block's faces on it."""
    return along(u, filler.layout, patch.at.axis, 0, 1).narrow(
        patch.at.axis, patch.at.side * filler.layout.n[patch.at.axis], 1
    )


def at_rest(u: Faces, filler: Filler) -> None:
    """Ghosts of padded velocities along open sides, in place: none where gas enters, which comes from a rest."""
    layout = filler.layout
    for axis in layout.axes:
        for patch in filler.open_patches(axis):
            side, normal = patch.at.side, u[axis]
            assert normal is not None
            end = (1 - 2 * side) * normal.narrow(axis, layout.g[axis] + side * layout.n[axis], 1)
            for b in layout.axes:
                along_side = u[b]
                if b == axis or along_side is None:
                    continue
                m = end.shape[b] - 1
                leaves = torch.ones_like(along_side.narrow(axis, 0, 1))
                leaves.narrow(b, 1, m).copy_(end.narrow(b, 0, m) + end.narrow(b, 1, m) <= 0)
                beyond = ghosts_of(along_side, axis, side, layout.g[axis])
                patch.view(beyond, b).mul_(patch.view(leaves, b))


def resist(force: Tensor, u: Tensor, rho: Tensor, filler: Filler, axis: int, metric: AxisMetric) -> None:
    """Adds to the force on faces normal to `axis`, in place, what holds gas back that enters through open sides [N/m3].

    Gas from a surrounding at rest has the pressure of that less rho u^2 / 2 where it enters, so that no more energy
    comes in than the surrounding gives: without it a vortex that draws gas in grows without bound.
    rho : of the momentum volumes [kg/m3].  The normal part of the directional do-nothing condition of Braack & Mucha,
    J. Comput. Math. 32 (2014) 507, doi:10.4208/jcm.1405-m4347
    """
    for patch in filler.open_patches(axis):
        if patch.condition.pressure != "dirichlet":
            continue
        side = patch.at.side
        place = 0 if side == 0 else force.shape[axis] - 1
        speed = inwards(patch, u, filler)
        own, r = (patch.owned(f.narrow(axis, place, 1)) for f in (force, rho))
        own.sub_((1 - 2 * side) * 0.5 * r * speed * speed * metric.per_distance.narrow(axis, place, 1))


def carried(u: Faces, filler: Filler, comm: Communicator) -> Carried:
    """du/dt [m/s2] at the faces of convective outflows; u : velocities (collective where there is such a side)."""
    if not filler.convects:
        return []
    found, speeds = [], _speeds(u, filler, comm)
    for patch in _convective(filler):
        axis, side, metric, normal = patch.at.axis, patch.at.side, filler.grid.metrics[patch.at.axis], u[patch.at.axis]
        assert metric is not None and normal is not None and isinstance(patch.condition, ConvectiveOutflow)
        n = filler.layout.n[axis]
        inside = along(normal, filler.layout, axis, 0, 1).narrow(axis, side * (n - 2) + 1, 1)
        speed = patch.condition.convection
        speed = speeds[axis, side] if speed is None else speed
        slope = (_end(normal, patch, filler) - inside) * metric.per_width.narrow(axis, side * (n - 1), 1)
        found.append((patch, patch.owned(-speed * slope)))
    return found


def _last(u: Faces, patch: Patch) -> Tensor:
    """Of velocities at the block's faces those on the side of a patch."""
    normal = u[patch.at.axis]
    assert normal is not None
    return normal.select(patch.at.axis, -patch.at.side).unsqueeze(patch.at.axis)


def carry(u: Faces, start: Faces, rates: Carried, time: float) -> None:
    """Sets the faces of convective outflows of u, in place, to those of `start` carried on for a time [s]."""
    for patch, rate in rates:
        to, of = (patch.owned(_last(faces, patch)) for faces in (u, start))
        to.copy_(of + time * rate)


def let_out(u: Faces, volume: float, filler: Filler) -> None:
    """Adds one velocity to all faces of convective outflows of padded u, in place, by which so much more leaves.

    volume : of all ranks [m3/s]
    """
    more = volume / filler.convective_area
    for patch in _convective(filler):
        normal = u[patch.at.axis]
        assert normal is not None
        patch.owned(_end(normal, patch, filler)).add_((2 * patch.at.side - 1) * more)


def _speeds(u: Faces, filler: Filler, comm: Communicator) -> dict[tuple[int, int], float]:
    """Mean velocity at which gas leaves by the convective outflows of each side, zero where it comes in [m/s]."""
    flow, area = [0.0] * 6, [0.0] * 6
    for patch in _convective(filler):
        axis, side, areas = patch.at.axis, patch.at.side, filler.areas[patch.at.axis]
        assert areas is not None
        normal = u[axis]
        assert normal is not None
        out = patch.owned((2 * side - 1) * _end(normal, patch, filler))
        own = patch.owned(areas[side]).expand(out.shape)
        flow[2 * axis + side] += float((out * own).sum())
        area[2 * axis + side] += float(own.sum())
    found = comm.sum(*flow, *area)
    return {(i // 2, i % 2): max(found[i] / found[6 + i], 0.0) for i in range(6) if found[6 + i] > 0.0}


def _convective(filler: Filler) -> list[Patch]:
    return [patch for patch in filler.patches() if isinstance(patch.condition, ConvectiveOutflow)]
