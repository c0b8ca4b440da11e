"""Closures where there is none of what they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from combust.cfd.closures.sigma import Sigma

if TYPE_CHECKING:
    from combust.cfd.lowmach.flow import ReactingFlow


def concerns(flow: ReactingFlow) -> dict[str, str]:
    """name -> sentence of a closure of large eddies in fewer than three dimensions, of averages where none drives."""
    axes, closure = len(flow.grid.layout.axes), flow.scheme.problem.closure
    if getattr(closure, "averaged", False):
        return of_averages(flow)
    if closure is None or axes == 3:
        return {}
    said = "turbulence: large eddies break up in three dimensions only, and the flow has "
    said += "one" if axes == 1 else "two"
    if isinstance(closure, Sigma):
        said += ': "sigma" is zero there. Use turbulence.kind = "none"'
    else:
        said += ': what the closure adds is a viscosity, no model of turbulence. Use a mesh of three, or kind = "none"'
    return {"eddies": said}


def of_averages(flow: ReactingFlow) -> dict[str, str]:
    """The same of a closure for averages, whose flow is that of the mean."""
    if not all(flow.block.periodic[a] for a in flow.grid.layout.axes):
        return {}
    return {
        "eddies": "turbulence: the closure stands for all eddies, and a box that is periodic all round has no mean "
        'flow but what its fields start with: it damps them as such. Use a closure of large eddies, or kind = "none"'
    }
