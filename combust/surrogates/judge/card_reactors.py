"""Reactors by learned chemistry beside CVODE: delays, burnt temperature, radicals, elements, routes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from combust.kinetics.mechanism.mechanism import Mechanism
from combust.surrogates.judge.card_conditions import Reactor
from combust.surrogates.judge.card_reference import Trajectory, delay, delay_of
from combust.surrogates.provider.learned import Learned
from combust.surrogates.trust.routes import ROUTES

VALENCE = {"H": 1, "C": 4, "N": 3, "O": 2}
PEAKS = 4  # radicals that are judged: those of the largest peaks
ALIGNED = 6  # time steps around the ignition over which the reference is brought into phase
COLDEST, HOTTEST = 100.0, 5000.0  # K: beyond, a reactor is lost

Progress = Callable[[int, int], None]


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


def follow(chem: Learned, T: Tensor, p: Tensor, Y: Tensor, dt: float, steps: int, progress: Progress) -> History:
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
        progress(step + 1, steps)
    made.peak, made.drift, made.Y_min = peak.numpy(), float(drift), float(least)
    made.seconds = time.perf_counter() - begin
    return made


def radicals(gas: Mechanism) -> list[int]:
    """Species with an odd number of valence electrons, and atomic oxygen; those with N only if without O."""
    solution, found = gas.cantera_of_all(), []
    for k, name in enumerate(gas.species):
        atoms = solution.species(name).composition
        odd = set(atoms) <= set(VALENCE) and sum(VALENCE[e] * n for e, n in atoms.items()) % 2 == 1
        if (odd or atoms == {"O": 1}) and not {"N", "O"} <= set(atoms):
            found.append(k)
    return found


def judged(gas: Mechanism, reference: Trajectory) -> list[int]:
    """The radicals of largest peaks in mole fractions, largest first."""
    amount = reference.Y.max(0) / gas.molar_mass.numpy()
    return sorted(radicals(gas), key=lambda k: -amount[k])[:PEAKS]


def compare(gas: Mechanism, at: Reactor, cell: int, reference: Trajectory, found: History) -> dict[str, Any]:
    """Numbers of a reactor: delays [s], burnt T [K], peaks, shares of routes until twice the delay and after."""
    t = found.t
    until = t[t <= reference.t[-1]]
    own = delay(t, found.T[:, cell])
    at_own = until + in_phase(reference, until, found.T[: len(until), cell], own)
    at_own = at_own[(at_own >= 0) & (at_own <= reference.t[-1])]
    exact, end = delay(at_own, reference.temperatures(at_own)), reference.temperatures(until[-1:])[0]
    near = at_own[at_own <= 3.0 * exact + 200 * found.dt] if np.isfinite(exact) else at_own
    peaks = {
        gas.species[k]: [float(reference.fractions(near, k).max()), float(found.peak[k, cell])]
        for k in judged(gas, reference)
    }
    turn = min(int(2 * exact / found.dt) + 1, len(found.routes)) if np.isfinite(exact) else len(found.routes)
    return {
        "name": str(at), "phi": at.phi, "p": at.p, "T": at.T, "lost": cell in found.lost,
        "delay": [exact, own], "delay_error": own / exact - 1.0,
        "burnt_T": [float(end), float(found.T[len(until) - 1, cell])],
        "burnt_error": float(found.T[len(until) - 1, cell] - end),
        "peaks": peaks, "peak_error": max(abs(b / a - 1.0) for a, b in peaks.values()),
        "routes": {"ignition": shares(found.routes[:turn, cell]), "burnt": shares(found.routes[turn:, cell])},
    }  # fmt: skip


def in_phase(reference: Trajectory, t: np.ndarray, T: np.ndarray, own: float) -> float:
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
