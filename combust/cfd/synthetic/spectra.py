"""Energy spectra of isotropic turbulence in three or two dimensions: E(k) with the integral d/2 u'^2.

The integral length is the longitudinal one, L11 = 3 pi/4 int(E/k) / int(E) in 3-D and 2 int(E/k) / int(E) in 2-D. The
shapes are von Karman's with Pao's dissipative range, as in Bailly & Juve 1999 (doi:10.2514/6.1999-1872) and Saad et al.
2017 (doi:10.2514/1.J055230); Passot & Pouquet 1987 (doi:10.1017/S0022112087002167); a table.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from combust.errors import ConfigError

DECADES, STEPS = (-5.0, 9.0), 2000  # of k times the integral length, and steps in each decade
PASSES = 60  # of a bisection


class Spectrum:
    """E(k) [m3/s2] of `dimensions`, and its integrals between wave numbers [1/m]."""

    def __init__(self, density: Callable[[np.ndarray], np.ndarray], k: np.ndarray, dimensions: int):
        """k : rising wave numbers [1/m], so dense that E is straight between two of them."""
        self.density, self.dimensions = density, dimensions
        self._k, E = k, density(k)
        self._sum = np.concatenate([[0.0], np.cumsum(0.5 * (E[1:] + E[:-1]) * np.diff(k))])
        over = E / k
        self._length = float((0.5 * (over[1:] + over[:-1]) * np.diff(k)).sum())

    @property
    def energy(self) -> float:
        """Kinetic energy of all wave numbers [m2/s2]."""
        return float(self._sum[-1])

    @property
    def u_rms(self) -> float:
        """Root mean square of one component [m/s]."""
        return math.sqrt(2.0 * self.energy / self.dimensions)

    @property
    def length(self) -> float:
        """Longitudinal integral length [m]."""
        return (0.75 * math.pi if self.dimensions == 3 else 2.0) * self._length / self.energy

    def between(self, low: np.ndarray | float, high: np.ndarray | float) -> np.ndarray:
        """Kinetic energy [m2/s2] from one wave number to another."""
        return np.asarray(np.interp(high, self._k, self._sum) - np.interp(low, self._k, self._sum))

    def scaled(self, u_rms: float) -> Spectrum:
        """The same with this u' [m/s]."""
        factor, density = (u_rms / self.u_rms) ** 2, self.density
        return Spectrum(lambda k: factor * density(k), self._k, self.dimensions)


def passot_pouquet(u_rms: float, length: float, dimensions: int) -> Spectrum:
    """k^4 exp(-2 (k/k0)^2): large eddies only. u_rms [m/s], length [m]"""
    k0 = (math.sqrt(2 * math.pi) if dimensions == 3 else 8.0 / 3.0 * math.sqrt(2 / math.pi)) / length
    shape = Spectrum(lambda k: (k / k0) ** 4 * np.exp(-2 * (k / k0) ** 2), _numbers(length), dimensions)
    return shape.scaled(u_rms)


def von_karman_pao(u_rms: float, length: float, viscosity: float | None, dimensions: int) -> Spectrum:
    """x^4 / (1 + x^2)^(17/6) exp(-2 (k/k_eta)^2), x = k/k_e, with k_eta = (eps / nu^3)^(1/4) and eps = u'^3 / L.

    u_rms [m/s], length [m]; viscosity : nu [m2/s], None: k^(-5/3) without end. k_e is found so that the integral length
    is the given one. Raises ConfigError for a Reynolds number u' L / nu at which there is none.
    """
    k_eta = math.inf if viscosity is None else (u_rms**3 / length / viscosity**3) ** 0.25
    numbers = _numbers(length)

    def shape(k_e: float) -> Spectrum:
        def density(k: np.ndarray) -> np.ndarray:
            x2 = (k / k_e) ** 2
            return x2**2 / (1 + x2) ** (17.0 / 6.0) * np.exp(-2 * (k / k_eta) ** 2) / k_e

        return Spectrum(density, numbers, dimensions)

    low, high = 1e-3 / length, 1e3 / length
    if shape(high).length > length:
        reynolds = u_rms * length / (viscosity or 1.0)
        least = (shape(high).length / length) ** (4.0 / 3.0) * reynolds
        raise ConfigError(
            f"u_rms length / viscosity = {reynolds:.3g}: no such spectrum below {least:.2g}; "
            'take another viscosity, or kind = "passot-pouquet"'
        )
    for _ in range(PASSES):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if shape(middle).length > length else (low, middle)
    return shape(math.sqrt(low * high)).scaled(u_rms)


def of_table(k: Sequence[float], E: Sequence[float], dimensions: int) -> Spectrum:
    """Straight lines in the logarithms of k [1/m] and E [m3/s2]; none beyond its ends."""
    ln_k, ln_E = np.log(np.array(k)), np.log(np.array(E))
    inner = [np.linspace(a, b, 200, endpoint=False) for a, b in zip(ln_k[:-1], ln_k[1:], strict=True)]
    numbers = np.exp(np.concatenate([*inner, ln_k[-1:]]))
    numbers[0], numbers[-1] = k[0], k[-1]

    def density(at: np.ndarray) -> np.ndarray:
        inside = (at >= k[0]) & (at <= k[-1])
        return np.where(inside, np.exp(np.interp(np.log(np.where(inside, at, k[0])), ln_k, ln_E)), 0.0)

    return Spectrum(density, numbers, dimensions)


def _numbers(length: float) -> np.ndarray:
    low, high = DECADES
    return np.logspace(low, high, int((high - low) * STEPS) + 1) / length
