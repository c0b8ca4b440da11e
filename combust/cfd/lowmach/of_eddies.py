"""Fields and numbers of the motion below the grid: what the closure says of it, and how much of all motion it is."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from combust.cfd.closures.averages import plane_sums
from combust.cfd.closures.base import Closure, EddyFields, Showing
from combust.cfd.closures.view import View
from combust.cfd.diagnostics import motion
from combust.cfd.lowmach.context import added, eddy_fields
from combust.cfd.lowmach.lowmach import LowMach
from combust.cfd.lowmach.state import State
from combust.errors import ConfigError
from combust.parallel import together
from combust.settings.names import EDDY_ENERGY, TURBULENCE

EVEN = 1e-13  # of the energy of all motion: less than that is round-off, no turbulence
OVER_TIME = 'take averages over time of "u" and "k_t" (output.averages) and make it of these'


class Flowing(Protocol):
    """What of a flow they are made of."""

    scheme: LowMach
    current: State
    time: float
    dt: float


class Known(NamedTuple):
    """Of the flow of a time and of fields, which steps and restarts replace."""

    time: float
    fields: list[weakref.ref[Tensor]]
    view: View
    eddies: EddyFields | None


class OfEddies:
    """Of a flow now, as the step to come takes them; all are collective."""

    def __init__(self, flow: Flowing):
        self.flow, self.scheme, self.comm = flow, flow.scheme, flow.scheme.comm
        self._known: Known | None = None
        """A row of output asks for many numbers of one flow."""

    def fields(self) -> dict[str, Callable[[], Tensor]]:
        """Those of every closure."""
        rows = {"nu_t": "viscosity", "k_t": "energy", "epsilon_t": "dissipation"}
        return {name: partial(self.row, name, row) for name, row in rows.items()} | {
            "resolution": self.resolution,
            **{name: partial(self._carried, number) for number, name in enumerate(self.flow.current.carried_names)},
        }

    def quantities(self) -> dict[str, Callable[[], float]]:
        """Those of every closure."""
        return {"modelled_dissipation": self.modelled_dissipation, "turbulence_held": self.turbulence_held}

    @property
    def own(self) -> Showing:
        """What the closure shows beside that."""
        closure = self.scheme.problem.closure
        return closure if isinstance(closure, Showing) else Showing()

    def own_field(self, name: str) -> Tensor | None:
        """A field that the closure shows or carries itself, None if it has no such field."""
        carried = self.flow.current.carried_names
        if name in carried:
            return self._carried(carried.index(name))
        found = self.own.fields.get(name)
        return None if found is None else together(self.comm, lambda: found(self.view()))

    def own_column(self, name: str) -> float | None:
        """A number that the closure shows itself."""
        found = self.own.columns.get(name)
        return None if found is None else together(self.comm, lambda: found(self.view()))

    def view(self) -> View:
        """The flow now."""
        return self._now().view

    def now(self) -> tuple[View, EddyFields | None]:
        """The flow now, and what its closure says of it."""
        known, closure = self._now(), self.scheme.problem.closure
        if known.eddies is None and closure is not None:
            found = together(self.comm, lambda: eddy_fields(closure, known.view, self.scheme))
            self._known = known = known._replace(eddies=found)
        return known.view, known.eddies

    def _now(self) -> Known:
        flow, s, known = self.flow, self.flow.current, self._known
        fields = [f for f in (s.U, s.q, *s.u, s.carried) if f is not None]
        if known is None or known.time != flow.time or [id(f()) for f in known.fields] != [id(f) for f in fields]:
            view = self.scheme.view_of(s, flow.time, flow.dt)
            self._known = known = Known(flow.time, [weakref.ref(f) for f in fields], view, None)
        return known

    def forget(self) -> None:
        """What is known of the flow before a step, whose memory the step may need."""
        self._known = None

    def _closure(self, name: str) -> Closure:
        closure = self.scheme.problem.closure
        if closure is None:
            raise ConfigError(f'"{name}" needs {TURBULENCE}')
        return closure

    def row(self, name: str, row: str) -> Tensor:
        """A row of the closure's EddyFields under the name of output. Raises ConfigError if it has none."""
        self._closure(name)
        found: Tensor | None = getattr(self.now()[1], row)
        if found is None:
            raise ConfigError(f'"{name}" needs {EDDY_ENERGY}; {self.scheme.problem.name("closure")} does not')
        return found

    def _carried(self, row: int) -> Tensor:
        """What the closure carries."""
        carried = self.flow.current.carried
        assert carried is not None
        return self.scheme.inner(carried)[row]

    def turbulence_held(self) -> float:
        """Values of it that the last step held above zero, of all ranks."""
        self._closure("turbulence_held")
        held = self.flow.current.held
        return self.comm.sum(0.0 if held is None else float(held))[0]

    def resolution(self) -> Tensor:
        """Resolved over all turbulent kinetic energy, of averages over the periodic directions now, weighted by mass.

        1 - M of Pope, New J. Phys. 6 (2004) 35. doi:10.1088/1367-2630/6/1/035. 1 where there is no turbulence, but for
        round-off of the mean motion. Raises ConfigError where no direction is periodic.
        """
        view = self.view()
        k = self.row("resolution", "energy")
        u = view.velocity
        rows = view.rho * torch.cat([torch.ones_like(k)[None], u, (0.5 * u.pow(2).sum(0))[None], k[None]])
        mass, *momentum, energy, below = together(self.comm, lambda: plane_sums(view, rows, '"resolution"', OVER_TIME))
        resolved = energy / mass - 0.5 * sum((m / mass) ** 2 for m in momentum)
        resolved, below = resolved.clamp_min(0.0), below / mass
        turbulent = resolved + below > EVEN * energy / mass
        return torch.where(turbulent, resolved / (resolved + below), 1.0).expand(k.shape).contiguous()

    def modelled_dissipation(self) -> float:
        """Kinetic energy that the viscosity of the eddies takes from the resolved motion [W]."""
        self._closure("modelled_dissipation")
        view, eddies = self.now()
        assert eddies is not None
        scheme = self.scheme
        mu = added(eddies, view, scheme).viscosity
        found = motion.viscous_dissipation(self.flow.current.u, mu, scheme.layout, scheme.metrics)
        return self.comm.sum(float((found * scheme.grid.volume).sum()))[0]
