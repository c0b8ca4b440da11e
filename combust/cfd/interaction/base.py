"""What an interaction of turbulence and chemistry is to a flow solver: asked once per step, it answers in factors.

Like closures it sees the flow at the start of the step alone and keeps nothing, so that a restart asks it with the same
state, bit by bit.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar, NamedTuple

from torch import Tensor

from combust.cfd.closures.base import EddyFields
from combust.cfd.closures.view import View
from combust.cfd.interaction.times import ChemicalTime
from combust.errors import ConfigError


class Interplay(NamedTuple):
    """Factors over the step, each (nz, ny, nx) over the owned cells, not negative; None: one everywhere.

    rates : of all reaction rates;  molecular : of the gas's conduction of heat and diffusion of species
    eddy : of those by eddies, whose viscosity stays
    """

    rates: Tensor | None = None
    molecular: Tensor | None = None
    eddy: Tensor | None = None


class Met(NamedTuple):
    """What an interaction sees: the flow, and the eddies of its closure, None without one.

    `view.reactions` are the rates of the mechanism, not yet multiplied; `view.padded` and `view.sum` message.
    """

    view: View
    eddies: EddyFields | None


class Interaction(ABC):
    """A model of what turbulence below the grid does to reactions, and to the diffusion that feeds them.

    What it shows of itself are `fields` of the owned cells and `columns`, the same on all ranks (collective), by names
    whose meanings its table of a case file declares.
    """

    @abstractmethod
    def update(self, met: Met) -> Interplay:
        """The factors over the step that starts with this flow. Raises ConfigError for a closure that lacks something.

        Asked on all ranks at the same place; what fails on one fails on all.
        """

    reacts: ClassVar[bool] = False
    """Whether it is of reactions, and of no use without."""

    @property
    def chemical_time(self) -> ChemicalTime | None:
        """Its choice of the time of reactions, in Damkoehler and Karlovitz numbers too; None: it has none."""
        return None

    @property
    def fields(self) -> Mapping[str, Callable[[Met], Tensor]]:
        """What it shows of each cell."""
        return {}

    @property
    def columns(self) -> Mapping[str, Callable[[Met], float]]:
        """Numbers of the whole flow."""
        return {}


def require_eddies(met: Met, kind: str) -> tuple[Tensor, Tensor]:
    """Energy and dissipation of the eddies. Raises ConfigError, naming the kind, where the closure says none."""
    if met.eddies is None:
        raise ConfigError(
            f'combustion.kind = "{kind}" needs a turbulence closure; choose a turbulence.kind, or "laminar"'
        )
    if met.eddies.energy is None or met.eddies.dissipation is None:
        raise ConfigError(
            f'combustion.kind = "{kind}" needs a turbulence closure that says the energy of its eddies and what they '
            "dissipate, and this one does not; choose another turbulence.kind"
        )
    return met.eddies.energy, met.eddies.dissipation


def require_interaction(name: str, given: object) -> None:
    """Raises ConfigError for what is no interaction; name : of the argument."""
    if isinstance(given, type):
        raise ConfigError(f"{name}: is the class {given.__name__}; give one of its objects")
    if not isinstance(given, Interaction):
        raise ConfigError(f"{name}: {type(given).__name__} is no Interaction")
