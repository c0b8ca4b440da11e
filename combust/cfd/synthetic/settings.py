"""Tables of a case file that say how turbulence is distributed over wave numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from msgspec import Meta

from combust.errors import ConfigError, at
from combust.settings.base import NotNegative, Positive, Settings, Text, doc

if TYPE_CHECKING:
    from combust.cfd.synthetic.filter import Filter
    from combust.cfd.synthetic.frozen import FrozenModes
    from combust.cfd.synthetic.plane import InflowPlane
    from combust.cfd.synthetic.spectra import Spectrum
    from combust.cfd.synthetic.varying import StressField

Rising = Annotated[tuple[Positive, ...], Meta(min_length=2, max_length=100_000)]
U_RMS = doc("root mean square of each component of the velocity, of the whole spectrum", "m/s")
ENERGY = doc("kinetic energy of the whole spectrum, in place of u_rms: d/2 u_rms^2 in d directions", "m2/s2")
LENGTH = doc("longitudinal integral length", "m")
Range = tuple[float, float]


class Region(Settings, frozen=True):
    """A part of the domain: a range of one or more coordinates."""

    x: Annotated[Range | None, doc("from, to", "m")] = None
    y: Annotated[Range | None, doc("from, to", "m")] = None
    z: Annotated[Range | None, doc("from, to", "m")] = None

    def __post_init__(self) -> None:
        given = {name: value for name in "xyz" if (value := getattr(self, name)) is not None}
        if not given:
            raise ValueError("give one or more of x, y and z: the range of that coordinate")
        for name, (low, high) in given.items():
            if not low < high:
                raise ValueError(f"{name} = [{low:g}, {high:g}] must rise")


class VonKarmanPao(Settings, frozen=True, tag_field="kind", tag="von-karman-pao"):
    """Energy range, inertial range k^(-5/3) and, with a viscosity, Pao's dissipative range. doi:10.2514/1.J055230"""

    length: Annotated[Positive, LENGTH]
    u_rms: Annotated[Positive | None, U_RMS] = None
    energy: Annotated[Positive | None, ENERGY] = None
    viscosity: Annotated[
        Positive | None, doc("kinematic, of the gas: where the spectrum ends; if omitted only the grid ends it", "m2/s")
    ] = None

    def __post_init__(self) -> None:
        check_strength(self)

    def spectrum(self, dimensions: int) -> Spectrum:
        """E(k) in so many directions. Raises ConfigError for a viscosity that leaves none."""
        from combust.cfd.synthetic.spectra import von_karman_pao

        return von_karman_pao(strength(self, dimensions), self.length, self.viscosity, dimensions)


class PassotPouquet(Settings, frozen=True, tag_field="kind", tag="passot-pouquet"):
    """Large eddies only: E ~ k^4 exp(-2 (k/k0)^2). doi:10.1017/S0022112087002167"""

    length: Annotated[Positive, LENGTH]
    u_rms: Annotated[Positive | None, U_RMS] = None
    energy: Annotated[Positive | None, ENERGY] = None

    def __post_init__(self) -> None:
        check_strength(self)

    def spectrum(self, dimensions: int) -> Spectrum:
        """E(k) in so many directions."""
        from combust.cfd.synthetic.spectra import passot_pouquet

        return passot_pouquet(strength(self, dimensions), self.length, dimensions)


class TableSpectrum(Settings, frozen=True, tag_field="kind", tag="table"):
    """A measured spectrum, straight between its entries in logarithms, none beyond them."""

    k: Annotated[Rising | None, doc("rising wave numbers", "1/m")] = None
    E: Annotated[Rising | None, doc("as many spectral energies, whose integral is the kinetic energy", "m3/s2")] = None
    file: Annotated[
        Text | None, doc("CSV file with columns k and E in place of the two lists: beside the case or a path")
    ] = None
    u_rms: Annotated[Positive | None, doc("brings the whole spectrum to this; as tabulated if omitted", "m/s")] = None

    def __post_init__(self) -> None:
        given = [value is not None for value in (self.k, self.E)]
        if any(given) if self.file is not None else not all(given):
            raise ValueError("give k and E, or a file")
        if self.k is not None and self.E is not None:
            if len(self.k) != len(self.E):
                raise ValueError(f"k has {len(self.k)} entries, E {len(self.E)}: each k needs its E")
            if any(a >= b for a, b in zip(self.k, self.k[1:], strict=False)):
                raise ValueError("the entries of k must rise")

    def spectrum(self, dimensions: int) -> Spectrum:
        """E(k) as it is tabulated, or brought to u_rms."""
        from combust.cfd.synthetic.spectra import of_table

        assert self.k is not None and self.E is not None
        found = of_table(self.k, self.E, dimensions)
        return found if self.u_rms is None else found.scaled(self.u_rms)


Spectra = VonKarmanPao | PassotPouquet | TableSpectrum
SPECTRUM = doc("how its energy is distributed over wave numbers")
SEED = doc("seed of its random numbers; the same motion on any number of ranks")


class Turbulence(Settings, frozen=True):
    """Random turbulence of a given spectrum, without discrete divergence."""

    spectrum: Annotated[Spectra, SPECTRUM]
    seed: Annotated[int, Meta(ge=0), SEED] = 0
    region: Annotated[Region | None, doc("where it is; the whole domain if omitted")] = None
    fade: Annotated[
        Positive | None,
        doc("over which it rises from edges of the region and sides that are not periodic; the length if omitted", "m"),
    ] = None


class Stresses(Settings, frozen=True):
    """Reynolds stresses, means of products of two components of the fluctuations."""

    xx: Annotated[NotNegative, doc("of u", "m2/s2")]
    yy: Annotated[NotNegative, doc("of v", "m2/s2")]
    zz: Annotated[NotNegative, doc("of w, of no use in 2-D", "m2/s2")] = 0.0
    xy: Annotated[float, doc("of u and v", "m2/s2")] = 0.0
    xz: Annotated[float, doc("of u and w", "m2/s2")] = 0.0
    yz: Annotated[float, doc("of v and w", "m2/s2")] = 0.0

    @property
    def matrix(self) -> list[list[float]]:
        """In the order z, y, x."""
        return [[self.zz, self.yz, self.xz], [self.yz, self.yy, self.xy], [self.xz, self.xy, self.xx]]


CONVECTION = doc("with which the pattern comes in; the mean velocity into the domain if omitted", "m/s")


class DigitalFilter(Settings, frozen=True, kw_only=True, tag_field="kind", tag="digital-filter"):
    """Filtered noise of given Reynolds stresses and lengths; it has divergence. doi:10.1016/S0021-9991(03)00090-1"""

    length: Annotated[
        Positive | Annotated[tuple[Positive, ...], Meta(min_length=2, max_length=3)],
        doc("integral length of all components, or a list of those along x, y, z", "m"),
    ]
    u_rms: Annotated[Positive | None, doc("root mean square of each component", "m/s")] = None
    stresses: Annotated[Stresses | None, doc("Reynolds stresses in place of u_rms")] = None
    kernel: Annotated[
        Literal["gaussian", "exponential"],
        doc("correlations exp(-pi s^2/4) or (1 + 2 s) exp(-2 s), s: distance over length"),
    ] = "gaussian"
    seed: Annotated[int, Meta(ge=0), SEED] = 0
    convection: Annotated[Positive | None, CONVECTION] = None

    def __post_init__(self) -> None:
        if (self.u_rms is None) == (self.stresses is None):
            raise ValueError("give u_rms or stresses, one of the two")

    def build(self, plane: InflowPlane, varying: StressField | None = None) -> Filter:
        """What fluctuates on a plane; varying : its stresses by place, where they are no numbers.

        Raises ConfigError for stresses and lengths that cannot be.
        """
        import numpy as np

        from combust.cfd.synthetic.filter import Filter, factors
        from combust.cfd.synthetic.varying import VaryingFilter

        if varying is not None:
            with at("length"):
                lengths = self._lengths(plane)
            return VaryingFilter(plane, varying, lengths, self.kernel, self.seed)
        stresses = np.diag([self.u_rms**2] * 3) if self.u_rms is not None else np.zeros((3, 3))
        if self.stresses is not None:
            with at("stresses"):
                stresses = np.array(self.stresses.matrix)
                factors(stresses)
        with at("length"):
            return Filter(plane, stresses, self._lengths(plane), self.kernel, self.seed)

    def _lengths(self, plane: InflowPlane) -> tuple[float, float, float]:
        """Along z, y, x."""
        given = self.length if isinstance(self.length, tuple) else (self.length,) * 3
        if len(given) < 1 + max(2 - a for a in (plane.normal, *plane.axes)):
            raise ConfigError(f"needs one number, or one for each direction of the mesh, not {len(given)}")
        z, y, x = reversed((*given, given[-1])[:3])
        return z, y, x


class RandomModes(Settings, frozen=True, kw_only=True, tag_field="kind", tag="random-modes"):
    """A frozen field of random Fourier modes without divergence on the grid, of a given spectrum."""

    spectrum: Annotated[Spectra, SPECTRUM]
    seed: Annotated[int, Meta(ge=0), SEED] = 0
    convection: Annotated[Positive | None, CONVECTION] = None

    def build(self, plane: InflowPlane, varying: StressField | None = None) -> FrozenModes:
        """What fluctuates on a plane; it takes no stresses. Raises ConfigError for one of unequal cells."""
        from combust.cfd.synthetic.frozen import FrozenModes

        with at("spectrum"):
            spectrum = self.spectrum.spectrum(1 + len(plane.axes))
        return FrozenModes(plane, spectrum, self.seed)


def check_strength(table: Any) -> None:
    """Raises ValueError unless one of u_rms and energy is given."""
    if (table.u_rms is None) == (table.energy is None):
        raise ValueError("give u_rms or energy, one of the two")


def strength(table: Any, dimensions: int) -> float:
    """u_rms [m/s]."""
    return float(table.u_rms if table.u_rms is not None else (2.0 * table.energy / dimensions) ** 0.5)
