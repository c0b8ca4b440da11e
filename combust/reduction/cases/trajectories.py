"""States along one reactor or flame of a detailed mechanism, chosen so that every phase of it has its share.

Ignition: each 20th of the temperature rise, and tenths of the ignition delay, as most of the induction passes without
heat. Stirred reactor: the burning branch from long residence times to extinction. Flames: from 5 to 95 % of the
temperature rise, and a few states of the preheat zone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import cantera as ct
import numpy as np

from combust.errors import ConfigError, DivergenceError, first_line
from combust.kinetics.flames.counterflow import counterflow_flame
from combust.kinetics.flames.free import free_flame
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.reactors.psr import extinction
from combust.reduction.cases.conditions import ReductionCase

SHARES = 20  # of the temperature rise of an ignition
DELAY_SHARES = 10
LARGEST_DENSE = 200  # species; beyond, preconditioned CVODE is the faster one
RTOL, ATOL = 1e-6, 1e-15  # of the ignition
LEAST_RISE = 50.0  # K, below which a mixture is said not to burn
T_END = 100.0  # s, by which an ignition must be over
MAX_STEPS = 50_000
REACTOR_STATES, FLAME_STATES, PREHEAT_STATES = 20, 25, 4
SLOPE, CURVE = 0.1, 0.2  # a modest grid for flames, that of measures.Watch: one solution for both
WIDTH = 0.02  # m between the jets of a counterflow flame


@dataclass(frozen=True)
class Trajectory:
    """States in the order in which they are passed: a stirred reactor goes from long residence times to short."""

    position: np.ndarray  # (states,) s or m
    T: np.ndarray  # (states,) K
    p: np.ndarray  # (states,) Pa
    Y: np.ndarray  # (species, states)

    def at(self, rows: np.ndarray) -> Trajectory:
        """Some of the states, each once."""
        rows = np.unique(rows)
        return Trajectory(self.position[rows], self.T[rows], self.p[rows], self.Y[:, rows])


def of_case(gas: Mechanism, solution: ct.Solution, case: ReductionCase) -> Trajectory:
    """Sampled states of a case. `solution` is the gas in Cantera, whose state is lost.

    Raises DivergenceError where the mechanism cannot do the case, ConfigError for a case that makes no sense.
    """
    return KIND[case.kind](gas, solution, case)


def spread(rows: np.ndarray, count: int) -> np.ndarray:
    """At most `count` of the rows, evenly, with the first and the last."""
    if len(rows) <= count:
        return rows
    return rows[np.linspace(0, len(rows) - 1, count).round().astype(int)]


def _ignition(gas: Mechanism, solution: ct.Solution, case: ReductionCase) -> Trajectory:
    path = ignition_path(solution, case)
    rise = path.T - path.T[0]
    last = int(rise.argmax())
    slope = np.diff(path.T) / np.diff(path.position)
    delay = path.position[int(slope.argmax()) + 1]
    levels = np.arange(1, SHARES + 1) / SHARES * rise[last]
    hot = [int((rise >= level).argmax()) for level in levels]
    times = np.arange(1, DELAY_SHARES + 1) / DELAY_SHARES * delay
    early = np.searchsorted(path.position, times * (1 - 1e-12))
    return path.at(np.concatenate([hot, early]))


def ignition_path(solution: ct.Solution, case: ReductionCase) -> Trajectory:
    """All states that CVODE visits until nearly all of the temperature rise is over."""
    _premixed(solution, case)
    rise = _equilibrium_rise(solution, case)
    kind = ct.IdealGasMoleReactor if case.hold == "uv" else ct.IdealGasConstPressureMoleReactor
    network = ct.ReactorNet([kind(solution, clone=False)])
    if solution.n_species > LARGEST_DENSE:
        network.preconditioner = ct.AdaptivePreconditioner()
    network.rtol, network.atol = RTOL, ATOL
    rows = [(0.0, solution.T, solution.P, solution.Y.copy())]
    steepest, delay = 0.0, math.inf
    try:
        # The tail of slow recombination has nothing that its beginning lacks.
        while rows[-1][1] - case.T < 0.98 * rise and not (
            network.time > 10 * delay and rows[-1][1] - case.T > 0.5 * rise
        ):
            if network.time > T_END or len(rows) > MAX_STEPS:
                raise DivergenceError(f"does not ignite within {network.time:.3g} s: {rows[-1][1]:.0f} K by then")
            network.step()
            rows.append((network.time, solution.T, solution.P, solution.Y.copy()))
            slope = (rows[-1][1] - rows[-2][1]) / (rows[-1][0] - rows[-2][0])
            if slope > steepest:
                steepest, delay = slope, network.time
    except ct.CanteraError as error:
        raise DivergenceError(f"CVODE failed: {first_line(error)}") from error
    t, T, p, Y = zip(*rows, strict=True)
    return Trajectory(np.array(t), np.array(T), np.array(p), np.stack(Y, 1))


def _premixed(solution: ct.Solution, case: ReductionCase) -> None:
    """Sets the unburnt state."""
    try:
        solution.TP = case.T, case.p
        solution.set_equivalence_ratio(case.phi, case.fuel, case.oxidizer, basis="mole")
        solution.TP = case.T, case.p
    except ct.CanteraError as error:
        raise ConfigError(f"cannot set the gas: {first_line(error)}") from error


def _equilibrium_rise(solution: ct.Solution, case: ReductionCase) -> float:
    """Rise of temperature to equilibrium, K; leaves the state as it was."""
    unburnt = solution.TPY
    try:
        solution.equilibrate("UV" if case.hold == "uv" else "HP")
    except ct.CanteraError as error:
        raise DivergenceError(f"no equilibrium: {first_line(error)}") from error
    rise = float(solution.T) - case.T
    solution.TPY = unburnt
    if rise < LEAST_RISE:
        raise DivergenceError(f"does not burn: equilibrium is at {case.T + rise:.0f} K")
    return rise


def _psr(gas: Mechanism, solution: ct.Solution, case: ReductionCase) -> Trajectory:
    _premixed(solution, case)
    found = extinction(gas, case.T, case.p, solution.Y)
    tau, T, Y = (x.cpu().numpy() for x in (found.curve_tau, found.curve_T, found.curve_Y))
    path = Trajectory(tau, T, np.full(len(T), case.p), Y)
    return path.at(spread(np.arange(len(T)), REACTOR_STATES))


def _flame(gas: Mechanism, solution: ct.Solution, case: ReductionCase) -> Trajectory:
    flame = free_flame(gas, case.T, case.p, case.fuel, case.oxidizer, case.phi, slope=SLOPE, curve=CURVE)
    return _of_profile(Trajectory(flame.x, flame.T, np.full(len(flame.x), case.p), flame.Y))


def _counterflow(gas: Mechanism, solution: ct.Solution, case: ReductionCase) -> Trajectory:
    fluxes = jet_fluxes(solution, case)
    flame = counterflow_flame(
        gas, case.p, case.fuel, case.T, fluxes[0], case.oxidizer, case.T, fluxes[1],
        width=WIDTH, slope=SLOPE, curve=CURVE,
    )  # fmt: skip
    return _of_profile(Trajectory(flame.x, flame.T, np.full(len(flame.x), case.p), flame.Y))


def jet_fluxes(solution: ct.Solution, case: ReductionCase) -> tuple[float, float]:
    """Mass fluxes kg/m2/s of fuel and oxidizer jet: u_fuel = strain width / 2, and rho u^2 equal in both.

    Equal momentum keeps the stagnation plane near the middle. Raises ConfigError for a strain that is not positive.
    """
    if not (math.isfinite(case.strain) and case.strain > 0):
        raise ConfigError(f"strain {case.strain} 1/s: must be finite and > 0")
    density = []
    for stream in (case.fuel, case.oxidizer):
        solution.TPX = case.T, case.p, stream
        density.append(solution.density)
    flux = density[0] * case.strain * WIDTH / 2
    return flux, flux * math.sqrt(density[1] / density[0])


def _of_profile(path: Trajectory) -> Trajectory:
    """The reacting zone, and a little of what lies before it; of a counterflow flame on both sides."""
    share = (path.T - path.T[0]) / (path.T.max() - path.T[0])
    preheat = np.flatnonzero((share > 0.005) & (share < 0.05))
    reacting = np.flatnonzero((share >= 0.05) & (share <= 0.95))
    return path.at(np.concatenate([spread(preheat, PREHEAT_STATES), spread(reacting, FLAME_STATES)]))


KIND: dict[str, Callable[[Mechanism, ct.Solution, ReductionCase], Trajectory]] = {
    "ignition": _ignition,
    "psr": _psr,
    "flame": _flame,
    "counterflow": _counterflow,
}
