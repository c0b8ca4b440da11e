"""What of a case its interaction of turbulence and chemistry is built of."""

from __future__ import annotations

from typing import Any, Protocol

from combust.cfd.initial.unburnt import Unburnt
from combust.cfd.mesh.grid import Grid
from combust.kinetics.flames.free import FlameProfile
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.mechanism.settings import Transport
from combust.parallel import Communicator


class Burning(Protocol):
    """What an interaction is built of. pressure [Pa];  transport, initial : tables of the case

    unburnt : fresh gas and its equilibrium, None of a case that names none
    free_flame : Cantera's flame of an initial flame
    """

    @property
    def gas(self) -> Mechanism: ...
    @property
    def grid(self) -> Grid: ...
    @property
    def comm(self) -> Communicator: ...
    @property
    def pressure(self) -> float: ...
    @property
    def transport(self) -> Transport: ...
    @property
    def initial(self) -> Any: ...
    @property
    def unburnt(self) -> Unburnt | None: ...
    @property
    def free_flame(self) -> FlameProfile: ...
