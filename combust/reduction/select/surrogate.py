"""A small ensemble of neural networks that learns which parts of a mechanism pass, from those that were judged.

Input are the bits of a mask (1: the species is gone), outputs the log10 of errors over their tolerances, one per case
and metric. An output at either end of the range is known only to lie at or beyond it, and is learnt as such.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

LOW, HIGH = math.log10(0.2), 2.0  # of log10(error / tolerance): "good enough", and "hopeless or failed"
MEMBERS, WIDTH = 5, 32
RATE, DECAY = 4e-3, 2e-3
PRIOR = 0.4  # of the log10 score that a species adds when it goes, before any is known
FIRST_STEPS, STEPS = 300, 80  # of the optimiser: at first, and after each further round


class Surrogate:
    """Networks with a linear path past their hidden layers: most species act on their own, some only together.

    Members differ by their first weights and by random weights of the data, so that their spread says what is not
    known. Deterministic for a seed and a number of threads; the global generator is not touched.
    """

    def __init__(self, bits: int, outputs: int, seed: int) -> None:
        self.random = torch.Generator().manual_seed(seed)
        self.outputs = outputs
        shapes = [(bits, WIDTH), (WIDTH, WIDTH), (WIDTH, outputs)]
        self.weights = [self._normal(a, b) * math.sqrt(2.0 / a) for a, b in shapes]
        self.offsets = [torch.zeros(MEMBERS, 1, b) for _, b in shapes]
        # A species that was never removed may matter; how much, the members disagree.
        self.linear = PRIOR * (1.0 + self._normal(bits, outputs))
        self.weights[-1] *= 0.1  # at first the linear path speaks
        self.trust = torch.zeros(MEMBERS, 0, 1)
        leaves = [*self.weights, *self.offsets, self.linear]
        for leaf in leaves:
            leaf.requires_grad_()
        self.optimiser = torch.optim.AdamW(leaves, lr=RATE, weight_decay=DECAY, fused=True)
        self.fresh = True

    def _normal(self, *shape: int) -> Tensor:
        return torch.randn(MEMBERS, *shape, generator=self.random)

    def _forward(self, x: Tensor) -> Tensor:
        """(members, masks, outputs) of x (masks, bits)."""
        x = x.expand(MEMBERS, *x.shape)
        y = x
        for weight, offset in zip(self.weights[:-1], self.offsets[:-1], strict=True):
            y = torch.nn.functional.silu(torch.baddbmm(offset, y, weight))
        return torch.baddbmm(self.offsets[-1], y, self.weights[-1]) + torch.bmm(x, self.linear)

    def learn(self, gone: np.ndarray, values: np.ndarray) -> None:
        """All data so far: gone (masks, bits), values (masks, outputs) log10, NaN where not measured.

        Rows must be those of the last call, then new ones. The weights of the last call are the start.
        """
        x = torch.as_tensor(gone, dtype=torch.float32)
        y = torch.as_tensor(values, dtype=torch.float32)
        known = torch.isfinite(y)
        y = y.nan_to_num(0.0).clamp(LOW, HIGH)
        low, high = y <= LOW, y >= HIGH
        new = len(x) - self.trust.shape[1]
        drawn = -torch.rand(MEMBERS, new, 1, generator=self.random).clamp_min(1e-6).log()  # Bayesian bootstrap
        self.trust = torch.cat([self.trust, drawn.clamp_max(3.0)], 1)
        weight = self.trust * known
        for _ in range(FIRST_STEPS if self.fresh else STEPS):
            off = self._forward(x) - y
            off = torch.where(high, off.clamp_max(0.0), torch.where(low, off.clamp_min(0.0), off))
            loss = (weight * torch.nn.functional.smooth_l1_loss(off, torch.zeros_like(off), reduction="none")).sum()
            self.optimiser.zero_grad()
            (loss / weight.sum().clamp_min(1.0) * MEMBERS).backward()
            self.optimiser.step()
        self.fresh = False

    @torch.no_grad()
    def predict(self, gone: np.ndarray) -> np.ndarray:
        """log10 of the score (members, masks): of the largest error over its tolerance."""
        x = torch.as_tensor(gone, dtype=torch.float32)
        parts = [self._forward(part).amax(2).clamp(LOW, HIGH) for part in x.split(4096)]
        return torch.cat(parts, 1).numpy()
