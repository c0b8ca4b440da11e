"""Rates k(T, p) as an entry of a Cantera file that `combust merge` takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cantera as ct

from combust.errors import MechanismError
from combust.kinetics.falloff.fits import Fit
from combust.kinetics.trajectories.cantera_file import KEY, phase_of, save


def reaction(
    gas: ct.Solution,
    left: Sequence[str],
    right: Sequence[str],
    fit: Fit,
    about: Mapping[str, Any],
    note: str,
    efficiencies: Mapping[str, float] | None = None,
) -> ct.Reaction:
    """A reversible reaction with its note and what is known of its error. Raises MechanismError."""
    third = " (+M)" if fit.kind == "troe" else ""
    equation = " <=> ".join(" + ".join(side) + third for side in (left, right))
    data: Any = {"equation": equation, **fit.rate.input_data}
    if efficiencies:
        data["efficiencies"] = dict(efficiencies)
    more: Any = {"note": note, KEY: dict(about)}
    try:
        made = ct.Reaction.from_dict(data, gas)
        made.update_user_data(more)
    except (ct.CanteraError, ValueError) as error:
        raise MechanismError(f"{equation}: Cantera does not take it: {error}") from error
    return made


def write(path: Path, mechanism: ct.Solution, reactions: Sequence[ct.Reaction], description: str) -> None:
    """A file of reactions with the species that they name. Raises MechanismError, OutputError."""
    used = {name for one in reactions for side in (one.reactants, one.products) for name in side}
    used |= {name for one in reactions if one.third_body for name in one.third_body.efficiencies}
    gas = phase_of(mechanism, used, "rates")
    try:
        for one in reactions:
            gas.add_reaction(one)
    except ct.CanteraError as error:
        raise MechanismError(f"{path}: Cantera does not take the rates: {error}") from error
    gas.update_user_header({"description": description})
    save(path, gas, precision=10)
