"""What closures and sources say of a step: asked once, of the state at its start, and passed on to its parts."""

from __future__ import annotations

from typing import NamedTuple

import torch

from combust.cfd.closures.base import EddyFields, Rates
from combust.cfd.closures.view import View
from combust.cfd.lowmach.discretisation import Discretisation
from combust.cfd.mesh.require import require_faces, require_field
from combust.cfd.operators import scalars
from combust.cfd.operators.scalars import EddyCoefficients
from combust.kernels import compiled

eddy_coefficients_kernel = compiled(scalars.eddy_coefficients)


class Context(NamedTuple):
    """Of a step: None where the problem has no closure, or no sources.

    t : time at its start [s]
    eddies : what motion below the grid adds to the transport coefficients, over the whole step
    mean, end : rates of the sources, mean over the step and at its end
    """

    t: float
    eddies: EddyCoefficients | None
    mean: Rates | None
    end: Rates | None


def context(view: View, on: Discretisation) -> Context:
    """What closure and sources say of the step that starts with the flow of `view`."""
    t, dt, sources = view.t, view.dt, on.problem.sources
    if on.problem.closure is None and not sources:
        return Context(t, None, None, None)
    with on.timers.phase("closure"):
        mean, end = ([s.rates(view, *time) for s in sources] for time in ((t, dt), (t + dt, 0.0)))
        return Context(t, eddies(view, on), _together(mean, on), _together(end, on))


def eddies(view: View, on: Discretisation) -> EddyCoefficients | None:
    """What the closure adds to the transport coefficients of the flow of `view`."""
    if on.problem.closure is None:
        return None
    fields = EddyFields(*on.problem.closure.update(view))
    for name, f in zip(EddyFields._fields, fields, strict=True):
        require_field(f"{type(on.problem.closure).__name__}.update: {name}", f, on.layout.n, on.grid.device)
    padded = on.filler.eddies(torch.stack(fields))
    return eddy_coefficients_kernel(padded, view.q, view.p0, on.thermo)


def _together(rates: list[Rates], on: Discretisation) -> Rates | None:
    """The sum of the rates of all sources, whose shapes must be those of the grid."""
    total: Rates | None = None
    rows = 1 + len(on.thermo.molar_mass)
    for one in rates:
        if one.scalars is not None:
            require_field("rates of a source: scalars", one.scalars, (rows, *on.layout.n), on.grid.device)
        if one.momentum is not None:
            require_faces("rates of a source: momentum", one.momentum, on.grid, optional=True)
        total = one if total is None else total + one
    return total
