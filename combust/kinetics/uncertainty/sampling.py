"""Samples of independent standard normal variables that fill space evenly: Sobol sequences, Latin hypercubes."""

from __future__ import annotations

import numpy as np

from combust.errors import ConfigError

SEQUENCES = ("sobol", "latin")
MOST = 65536


def scores(variables: int, samples: int, sequence: str = "sobol", seed: int = 1) -> np.ndarray:
    """(variables, samples), seeded: a scrambled Sobol sequence (a power of two of samples) or a Latin hypercube.

    Raises ConfigError for a sequence or a number of samples that cannot be.
    """
    from scipy.stats import norm, qmc

    require(samples, sequence, "samples")
    if not 0 <= seed < 2**63:
        raise ConfigError(f"seed {seed}: must be from 0 to 2^63 - 1")
    engine = (
        qmc.Sobol(variables, scramble=True, seed=seed)
        if sequence == "sobol"
        else qmc.LatinHypercube(variables, seed=seed)
    )
    uniform = engine.random(samples)
    tiny = np.finfo(float).eps  # a value of 0 or 1 would be infinite
    return np.ascontiguousarray(norm.ppf((1.0 - 2.0 * tiny) * uniform + tiny).T)


def require(samples: int, sequence: str, what: str) -> None:
    """Raises ConfigError."""
    if sequence not in SEQUENCES:
        raise ConfigError(f'sequence "{sequence}" is unknown; known: {", ".join(SEQUENCES)}')
    if not 8 <= samples <= MOST:
        raise ConfigError(f"{what} {samples}: must be from 8 to {MOST}")
    if sequence == "sobol" and samples & (samples - 1):
        above = 1 << samples.bit_length()
        raise ConfigError(f"{what} {samples}: a Sobol sequence wants a power of two, {above // 2} or {above}; "
                          'or take sequence "latin"')  # fmt: skip
