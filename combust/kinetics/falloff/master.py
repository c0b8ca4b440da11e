"""The master equation of one well: its slowest rate of decay, to full relative accuracy at any temperature.

In a collision a molecule goes down from grain j to i with u_i v_j, up with what detailed balance asks for. Grains are
eliminated from the top (Grassmann, Taksar and Heyman 1985, doi:10.1287/opre.33.5.1107): what went through the grain
that goes becomes direct steps among those that stay. Such steps have the same form u_i v_j, with a larger v_j, so that
an elimination costs as many operations as there are grains, and the diagonal, in which all figures are lost at low
temperature, is never formed: sums and products of positive numbers only (Alfa, Xue and Ye 2002,
doi:10.1090/S0025-5718-01-01325-4, on why that is accurate).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from combust.errors import DivergenceError
from combust.kinetics.falloff.collisions import Transfer
from combust.kinetics.falloff.densities import Array

ITERATIONS = 500
TOLERANCE = 1e-13


@dataclass(frozen=True)
class Factors:
    """What elimination leaves, lowest grain first; shapes (grains, T, p).

    step, carry : u_(j-1) / u_j and that times f_j / f_(j-1);  down : u_j v_j;  out : all rates out of grain j, of those
    below it that stay and to products;  sink : from the lowest grain to products, through all others
    """

    step: Array
    carry: Array
    down: Array
    out: Array
    sink: Array


def eliminate(kernel: Transfer, frequency: Array, k: Array) -> Factors:
    """frequency : of collisions [1/s], shape (T, p);  k : to products [1/s], shape (grains, T), inf is allowed."""
    carry = kernel.step * kernel.ratio
    square = kernel.step * carry
    n, shape = len(k), frequency.shape
    down, out = np.empty((n, *shape)), np.empty((n, *shape))
    added, sink = np.zeros(shape), np.zeros(shape)
    below = _below(kernel.step)
    for j in range(n - 1, 0, -1):
        v = kernel.down[j][:, None] * frequency + added
        loss = k[j][:, None] + sink
        out[j] = v * below[j][:, None] + loss
        down[j] = v
        inside = v / out[j]
        lost = np.divide(loss, out[j], out=np.ones(shape), where=np.isfinite(loss))
        added = (added + inside * v) * square[j][:, None]
        sink = (sink + v * lost) * carry[j][:, None]
    down[0] = out[0] = 0.0
    return Factors(kernel.step, carry, down, out, sink + k[0][:, None])


def _below(step: Array) -> Array:
    """Sum of u_i / u_j over i < j."""
    found = np.zeros_like(step)
    for j in range(1, len(step)):
        found[j] = step[j] * (1.0 + found[j - 1])
    return found


def solve(factors: Factors, source: Array) -> Array:
    """Population over the Boltzmann one of the stationary state that a source sustains.

    source : over the Boltzmann distribution [1/s], shape (grains, T, p);  result alike, no unit
    """
    n = len(source)
    given, found = np.empty_like(source), np.empty_like(source)
    carried = np.zeros_like(factors.sink)
    for j in range(n - 1, 0, -1):
        given[j] = source[j] + carried
        carried = (carried + factors.down[j] * (given[j] / factors.out[j])) * factors.carry[j][:, None]
    found[0] = (source[0] + carried) / factors.sink
    from_below = np.zeros_like(factors.sink)
    for j in range(1, n):
        from_below = factors.step[j][:, None] * (found[j - 1] + from_below)
        found[j] = (given[j] + factors.down[j] * from_below) / factors.out[j]
    return found


@dataclass(frozen=True)
class Decay:
    """Of a well:  rate : its slowest decay [1/s], shape (T, p);  passage : mean time [s] until a molecule of the
    Boltzmann distribution has left;  population : of the decaying well over the Boltzmann one, shape (grains, T, p)
    """

    rate: Array
    passage: Array
    population: Array


def decay(kernel: Transfer, weights: Array, frequency: Array, k: Array) -> Decay:
    """The slowest mode by inverse iteration.  weights : Boltzmann distribution of the grains, shape (grains, T).

    Raises DivergenceError where the slowest modes cannot be told apart.
    """
    factors = eliminate(kernel, frequency, k)
    if not np.all(factors.sink > 0):
        raise DivergenceError("the rate is below the smallest number there is: a higher temperature, please")
    w = weights[:, :, None]
    shape = np.ones((len(k), *frequency.shape))
    passage, rate = None, np.zeros(frequency.shape)
    for _ in range(ITERATIONS):
        found = solve(factors, shape)
        if passage is None:
            passage = (w * found).sum(axis=0)
        last, rate = rate, (w * shape * shape).sum(axis=0) / (w * shape * found).sum(axis=0)
        shape = found / (w * found).sum(axis=0)
        if np.all(np.abs(rate - last) <= TOLERANCE * rate):
            return Decay(rate, passage, shape)
    raise DivergenceError(
        f"the slowest mode of the master equation did not settle in {ITERATIONS} iterations: other modes are as slow"
    )
