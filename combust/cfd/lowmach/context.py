"""What closures and sources say of a step: asked once, of the state at its start, and passed on to its parts."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from combust.cfd.closures.base import CELLS, DIFFUSIVITIES, Closure, EddyFields, Rates
from combust.cfd.closures.near_walls import edge, sides_with_friction
from combust.cfd.closures.view import View
from combust.cfd.interaction.base import Interaction, Interplay, Met
from combust.cfd.lowmach.discretisation import Discretisation
from combust.cfd.mesh.grid import NAMES
from combust.cfd.mesh.require import require_faces, require_field, require_values
from combust.cfd.operators.coefficients import EddyCoefficients, eddy_coefficients
from combust.cfd.sources.base import is_counted
from combust.errors import ConfigError
from combust.kernels import compiled
from combust.parallel import together

eddy_coefficients_kernel = compiled(eddy_coefficients)


class Context(NamedTuple):
    """Of a step: None where the problem has no closure, or no sources.

    t : time at its start [s]
    eddies : what motion below the grid adds to the transport coefficients, over the whole step
    mean, end : rates of the sources, mean over the step and at its end
    counted : (1 + species) of rho h [W] and rho Y [kg/s], what sources that balances count add on this rank's cells
    molecular : padded factor of the gas's conduction and diffusion;  rates : (nz, ny, nx) of its reaction rates
    """

    t: float
    eddies: EddyCoefficients | None
    mean: Rates | None
    end: Rates | None
    counted: Tensor | None = None
    molecular: Tensor | None = None
    rates: Tensor | None = None


def context(view: View, on: Discretisation) -> Context:
    """What closure, interaction and sources say of the step that starts with `view`; what fails on one rank fails on
    all.

    Raises ConfigError for fields of the wrong kind or shape, StateError for values that cannot be.
    """
    t, problem = view.t, on.problem
    if problem.closure is None and problem.interaction is None and not problem.sources:
        return Context(t, None, None, None)
    with on.timers.phase("closure"):
        given, below = together(on.comm, lambda: (_asked(view, on), below_the_grid(view, on)))
        return with_motion(given, below, view, on)


def _asked(view: View, on: Discretisation) -> Context:
    """What the sources say."""
    t, dt, sources = view.t, view.dt, on.problem.sources
    mean = [s.rates(view, t, dt) for s in sources]
    end = [s.rates(view, t + dt, 0.0) for s in sources]
    return Context(t, None, _sum(mean, on), _sum(end, on), _counted(mean, on))


class Below(NamedTuple):
    """What motion below the grid does: the eddies of the closure, what the interaction makes of them, and its factor of
    the gas's own diffusion, padded.
    """

    eddies: EddyFields | None
    interplay: Interplay
    molecular: Tensor | None


def below_the_grid(view: View, on: Discretisation) -> Below:
    """Of the flow of `view`, checked; for `together`, in which the parts may message by the view."""
    closure = on.problem.closure
    return met_by(on.problem.interaction, view, None if closure is None else eddy_fields(closure, view, on), on)


def met_by(interaction: Interaction | None, view: View, eddies: EddyFields | None, on: Discretisation) -> Below:
    """What the interaction makes of the flow and these eddies, checked; for `together`."""
    if interaction is None:
        return Below(eddies, Interplay(), None)
    found, name = Interplay(*interaction.update(Met(view, eddies))), on.problem.name("interaction", "update")
    for row, f in zip(Interplay._fields, found, strict=True):
        if f is not None:
            require_field(f"{name}: {row}", f, on.layout.n, on.grid.device)
            require_values(f"{name}: {row}", f, least=0.0)
    return Below(eddies, found, None if found.molecular is None else view.padded(found.molecular))


def with_motion(given: Context, below: Below, view: View, on: Discretisation) -> Context:
    """What acts of the motion below the grid on transport and reactions."""
    fields, factor = below.eddies, below.interplay.eddy
    if fields is not None and factor is not None:
        wall = fields.wall
        if wall is not None:  # the eddies' conduction of heat at walls, too
            wall = {key: torch.stack([nu, edge(factor, *key) * heat]) for key, (nu, heat) in wall.items()}
        fields = fields._replace(heat=factor * fields.heat, species=factor * fields.species, wall=wall)
    eddies = None if fields is None else added(fields, view, on)
    return given._replace(eddies=eddies, molecular=below.molecular, rates=below.interplay.rates)


def _counted(mean: list[Rates], on: Discretisation) -> Tensor | None:
    """What sources that balances count add on this rank's cells per time, None if none does."""
    added = [
        r.scalars for r, s in zip(mean, on.problem.sources, strict=True) if is_counted(s) and r.scalars is not None
    ]
    return sum((one * on.grid.volume).sum((1, 2, 3)) for one in added) if added else None  # type: ignore[return-value]


def eddy_fields(closure: Closure, view: View, on: Discretisation) -> EddyFields:
    """What the closure says of the flow of `view`. Raises ConfigError for wrong shapes, StateError for wrong values."""
    found, name = EddyFields(*closure.update(view)), on.problem.name("closure", "update")
    given = {f"{name}: {row}": f for row in CELLS if (f := getattr(found, row)) is not None}
    for row, f in given.items():
        require_field(row, f, on.layout.n, on.grid.device)
    for (axis, side), f in (found.wall or {}).items():
        row = f"{name}: wall[{axis}, {side}]"
        shape = tuple(1 if a == axis else n for a, n in enumerate(on.layout.n))
        if (axis, side) not in on.domain.friction:
            raise ConfigError(f"{row}: is no side of this block that has a wall with friction")
        require_field(row, f, (2, *shape), on.grid.device)
        given[row] = f
    least, most = torch.stack([torch.stack(torch.aminmax(f)) for f in given.values()]).unbind(1)  # a NaN is both
    if not bool(((least >= 0) & (most < torch.inf)).all()):
        for row, f in given.items():
            require_values(row, f, least=0.0)
    return found


def added(fields: EddyFields, view: View, on: Discretisation) -> EddyCoefficients:
    """What the eddies' diffusivities add to the transport coefficients of the flow of `view`."""
    rows, laws = [getattr(fields, row) for row in DIFFUSIVITIES], {}
    if fields.wall is not None:  # on all ranks
        for axis, side in sides_with_friction(on.domain.boundaries):
            at, said = rows[0].new_zeros((2, *on.layout.n)), fields.wall.get((axis, side))
            if said is not None:
                edge(at, axis, side).copy_(said)
            laws[axis, side] = slice(len(rows), len(rows) + 2)
            rows.extend(at)
    padded = on.filler.eddies(torch.stack(rows), laws)[: len(DIFFUSIVITIES)]
    return eddy_coefficients_kernel(padded, view.q, view.p0, on.thermo)


def _sum(rates: list[Rates], on: Discretisation) -> Rates | None:
    """The sum of the rates of all sources, whose shapes must be those of the grid, and whose values finite."""
    total: Rates | None = None
    rows = 1 + len(on.thermo.molar_mass)
    for one in rates:
        if one.scalars is not None:
            require_field("rates of a source: scalars", one.scalars, (rows, *on.layout.n), on.grid.device)
            require_values("rates of a source: scalars", one.scalars)
        for what, forces in (("momentum", one.momentum), ("acceleration", one.acceleration)):
            if forces is not None:
                require_faces(f"rates of a source: {what}", forces, on.grid, optional=True)
                for a in on.layout.axes:
                    force = forces[a]
                    if force is not None:
                        require_values(f"rates of a source: {what} along {NAMES[a]}", force)
        total = one if total is None else total + one
    return total
