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
    return ThermoChange(
        old.name,
        source,
        formation=(b.h(REFERENCE) - a.h(REFERENCE)) / 1e3,
        entropy=(b.s(REFERENCE) - a.s(REFERENCE)) / 1e3,
        heat=(b.cp(HOT) - a.cp(HOT)) / 1e3,
        low=b.min_temp,
        high=b.max_temp,
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
