"""The file of `combust tst`: a reaction, its species and its saddle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from msgspec import Meta

from combust.kinetics.quantum.rates.tst import ANHARMONIC
from combust.settings.base import NotNegative, Positive, Settings, Text, doc

LIBRARY = Path(__file__).parent / "library"  # files and records that come with combust


class Given(Settings, frozen=True):
    """A structure: `atoms` to begin a search with, or a finished one from a `record` or a `log`."""

    atoms: Annotated[Text | None, doc("lines of element and x y z in angstrom: where the search begins")] = None
    record: Annotated[Text | None, doc("file of a record, from where the file of settings is")] = None
    log: Annotated[Text | None, doc("log of Gaussian, ORCA, Psi4 or NWChem, optimised and with frequencies")] = None
    charge: Annotated[int, doc("of the molecule")] = 0
    multiplicity: Annotated[int, Meta(ge=1), doc("2S + 1")] = 1
    electronic: Annotated[
        tuple[tuple[int, float], ...], doc("(degeneracy, cm-1) of electronic levels, lowest at 0")
    ] = ()
    spin_orbit: Annotated[float, doc("lowest level minus the energy without spin-orbit coupling [cm-1]")] = 0.0
    symmetry: Annotated[Annotated[int, Meta(ge=1)] | None, doc("rotation number in the place of the geometry's")] = None
    mirrors: Annotated[Annotated[int, Meta(ge=1, le=2)] | None, doc("2 where the mirror image counts as well")] = None

    def __post_init__(self) -> None:
        if sum(one is not None for one in (self.atoms, self.record, self.log)) != 1:
            raise ValueError("give one of atoms, record and log")
        if self.atoms is None and (self.charge, self.multiplicity) != (0, 1):
            raise ValueError("charge and multiplicity go with atoms: a record or a log has its own")


class Cvt(Settings, frozen=True):
    """Canonical variational theory: k at the highest free energy along the way down, not at the saddle.

    The way down is that of the saddle's record, or else computed: a gradient and second derivatives at each point.
    """

    step: Annotated[float, Meta(ge=1e-3, le=1), doc("between points [bohr u^1/2]")] = 0.1
    points: Annotated[int, Meta(ge=2, le=50), doc("each way from the saddle")] = 3


class Tst(Settings, frozen=True):
    """A reaction over one saddle."""

    reaction: Annotated[Text, doc("as OH + H2 <=> H2O + H; names are those of [species]")]
    species: Annotated[dict[str, Given], doc("a table for each species of the reaction")]
    saddle: Annotated[Given, doc("the transition state")]
    level: Annotated[Text, doc("of geometries and frequencies")] = "wb97x-d3bj/def2-tzvp"
    energy: Annotated[Text, doc("level of the energies")] = "ccsd(t)/cbs(cc-pvtz,cc-pvqz)"
    scale: Annotated[Positive, doc("factor of frequencies of structures that are computed")] = 0.975
    tunnelling: Annotated[Text, doc("none, wigner or eckart")] = "eckart"
    cvt: Annotated[Cvt | None, doc("a table, empty ones too, asks for it: k at the highest free energy")] = None
    T: Annotated[tuple[float, float], doc("lowest and highest temperature", "K")] = (300.0, 2500.0)
    points: Annotated[int, Meta(ge=4, le=200), doc("temperatures of table and fit, even in 1/T")] = 23
    error: Annotated[Positive | None, doc("assumed of the barrier [kcal/mol]; by level if not given")] = None
    anharmonic: Annotated[NotNegative, doc("factor of harmonic modes and recrossing, less 1, for each 1000 K")] = (
        ANHARMONIC
    )
    mechanism: Annotated[Text, doc("Cantera file that has the species: thermo of the entry, k beside it")] = "h2o2.yaml"

    def __post_init__(self) -> None:
        if not 50 <= self.T[0] < self.T[1] <= 6000:
            raise ValueError("T: lowest and highest temperature, 50 to 6000 K")
        if self.tunnelling not in ("none", "wigner", "eckart"):
            raise ValueError("tunnelling: must be none, wigner or eckart")
