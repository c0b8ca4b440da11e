"""What a model is given of a case to build its flow from: parts that are made when they are asked for, and once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from torch import Tensor

from combust.cfd.boundaries.conditions import Sides
from combust.cfd.closures.base import Closure, Source
from combust.cfd.diagnostics.mixture import Definitions
from combust.cfd.initial.earlier import Content
from combust.cfd.initial.fields import Fields
from combust.cfd.initial.settings import Initial
from combust.cfd.initial.unburnt import Unburnt
from combust.cfd.interaction.base import Interaction
from combust.cfd.mesh.grid import Grid
from combust.cfd.model.settings import Numerics
from combust.cfd.pressure.base import PressureSolver
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.providers.chemistry import Chemistry
from combust.kinetics.transport.model import TransportModel
from combust.parallel import Communicator
from combust.settings.base import Name


class Elsewhere(NamedTuple):
    """Names that only other kinds of chemistry or sources show: fields, and columns of numbers."""

    fields: Mapping[str, Name] = {}
    columns: Mapping[str, Name] = {}


class Case(Protocol):
    """The parts of a case, on the ranks of `comm`. Axes are in the order (z, y, x).

    pressure [Pa], gravity [m/s2], ambient (the table of the gas around, or None) : of the table `gas`
    dimensions : of the mesh;  sides : table of each side, "x_low", ...;  boundaries : the conditions made of them
    reacts : whether there is chemistry;  unburnt : fresh gas and its equilibrium, of what burns
    content : rho h, rho Y and p0 at the start, where they are not those of `fields` at `pressure`
    identity : what a checkpoint must share with this case;  definitions : what mixture fraction and progress refer to
    concerns : what is asked of a low-Mach flow at intervals;  called : what messages call closure and interaction
    """

    @property
    def comm(self) -> Communicator: ...
    @property
    def device(self) -> str: ...
    @property
    def gas(self) -> Mechanism: ...
    @property
    def grid(self) -> Grid: ...
    @property
    def dimensions(self) -> int: ...
    @property
    def pressure(self) -> float: ...
    @property
    def gravity(self) -> tuple[float, float, float]: ...
    @property
    def ambient(self) -> Any: ...
    @property
    def sides(self) -> Mapping[str, Any]: ...
    @property
    def boundaries(self) -> tuple[Sides, Sides, Sides]: ...
    @property
    def initial(self) -> Initial: ...
    @property
    def unburnt(self) -> Unburnt | None: ...
    @property
    def content(self) -> Content | None: ...
    @property
    def numerics(self) -> Numerics: ...
    @property
    def reacts(self) -> bool: ...
    @property
    def identity(self) -> dict[str, str]: ...
    @property
    def elsewhere(self) -> Elsewhere: ...
    @property
    def definitions(self) -> Definitions: ...
    @property
    def called(self) -> Mapping[str, str]: ...
    @property
    def concerns(self) -> Sequence[Callable[[Any], dict[str, str]]]: ...

    def mixture(self, table: Any, where: str = "initial") -> Tensor:
        """Y of a table that names a gas; `where`: its place, for messages. Raises ConfigError."""

    def fields(self) -> Fields:
        """(T, Y) of the owned cells and velocities on faces at the start."""

    def transport_data(self) -> tuple[str, TransportModel]:
        """Name and data of the transport model."""

    def chemistry(self) -> Chemistry:
        """What integrates the reactions of the cells."""

    def closure(self) -> Closure | None:
        """The turbulence closure, None of a laminar flow."""

    def interaction(self) -> Interaction | None:
        """What turbulence below the grid does to reactions, None: nothing."""

    def sources(self) -> tuple[Source, ...]:
        """What acts on the gas from without."""

    def pressure_solver(self) -> PressureSolver:
        """Of the pressure equation, by the table `numerics.pressure`."""
