"""Jets into gas at rest, far from the nozzle, by k-epsilon as equations of one dimension: their own solution.

With eta = y/x the speed is A x^-a u(eta), k is A^2 x^-2a K and epsilon A^3 x^-(3a+1) E, a = 1 of a round jet (m = 1)
and 1/2 of a plane one (m = 0). With F the integral of eta^m u and N = C_mu K^2/E the equations of thin jets are
-a (F u)' = (eta^m N u')',
-a (F K)' - a eta^m u K = (eta^m N K'/sigma_k)' + eta^m (N S - E),
-a (F E)' - (2a + 1) eta^m u E = (eta^m N E'/sigma_e)' + eta^m (C_1 N S - C_2 E) E/K, S = u'^2.
No number of the jet is left: how fast it spreads, eta where u is half of that in the middle, follows from the
constants alone. Known are 0.120 for round and 0.108 for plane jets with the standard ones (S. B. Pope, AIAA J. 16
(1978) 279, doi:10.2514/3.7521; D. C. Wilcox, Turbulence Modeling for CFD, 1998). What thin jets leave out is of the
order of eta^2 and as similar: S of all slopes, diffusion along x, the stress along x and the pressure that the balance
across the jet asks for; a solver of the full equations has it. Iterated as a march in ln x until the width rests.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_banded

Array = NDArray[np.float64]
C_MU, C_2, SIGMA_K, SIGMA_EPSILON = 0.09, 1.92, 1.0, 1.3
TOP, STEP, MOST, SETTLED = 0.4, 0.02, 4000, 1e-9  # eta of the outer edge; of ln x; iterations; of the width
RAMP, EDGE = 200, 0.02
AMBIENT = (1e-6, 1e-8, 1e-11)  # u, K and E of what is drawn in


@dataclass(frozen=True)
class Jet:
    """Speed, radial speed and eddies over eta = y/x, where the speed in the middle is 1; spread : eta of half of it."""

    round: bool
    eta: Array
    u: Array
    v: Array
    K: Array
    E: Array
    spread: float

    @property
    def decay(self) -> float:
        """a: the speed falls as x^-a."""
        return 1.0 if self.round else 0.5

    def at(self, x: Array | float, y: Array | float) -> tuple[Array, Array, Array, Array]:
        """u, v, k and epsilon where the speed in the middle is x^-a, in units of x = 1."""
        eta, a = np.asarray(y / x), self.decay
        u, v, K, E = (np.interp(eta, self.eta, f) for f in (self.u, self.v, self.K, self.E))
        beyond = self.eta[-1] / np.maximum(eta, self.eta[-1])
        return u * x**-a, v * (beyond if self.round else 1.0) * x**-a, K * x ** (-2 * a), E * x ** (-3 * a - 1)


class Cells:
    """Equal cells of eta from the middle to TOP."""

    def __init__(self, count: int, is_round: bool):
        self.m, self.a = int(is_round), 1.0 if is_round else 0.5
        faces = np.linspace(0.0, TOP, count + 1)
        self.y = 0.5 * (faces[1:] + faces[:-1])
        self.volume = np.diff(faces ** (self.m + 1)) / (self.m + 1)
        self.across = faces[1:-1] ** self.m / np.diff(self.y)

    def drawn(self, u: Array) -> Array:
        """F at the faces."""
        return np.concatenate([[0.0], np.cumsum(u * self.volume)])

    def advanced(self, f: Array, u: Array, diffusivity: Array, source: Array, sink: Array, ambient: float) -> Array:
        """f after a step of ln x: what F draws inwards, diffusion, source - sink f; upwind where F is the stronger."""
        inwards = self.a * self.drawn(u)
        half = 0.5 * inwards[1:-1]
        d = np.maximum(self.across * 0.5 * (diffusivity[1:] + diffusivity[:-1]), half)
        from_left, from_right = d - half, d + half
        time = self.volume * (u + 0.1) / STEP  # what lasts does not hang on 0.1
        matrix = np.zeros((3, len(f)))
        matrix[1] = time + sink * self.volume
        matrix[1, :-1] += from_left
        matrix[0, 1:] -= from_right
        matrix[1, 1:] += from_right
        matrix[2, :-1] -= from_left
        known = time * f + source * self.volume
        known[-1] += inwards[-1] * ambient
        return np.asarray(solve_banded((1, 1), matrix, known))

    def across_speed(self, u: Array) -> Array:
        """v, from the balance of volume."""
        F = self.drawn(u)
        return self.y * u - self.a * 0.5 * (F[1:] + F[:-1]) / self.y**self.m

    def slope(self, f: Array) -> Array:
        """d/deta, zero in the middle and at the outer edge of what it is taken of."""
        between = np.concatenate([[0.0], np.diff(f) / np.diff(self.y), [0.0]])
        return np.asarray(0.5 * (between[1:] + between[:-1]))

    def along(self, f: Array, power: float) -> Array:
        """d/dx of x^-power f(eta), times x^(power + 1)."""
        return -power * f - self.y * np.gradient(f, self.y)

    def strain(self, u: Array) -> Array:
        """S of all slopes."""
        v = self.across_speed(u)
        hoop = v / self.y if self.m else 0.0 * v
        square = self.along(u, self.a) ** 2 + np.gradient(v, self.y) ** 2 + hoop**2
        return np.asarray(2.0 * square + (self.slope(u) + self.along(v, self.a)) ** 2)

    def force(self, u: Array, N: Array) -> Array:
        """Of what thin jets leave out: the stress along the jet, the other part of the shear, and the pressure."""
        a, m, y, v = self.a, self.m, self.y, self.across_speed(u)
        turns, widens = self.along(v, a), np.gradient(v, y)
        slope = -(u * turns + v * widens) + self.along(N * (self.slope(u) + turns), 2 * a)
        slope += 2.0 * np.gradient(y**m * N * widens, y) / y**m - 2.0 * m * N * v / y**2
        mean = 0.5 * (slope[1:] + slope[:-1]) * np.diff(y)
        pressure = np.concatenate([-np.cumsum(mean[::-1])[::-1], [0.0]])
        stress = self.along(2.0 * N * self.along(u, a), 2 * a) + np.gradient(y**m * N * turns, y) / y**m
        return np.asarray(stress + 2 * a * pressure + y * slope)

    def diffused_along(self, f: Array, N: Array, power: float) -> Array:
        """Diffusion along the jet of x^-power f, less that by N eta^2 across it."""
        next_power = self.a + power
        change = (next_power + power - 1.0 - self.m) * N * self.slope(f)
        return np.asarray(next_power * power * N * f + self.y * (power * np.gradient(N, self.y) * f + change))


@lru_cache
def jet(is_round: bool, c_1: float, cells: int = 100, thin: bool = True) -> Jet:
    """What lasts; thin : as long, thin jets have it, else with all terms. Raises RuntimeError where nothing does."""
    on = Cells(cells, is_round)
    u = np.exp(-np.log(2.0) * (on.y / 0.09) ** 2) + 1e-4
    K = 0.08 * u
    f = np.stack([u, K, C_MU**0.75 * K**1.5 / 0.0144])
    f, width = _lasting(on, f, c_1, 0)
    if not thin:
        f, width = _lasting(on, f, c_1, RAMP)
    u0 = f[0, 0]
    return Jet(is_round, on.y, f[0] / u0, on.across_speed(f[0]) / u0, f[1] / u0**2, f[2] / u0**3, width)


def _lasting(on: Cells, f: Array, c_1: float, ramp: int) -> tuple[Array, float]:
    """u, K, E and the width; ramp : steps in which the terms that thin jets leave out come in, 0: never."""
    width = 0.0
    for step in range(MOST):
        f = _marched(on, f, c_1, min(1.0, step / ramp) if ramp else 0.0)
        before, width = width, float(np.interp(-0.5, -f[0] / f[0, 0], on.y))
        if step > ramp and abs(width - before) < SETTLED:
            return f, width
    raise RuntimeError(f"the jet with C_1 = {c_1} does not settle")


def _marched(on: Cells, f: Array, c_1: float, all_terms: float) -> Array:
    """A step on; all_terms : share of those that thin jets leave out, which go to zero where u does."""
    u, K, E = f
    N, rate, a = C_MU * K * K / E, E / K, on.a
    share = all_terms * u**2 / (u**2 + (EDGE * u[0]) ** 2)
    S, wider = (1 - share) * on.slope(u) ** 2 + share * on.strain(u), 1.0 + share * on.y**2
    k_source = N * S + a * u * K + share * on.diffused_along(K, N / SIGMA_K, 2 * a)
    e_source = c_1 * C_MU * K * S + (2 * a + 1) * u * E
    e_source = e_source + share * on.diffused_along(E, N / SIGMA_EPSILON, 3 * a + 1)
    found = (
        on.advanced(u, u, N, share * on.force(u, N), 0.0 * u, AMBIENT[0]),
        on.advanced(K, u, wider * N / SIGMA_K, k_source, rate, AMBIENT[1]),
        on.advanced(E, u, wider * N / SIGMA_EPSILON, e_source, C_2 * rate, AMBIENT[2]),
    )
    return np.stack([np.maximum(g, 1e-3 * least) for g, least in zip(found, AMBIENT, strict=True)])
