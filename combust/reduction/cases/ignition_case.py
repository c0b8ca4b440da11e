"""Ignition of a homogeneous reactor by Cantera's CVODE, once per candidate mechanism and case."""

from __future__ import annotations

import cantera as ct
import numpy as np

from combust.kinetics.mechanism.mechanism import Mechanism
from combust.reduction.cases.conditions import ReductionCase
from combust.reduction.cases.measures import Outcome, Reference, Unburnt, Watch, amounts, over_progress, set_mixture

LONGEST = 1000.0  # s, that the detailed mechanism is given to ignite
PATIENCE = 3.0  # delays of the detailed mechanism that a candidate is given
LATE = 2.0  # times what the detailed mechanism took, till a candidate that has ignited must be hot
LEAST_RISE = 50.0  # K between start and equilibrium, below which nothing ignites
STEADY = 0.01  # of the rise: at most so much more in a time as long as passed since ignition
AFTER = 10.0  # delays after ignition, at most, until the gas is called burnt
PRECONDITIONED = 150  # species from which on the sparse preconditioner pays


class Path:
    """A reactor on its way, and what it visited: time [s], T [K], its slope [K/s], heat release [W/m3], amounts."""

    def __init__(self, solution: ct.Solution, case: ReductionCase, watch: Watch) -> None:
        self.solution, self.watch, self.held_volume = solution, watch, case.hold == "uv"
        kind = ct.IdealGasMoleReactor if self.held_volume else ct.IdealGasConstPressureMoleReactor
        set_mixture(solution, case)
        self.network = ct.ReactorNet([kind(solution, clone=False)])
        self.network.rtol = watch.rtol
        self.network.atol = watch.atol * solution.density_mole  # the reactor is one cubic metre
        if solution.n_species > PRECONDITIONED:
            self.network.preconditioner = ct.AdaptivePreconditioner()
        self.kept = [s for s in watch.species if s in solution.species_names]
        self.rows = [solution.species_index(s) for s in self.kept]
        self.t: list[float] = []
        self.T: list[float] = []
        self.slope: list[float] = []
        self.q: list[float] = []
        self.X: list[np.ndarray] = []  # mole fractions of the species `kept`

    def step(self) -> None:
        """One step of CVODE. Raises Unburnt beyond the number of steps allowed."""
        if len(self.t) >= self.watch.steps:
            raise Unburnt(f"more than {self.watch.steps} steps: at {self.t[-1]:.3g} s, {self.T[-1]:.0f} K")
        solution = self.solution
        self.t.append(self.network.step())
        self.T.append(solution.T)
        self.slope.append(self.network.get_derivative(1)[0])  # T is the first unknown of both reactors
        if self.watch.burnt:
            # What heats the gas at constant volume or pressure; Cantera's own heat release costs ten times as much.
            capacity = solution.cv_mass if self.held_volume else solution.cp_mass
            self.q.append(self.slope[-1] * solution.density * capacity)
        if self.rows:
            self.X.append(solution.X[self.rows])

    def amounts(self, end: float) -> dict[str, float]:
        """Watched species up to `end` [s]."""
        before, peak, final = np.array(self.t) < end, {}, {}
        for name, x in zip(self.kept, np.array(self.X).T, strict=True):
            final[name] = float(np.interp(end, self.t, x))
            peak[name] = max(float(x[before].max()), final[name])
        return amounts("peak", self.watch.peak, peak) | amounts("final", self.watch.final, final)


def reference(gas: Mechanism, case: ReductionCase, watch: Watch) -> Reference:
    """Delay, and how long after it the gas is burnt. Raises Unburnt where nothing ignites."""
    solution = gas.cantera(transport=False)
    set_mixture(solution, case)
    solution.equilibrate("UV" if case.hold == "uv" else "HP")
    rise = solution.T - case.T
    if rise < LEAST_RISE:
        raise Unburnt(f"equilibrium is only {rise:.0f} K above the start")
    path, delay = _ignite(solution, case, watch, rise, LONGEST, None, LONGEST)
    after = path.t[-1] - delay
    found = {"delay": np.array(delay), "after": np.array(after), "rise": np.array(rise)}
    return Reference(_outcome(case, watch, path, delay, after, case.T + rise), arrays=found)


def outcome(solution: ct.Solution, case: ReductionCase, of: Reference, watch: Watch) -> Outcome:
    """What a candidate gives. Raises Unburnt where it does not ignite within PATIENCE delays."""
    set_mixture(solution, case)
    rise, after = of.number("rise"), of.number("after")
    path, delay = _ignite(solution, case, watch, rise, PATIENCE * of.number("delay"), after, latest(of))
    return _outcome(case, watch, path, delay, after, case.T + rise)


def latest(of: Reference) -> float:
    """Time [s] by which a candidate is hot if it ignites.

    Hot gas ignites long before it is half as hot as it gets: at 1800 K radicals recombine for several delays.
    """
    return LATE * (of.number("delay") + of.number("after"))


def _ignite(
    solution: ct.Solution,
    case: ReductionCase,
    watch: Watch,
    rise: float,
    deadline: float,
    after: float | None,
    hot: float,
) -> tuple[Path, float]:
    """The path past ignition, and its delay; on to `after` [s] past the delay, or till the gas is burnt (None).

    deadline: [s] of the steepest slope;  hot: [s] of half the rise, where that is later
    """
    path, steepest = Path(solution, case, watch), 0.0
    while (rising := not path.t or path.slope[-1] > 0.5 * steepest) or path.T[-1] < case.T + 0.5 * rise:
        if path.network.time > (deadline if rising else max(deadline, hot)):
            raise Unburnt(f"no ignition by {deadline:.3g} s: T has reached {path.T[-1]:.0f} K")
        path.step()
        steepest = max(steepest, path.slope[-1])
    delay = _steepest(path)
    if watch.burnt or watch.species:
        while not _burnt(path, delay, rise, after):
            path.step()
    return path, delay


def _burnt(path: Path, delay: float, rise: float, after: float | None) -> bool:
    since = path.t[-1] - delay
    if after is not None:
        return since >= after
    return abs(path.slope[-1]) * since < STEADY * rise or since > AFTER * delay


def _steepest(path: Path) -> float:
    """Time of the largest slope: a parabola through three visits, as in combust.kinetics.reactors.ignition."""
    at = int(np.argmax(path.slope))
    if at == 0:
        raise Unburnt("the temperature is steepest at the start")
    (t0, t1, t2), (g0, g1, g2) = path.t[at - 1 : at + 2], path.slope[at - 1 : at + 2]
    left, right = (g1 - g0) / (t1 - t0), (g1 - g2) / (t2 - t1)  # of the secants; not negative at a maximum
    return t1 + 0.5 * (left * (t2 - t1) - right * (t1 - t0)) / (left + right)


def _outcome(case: ReductionCase, watch: Watch, path: Path, delay: float, after: float, T_burnt: float) -> Outcome:
    values, profiles, end = {"ignition_delay": delay}, {}, delay + after
    if watch.burnt:
        values["burnt_temperature"] = float(np.interp(end, path.t, path.T))
        profiles["heat_release"] = over_progress(np.array(path.T), np.array(path.q), case.T, T_burnt)
    return Outcome(values | path.amounts(end), profiles, case.T)
