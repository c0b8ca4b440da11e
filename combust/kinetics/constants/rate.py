"""What mechanisms, quantum chemistry, trajectories and published work say of the rate constant of one reaction."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cantera as ct

from combust.errors import ConfigError
from combust.kinetics.constants.evaluated import EVALUATIONS, Evaluation
from combust.kinetics.constants.matching import bath, key
from combust.kinetics.constants.merge import entry_of, largest_factor, require_stated
from combust.kinetics.gas.equations import sides_of
from combust.kinetics.gas.equilibrium import constant
from combust.kinetics.quantum.rates import record as quantum
from combust.kinetics.trajectories.known import Known
from combust.kinetics.trajectories.record import NetworkRecord, read_network

Sides = tuple[tuple[str, ...], tuple[str, ...]]
TEMPERATURES = (300.0, 500.0, 700.0, 1000.0, 1500.0, 2000.0, 2500.0, 3000.0)
NAMED = 6  # reactions of a network, where the one asked for is not there


@dataclass(frozen=True)
class Point:
    """k at T [K], SI with kmol;  low, high : its band as the source states it, None where it states none"""

    T: float
    k: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Said:
    """A source:  kind : "mechanism", "quantum", "trajectories" or "published";  reverse : from its reverse, by thermo

    factor : stated, of all its points, or None;  cite : where it is from
    """

    source: str
    kind: str
    points: tuple[Point, ...]
    factor: float | None
    cite: str
    reverse: bool = False


@dataclass(frozen=True)
class RateReport:
    """Of one reaction;  order : of its reactants;  spread : largest over smallest k at each T with two sources"""

    equation: str
    order: int
    pressure: float
    said: tuple[Said, ...]

    @property
    def spread(self) -> dict[float, float]:
        """T -> ratio, of mechanisms and published values; counts of trajectories have bands of their own."""
        at: dict[float, list[float]] = {}
        for one in self.said:
            for point in one.points if one.kind != "trajectories" else ():
                at.setdefault(point.T, []).append(point.k)
        return {T: max(ks) / min(ks) for T, ks in sorted(at.items()) if len(ks) > 1}


def rate(
    reaction: str,
    mechanisms: Sequence[str | Path] = ("h2o2.yaml",),
    records: Sequence[str | Path] = (),
    T: Sequence[float] = TEMPERATURES,
    p: float = ct.one_atm,
) -> RateReport:
    """Lists what is known of a reaction, such as "OH + H2 = H2O + H", at temperatures T [K].

    mechanisms : Cantera files; a factor that a reaction states under `combust` is its band
    records : network.json of `combust network`, tst.json of `combust tst`, or their folders
    p : pressure [Pa] in N2 (or AR, HE) where k hangs on it

    Published values hold within their temperatures only; those of the reverse go by the first mechanism's thermo.
    Raises ConfigError for a reaction that no source has, or that one of `records` says nothing of, MechanismError,
    FileFormatError.
    """
    T = [float(t) for t in T]
    if not T or not all(math.isfinite(t) and t > 0 for t in T):
        raise ConfigError("T: at least one temperature, all > 0 K")
    if not (math.isfinite(p) and p > 0):
        raise ConfigError(f"p {p:g}: must be > 0 Pa")
    sides = sides_of(reaction)
    known = [Known(path) for path in mechanisms]
    said = [found for one in known if (found := of_mechanism(one, sides, T, p)) is not None]
    gas = known[0].solution if known else None
    for path in records:
        if quantum.is_rate(path):
            said += of_quantum(quantum.read(path), sides, T, str(path), gas)
        else:
            said += of_record(read_network(path), sides, str(path))
    said += of_evaluations(sides, T, gas)
    if not said:
        where = ", ".join(map(str, (*mechanisms, *records))) or "no file"
        raise ConfigError(f"{reaction}: neither {where} nor a published value has it; species are spelled as there")
    return RateReport(said_of(sides), len(sides[0]), p, tuple(said))


def of_mechanism(known: Known, sides: Sides, T: Sequence[float], p: float) -> Said | None:
    """All channels of a mechanism together, None where it has none."""
    gas = known.solution
    upper = {name.upper(): name for name in gas.species_names}
    if any(name.upper() not in upper for side in sides for name in side):
        return None
    own = tuple(tuple(sorted(upper[name.upper()] for name in side)) for side in sides)
    numbers = [i for i, r in enumerate(gas.reactions()) if key(r).sides == frozenset(own)]
    if not numbers:
        return None
    ks = [known.rates([(own[0], own[1])], t, {bath(gas): p / (ct.gas_constant * t)})[0] for t in T]
    for i in numbers:
        require_stated(entry_of(gas.reaction(i)), f"{known.path}: {gas.reaction(i).equation}")
    factors = [f for i in numbers if (f := largest_factor(entry_of(gas.reaction(i)))) is not None]
    factor = max(factors) if factors else None
    points = tuple(banded(t, k, factor) for t, k in zip(T, ks, strict=True) if k)
    ahead = any(key(gas.reaction(i)).left == own[0] for i in numbers)
    note = next((text for i in numbers if (text := note_of(gas.reaction(i)))), "")
    return Said(known.path, "mechanism", points, factor, note, not ahead) if points else None


def note_of(reaction: Any) -> str:
    """What the file notes of it."""
    return str(reaction.input_data.get("note", ""))


def banded(T: float, k: float, factor: float | None) -> Point:
    return Point(T, k) if factor is None else Point(T, k, k / factor, k * factor)


def of_record(record: NetworkRecord, sides: Sides, path: str) -> Iterable[Said]:
    """Counts of trajectories; the band is that of counting, the factor has the error of the forces in it, too.

    Raises ConfigError for a network without an event of it.
    """
    for one in record.reactions:
        names = [one.equation] + ([one.mechanism.replace("<=>", "=>")] if one.mechanism else [])
        if sides not in [sides_of(name) for name in names]:
            continue
        points = tuple(Point(r.T, r.k, r.low, r.high) for r in one.at if r.count)
        if points:
            model = f"; forces: a factor {one.model:.2g}" if one.model else "; error of the forces unknown"
            yield Said(path, "trajectories", points, one.factor, f"{one.count} events, 95 % of counting{model}")
            return
    have = ", ".join(one.equation for one in record.reactions[:NAMED]) or "none at all"
    more = ", ..." if len(record.reactions) > NAMED else ""
    raise ConfigError(f"--record {path}: counts no event of {said_of(sides)}; it has {have}{more}")


def said_of(sides: Sides) -> str:
    """As an equation."""
    return " => ".join(" + ".join(side) for side in sides)


def of_quantum(
    record: quantum.RateRecord, sides: Sides, T: Sequence[float], path: str, gas: ct.Solution | None
) -> list[Said]:
    """A computed rate within its temperatures, by its law; of the reverse by a mechanism's thermo.

    Raises ConfigError for one of another reaction, without a law, or of the reverse where no mechanism is at hand.
    """
    own, law = sides_of(record.equation), record.fitted
    if own not in (sides, sides[::-1]):
        raise ConfigError(
            f"--record {path}: is of {record.equation}, not of {said_of(sides)}; species are spelled as there"
        )
    if law is None:
        raise ConfigError(f"--record {path}: {record.equation}: holds at fewer than four temperatures, without a law")
    if own != sides and gas is None:
        raise ConfigError(f"--record {path}: is of the reverse, {record.equation}: name a mechanism, for its thermo")
    back, points = own != sides, []
    for t in [t for t in T if law.T_low <= t <= law.T_high] or [law.T_low, law.T_high]:
        k, factor = quantum.between(record, t)
        points.append(banded(t, k / constant(gas, own, t) if back and gas else k, factor))
    cite = f"{record.level}//{record.geometry}, {record.tunnelling}, {law.T_low:g} to {law.T_high:g} K"
    return [Said(path, "quantum", tuple(points), record.factor, cite, back)]


def of_evaluations(sides: Sides, T: Sequence[float], gas: ct.Solution | None) -> list[Said]:
    """Published values within their temperatures; those of the reverse where a mechanism's thermo is at hand."""
    found = []
    for one in EVALUATIONS:
        own = sides_of(one.equation)
        if own not in (sides, sides[::-1]) or (own != sides and gas is None):
            continue
        inside = [t for t in T if one.T_low <= t <= one.T_high] or [one.T_low, one.T_high]
        back = own != sides
        points = tuple(banded(t, one.k(t) * (1 / constant(gas, own, t) if back and gas else 1.0), one.factor)
                       for t in inside)  # fmt: skip
        found.append(Said(one.source, "published", points, one.factor, cited(one), back))
    return found


def cited(one: Evaluation) -> str:
    """Where a value is from, and from where to where it holds."""
    read = "" if one.read == "abstract" else f", read in {one.read}"
    return f"{one.url}, {one.T_low:g} to {one.T_high:g} K{read}"
