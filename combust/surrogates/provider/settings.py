"""The table of a case file that gives its reactions to a learned chemistry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Protocol

from combust.kinetics.providers.settings import ChemistrySettings, Reacting, exact
from combust.settings.base import Count, Name, Positive, Text, doc

if TYPE_CHECKING:
    from torch import Tensor

    from combust.cfd.boundaries.conditions import Sides
    from combust.kinetics.providers.chemistry import Chemistry

EVEN_FROM = 64  # cells that the network tries, below which a rank gives none away (benchmarks/balance.py)
LEVELS, MORE = 24, 12  # states of the case's own flame that lend their Jacobians, by T and farthest from these


class Learnt(Reacting, Protocol):
    """What learned chemistry needs of a case. initial : its table; mixture : Y of a table that names a gas.

    flame_states : T [K] (states,) and Y (species, states) whose Jacobians similar cells may share, if there are any:
        fresh and burnt gas, then what lies between
    """

    @property
    def device(self) -> str: ...
    @property
    def initial(self) -> Any: ...
    @property
    def boundaries(self) -> tuple[Sides, Sides, Sides]: ...
    @property
    def flame_states(self) -> tuple[Tensor, Tensor] | None: ...
    def mixture(self, table: Any, where: str = "initial") -> Tensor: ...


class LearnedChemistry(ChemistrySettings, frozen=True, tag_field="kind", tag="learned"):
    """A network where it is trusted, exact rates elsewhere; cell by cell (docs/learned.md)."""

    FIELDS: ClassVar = {
        "route": Name("of each cell in the last step: 0 slow, 1 network, 2 exact, 3 refused"),
        "route_error": Name("estimated error of network steps, in units of what is allowed"),
    }
    COLUMNS: ClassVar = {
        "slow_share": Name("share of the cells whose rates were slow in the last step"),
        "network_share": Name("share of the cells that the network did"),
        "exact_share": Name("share of the cells that were integrated"),
        "refused_share": Name("share of the cells that nobody did"),
    }

    model: Annotated[Text, doc("a shipped model (combust models), or the path of one")]
    fallback: Annotated[
        Literal["direct", "cvode", "none"],
        doc("where the network is not trusted: batched integration, CVODE, or none (such cells do not react)"),
    ] = "direct"
    router: Annotated[bool, doc("false: every cell to the network, trusted or not, for studies")] = True
    splitting: Annotated[
        Literal["strang", "lie", "midpoint", "radau", "radau2"],
        doc("how transport is fed to network cells before they are corrected; radau2: in two sub-steps"),
    ] = "strang"
    precision: Annotated[Literal["fp32", "bf16", "fp64"], doc("of the network's arithmetic")] = "fp32"
    rtol: Annotated[Positive, doc("relative tolerance of the exact integration")] = 1e-4
    atol: Annotated[Positive, doc("absolute tolerance on mass fractions")] = 1e-9
    balance: Annotated[bool, doc("ranks share the cells that the network tries evenly")] = True
    pool: Annotated[Count, doc("exact cells of all ranks are integrated in batches of at least so many")] = 512
    share: Annotated[
        Literal["auto", "on", "off"], doc("ranks on one device evaluate in one batch; auto: if it is a GPU")
    ] = "auto"

    def build(self, case: Learnt) -> Chemistry:
        """The provider of a case. Raises FileFormatError, ConfigError for a model that is not to be had, or foreign."""
        from combust.parallel import on_root
        from combust.surrogates import library
        from combust.surrogates.provider.flow import LearnedFlow
        from combust.surrogates.provider.pool import Pool
        from combust.surrogates.provider.sharing import Shared
        from combust.surrogates.trust.choice import of_flame
        from combust.surrogates.trust.coverage import mixtures
        from combust.surrogates.trust.fresh_case import gases, judge
        from combust.surrogates.trust.parts import Parts
        from combust.surrogates.trust.references import References

        model = on_root(case.comm, lambda: library.load(self.model))
        parts = Parts.of(model, case.gas, self.precision)
        known = gases(case.initial, case.mixture, case.boundaries)
        verdict = judge(parts, known, self.fallback, self.router)
        verdict.words.update(mixtures(parts, known, self.fallback, self.router))
        several, force = case.comm.size > 1, self.share == "on"
        share = force or (self.share == "auto" and case.device != "cpu")
        states = case.flame_states
        one_device = several and share
        return LearnedFlow(
            parts,
            exact(self.fallback, self.rtol, self.atol, case),
            None if states is None else of_flame(References(*states), LEVELS, MORE),
            self.splitting,
            self.fallback,
            self.router,
            Pool(case.comm, self.pool) if several else None,
            Shared(case.comm, case.device, force) if one_device else None,
            verdict,
            Pool(case.comm, EVEN_FROM, gathers=False) if several and self.balance and not one_device else None,
        )
