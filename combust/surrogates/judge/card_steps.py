"""One step of the network on states of reactors and flames that it was not trained on, and what a step costs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from combust.kinetics.flames.free import FlameProfile
from combust.kinetics.integrate.cells import System, Tolerance, evaluate_all
from combust.kinetics.integrate.systems import Fixed
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.processor import name as processor
from combust.surrogates.data.sample_set import SampleSet
from combust.surrogates.judge.card_reference import Trajectory, network
from combust.surrogates.model.model import Model
from combust.surrogates.provider.learned import Learned
from combust.surrogates.training import scores
from combust.surrogates.trust.cells import BLOCK
from combust.surrogates.trust.routes import NETWORK

LABELS = (1e-8, 1e-14)  # tolerances of the exact end states
SLOW = Tolerance(1e-4, 1e-9)  # as in sample sets
FLOW = (1e-4, 1e-9)  # tolerances of exact chemistry in a flow
TIMED, BY_CVODE = 2048, 50  # cells of the batch that is timed, and of CVODE


def states(
    references: list[tuple[float, Trajectory]], profiles: list[tuple[float, FlameProfile]], rows: int
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


def judge(gas: Mechanism, model: Model, rows: SampleSet) -> dict[str, Any]:
    """Scores of all rows and of those that are not slow (see `scores.errors`), and relative L1 of each species."""
    active = model.coordinates.active.numpy()
    peak = model.tables["trust.peak"].numpy()[active]
    L1, step = scores.predicted(model, gas, rows)
    found = {}
    for name, mask in (("all", np.ones(len(rows), bool)), ("not slow", ~rows.slow)):
        if not mask.any():
            continue
        found[name] = scores.score(rows, active, peak, L1, step, mask)
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
    net = network(solution, model.hold, *FLOW)

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
