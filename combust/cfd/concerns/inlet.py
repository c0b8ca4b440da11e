"""Inflows of no velocity: adiabatic walls by another name, which may not be what was meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from combust.cfd.boundaries.conditions import Inflow, Parts, conditions_of
from combust.cfd.mesh.grid import NAMES

if TYPE_CHECKING:
    from combust.cfd.lowmach.flow import ReactingFlow


def _follows(flow: ReactingFlow, condition: Inflow) -> bool:
    """Whether the velocity of an inflow follows the flame."""
    return flow.follower is not None and condition is flow.follower.inflow


def concerns(flow: ReactingFlow) -> dict[str, str]:
    """name -> sentence of each inflow whose velocity is the number 0; not of those that follow the flame."""
    found = {}
    for axis, pair in enumerate(flow.scheme.problem.boundaries):
        for end, side in zip(("low", "high"), pair, strict=True):
            for i, condition in enumerate(conditions_of(side)):
                if not isinstance(condition, Inflow) or _follows(flow, condition):
                    continue
                if not callable(condition.velocity[axis]) and condition.velocity[axis] == 0.0:
                    place = f"boundary.{NAMES[axis]}_{end}" + (f"[{i}]" if isinstance(side, Parts) else "")
                    found[f"no inflow {place}"] = (
                        f"{place}.velocity = 0: no gas enters, and the side acts as an adiabatic wall: a flame that "
                        'burns towards it ends there, and with it often the run. Write kind = "wall" or a velocity'
                    )
    return found
