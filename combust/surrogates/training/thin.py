"""Fewer of the older rows for a network that goes on from weights that have learned them."""

from __future__ import annotations

import numpy as np

from combust.errors import ConfigError
from combust.surrogates.data.sample_set import SPLITS, SampleSet

TRAIN = SPLITS.index("train")


def require_share(old: float) -> None:
    """Raises ConfigError for a share that cannot be."""
    if not 0.0 <= old <= 1.0:
        raise ConfigError(f"old = {old:g}: a share of the older rows, 0 to 1")


def thinned(samples: SampleSet, new: int, old: float, seed: int) -> SampleSet:
    """The rows without those of training that are old, but for a share of these, drawn at random.

    new : number of the first row that is not old;  old : the share.  Rows of validation and test all stay.
    """
    place = np.flatnonzero((samples.split == TRAIN) & (np.arange(len(samples)) < new))
    dropped = np.random.default_rng(seed).permutation(place)[kept_of(len(place), old) :]
    mask = np.ones(len(samples), dtype=bool)
    mask[dropped] = False
    return samples.rows(mask)


def kept_of(rows: int, old: float) -> int:
    """How many of so many old rows stay."""
    return round(old * rows)
