"""A free or counterflow flame, once per candidate mechanism and case.

A candidate begins from the detailed flame and stays on its grid: the error of the grid is then that of the reference
too and cancels in the comparison, and a good candidate costs one Jacobian. The work is bounded by a count of
evaluations, not by a clock, so that results can be repeated.
"""

from __future__ import annotations

from typing import Any

import cantera as ct
import numpy as np

from combust.kinetics.flames.free import begin_from, free_flame
from combust.kinetics.flames.solver import TRANSPORT, first_solution, refine
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.reduction.cases.conditions import ReductionCase
from combust.reduction.cases.measures import Outcome, Reference, Unburnt, Watch, amounts, over_progress, set_mixture

LEAST_HEAT = 200.0  # K, that a detailed flame rises at least
LEAST_SPEED = 0.02  # of the detailed flame's, below which there is no flame
LEAST_RISE = 0.3  # of the detailed flame's rise, below which a flame is out
COARSEST = 0.1  # slope of the first grid of combust.kinetics.flames.solver
COMPONENTS = {"flame": ("velocity", "T"), "counterflow": ("velocity", "spreadRate", "T", "Lambda")}


class Work:
    """Counts the evaluations of a flame and ends it, by Unburnt, beyond `most`."""

    def __init__(self, flame: Any, watch: Watch) -> None:
        # a Jacobian takes an evaluation at every unknown of every point
        self.most, self.done = watch.work * flame.flame.n_components * flame.flame.n_points, 0
        flame.set_interrupt(self)

    def __call__(self, _: float) -> float:
        self.done += 1
        if self.done > self.most:
            raise Unburnt(f"no flame within {self.most} evaluations")
        return 0.0


def reference(gas: Mechanism, case: ReductionCase, watch: Watch) -> Reference:
    """The detailed flame on its own grid. Raises Unburnt, DivergenceError or CanteraError where there is none.

    Free flames come from combust's cache of flames, so that sampling and judging solve them once.
    """
    solution = gas.cantera()
    if case.kind == "flame":
        _require_heat(solution, case)
        flame = _from_profile(gas, solution, case, watch)
    else:
        flame = first_solution(lambda width: _flame(solution, case, watch, width=width), watch, 0, (watch.width,))
        if watch.soret or watch.slope < COARSEST or watch.curve < 2 * COARSEST:
            refine(flame, watch, watch.slope, watch.curve, 0)
    if flame.T.max() - case.T < LEAST_HEAT:
        raise Unburnt(f"the flame is out: no more than {flame.T.max():.0f} K")
    arrays = {f"component {n}": np.array(flame.flame.values(n)) for n in COMPONENTS[case.kind]}
    arrays |= {"grid": np.array(flame.grid), "Y": np.array(flame.Y), "rise": np.array(flame.T.max() - case.T)}
    if case.kind == "flame":
        arrays["fixed"] = np.array(flame.fixed_temperature)
    return Reference(_outcome(flame, case, watch, flame.T.max() - case.T), tuple(solution.species_names), arrays)


def _from_profile(gas: Mechanism, solution: ct.Solution, case: ReductionCase, watch: Watch) -> Any:
    """The free flame solved again from its cached profile, on the same grid."""
    known = free_flame(
        gas, case.T, case.p, case.fuel, case.oxidizer, case.phi, watch.transport, watch.width, watch.slope,
        watch.curve, watch.max_points, soret=watch.soret,
    )  # fmt: skip
    middle = int(np.abs(known.T - 0.5 * (known.T[0] + known.T[-1])).argmin())
    arrays = {"grid": known.x, "Y": known.Y, "component velocity": known.u, "component T": known.T}
    arrays |= {"fixed": known.T[middle], "rise": np.array(known.T.max() - case.T)}
    return solved(solution, case, Reference(Outcome({}, {}, case.T), gas.species, arrays), watch)


def outcome(solution: ct.Solution, case: ReductionCase, of: Reference, watch: Watch) -> Outcome:
    """What a candidate gives on the reference's grid. Raises Unburnt or CanteraError where there is no flame."""
    flame = solved(solution, case, of, watch)
    found = _outcome(flame, case, watch, of.number("rise"))
    if flame.T.max() - case.T < LEAST_RISE * of.number("rise"):
        raise Unburnt(f"the flame is out: no more than {flame.T.max():.0f} K")
    speed = found.values.get("flame_speed", 1.0)
    if case.kind == "flame" and not speed > LEAST_SPEED * of.outcome.values["flame_speed"]:
        raise Unburnt(f"no flame: its speed is {speed:.3g} m/s")
    return found


def solved(solution: ct.Solution, case: ReductionCase, of: Reference, watch: Watch) -> Any:
    """The candidate's flame on the reference's grid. Raises Unburnt for too much work, CanteraError otherwise."""
    flame = _flame(solution, case, watch, grid=of.arrays["grid"])
    flame.transport_model = TRANSPORT[watch.transport]
    flame.soret_enabled = watch.soret
    _begin(flame, solution, of)
    Work(flame, watch)
    flame.solve(loglevel=0, refine_grid=False)
    return flame


def _require_heat(solution: ct.Solution, case: ReductionCase) -> None:
    """Else the search for a flame that cannot be would be long."""
    set_mixture(solution, case)
    solution.equilibrate("HP")
    if solution.T - case.T < LEAST_HEAT:
        raise Unburnt(f"equilibrium is only {solution.T - case.T:.0f} K above the unburnt gas")


def _flame(solution: ct.Solution, case: ReductionCase, watch: Watch, **domain: Any) -> Any:
    """A flame of the case, without a guess, on a domain given by its width [m] or its grid [m]."""
    if case.kind == "flame":
        set_mixture(solution, case)
        return ct.FreeFlame(solution, **domain)
    flame = ct.CounterflowDiffusionFlame(solution, **domain)
    flame.P = case.p
    speed, balanced = 0.5 * case.strain * watch.width, 0.0
    for inlet, X in ((flame.fuel_inlet, case.fuel), (flame.oxidizer_inlet, case.oxidizer)):
        solution.TPX = case.T, case.p, X
        rho = solution.density
        balanced = balanced or rho * speed**2  # both jets carry the fuel's momentum, so that they meet half way
        inlet.T, inlet.X, inlet.mdot = case.T, X, (rho * balanced) ** 0.5
    return flame


def _begin(flame: Any, solution: ct.Solution, of: Reference) -> None:
    """The reference's profiles as the guess."""
    Y = of.rows("Y", solution)
    if "fixed" in of.arrays:
        T, u = of.arrays["component T"], of.arrays["component velocity"]
        begin_from(flame, solution, T, u, Y, of.number("fixed"))
        return
    ct.FlameBase.set_initial_guess(flame)  # marks it as begun, else `solve` makes a guess of its own
    for name in COMPONENTS["counterflow"]:
        flame.flame.set_values(name, of.arrays[f"component {name}"])
    for name, values in zip(solution.species_names, Y, strict=True):
        flame.flame.set_values(name, values)


def _outcome(flame: Any, case: ReductionCase, watch: Watch, rise: float) -> Outcome:
    values, profiles = {}, {}
    if case.kind == "flame":
        values["flame_speed"] = float(flame.velocity[0])
        if watch.burnt:
            values["burnt_temperature"] = float(flame.T[-1])
            profiles["heat_release"] = over_progress(flame.T, flame.heat_release_rate, case.T, case.T + rise)
    else:
        values["peak_temperature"] = float(flame.T.max())
    X = {s: flame.X[k] for k, s in enumerate(flame.gas.species_names) if s in watch.species}
    values |= amounts("peak", watch.peak, {s: x.max() for s, x in X.items()})
    if case.kind == "flame":  # a counterflow flame ends in unburnt gas on both sides
        values |= amounts("final", watch.final, {s: x[-1] for s, x in X.items()})
    return Outcome(values, profiles, case.T)
