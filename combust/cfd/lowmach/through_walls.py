"""Heat and species through the walls of a low-Mach flow, as its columns and fields show them."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Protocol

from torch import Tensor

from combust.cfd.boundaries import inflow, wall_fluxes
from combust.cfd.boundaries.conditions import Burner, conditions_of
from combust.cfd.lowmach.lowmach import LowMach
from combust.cfd.lowmach.state import State
from combust.cfd.lowmach.unresolved import Unresolved
from combust.errors import ConfigError
from combust.settings.names import BURNER, SIDES


class Walled(Protocol):
    """What of a flow this is made of."""

    scheme: LowMach
    current: State
    time: float
    dt: float


class ThroughWalls:
    """Asked by name, at any time of a flow."""

    def __init__(self, flow: Walled, unresolved: Unresolved):
        self.unresolved = unresolved
        self.flow, self.comm = flow, flow.scheme.grid.block.comm
        self._known: tuple[float, weakref.ref[Tensor], list[wall_fluxes.Through]] | None = None
        """Of a time and the content U, which steps and restarts replace: a row of output asks for many numbers."""

    def quantities(self) -> dict[str, Callable[[], float]]:
        """Heat now [W] and so far [J], in all, by side and of burners, and the largest flux of a species [kg/m2/s]."""
        found: dict[str, Callable[[], float]] = {
            "heat_to_burner": self.heat_to_burner,
            "wall_heat": lambda: sum(self.heat()),
            "wall_energy": lambda: float(self.flow.current.heat_out.sum()),
            "wall_species_flux": lambda: self.comm.max(wall_fluxes.largest_species_flux(self._now()))[0],
        }
        for i, side in enumerate(SIDES):
            found[f"wall_heat_{side}"] = lambda i=i: self.heat()[i]  # type: ignore[misc]
            found[f"wall_energy_{side}"] = lambda i=i: float(self.flow.current.heat_out[i])  # type: ignore[misc]
        return found

    def heat(self) -> list[float]:
        """Heat that leaves through walls and burners now, by the low and high side of z, y, x [W]."""
        return list(self.comm.sum(*wall_fluxes.heat_by_side(self._now())))

    def field(self) -> Tensor:
        """Heat that leaves a cell through its walls, over their area [W/m2]."""
        return wall_fluxes.heat_field(self._now(), self.flow.scheme.filler)

    def _now(self) -> list[wall_fluxes.Through]:
        """What leaves through the walls of this block, by the present state."""
        flow, s, scheme = self.flow, self.flow.current, self.flow.scheme
        if self._known is None or self._known[0] != flow.time or self._known[1]() is not s.U:
            scheme.filler.at(flow.time)
            c = self.unresolved.coefficients()
            found = list(wall_fluxes.through(s.q, c, scheme.filler, scheme.thermo))
            self._known = flow.time, weakref.ref(s.U), found
        return self._known[2]

    def heat_to_burner(self) -> float:
        """Heat that conducts into the burners now [W]; per m2 of what the domain does not extend in."""
        scheme = self.flow.scheme
        if not any(isinstance(c, Burner) for pair in scheme.problem.boundaries for s in pair for c in conditions_of(s)):
            raise ConfigError(f'"heat_to_burner" needs {BURNER}')
        own = inflow.heat_to_burner(self.flow.current.q, self.unresolved.coefficients(), scheme.filler, scheme.thermo)
        return self.comm.sum(own)[0]
