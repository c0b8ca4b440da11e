"""A vessel that gas flows into and does not leave: its pressure rises, which may not be what was meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from combust.cfd.boundaries.conditions import Inflow, conditions_of
from combust.cfd.mesh.grid import NAMES

if TYPE_CHECKING:
    from combust.cfd.lowmach.flow import ReactingFlow


def concerns(flow: ReactingFlow) -> dict[str, str]:
    """name -> sentence; empty for a flow with an outflow, or without an inflow (collective)."""
    if not flow.scheme.closed:
        return {}
    sides, scheme = [], flow.scheme
    for axis, pair in enumerate(scheme.problem.boundaries):
        for end, side in zip(("low", "high"), pair, strict=True):
            if any(isinstance(condition, Inflow) for condition in conditions_of(side)):
                sides.append(f"boundary.{NAMES[axis]}_{end}")
    # 1/s: volume that flows in now over that of the domain
    rate = scheme.comm.sum(-float(scheme.filler.outflow(flow.current.u)))[0] / scheme.volume if sides else 0.0
    if not rate > 0:
        return {}
    q = flow.current.q
    theta = scheme.compressibility(q, flow.current.p0) * flow.grid.volume
    rise = rate * scheme.volume / scheme.comm.sum(float(theta.sum()))[0]  # Pa/s, were nothing burning
    return {"filling": (
        f"no side is an outflow: what flows in at {' and '.join(sides)} fills the domain, and by itself raises its "
        f'pressure by {rise:.3g} Pa/s. Give a side kind = "outflow" if the gas is to leave')}  # fmt: skip
