"""Where the gas of a flow, or of an inflow, is hotter or colder than its thermodynamic data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from combust.cfd.boundaries.conditions import Inflow, conditions_of
from combust.cfd.mesh.grid import NAMES
from combust.kinetics.gas.data_range import excess, sentence

if TYPE_CHECKING:
    from combust.cfd.lowmach.flow import ReactingFlow


def concerns(flow: ReactingFlow) -> dict[str, str]:
    """name -> sentence, of the gas now and of each stream that flows in (collective)."""
    gas = flow.scheme.problem.gas
    found: dict[str, str] = {}
    for axis, sides in enumerate(flow.scheme.problem.boundaries):
        for end, side in zip(("low", "high"), sides, strict=True):
            name = f"boundary.{NAMES[axis]}_{end}"
            streams = [s for c in conditions_of(side) if isinstance(c, Inflow) for s in c.streams]
            if streams:
                T, Y = torch.stack(streams, 1)[0], torch.stack(streams, 1)[1:]
                said = sentence(gas, excess(gas.T_limits, T, Y))
                found |= {f"data of {name}": f"{name}: {said}"} if said else {}
    q = flow.scheme.inner(flow.current.q)
    beyond = excess(gas.T_limits, q[0], q[1:])
    if flow.block.comm.max(float(beyond.max()))[0] > 0:
        everywhere = flow.block.comm.max(*beyond.reshape(-1).tolist())
        said = sentence(gas, torch.tensor(everywhere).reshape(beyond.shape))
        found["data"] = f"the gas: {said}"
    return found
