"""Which of the visited states are learned: those that the router flags, spread out, and few that a bad network made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from combust.surrogates.model.model import Model
from combust.surrogates.rounds.explore import Visits
from combust.surrogates.rounds.settings import Select
from combust.surrogates.settings import Range
from combust.surrogates.trust.choice import farthest

MOST = 20_000  # states that are thinned; of more, evenly picked ones


@dataclass(frozen=True, eq=False)
class Selected:
    """States to be labelled, of which flow each is, and how many were in each class."""

    T: np.ndarray  # (states,) K
    p: np.ndarray  # (states,) Pa
    Y: np.ndarray  # (states, species)
    dt: np.ndarray  # (states,) s
    flow: np.ndarray  # (states,) number of the flow
    counts: dict[str, int]


def classes(visits: Visits, within: Range, asked: Select) -> dict[str, np.ndarray]:
    """Masks (cells,): "beyond" the ranges of the learned chemistry; "known", the network's by a wide margin; "lost",
    where it errs so much that it made the state itself; "flagged", all others.
    """
    (T0, T1), (p0, p1) = within.T, within.p
    beyond = (visits.T < T0) | (visits.T > T1) | (visits.p < p0) | (visits.p > p1)
    known = ~beyond & visits.trusted & (visits.estimate < asked.low)
    lost = ~beyond & ~known & ~(visits.estimate <= asked.high)
    return {"beyond": beyond, "known": known, "lost": lost, "flagged": ~(beyond | known | lost)}


def selected(visits: Sequence[Visits], model: Model, within: Range, asked: Select, count: int) -> Selected:
    """At most `count` states: lost ones up to their share, the rest of those that are flagged; of each class those
    farthest from each other in the coordinates of the network.
    """
    masks = [classes(each, within, asked) for each in visits]
    flow = np.concatenate([np.full(len(each), k) for k, each in enumerate(visits)])
    T, p, Y, dt = (np.concatenate([getattr(each, name) for each in visits]) for name in ("T", "p", "Y", "dt"))
    every = {name: np.concatenate([mask[name] for mask in masks]) for name in masks[0]}
    lost = thinned(model, T, p, Y, dt, every["lost"], int(asked.lost * count))
    flagged = thinned(model, T, p, Y, dt, every["flagged"], count - len(lost))
    chosen = np.sort(np.r_[lost, flagged])
    counts = {name: int(mask.sum()) for name, mask in every.items()} | {"chosen": len(chosen)}
    return Selected(T[chosen], p[chosen], Y[chosen], dt[chosen], flow[chosen], counts)


def thinned(
    model: Model, T: np.ndarray, p: np.ndarray, Y: np.ndarray, dt: np.ndarray, mask: np.ndarray, count: int
) -> np.ndarray:
    """Numbers of `count` of the states of a mask, those that are farthest from each other."""
    own = np.flatnonzero(mask)
    if len(own) > MOST:
        own = own[np.linspace(0, len(own) - 1, MOST).astype(int)]
    if not len(own) or count < 1:
        return own[:0]
    t, q, h = (torch.as_tensor(x[own]) for x in (T, p, dt))
    y = torch.as_tensor(Y[own]).T.clamp_min(0.0)
    points = model.coordinates.features(t, q, (y / y.sum(0)).contiguous(), h).T.double()
    return own[farthest(points.contiguous(), count)]
