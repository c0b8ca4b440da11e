"""Thermodynamic data of species put into a mechanism in the place of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cantera as ct

from combust.errors import ConfigError
from combust.kinetics.mechanism import phases, places
from combust.kinetics.trajectories.cantera_file import KEY

REFERENCE, HOT = 298.15, 1000.0  # K
JUMP = 0.5  # of Cp/R, H/RT, S/R: three times the largest in the files that come with Cantera (A3- of nDodecane_Reitz)


@dataclass(frozen=True)
class ThermoChange:
    """New less old:  formation : enthalpy at 298.15 K [J/mol];  entropy : there;  heat : Cp at 1000 K [J/mol/K]

    low, high : temperatures [K] for which the new data hold
    """

    species: str
    source: str
    formation: float
    entropy: float
    heat: float
    low: float
    high: float


def replaced(base: ct.Solution, files: Sequence[str | Path]) -> tuple[list[ct.Species], list[ThermoChange]]:
    """Species of the base, those that files have with their data; transport and names stay.

    Raises ConfigError for a file none of whose species is in the base, for one that two files have, for another
    composition or reference pressure.
    """
    species = {one.name: one for one in base.species()}
    spelled = {name.upper(): name for name in species}
    changes: dict[str, ThermoChange] = {}
    for path in files:
        given = [one for one in phases.species_of(places.find(path)) if one.name.upper() in spelled]
        if not given:
            raise ConfigError(f"{path}: none of its species is in the mechanism")
        for one in given:
            name = spelled[one.name.upper()]
            if name in changes:
                raise ConfigError(
                    f"{path}: {name} has thermo of {changes[name].source} already; give one file for each"
                )
            changes[name] = change(species[name], one, str(path))
            species[name] = made(species[name], one)
    return list(species.values()), list(changes.values())


def change(old: ct.Species, new: ct.Species, source: str) -> ThermoChange:
    """What differs. Raises ConfigError where data cannot stand for the old ones."""
    if old.composition != new.composition:
        raise ConfigError(f"{source}: {new.name} is of {new.composition}, in the mechanism of {old.composition}")
    a, b = old.thermo, new.thermo
    if a.reference_pressure != b.reference_pressure:
        raise ConfigError(f"{source}: {new.name} is for {b.reference_pressure:g} Pa, not {a.reference_pressure:g}")
    require_joined(new, source)
    return ThermoChange(
        old.name,
        source,
        formation=(b.h(REFERENCE) - a.h(REFERENCE)) / 1e3,
        entropy=(b.s(REFERENCE) - a.s(REFERENCE)) / 1e3,
        heat=(b.cp(HOT) - a.cp(HOT)) / 1e3,
        low=b.min_temp,
        high=b.max_temp,
    )


def require_joined(new: ct.Species, source: str) -> None:
    """Raises ConfigError for NASA polynomials whose ranges do not ascend, or that jump where they meet."""
    thermo = new.thermo
    if not isinstance(thermo, ct.NasaPoly2):
        return
    middle = float(thermo.coeffs[0])
    if not thermo.min_temp < middle < thermo.max_temp:
        raise ConfigError(
            f"{source}: {new.name}: temperatures of its ranges must ascend: {thermo.min_temp:g}, {middle:g}, "
            f"{thermo.max_temp:g} K"
        )
    below, above = middle * (1 - 1e-9), middle * (1 + 1e-9)
    for name, value, size in (("Cp", thermo.cp, 1.0), ("H", thermo.h, middle), ("S", thermo.s, 1.0)):
        jump = abs(value(above) - value(below)) / (ct.gas_constant * size)
        if not jump < JUMP:
            raise ConfigError(
                f"{source}: {new.name}: {name} jumps by {jump:.3g} {'R T' if name == 'H' else 'R'} at {middle:g} K, "
                f"where its polynomials meet (allowed {JUMP:g}): correct its coefficients"
            )


def made(old: ct.Species, new: ct.Species) -> ct.Species:
    """The old one with the data, and what is said of them."""
    fields: Any = old.input_data
    one = ct.Species.from_dict(fields)
    one.thermo = new.thermo
    given: Any = new.input_data
    said: Any = {key: given[key] for key in ("note", KEY) if key in given}
    if said:
        one.update_user_data(said)
    return one
