"""Copies of the states of trajectories, off these but near, as a flow that mixes and learns badly would visit them.

perturbed   T shifted, Y^(1 + a) with an a of each species; inert species (in no reaction) kept
mixed       of two states, at constant enthalpy; half of the pairs lie on one trajectory
evolved     any of these after exact chemistry over 1e-7 to 1e-3 s: the slow manifold
multiscale  every reactive species log-uniform over its scales, in part, then exact chemistry over 1e-7 to 1e-5 s

Copies whose elements are in other proportions than those of any trajectory, whose heat release is far beyond the
greatest, or that leave the range are rejected and counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch

from combust import kernels
from combust.kinetics.integrate.cells import Tolerance
from combust.kinetics.integrate.reactor import ReactorIntegrator
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.report.meter import Reach
from combust.surrogates.data.streams import States
from combust.surrogates.model.coordinates import reacting
from combust.surrogates.settings import Surrogate

JITTER = 0.05  # of ln p in copies
ELEMENT_MARGIN = 0.03  # beyond the covered proportions of elements
NEAR_PRESSURE = 0.3  # in ln p, of mixed pairs
EVOLVED, BRIEF = (1e-7, 1e-3), (1e-7, 1e-5)  # s
RTOL, ATOL = 1e-4, 1e-12  # of the evolution: where it ends need not be exact
FAINT = 1e-14  # mass fraction that is not significant
BLEND = (1e-2, 1.0)  # share of a log-uniform draw in a multiscale copy, the rest is a state of a trajectory
SLOW = Tolerance(1e-3, 1e-8)  # cells that change less over dt have no need of a network (combust.surrogates.trust.slow)
CHUNK = 2**14  # copies that are integrated between two signs of life
MOST_ROUNDS, LEAST_DRAWN, LEAST_YIELD = 30, 50, 0.1  # of drawing candidates
AS_THEY_ARE = ("base", "flow")  # streams of states that a reactor, flame or run has passed through

Candidates = Callable[[int], States]


@dataclass(eq=False)
class Copier:
    """Draws rows of one stream after the other from the states of trajectories."""

    gas: Mechanism
    settings: Surrogate
    base: States
    split: np.ndarray  # of each group
    compile: bool = False  # fused kernels for the exact chemistry of copies
    progress: Reach | None = None  # told how many of the copies of a call have been integrated
    rejected: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        gas, base = self.gas, self.base
        self.reactive = np.zeros(len(gas.species), bool)
        self.reactive[reacting(gas, torch.as_tensor(base.Y.T))[0].numpy()] = True
        self.atoms = (gas.element_matrix / gas.molar_mass).cpu().numpy().T  # (species, elements) kmol/kg
        share = self._elements(base.Y)
        self.lowest, self.highest = share.min(0) * (1 - ELEMENT_MARGIN), share.max(0) * (1 + ELEMENT_MARGIN) + 1e-12
        self.integrator = ReactorIntegrator(gas, self.settings.sample.labels.hold)
        self.hottest = self.settings.sample.heat_release * float(np.abs(self.slow(base, np.ones(len(base)))[1]).max())
        self.order = np.lexsort((np.log(base.p), split_of := self.split[base.group]))  # by split, then pressure
        self.key = 1e3 * split_of[self.order] + np.log(base.p[self.order])
        first = np.flatnonzero(np.r_[True, np.diff(base.group) != 0])
        self.first, self.count = first[base.group], np.diff(np.r_[first, len(base)])[base.group]
        lowest, highest = np.where(base.Y > FAINT, base.Y, np.inf).min(0), base.Y.max(0)
        self.present = highest > FAINT
        self.scales = 1e-2 * np.where(self.present, lowest, FAINT), np.where(self.present, highest, FAINT)

    def _elements(self, Y: np.ndarray) -> np.ndarray:
        moles = Y @ self.atoms
        return moles / moles.sum(1, keepdims=True)

    def slow(self, states: States, dt: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Whether the rates are slow over dt (rows,) s, and dT/dt (rows,) K/s."""
        T, p, Y, step = (torch.as_tensor(np.ascontiguousarray(x)) for x in (states.T, states.p, states.Y.T, dt))
        batch = self.integrator.batch(T, p, Y, step)
        with kernels.using("compiled" if self.compile else "eager"):
            f = self.integrator.rates(batch)
        return (SLOW.error(batch.z, batch.dt * f) <= 1.0).cpu().numpy(), f[0].cpu().numpy()

    def draw(self, stream: str, rows: int, rng: np.random.Generator) -> States:
        """Candidates of a stream, some `rows` of them, that pass the filters."""
        found = getattr(self, f"_{stream}")(rows, rng)
        return found if stream == "base" else self.accepted(stream, found)

    def accepted(self, stream: str, states: States) -> States:
        """What lies in the range and has its elements in covered proportions; counts the rest."""
        (T0, T1), (p0, p1) = self.settings.range.T, self.settings.range.p
        share = self._elements(states.Y)
        tests = {
            "range": (states.T >= T0) & (states.T <= T1) & (states.p >= p0) & (states.p <= p1),
            "elements": ((share >= self.lowest) & (share <= self.highest)).all(1),
        }
        good = np.ones(len(states), bool)
        for name, test in tests.items():
            self.rejected[f"{stream}: {name}"] += int((good & ~test).sum())
            good &= test
        return states.rows(good)

    def _any(self, rows: int, rng: np.random.Generator) -> States:
        return self.base.rows(rng.integers(len(self.base), size=rows))

    def _base(self, rows: int, rng: np.random.Generator) -> States:
        """Each state equally often, as far as that goes."""
        repeats = [rng.permutation(len(self.base)) for _ in range(-(-rows // len(self.base)))]
        return self.base.rows(np.concatenate(repeats)[:rows])

    def _pressure(self, p: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A little higher or lower, unless that leaves the range."""
        moved = p * np.exp(rng.uniform(-JITTER, JITTER, len(p)))
        low, high = self.settings.range.p
        return np.where((moved >= low) & (moved <= high), moved, p)

    def _perturbed(self, rows: int, rng: np.random.Generator) -> States:
        at, sample = self._any(rows, rng), self.settings.sample
        a = rng.uniform(-sample.exponent, sample.exponent, at.Y.shape)
        Y = np.where(self.reactive, at.Y ** (1 + a), at.Y)
        T = at.T + rng.uniform(-sample.temperature, sample.temperature, rows)
        return States(T, self._pressure(at.p, rng), self._normalised(Y), at.group)

    def _normalised(self, Y: np.ndarray) -> np.ndarray:
        """Scales reactive species so that all sum to one."""
        inert, rest = np.where(self.reactive, 0.0, Y), np.where(self.reactive, Y, 0.0)
        return inert + rest * ((1 - inert.sum(1)) / rest.sum(1).clip(1e-300))[:, None]

    def _mixed(self, rows: int, rng: np.random.Generator) -> States:
        one = rng.integers(len(self.base), size=rows)
        other = np.where(rng.random(rows) < 0.5, self._along(one, rng), self._nearby(one, rng))
        w = rng.uniform(size=rows)
        a, b = self.base.rows(one), self.base.rows(other)
        Y = (1 - w)[:, None] * a.Y + w[:, None] * b.Y
        h = (1 - w) * self._enthalpy(a) + w * self._enthalpy(b)
        T = self.gas.temperature(h, np.ascontiguousarray(Y.T)).cpu().numpy()
        return States(T, self._pressure(a.p, rng), Y, a.group)

    def _along(self, one: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return self.first[one] + (rng.random(len(one)) * self.count[one]).astype(int)

    def _nearby(self, one: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Any state of the same split at similar pressure."""
        key = 1e3 * self.split[self.base.group[one]] + np.log(self.base.p[one])
        begin = np.searchsorted(self.key, key - NEAR_PRESSURE)
        end = np.searchsorted(self.key, key + NEAR_PRESSURE, side="right")
        return self.order[begin + (rng.random(len(one)) * (end - begin)).astype(int)]

    def _enthalpy(self, states: States) -> np.ndarray:
        return self.gas.enthalpy(states.T, np.ascontiguousarray(states.Y.T)).cpu().numpy()

    def _evolved(self, rows: int, rng: np.random.Generator) -> States:
        kinds = ("base", "perturbed", "mixed")
        parts = [self.draw(kind, -(-rows // len(kinds)), rng) for kind in kinds]
        return self._after(States.join(parts), EVOLVED, rng)

    def _multiscale(self, rows: int, rng: np.random.Generator) -> States:
        at = self._any(rows, rng)
        low, high = (np.log(x) for x in self.scales)
        drawn = np.exp(low + (high - low) * rng.random(at.Y.shape)) * self.present
        share = np.exp(np.log(BLEND[0]) * rng.random(rows))[:, None] * BLEND[1]
        drawn = self._normalised(np.where(self.reactive, drawn, at.Y))
        T = rng.uniform(*self.settings.range.T, rows)
        Y = (1 - share) * at.Y + share * drawn
        made = self.accepted("multiscale", States(T, self._pressure(at.p, rng), Y, at.group))
        return self._after(made, BRIEF, rng)

    def _after(self, states: States, times: tuple[float, float], rng: np.random.Generator) -> States:
        """After exact chemistry over a log-uniform time."""
        if not len(states):
            return states
        dt = log_uniform(times, len(states), rng)
        parts, hold = [], self.settings.sample.labels.hold
        for start in range(0, len(states), CHUNK):
            part = states.rows(slice(start, start + CHUNK))
            Y0, step = np.ascontiguousarray(part.Y.T), dt[start : start + CHUNK]
            end = self.gas.integrate(part.T, part.p, Y0, step, hold, RTOL, ATOL, compile=self.compile)
            Y = end.Y.cpu().numpy().T.clip(min=0.0)
            parts.append(States(end.T.cpu().numpy(), part.p, Y / Y.sum(1, keepdims=True), part.group))
            if self.progress is not None:
                self.progress(min(start + CHUNK, len(states)), len(states))
        return States.join(parts)

    def rows_of(
        self, stream: str, rows: int, rng: np.random.Generator, candidates: Candidates | None = None
    ) -> tuple[States, np.ndarray, np.ndarray]:
        """`rows` rows of a stream with dt (rows,) s and whether they are slow, these no more than sample.slow.

        candidates: what draws some of them, if not `draw`. There are fewer rows where filters and the limit of slow
        ones leave no more; how many are missing is counted in `rejected`.
        """
        most, draw = self.settings.sample.slow, candidates or (lambda count: self.draw(stream, count, rng))
        drawn, asked = [Drawn(self.base.rows(np.arange(0)), np.zeros(0), np.zeros(0, bool))], 0
        for _ in range(MOST_ROUNDS if rows else 0):
            idle = sum(int(part.slow.sum()) for part in drawn)
            busy = sum(len(part.slow) for part in drawn) - idle
            allowed = int(min(most, idle / max(busy + idle, 1)) * rows)
            if busy >= rows - allowed:
                break
            share = max(busy / asked, LEAST_YIELD) if asked else 1.0
            count = max(int(1.1 * (rows - allowed - busy) / share), LEAST_DRAWN)
            asked, states = asked + count, draw(count)
            dt = log_uniform(self.settings.range.dt, len(states), rng)
            slow, heat = self.slow(states, dt)
            good = (np.abs(heat) <= self.hottest) | (stream in AS_THEY_ARE)
            self.rejected[f"{stream}: heat release"] += int((~good).sum())
            drawn.append(Drawn(states.rows(good), dt[good], slow[good]))
        return self._chosen(stream, rows, drawn, rng)

    def _chosen(
        self, stream: str, rows: int, drawn: list[Drawn], rng: np.random.Generator
    ) -> tuple[States, np.ndarray, np.ndarray]:
        """Slow rows in their natural share if that is allowed, else in the greatest that is."""
        states = States.join([part.states for part in drawn])
        dt, slow = (np.concatenate([getattr(part, name) for part in drawn]) for name in ("dt", "slow"))
        share = min(self.settings.sample.slow, slow.mean() if len(slow) else 0.0)
        shuffled = rng.permutation(len(slow))
        lazy = shuffled[slow[shuffled]][: int(share * rows)]
        busy = shuffled[~slow[shuffled]][: rows - len(lazy)]
        if len(lazy) + len(busy) < rows:
            self.rejected[f"{stream}: rows that could not be drawn"] += rows - len(lazy) - len(busy)
        chosen = rng.permutation(np.concatenate([lazy, busy]))
        return states.rows(chosen), dt[chosen], slow[chosen]


class Drawn(NamedTuple):
    """Candidates: states, dt (rows,) s, whether that is slow (rows,)."""

    states: States
    dt: np.ndarray
    slow: np.ndarray


def log_uniform(between: tuple[float, float], count: int, rng: np.random.Generator) -> np.ndarray:
    """Numbers (count,) whose logarithms are spread evenly."""
    low, high = np.log(between)
    return np.exp(low + (high - low) * rng.random(count)).clip(*between)
