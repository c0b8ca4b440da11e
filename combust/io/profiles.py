"""Profiles of averages over time: means, Favre means, RMS and stresses over the directions in which a flow is alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

SECOND = {"mean": ("rms", "cov"), "favre": ("favre_rms", "favre_cov")}
PAIRS = ((0, 1), (0, 2), (1, 2))  # xy, xz, yz


def profile(
    windows: Iterable[tuple[Mapping[str, np.ndarray], float]], weights: np.ndarray, axis: int
) -> dict[str, np.ndarray]:
    """Averages of several windows (NAME_mean, NAME_rms, ..., with the length of the window [s]), as `output.averages`
    writes them, over these and the planes normal to an axis (0 z, 1 y, 2 x): the same names, (n) or (3, n) of vectors.

    weights : of the cells, areas of their planes.  Second moments are about the means found here: those in time about
    the means of each cell, and those of these means, by the law of total variance.
    """
    sums: dict[str, np.ndarray] = {}
    for fields, length in windows:
        for name, moment in moments(fields).items():
            mass = fields["rho_mean"] if "_favre" in name else np.ones_like(weights)
            for key, value in ((name, mass * moment), (f"{name} of", mass)):
                total = in_planes(length * weights * value, axis)
                sums[key] = sums[key] + total if key in sums else total
    means = {name: total / sums[f"{name} of"] for name, total in sums.items() if f"{name} of" in sums}
    return centred(means)


def in_planes(f: np.ndarray, axis: int) -> np.ndarray:
    """Sums over all directions but one, of (..., nz, ny, nx)."""
    return np.asarray(f.sum(tuple(a - 3 for a in range(3) if a != axis)))


def moments(fields: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """First moments, and second ones about zero in the place of those about the means; of the density the first."""
    found = {}
    for name, value in fields.items():
        for first, (rms, cov) in SECOND.items():
            if name.endswith(f"_{first}"):
                found[name] = value
                here = name.removesuffix(f"_{first}")
                if f"{here}_{rms}" in fields:
                    found[f"{here}_{rms}"] = fields[f"{here}_{rms}"] ** 2 + value**2
                if f"{here}_{cov}" in fields:
                    products = np.stack([value[i] * value[j] for i, j in PAIRS])
                    found[f"{here}_{cov}"] = fields[f"{here}_{cov}"] + products
    return found


def centred(means: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Root mean squares and covariances about the means, of moments about zero."""
    found = dict(means)
    for first, (rms, cov) in SECOND.items():
        for name in [n for n in means if n.endswith(f"_{first}")]:
            base, mean = name.removesuffix(f"_{first}"), means[name]
            if f"{base}_{rms}" in means:
                found[f"{base}_{rms}"] = np.sqrt(np.maximum(means[f"{base}_{rms}"] - mean**2, 0.0))
            if f"{base}_{cov}" in means:
                found[f"{base}_{cov}"] = means[f"{base}_{cov}"] - np.stack([mean[i] * mean[j] for i, j in PAIRS])
    return found
