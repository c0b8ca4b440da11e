"""Ignition of a homogeneous reactor by Cantera's CVODE, once per candidate mechanism and case."""

from __future__ import annotations

from dataclasses import dataclass, field

import cantera as ct
import numpy as np

from combust.reduction.conditions import Case
from combust.reduction.measures import Outcome, Reference, Unburnt, Watch, amounts, over_progress, set_mixture

LONGEST = 1000.0  # s, that the detailed mechanism is given to ignite
PATIENCE = 3.0  # delays of the detailed mechanism that a candidate is given
LEAST_RISE = 50.0  # K between start and equilibrium, below which nothing ignites
SETTLED = 0.01  # of the rise: at most so much more in a time as long as passed since ignition
AFTER = 10.0  # delays after ignition, at most, until the gas is called burnt
PRECONDITIONED = 150  # species from which on the sparse preconditioner pays


@dataclass
class Path:
    """What was visited: time [s], T [K], its slope [K/s], heat release [W/m3], watched mole fractions."""

    t: list[float] = field(default_factory=list)
    T: list[float] = field(default_factory=list)
    slope: list[float] = field(default_factory=list)
    q: list[float] = field(default_factory=list)
    X: list[np.ndarray] = field(default_factory=list)


def reference(solution: ct.Solution, case: Case, watch: Watch) -> Reference:
    """Delay, and how long after it the gas is burnt. Raises Unburnt where nothing ignites."""
    set_mixture(solution, case)
    solution.equilibrate(case.hold.upper())
    rise = solution.T - case.T
    if rise < LEAST_RISE:
        raise Unburnt(f"equilibrium is only {rise:.0f} K above the start")
    path, delay = _ignite(solution, case, watch, rise, LONGEST, None)
    after = path.t[-1] - delay
    found = {"delay": np.array(delay), "after": np.array(after), "rise": np.array(rise)}
    return Reference(_outcome(solution, case, watch, path, delay, after, case.T + rise), arrays=found)


def outcome(solution: ct.Solution, case: Case, of: Reference, watch: Watch) -> Outcome:
    """What a candidate gives. Raises Unburnt where it does not ignite within PATIENCE delays."""
    set_mixture(solution, case)
    rise, after = of.number("rise"), of.number("after")
    path, delay = _ignite(solution, case, watch, rise, PATIENCE * of.number("delay"), after)
    return _outcome(solution, case, watch, path, delay, after, case.T + rise)


def _ignite(
    solution: ct.Solution, case: Case, watch: Watch, rise: float, deadline: float, after: float | None
) -> tuple[Path, float]:
    """The path past ignition, and its delay; on to `after` [s] past the delay, or till the gas is burnt (None)."""
    set_mixture(solution, case)
    network = _network(solution, case, watch)
    kept = [solution.species_index(s) for s in watch.species if s in solution.species_names]
    path, steepest = Path(), 0.0
    while path.t == [] or path.slope[-1] > 0.5 * steepest or path.T[-1] < case.T + 0.5 * rise:
        if network.time > deadline:
            raise Unburnt(f"no ignition by {deadline:.3g} s: T has reached {path.T[-1]:.0f} K")
        _step(network, solution, path, watch, kept)
        steepest = max(steepest, path.slope[-1])
    delay = _steepest(path)
    if watch.burnt or watch.species:
        while not _burnt(path, delay, rise, after):
            _step(network, solution, path, watch, kept)
    return path, delay


def _network(solution: ct.Solution, case: Case, watch: Watch) -> ct.ReactorNet:
    kind = ct.IdealGasMoleReactor if case.hold == "uv" else ct.IdealGasConstPressureMoleReactor
    network = ct.ReactorNet([kind(solution, clone=False)])
    network.rtol, network.atol = watch.rtol, watch.atol * solution.density_mole  # of a cubic metre
    if solution.n_species > PRECONDITIONED:
        network.preconditioner = ct.AdaptivePreconditioner()
    return network


def _step(network: ct.ReactorNet, solution: ct.Solution, path: Path, watch: Watch, kept: list[int]) -> None:
    if len(path.t) >= watch.steps:
        raise Unburnt(f"more than {watch.steps} steps: at {path.t[-1]:.3g} s, {path.T[-1]:.0f} K")
    path.t.append(network.step())
    path.T.append(solution.T)
    path.slope.append(network.get_derivative(1)[0])  # T is the first unknown of both reactors
    if watch.burnt:
        path.q.append(solution.heat_release_rate)
    if kept:
        path.X.append(solution.X[kept])


def _burnt(path: Path, delay: float, rise: float, after: float | None) -> bool:
    since = path.t[-1] - delay
    if after is not None:
        return since >= after
    return abs(path.slope[-1]) * since < SETTLED * rise or since > AFTER * delay


def _steepest(path: Path) -> float:
    """Time of the largest slope: a parabola through three visits, as in combust.kinetics.ignition."""
    at = int(np.argmax(path.slope))
    if at == 0:
        raise Unburnt("the temperature is steepest at the start")
    (t0, t1, t2), (g0, g1, g2) = path.t[at - 1 : at + 2], path.slope[at - 1 : at + 2]
    left, right = (g1 - g0) / (t1 - t0), (g1 - g2) / (t2 - t1)  # of the secants; not negative at a maximum
    return t1 + 0.5 * (left * (t2 - t1) - right * (t1 - t0)) / (left + right)


def _outcome(
    solution: ct.Solution, case: Case, watch: Watch, path: Path, delay: float, after: float, T_burnt: float
) -> Outcome:
    values, profiles = {"ignition_delay": delay}, {}
    end = delay + after
    if watch.burnt:
        values["burnt_temperature"] = float(np.interp(end, path.t, path.T))
        profiles["heat_release"] = over_progress(np.array(path.T), np.array(path.q), case.T, T_burnt)
    if path.X:
        names = [s for s in watch.species if s in solution.species_names]
        until = np.array(path.t) < end
        final = {s: float(np.interp(end, path.t, x)) for s, x in zip(names, np.array(path.X).T, strict=True)}
        peak = {s: max(x[until].max(), final[s]) for s, x in zip(names, np.array(path.X).T, strict=True)}
        values |= amounts("peak", watch.peak, peak) | amounts("final", watch.final, final)
    elif watch.species:
        values |= amounts("peak", watch.peak, {}) | amounts("final", watch.final, {})
    return Outcome(values, profiles, case.T)
