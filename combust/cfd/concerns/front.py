"""Where a flame stands in its domain: what is doubtful about that, in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from combust.cfd.boundaries.conditions import Burner, Inflow, Outflow, Side, conditions_of
from combust.cfd.mesh.grid import NAMES, ROUND_OFF, along

if TYPE_CHECKING:
    from combust.cfd.lowmach.flow import ReactingFlow

NEAR = 3.0  # thermal thicknesses between flame and inflow or outflow, below which these shape it
FEWEST = 5.0  # cells per thermal thickness
SLOWER = "on 3 to 5 its speed is up to 4 % off, on fewer more, and hangs on where it lies among the cells"
ACTIVE = 0.2  # of the fastest fuel consumption: where the flame is


@dataclass(frozen=True)
class ReactionZone:
    """low, high : per axis (z, y, x) the ends of the reacting zone [m];  thickness : thermal thickness [m]"""

    low: list[float]
    high: list[float]
    thickness: float


def concerns(flow: ReactingFlow) -> dict[str, str]:
    """What is doubtful about the place of the flame now, by a name that stays the same while it lasts (collective).

    Empty without an unburnt mixture to judge by. Flames of other origin than a free flame have the thickness that
    their steepest gradient says.
    """
    fresh = flow.unburnt
    if fresh is None:
        return {}
    hottest, peak = flow.block.comm.max(float(flow.temperature().max()), float(-flow.current.wdot[fresh.fuel].min()))
    if fresh.thickness is not None and hottest < 0.5 * (fresh.temperature + fresh.burnt_temperature):
        return {"no flame": f"no flame is left in the domain: its hottest gas has {hottest:.0f} K, burnt gas "
                f"{fresh.burnt_temperature:.0f} K. It was blown out, or could not burn here"}  # fmt: skip
    zone = _reaction_zone(flow, peak)
    if zone is None:
        return {}
    found = dict(_near(flow, zone))
    if fresh.thickness is not None:
        found |= coarse(_resolution(flow, zone), fresh.thickness)
    return found


def resolution(flow: ReactingFlow) -> float | None:
    """Cells per thermal thickness of the case's free flame where it stands now; None without one (collective)."""
    fresh = flow.unburnt
    if fresh is None or fresh.thickness is None:
        return None
    zone = _reaction_zone(flow, flow.block.comm.max(float(-flow.current.wdot[fresh.fuel].min()))[0])
    return None if zone is None else _resolution(flow, zone)


def _resolution(flow: ReactingFlow, flame: ReactionZone) -> float:
    """By the widest cell within a thickness of the reacting zone."""
    widest = 0.0
    for axis in flow.grid.layout.axes:
        faces = flow.grid.faces[axis]
        if len(faces) == 2:
            continue
        low, high = flame.low[axis] - flame.thickness, flame.high[axis] + flame.thickness
        here = (faces[1:] >= low) & (faces[:-1] <= high)
        widest = max(widest, float(np.diff(faces)[here].max(initial=0.0)))
    return flame.thickness / widest if widest > 0 else np.inf


def coarse(cells: float, thickness: float) -> dict[str, str]:
    """name -> sentence of a flame of `cells` cells per thermal thickness [m]; empty if they are enough."""
    if cells >= FEWEST * (1.0 - ROUND_OFF):
        return {}
    return {
        "coarse": (
            f"the flame has {cells:.2g} cells per thermal thickness ({thickness:.3g} m): {SLOWER} "
            f"(docs/validation/coarse_flames.md); take cells of at most {thickness / FEWEST:.2g} m where it burns"
        )
    }


def _reaction_zone(flow: ReactingFlow, peak: float) -> ReactionZone | None:
    """The reacting zone, or None where nothing reacts; `peak` is the fastest consumption of fuel [kg/m3/s]."""
    fresh, layout = flow.unburnt, flow.grid.layout
    assert fresh is not None
    if not peak > 0:
        return None
    active = -flow.current.wdot[fresh.fuel] >= ACTIVE * peak
    ends = []
    for axis in range(3):
        x = flow.grid.centres[axis].expand(layout.n)
        ends += [float(torch.where(active, sign * x, -torch.inf).max()) for sign in (-1.0, 1.0)]
    found = flow.block.comm.max(*ends, _steepest(flow))
    thickness = fresh.thickness
    if thickness is None:
        if not found[6] > 0:
            return None
        thickness = (fresh.burnt_temperature - fresh.temperature) / found[6]
    return ReactionZone([-found[2 * a] for a in range(3)], [found[2 * a + 1] for a in range(3)], thickness)


def _steepest(flow: ReactingFlow) -> float:
    """Largest |dT/dx| [K/m] between this block's cells and their neighbours, not at boundaries."""
    steepest = 0.0
    for axis in flow.grid.layout.axes:
        T = along(flow.current.q[0], flow.grid.layout, axis, -1, 1)
        metric, n = flow.grid.metrics[axis], flow.grid.layout.n[axis]
        assert metric is not None
        slope = ((T.narrow(axis, 1, n + 1) - T.narrow(axis, 0, n + 1)) * metric.per_distance).abs()
        first, last = (int(flow.block.at_boundary(axis, side)) for side in (0, 1))
        steepest = max(steepest, float(slope.narrow(axis, first, n + 1 - first - last).max()))
    return steepest


def _open(side: Side) -> bool:
    """Whether a flame near this side is not what it would be far from it: burners are there to hold it."""
    return any(isinstance(c, Inflow | Outflow) and not isinstance(c, Burner) for c in conditions_of(side))


def _near(flow: ReactingFlow, flame: ReactionZone) -> Iterator[tuple[str, str]]:
    """(name, sentence) of each side that the flame stands too near to, or of a direction too short for it."""
    for axis, sides in enumerate(flow.scheme.problem.boundaries):
        first, last = float(flow.grid.faces[axis][0]), float(flow.grid.faces[axis][-1])
        needed = NEAR * sum(_open(side) for side in sides)
        length = (last - first) / flame.thickness
        if axis == 2 and length < needed and flow.unburnt is not None and flow.unburnt.thickness is not None:
            yield (
                "narrow",
                (
                    f"the domain is {last - first:.3g} m long in x, {length:.1f} thermal thicknesses of the flame "
                    f"({flame.thickness:.3g} m), and needs at least {needed:g} between inflow, flame and outflow"
                ),
            )
            continue
        for side, condition in enumerate(sides):
            distance = flame.low[axis] - first if side == 0 else last - flame.high[axis]
            if _open(condition) and distance < NEAR * flame.thickness:
                name = f"boundary.{NAMES[axis]}_{('low', 'high')[side]}"
                inflow = any(isinstance(c, Inflow) for c in conditions_of(condition))
                yield name, _sentence(name, inflow, distance, flame.thickness)


def _sentence(name: str, inflow: bool, distance: float, thickness: float) -> str:
    what, todo = (
        ("an inflow: its preheat zone reaches the inlet, which then holds it", 'move the flame away, let the gas '
         'flow faster than it burns, or set kind = "burner" if it is to sit there')
        if inflow else ("an outflow: its burnt side is cut off", "move the flame away or lengthen the domain")
    )  # fmt: skip
    return (
        f"the flame stands {max(distance, 0.0):.3g} m ({max(distance, 0.0) / thickness:.1f} thermal thicknesses) from "
        f"{name}, {what} (wanted: {NEAR:g}); {todo}"
    )
