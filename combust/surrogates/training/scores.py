"""How wrong the steps of a model are, on rows that it has not learned from, beside a model that does nothing."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from combust.kinetics.mechanism.mechanism import Mechanism
from combust.surrogates.data.sample_set import FAINT, STREAMS, SampleSet
from combust.surrogates.model.model import Model, Step
from combust.surrogates.training.rows import columns

BLOCK = 4096
WITHIN = 0.1  # of the increment: the peers' pass rate


def errors(model: Model, gas: Mechanism, samples: SampleSet, peak: Tensor) -> dict[str, dict[str, float]]:
    """Scores of all rows, of those that are not slow (the network's own), and of each stream; see `rows.peaks`.

    rows; L1: of the scaled output; within_10: share of components of active species with |e| <= 1e-15 + 0.1 |d|, d the
    increment; states_within_10: share of rows all of whose components are; zero_within_10, zero_states_within_10: the
    same of a model that changes nothing; recall: share of increments above 1e-15 that are predicted with their sign
    and a tenth of their size or more (zero for that model); T_mean, T_99, zero_T_mean: mean and 99 % quantile of the
    error of T1, and the mean |T1 - T|, in K; Y_99: 99 % quantile of the row's worst error in shares of the peak.
    """
    if not len(samples):
        return {}
    L1, step = predicted(model, gas, samples)
    found = {"all": np.ones(len(samples), bool), "not slow": ~samples.slow}
    found |= {name: samples.stream == k for k, name in enumerate(STREAMS)}
    return {
        name: score(samples, model.coordinates.active.numpy(), peak.numpy(), L1, step, mask)
        for name, mask in found.items() if mask.any()
    }  # fmt: skip


def predicted(model: Model, gas: Mechanism, samples: SampleSet) -> tuple[np.ndarray, Step]:
    """L1 of the scaled output (rows,), and the steps."""
    L1, steps = [], []
    c = model.coordinates
    with torch.no_grad():
        for begin in range(0, len(samples), BLOCK):
            T, p, dt, Y, Y1, _ = columns(samples, slice(begin, begin + BLOCK))
            x = c.features(T, p, Y, dt).float().T
            out = torch.stack([net.cpu()(x) for net in model.networks]).mean(0).T
            L1.append((out - c.target(Y, Y1, dt)).abs().mean(0))
            steps.append(model.step(gas, T, p, Y, dt))
    step = Step(*(torch.cat(part, -1) for part in zip(*steps, strict=True)))
    return torch.cat(L1).numpy(), step


def score(
    samples: SampleSet, active: np.ndarray, peak: np.ndarray, L1: np.ndarray, step: Step, mask: np.ndarray
) -> dict[str, float]:
    """The numbers of `errors` for the rows of a mask."""
    Y, Y1 = samples.Y[mask][:, active], samples.Y1[mask][:, active]
    change, said = Y1 - Y, step.Y.numpy().T[mask][:, active] - Y
    error, off = np.abs(said - change), np.abs(step.T.numpy() - samples.T1)[mask]
    allowed = FAINT + WITHIN * np.abs(change)
    within, still = error <= allowed, np.abs(change) <= allowed
    large = np.abs(change) > FAINT
    recalled = (said * np.sign(change) >= WITHIN * np.abs(change))[large]
    return {
        "rows": int(mask.sum()), "L1": float(L1[mask].mean()),
        "within_10": float(within.mean()), "zero_within_10": float(still.mean()),
        "states_within_10": float(within.all(1).mean()), "zero_states_within_10": float(still.all(1).mean()),
        "recall": float(recalled.mean()) if large.any() else 1.0,
        "T_mean": float(off.mean()), "T_99": float(np.quantile(off, 0.99)),
        "zero_T_mean": float(np.abs(samples.T1 - samples.T)[mask].mean()),
        "Y_99": float(np.quantile((error / peak).max(1), 0.99)),
    }  # fmt: skip


def table(found: dict[str, dict[str, dict[str, float]]]) -> str:
    """Lines for people: validation and test rows, all and by stream."""
    lines = [f"{'rows':<22} {'count':>8} {'L1':>8} {'in 10 %':>8} {'(zero)':>7} {'states':>7} {'recall':>7} "
             f"{'|dT| K':>8} {'99 %':>8} {'(zero)':>7}"]  # fmt: skip
    for split, parts in found.items():
        for name, s in parts.items():
            lines.append(
                f"{split + ', ' + name:<22} {s['rows']:8d} {s['L1']:8.4f} {s['within_10']:8.3f} "
                f"{s['zero_within_10']:7.3f} {s['states_within_10']:7.3f} {s['recall']:7.3f} {s['T_mean']:8.3f} "
                f"{s['T_99']:8.2f} {s['zero_T_mean']:7.2f}"
            )
    return "\n".join(lines)
