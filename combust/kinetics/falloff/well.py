"""A well with one way out, and its rate constant k(T, p)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.constants import N_A
from scipy.constants import R as GAS

from combust.errors import ConfigError
from combust.kinetics.falloff import collisions, master
from combust.kinetics.falloff.densities import KT, STEP, Array, Molecule, count, middle, partition
from combust.kinetics.falloff.microcanonical import Law, Saddle, of_law, of_saddle

ABOVE = 80.0  # kT above the threshold, the highest energies that are looked at
HIGHEST = 2e5  # cm-1, that a way out may lie above the well: more than twice the strongest bond, that of CO
TAIL = 1e-9  # share of the flux at the highest T that the energies left out may have


@dataclass(frozen=True)
class Well:
    """A molecule, what it falls apart into, and how.

    threshold : of dissociation at 0 K, [1/cm];  way : k at high pressure, or a saddle
    active : rotors whose energy flows into the bond, "K" or "all";  quantum : count levels of the active ones
    """

    molecule: Molecule
    fragments: tuple[Molecule, ...]
    threshold: float
    way: Law | Saddle
    active: str = "K"
    quantum: bool = False


@dataclass(frozen=True)
class Table:
    """k(T, p) of a well.

    T : [K];  p : [Pa];  dissociation, association : shape (T, p), [1/s] and [m3/kmol/s] (none of one fragment)
    high, low : of dissociation, limits at high pressure [1/s] and at low pressure, per collider [m3/kmol/s], shape (T,)
    equilibrium : of dissociation, [kmol/m3] (one fragment: no unit), shape (T,)
    unsettled : |1 - 1 / (k t)|, t the mean time until a molecule of the Boltzmann distribution has left: where it is
    not small, the well falls apart before it has settled and one k says less, shape (T, p)
    """

    T: Array
    p: Array
    dissociation: Array
    high: Array
    low: Array
    equilibrium: Array
    unsettled: Array
    grains: int

    @property
    def association(self) -> Array:
        """Of the reverse, by detailed balance."""
        return self.dissociation / self.equilibrium[:, None]


@dataclass(frozen=True)
class Grains:
    """States and rates in grains at each T.

    energy : lower edges [1/cm];  ratio : f_j / f_(j-1), shape (grains, T);  weights : f, adds up to one;  k : [1/s]
    partition : of the active states, shape (T,)
    """

    energy: Array
    ratio: Array
    weights: Array
    k: Array
    partition: Array


def grained(well: Well, T: Array, grain: int) -> Grains:
    """Grains of `grain` cells, an edge of one at the first energy from which the well falls apart.

    k of a grain is the mean of its cells by their Boltzmann weights at each T, so that its sum is k at high pressure
    whatever the grain is. Raises ConfigError.
    """
    first, states, flux = cells(well, T)
    offset = first % grain
    edges = np.concatenate([[0], np.arange(offset if offset else grain, len(states), grain), [len(states)]])
    number = np.repeat(np.arange(len(edges) - 1), np.diff(edges))
    kept = np.add.reduceat(states, edges[:-1]) > 0
    lower = edges[:-1] * STEP
    inside = (np.arange(len(number)) - edges[:-1][number]) * STEP
    factor = np.exp(-inside[:, None] / (KT * T)[None, :])
    F = np.add.reduceat(states[:, None] * factor, edges[:-1], axis=0)[kept]
    out = np.add.reduceat(flux[:, None] * factor, edges[:-1], axis=0)[kept]
    within = middle(well.molecule.rotors(well.active, well.quantum))
    out = out * np.exp(-(_within(well) - within) * STEP / (KT * T))
    energy = lower[kept]
    gap = np.diff(energy, prepend=energy[0])
    ratio = np.ones_like(F)
    ratio[1:] = F[1:] / F[:-1] * np.exp(-gap[1:, None] / (KT * T)[None, :])
    weights = F * np.exp(-energy[:, None] / (KT * T)[None, :])
    total = weights.sum(axis=0)
    return Grains(energy, ratio, weights / total, out / F, total * np.exp(-within * STEP / (KT * T)))


def _within(well: Well) -> float:
    """Where in a cell its flux is: in the middle, but for a law that is a sum over levels."""
    way = well.way
    levels = isinstance(way, Law) and not way.association and not well.molecule.rotors(well.active)
    return 0.0 if levels and all(n == 0 for _, n, _ in way.terms) else 0.5  # type: ignore[union-attr]


def cells(well: Well, T: Array) -> tuple[int, Array, Array]:
    """The first cell with a way out, states and flux in cells. Raises ConfigError where there is no way."""
    reach = well.way.barrier if isinstance(well.way, Saddle) else well.threshold
    if isinstance(well.way, Law):
        reach += max(E for _, _, E in well.way.terms) * KT
    top = max(reach, well.threshold)
    if not 0 < top <= HIGHEST:
        raise ConfigError(
            f"the way out begins {top:.6g} cm-1 above the well: allowed are energies above 0, up to {HIGHEST:g} cm-1"
        )
    n = math.ceil((top + ABOVE * KT * float(np.max(T))) / STEP)
    one = well.molecule
    states = count(one.frequencies, one.rotors(well.active, well.quantum), one.ladders(n * STEP), n)
    if isinstance(well.way, Saddle):
        flux = of_saddle(well.way, one, well.active, n, well.quantum)
    else:
        flux = of_law(well.way, one, well.fragments, well.threshold, well.active, n)
    if not (np.isfinite(flux).all() and (flux >= 0).all()):
        raise ConfigError(
            "k_inf: its terms together let the well fall apart at a negative rate at some energies: each A above 0, or "
            "a fit whose negative term is smaller"
        )
    flux[states == 0] = 0.0
    way = np.flatnonzero(flux)
    if not len(way):
        raise ConfigError("the well has no way out within the energies that count: look at barrier and threshold")
    weight = flux * np.exp(-np.arange(n) * STEP / (KT * float(np.max(T))))
    left = np.cumsum(weight[::-1])[::-1]
    last = int(np.flatnonzero(left > TAIL * left[0])[-1]) + 1
    return int(way[0]), states[:last], flux[:last]


def table(well: Well, collider: collisions.Collider, T: Array, p: Array, grain: int = 20) -> Table:
    """k(T, p) at all T [K] and p [Pa]; grain in 1/cm. Raises ConfigError, DivergenceError."""
    T, p = np.asarray(T, dtype=float), np.asarray(p, dtype=float)
    made = grained(well, T, max(1, round(grain / STEP)))
    kernel = collisions.exponential(made.energy, made.ratio, collider.mean_down(T))
    frequency = collider.frequency(T, p)
    found = master.decay(kernel, made.weights, frequency, made.k)
    unsettled = np.abs(1 - 1 / (found.rate * found.passage))
    return Table(T, p, found.rate, (made.weights * made.k).sum(axis=0), low_limit(made, kernel, collider, T),
                 equilibrium(well, made, T), unsettled, len(made.energy))  # fmt: skip


def low_limit(made: Grains, kernel: collisions.Transfer, collider: collisions.Collider, T: Array) -> Array:
    """k / [M] [m3/kmol/s] where collisions are so rare that whatever has a way out takes it, shape (T,)."""
    absorbing = np.where(made.k > 0, np.inf, 0.0)
    rate = collider.rate(T)[:, None]
    return master.decay(kernel, made.weights, rate, absorbing).rate[:, 0] * (1e3 * N_A)


def equilibrium(well: Well, made: Grains, T: Array) -> Array:
    """Constant of dissociation, [kmol/m3] for two fragments, from the states counted here."""
    kT = KT * T
    whole = made.partition * math.prod(one.scale for one in well.molecule.inactive(well.active))
    for one in well.molecule.inactive(well.active):
        whole = whole * kT ** (one.dimension / 2)
    parts = np.ones_like(T)
    for fragment in well.fragments:
        parts = parts * partition(fragment, T) / (1e3 * N_A)
    own = partition(Molecule(well.molecule.mass), T) / (1e3 * N_A)
    return np.asarray(parts / (own * whole) * np.exp(-well.threshold / kT))


def of_collisions(T: Array, p: Array) -> Array:
    """Concentration of colliders [kmol/m3], shape (T, p)."""
    return np.asarray(p[None, :] / (1e3 * GAS * np.asarray(T)[:, None]))
