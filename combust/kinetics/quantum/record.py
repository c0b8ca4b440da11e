"""The record of one structure: what an electronic-structure program said of it, with a digest that shows edits."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from itertools import combinations, pairwise
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from combust.atomic import replace_bytes
from combust.errors import ConfigError, FileFormatError, OutputError
from combust.files import fit, read_json
from combust.kinetics.quantum.constants import HARTREE_CM
from combust.kinetics.quantum.elements import masses, require_multiplicity
from combust.kinetics.quantum.molecule import Rotor, Symmetry, rotor, symmetry
from combust.kinetics.quantum.path import Point
from combust.settings.base import Positive, Settings, Text, Vector3, doc

SPLITTING = 5000.0  # cm-1: electronic levels below it count as components of one term
CLOSEST = 0.3  # angstrom, between nuclei: less than half of the shortest bond, that of H2
COMPLETE = 2.0  # cm-1, within which a shift by spin-orbit coupling is that of the levels
NEAREST = 1e-3  # bohr u^1/2, between points of a way down
DIGEST = "sha256"


class Record(Settings, frozen=True, kw_only=True, dict=True):
    """One structure: a minimum or a saddle."""

    species: Annotated[Text, doc("its name")]
    level: Annotated[Text, doc("of geometry and frequencies: method/basis")]
    elements: Annotated[tuple[Text, ...], Meta(min_length=1)]
    coordinates: Annotated[tuple[Vector3, ...], doc("Cartesian", "angstrom")]
    charge: int = 0
    multiplicity: Annotated[int, Meta(ge=1)] = 1
    energies: Annotated[dict[str, float], doc("of electrons and nuclei [hartree], by level: method/basis")]
    s2: Annotated[dict[str, float], doc("<S2> by level")] = {}
    frequencies: Annotated[tuple[Positive, ...], doc("harmonic, unscaled, real modes [cm-1], ascending")] = ()
    imaginary: Annotated[tuple[Positive, ...], doc("wave numbers of imaginary modes [cm-1], largest first")] = ()
    mode: Annotated[tuple[Vector3, ...], doc("of the first imaginary mode: Cartesian, of length 1")] = ()
    scale: Annotated[Positive, doc("factor of frequencies, real and imaginary")] = 1.0
    symmetry: Annotated[Annotated[int, Meta(ge=1)] | None, doc("rotation number in the place of the geometry's")] = None
    mirrors: Annotated[
        Annotated[int, Meta(ge=1, le=2)] | None, doc("2: has a mirror image, in the place of the geometry's")
    ] = None
    electronic: Annotated[
        tuple[tuple[int, float], ...], doc("(degeneracy, cm-1) of levels, lowest at 0; none: 2S + 1")
    ] = ()
    spin_orbit: Annotated[float, doc("lowest level minus the energy without spin-orbit coupling [cm-1]")] = 0.0
    connects: Annotated[tuple[Text, ...], doc("what a saddle led to, along its mode and against it")] = ()
    path: Annotated[tuple[Point, ...], doc("the way down beside a saddle, by s, without the saddle itself")] = ()
    engine: Annotated[str, doc("program and version")] = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.elements)
        if len(self.coordinates) != n:
            raise ValueError(f"coordinates: {len(self.coordinates)} places for {n} atoms")
        if self.mode and len(self.mode) != n:
            raise ValueError(f"mode: {len(self.mode)} atoms of {n}")
        require_apart(self.places, "coordinates")
        try:
            require_multiplicity(self.species, self.elements, self.charge, self.multiplicity)
        except ConfigError as error:
            raise ValueError(str(error)) from None
        if any(g < 1 or e < 0 for g, e in self.electronic) or (self.electronic and self.electronic[0][1] != 0):
            raise ValueError("electronic: levels are (degeneracy >= 1, cm-1 >= 0), the lowest first and at 0")
        self._require_modes()
        self._require_path()

    def _require_modes(self) -> None:
        """As many vibrations as the geometry has."""
        count = len(self.frequencies) + len(self.imaginary)
        if count not in (0, self.vibrations):
            raise ValueError(
                f"frequencies: {count} modes; a {self.rotor.kind} molecule of {len(self.elements)} atoms has "
                f"{self.vibrations}"
            )

    def _require_path(self) -> None:
        """Points in order, of these atoms, with a mode less than the molecule has there."""
        if self.path and len(self.imaginary) != 1:
            raise ValueError("path: only a saddle, with one imaginary mode, has one")
        if any(a.s >= b.s for a, b in pairwise(self.path)) or any(one.s == 0 for one in self.path):
            raise ValueError("path: s must ascend, without the saddle itself at 0")
        if any(b - a < NEAREST for a, b in pairwise(sorted([0.0, *(one.s for one in self.path)]))):
            raise ValueError(f"path: points and the saddle must be {NEAREST:g} bohr u^1/2 or more apart")
        for one in self.path:
            if len(one.coordinates) != len(self.elements):
                raise ValueError(
                    f"path: at s = {one.s:g} there are {len(one.coordinates)} of {len(self.elements)} atoms"
                )
            require_apart(one.places, f"path: at s = {one.s:g}")
            wanted = vibrations(rotor(self.elements, one.places).kind, len(self.elements)) - 1
            if len(one.frequencies) != wanted:
                raise ValueError(f"path: at s = {one.s:g} there are {len(one.frequencies)} modes of {wanted}")

    @cached_property
    def rotor(self) -> Rotor:
        """How it turns."""
        return rotor(self.elements, self.places)

    @property
    def places(self) -> NDArray[np.float64]:
        """Coordinates [angstrom], shape (n, 3)."""
        return np.array(self.coordinates, dtype=float)

    @property
    def vibrations(self) -> int:
        """How many modes there are."""
        return vibrations(self.rotor.kind, len(self.elements))

    @property
    def mass(self) -> float:
        """In u."""
        return float(masses(self.elements).sum())

    @cached_property
    def geometric(self) -> Symmetry:
        """What the geometry says, whatever the record states."""
        return symmetry(self.elements, self.places, np.array(self.mode) if self.mode else None)

    @property
    def sigma(self) -> int:
        """Rotation number that counts: stated, or else the geometry's."""
        return self.symmetry or self.geometric.number

    @property
    def images(self) -> int:
        """2 where it has a mirror image: stated, or else by the geometry."""
        return self.mirrors or self.geometric.mirrors

    @property
    def levels(self) -> tuple[tuple[int, float], ...]:
        """(degeneracy, cm-1) of its electronic levels."""
        return self.electronic or ((self.multiplicity, 0.0),)

    @property
    def wavenumbers(self) -> NDArray[np.float64]:
        """Real modes, scaled [cm-1]."""
        return self.scale * np.array(self.frequencies, dtype=float)

    @property
    def zero_point(self) -> float:
        """Energy of the real modes in their lowest state [hartree]."""
        return float(self.wavenumbers.sum() / 2 / HARTREE_CM)

    def electrons(self, level: str | None = None) -> float:
        """Energy of electrons and nuclei [hartree];  level : of the geometry if None.

        Raises ConfigError where the record has no energy of that level.
        """
        name = level or self.level
        if name not in self.energies:
            raise ConfigError(f"{self.species}: has no energy of {name}; it has {', '.join(self.energies) or 'none'}")
        return self.energies[name]

    def energy(self, level: str | None = None) -> float:
        """Of the lowest state [hartree]: `electrons`, zero point, spin-orbit coupling. Raises ConfigError as these."""
        return self.electrons(level) + self.zero_point + self.spin_orbit / HARTREE_CM

    @property
    def digest(self) -> str:
        """SHA-256 of the content, whatever way it is written."""
        same = msgspec.convert(msgspec.to_builtins(self), Record)  # 1 and 1.0 are one number
        stated = {name: value for name, value in msgspec.to_builtins(same).items() if value != DEFAULTS.get(name)}
        text = json.dumps(stated, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


# A field that a later version adds leaves digests as they are where it says nothing.
DEFAULTS = {
    one.encode_name: msgspec.to_builtins(one.default) if one.default is not msgspec.NODEFAULT else one.default_factory()
    for one in msgspec.structs.fields(Record)
    if not one.required
}


def require_apart(places: NDArray[np.float64], where: str) -> None:
    """Raises ValueError for atoms that are too near to each other.  places : [angstrom], shape (n, 3)"""
    for i, j in combinations(range(len(places)), 2):
        gap = float(np.linalg.norm(places[i] - places[j]))
        if not gap >= CLOSEST:
            raise ValueError(f"{where}: atoms {i + 1} and {j + 1} are {gap:.3g} angstrom from each other")


def vibrations(kind: str, atoms: int) -> int:
    """How many modes a molecule has that turns as an "atom", "linear" or "nonlinear" one."""
    return 3 * atoms - {"atom": 3, "linear": 5, "nonlinear": 6}[kind]


def require_complete(record: Record) -> None:
    """Raises ConfigError where levels are split by spin-orbit coupling and the energy is not, or the other way round.

    The mean of the components of a term is the energy without coupling, so that the shift is minus that mean.
    """
    term = [(g, e) for g, e in record.levels if e < SPLITTING]
    mean = sum(g * e for g, e in term) / sum(g for g, _ in term)
    if abs(mean + record.spin_orbit) > COMPLETE:
        raise ConfigError(
            f"{record.species}: spin-orbit coupling is half there: levels {list(record.levels)} have their mean at "
            f"{mean:.1f} cm-1, so that the lowest lies {-mean:.1f} cm-1 from the energy without it, spin_orbit is "
            f"{record.spin_orbit:.1f}: give both, or neither"
        )


def content(record: Record) -> dict[str, Any]:
    """What a file holds."""
    return {**msgspec.to_builtins(record), DIGEST: record.digest}


def write(path: str | Path, record: Record) -> None:
    """A file of the record, whole or not at all. Raises OutputError."""
    try:
        replace_bytes(Path(path), msgspec.json.format(msgspec.json.encode(content(record)), indent=1) + b"\n")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error


def read(path: str | Path) -> Record:
    """The record of a file. Raises FileFormatError for what is no record, or was edited."""
    raw = read_json(path)
    if not isinstance(raw, dict) or DIGEST not in raw:
        raise FileFormatError(f"{path}: is no record of a structure: it has no {DIGEST}")
    stated = raw.pop(DIGEST)
    found = fit(raw, Record, path)
    if found.digest != stated:
        raise FileFormatError(f"{path}: was edited: its content is not that of its {DIGEST}")
    return found
