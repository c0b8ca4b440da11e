"""What is asked of `combust thermo`: records, treatments of their modes, enthalpies of formation, ranges."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from combust.settings.base import Count, NotNegative, Positive, Pressure, Settings, Temperature, Text, doc
from combust.settings.config import checked, read

Way = Literal["isogyric", "anchor", "atomisation"]
Method = Literal["auto", "rrho", "quasi", "rotor"]


class RotorSettings(Settings, frozen=True):
    """A bond about which a part of the molecule turns, in the place of a vibration."""

    bond: Annotated[tuple[Count, Count], doc("its two atoms, by number from 1")]
    mode: Annotated[Count, doc("the vibration that goes, by number from the lowest")] = 1
    scan: Annotated[Text | None, doc("CSV of angle [degrees] and energy [kJ/mol], beside the file")] = None
    barrier: Annotated[NotNegative | None, doc("of a cosine [kJ/mol]; neither: that of the vibration")] = None
    periodicity: Annotated[
        Count | None, doc("maxima of the cosine, or equal periods of the scan, in a turn; default: symmetry, and 1")
    ] = None
    symmetry: Annotated[Count, doc("equal places of the part that turns, in a turn")] = 1
    mirrored: Annotated[bool, doc("the turn leads to the mirror image, which then counts no more apart")] = False

    def __post_init__(self) -> None:
        if self.scan is not None and self.barrier is not None:
            raise ValueError("give either scan or barrier")
        if self.bond[0] == self.bond[1]:
            raise ValueError("bond: must be two atoms")
        if self.scan is None and self.periodicity is None and self.symmetry == 1:
            raise ValueError("periodicity: how many maxima the cosine has in a turn must be given")


class SpeciesThermo(Settings, frozen=True):
    """What is asked of one species."""

    enthalpy: Annotated[Way | float | None, doc("of formation at 298.15 K: how, or a number [kJ/mol]")] = None
    method: Annotated[Method | None, doc("of its low modes")] = None
    rotors: Annotated[tuple[RotorSettings, ...], doc("bonds that turn")] = ()


class Thermo(Settings, frozen=True):
    """Thermochemistry of computed structures."""

    records: Annotated[tuple[Text, ...], Meta(min_length=1), doc("record files, or folders of them")]
    species: Annotated[dict[str, SpeciesThermo], doc("by the names of the records")] = {}
    only: Annotated[tuple[Text, ...], doc("species that are wanted; others are partners in reactions")] = ()
    method: Annotated[Method, doc("of low modes: auto is rotor where one is given, quasi below 150 cm-1")] = "auto"
    enthalpy: Annotated[Way, doc("how enthalpies of formation are found")] = "isogyric"
    level: Annotated[Text | None, doc("of energies in reactions; default: the best that all records have")] = None
    anchors: Annotated[Text | None, doc("CSV of further anchors, or others in the place of those shipped")] = None
    mechanism: Annotated[Text | None, doc("whose thermo is shown beside")] = None
    pressure: Annotated[Pressure, doc("of the entropies", "Pa")] = 1e5
    T_low: Annotated[Temperature, doc("of the fit", "K")] = 200.0
    T_middle: Annotated[Temperature, doc("where its ranges meet", "K")] = 1000.0
    T_high: Annotated[Temperature, doc("of the fit", "K")] = 3000.0
    cut: Annotated[Positive, doc("of quasi, where oscillator and rotor count alike [cm-1]")] = 100.0

    def __post_init__(self) -> None:
        if not self.T_low < 298.15 < self.T_middle < self.T_high:
            raise ValueError("T_low < 298.15 K < T_middle < T_high must hold")


def load(path: str | Path, overrides: Sequence[str] = ()) -> Thermo:
    """What a TOML file asks for, with "key=value" overrides. Raises ConfigError."""
    return checked(read(Path(path), overrides), str(path), Thermo)
