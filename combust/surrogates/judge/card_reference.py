"""Reactors by Cantera's CVODE at tight tolerances: what a learned chemistry's reactors are compared with."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cantera as ct
import numpy as np
from scipy.interpolate import PchipInterpolator

from combust.kinetics.mechanism.mechanism import Mechanism
from combust.surrogates.judge.card_conditions import Reactor
from combust.surrogates.settings import Surrogate

RTOL, ATOL = 1e-10, 1e-16
ROUGH = (1e-5, 1e-12)  # to find where delays are of a length
IGNITED = 300.0  # K above the start
MAX_STEPS = 200_000
SHORTEST = 20  # time steps of the shortest delay that is judged
HALVINGS = 7


@dataclass(frozen=True, eq=False)
class Trajectory:
    """A reactor's states by CVODE's steps."""

    t: np.ndarray  # (steps,) s
    T: np.ndarray  # (steps,) K
    Y: np.ndarray  # (steps, species)

    def temperatures(self, t: np.ndarray) -> np.ndarray:
        """T at times t; monotone cubics between the steps."""
        return PchipInterpolator(self.t, self.T)(t)

    def fractions(self, t: np.ndarray, species: int) -> np.ndarray:
        """Y of a species at times t."""
        return np.interp(t, self.t, self.Y[:, species])


def start(gas: ct.Solution, settings: Surrogate, at: Reactor) -> np.ndarray:
    """Puts the mixture in; its Y."""
    gas.TP = at.T, at.p
    gas.set_equivalence_ratio(at.phi, settings.fuel, settings.oxidizer, basis="mole")
    gas.TP = at.T, at.p
    return gas.Y.copy()


def network(gas: ct.Solution, hold: str, rtol: float, atol: float) -> ct.ReactorNet:
    kind = ct.IdealGasConstPressureMoleReactor if hold == "hp" else ct.IdealGasMoleReactor
    found = ct.ReactorNet([kind(gas, clone=False)])
    found.rtol, found.atol, found.max_steps = rtol, atol, MAX_STEPS
    return found


def trajectory(gas: ct.Solution, settings: Surrogate, at: Reactor, hold: str, end: float) -> Trajectory:
    """To the end [s] and a little beyond."""
    Y = start(gas, settings, at)
    net = network(gas, hold, RTOL, ATOL)
    rows = [(0.0, at.T, Y)]
    while net.time < end:
        net.step()
        rows.append((net.time, gas.T, gas.Y.copy()))
    t, T, states = zip(*rows, strict=True)
    return Trajectory(np.array(t), np.array(T), np.stack(states))


def ignition(gas: ct.Solution, settings: Surrogate, at: Reactor, hold: str, longest: float) -> float:
    """About when it has ignited [s]; infinite if not by `longest`."""
    start(gas, settings, at)
    net = network(gas, hold, *ROUGH)
    while net.time < longest:
        net.step()
        if gas.T > at.T + IGNITED:
            return net.time
    return math.inf


def temperatures(
    gas: ct.Solution, settings: Surrogate, phi: float, p: float, hold: str, span: tuple[float, float], count: int
) -> list[float]:
    """`count` temperatures [K] within range.T_ignition, whose delays lie within the span [s]; none if there is none."""
    low, high = settings.range.T_ignition

    def within(T: float, limit: float) -> bool:
        return ignition(gas, settings, Reactor(phi, p, T), hold, limit) < limit

    def crossing(limit: float) -> float:
        """Temperature whose delay is the limit, or the end of the range."""
        if within(low, limit):
            return low
        if not within(high, limit):
            return high
        a, b = low, high
        for _ in range(HALVINGS):
            middle = 0.5 * (a + b)
            a, b = (a, middle) if within(middle, limit) else (middle, b)
        return b

    cold, hot = crossing(span[1]), crossing(span[0])
    if hot - cold < 10.0:
        return []
    shares = [(k + 0.25) / count for k in range(count)]
    return [float(round(cold + share * (hot - cold))) for share in shares]


def reactors(
    gas: Mechanism,
    settings: Surrogate,
    mixtures: list[tuple[float, float]],
    hold: str,
    span: tuple[float, float],
    count: int,
) -> Iterator[list[Reactor]]:
    """Those of each mixture (phi, p)."""
    solution = gas.cantera()
    for phi, p in mixtures:
        yield [Reactor(phi, p, T) for T in temperatures(solution, settings, phi, p, hold, span, count)]


def delay(t: np.ndarray, T: np.ndarray) -> float:
    """Time of the steepest slope of T at equal steps, by a parabola through three slopes; NaN if nothing ignited."""
    if not T.max() - T[0] > IGNITED:
        return math.nan
    slope = np.diff(T)
    k = int(slope.argmax())
    if not 0 < k < len(slope) - 1:
        return math.nan
    a, b, c = slope[k - 1 : k + 2]
    shift = 0.5 * (a - c) / (a - 2 * b + c) if a - 2 * b + c < 0 else 0.0
    return float(t[k] + (0.5 + shift) * (t[1] - t[0]))


def delay_of(found: Trajectory) -> float:
    """Time of the steepest slope between two steps of CVODE."""
    slope = np.diff(found.T) / np.diff(found.t)
    k = int(slope.argmax())
    return float(0.5 * (found.t[k] + found.t[k + 1]))


def stack(references: list[tuple[Reactor, Trajectory]]) -> np.ndarray:
    """Y at the start (species, reactors)."""
    return np.stack([found.Y[0] for _, found in references], 1)
