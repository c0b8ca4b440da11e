"""The verb: k(T, p) of a well from its file, with its fit, as a table and an entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cantera as ct
import numpy as np
from scipy.constants import N_A

from combust.errors import ConfigError
from combust.kinetics.constants.rate import of_mechanism
from combust.kinetics.falloff import entry, fits
from combust.kinetics.falloff.checks import mass, require_atoms, require_colliders, require_grain, require_modes
from combust.kinetics.falloff.collisions import Collider
from combust.kinetics.falloff.densities import KT, Array, Molecule, partition
from combust.kinetics.falloff.microcanonical import Law, Saddle
from combust.kinetics.falloff.settings import A_UNITS, Falloff, SaddlePoint, Structure, load, per_cm
from combust.kinetics.falloff.well import Table, Well, table
from combust.kinetics.gas.collisions import too_fast
from combust.kinetics.gas.equilibrium import constant
from combust.kinetics.mechanism import phases, places
from combust.kinetics.quantum.record import read
from combust.kinetics.quantum.thermochemistry.treatments import turning
from combust.kinetics.trajectories.known import Known
from combust.report.tables import outputs

FILES = ("falloff.csv", "falloff.yaml", "falloff.png")
UNSETTLED = 0.05  # of `Table.unsettled`, from which it is said


@dataclass(frozen=True)
class FalloffReport:
    """k(T, p) of an association and its reverse, and what was written.

    table : of the master equation;  fit : of association, its error between the pressures of the table included
    mechanism : k of association there, shape (T, p), None where it has no such reaction
    equilibrium : constant of dissociation over that of the mechanism's thermo, shape (T,)
    warnings : what is doubtful;  csv, yaml, picture : files, None where none was asked for
    """

    equation: str
    settings: Falloff
    table: Table
    fit: fits.Fit
    mechanism: Array | None
    equilibrium: Array
    warnings: tuple[str, ...]
    csv: Path | None = None
    yaml: Path | None = None
    picture: Path | None = None


def falloff(
    config: str | Path | Falloff, out: str | Path | None = None, *, changes: Sequence[str] = (), force: bool = False
) -> FalloffReport:
    """k(T, p) of a well by a master equation.

    config : TOML file, the name of one that comes with combust, or its settings;  changes : "key=value"
    out : folder of falloff.yaml, which `combust merge` takes, and places of falloff.csv and falloff.png; None: no file
    Raises ConfigError, MechanismError, FileFormatError, DivergenceError.
    """
    given = config if isinstance(config, Falloff) else load(config, changes)
    paths = outputs(out, FILES, force) if out is not None else (None, None, None)
    gas = phases.solution(places.find(given.mechanism))
    T, p = np.array(given.temperatures), np.array(given.pressures)
    fits.require_points(given.fit, T, p)
    require_colliders(given, gas)
    well, collider = of_settings(given, gas), collider_of(given, gas)
    coarse = require_grain(given, float(collider.mean_down(T).min()))
    found = table(well, collider, T, p, given.grain)
    fit = with_between(given, well, collider, found)
    left, right = [one.species for one in given.fragments], [given.well.species]
    ratio = np.array(
        [k / constant(gas, (tuple(right), tuple(left)), t) for t, k in zip(T, found.equilibrium, strict=True)]
    )
    fast = too_fast(gas, left, T, found.high / found.equilibrium)
    report = FalloffReport(" + ".join(left) + " = " + right[0], given, found, fit, known(given, T, p), ratio,
                           (*of_rotors(given), *coarse, *doubts(found, fit, ratio, fast)), *paths)  # fmt: skip
    if report.yaml is not None:
        made = entry.reaction(gas, left, right, fit, about(report), note(report), given.efficiencies)
        entry.write(report.yaml, gas, [made], f"k(T, p) of {report.equation} by a master equation of one well")
    return report


def of_settings(given: Falloff, gas: ct.Solution) -> Well:
    """The well of a file. Raises ConfigError, FileFormatError."""
    require_atoms(given, gas)
    parts = tuple(molecule(one, mass(gas, one.species)) for one in given.fragments)
    well = molecule(given.well, mass(gas, given.well.species))
    for one, states in ((given.well, well), *zip(given.fragments, parts, strict=True)):
        require_modes(one.species, gas.species(one.species).composition, states, saddle=False)
    if given.threshold is None:
        threshold = of_thermo(given, gas, well, parts)
    else:
        threshold = per_cm(given.threshold, "threshold")
    if given.k_inf is not None:
        scale = A_UNITS[given.k_inf.units]
        law = Law(tuple((A * scale, n, E) for A, n, E in given.k_inf.terms), given.k_inf.units != "1/s")
        way: Law | Saddle = law
    else:
        assert given.saddle is not None
        way = saddle_of(given.saddle, well.mass, threshold)
        require_modes("saddle", gas.species(given.well.species).composition, way.states, saddle=True)
    return Well(well, parts, threshold, way, given.active, given.quantum)


def of_thermo(given: Falloff, gas: ct.Solution, well: Molecule, parts: tuple[Molecule, ...]) -> float:
    """The threshold [1/cm] with which the equilibrium constant at 1000 K is that of the mechanism."""
    T = np.array([1000.0])
    left, right = (given.well.species,), tuple(one.species for one in given.fragments)
    free = partition(parts[0], T) * partition(parts[1], T) / partition(well, T) / (1e3 * N_A)
    return per_cm(float((KT * T * np.log(free / constant(gas, (left, right), 1000.0)))[0]), "threshold by thermo")


def saddle_of(given: SaddlePoint, mass: float, threshold: float) -> Saddle:
    """A saddle; its reverse barrier is what is left of it above the fragments. Raises ConfigError."""
    barrier = per_cm(given.barrier, "saddle.barrier")
    if given.imaginary and barrier <= threshold:
        raise ConfigError("saddle: a barrier below the fragments has no tunnelling by Eckart: imaginary = 0")
    return Saddle(molecule(given.structure, mass), barrier, given.imaginary, barrier - threshold)


def molecule(given: Structure, mass: float) -> Molecule:
    """States of a table, or of the record that it names. Raises ConfigError, FileFormatError."""
    if given.record is None:
        return Molecule(mass, given.frequencies, given.rotational, given.symmetry, given.electronic)
    if given.frequencies or given.rotational:
        raise ConfigError(f"{given.species or 'saddle'}: give either a record or frequencies and constants")
    one = turning(read(given.record), given.rotors, Path())
    found = one.record
    return Molecule(
        mass, tuple(float(v) for v in one.rest), tuple(float(c) for c in found.rotor.constants),
        found.sigma / found.images, tuple((float(g), float(e)) for g, e in found.levels), one.rotors,
    )  # fmt: skip


def collider_of(given: Falloff, gas: ct.Solution) -> Collider:
    """Pair of well and bath; parameters that the file lacks are those of the mechanism. Raises ConfigError."""
    one, bath = mass(gas, given.well.species), mass(gas, given.bath)
    c = given.collisions
    sigma, epsilon = c.sigma, c.epsilon
    if sigma is None or epsilon is None:
        data = [gas.species(name).transport for name in (given.well.species, given.bath)]
        if any(entry is None or not entry.diameter for entry in data):
            raise ConfigError("collisions: the mechanism has no Lennard-Jones parameters: give sigma and epsilon")
        sigma = sigma or 1e10 * (data[0].diameter + data[1].diameter) / 2
        epsilon = epsilon or float(np.sqrt(data[0].well_depth * data[1].well_depth)) / ct.boltzmann
    return Collider(one * bath / (one + bath), sigma * 1e-10, epsilon, c.down, c.exponent)


def with_between(given: Falloff, well: Well, collider: Collider, found: Table) -> fits.Fit:
    """The fit, with its error half-way between the pressures of the table."""
    limits = fits.Limits(found.low / found.equilibrium, found.high / found.equilibrium)
    fit = fits.fitted(given.fit, found.T, found.p, found.association, limits)
    if len(found.p) < 2:
        return fit
    middle = np.sqrt(found.p[1:] * found.p[:-1])
    there = table(well, collider, found.T, middle, given.grain)
    error = np.abs(fits.evaluated(fit.rate, found.T, middle) / there.association - 1)
    return fits.Fit(fit.kind, fit.rate, fit.worst, fit.mean, float(error.max()))


def known(given: Falloff, T: Array, p: Array) -> Array | None:
    """k of association in the mechanism."""
    sides = tuple(sorted(one.species for one in given.fragments)), (given.well.species,)
    have = Known(given.mechanism)
    found = [of_mechanism(have, sides, T.tolist(), float(one)) for one in p]
    if any(one is None or len(one.points) != len(T) for one in found):
        return None
    return np.array([[point.k for point in one.points] for one in found if one is not None]).T


def of_rotors(given: Falloff) -> list[str]:
    """What is doubtful of parts that turn, in words."""
    all_of_it = [given.well, *given.fragments, *([given.saddle.structure] if given.saddle else [])]
    those = [one for one in all_of_it if one.rotors and one.record is not None]
    return [text for one in those for text in turning(read(str(one.record)), one.rotors, Path()).doubts]


def doubts(found: Table, fit: fits.Fit, ratio: Array, fast: str) -> list[str]:
    """In words;  fast : of k at high pressure beside collisions, empty where nothing is to be said"""
    said = [f"at high pressure {fast}"] if fast else []
    if (worst := float(found.unsettled.max())) > UNSETTLED:
        i = int(found.unsettled.max(axis=1).argmax())
        said.append(f"at {found.T[i]:g} K the well falls apart before it settles ({worst:.0%}): one k says less there")
    off = np.exp(np.abs(np.log(ratio)).max())
    if off > 1.5:
        said.append(f"the equilibrium constant is a factor {off:.2g} off the mechanism's: look at threshold and states")
    if fit.worst > 0.2 or (fit.between or 0) > 0.2:
        said.append(
            f"the {fit.kind} fit is up to {max(fit.worst, fit.between or 0):.0%} off: try chebyshev, or fewer T"
        )
    return said


def about(report: FalloffReport) -> dict[str, Any]:
    """What the entry says for programs."""
    s, t = report.settings, report.table
    made: dict[str, Any] = {
        "source": "falloff", "range": [float(t.T[0]), float(t.T[-1])],
        "pressures": [float(t.p[0]), float(t.p[-1])], "bath": s.bath,
        "fit-error": round(report.fit.worst, 5), "down": s.collisions.down, "exponent": s.collisions.exponent,
        "active": s.active,
    }  # fmt: skip
    if report.fit.between is not None:
        made["fit-error-between"] = round(report.fit.between, 5)
    if s.factor is not None:
        made["factor"] = s.factor
    return made


def note(report: FalloffReport) -> str:
    """And for people."""
    s, t, fit = report.settings, report.table, report.fit
    way = f"k_inf: {s.k_inf.source}" if s.k_inf is not None else "RRKM by a saddle"
    between = "" if fit.between is None else f", {fit.between:.1%} between its pressures"
    more = f"; {s.note}" if s.note else ""
    return (
        f"master equation of one well in {s.bath}, <dE>down {s.collisions.down:g} (T/300)^{s.collisions.exponent:g} "
        f"cm-1, {'K rotor' if s.active == 'K' else 'all rotors'} active, {way}; {t.T[0]:g} to {t.T[-1]:g} K, "
        f"{t.p[0] / ct.one_atm:.3g} to {t.p[-1] / ct.one_atm:.3g} atm; {fit.kind} fit within {fit.worst:.1%}"
        f"{between}{more}"
    )
