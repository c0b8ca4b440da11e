"""From a first geometry to the record of a structure: optimised, its modes, energies at the levels asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from combust.errors import ConfigError
from combust.kinetics.quantum.engines import levels
from combust.kinetics.quantum.engines.optimise import kept_energy, kept_hessian, optimise
from combust.kinetics.quantum.engines.structure import Energy, Engine, Pieces, Structure
from combust.kinetics.quantum.record import Record
from combust.kinetics.quantum.vibrations import modes
from combust.report.meter import SILENT, Reporter

REFERENCE = "reference "


def compute(
    engine: Engine, structure: Structure, level: str, energies: Sequence[str], pieces: Pieces, *,
    saddle: bool = False, scale: float = 1.0, reporter: Reporter = SILENT, name: str = "",
) -> Record:  # fmt: skip
    """The record of the minimum (or saddle) near `structure`, with energies at the other levels there.

    name : under which pieces are kept

    Raises ConfigError, DivergenceError, DependencyError, OutputError.
    """
    name = name or structure.name
    found = optimise(engine, structure, level, pieces, f"{name}_gradient", saddle=saddle, reporter=reporter)
    vibrating = None
    if len(found.elements) > 1:
        energy, hessian = kept_hessian(engine, found, level, pieces, f"{name}_hessian")
        vibrating = modes(found.elements, found.places, hessian)
    else:
        energy = kept_energy(engine, found, level, pieces, f"{name}_energy")
    own, s2, notes = {level: energy.value}, {level: energy.s2}, []
    for one in energies:
        reporter.say(f"{structure.name}: energy at {one}")
        for part, told in single(engine, found, one, pieces, name).items():
            own[part], s2[part] = told.value, told.s2
            if told.about:
                notes.append(f"{part}: {told.about}")
    mode = vibrating.mode if vibrating else None
    return Record(
        species=structure.name, level=level, elements=found.elements, coordinates=found.coordinates,
        charge=found.charge, multiplicity=found.multiplicity, energies=own, s2=s2, scale=scale,
        frequencies=vibrating.frequencies if vibrating else (), imaginary=vibrating.imaginary if vibrating else (),
        mode=() if mode is None else rows(mode), engine=engine.version, notes=tuple(notes),
    )  # fmt: skip


def rows(places: np.ndarray) -> tuple[tuple[float, float, float], ...]:
    return tuple((float(x), float(y), float(z)) for x, y, z in places)


def single(engine: Engine, here: Structure, level: str, pieces: Pieces, name: str) -> dict[str, Energy]:
    """Energies by level: of the two bases of an extrapolation, too."""
    wanted = levels.parsed(level)
    if wanted.pair is None:
        return {wanted.text: kept_energy(engine, here, wanted.text, pieces, f"{name}_{plain(wanted.text)}")}
    parts = [f"{wanted.method}/{basis}" for basis in wanted.pair]
    made = {one: kept_energy(engine, here, one, pieces, f"{name}_{plain(one)}") for one in parts}
    first, second = (made[one] for one in parts)
    mean_field = reference(first), reference(second)
    correlation = first.value - mean_field[0], second.value - mean_field[1]
    value = levels.extrapolated(levels.cardinal(wanted.pair[0]), mean_field, correlation)
    return {**made, wanted.text: Energy(value, second.s2, "extrapolated from both")}


def reference(energy: Energy) -> float:
    """The mean field's energy beneath a correlated one."""
    if not energy.about.startswith(REFERENCE):
        if energy.about == "no correlation":
            return energy.value
        raise ConfigError(f"an energy without its reference cannot be extrapolated: {energy.about}")
    return float(energy.about.removeprefix(REFERENCE).partition(",")[0])


def plain(level: str) -> str:
    """A level as a file name."""
    return "".join(c if c.isalnum() else "_" for c in level)
