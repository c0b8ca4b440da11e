"""The file of `combust falloff`: a well, its way out, the bath gas, temperatures and pressures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from scipy.constants import calorie, eV

from combust.errors import ConfigError
from combust.kinetics.constants.evaluated import PER_MOL, PER_MOLECULE
from combust.kinetics.falloff.densities import KT
from combust.kinetics.falloff.well import HIGHEST
from combust.kinetics.quantum.constants import CM_KJ, LIGHT, PLANCK
from combust.kinetics.quantum.thermochemistry.settings import RotorSettings
from combust.settings import ranges
from combust.settings.base import Count, NotNegative, Positive, Settings, Text, doc
from combust.settings.config import beside, checked, read, there
from combust.units import split

LIBRARY = Path(__file__).parent / "library"  # files and records that come with combust
PER_CM = {
    "cm-1": 1.0, "1/cm": 1.0, "kJ/mol": 1 / CM_KJ, "kcal/mol": calorie / CM_KJ, "K": KT, "eV": eV / (PLANCK * LIGHT),
}  # fmt: skip
A_UNITS = {"m3/kmol/s": 1.0, "cm3/mol/s": PER_MOL, "cm3/molecule/s": PER_MOLECULE, "1/s": 1.0}
Energy = Annotated[float | str, doc("in cm-1, or a text with cm-1, kJ/mol, kcal/mol, K or eV")]
Level = tuple[Positive, NotNegative]


class Structure(Settings, frozen=True):
    """A molecule or a saddle: its record, or what its states are made of."""

    species: Annotated[str, doc("its name in the mechanism; a saddle needs none")] = ""
    record: Annotated[Text | None, doc("file of a record of a structure, in the place of the keys below")] = None
    frequencies: Annotated[tuple[Positive, ...], doc("harmonic wave numbers [cm-1]")] = ()
    rotational: Annotated[tuple[Positive, ...], doc("constants [cm-1]: none of an atom, one if linear, or three")] = ()
    symmetry: Annotated[Positive, doc("rotational symmetry number; half of it with a mirror image")] = 1.0
    electronic: Annotated[tuple[Level, ...], Meta(min_length=1), doc("(degeneracy, cm-1) of each level")] = (
        (1.0, 0.0),
    )
    rotors: Annotated[tuple[RotorSettings, ...], doc("bonds of a record that turn, each in the place of a mode")] = ()

    def __post_init__(self) -> None:
        if self.rotors and self.record is None:
            raise ValueError("rotors: need a record, whose geometry says how heavy they are")
        if len(self.rotational) not in (0, 1, 3):
            raise ValueError("rotational: none (an atom), one (linear) or three constants")


class HighPressure(Settings, frozen=True):
    """k at high pressure, where there is no saddle: sum of A T^n exp(-E / T)."""

    terms: Annotated[tuple[tuple[float, float, float], ...], Meta(min_length=1), doc("A, n and E [K] of each term")]
    units: Annotated[Literal["m3/kmol/s", "cm3/mol/s", "cm3/molecule/s", "1/s"], doc("of A; 1/s: of dissociation")]
    source: Annotated[Text, doc("where the numbers were read")]


class SaddlePoint(Settings, frozen=True):
    """A saddle, in the place of k at high pressure."""

    structure: Annotated[Structure, doc("its states; two mirror images: half the symmetry number")]
    barrier: Annotated[Energy, doc("above the well, zero-point energies included; units as of threshold")]
    imaginary: Annotated[NotNegative, doc("wave number [cm-1] for tunnelling by Eckart's barrier; 0: none")] = 0.0


class Collisions(Settings, frozen=True):
    """Energy transfer, exponential down: steps down have the mean `down` (T / 300 K)^`exponent`."""

    down: Annotated[Positive, doc("mean energy of steps down at 300 K [cm-1]")]
    exponent: Annotated[float, doc("of T / 300 K in it")] = 0.0
    sigma: Annotated[Positive | None, doc("Lennard-Jones, of the pair [angstrom]; none: the mechanism's")] = None
    epsilon: Annotated[Positive | None, doc("the same [K]")] = None


class Falloff(Settings, frozen=True):
    """A well, and all that k(T, p) hangs on."""

    well: Annotated[Structure, doc("the molecule")]
    fragments: Annotated[tuple[Structure, Structure], doc("what it falls apart into: two tables with the keys of well")]
    collisions: Annotated[Collisions, doc("with the bath gas")]
    threshold: Annotated[
        float | str | None,
        doc("of dissociation at 0 K, in cm-1 or with cm-1, kJ/mol, kcal/mol, K or eV; none: by the mechanism's thermo"),
    ] = None
    k_inf: Annotated[HighPressure | None, doc("k at high pressure: this or saddle")] = None
    saddle: Annotated[SaddlePoint | None, doc("the way over a saddle: this or k_inf")] = None
    mechanism: Annotated[Text, doc("Cantera file: masses, thermo, Lennard-Jones parameters")] = "h2o2.yaml"
    bath: Annotated[Text, doc("bath gas, a species of it")] = "N2"
    active: Annotated[Literal["K", "all"], doc("rotation that takes part: about one axis, or all")] = "K"
    quantum: Annotated[bool, doc("count levels of the active rotor instead of classical states")] = False
    T: Annotated[Text, doc('temperatures [K]: "300:2500:12", or "300,1000,2500"')] = "300:2500:12"
    p: Annotated[Text, doc('pressures with their unit: "0.01,0.1,1,10,100 atm"')] = "0.01,0.1,1,10,100 atm"
    grain: Annotated[Count, doc("of energy [cm-1]")] = 20
    fit: Annotated[Literal["troe", "plog", "chebyshev"], doc("form of the entry")] = "troe"
    efficiencies: Annotated[dict[str, Positive], doc("of colliders beside the bath gas, Troe only")] = {}
    factor: Annotated[Annotated[float, Meta(ge=1)] | None, doc("k may be off by, for the entry")] = None
    note: Annotated[str, doc("more for the entry")] = ""

    def __post_init__(self) -> None:
        if (self.k_inf is None) == (self.saddle is None):
            raise ValueError("give either k_inf or saddle")
        if self.efficiencies and self.fit != "troe":
            raise ValueError("efficiencies: only a Troe entry has them")
        for what in (self.well, *self.fragments):
            if not what.species:
                raise ValueError("well, fragments: each needs its species")

    @property
    def temperatures(self) -> list[float]:
        """[K], ascending."""
        found = ranges.positive(ranges.quantities(self.T, "temperature", "T"), self.T, "T")
        return sorted(set(found))

    @property
    def pressures(self) -> list[float]:
        """[Pa], ascending."""
        if not ranges.has_unit(self.p):
            raise ConfigError(f'p = "{self.p}": needs its unit, as in "1,10 atm"')
        return sorted(set(ranges.positive(ranges.quantities(self.p, "pressure", "p"), self.p, "p")))


def per_cm(energy: float | str, what: str) -> float:
    """An energy of a bond or barrier in 1/cm. Raises ConfigError for a unit or a size that is none of an energy."""
    number, unit = split(energy) if isinstance(energy, str) else (float(energy), "cm-1")
    if unit not in PER_CM:
        raise ConfigError(f"{what} = {energy!r}: unit must be one of {', '.join(PER_CM)}")
    found = number * PER_CM[unit]
    if not 0 < found <= HIGHEST:
        raise ConfigError(f"{what} = {energy!r}: allowed energies above 0 and up to {HIGHEST:g} cm-1 above the well")
    return found


def load(path: str | Path, overrides: Sequence[str] = ()) -> Falloff:
    """The settings of a TOML file, with "key=value" changes; files that lie beside it get their full path.

    path : or the name of a file that comes with combust
    Raises ConfigError that names file, key, value and what is allowed.
    """
    path = Path(there(str(path), None, LIBRARY, "*.toml"))
    found = checked(read(path, overrides), str(path), Falloff)
    here = lambda one: located(one, path)  # noqa: E731
    saddle = found.saddle and msgspec.structs.replace(found.saddle, structure=here(found.saddle.structure))
    return msgspec.structs.replace(
        found, mechanism=beside(path, found.mechanism), well=here(found.well), saddle=saddle,
        fragments=(here(found.fragments[0]), here(found.fragments[1])),
    )  # fmt: skip


def located(one: Structure, path: Path) -> Structure:
    """With its record and scans where the file `path` lies."""
    if one.record is None:
        return one
    rotors = tuple(
        msgspec.structs.replace(rotor, scan=beside(path, rotor.scan)) if rotor.scan else rotor for rotor in one.rotors
    )
    return msgspec.structs.replace(one, record=beside(path, one.record), rotors=rotors)
