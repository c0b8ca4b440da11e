"""Rate constants and thermodynamic data that no calculation can use are named when a mechanism is read.

A typing error in a pre-exponential factor or a coefficient gives infinities or NaN later, far from their cause: in a
pressure solve, or in every cell at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cantera as ct
import numpy as np

from combust.errors import MechanismError
from combust.kinetics.mechanism.text import REFUSALS, message_of

TEMPERATURES = (300.0, 700.0, 1200.0, 2000.0, 3000.0)  # K
PRESSURES = (1e4, 1e5, 1e7)  # Pa
LARGEST_RATE = 1e80  # kmol, m3, s: the product of two of them would leave the range of float64 soon
LARGEST_POWER, LARGEST_EA_R = 20.0, 1e5  # of T, K, in efficiencies
THERMO = {"heat capacity cp/R": (-50.0, 1e4), "enthalpy h/RT": (-1e6, 1e6), "entropy s/R": (-100.0, 1e4)}
SHOWN = 3  # reactions or species that a message names


def require_usable(file: Path, solution: ct.Solution) -> None:
    """Raises MechanismError naming reactions and species whose data are infinite, NaN or beyond all bounds."""
    found: list[str] = []
    try:
        found = [*_thermo(solution), *_colliders(solution)]
        found += [] if found else _rates(solution)
    except REFUSALS as error:
        found.append(message_of(error))
    if found:
        more = f" (and {len(found) - SHOWN} more)" if len(found) > SHOWN else ""
        raise MechanismError(f"{file}: data beyond use: {'; '.join(found[:SHOWN])}{more}; correct them in the file")


def _thermo(solution: ct.Solution) -> Iterator[str]:
    worst: dict[tuple[str, int], tuple[float, float]] = {}
    ends = np.array([(s.thermo.min_temp, s.thermo.max_temp) for s in solution.species()])
    for T in TEMPERATURES:
        own = (ends[:, 0] <= T) & (ends[:, 1] >= T)  # beyond them polynomials go anywhere
        solution.TP = T, PRESSURES[1]
        values = (solution.standard_cp_R, solution.standard_enthalpies_RT, solution.standard_entropies_R)
        for (what, (least, most)), value in zip(THERMO.items(), values, strict=True):
            for k in np.flatnonzero(~((value >= least) & (value <= most)) & (own | ~np.isfinite(value))):
                worst.setdefault((what, int(k)), (T, float(value[k])))
    for (what, k), (T, found) in worst.items():
        yield f"{what} of species {solution.species_name(k)} is {found:.3g} at {T:g} K"


def _colliders(solution: ct.Solution) -> Iterator[str]:
    """Efficiencies of linear-Burke colliders: with an effective pressure that is no number Cantera ends the process."""
    for i, reaction in enumerate(solution.reactions()):
        if "linear-Burke" not in reaction.reaction_type:
            continue
        data: dict[str, Any] = {**reaction.input_data}  # Cantera's types know no colliders
        for collider in data.get("colliders", ()):
            k = collider.get("efficiency")
            if not isinstance(k, dict):
                continue
            A, b, Ea_R = k.get("A", np.nan), k.get("b", np.nan), k.get("Ea", np.nan) / ct.gas_constant
            if not (0.0 < A < LARGEST_RATE and abs(b) < LARGEST_POWER and abs(Ea_R) < LARGEST_EA_R):
                yield f"reaction {i + 1}, {reaction.equation}: efficiency of {collider.get('name')} is {dict(k)}"


def _rates(solution: ct.Solution) -> Iterator[str]:
    if not solution.n_reactions:
        return
    worst: dict[int, str] = {}
    dead = [_is_dead(reaction.rate) for reaction in solution.reactions()]
    for T in TEMPERATURES:
        for p in PRESSURES:
            solution.TP = T, p
            k = np.where(dead, 0.0, solution.forward_rate_constants)
            for i in np.flatnonzero(~(np.abs(k) <= LARGEST_RATE)):
                worst.setdefault(int(i), f"{k[i]:.3g} (kmol, m3, s) at {T:g} K and {p:g} Pa")
    equations = solution.reaction_equations() if worst else []
    for i, value in worst.items():
        yield f"the rate constant of reaction {i + 1}, {equations[i]}, is {value}"


def _is_dead(rate: ct.ReactionRate) -> bool:
    """Whether a falloff rate has a limit of zero, which Cantera divides by: it is zero, and right here."""
    return isinstance(rate, ct.FalloffRate) and rate.high_rate.pre_exponential_factor == 0.0
