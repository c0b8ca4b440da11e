"""One step: its errors on states of reactors and flames that were not trained on, and what it costs.

The cost beside exact chemistry is that of the same step of a flame, by runs in turn on the same cells.

A planar flame of the flow solver is taken some steps with exact chemistry; the states, the transport and the time step
of its last step are repeated to the number of cells that a case of two or three dimensions has on a rank, and both
chemistries do that step again and again, one after the other: exact, learned, exact, learned, ... What else runs on the
machine hits both members of a pair alike, so the ratio of each pair is taken, and the median of the ratios.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from combust import kernels
from combust.errors import CombustError
from combust.kinetics.flames.free import FlameProfile
from combust.kinetics.integrate.blocks import BLOCK
from combust.kinetics.integrate.cells import System, Tolerance, evaluate_all
from combust.kinetics.integrate.durations import Durations
from combust.kinetics.integrate.systems import Fixed, Hold
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.providers.chemistry import Chemistry, Result
from combust.processor import name as processor
from combust.surrogates.data.sample_set import SampleSet
from combust.surrogates.judge import flames
from combust.surrogates.judge.conditions import Flame
from combust.surrogates.judge.reactors import CvodeHistory, reactor_net
from combust.surrogates.model.model import Model
from combust.surrogates.provider.learned import Learned
from combust.surrogates.settings import Surrogate
from combust.surrogates.training import scores
from combust.surrogates.trust.routes import NETWORK

LABELS = (1e-8, 1e-14)  # tolerances of the exact end states
SLOW = Tolerance(1e-4, 1e-9)  # as in sample sets
FLOW = (1e-4, 1e-9)  # tolerances of exact chemistry in a flow
TIMED, BY_CVODE = 2048, 50  # cells of the batch that is timed, and of CVODE
WARM = 20  # steps of the flame before: its start is Cantera's, on another grid
CELLS = 4096  # at least, of a step that is timed
PAIRS = 15

Clock = Callable[[], float]


def states(
    references: list[tuple[float, CvodeHistory]], profiles: list[tuple[float, FlameProfile]], rows: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """T, p (rows,), Y (rows, species): half of reactors, evenly in the steps of CVODE, half of flames, evenly in T."""
    parts: list[tuple[np.ndarray, float, np.ndarray]] = []
    for p, found in references:
        each = max(2, rows // (2 * len(references)))
        chosen = np.linspace(0, len(found.t) - 1, each).round().astype(int)
        parts.append((found.T[chosen], p, found.Y[chosen]))
    for p, profile in profiles:
        each = max(2, rows // (2 * len(profiles)))
        share = (profile.T - profile.T[0]) / (profile.T.max() - profile.T[0])
        arc = np.cumsum(np.r_[0.0, np.abs(np.diff(share)) + 0.2 / len(share)])
        x = np.interp(np.linspace(0, arc[-1], each), arc, profile.x)
        Y = np.stack([np.interp(x, profile.x, row) for row in profile.Y], 1)
        parts.append((np.interp(x, profile.x, profile.T), p, Y))
    T = np.concatenate([T for T, _, _ in parts])
    Y = np.concatenate([Y for _, _, Y in parts]).clip(min=0.0)
    return T, np.concatenate([np.full(len(T), p) for T, p, _ in parts]), Y / Y.sum(1, keepdims=True)


def labelled(
    gas: Mechanism, model: Model, T: np.ndarray, p: np.ndarray, Y: np.ndarray, dt: tuple[float, float]
) -> SampleSet:
    """The rows after time steps drawn evenly in ln dt, by exact chemistry."""
    rng = np.random.default_rng(0)
    step = dt[0] * (dt[1] / dt[0]) ** rng.random(len(T))
    end = gas.integrate(T, p, Y.T.copy(), step, model.hold, *LABELS, compile=False)
    z = torch.as_tensor(np.column_stack([T, Y])).T.contiguous()
    held = torch.as_tensor(p) if model.hold == "hp" else gas.density(z[0], torch.as_tensor(p), z[1:])
    f = evaluate_all(System(gas.kinetics, model.hold), z, torch.zeros_like(z), BLOCK, Fixed(held))
    slow = (SLOW.error(z, torch.as_tensor(step) * f) <= 1.0).numpy()
    none = np.zeros(len(T), np.int32)
    return SampleSet(
        T=T, p=p, dt=step, Y=Y, T1=end.T.numpy(), Y1=end.Y.numpy().T.clip(min=0.0), stream=none.astype(np.int8),
        group=none, split=none.astype(np.int8) + 2, round=none.astype(np.int16), slow=slow, species=gas.species,
        mechanism=gas.path, sha256=gas.sha256, hold=model.hold, groups=({"kind": "held out"},),
    )  # fmt: skip


def errors(gas: Mechanism, model: Model, rows: SampleSet) -> dict[str, Any]:
    """Scores of all rows and of those that are not slow (see `scores.errors`), and relative L1 of each species."""
    active = model.coordinates.active.numpy()
    peak = model.tables["trust.peak"].numpy()[active]
    L1, step = scores.predicted(model, gas, rows)
    found: dict[str, dict[str, Any]] = {}
    for name, mask in (("all", np.ones(len(rows), bool)), ("not slow", ~rows.slow)):
        if not mask.any():
            continue
        found[name] = {**scores.score(rows, active, peak, L1, step, mask)}
        change = (rows.Y1 - rows.Y)[mask]
        error = (step.Y.numpy().T - rows.Y1)[mask]
        found[name]["relative_L1"] = {
            gas.species[k]: float(np.abs(error[:, k]).sum() / max(np.abs(change[:, k]).sum(), 1e-300)) for k in active
        }
    return found


def clocked(work: Callable[[], Any], cells: int, repeat: int = 3) -> float:
    """CPU us per cell, the best of some."""
    best = np.inf
    for _ in range(repeat):
        begin = time.process_time()
        work()
        best = min(best, time.process_time() - begin)
    return float(1e6 * best / cells)


def cost(model: Model, gas: Mechanism, rows: SampleSet, dt: float, cells: int = TIMED) -> dict[str, Any]:
    """us per cell of steps of dt [s], for cells whose rates are not slow; on one batch, kernels eager."""
    chosen = np.resize(np.flatnonzero(~rows.slow), cells)
    T, p = (torch.as_tensor(x[chosen]) for x in (rows.T, rows.p))
    Y = torch.as_tensor(rows.Y[chosen]).T.contiguous()
    chem = Learned(model, gas, fallback="none", compile=False)
    route = chem.advance(T, p, Y, dt).route
    own = (route == NETWORK).nonzero().squeeze(-1)
    few = min(BY_CVODE, cells)
    states = [(float(T[i]), float(p[i]), Y[:, i].numpy()) for i in range(few)]
    solution = gas.cantera()
    solution.TPY = states[0]
    net = reactor_net(solution, model.hold, *FLOW)

    def by_cvode() -> None:
        """Cantera's own reactor, its network used again and again: no rates by Python."""
        for state in states:
            solution.TPY = state
            net.reactors[0].syncState()
            net.initial_time = 0.0
            net.reinitialize()
            net.advance(dt)

    found = {
        "network": clocked(lambda: chem.parts.network(T, p, Y, dt), cells),
        "exact": clocked(lambda: gas.integrate(T, p, Y, dt, model.hold, *FLOW, compile=False), cells, 1),
        "cvode": clocked(by_cvode, few),
        "cells": cells, "dt": dt, "threads": torch.get_num_threads(), "processor": processor(),
    }  # fmt: skip
    if own.numel():
        own = own[torch.arange(cells) % own.numel()]
        t, q, y = T[own], p[own], Y[:, own].contiguous()
        found["routed"] = clocked(lambda: chem.advance(t, q, y, dt), cells)
    return found


# --- the cost beside exact chemistry, in the same flame ----------------------------------------------------------


@dataclass
class Recorder:
    """Chemistry that remembers what the last step asked for."""

    inner: Chemistry
    flow: Any  # that it belongs to
    gas: Mechanism = field(init=False)
    hold: Hold = field(init=False)
    begun: tuple[Any, ...] = ()
    sweeps: list[tuple[Tensor, Tensor]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gas, self.hold = self.inner.gas, self.inner.hold

    def rates(self, T: Tensor, rhoY: Tensor) -> Tensor:
        """Of the chemistry behind."""
        return self.inner.rates(T, rhoY)

    def begin(
        self, T: Tensor, rhoY: Tensor, dt: float | Durations, Q: Tensor | None = None, Qh: Tensor | None = None
    ) -> object:
        """As the chemistry behind."""
        self.begun, self.sweeps = (T.clone(), rhoY.clone(), dt, Q, Qh), []
        return self.inner.begin(T, rhoY, dt, Q, Qh)

    def advance(self, step: object, Q: Tensor, Qh: Tensor) -> Result:
        """As the chemistry behind."""
        self.sweeps.append((Q.clone(), Qh.clone()))
        return self.inner.advance(step, Q, Qh)


@dataclass(frozen=True)
class Asked:
    """One step as a flow asks for it: T (cells,), rhoY and Q (species, cells), Qh (cells,), a pair (Q, Qh) a sweep."""

    T: Tensor
    rhoY: Tensor
    dt: float
    guess: tuple[Tensor, Tensor] | None
    sweeps: list[tuple[Tensor, Tensor]]

    @classmethod
    def of(cls, found: Recorder, cells: int) -> Asked:
        """The recorded step, its cells repeated as a whole until there are so many."""
        T, rhoY, dt, Q, Qh = found.begun
        times = -(-cells // T.numel())

        def repeated(x: Tensor) -> Tensor:
            return x.repeat(times) if x.dim() == 1 else x.repeat(1, times)

        guess = None if Q is None else (repeated(Q), repeated(Qh))
        return cls(repeated(T), repeated(rhoY), dt, guess, [(repeated(a), repeated(b)) for a, b in found.sweeps])

    def work(self, chemistry: Any) -> Callable[[], None]:
        """The step by a chemistry, with the rates at its start: a flow evaluates them once a step, with either."""

        def once() -> None:
            T, rhoY = self.T.clone(), self.rhoY.clone()
            chemistry._chemical._last = None  # of the last repetition
            step = chemistry.begin(T, rhoY, self.dt, *(self.guess or (None, None)))
            for Q, Qh in self.sweeps:
                chemistry.advance(step, Q, Qh)

        return once


def in_turn(
    exact: Callable[[], None],
    learned: Callable[[], None],
    cells: int,
    pairs: int = PAIRS,
    clock: Clock = time.process_time,
) -> dict[str, Any]:
    """Both, in turn, so many times: medians [us/cell], and the median, least and greatest ratio of a pair.

    clock : seconds; CPU time by default, which other work on the machine distorts least
    """
    for work in (exact, learned):  # kernels are made and memory is taken at the first call
        work()
    costs: list[tuple[float, float]] = []
    for _ in range(pairs):
        times = [clock()]
        for work in (exact, learned):
            work()
            times.append(clock())
        costs.append((1e6 * (times[1] - times[0]) / cells, 1e6 * (times[2] - times[1]) / cells))
    ratios = [a / max(b, 1e-12) for a, b in costs]
    return {
        "exact": statistics.median(a for a, _ in costs), "learned": statistics.median(b for _, b in costs),
        "ratio": statistics.median(ratios), "least": min(ratios), "greatest": max(ratios), "pairs": pairs,
        "cells": cells,
    }  # fmt: skip


def of_flame(
    gas: Mechanism,
    settings: Surrogate,
    at: Flame,
    profile: FlameProfile,
    model: Path,
    dt: float,
    compile: bool,
    cells: int | None = None,
    pairs: int = PAIRS,
    adjust: Callable[[Any], Any] | None = None,
) -> dict[str, Any]:
    """Of a step of dt [s] of a flame, `in_turn`, and the shares of the routes there; "failure" where there is none."""
    found = {"phi": at.phi, "p": at.p, "T": at.T, "dt": dt, "compiled": compile, "failure": ""}
    recorder, learned = prepared(gas, settings, at, profile, model)
    learned = adjust(learned) if adjust is not None else learned
    flow = recorder.flow
    try:
        for _ in range(WARM):
            flow.advance(dt)
    except CombustError as error:
        return found | {"failure": str(error).splitlines()[0]}
    asked = Asked.of(recorder, cells or CELLS)
    with kernels.using("compiled" if compile else "eager"):
        try:
            found["compiled"] = kernels.mode() == "compiled"
            found |= in_turn(asked.work(recorder.inner), asked.work(learned), asked.T.numel(), pairs)
        except CombustError as error:
            return found | {"failure": str(error).splitlines()[0]}
    counts = learned.routes
    return found | {
        "routes": {
            name: float(getattr(counts, name)) / counts.cells for name in ("slow", "network", "exact", "refused")
        }
    }


def prepared(
    gas: Mechanism, settings: Surrogate, at: Flame, profile: FlameProfile, model: Path
) -> tuple[Recorder, Any]:
    """A flame with exact chemistry that is recorded, and the learned chemistry of the same case."""
    flow = flames.build(gas, settings, at, profile, flames.chemistry_of("exact", model))
    own = flames.build(gas, settings, at, profile, flames.chemistry_of("router", model))
    recorder = Recorder(flow.scheme.chemistry, flow)
    flow.scheme.chemistry = recorder
    return recorder, own.scheme.chemistry


def machine() -> dict[str, Any]:
    """What the times belong to."""
    return {"processor": processor(), "threads": torch.get_num_threads()}
