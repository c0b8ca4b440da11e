"""First cells at walls where a closure does not mean them to be: wall functions in the sublayer, SST far above it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from combust.cfd.lowmach.flow import ReactingFlow


def concerns(flow: ReactingFlow) -> dict[str, str]:
    """name -> sentence of cells beside walls with friction whose y+ the closure has no law for (collective)."""
    range_ = getattr(flow.scheme.problem.closure, "y_plus", None)
    shear = flow.diagnostics.shear
    if range_ is None or not shear.sides or flow.step == 0:  # at a start the eddies are a guess
        return {}
    y_plus = shear.y_plus()
    off = (y_plus > 0) & ((y_plus < range_[0]) | (y_plus > range_[1]))
    count, all_ = flow.block.comm.sum(float(off.sum()), float((y_plus > 0).sum()))
    if count == 0:
        return {}
    none = torch.full_like(y_plus, math.inf)
    least = -flow.block.comm.max(-float(torch.where(off, y_plus, none).min()))[0]
    most = flow.block.comm.max(float(torch.where(off, y_plus, 0.0).max()))[0]
    said = f"turbulence: {count:.0f} of {all_:.0f} cells beside walls lie at y+ from {least:.3g} to {most:.3g}: "
    if range_[0] > 0:
        said += (
            f"below {range_[0]:.3g} wall functions take the law of the viscous sublayer, and nothing makes up for "
            'the layer above; let the first cells be wider, with y+ from 30 on, or use kind = "k-omega-sst"'
        )
    else:
        said += (
            f"above {range_[1]:g} omega in the first cell is too low, and the friction wrong; let the first cells be "
            'narrower, with y+ below 1, or use walls = "automatic", which has laws for all'
        )
    return {"wall layer": said}
