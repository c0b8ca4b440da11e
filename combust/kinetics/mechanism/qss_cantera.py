"""A mechanism with species in quasi-steady state (QSS) in plain Cantera; needs this file, Cantera and numpy only.

    import qss_cantera
    gas = qss_cantera.solution("mechanism.yaml")  # a ct.Solution of the species that are not in quasi-steady state

The YAML file is an ordinary mechanism of all species, whose phase names those in quasi-steady state under
`combust: {qss: {species: [...]}}`. Their concentrations are solved for at every state, such that they are consumed as
fast as they are produced; no reaction direction may consume more than one molecule of them.

The kept species react in global steps, one for each species beyond those that the elements need: the step forms the
species from these, with the species' production rate as its rate of progress, of zero order in everything. So rates
of progress, equilibrium constants and reaction paths of the steps have no meaning of their own; net production rates,
heat release and all that follows from them do. Steps are irreversible and their rates may be negative. Cantera takes
their analytic derivatives for zero: do not use its preconditioners or derivatives by concentration. Negative
concentrations count as zero. Where the QSS species have no steady state an error is raised, or CVODE fails. Every
evaluation runs through Python, about twenty times as slow as the mechanism of all species; one process, one thread.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import cantera as ct
import numpy as np

UNIT = 2.0**-100  # kmol/m3: lost beside any other concentration in a sum, yet far from underflow
LEAST_LOSS = 1e-30  # 1/s: of a species that nothing consumes, so that zero production gives zero
TYPE = "quasi-steady-state-step"


class SteadyState:
    """Concentrations of the QSS species of a phase, and production rates of the others."""

    def __init__(self, full: ct.Solution, qss: Sequence[str]) -> None:
        self.qss = np.array([full.species_index(name) for name in qss])  # which Cantera finds without regard to case
        self.full, self.count = full, len(self.qss)
        self.kept = np.array([k for k in range(full.n_species) if k not in self.qss])
        back = full.product_stoich_coeffs * [r.reversible for r in full.reactions()]
        orders = np.hstack([_orders(full), back])[self.qss]
        self.linear = not ((orders != 0) & (orders != 1)).any() and not (orders.sum(0) > 1).any()
        self.consumed = np.where(orders.any(0), orders.argmax(0), self.count)
        net = full.product_stoich_coeffs - full.reactant_stoich_coeffs
        net = np.hstack([net, -net])
        self.net = net[self.kept]
        owners = np.arange(self.count + 1)[:, None] == self.consumed
        self.gain = (net[self.qss][:, None] * owners).reshape(-1, net.shape[1])

    def __call__(self, T: float, C: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Concentrations (QSS,) kmol/m3 and rates (kept,) kmol/m3/s at T [K], C (kept,) kmol/m3."""
        state = np.full(self.full.n_species, UNIT)
        state[self.kept] = np.maximum(C, 0.0)
        self.full.TD = T, 1.0
        self.full.concentrations = state
        q = np.append(self.full.forward_rates_of_progress, self.full.reverse_rates_of_progress)
        gain = (self.gain @ q).reshape(self.count, self.count + 1)  # of i from j; the last column: from kept species
        c = np.linalg.solve(gain[:, :-1] - LEAST_LOSS * UNIT * np.eye(self.count), -gain[:, -1])
        return c * UNIT, self.net @ (q * np.append(c, 1.0)[self.consumed])


_known: dict[str, SteadyState] = {}  # by digest: one for all steps of a phase; not for several threads at once


def digest(full: ct.Solution) -> str:
    """Of all that the rates depend on: a file may change while a program runs."""
    parts: list[Any] = [
        full.input_data,
        *(s.input_data for s in full.species()),
        *(r.input_data for r in full.reactions()),
    ]
    factors = [full.multiplier(i) for i in range(full.n_reactions)]
    parts += [] if all(factor == 1.0 for factor in factors) else [factors]
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def steady_state(file: str, phase: str, expected: str) -> SteadyState:
    """Of the phase with this digest. Raises ValueError if the file no longer holds it."""
    if expected not in _known:
        full = ct.Solution(file, phase)
        if digest(full) != expected:
            raise ValueError(f"{file}: phase {phase} has changed since these reactions were made")
        _known[expected] = SteadyState(full, qss_species(full))
    return _known[expected]


def steady_state_of(gas: ct.Solution) -> SteadyState:
    """What `gas`, made by `solution`, takes its rates from."""
    step: dict[str, Any] = {**gas.reaction(0).input_data}
    return steady_state(step["file"], step["phase"], step["digest"])


class StepData(ct.ExtensibleRateData):
    """The state, and the rates of the phases that were asked for at it."""

    def update(self, gas: Any) -> bool:
        self.T, self.C = gas.T, gas.concentrations
        self.rates: dict[tuple[str, str, str], np.ndarray] = {}
        return True


@ct.extension(name=TYPE, data=StepData)
class Step(ct.ExtensibleRate):
    """Forms one species at its production rate."""

    def set_parameters(self, node: Any, units: Any) -> None:
        self.source = node["file"], node["phase"], node["digest"]
        self.place = int(node["place"])

    def get_parameters(self, node: Any) -> None:
        node["file"], node["phase"], node["digest"] = self.source
        node["place"] = self.place

    def validate(self, equation: str, gas: Any) -> None:
        if not steady_state(*self.source).linear:
            raise ValueError(f"{self.source[0]}: a reaction direction consumes more than one molecule of QSS species")

    def eval(self, data: StepData) -> float:  # type: ignore[override]  # Cantera hands it what `data=` names
        if self.source not in data.rates:
            data.rates[self.source] = steady_state(*self.source)(data.T, data.C)[1]
        return data.rates[self.source][self.place]


def solution(file: str, phase: str = "", transport_model: str | None = "default") -> ct.Solution:
    """The kept species of a phase, reacting in global steps, with the file's transport model or another."""
    model: dict[str, Any] = {} if transport_model == "default" else {"transport_model": transport_model}
    full = ct.Solution(file, phase, **model)
    return solution_of(full, qss_species(full), file)


def solution_of(full: ct.Solution, qss: Sequence[str], file: str) -> ct.Solution:
    """As `solution`, of the phase of all species. What differs from the file is known to this process alone."""
    steady = SteadyState(full, qss)
    _known.setdefault(digest(full), steady)
    species, model = [full.species(int(k)) for k in steady.kept], full.transport_model
    common: dict[str, Any] = {"thermo": full.thermo_model, "kinetics": "gas", "species": species, "name": full.name}
    bare = ct.Solution(**common, reactions=[])
    source: dict[str, Any] = {"type": TYPE, "file": file, "phase": full.name, "digest": digest(full)}
    made: Any = [step | source for step in global_steps(bare)]  # a type of rate that Cantera's types do not know
    steps = [ct.Reaction.from_dict(step, bare) for step in made]
    return ct.Solution(**common, reactions=steps, transport_model=None if model in (None, "none") else model)


def global_steps(gas: ct.Solution) -> list[dict[str, Any]]:
    """Reactions that form every species but a few, enough for all elements, from these few."""
    atoms = np.array([[gas.n_atoms(s, e) for s in gas.species_names] for e in gas.element_names])
    basis: list[int] = []
    for k in np.argsort(atoms.sum(0), kind="stable"):  # small molecules first
        if np.linalg.matrix_rank(atoms[:, [*basis, k]]) > len(basis):
            basis.append(int(k))
    steps = []
    for k in sorted(set(range(gas.n_species)) - set(basis)):
        amounts = np.linalg.lstsq(atoms[:, basis], atoms[:, k], rcond=None)[0]
        parts = {gas.species_name(b): Fraction(x).limit_denominator(1000) for b, x in zip(basis, amounts, strict=True)}
        reactants = {name: x for name, x in parts.items() if x > 0}
        products = {gas.species_name(k): Fraction(1), **{name: -x for name, x in parts.items() if x < 0}}
        sides = (" + ".join(f"{float(x)!r} {name}" for name, x in side.items()) for side in (reactants, products))
        steps.append({"equation": " => ".join(sides), "place": k, "orders": dict.fromkeys(reactants, 0.0)})
    return steps


def qss_species(full: ct.Solution) -> list[str]:
    """The species that the file has in quasi-steady state, as it spells them."""
    data: dict[str, Any] = {**full.input_data}
    return list(data["combust"]["qss"]["species"])


def _orders(gas: ct.Solution) -> np.ndarray:
    """Orders (species, reactions) of the forward rates."""
    orders = gas.reactant_stoich_coeffs.copy()
    for i, r in enumerate(gas.reactions()):
        for name, order in r.orders.items():
            orders[gas.species_index(name), i] = order
    return orders
