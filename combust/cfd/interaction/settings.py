"""Tables of a case file that say how turbulence below the grid's cells and chemistry act on each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from msgspec import Meta

from combust.settings.base import Name, NotNegative, Positive, Settings, Temperature, Text, doc

if TYPE_CHECKING:
    from combust.cfd.interaction.base import Interaction
    from combust.cfd.interaction.burning import Burning
    from combust.cfd.interaction.times import ChemicalTime
    from combust.kinetics.flames.free import FlameProfile
    from combust.kinetics.mechanism.mechanism import Mechanism

AtLeastOne = Annotated[float, Meta(ge=1)]
Share = Annotated[float, Meta(ge=0, le=1)]


class CombustionSettings(Settings, frozen=True):
    """Base of the kinds of `combustion`. FIELDS, COLUMNS : names that the kind shows in output, and their meaning.

    EDDIES : whether it needs a turbulence closure
    RESOLVED : whether it acts on what is resolved of turbulence, which averages over all eddies lack
    """

    FIELDS: ClassVar[dict[str, Name]] = {}
    COLUMNS: ClassVar[dict[str, Name]] = {}
    EDDIES: ClassVar[bool] = False
    RESOLVED: ClassVar[bool] = False

    def build(self, case: Burning) -> Interaction | None:
        """The interaction of a case; None: rates and diffusion are those of the resolved fields. Raises ConfigError."""
        raise NotImplementedError

    def as_burns(self, profile: FlameProfile, case: Burning) -> FlameProfile:
        """Cantera's flame of the table `initial` as it will be in the flow."""
        return profile


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
    COLUMNS: ClassVar[dict[str, Name]] = {
        "mixing_limited": Name("share of the cells whose eddies are too weak for tau_m of PaSR to be theirs: Re_t < 1")
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
        "kappa_limited": Name("share of the cells in which kappa of EDC was limited to one"),
        "gamma_limited": Name('share of the cells in which C_gamma of EDC, version = "2016", is at a bound, or its Da'),
    }

    version: Annotated[
        Literal["1981", "1996", "2005", "2016"],
        doc("exponents of kappa: 3, 3 (1981), 2, 3 (1996), 2, 2 (2005, 2016); 2016 has local constants"),
    ] = "2005"

    def build(self, case: Burning) -> Interaction | None:
        """The concept of a case."""
        from combust.cfd.interaction import edc

        return edc.Edc(self.version, self.time(case.gas))


class FlameOf(Settings, frozen=True):
    """A planar flame of Cantera's at the pressure of the case."""

    fuel: Annotated[Text, doc("mole fractions of the fuel")]
    oxidizer: Annotated[Text, doc("mole fractions of the oxidizer")]
    phi: Annotated[Positive, doc("equivalence ratio")]
    temperature: Annotated[Temperature, doc("of the unburnt gas", "K")] = 300.0


class DynamicExponentKey(Settings, frozen=True, tag_field="kind", tag="dynamic"):
    """beta from the resolved wrinkles. doi:10.1016/S0010-2180(02)00401-7, doi:10.1016/j.combustflame.2011.04.008"""

    ratio: Annotated[
        float, Meta(ge=0.5, le=4.0), doc("width of the test filter over the thickness of the thickened flame")
    ] = 1.5


class ThickenedFlame(CombustionSettings, frozen=True, kw_only=True, tag_field="kind", tag="thickened"):
    """Flames are thickened so that the grid resolves them, and burn faster by the wrinkles that they lose.

    Diffusion is E F times and reaction E/F times what it is, F = 1 + (F_max - 1) sensor. Colin et al. 2000, Charlette
    et al. 2002. doi:10.1063/1.870436, doi:10.1016/S0010-2180(02)00400-5
    """

    FIELDS: ClassVar[dict[str, Name]] = {
        "sensor": Name("where a flame is thickened: 1 within, 0 outside"),
        "thickening": Name("F, how many times thicker a flame is than it would be"),
        "efficiency": Name("E, how many times faster a thickened flame burns for the wrinkles that it lost"),
        "u_flame": Name("velocity of the eddies up to the thickness of a thickened flame", "m/s"),
    }
    COLUMNS: ClassVar[dict[str, Name]] = {"wrinkling_exponent": Name("beta of the efficiency function")}
    RESOLVED: ClassVar[bool] = True

    cells: Annotated[
        Positive | None, doc("cells (by their widest side) over the thickness of a flame; 6 if factor is omitted, too")
    ] = None
    factor: Annotated[AtLeastOne | None, doc("F_max, given in place of cells")] = None
    flame: Annotated[
        FlameOf | None,
        doc("the flame that is thickened; that of the table `initial` if it names fuel, oxidizer and phi"),
    ] = None
    speed: Annotated[Positive | None, doc("its laminar speed; Cantera's if omitted", "m/s")] = None
    thickness: Annotated[Positive | None, doc("its thermal thickness; Cantera's if omitted", "m")] = None
    fresh: Annotated[float | None, doc("T, or Y of the fuel, before it; Cantera's if omitted")] = None
    burnt: Annotated[float | None, doc("the same behind it; T where its slope is 3 % of the steepest if omitted")] = (
        None
    )
    viscosity: Annotated[
        Positive | None,
        doc("kinematic, of the fresh gas, for the Reynolds number u' D/nu; speed thickness/4 if omitted", "m2/s"),
    ] = None
    progress: Annotated[
        Literal["temperature", "fuel"], doc("what the sensor tells a flame by: T, or how much fuel is left")
    ] = "temperature"
    edge: Annotated[
        float, Meta(gt=0, lt=0.5), doc("the sensor is 1 where the progress is between this and 1 less this")
    ] = 0.05
    efficiency: Annotated[
        Literal["charlette", "saturated", "none"],
        doc("E = (1 + w)^beta, w of min(D/d, Gamma u'/S_L), or of min(D/d - 1, Gamma u'/S_L); none: 1"),
    ] = "charlette"
    exponent: Annotated[Share | DynamicExponentKey, doc("beta, or a table that says how it is found")] = 0.5
    fluctuation: Annotated[
        Literal["resolved", "closure"],
        doc("u' from the smallest resolved eddies, or from the energy of those of the closure"),
    ] = "resolved"

    def __post_init__(self) -> None:
        if self.cells is not None and self.factor is not None:
            raise ValueError("give cells or factor, one of the two")

    def build(self, case: Burning) -> Interaction | None:
        """The thickened flame. Raises ConfigError where nothing says which flame it is."""
        from combust.cfd.interaction.building import thickened

        return thickened(self, case)

    def as_burns(self, profile: FlameProfile, case: Burning) -> FlameProfile:
        """Cantera's flame as thick as it will be on the grid of the case."""
        from combust.cfd.interaction.building import stretched

        return stretched(self, profile, case)


Combustion = Laminar | Pasr | Edc | ThickenedFlame
COMBUSTIONS = (Laminar, Pasr, Edc, ThickenedFlame)
