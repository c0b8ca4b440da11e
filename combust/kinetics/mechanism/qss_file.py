"""Reads which species of a mechanism are in quasi-steady state, and builds the kinetics of the others.

In the file it is an extension that Cantera keeps but does not heed: the phase's `combust: {qss: {species: [...]}}`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cantera as ct
import torch

from combust.errors import MechanismError
from combust.kinetics.gas.names import Names
from combust.kinetics.mechanism import guard, reactions, sparsity
from combust.kinetics.mechanism.layout import Layout, layout_of
from combust.kinetics.rates import thermo
from combust.kinetics.rates.data import Kinetics, SparseRows
from combust.kinetics.rates.qss import QssKinetics


def qss_species(solution: ct.Solution) -> tuple[str, ...]:
    """Names of the QSS species of the phase, none for an ordinary mechanism; raises MechanismError for a bad block."""
    block: Any = solution.input_data.get("combust", {})
    block = block.get("qss", {}) if isinstance(block, dict) else {}
    names = block.get("species", []) if isinstance(block, dict) else None
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise MechanismError(
            f"{solution.source}: combust.qss of phase '{solution.name}' must be a map with a list `species` of names"
        )
    index = Names.of(solution)
    unknown = [name for name in names if index.row(name) is None]
    names = [name if name in unknown else solution.species_name(index[name]) for name in names]
    if unknown or len(set(names)) < len(names) or len(names) == solution.n_species:
        what = f"unknown: {', '.join(unknown)}" if unknown else "named twice, or none are left to be transported"
        raise MechanismError(f"{solution.source}: QSS species of phase '{solution.name}' ({', '.join(names)}): {what}")
    return tuple(names)


def without(solution: ct.Solution, qss: Sequence[str]) -> ct.Solution:
    """The phase of the kept species, with its transport model and without reactions."""
    model = solution.transport_model
    return ct.Solution(
        thermo=solution.thermo_model,
        kinetics="gas",
        transport_model=None if model in (None, "none") else model,
        species=[s for s in solution.species() if s.name not in qss],
        reactions=[],
        name=solution.name,
    )


def kinetics_of(solution: ct.Solution) -> Kinetics:
    """Kinetics of an ordinary mechanism, on the CPU."""
    made = _kinetics(solution, layout_of(solution))
    guard.require_rates(made, solution, solution.species_names)
    return made


def qss_kinetics_of(solution: ct.Solution, qss: Sequence[str]) -> QssKinetics:
    """Kinetics of the species that are not in quasi-steady state, on the CPU.

    Raises MechanismError listing every reaction that is not linear in the QSS species, and every species that is not
    both produced and consumed.
    """
    species = sorted(solution.species(), key=lambda s: s.name in qss)  # kept ones first
    ordered = ct.Solution(
        thermo=solution.thermo_model, kinetics="gas", species=species, reactions=solution.reactions(),
        name=solution.name,
    )  # fmt: skip
    ordered.case_sensitive_species_names = solution.case_sensitive_species_names
    kept = len(species) - len(qss)
    whole = layout_of(ordered)
    # their own concentrations stay out of third-body sums
    layout = whole._replace(bodies=[b[:kept] + (0.0,) * len(qss) for b in whole.bodies])
    faults = _nonlinear(ordered, layout, kept) + _one_sided(ordered, layout, kept)
    if faults:
        raise MechanismError(
            f"{solution.source}: species {', '.join(qss)} cannot be in quasi-steady state:\n  " + "\n  ".join(faults)
        )
    inner = _kinetics(ordered, layout)
    # Cantera knows the file with all species as ordinary ones
    ordinary = inner._replace(rates=reactions.rates_from_cantera(ordered, whole))
    guard.require_rates(ordinary, solution, ordered.species_names)
    owner = [next(iter(found), len(qss)) for found in _consumed(layout, kept)]
    net = {k: [(i, nu[k]) for i, nu in enumerate(layout.net) if k in nu] for k in range(kept)}
    return QssKinetics(
        thermo=thermo.thermo_from_cantera(without(solution, qss)),
        inner=inner,
        consumed=torch.tensor(owner, dtype=torch.int64),
        balance=_balance(layout, kept, owner),
        net=sparsity.sparse_rows(net, kept),
    )


def _kinetics(solution: ct.Solution, layout: Layout) -> Kinetics:
    return Kinetics(
        thermo.thermo_from_cantera(solution),
        reactions.rates_from_cantera(solution, layout),
        sparsity.jacobian_pattern(layout, solution.molecular_weights.tolist()),
    )


def _consumed(layout: Layout, kept: int) -> list[dict[int, float]]:
    """QSS species that the rate of each direction depends on, with their orders."""
    sides = layout.reactants + layout.products
    return [{k - kept: order for k, order in side if k >= kept} for side in sides]


def _nonlinear(solution: ct.Solution, layout: Layout, kept: int) -> list[str]:
    """Directions that consume more than one QSS molecule, and reactions that need one as their third body."""
    faults, total = [], len(layout.order)
    equations = [f"reaction {i + 1}: {solution.reaction(i).equation}" for i in layout.order]
    for d, orders in enumerate(_consumed(layout, kept)):
        if list(orders.values()) not in ([], [1.0]):
            i, way = (d, "forward") if d < total else (d - total + layout.irreversible, "reverse")
            faults.append(f"{equations[i]}: its {way} rate is not linear in them")
    named = [layout.linear_burke[place] for place, k in layout.burke_named if k >= kept]
    only = [i for i, b in enumerate(layout.body) if b >= 0 and not any(layout.bodies[b])]
    return faults + [f"{equations[i]}: one of them is its third body" for i in named + only]


def _one_sided(solution: ct.Solution, layout: Layout, kept: int) -> list[str]:
    """Species without production or without consumption, for which omega = 0 has no sense."""
    ways = _directions(layout)
    faults = []
    for k in range(kept, layout.species):
        gains = {nu[k] > 0 for nu in ways if k in nu}
        if gains != {True, False}:
            what = {True: "is only produced", False: "is only consumed"}[gains.pop()] if gains else "is inert"
            faults.append(f"{solution.species_names[k]} {what}")
    return faults


def _directions(layout: Layout) -> list[dict[int, float]]:
    """Net stoichiometry of every direction."""
    back = [{k: -x for k, x in nu.items()} for nu in layout.net[layout.irreversible :]]
    return layout.net + back


def _balance(layout: Layout, kept: int, owner: list[int]) -> SparseRows:
    n = layout.species - kept
    terms: sparsity.Terms = {}
    for d, (nu, j) in enumerate(zip(_directions(layout), owner, strict=True)):
        for k, x in nu.items():
            if k >= kept:
                terms.setdefault((k - kept) * (n + 1) + j, []).append((d, x))
    return sparsity.sparse_rows(terms, n * (n + 1))
