"""Tables of a case file that say how turbulence below the grid's cells and chemistry act on each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Protocol

from combust.settings.base import Name, NotNegative, Settings, Text, doc

if TYPE_CHECKING:
    from combust.cfd.initial.unburnt import Unburnt
    from combust.cfd.interaction.base import Interaction
    from combust.cfd.interaction.times import ChemicalTime
    from combust.cfd.mesh.grid import Grid
    from combust.kinetics.mechanism.mechanism import Mechanism


class Burning(Protocol):
    """What an interaction is built of. unburnt : fresh gas and its equilibrium, None of a case that names none."""

    @property
    def gas(self) -> Mechanism: ...
    @property
    def grid(self) -> Grid: ...
    @property
    def unburnt(self) -> Unburnt | None: ...


class CombustionSettings(Settings, frozen=True):
    """Base of the kinds of `combustion`. FIELDS, COLUMNS : names that the kind shows in output, and their meaning.

    EDDIES : whether it needs a turbulence closure
    """

    FIELDS: ClassVar[dict[str, Name]] = {}
    COLUMNS: ClassVar[dict[str, Name]] = {}
    EDDIES: ClassVar[bool] = False

    def build(self, case: Burning) -> Interaction | None:
        """The interaction of a case; None: rates and diffusion are those of the resolved fields. Raises ConfigError."""
        raise NotImplementedError


class Laminar(CombustionSettings, frozen=True, tag_field="kind", tag="laminar"):
    """None: reaction rates are those of the resolved fields, as in laminar flow and direct simulation."""

    def build(self, case: Burning) -> Interaction | None:
        """None."""
        return None


KAPPA = Name("part of all reaction rates that acts, of PaSR and EDC")


class _Timed(CombustionSettings, frozen=True, kw_only=True):
    """What those have that need the time of reactions."""

    EDDIES: ClassVar[bool] = True

    chemical_time: Annotated[
        Literal["reactions", "conversion"],
        doc(
            "time of the reactions. reactions: sum C sum w / sum w^2 over all directions, w the kmol that each makes; "
            "conversion: the longest in which `species` that are consumed would be gone"
        ),
    ] = "reactions"
    species: Annotated[tuple[Text, ...], doc('of chemical_time = "conversion": fuel and oxidizer, as a rule')] = ()

    def __post_init__(self) -> None:
        if (self.chemical_time == "conversion") != bool(self.species):
            raise ValueError('chemical_time = "conversion" and species = [...] go together')

    def time(self, gas: Mechanism) -> ChemicalTime:
        """That of a mechanism. Raises MechanismError for a species that it has not."""
        from combust.cfd.interaction.times import TimeOfConversion, TimeOfReactions

        if self.chemical_time == "conversion":
            return TimeOfConversion([gas.index(name) for name in self.species])
        return TimeOfReactions(gas)


class Pasr(_Timed, frozen=True, kw_only=True, tag_field="kind", tag="pasr"):
    """Partially stirred reactor: rates times tau_c/(tau_c + tau_m), times of reactions and of mixing below the grid.

    Chomiak, Karlsson, Symp. (Int.) Combust. 26 (1996) 2557. doi:10.1016/S0082-0784(96)80088-9
    """

    FIELDS: ClassVar[dict[str, Name]] = {
        "kappa": KAPPA,
        "mixing_time": Name("time of mixing below the grid, tau_m of PaSR", "s"),
    }

    mixing_time: Annotated[
        Literal["integral", "kolmogorov", "geometric", "effective"],
        doc(
            "tau_m. integral: k/epsilon; kolmogorov: (nu/epsilon)^(1/2); geometric: the geometric mean of both; "
            "effective: ((nu + nu_t)/epsilon)^(1/2), as OpenFOAM has it"
        ),
    ] = "geometric"
    constant: Annotated[NotNegative, doc("C_mix, which tau_m is multiplied with; 0: laminar rates")] = 1.0

    def build(self, case: Burning) -> Interaction | None:
        """The reactor of a case."""
        from combust.cfd.interaction import pasr

        return pasr.Pasr(self.mixing_time, self.constant, self.time(case.gas))


class Edc(_Timed, frozen=True, kw_only=True, tag_field="kind", tag="edc"):
    """Eddy dissipation concept: rates times the part that the fine structures of turbulence fill, at most one.

    Magnussen, AIAA Paper 81-0042 (1981), doi:10.2514/6.1981-42; Gran, Magnussen, Combust. Sci. Technol. 119 (1996) 191,
    doi:10.1080/00102209608951999; Parente et al., Fuel 163 (2016) 98, doi:10.1016/j.fuel.2015.09.020
    """

    FIELDS: ClassVar[dict[str, Name]] = {
        "kappa": KAPPA,
        "fine_time": Name("time that gas stays in the fine structures, tau* of EDC", "s"),
    }
    COLUMNS: ClassVar[dict[str, Name]] = {
        "kappa_limited": Name("share of the cells in which kappa of EDC was limited to one")
    }

    version: Annotated[
        Literal["1981", "1996", "2005", "2016"],
        doc("exponents of kappa: 3, 3 (1981), 2, 3 (1996), 2, 2 (2005, 2016); 2016 has local constants"),
    ] = "2005"

    def build(self, case: Burning) -> Interaction | None:
        """The concept of a case."""
        from combust.cfd.interaction import edc

        return edc.Edc(self.version, self.time(case.gas))


Combustion = Laminar | Pasr | Edc
COMBUSTIONS = (Laminar, Pasr, Edc)
