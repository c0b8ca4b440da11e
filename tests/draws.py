"""Where the tests' random numbers come from. COMBUST_TEST_SEED=N shifts every one of them, for a whole run of tests:

    COMBUST_TEST_SEED=3 make test

What a test asserts must hold for any N. The model of the tests is then moved too, by a millionth of its weights, and
the states it is asked for by their last digits: as another processor would round them.
"""

from __future__ import annotations

import os

import numpy as np
import torch
from torch import Tensor

SHIFT = int(os.environ.get("COMBUST_TEST_SEED", "0"))
WEIGHTS, STATES = 1e-6, 1e-12  # relative size of the noise


def seed(number: int = 0) -> int:
    """In the place of a seed."""
    return number + 1000 * SHIFT


def rng(number: int = 0) -> np.random.Generator:
    """numpy's."""
    return np.random.default_rng(seed(number))


def generator(number: int = 0) -> torch.Generator:
    """torch's."""
    return torch.Generator().manual_seed(seed(number))


def moved(x: Tensor, size: float, number: int = 0) -> Tensor:
    """x (1 + size * noise); x itself where nothing is shifted."""
    return x * (1.0 + size * torch.randn(x.shape, generator=generator(number), dtype=x.dtype)) if SHIFT else x
