"""Tables of a case file that say what integrates the reactions exactly, or that there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Protocol

from combust.settings.base import Name, Positive, Settings, doc

if TYPE_CHECKING:
    from torch import Tensor

    from combust.kinetics.mechanism.mechanism import Mechanism
    from combust.kinetics.providers.chemistry import Chemistry
    from combust.kinetics.providers.cvode import Cvode
    from combust.kinetics.providers.direct import Direct
    from combust.parallel import Communicator


class Reacting(Protocol):
    """What exact chemistry needs of a case. fresh_state : T [K] and rho Y [kg/m3] of its fresh gas, if it has one;
    sweeps : how often a step is advanced.
    """

    @property
    def gas(self) -> Mechanism: ...
    @property
    def comm(self) -> Communicator: ...
    @property
    def fresh_state(self) -> Tensor | None: ...
    @property
    def sweeps(self) -> int: ...


class ChemistrySettings(Settings, frozen=True):
    """What a kind of chemistry shows of itself in output, beside what every flow has: names with their meaning."""

    FIELDS: ClassVar[dict[str, Name]] = {}
    COLUMNS: ClassVar[dict[str, Name]] = {}


class DirectChemistry(ChemistrySettings, frozen=True, tag_field="kind", tag="direct"):
    """Exact rates, integrated for all cells at once by the batched stiff solver."""

    rtol: Annotated[Positive, doc("relative tolerance of the integration")] = 1e-4
    atol: Annotated[Positive, doc("absolute tolerance on mass fractions")] = 1e-9
    balance: Annotated[bool, doc("share the cells that need work evenly over the ranks")] = True

    def build(self, case: Reacting) -> Chemistry:
        """The provider of a case."""
        return balanced(exact("direct", self.rtol, self.atol, case), case.comm, self.balance)


class CvodeChemistry(ChemistrySettings, frozen=True, tag_field="kind", tag="cvode"):
    """Exact rates, integrated cell by cell with Cantera's CVODE: slow, for cross-checks."""

    rtol: Annotated[Positive, doc("relative tolerance of the integration")] = 1e-6
    atol: Annotated[Positive, doc("absolute tolerance on mass fractions")] = 1e-10
    balance: Annotated[bool, doc("share the cells that need work evenly over the ranks")] = True

    def build(self, case: Reacting) -> Chemistry:
        """The provider of a case."""
        return balanced(exact("cvode", self.rtol, self.atol, case), case.comm, self.balance)


class NoChemistry(ChemistrySettings, frozen=True, tag_field="kind", tag="none"):
    """No reactions: mixing only."""

    def build(self, case: Reacting) -> Chemistry:
        """The provider of a case."""
        from combust.kinetics.providers.frozen import Frozen

        return Frozen(case.gas)


def exact(kind: str, rtol: float, atol: float, case: Reacting) -> Direct | Cvode:
    """Exact chemistry to given tolerances: Cantera's CVODE for "cvode", else batched."""
    if kind == "cvode":
        from combust.kinetics.providers.cvode import Cvode

        return Cvode(case.gas, rtol, atol)
    from combust.kinetics.providers.direct import FACTOR_BYTES, Direct

    kept = FACTOR_BYTES if case.sweeps > 1 else 0
    return Direct(case.gas, rtol, atol, reference=case.fresh_state, factor_bytes=kept)


def balanced(chemistry: Chemistry, comm: Communicator, balance: bool) -> Chemistry:
    """The chemistry, its cells shared evenly by several ranks if that is wanted."""
    if not balance or comm.size == 1:
        return chemistry
    from combust.kinetics.providers.balance import Balanced

    return Balanced(chemistry, comm)
