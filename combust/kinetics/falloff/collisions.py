"""Collisions with the bath gas: how often, and how much energy goes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.constants import k as BOLTZMANN

from combust.kinetics.falloff.densities import Array
from combust.kinetics.gas import collisions

UPWARD = 0.9  # share of collisions that go up, above which a grain is held to be at the bottom


@dataclass(frozen=True)
class Collider:
    """Pair of well and bath gas, and its energy transfer: <dE>down = down (T / 300 K)^exponent.

    mass : reduced, [kg/kmol];  sigma : [m], epsilon : [K], Lennard-Jones parameters of the pair;  down : [1/cm]
    """

    mass: float
    sigma: float
    epsilon: float
    down: float
    exponent: float

    def mean_down(self, T: Array) -> Array:
        """<dE>down [1/cm] at T [K]."""
        return np.asarray(self.down * (np.asarray(T, dtype=float) / 300.0) ** self.exponent)

    def rate(self, T: Array) -> Array:
        """Rate constant of Lennard-Jones collisions [m3/s] at T [K]."""
        return collisions.rate(self.mass, self.sigma, self.epsilon, T)

    def frequency(self, T: Array, p: Array) -> Array:
        """Collisions [1/s] of a molecule at all T [K] and p [Pa]: shape (T, p)."""
        return np.asarray((self.rate(T) / (BOLTZMANN * np.asarray(T)))[:, None] * np.asarray(p)[None, :])


@dataclass(frozen=True)
class Transfer:
    """Collisions among grains j, lowest first: P(i from j) = C_j u_i / u_j down, with u_i = exp(E_i / <dE>down);
    upwards by detailed balance. Shapes (grains, T).

    step : u_(j-1) / u_j;  ratio : f_j / f_(j-1), f the Boltzmann distribution;  down : C_j
    bottom : index of the grain at each T below which C is held, see `exponential`
    """

    step: Array
    ratio: Array
    down: Array
    bottom: Array


def exponential(energy: Array, ratio: Array, mean_down: Array) -> Transfer:
    """Exponential-down energy transfer, normalised from the top: all that a molecule may do in a collision adds up to
    one, and detailed balance is exact.

    energy : of the grains, [1/cm], shape (grains,);  ratio : shape (grains, T), its first row means nothing
    mean_down : [1/cm], shape (T,)

    Where states are few and grow fast, at the bottom, the upward steps alone would be all collisions, or more. From
    the first such grain on downwards C keeps its value: steps are then more frequent than collisions, detailed balance
    stays, and these grains are at equilibrium with each other anyhow; the study `falloff` shows how little k hangs on
    UPWARD.
    """
    gap = np.diff(energy, prepend=energy[0])[:, None]
    step = np.exp(-gap / mean_down[None, :])
    below = np.ones_like(step)  # sum of u_i / u_j over i <= j
    for j in range(1, len(energy)):
        below[j] = 1.0 + step[j] * below[j - 1]
    down, above = np.empty_like(step), np.zeros_like(mean_down)
    bottom, held = np.zeros(len(mean_down), dtype=int), np.zeros(len(mean_down), dtype=bool)
    for j in range(len(energy) - 1, -1, -1):
        held |= above > UPWARD
        bottom = np.where(held & (bottom == 0), j + 1, bottom)
        down[j] = np.where(held, down[min(j + 1, len(energy) - 1)], (1.0 - above) / below[j])
        above = step[j] * ratio[j] * (down[j] + above)
    return Transfer(step, ratio, down, bottom)


def strong(ratio: Array, weights: Array) -> Transfer:
    """Every collision ends in the Boltzmann distribution: u_i = f_i, C_j = f_j; arguments of shape (grains, T)."""
    with np.errstate(divide="ignore"):
        step = 1.0 / ratio
    return Transfer(step, ratio, weights, np.zeros(ratio.shape[1], dtype=int))
