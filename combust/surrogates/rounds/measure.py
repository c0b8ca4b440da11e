"""How well a network does where nothing was harvested: exact cells, and the error of its own steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from combust import kernels
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.surrogates.model.model import Model
from combust.surrogates.rounds.explore import Visits
from combust.surrogates.trust.router import misfit, trust_of

MOST = 4000  # cells that are integrated, evenly picked
EXACT = (1e-6, 1e-11)  # tolerances, as of the calibration
QUANTILE = 0.9


@dataclass(frozen=True)
class Measured:
    """Of the flows that are held out.

    exact_share : exact cells, of those that are not slow;  exact_of_all : of all cells
    error : of the network's own step in the cells that are not slow, 90 % quantile, in units of what the router allows
    within : share of these cells in which that error is allowed;  step_cpu : s a step of these flows, in the mean
    """

    exact_share: float
    exact_of_all: float
    error: float
    within: float
    step_cpu: float


def measured(model: Model, gas: Mechanism, visits: Sequence[Visits]) -> Measured:
    """Of what the held-out flows asked this model for; an error is infinite where none of them asked it."""
    slow, network, exact = np.sum([each.routes for each in visits], axis=0).tolist()
    found = errors(model, gas, visits)
    high = float(np.quantile(found, QUANTILE, method="higher")) if len(found) else float("inf")
    return Measured(
        exact / max(network + exact, 1), exact / max(slow + network + exact, 1), high,
        float((found <= 1.0).mean()) if len(found) else 0.0,
        sum(each.cpu for each in visits) / max(sum(each.steps for each in visits), 1),
    )  # fmt: skip


def errors(model: Model, gas: Mechanism, visits: Sequence[Visits]) -> np.ndarray:
    """True error of the network's step, uncorrected, in units of what is allowed (cells,); infinite if it is lost."""
    T, p, dt = (torch.as_tensor(np.concatenate([getattr(each, k) for each in visits])) for k in ("T", "p", "dt"))
    Y = torch.as_tensor(np.concatenate([each.Y for each in visits])).T.clamp_min(0.0)
    some = torch.linspace(0, max(T.numel() - 1, 0), min(MOST, T.numel())).long()
    T, p, dt, Y = T[some], p[some], dt[some], Y[:, some]
    if not T.numel():
        return np.zeros(0)
    Y = (Y / Y.sum(0)).contiguous()
    trust = trust_of(model, gas)
    end = gas.integrate(T, p, Y, dt, model.hold, *EXACT, compile=False)
    with torch.no_grad(), kernels.using("eager"):
        step = model.step(gas, T, p, Y, dt)
    z, z1, right = (torch.cat([t.unsqueeze(0), y]) for t, y in ((T, Y), (step.T, step.Y), (end.T, end.Y)))
    return np.nan_to_num(misfit(trust, z, right, z1 - right).numpy(), nan=np.inf, posinf=np.inf)
