"""Thermochemistry of computed structures: heat capacities, entropies, enthalpies of formation, fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from combust.errors import CombustError, ConfigError
from combust.files import is_file, is_folder, read_json
from combust.kinetics.quantum.constants import HARTREE_KJ
from combust.kinetics.quantum.record import Record, read, require_complete
from combust.kinetics.quantum.thermochemistry.anchors import ANCHORS, Anchor, read_anchors
from combust.kinetics.quantum.thermochemistry.formation import Enthalpy, Formed, atomised, fits, formed
from combust.kinetics.quantum.thermochemistry.nasa7 import REFERENCE, Nasa7, fit
from combust.kinetics.quantum.thermochemistry.settings import SpeciesThermo, Thermo, load
from combust.kinetics.quantum.thermochemistry.treatments import Treatment, low_modes, treatments

STEP = 10.0  # K, between temperatures of the fit
LEVELS = ("ccsd(t)/cbs", "ccsd(t)")  # of energies, best first


@dataclass(frozen=True)
class SpeciesFound:
    """A species:  treated : ways to treat its modes, the chosen one first, at temperatures T [K] from T_low to T_high

    formed : its enthalpy of formation;  fit : NASA polynomials of the chosen way;  low : modes below 150 cm-1
    """

    record: Record
    T: np.ndarray
    treated: tuple[Treatment, ...]
    formed: Formed
    fit: Nasa7
    low: tuple[float, ...]

    @property
    def name(self) -> str:
        """Of the record."""
        return self.record.species

    @property
    def chosen(self) -> Treatment:
        """What is fitted."""
        return self.treated[0]

    def at(self, T: float, what: str, treated: Treatment | None = None) -> float:
        """`entropy` or `heat` [J/mol/K], or `enthalpy` above 298.15 K [J/mol], at a temperature of T."""
        values = getattr((treated or self.chosen).gas, what)
        found = float(values[self._where(T)])
        return found - float(values[self._where(REFERENCE)]) if what == "enthalpy" else found

    def _where(self, T: float) -> int:
        return int(np.abs(self.T - T).argmin())

    def spread(self, T: float, what: str) -> float | None:
        """Largest difference of the other treatments to the chosen one; None where there is no other."""
        own = self.at(T, what)
        return max((abs(self.at(T, what, one) - own) for one in self.treated[1:]), default=None)


@dataclass(frozen=True)
class ThermoReport:
    """What was found.

    left_out : species and why;  level : of the energies;  doubts : what a reader should know;  asked : the settings
    """

    species: tuple[SpeciesFound, ...]
    left_out: tuple[tuple[str, str], ...]
    level: str
    doubts: tuple[str, ...]
    asked: Thermo

    def __getitem__(self, name: str) -> SpeciesFound:
        """By its name. Raises KeyError."""
        return {one.name: one for one in self.species}[name]


def thermo(records: str | Path | Sequence[str | Path], *, changes: Sequence[str] = (), **asked: Any) -> ThermoReport:
    """Cp, S, H and enthalpies of formation of the structures of record files, with their NASA polynomials.

    records : files of records, folders of them, or one TOML file of the settings `Thermo`
    changes : "key=value" for that file;  asked : the same settings by name, where records are given
    Species that cannot be done are left out, with the reason. Raises ConfigError where none can, FileFormatError.
    """
    paths = [records] if isinstance(records, str | Path) else list(records)
    if len(paths) == 1 and str(paths[0]).endswith(".toml"):
        if asked:
            raise ConfigError(f"{paths[0]}: {', '.join(asked)}: give them in the file, or as changes")
        folder = Path(paths[0]).parent
        return found(beside_file(load(paths[0], changes), folder), folder)
    if changes:
        raise ConfigError(f"{changes[0]}: changes a TOML file, and none is given")
    try:
        settings = msgspec.convert({"records": [str(path) for path in paths], **asked}, Thermo)
    except msgspec.ValidationError as error:
        raise ConfigError(f"thermo: {error}") from None
    return found(settings, Path())


def beside_file(asked: Thermo, folder: Path) -> Thermo:
    """With the mechanism that lies beside the file, if it does."""
    if asked.mechanism is None or not is_file(folder / asked.mechanism):
        return asked
    return msgspec.structs.replace(asked, mechanism=str(folder / asked.mechanism))


def found(asked: Thermo, folder: Path) -> ThermoReport:
    """The same of settings whose paths lie in `folder`."""
    known = read_all([folder / path for path in asked.records])
    names = asked.only or tuple(known)
    for name in (*names, *asked.species):
        if name not in known:
            raise ConfigError(f"species {name}: no record has it; they are of {', '.join(known)}")
    anchors: Mapping[str, Anchor] = {**ANCHORS, **(read_anchors(folder / asked.anchors) if asked.anchors else {})}
    level = spelled(asked.level, known) if asked.level else best_level(list(known.values()))
    T = grid(asked)
    treated: dict[str, list[Treatment]] = {}
    left: dict[str, str] = {}
    for name, record in known.items():
        own = asked.species.get(name, SpeciesThermo())
        try:
            require_complete(record)
            treated[name] = treatments(record, T, own, own.method or asked.method, asked.cut, asked.pressure, folder)
        except CombustError as error:
            left[name] = str(error)
    pool = {
        name: enthalpy(known[name], ways[0], T, level)
        for name, ways in treated.items()
        if level in known[name].energies
    }
    species = []
    for name in names:
        if name in treated:
            try:
                species.append(one_species(known[name], treated[name], T, asked, pool, anchors, level))
            except CombustError as error:
                left[name] = str(error)
    if not species:
        raise ConfigError("no species can be done: " + "; ".join(left[name] for name in names))
    doubts = [text for one in species for text in doubtful(one, asked)]
    return ThermoReport(tuple(species), tuple(left.items()), level, tuple(doubts), asked)


def one_species(
    record: Record, treated: Sequence[Treatment], T: np.ndarray, asked: Thermo, pool: Mapping[str, Enthalpy],
    anchors: Mapping[str, Anchor], level: str,
) -> SpeciesFound:  # fmt: skip
    """Formation and fit. Raises ConfigError."""
    way = formation(record, asked, pool, anchors, level)
    gas = treated[0].gas
    at = int(np.abs(T - REFERENCE).argmin())
    polynomials = fit(T, gas.heat, way.H298 * 1e3, float(gas.entropy[at]), asked.T_middle)
    return SpeciesFound(record, T, tuple(treated), way, polynomials, tuple(low_modes(record)))


def formation(
    record: Record, asked: Thermo, pool: Mapping[str, Enthalpy], anchors: Mapping[str, Anchor], level: str
) -> Formed:
    """As it is asked for; elements in their standard states are zero unless a way is named for them."""
    name = record.species
    own = asked.species.get(name, SpeciesThermo()).enthalpy
    if isinstance(own, int | float):
        return Formed(float(own), "given")
    anchor = anchors.get(name)
    element = anchor is not None and anchor.H298 == 0 == anchor.uncertainty
    way = own or ("anchor" if element else asked.enthalpy)
    if way == "anchor":
        if anchor is None:
            raise ConfigError(f"{name}: has no anchor; known are {', '.join(anchors)}")
        fits(record, anchor)
        return Formed(anchor.H298, "anchor", anchors=anchor.uncertainty)
    if name not in pool:
        raise ConfigError(f"{name}: has no energy of {level}; it has {', '.join(record.energies)}")
    make = formed if way == "isogyric" else atomised
    return make(pool[name], list(pool.values()), anchors, level)


def enthalpy(record: Record, treated: Treatment, T: np.ndarray, level: str) -> Enthalpy:
    """For reactions."""
    heat = float(treated.gas.enthalpy[int(np.abs(T - REFERENCE).argmin())]) / 1e3
    return Enthalpy(record, record.energy(level) * HARTREE_KJ + treated.zero + heat)


def grid(asked: Thermo) -> np.ndarray:
    """Temperatures of the fit: multiples of 10 K, among them those of tables, both ends, the middle and 298.15 K."""
    inside = STEP * np.arange(np.ceil(asked.T_low / STEP), np.floor(asked.T_high / STEP) + 1)
    return np.unique([asked.T_low, *inside, REFERENCE, asked.T_middle, asked.T_high])


def is_record(path: Path) -> bool:
    """Whether a file of a folder is of a structure, whole or not."""
    raw = read_json(path)
    return isinstance(raw, dict) and "elements" in raw and "coordinates" in raw


def read_all(paths: Sequence[Path]) -> dict[str, Record]:
    """Minima by name; saddles, and what else lies in a folder, are passed over. Raises ConfigError, FileFormatError."""
    files: list[tuple[Path, bool]] = []
    for path in paths:
        inside = [one for one in sorted(path.glob("*.json")) if is_record(one)] if is_folder(path) else None
        if inside == []:
            raise ConfigError(f"{path}: holds no records (*.json)")
        files += [(one, True) for one in inside] if inside else [(path, False)]
    known: dict[str, Record] = {}
    for path, among in files:
        one = read(path)
        if one.imaginary and among:
            continue
        if one.imaginary:
            raise ConfigError(f"{path}: {one.species} is a saddle: thermochemistry is of minima")
        if one.charge:
            raise ConfigError(f"{path}: {one.species} has charge {one.charge:+d}: ions are not covered")
        if one.species in known:
            raise ConfigError(f"{path}: {one.species} a second time")
        known[one.species] = one
    if not known:
        raise ConfigError(f"{', '.join(map(str, paths))}: no record of a minimum")
    return known


def spelled(level: str, known: Mapping[str, Record]) -> str:
    """A level as the records write it."""
    names = {name.lower(): name for one in known.values() for name in one.energies}
    return names.get(level.lower(), level)


def best_level(records: Sequence[Record]) -> str:
    """Of the energies that all records have the best: CBS, then CCSD(T), then the geometries' own.

    Raises ConfigError where they have none in common.
    """
    common = [name for name in records[0].energies if all(name in one.energies for one in records)]
    if not common:
        most = max(
            {name for one in records for name in one.energies}, key=lambda n: sum(n in o.energies for o in records)
        )
        lack = [one.species for one in records if most not in one.energies]
        raise ConfigError(f"records have no level in common: {', '.join(lack)} lack {most}; name one by level")
    rank = lambda name: next((i for i, start in enumerate(LEVELS) if name.lower().startswith(start)), len(LEVELS))  # noqa: E731
    return min(common, key=rank)


def doubtful(one: SpeciesFound, asked: Thermo) -> list[str]:
    """Of a species, in words."""
    said = list(one.chosen.doubts)
    if one.low and one.chosen.name == "rrho":
        waves = ", ".join(f"{w:.0f}" for w in one.low)
        said.append(f"{one.name}: harmonic modes at {waves} cm-1 are doubtful: --method quasi, or a rotor")
    if one.fit.error > 0.02:
        said.append(
            f"{one.name}: the fit is up to {one.fit.error:.3f} R off Cp: choose another T_middle or a smaller range"
        )
    if one.formed.way in ("isogyric", "atomisation") and one.formed.spread is None:
        said.append(f"{one.name}: only one reaction, {one.formed.reaction}: how far its energies are off is not known")
    return said
