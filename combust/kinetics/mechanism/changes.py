"""Rate parameters that are no longer those of a mechanism's file: named, in its digest, and carried to Cantera."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

import cantera as ct
import torch
from torch import Tensor

from combust.errors import MechanismError
from combust.kinetics.mechanism.parameters import RateParameters, falloff_reactions
from combust.kinetics.mechanism.text import REFUSALS, message_of
from combust.kinetics.rates.data import RateData
from combust.kinetics.rates.thermo import GAS_CONSTANT

Changes = dict[str, dict[int, float]]  # parameter -> reaction, from 0 in the file's order -> its new value


def changes_of(rates: RateData, old: RateParameters, new: RateParameters) -> Changes:
    """Where `new` differs from `old` and counts for something; `rates` are those of the file.

    Raises MechanismError for parameters without values, as within a transformation of torch.func.
    """
    found: Changes = {}
    for name, counts, before, after in zip(RateParameters._fields, _counting(rates), old, new, strict=True):
        try:
            pairs = zip(counts.tolist(), before.tolist(), after.detach().to(before).tolist(), strict=True)
        except RuntimeError as error:
            raise MechanismError(
                f"rate parameters {name}: have no values here (within a transformation of torch.func?), so that "
                "neither Cantera nor a digest of the mechanism can follow them"
            ) from error
        rows = {i: y for i, (counted, x, y) in enumerate(pairs) if counted and x != y}
        found |= {name: rows} if rows else {}
    return found


def changed_parameters(old: RateParameters, changes: Changes) -> dict[str, Tensor]:
    """The parameters that `changes` are made to, (reactions,) each. Raises MechanismError for others than there are."""
    found = {}
    for name, rows in changes.items():
        if name not in RateParameters._fields or not all(0 <= i < old.A.shape[0] for i in rows):
            raise MechanismError(f"rate parameters {name} of reactions {', '.join(map(str, rows))}: there are none")
        value = getattr(old, name).clone()
        value[list(rows)] = value.new_tensor(list(rows.values()))
        found[name] = value
    return found


def _counting(rates: RateData) -> RateParameters:
    """Which parameters of which reactions (reactions,) enter their rates."""
    arrhenius = rates.exponent < rates.b.shape[0] + rates.blowers_masel.b.shape[0]
    falloff = torch.zeros_like(arrhenius)
    falloff[falloff_reactions(rates)] = True
    place = torch.argsort(rates.order)
    every, arrhenius, falloff = (x[place] for x in (torch.ones_like(arrhenius), arrhenius, falloff))
    return RateParameters(every, arrhenius, arrhenius, falloff, falloff, falloff)


def digest(file: str, changes: Changes, multiplier: Tensor) -> str:
    """SHA-256 of a mechanism: that of its file where nothing is changed.

    multiplier: factors of an ensemble (rates, members); (.., 0) where there is none.
    """
    if not changes and not multiplier.shape[1]:
        return file
    exact = {name: [(row, value.hex()) for row, value in sorted(rows.items())] for name, rows in changes.items()}
    content = hashlib.sha256(json.dumps([file, exact], sort_keys=True).encode())
    if multiplier.shape[1]:
        factors = multiplier.detach().cpu().contiguous().numpy()
        content.update(f"{factors.shape}".encode() + factors.astype("<f8").tobytes())
    return content.hexdigest()


def with_changes(solution: ct.Solution, changes: Changes) -> ct.Solution:
    """The phase with the changed parameters, itself or another object of the same species and transport model.

    Raises MechanismError for what Cantera does not take.
    """
    factors: dict[int, float] = {}
    changed: dict[int, ct.Reaction] = {}
    for i in sorted({row for rows in changes.values() for row in rows}):
        new, reaction = {name: rows[i] for name, rows in changes.items() if i in rows}, solution.reaction(i)
        try:
            if _scales(reaction.rate) and not new["A"] > 0:  # which no table of logarithms can hold
                factors[i] = new["A"]
                continue
            changed[i] = _changed(solution, reaction, new)
        except REFUSALS as error:
            words = ", ".join(f"{name} = {value:g}" for name, value in new.items())
            where = f"{solution.source}: reaction {i + 1}, {reaction.equation}, with {words}"
            raise MechanismError(f"{where}: Cantera: {message_of(error)}") from error
    try:
        solution = _with_reactions(solution, changed)
    except REFUSALS as error:
        raise MechanismError(
            f"{solution.source}: with changed rate parameters: Cantera: {message_of(error)}"
        ) from error
    for i, factor in factors.items():
        solution.set_multiplier(factor, i)
    return solution


def _with_reactions(solution: ct.Solution, changed: Mapping[int, ct.Reaction]) -> ct.Solution:
    """With these reactions in the place of its own."""
    # Cantera 3.2 holds chemically activated reactions for another type when they are to be replaced.
    if not any(isinstance(r.rate, ct.FalloffRate) and r.rate.chemically_activated for r in changed.values()):
        for i, reaction in changed.items():
            solution.modify_reaction(i, reaction)
        return solution
    model = solution.transport_model
    made = ct.Solution(
        thermo=solution.thermo_model,
        kinetics="gas",
        transport_model=None if model in (None, "none") else model,
        species=solution.species(),
        reactions=[changed.get(i, reaction) for i, reaction in enumerate(solution.reactions())],
        name=solution.name,
    )
    made.case_sensitive_species_names = solution.case_sensitive_species_names
    return made


def _scales(rate: ct.ReactionRate) -> bool:
    """Whether A is a factor of the rate, as of P-log, Chebyshev and linear Burke reactions."""
    return isinstance(rate, ct.PlogRate | ct.ChebyshevRate | ct.LinearBurkeRate)


def _changed(solution: ct.Solution, reaction: Any, new: Mapping[str, float]) -> Any:
    rate = reaction.rate
    if isinstance(rate, ct.PlogRate):
        scaled = [(p, _arrhenius(k, {"A": k.pre_exponential_factor * new["A"]})) for p, k in rate.rates]
        reaction.rate = ct.PlogRate(scaled)
    elif isinstance(rate, ct.ChebyshevRate):
        data = rate.data.copy()
        data[0, 0] += math.log10(new["A"])  # the first coefficient is part of log10 k
        reaction.rate = ct.ChebyshevRate(rate.temperature_range, rate.pressure_range, data)
    elif isinstance(rate, ct.LinearBurkeRate):
        colliders = [_scaled(entry, new["A"]) for entry in reaction.input_data["colliders"]]
        entry: Any = {**reaction.input_data, "colliders": colliders}
        return ct.Reaction.from_dict(entry, solution)
    elif isinstance(rate, ct.FalloffRate):
        rate.allow_negative_pre_exponential_factor = True
        rate.low_rate = _arrhenius(rate.low_rate, {k.removesuffix("_low"): x for k, x in new.items() if "_low" in k})
        rate.high_rate = _arrhenius(rate.high_rate, {k: x for k, x in new.items() if "_low" not in k})
        reaction.rate = rate
    else:
        rest = (rate.bond_energy,) if isinstance(rate, ct.BlowersMaselRate) else ()
        made = type(rate)(*_numbers(rate, new), *rest)
        made.allow_negative_pre_exponential_factor = True
        reaction.rate = made
    return reaction


def _numbers(k: Any, new: Mapping[str, float]) -> tuple[float, float, float]:
    """A, b, Ea, new where they are given."""
    Ea = new["Ea_R"] * GAS_CONSTANT if "Ea_R" in new else k.activation_energy
    return new.get("A", k.pre_exponential_factor), new.get("b", k.temperature_exponent), Ea


def _arrhenius(k: Any, new: Mapping[str, float]) -> Any:
    return ct.Arrhenius(*_numbers(k, new))


def _scaled(entry: Mapping[str, Any], factor: float) -> dict[str, Any]:
    """A collider of a linear Burke reaction with its rate, if it has one of its own, times a factor."""
    made = dict(entry)
    for key in ("low-P-rate-constant", "high-P-rate-constant"):
        if key in made:
            made[key] = {**made[key], "A": made[key]["A"] * factor}
    if "rate-constants" in made:
        made["rate-constants"] = [{**k, "A": k["A"] * factor} for k in made["rate-constants"]]
    if "data" in made:
        first, *others = made["data"]
        made["data"] = [[first[0] + math.log10(factor), *first[1:]], *others]
    return made
