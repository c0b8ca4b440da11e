"""Tables of a case file that say what is simulated: mesh, gas, chemistry, initial fields."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from combust.settings.base import (
    Count,
    Name,
    NotNegative,
    Positive,
    Pressure,
    Settings,
    Temperature,
    Text,
    Vector,
    Vector3,
    doc,
)


class UniformMesh(Settings, frozen=True, tag_field="kind", tag="uniform"):
    """Equal cells in each direction; the number of entries is the number of dimensions."""

    cells: Annotated[tuple[Count, ...], Meta(min_length=1, max_length=3), doc("cells in x, y, z")]
    lower: Annotated[Vector, doc("low corner", "m")]
    upper: Annotated[Vector, doc("high corner", "m")]

    def __post_init__(self) -> None:
        if not len(self.cells) == len(self.lower) == len(self.upper):
            raise ValueError("cells, lower and upper need the same number of entries (1, 2 or 3)")
        for name, low, high in zip("xyz", self.lower, self.upper, strict=False):
            if not low < high:
                raise ValueError(f"lower = {low} must lie below upper = {high} in {name}")

    @property
    def dimensions(self) -> int:
        return len(self.cells)


class Axis(Settings, frozen=True):
    """Faces along one direction: geometric growth between two ends, or the faces themselves."""

    lower: Annotated[float | None, doc("low end", "m")] = None
    upper: Annotated[float | None, doc("high end", "m")] = None
    cells: Annotated[Count | None, doc("number of cells")] = None
    ratio: Annotated[Positive, doc("width of a cell over that of its neighbour towards the low end")] = 1.0
    symmetric: Annotated[bool, doc("grow from both ends towards the middle")] = False
    faces: Annotated[tuple[float, ...] | None, doc("increasing coordinates, instead of the keys above", "m")] = None

    def __post_init__(self) -> None:
        ends = (self.lower, self.upper, self.cells)
        if self.faces is not None:
            if any(value is not None for value in ends) or self.ratio != 1.0 or self.symmetric:
                raise ValueError("give either faces or lower, upper, cells (ratio, symmetric), not both")
            if len(self.faces) < 2 or any(a >= b for a, b in zip(self.faces, self.faces[1:], strict=False)):
                raise ValueError("faces must be at least two increasing numbers")
        elif self.lower is None or self.upper is None or self.cells is None:
            raise ValueError("needs lower, upper and cells, or faces")
        elif not self.lower < self.upper:
            raise ValueError(f"lower = {self.lower} must lie below upper = {self.upper}")


class StretchedMesh(Settings, frozen=True, tag_field="kind", tag="stretched"):
    """Cells whose widths differ along each direction."""

    x: Annotated[Axis, doc("faces along x")]
    y: Annotated[Axis | None, doc("faces along y, for 2-D and 3-D")] = None
    z: Annotated[Axis | None, doc("faces along z, for 3-D")] = None

    def __post_init__(self) -> None:
        if self.z is not None and self.y is None:
            raise ValueError("z is given but y is not")

    @property
    def dimensions(self) -> int:
        return 1 + (self.y is not None) + (self.z is not None)


class ConstantTransport(Settings, frozen=True, tag_field="kind", tag="constant"):
    """One viscosity and constant Prandtl and Schmidt numbers."""

    viscosity: Annotated[NotNegative, doc("dynamic viscosity", "Pa s")]
    prandtl: Annotated[Positive, doc("Prandtl number")] = 0.7
    schmidt: Annotated[Positive, doc("Schmidt number of every species")] = 0.7


class MixtureAveraged(Settings, frozen=True, tag_field="kind", tag="mixture-averaged"):
    """Mixture-averaged diffusion, with or without thermal diffusion."""

    soret: Annotated[bool, doc("thermal diffusion of species lighter than 5 kg/kmol")] = False


class ConstantLewis(Settings, frozen=True, tag_field="kind", tag="constant-Lewis"):
    """Mixture-averaged viscosity and conductivity, and a Lewis number for each species."""

    lewis: Annotated[dict[str, float], doc("Lewis numbers by species")]
    default: Annotated[Positive | None, doc("of all other species; without it every species needs a number")] = None

    def __post_init__(self) -> None:
        for name, value in self.lewis.items():
            if not value > 0:
                raise ValueError(f"lewis.{name} = {value}: must be greater than 0")


class SutherlandTransport(Settings, frozen=True, tag_field="kind", tag="sutherland"):
    """Sutherland's law of viscosity and constant Prandtl and Schmidt numbers."""

    viscosity: Annotated[Positive, doc("dynamic viscosity at the reference temperature", "Pa s")]
    temperature: Annotated[Positive, doc("reference temperature", "K")]
    constant: Annotated[NotNegative, doc("Sutherland's constant", "K", "temperature difference")]
    prandtl: Annotated[Positive, doc("Prandtl number")] = 0.7
    schmidt: Annotated[Positive, doc("Schmidt number of every species")] = 0.7


class PowerLawTransport(Settings, frozen=True, tag_field="kind", tag="power-law"):
    """Viscosity in proportion to a power of temperature, and constant Prandtl and Schmidt numbers."""

    viscosity: Annotated[Positive, doc("dynamic viscosity at the reference temperature", "Pa s")]
    temperature: Annotated[Positive, doc("reference temperature", "K")]
    exponent: Annotated[NotNegative, doc("power of temperature")]
    prandtl: Annotated[Positive, doc("Prandtl number")] = 0.7
    schmidt: Annotated[Positive, doc("Schmidt number of every species")] = 0.7


Transport = (
    Literal["mixture-averaged", "unity-Lewis"]
    | MixtureAveraged
    | ConstantLewis
    | ConstantTransport
    | SutherlandTransport
    | PowerLawTransport
)


class Mixture(Settings, frozen=True):
    """A gas named by `composition`, or by `fuel`, `oxidizer` and `phi`."""

    composition: Annotated[Text | None, doc("mole fractions")] = None
    fuel: Annotated[Text | None, doc("mole fractions of the fuel, with oxidizer and phi")] = None
    oxidizer: Annotated[Text | None, doc("mole fractions of the oxidizer")] = None
    phi: Annotated[Positive | None, doc("equivalence ratio")] = None

    def __post_init__(self) -> None:
        parts = [value is not None for value in (self.fuel, self.oxidizer, self.phi)]
        if self.composition is not None and any(parts):
            raise ValueError("give either composition or fuel, oxidizer and phi, not both")
        if any(parts) and not all(parts):
            raise ValueError("fuel, oxidizer and phi go together")

    @property
    def has_composition(self) -> bool:
        return self.composition is not None or self.fuel is not None


class Ambient(Mixture, frozen=True, kw_only=True):
    """The gas around the domain, at rest at the pressure of the case; what is omitted is the initial unburnt gas."""

    temperature: Annotated[Temperature | None, doc("that of the initial unburnt gas if omitted", "K")] = None


class Gas(Settings, frozen=True):
    """The gas: its mechanism, pressure and transport."""

    mechanism: Annotated[Text, doc("Cantera YAML file: beside the case file, a path, or one that Cantera ships")]
    phase: Annotated[Text | None, doc("name of the phase in that file; the first gas if omitted")] = None
    ions: Annotated[Literal["neutral"] | None, doc("let ions of an ionized-gas phase diffuse like neutrals")] = None
    pressure: Annotated[Pressure, doc("thermodynamic pressure at the start", "Pa")] = 101325.0
    transport: Annotated[Transport, doc("molecular transport")] = "mixture-averaged"
    gravity: Annotated[Vector3, doc("acceleration in x, y, z", "m/s2")] = (0.0, 0.0, 0.0)
    ambient: Annotated[
        Ambient | None,
        doc(
            "the gas beyond outflow sides: gravity acts on the difference to its density; if omitted the only stream "
            "that flows in, else the gas at the outflow sides at the start"
        ),
    ] = None


class ChemistrySettings(Settings, frozen=True):
    """What a kind of chemistry shows of itself in output, beside what every flow has: names with their meaning."""

    FIELDS: ClassVar[dict[str, Name]] = {}
    COLUMNS: ClassVar[dict[str, Name]] = {}


class DirectChemistry(ChemistrySettings, frozen=True, tag_field="kind", tag="direct"):
    """Exact rates, integrated for all cells at once by the batched stiff solver."""

    rtol: Annotated[Positive, doc("relative tolerance of the integration")] = 1e-4
    atol: Annotated[Positive, doc("absolute tolerance on mass fractions")] = 1e-9
    balance: Annotated[bool, doc("share the cells that need work evenly over the ranks")] = True


class CvodeChemistry(ChemistrySettings, frozen=True, tag_field="kind", tag="cvode"):
    """Exact rates, integrated cell by cell with Cantera's CVODE: slow, for cross-checks."""

    rtol: Annotated[Positive, doc("relative tolerance of the integration")] = 1e-6
    atol: Annotated[Positive, doc("absolute tolerance on mass fractions")] = 1e-10
    balance: Annotated[bool, doc("share the cells that need work evenly over the ranks")] = True


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
    pool: Annotated[Count, doc("exact cells of all ranks are integrated in batches of at least so many")] = 512
    share: Annotated[
        Literal["auto", "on", "off"], doc("ranks on one device evaluate in one batch; auto: if it is a GPU")
    ] = "auto"


class NoChemistry(ChemistrySettings, frozen=True, tag_field="kind", tag="none"):
    """No reactions: mixing only."""


CHEMISTRIES = (DirectChemistry, CvodeChemistry, LearnedChemistry, NoChemistry)


class Perturbation(Settings, frozen=True):
    """Cosine waves in y (and z) that wrinkle a flat front."""

    amplitude: Annotated[NotNegative, doc("amplitude of the front's displacement", "m")]
    modes: Annotated[Count | tuple[Count, ...], doc("n: waves 1 to n per domain width, random phases; list: these")] = 1
    seed: Annotated[int, Meta(ge=0), doc("seed of the random phases")] = 0


class FlameInitial(Settings, frozen=True, tag_field="kind", tag="flame"):
    """A flat premixed flame from Cantera's free flame; unburnt gas at low x, burnt gas at high x."""

    fuel: Annotated[Text, doc("mole fractions of the fuel")]
    oxidizer: Annotated[Text, doc("mole fractions of the oxidizer")]
    phi: Annotated[Positive, doc("equivalence ratio")]
    position: Annotated[float, doc("x of the front", "m")]
    temperature: Annotated[Temperature, doc("of the unburnt gas", "K")] = 300.0
    perturbation: Annotated[Perturbation | None, doc("wrinkles of the front; flat if omitted")] = None
    refine: Annotated[
        Literal["customary", "converged"], doc("grid of the 1-D flame: quick, or converged for reference speeds")
    ] = "customary"


class KernelInitial(Settings, frozen=True, tag_field="kind", tag="kernel"):
    """A hot ball of burnt gas in a fresh mixture."""

    fuel: Annotated[Text, doc("mole fractions of the fuel")]
    oxidizer: Annotated[Text, doc("mole fractions of the oxidizer")]
    phi: Annotated[Positive, doc("equivalence ratio")]
    hot_temperature: Annotated[Temperature, doc("of the kernel", "K")]
    centre: Annotated[Vector, doc("centre of the kernel", "m")]
    radius: Annotated[Positive, doc("radius of the kernel", "m")]
    thickness: Annotated[Positive, doc("width of the transition at its edge", "m")]
    temperature: Annotated[Temperature, doc("of the fresh gas", "K")] = 300.0


class UniformInitial(Mixture, frozen=True, kw_only=True, tag_field="kind", tag="uniform"):
    """The same gas everywhere."""

    temperature: Annotated[Temperature, doc("temperature", "K")]
    velocity: Annotated[Vector, doc("velocity in x, y, z", "m/s")] = (0.0,)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.has_composition:
            raise ValueError("needs composition, or fuel, oxidizer and phi")


class TaylorGreenInitial(Settings, frozen=True, tag_field="kind", tag="taylor-green"):
    """Decaying array of vortices, exact in 2-D for constant density and viscosity."""

    composition: Annotated[Text, doc("mole fractions")]
    velocity: Annotated[Positive, doc("peak velocity", "m/s")]
    temperature: Annotated[Temperature, doc("temperature", "K")] = 300.0


class ManufacturedInitial(Settings, frozen=True, tag_field="kind", tag="manufactured"):
    """Two gases that mix and move along a travelling wave with known solution. doi:10.1016/j.jcp.2012.01.027"""

    rho0: Annotated[Positive, doc("density of the first gas", "kg/m3")] = 1.0
    rho1: Annotated[Positive, doc("density of the second gas", "kg/m3")] = 2.0
    k: Annotated[Positive, doc("wave number over pi", "1/m")] = 2.0
    w: Annotated[Positive, doc("frequency over pi", "1/s")] = 2.0
    uf: Annotated[float, doc("velocity of the frame in x", "m/s")] = 0.5
    vf: Annotated[float, doc("velocity of the frame in y", "m/s")] = 0.5
