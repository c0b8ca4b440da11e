"""What learned chemistry costs beside exact chemistry in the same flame, by runs in turn on the same cells.

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

import torch
from torch import Tensor

from combust import kernels
from combust.errors import CombustError
from combust.kinetics.flames.free import FlameProfile
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.providers.chemistry import Result
from combust.processor import name as processor
from combust.surrogates.judge import card_flames
from combust.surrogates.judge.card_conditions import Flame
from combust.surrogates.settings import Surrogate

WARM = 20  # steps of the flame before: its start is Cantera's, on another grid
CELLS = 4096  # at least, of a step that is timed
PAIRS = 15

Clock = Callable[[], float]


@dataclass
class Recorder:
    """Chemistry that remembers what the last step asked for."""

    inner: Any
    flow: Any  # that it belongs to
    gas: Mechanism = field(init=False)
    begun: tuple[Any, ...] = ()
    sweeps: list[tuple[Tensor, Tensor]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gas = self.inner.gas

    def rates(self, T: Tensor, rhoY: Tensor) -> Tensor:
        """Of the chemistry behind."""
        return self.inner.rates(T, rhoY)  # type: ignore[no-any-return]

    def begin(self, T: Tensor, rhoY: Tensor, dt: float, Q: Tensor | None = None, Qh: Tensor | None = None) -> Any:
        """As the chemistry behind."""
        self.begun, self.sweeps = (T.clone(), rhoY.clone(), dt, Q, Qh), []
        return self.inner.begin(T, rhoY, dt, Q, Qh)

    def advance(self, step: Any, Q: Tensor, Qh: Tensor) -> Result:
        """As the chemistry behind."""
        self.sweeps.append((Q.clone(), Qh.clone()))
        return self.inner.advance(step, Q, Qh)  # type: ignore[no-any-return]


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
    flow = card_flames.build(gas, settings, at, profile, card_flames.chemistry_of("exact", model))
    own = card_flames.build(gas, settings, at, profile, card_flames.chemistry_of("router", model))
    recorder = Recorder(flow.scheme.chemistry, flow)
    flow.scheme.chemistry = recorder
    return recorder, own.scheme.chemistry


def machine() -> dict[str, Any]:
    """What the times belong to."""
    return {"processor": processor(), "threads": torch.get_num_threads()}
