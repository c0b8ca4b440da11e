"""Rows of a round: the chosen states with their exact end states."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from combust.kinetics.integrate.blocks import BLOCK
from combust.kinetics.integrate.cells import System, evaluate_all
from combust.kinetics.integrate.systems import Fixed
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.report.meter import Reach
from combust.surrogates.data import labels
from combust.surrogates.data.sample_set import SPLITS, STREAMS, SampleSet
from combust.surrogates.data.streams import States
from combust.surrogates.origin import revision
from combust.surrogates.rounds.select import Selected
from combust.surrogates.settings import Surrogate, to_toml
from combust.surrogates.trust.slow import RATES

SHORTER = 4.0  # the second step of each state is so many times shorter
CHUNK = 4096  # rows between two signs of life


def labelled(
    gas: Mechanism, settings: Surrogate, chosen: Selected, flows: Sequence[str], number: int, reach: Reach
) -> SampleSet:
    """Rows of the round of this number, of each state one over the flow's step and, within range.dt, one over a quarter
    of it; all for training.

    flows : names of those that were explored. Rows that even CVODE cannot integrate are left out and counted.
    """
    low, high = settings.range.dt
    short = chosen.dt / SHORTER
    which = np.r_[np.arange(len(chosen.T)), np.flatnonzero(short >= low)]
    dt = np.r_[chosen.dt, short[short >= low]].clip(low, high)
    Y = chosen.Y.clip(min=0.0)
    Y = Y / Y.sum(1, keepdims=True)
    states = States(chosen.T[which], chosen.p[which], Y[which], chosen.flow[which])
    T1, Y1 = ends(gas, settings, states, dt, reach)
    good = np.isfinite(T1)
    n = len(dt)
    groups = tuple({"kind": "flow", "folder": name, "round": number, "split": SPLITS[0]} for name in flows)
    return SampleSet(
        T=states.T, p=states.p, Y=states.Y, dt=dt, T1=np.where(good, T1, 0.0), Y1=Y1,
        stream=np.full(n, STREAMS.index("flow"), np.int8), group=states.group, split=np.zeros(n, np.int8),
        round=np.full(n, number), slow=slow(gas, settings, states, dt), species=gas.species,
        mechanism=settings.mechanism, sha256=gas.sha256, hold=settings.sample.labels.hold, groups=groups,
        counts=dict(chosen.counts) | {"rows left out that could not be integrated": int((~good).sum())},
        config=to_toml(settings), revision=revision(),
    ).rows(good)  # fmt: skip


def ends(
    gas: Mechanism, settings: Surrogate, states: States, dt: np.ndarray, reach: Reach
) -> tuple[np.ndarray, np.ndarray]:
    """T (rows,) and Y (rows, species) after dt (rows,) s."""
    T, Y = [np.zeros(0)], [np.zeros((0, len(gas.species)))]
    for begin in range(0, len(dt), CHUNK):
        part = slice(begin, begin + CHUNK)
        end = labels.label(gas, settings.sample.labels, states.rows(part), dt[part], False)
        T.append(end["T"])
        Y.append(end["Y"])
        reach(min(begin + CHUNK, len(dt)), len(dt))
    return np.concatenate(T), np.concatenate(Y)


def slow(gas: Mechanism, settings: Surrogate, states: States, dt: np.ndarray) -> np.ndarray:
    """Whether the rates are slow over dt (rows,) s, as `combust.surrogates.data.copies` has it."""
    T, p, h = (torch.as_tensor(x) for x in (states.T, states.p, dt))
    Y, hold = torch.as_tensor(states.Y).T.contiguous(), settings.sample.labels.hold
    z = torch.cat([T.unsqueeze(0), Y])
    fixed = Fixed(p if hold == "hp" else gas.density(T, p, Y))
    f = evaluate_all(System(gas.kinetics, hold), z, torch.zeros_like(z), BLOCK, fixed)
    return (RATES.error(z, h * f) <= 1.0).numpy()
