"""Closures where there is none of what they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from combust.cfd.boundaries.conditions import Inflow, conditions_of
from combust.cfd.closures.k_equation import KEquation
from combust.cfd.closures.sigma import Sigma

if TYPE_CHECKING:
    from combust.cfd.lowmach.flow import ReactingFlow


def concerns(flow: ReactingFlow) -> dict[str, str]:
    """name -> sentence of a closure of large eddies in fewer than three dimensions, of one that has no eddies to make
    more of, of averages where none drives (collective).
    """
    closure = flow.scheme.problem.closure
    if getattr(closure, "averaged", False):
        return of_averages(flow)
    return {} if closure is None else of_dimensions(flow) | of_none(flow)


def of_dimensions(flow: ReactingFlow) -> dict[str, str]:
    """Of large eddies in fewer than three."""
    axes, closure = len(flow.grid.layout.axes), flow.scheme.problem.closure
    if axes == 3:
        return {}
    said = "turbulence: large eddies break up in three dimensions only, and the flow has "
    said += "one" if axes == 1 else "two"
    if isinstance(closure, Sigma):
        said += ': "sigma" is zero there. Use turbulence.kind = "none"'
    else:
        said += ': what the closure adds is a viscosity, no model of turbulence. Use a mesh of three, or kind = "none"'
    return {"eddies": said}


def of_none(flow: ReactingFlow) -> dict[str, str]:
    """Of an equation of k that has none, neither in the gas nor in what flows in."""
    if not isinstance(flow.scheme.problem.closure, KEquation) or flow.quantity("max(k_t)") > 0:
        return {}
    sides = (side for pair in flow.scheme.problem.boundaries for side in pair)
    if any(isinstance(one, Inflow) for side in sides for one in conditions_of(side)):
        return {}  # which must bring some
    return {
        "k_t": "turbulence: no eddies: k is zero everywhere and comes in nowhere, and its equation makes none of none, "
        'whatever the strain: give turbulence.initial = { k = "0.01 m2/s2" }, or as much as there is'
    }


def of_averages(flow: ReactingFlow) -> dict[str, str]:
    """The same of a closure for averages, whose flow is that of the mean."""
    if not all(flow.block.periodic[a] for a in flow.grid.layout.axes):
        return {}
    return {
        "eddies": "turbulence: the closure stands for all eddies, and a box that is periodic all round has no mean "
        'flow but what its fields start with: it damps them as such. Use a closure of large eddies, or kind = "none"'
    }
