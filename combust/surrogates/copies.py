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

import numpy as np
import torch

from combust.kinetics.integrate import Tolerance
from combust.kinetics.mechanism import Mechanism
from combust.kinetics.reactor import ReactorIntegrator
from combust.surrogates.coordinates import reacting
from combust.surrogates.settings import Surrogate
from combust.surrogates.streams import States

JITTER = 0.05  # of ln p in copies
ELEMENT_MARGIN = 0.03  # beyond the covered proportions of elements
NEAR_PRESSURE = 0.3  # in ln p, of mixed pairs
EVOLVED, BRIEF = (1e-7, 1e-3), (1e-7, 1e-5)  # s
RTOL, ATOL = 1e-4, 1e-12  # of the evolution: where it ends need not be exact
FAINT = 1e-14  # mass fraction that is not significant
BLEND = (1e-2, 1.0)  # share of a log-uniform draw in a multiscale copy, the rest is a state of a trajectory
SLOW = Tolerance(1e-4, 1e-9)  # a router skips cells that change less over dt
MOST_ROUNDS = 30  # of drawing candidates


@dataclass(eq=False)
class Copier:
    """Draws rows of one stream after the other from the states of trajectories."""

    gas: Mechanism
    settings: Surrogate
    base: States
    split: np.ndarray  # of each group
    rejected: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        gas, base = self.gas, self.base
        self.reactive = np.zeros(len(gas.species), bool)
        self.reactive[reacting(gas, torch.as_tensor(base.Y.T))[0].numpy()] = True
        self.atoms = (gas.element_matrix / gas.molar_mass).cpu().numpy().T  # (species, elements) kmol/kg
        share = self._elements(base.Y)
        self.lowest, self.highest = share.min(0) * (1 - ELEMENT_MARGIN), share.max(0) * (1 + ELEMENT_MARGIN) + 1e-12
        self.integrator = ReactorIntegrator(gas, self.settings.sample.labels.hold)
        self.hottest = self.settings.sample.heat_release * float(np.abs(self._rates(base)[0]).max())
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

    def _rates(self, states: States, dt: np.ndarray | None = None) -> np.ndarray:
        """dz/dt (1 + species, rows)."""
        return self.integrator.rates(self._batch(states, dt)).cpu().numpy()

    def _batch(self, states: States, dt: np.ndarray | None = None):
        T, p, dt = (torch.as_tensor(x) for x in (states.T, states.p, np.ones(len(states)) if dt is None else dt))
        return self.integrator.batch(T, p, torch.as_tensor(np.ascontiguousarray(states.Y.T)), dt)

    def slow(self, states: States, dt: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Whether the rates are slow over dt (rows,), and dT/dt K/s."""
        batch = self._batch(states, dt)
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
        inert = np.where(self.reactive, 0.0, Y)
        return inert + np.where(self.reactive, Y, 0.0) * (
            (1 - inert.sum(1)) / np.where(self.reactive, Y, 0.0).sum(1).clip(1e-300)
        ).reshape(-1, 1)

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
        end = self.gas.integrate(
            states.T, states.p, np.ascontiguousarray(states.Y.T), dt, self.integrator.system.hold, RTOL, ATOL
        )
        Y = end.Y.cpu().numpy().T.clip(min=0.0)
        return States(end.T.cpu().numpy(), states.p, Y / Y.sum(1, keepdims=True), states.group)

    def rows_of(
        self, stream: str, rows: int, rng: np.random.Generator, progress: Callable[[int], None] | None = None
    ) -> tuple[States, np.ndarray, np.ndarray]:
        """`rows` rows of a stream with dt (rows,) s and whether they are slow, these no more than sample.slow.

        Fewer where the filters leave no more; that is noted in `rejected`.
        """
        return self.thinned(stream, rows, rng, lambda count: self.draw(stream, count, rng), progress)

    def thinned(
        self,
        stream: str,
        rows: int,
        rng: np.random.Generator,
        candidates: Callable[[int], States],
        progress: Callable[[int], None] | None = None,
    ) -> tuple[States, np.ndarray, np.ndarray]:
        """Draws candidates until there are enough that are not slow."""
        most = self.settings.sample.slow
        fast: list[tuple[States, np.ndarray]] = [(self.base.rows(np.arange(0)), np.zeros(0))]
        slow = list(fast)
        for _ in range(MOST_ROUNDS if rows else 0):
            have, idle = (sum(len(states) for states, _ in found) for found in (fast, slow))
            lazy = min(most, idle / max(have + idle, 1)) if have + idle else 0.0
            if progress is not None:
                progress(min(have + int(lazy * rows), rows))
            if have >= rows - int(lazy * rows) and have + idle >= rows:
                break
            states = candidates(max(int(1.2 * (rows - have)), 1000))
            dt = log_uniform(self.settings.range.dt, len(states), rng)
            still, heat = self.slow(states, dt)
            good = np.abs(heat) <= self.hottest if stream not in ("base", "flow") else np.ones(len(states), bool)
            self.rejected[f"{stream}: heat release"] += int((~good).sum())
            fast.append((states.rows(good & ~still), dt[good & ~still]))
            slow.append((states.rows(good & still), dt[good & still]))
        return self._chosen(stream, rows, fast, slow, rng)

    def _chosen(self, stream, rows, fast, slow, rng):  # type: ignore[no-untyped-def]
        (quick, dt_quick), (lazy, dt_lazy) = (
            (States.join([x for x, _ in found]), np.concatenate([x for _, x in found])) for found in (fast, slow)
        )
        natural = len(lazy) / max(len(quick) + len(lazy), 1)
        idle = min(int(min(self.settings.sample.slow, natural) * rows), len(lazy))
        busy = min(rows - idle, len(quick))
        if idle + busy < rows:
            self.rejected[f"{stream}: rows that could not be drawn"] += rows - idle - busy
        a, b = rng.permutation(len(quick))[:busy], rng.permutation(len(lazy))[:idle]
        states = States.join([quick.rows(a), lazy.rows(b)])
        still = np.r_[np.zeros(busy, bool), np.ones(idle, bool)]
        shuffle = rng.permutation(len(states))
        return states.rows(shuffle), np.r_[dt_quick[a], dt_lazy[b]][shuffle], still[shuffle]


def log_uniform(between: tuple[float, float], count: int, rng: np.random.Generator) -> np.ndarray:
    """Numbers (count,) whose logarithms are spread evenly."""
    low, high = np.log(between)
    return np.exp(low + (high - low) * rng.random(count)).clip(*between)
