"""Reactors by learned chemistry beside Cantera's CVODE: delays, burnt temperature, radicals, elements, routes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import cantera as ct
import numpy as np
import torch
from scipy.interpolate import PchipInterpolator
from torch import Tensor

from combust.kinetics.mechanism.mechanism import Mechanism
from combust.report.meter import Reach
from combust.surrogates.judge.conditions import Reactor
from combust.surrogates.provider.learned import Learned
from combust.surrogates.settings import Surrogate
from combust.surrogates.trust.routes import ROUTES

RTOL, ATOL = 1e-10, 1e-16
ROUGH = (1e-5, 1e-12)  # to find where delays are of a length
IGNITED = 300.0  # K above the start
MAX_STEPS = 200_000
SHORTEST = 20  # time steps of the shortest delay that is judged
HALVINGS = 7
ELECTRONS = {"H": 1, "C": 4, "N": 3, "O": 2}
PEAKS = 4  # radicals that are judged: those of the largest peaks
LEAST_NO = 1e-6  # mass fraction of nitric oxide, from which its peak is judged too
ALIGNED = 6  # time steps around the ignition over which the reference is brought into phase
COLDEST, HOTTEST = 100.0, 5000.0  # K: beyond, a reactor is lost


# --- by CVODE at tight tolerances ----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class CvodeHistory:
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


def reactor_net(gas: ct.Solution, hold: str, rtol: float, atol: float) -> ct.ReactorNet:
    kind = ct.IdealGasConstPressureMoleReactor if hold == "hp" else ct.IdealGasMoleReactor
    found = ct.ReactorNet([kind(gas, clone=False)])
    found.rtol, found.atol, found.max_steps = rtol, atol, MAX_STEPS
    return found


def by_cvode(gas: ct.Solution, settings: Surrogate, at: Reactor, hold: str, end: float) -> CvodeHistory:
    """To the end [s] and a little beyond."""
    Y = start(gas, settings, at)
    net = reactor_net(gas, hold, RTOL, ATOL)
    rows = [(0.0, at.T, Y)]
    while net.time < end:
        net.step()
        rows.append((net.time, gas.T, gas.Y.copy()))
    t, T, states = zip(*rows, strict=True)
    return CvodeHistory(np.array(t), np.array(T), np.stack(states))


def ignition(gas: ct.Solution, settings: Surrogate, at: Reactor, hold: str, longest: float) -> float:
    """About when it has ignited [s]; infinite if not by `longest`."""
    start(gas, settings, at)
    net = reactor_net(gas, hold, *ROUGH)
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


def conditions_of(
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


def delay_of(found: CvodeHistory) -> float:
    """Time of the steepest slope between two steps of CVODE."""
    slope = np.diff(found.T) / np.diff(found.t)
    k = int(slope.argmax())
    return float(0.5 * (found.t[k] + found.t[k + 1]))


def stack(references: list[tuple[Reactor, CvodeHistory]]) -> np.ndarray:
    """Y at the start (species, reactors)."""
    return np.stack([found.Y[0] for _, found in references], 1)


# --- by learned chemistry -------------------------------------------------------------------------------------------


@dataclass
class History:
    """What a batch of reactors did."""

    dt: float
    T: np.ndarray  # (steps + 1, cells) K; of lost cells the last
    peak: np.ndarray  # (species, cells) largest mass fractions
    drift: float = 0.0  # of elements, relative
    Y_min: float = 0.0
    routes: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.int8))  # (steps, cells)
    lost: list[int] = field(default_factory=list)  # cells whose T left all bounds
    seconds: float = 0.0

    @property
    def t(self) -> np.ndarray:
        """(steps + 1,) s"""
        return self.dt * np.arange(len(self.T))


def follow(chem: Learned, T: Tensor, p: Tensor, Y: Tensor, dt: float, steps: int, reach: Reach) -> History:
    """A batch over `steps` of dt [s]; T, p (cells,), Y (species, cells)."""
    gas = chem.gas
    atoms = gas.element_matrix / gas.molar_mass
    before = atoms @ Y
    scale = torch.where(before > 1e-12 * before.amax(0), before, torch.inf)
    made = History(dt, np.empty((steps + 1, T.numel())), Y.numpy().copy(), routes=np.zeros((steps, T.numel()), np.int8))
    made.T[0] = T.numpy()
    peak, drift, least = Y.clone(), torch.zeros((), dtype=T.dtype), Y.min()
    alive, begin = torch.arange(T.numel()), time.perf_counter()
    for step in range(steps):
        done = chem.advance(T[alive], p[alive], Y[:, alive], dt)
        sound = torch.isfinite(done.T) & (done.T > COLDEST) & (done.T < HOTTEST)
        if not bool(sound.all()):
            made.lost += alive[~sound].tolist()
        kept = alive[sound]
        T[kept], Y[:, kept] = done.T[sound], done.Y[:, sound]
        made.T[step + 1], made.routes[step, alive.numpy()] = T.numpy(), done.route.numpy()
        peak, least = torch.maximum(peak, Y), torch.minimum(least, Y.min())
        drift = torch.maximum(drift, ((atoms @ Y - before).abs() / scale).max())
        alive = kept
        if not alive.numel():
            made.T[step + 2 :] = T.numpy()
            break
        reach(step + 1, steps)
    made.peak, made.drift, made.Y_min = peak.numpy(), float(drift), float(least)
    made.seconds = time.perf_counter() - begin
    return made


def radicals(gas: Mechanism) -> list[int]:
    """Species with an odd number of valence electrons, and atomic oxygen; those with N only if without O."""
    solution, found = gas.cantera_of_all(), []
    for k, name in enumerate(gas.species):
        atoms = solution.species(name).composition
        odd = set(atoms) <= set(ELECTRONS) and sum(ELECTRONS[e] * n for e, n in atoms.items()) % 2 == 1
        if (odd or atoms == {"O": 1}) and not {"N", "O"} <= set(atoms):
            found.append(k)
    return found


def judged(gas: Mechanism, reference: CvodeHistory) -> list[int]:
    """The radicals of largest peaks in mole fractions, largest first."""
    amount = reference.Y.max(0) / gas.molar_mass.numpy()
    return sorted(radicals(gas), key=lambda k: -amount[k])[:PEAKS]


def nitric_oxide(gas: Mechanism, peaks: Callable[[int], Sequence[float]]) -> dict[str, Any]:
    """Peaks of its mass fraction, exact and found, and the relative error of the second; empty where there is hardly
    any; peaks: both of a species, by its number.
    """
    solution = gas.cantera_of_all()
    for k, name in enumerate(gas.species):
        if solution.species(name).composition == {"N": 1, "O": 1}:
            exact, found = peaks(k)
            return {} if exact < LEAST_NO else {"NO": [exact, found], "NO_error": abs(found / exact - 1.0)}
    return {}


def compare(gas: Mechanism, at: Reactor, cell: int, reference: CvodeHistory, found: History) -> dict[str, Any]:
    """Numbers of a reactor: delays [s], burnt T [K], peaks, shares of routes until twice the delay and after."""
    t = found.t
    until = t[t <= reference.t[-1]]
    own = delay(t, found.T[:, cell])
    at_own = until + in_phase(reference, until, found.T[: len(until), cell], own)
    at_own = at_own[(at_own >= 0) & (at_own <= reference.t[-1])]
    exact, end = delay(at_own, reference.temperatures(at_own)), reference.temperatures(until[-1:])[0]
    near = at_own[at_own <= 3.0 * exact + 200 * found.dt] if np.isfinite(exact) else at_own

    def peak(k: int, times: np.ndarray) -> list[float]:
        return [float(reference.fractions(times, k).max()), float(found.peak[k, cell])]

    peaks = {gas.species[k]: peak(k, near) for k in judged(gas, reference)}
    turn = min(int(2 * exact / found.dt) + 1, len(found.routes)) if np.isfinite(exact) else len(found.routes)
    return {
        "name": str(at), "phi": at.phi, "p": at.p, "T": at.T, "lost": cell in found.lost,
        "delay": [exact, own], "delay_error": own / exact - 1.0,
        "burnt_T": [float(end), float(found.T[len(until) - 1, cell])],
        "burnt_error": float(found.T[len(until) - 1, cell] - end),
        "peaks": peaks, "peak_error": max(abs(b / a - 1.0) for a, b in peaks.values()),
        **nitric_oxide(gas, lambda k: peak(k, at_own)),
        "routes": {"ignition": shares(found.routes[:turn, cell]), "burnt": shares(found.routes[turn:, cell])},
    }  # fmt: skip


def in_phase(reference: CvodeHistory, t: np.ndarray, T: np.ndarray, own: float) -> float:
    """By how much later [s] the reference is to be sampled to have the temperatures T at t near the ignition `own`.

    A peak that is as short as a time step is cut off by sampling, by a third in hydrogen at 5 atm, and where depends on
    the phase of the samples: an error of the delay must not appear as one of the peaks. Zero if nothing ignited.
    """
    if not np.isfinite(own):
        return 0.0
    dt, first = t[1] - t[0], delay_of(reference) - own
    window = np.abs(t - own) <= ALIGNED * dt
    shifts = first + dt * np.linspace(-1.0, 1.0, 401)
    places = (t[window] + shifts[:, None]).clip(0.0, reference.t[-1])
    misfit = np.square(reference.temperatures(places) - T[window]).sum(1)
    return float(shifts[misfit.argmin()])


def shares(routes: np.ndarray) -> dict[str, float]:
    """Of each route."""
    count = np.bincount(routes.reshape(-1), minlength=len(ROUTES))
    return {name: float(n / max(routes.size, 1)) for name, n in zip(ROUTES, count, strict=True)}
