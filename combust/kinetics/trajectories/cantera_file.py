"""Counted rates as a Cantera file: thermo of the mechanism's species, rates with their errors."""

from __future__ import annotations

import math
from collections.abc import Collection
from pathlib import Path
from typing import Any

import cantera as ct

from combust.atomic import replace_bytes
from combust.errors import OutputError
from combust.kinetics.gas.equations import sides_of
from combust.kinetics.trajectories.record import NetworkRecord, RateAt, ReactionFound

FEWEST = 3  # events of a reaction that is written
UNITS = {"length": "cm", "quantity": "mol", "activation-energy": "K"}
KEY = "combust"  # under which a reaction says where its rate comes from


def write_rates(path: Path, record: NetworkRecord, mechanism: ct.Solution) -> bool:
    """Writes reactions that were counted and whose species the mechanism has, each in its more frequent direction.

    A reaction counted at four temperatures or more has an Arrhenius law; one at fewer a constant, and says where it
    holds. Factors of counting and model stand with each under the key `combust`. Whether there were any; raises
    OutputError.
    """
    some = chosen(record)
    if not some:
        return False
    names = {name for one in some for side in sides_of(str(one.mechanism)) for name in side}
    gas = phase_of(mechanism, names, "trajectories")
    for one in some:
        gas.add_reaction(reaction(one, record, gas))
    gas.update_user_header({"description": description(record)})
    save(path, gas)
    return True


def phase_of(mechanism: ct.Solution, names: Collection[str], name: str) -> ct.Solution:
    """A phase of these species of a mechanism, without reactions."""
    species = [one for one in mechanism.species() if one.name in names]
    return ct.Solution(name=name, thermo="ideal-gas", kinetics="gas", species=species)


def save(path: Path, gas: ct.Solution, units: Any = UNITS, precision: int | None = None) -> None:
    """A Cantera file of a phase, whole or not at all; units None: SI with kmol. Raises OutputError."""
    try:
        replace_bytes(path, gas.write_yaml(units=units, precision=precision).encode())
    except (ct.CanteraError, OSError) as error:
        raise OutputError(f"{path} cannot be written: {error}") from error


def chosen(record: NetworkRecord) -> list[ReactionFound]:
    """One direction of each reaction of at most three reactants, of three events or more, that the mechanism's
    species can write.
    """
    found: dict[frozenset[tuple[str, ...]], ReactionFound] = {}
    for one in sorted(record.reactions, key=lambda one: -one.count):
        if one.count >= FEWEST and one.mechanism is not None and len(one.reactants) <= 3 and one.factor is not None:
            found.setdefault(frozenset(sides_of(str(one.mechanism))), one)
    return list(found.values())


def reaction(one: ReactionFound, record: NetworkRecord, gas: ct.Solution) -> ct.Reaction:
    """The entry, with its note; its numbers in SI with kmol are those of a file without units."""
    best = most(one)
    law = one.law
    rate: Any = {"A": law.A, "b": 0.0, "Ea": law.E} if law else {"A": best.k, "b": 0.0, "Ea": 0.0}
    entry: Any = {"equation": one.mechanism, "rate-constant": rate}
    made = ct.Reaction.from_dict(entry, gas)
    low, high = (law.T_low, law.T_high) if law else (best.T, best.T)
    about: dict[str, Any] = {
        "source": "trajectories", "temperatures": [r.T for r in one.at], "counts": [r.count for r in one.at],
        "range": [low, high], "stable": one.stable, "factor-counting": rounded(one.counting),
        "factor-model": rounded(one.model), "factor": rounded(one.factor),
        "trajectories": [t.sha256[:16] for t in record.trajectories],
    }  # fmt: skip
    data: Any = {"note": note(one, low, high), KEY: about}
    made.update_user_data(data)
    return made


def most(one: ReactionFound) -> RateAt:
    """The temperature with most events."""
    return max(one.at, key=lambda rate: rate.count)


def rounded(value: float | None) -> float:
    """Three digits, upwards: a factor must not shrink."""
    assert value is not None
    digits = 2 - math.floor(math.log10(value))
    return math.ceil(value * 10**digits - 1e-9) / 10**digits


def note(one: ReactionFound, low: float, high: float) -> str:
    """For people."""
    law = f"{low:g} to {high:g} K" if one.law else f"a constant, at {low:g} K only: no law in T"
    return (
        f"molecular dynamics, {one.count} events, {law}; within a factor {rounded(one.counting):g} by counting (95 %), "
        f"{rounded(one.model):g} by the forces"
    )


def description(record: NetworkRecord) -> str:
    """Of the file."""
    times = ", ".join(f"{t.name}: {t.T:g} K, {t.time * 1e12:.3g} ps" for t in record.trajectories)
    judged = record.benchmark
    model = f"Forces judged by {judged.equation or 'the user'}: factor {judged.factor:.3g}. " if judged else ""
    return f"Rate constants counted in molecular dynamics ({times}). {model}Thermo of {record.mechanism}."
