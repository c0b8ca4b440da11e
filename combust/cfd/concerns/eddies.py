"""Closures of large eddies where there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from combust.cfd.closures.sigma import Sigma

if TYPE_CHECKING:
    from combust.cfd.lowmach.flow import ReactingFlow


def concerns(flow: ReactingFlow) -> dict[str, str]:
    """name -> sentence of a closure in fewer than three dimensions."""
    axes, closure = len(flow.grid.layout.axes), flow.scheme.problem.closure
    if closure is None or axes == 3:
        return {}
    said = "turbulence: large eddies break up in three dimensions only, and the flow has "
    said += "one" if axes == 1 else "two"
    if isinstance(closure, Sigma):
        said += ': "sigma" is zero there. Use turbulence.kind = "none"'
    else:
        said += ': what the closure adds is a viscosity, no model of turbulence. Use a mesh of three, or kind = "none"'
    return {"eddies": said}
