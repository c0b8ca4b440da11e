"""What initial fields are given of a case, and what most of them have not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from combust.kinetics.mechanism.settings import Transport

if TYPE_CHECKING:
    from torch import Tensor

    from combust.cfd.closures.base import Source
    from combust.cfd.initial.earlier import Carried
    from combust.cfd.initial.unburnt import Unburnt
    from combust.cfd.mesh.grid import Grid
    from combust.kinetics.flames.free import FlameProfile
    from combust.kinetics.mechanism.mechanism import Mechanism
    from combust.parallel import Communicator


class Starting(Protocol):
    """What initial fields need of a case. pressure [Pa]; mixture : Y of a table that names a gas; transport : its table

    profile : Cantera's free flame of an initial flame;  carried : the earlier run of an initial table that names one
    """

    @property
    def gas(self) -> Mechanism: ...
    @property
    def comm(self) -> Communicator: ...
    @property
    def device(self) -> str: ...
    @property
    def grid(self) -> Grid: ...
    @property
    def pressure(self) -> float: ...
    @property
    def transport(self) -> Transport: ...
    @property
    def profile(self) -> FlameProfile: ...
    @property
    def carried(self) -> Carried: ...
    def mixture(self, table: Any, where: str = "initial") -> Tensor: ...


class Start:
    """What most initial fields have not; a kind says where it has it.

    one_gas : whether the table names one gas, which inflows without a gas of their own bring in
    """

    __slots__ = ()
    one_gas: ClassVar[bool] = True

    def unburnt(self, case: Starting) -> Unburnt | None:
        """The fresh gas and its burnt equilibrium, of what burns."""
        return None

    def sources(self, case: Starting) -> tuple[Source, ...]:
        """Those that make a given solution one of the equations."""
        return ()

    def doubts(self, grid: Grid) -> dict[str, str]:
        """What is doubtful of them on this grid, in words: name -> sentence."""
        return {}

    def flame_states(self, case: Starting, fresh: Unburnt) -> tuple[Tensor, Tensor] | None:
        """T [K] (states,) and Y (species, states) of fresh and burnt gas, then what lies between, of what burns."""
        return None
