"""Means over time of fields, and what fields are about them; conditional means; arrays of NumPy, of the owned cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

PAIRS = ((0, 1), (0, 2), (1, 2))  # components of a vector whose covariances are kept: xy, xz, yz


class Running:
    """Weighted mean and variance of one field, (..., nz, ny, nx), and the covariances xy, xz, yz of a vector.

    Updates take the difference from the mean so far, so that small fluctuations about a large mean keep their digits.
    doi:10.1080/00401706.1962.10490022
    """

    def __init__(self, shape: Sequence[int]) -> None:
        self.mean, self.squares = np.zeros(shape), np.zeros(shape)
        self.products = np.zeros(shape) if len(shape) == 4 else None

    def add(self, value: np.ndarray, share: np.ndarray | float, weight: np.ndarray | float) -> None:
        """One sample; weight : its own, share : over that of all so far, with it."""
        before = value - self.mean
        self.mean += share * before
        after = value - self.mean
        self.squares += weight * before * after
        if self.products is not None:
            for row, (i, j) in enumerate(PAIRS):
                self.products[row] += weight * before[i] * after[j]

    def arrays(self) -> dict[str, np.ndarray]:
        """What it must remember, by name; the arrays themselves."""
        found = {"mean": self.mean, "squares": self.squares}
        return found if self.products is None else {**found, "products": self.products}


class Moments:
    """Reynolds means, and Favre means where the density is known, of several fields over a time that grows.

    samples : so many;  weight : the time they stand for [s];  mass : its integral of the density, (nz, ny, nx)
    """

    def __init__(self, shapes: Mapping[str, Sequence[int]], favre: bool) -> None:
        self.shapes, self.favre = dict(shapes), favre
        self.clear()

    def clear(self) -> None:
        """Begins anew."""
        self.samples, self.weight = 0, 0.0
        self.means = {name: Running(shape) for name, shape in self.shapes.items()}
        self.weighted = {name: Running(shape) for name, shape in self.shapes.items()} if self.favre else {}
        cells = next(iter(self.shapes.values()))[-3:]
        self.mass = np.zeros(cells) if self.favre else None

    def add(self, fields: Mapping[str, np.ndarray], density: np.ndarray | None, time: float) -> None:
        """Fields that stand for so much time [s]; density : [kg/m3]."""
        self.samples, self.weight = self.samples + 1, self.weight + time
        for name, running in self.means.items():
            running.add(fields[name], time / self.weight, time)
        if self.mass is None or density is None:
            return
        amount = density * time
        self.mass += amount
        share = amount / self.mass
        for name, running in self.weighted.items():
            running.add(fields[name], share, amount)

    def fields(self) -> dict[str, np.ndarray]:
        """NAME_mean, NAME_rms, of vectors NAME_cov (xy, xz, yz); with Favre means NAME_favre, ... and rho_mean."""
        found: dict[str, np.ndarray] = {}
        for name, running in self.means.items():
            found |= _named(name, ("mean", "rms", "cov"), running, self.weight)
        if self.mass is not None:
            for name, running in self.weighted.items():
                found |= _named(name, ("favre", "favre_rms", "favre_cov"), running, self.mass)
            found["rho_mean"] = self.mass / self.weight
        return found

    def arrays(self) -> dict[str, np.ndarray]:
        """All that is remembered, by name; the arrays themselves."""
        found = {} if self.mass is None else {"mass": self.mass}
        for kind, all_of_it in (("reynolds", self.means), ("favre", self.weighted)):
            for name, running in all_of_it.items():
                found |= {f"{kind} {name} {part}": array for part, array in running.arrays().items()}
        return found


def _named(name: str, words: tuple[str, str, str], of: Running, weight: np.ndarray | float) -> dict[str, np.ndarray]:
    found = {f"{name}_{words[0]}": of.mean.copy(), f"{name}_{words[1]}": np.sqrt(np.maximum(of.squares / weight, 0.0))}
    return found if of.products is None else {**found, f"{name}_{words[2]}": of.products / weight}


def conditional(
    given: np.ndarray,
    fields: Sequence[np.ndarray],
    mass: np.ndarray,
    edges: np.ndarray,
    total: Callable[..., tuple[float, ...]],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each bin of `given`: its mass, and mass-weighted means and root mean squares of fields (fields, bins); NaN of
    bins without gas.

    mass : of the cells [kg];  edges : rising, bins + 1;  total : sums over ranks.  Gas outside of the edges counts for
    none; that at the last edge for the last bin.
    """
    bins = len(edges) - 1
    which = np.searchsorted(edges, given.reshape(-1), side="right") - 1
    which[given.reshape(-1) == edges[-1]] = bins - 1
    inside = (which >= 0) & (which < bins)

    def sums(values: np.ndarray) -> np.ndarray:
        own = np.bincount(which[inside], values.reshape(-1)[inside], bins)
        return np.array(total(*own.tolist()))

    weight = sums(mass)
    held = np.where(weight > 0, weight, np.nan)
    means = np.array([sums(mass * f) / held for f in fields])
    where = which.clip(0, bins - 1).reshape(given.shape)
    spread = [sums(mass * (f - np.nan_to_num(m)[where]) ** 2) / held for f, m in zip(fields, means, strict=True)]
    return weight, means, np.sqrt(np.array(spread))
