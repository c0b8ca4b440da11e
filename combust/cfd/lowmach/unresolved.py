"""What motion below the grid does in a low-Mach flow now, as fields, columns and other diagnostics show it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from torch import Tensor

from combust.cfd.closures.view import View
from combust.cfd.interaction import times
from combust.cfd.interaction.base import Met
from combust.cfd.lowmach.context import Below, Context, met_by, with_motion
from combust.cfd.lowmach.lowmach import LowMach
from combust.cfd.lowmach.of_eddies import OfEddies
from combust.cfd.lowmach.state import State
from combust.cfd.operators.coefficients import Coefficients
from combust.parallel import together

T = TypeVar("T")


class Flowing(Protocol):
    """What of a flow this is made of."""

    scheme: LowMach
    current: State
    time: float
    dt: float


class Unresolved:
    """Asked by name, at any time of a flow: all of it as the step to come takes it, a function of the state alone."""

    def __init__(self, flow: Flowing, eddies: OfEddies):
        self.flow, self.eddies = flow, eddies
        self._known: tuple[View, Met, Below] | None = None
        """Of the view of `eddies`: a row of output asks for many numbers."""
        interaction = flow.scheme.problem.interaction
        self._chemical: times.ChemicalTime | None = None
        self._fields = {} if interaction is None else dict(interaction.fields)
        self._columns = {} if interaction is None else dict(interaction.columns)
        self.fields, self.columns = {*eddies.own.fields, *self._fields}, {*eddies.own.columns, *self._columns}
        """Names that closure and interaction show."""

    def _now(self) -> tuple[Met, Below]:
        """Of the present state (collective)."""
        scheme, (view, eddies) = self.flow.scheme, self.eddies.now()
        if self._known is None or self._known[0] is not view:
            below = together(scheme.comm, lambda: met_by(scheme.problem.interaction, view, eddies, scheme))
            self._known = view, Met(view, eddies), below
        return self._known[1], self._known[2]

    def forget(self) -> None:
        """What is known of the state before a step, whose memory the step may need."""
        self._known = None
        self.eddies.forget()

    def coefficients(self) -> Coefficients:
        """Transport coefficients of gas and eddies together, padded, as they act (collective)."""
        met, below = self._now()
        c = self.flow.current.coefficients
        assert c is not None
        nothing, scheme = Context(met.view.t, None, None, None), self.flow.scheme
        return scheme.acting(c, with_motion(nothing, below, met.view, scheme))

    def rates(self) -> Tensor:
        """Mass production rates that act, (species, nz, ny, nx) [kg/m3/s]."""
        scheme, s = self.flow.scheme, self.flow.current
        if scheme.problem.interaction is None:
            return scheme.reactions(s.q, s.U)
        met, below = self._now()
        factor = below.interplay.rates
        return met.view.reactions if factor is None else factor * met.view.reactions

    def damkoehler(self) -> Tensor:
        """See `times.damkoehler`."""
        eddies, frequency = self._eddies("Da"), self._frequency()
        return times.damkoehler(self._now()[0].view.kinematic_viscosity, *eddies, frequency)

    def karlovitz(self) -> Tensor:
        """See `times.karlovitz`."""
        _, epsilon = self._eddies("Ka")
        return times.karlovitz(self._now()[0].view.kinematic_viscosity, epsilon, self._frequency())

    def _eddies(self, name: str) -> tuple[Tensor, Tensor]:
        return self.eddies.row(name, "energy"), self.eddies.row(name, "dissipation")

    def _frequency(self) -> Tensor:
        """Of the reactions, by the choice of the interaction [1/s]."""
        if self._chemical is None:
            problem = self.flow.scheme.problem
            chosen = None if problem.interaction is None else problem.interaction.chemical_time
            self._chemical = chosen or times.TimeOfReactions(problem.gas)
        return self._chemical.frequency(self._now()[0].view)

    def field(self, name: str) -> Tensor | None:
        """A field that interaction or closure shows, None if neither does (collective)."""
        found = self._fields.get(name)
        return self.eddies.own_field(name) if found is None else self._asked(found)

    def column(self, name: str) -> float | None:
        """A number that one of them shows (collective)."""
        found = self._columns.get(name)
        return self.eddies.own_column(name) if found is None else self._asked(found)

    def _asked(self, what: Callable[[Met], T]) -> T:
        met = self._now()[0]
        return together(self.flow.scheme.comm, lambda: what(met))
