"""A vessel that gas flows into and does not leave: its pressure rises, which may not be what was meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from combust.cfd.boundaries.conditions import Inflow
from combust.cfd.mesh.grid import NAMES
from combust.cfd.operators import scalars

if TYPE_CHECKING:
    from combust.cfd.lowmach.flow import ReactingFlow


def concerns(flow: ReactingFlow) -> dict[str, str]:
    """name -> sentence; empty for a flow with an outflow, or without an inflow (collective)."""
    if not flow.scheme.closed:
        return {}
    sides, rate = [], 0.0  # 1/s: volume that flows in over that of the domain
    for axis, pair in enumerate(flow.scheme.problem.boundaries):
        length = float(flow.grid.faces[axis][-1] - flow.grid.faces[axis][0])
        for end, side in zip(("low", "high"), pair, strict=True):
            if isinstance(side, Inflow):
                sides.append(f"boundary.{NAMES[axis]}_{end}")
                rate += abs(float(side.velocity[axis])) / length
    if not rate > 0:
        return {}
    scheme, q = flow.scheme, flow.current.q
    theta = scalars.compressibility(q, flow.current.p0, scheme.thermo, scheme.layout) * flow.grid.volume
    rise = rate * scheme.volume / scheme.comm.sum(float(theta.sum()))[0]  # Pa/s, were nothing burning
    return {"filling": (
        f"no side is an outflow: what flows in at {' and '.join(sides)} fills the domain, and by itself raises its "
        f'pressure by {rise:.3g} Pa/s. Give a side kind = "outflow" if the gas is to leave')}  # fmt: skip
