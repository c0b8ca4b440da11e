"""Thermochemistry as species of a Cantera file, and beside that of a mechanism."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cantera as ct

from combust.kinetics.mechanism import phases, places
from combust.kinetics.quantum.partition import BAR
from combust.kinetics.quantum.thermochemistry.nasa7 import REFERENCE
from combust.kinetics.quantum.thermochemistry.thermo import SpeciesFound, ThermoReport
from combust.kinetics.trajectories.cantera_file import KEY, save


def write_species(path: Path, report: ThermoReport) -> None:
    """A Cantera file with a phase of the species, each with a note. Raises OutputError."""
    species = []
    for one in report.species:
        fields: Any = entry(one, report.asked.pressure)
        made = ct.Species.from_dict(fields)
        made.update_user_data({"note": note(one, report), KEY: about(one, report)})
        species.append(made)
    gas = ct.Solution(name="thermo", thermo="ideal-gas", species=species)
    gas.update_user_header({"description": f"Thermochemistry of computed structures; energies: {report.level}"})
    save(path, gas, units=None, precision=17)


def entry(one: SpeciesFound, pressure: float) -> dict[str, Any]:
    """A species of a Cantera file. Files of NASA polynomials are at 1 bar and leave it out; any other is stated."""
    thermo = one.fit.entry() | ({} if pressure == BAR else {"reference-pressure": pressure})
    return {"name": one.name, "composition": dict(Counter(one.record.elements)), "thermo": thermo}


def note(one: SpeciesFound, report: ThermoReport) -> str:
    """For people."""
    formed, asked = one.formed, report.asked
    how = {"given": "given", "anchor": "of a table"}.get(formed.way, f"by {formed.reaction} at {formed.level}")
    error = "" if formed.error is None else f" +- {formed.error:.1f}"
    return (
        f"{one.chosen.words}, {one.record.level} x {one.record.scale:g}; Hf(298.15 K) {formed.H298:.2f}{error} kJ/mol "
        f"{how}; {asked.T_low:g} to {asked.T_high:g} K, fit within {one.fit.error:.1g} R of Cp, entropy at "
        f"{asked.pressure / 1e5:g} bar"
    )


def about(one: SpeciesFound, report: ThermoReport) -> dict[str, Any]:
    """For programs."""
    found: dict[str, Any] = {
        "source": "quantum", "record": one.record.digest[:16], "level": one.record.level,
        "enthalpy-level": one.formed.level, "reaction": one.formed.reaction, "treatment": one.chosen.name,
        "fit-error": one.fit.error, "pressure": report.asked.pressure,
    }  # fmt: skip
    for key, value in (("H298-error", one.formed.error), ("S298-error", one.spread(REFERENCE, "entropy"))):
        if value is not None:
            found[key] = round(value, 4)
    return found


@dataclass(frozen=True)
class Beside:
    """Ours less a mechanism's:  formation [kJ/mol];  entropy, heat [J/mol/K] at 298.15 or 300, and 1000 K"""

    formation: float
    entropy: float
    heat_300: float
    heat_1000: float


def mechanism_thermo(mechanism: str) -> dict[str, Any]:
    """Thermo of the species of a file by their names in capitals; it may have species alone. Raises MechanismError."""
    species = phases.species_of(places.find(mechanism))
    return {one.name.upper(): one.thermo for one in species}


def beside(one: SpeciesFound, theirs: Any) -> Beside:
    """Of a species, by its polynomials' data."""
    cp = lambda T: one.at(T, "heat") - theirs.cp(T) / 1e3  # noqa: E731
    return Beside(one.formed.H298 - theirs.h(REFERENCE) / 1e6, one.at(REFERENCE, "entropy") - theirs.s(REFERENCE) / 1e3,
                  cp(300.0), cp(1000.0))  # fmt: skip
