"""Best paths through a graph of species: by the product of its coefficients, or by the weakest of them.

The product is error propagation (DRGEP). The weakest link of the best path is the threshold at which plain reachability
(DRG, PFA) loses a species: above it the species is reached, at or below it not.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch

Combine = Literal["product", "weakest"]

DENSE = 100  # edges per species beyond which sweeps over all edges cost more than settling species in turn


def best_paths(A: np.ndarray, B: np.ndarray, r: np.ndarray, start: np.ndarray, combine: Combine) -> np.ndarray:
    """Values (species, targets, states) of the best path to each species.

    A, B (pairs,) species of each edge, r (pairs, states) in [0, 1], start (species, targets, states): 1 for a target
    itself, or the coefficient of a first step.
    """
    search = label_setting if len(A) > DENSE * len(start) else sweep
    return search(A, B, r, start, combine)


def sweep(A: np.ndarray, B: np.ndarray, r: np.ndarray, start: np.ndarray, combine: Combine) -> np.ndarray:
    """`best_paths` by sweeps over all edges until nothing changes, all states at once."""
    n, targets, states = start.shape
    ahead, end, edge = (torch.from_numpy(np.ascontiguousarray(x)) for x in (A, B, r))
    best = torch.from_numpy(start.reshape(n, -1).copy())
    state = torch.arange(states).repeat(targets)
    active = torch.arange(best.shape[1])
    while active.numel():
        values, links = best[:, active][ahead], edge[:, state[active]]
        moved = values.mul_(links) if combine == "product" else torch.minimum(values, links)
        found = best[:, active].scatter_reduce_(0, end.unsqueeze(1).expand_as(moved), moved, "amax")
        better = (found > best[:, active]).any(0)
        best[:, active] = found
        active = active[better]
    return best.numpy().reshape(n, targets, states)


def label_setting(A: np.ndarray, B: np.ndarray, r: np.ndarray, start: np.ndarray, combine: Combine) -> np.ndarray:
    """`best_paths` species by species, the best of those left first: each edge is looked at once."""
    n, targets, states = start.shape
    order = np.argsort(A, kind="stable")
    end, first = B[order], np.searchsorted(A[order], np.arange(n + 1))
    join = np.multiply if combine == "product" else np.minimum
    found = start.copy()
    for s in range(states):
        edge = r[order, s]
        for t in range(targets):
            best, left = found[:, t, s].copy(), found[:, t, s].copy()
            while (value := left[k := int(left.argmax())]) > 0:
                own = slice(first[k], first[k + 1])
                moved, to = join(edge[own], value), end[own]
                better = moved > best[to]
                best[to[better]] = left[to[better]] = moved[better]
                left[k] = 0.0
            found[:, t, s] = best
    return found
