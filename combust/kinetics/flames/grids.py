"""Flames of Cantera on finer and wider grids, and what their speeds say about zero spacing.

Cantera convects by first-order upwind differences: the error of a flame speed is in proportion to the spacing. Cutting
every interval in two keeps the pattern of the grid, the error halves, and Richardson's extrapolation removes it; what
is left is of second order, so a hundred points, cut twice, give a speed to a tenth of a percent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cantera as ct
import numpy as np

from combust.kinetics.flames.radiation import radiate
from combust.kinetics.flames.solver import TRANSPORT, Query

# Far below Cantera's 1e-4 and 1e-9: extrapolation magnifies what Newton's method leaves, the more the finer the grid.
# On 3361 points 1e-5 still leaves 0.05 % of the speed (H2/air, phi 0.6, 10 atm), 1e-6 a thousandth.
STEADY_TOLERANCE = (1e-6, 1e-11)
TAIL = 12  # points of the gas beyond the end of a widened grid


@dataclass(frozen=True)
class Extrapolation:
    """Speeds [m/s] on successively halved grids, coarsest first."""

    speeds: tuple[float, ...]

    @property
    def speed(self) -> float:
        """At zero spacing, from the two finest grids [m/s]."""
        return 2 * self.speeds[-1] - self.speeds[-2]

    @property
    def error(self) -> float:
        """Relative change of the extrapolated speed by the last halving; its error is about a third of that."""
        if len(self.speeds) < 3:
            return math.inf
        a, b, c = self.speeds[-3:]
        return abs((2 * c - b) - (2 * b - a)) / abs(2 * c - b)

    @property
    def grid_error(self) -> float:
        """Relative error of the finest grid's own speed."""
        return self.speeds[-1] / self.speed - 1


def halved(x: np.ndarray) -> np.ndarray:
    """The grid (points,) with a point in the middle of every interval: (2 points - 1,)."""
    fine = np.empty(2 * len(x) - 1)
    fine[::2], fine[1::2] = x, 0.5 * (x[1:] + x[:-1])
    return fine


def widened(x: np.ndarray) -> np.ndarray:
    """The grid (points,) m, continued to twice its width."""
    return np.concatenate([x, x[-1] + (x[-1] - x[0]) * np.linspace(0.0, 1.0, TAIL + 1)[1:] ** 1.5])


def begin(flame: Any, known: Any, query: Query, components: Sequence[str]) -> None:
    """Takes the solution of `known` as the guess of `flame`: monotone cubics, constant beyond the end of its grid."""
    from scipy.interpolate import PchipInterpolator

    flame.transport_model = TRANSPORT[query.transport]
    flame.soret_enabled = query.soret
    radiate(flame, query)
    flame.set_max_grid_points(flame.flame, max(query.max_points, len(flame.grid)))
    x = np.minimum(flame.grid, known.grid[-1])
    ct.FlameBase.set_initial_guess(flame)  # marks it as begun, else `solve` makes a guess of its own
    rows = [known.flame.values(name) for name in components]
    for name, values in (*zip(components, rows, strict=True), *zip(known.gas.species_names, known.Y, strict=True)):
        flame.flame.set_values(name, PchipInterpolator(known.grid, values)(x))


def solve_on_grid(flame: Any, loglevel: int) -> None:
    """Solves a begun flame on its own grid. Raises CanteraError."""
    flame.flame.set_steady_tolerances(default=STEADY_TOLERANCE)
    flame.solve(loglevel=loglevel, refine_grid=False)


def halve(known: ct.FreeFlame, query: Query, loglevel: int = 0) -> ct.FreeFlame:
    """The free flame with every interval cut in two. Raises CanteraError."""
    gas = known.gas
    gas.TPY = known.inlet.T, known.P, known.inlet.Y
    mass_flux = gas.density * known.velocity[0]
    flame = ct.FreeFlame(gas, grid=halved(known.grid))
    begin(flame, known, query, ("velocity", "T"))
    flame.inlet.mdot = mass_flux
    flame.fixed_temperature = known.fixed_temperature
    solve_on_grid(flame, loglevel)
    return flame


def extrapolate(
    flame: ct.FreeFlame, query: Query, enough: Callable[[Extrapolation], bool], loglevel: int
) -> tuple[ct.FreeFlame, Extrapolation]:
    """Halves the grid until `enough` of the speeds, or no finer grid stays within query.max_points.

    Returns the flame on the finest grid and the speeds. Raises CanteraError where a grid cannot be solved.
    """
    found = Extrapolation((float(flame.velocity[0]),))
    while not enough(found) and 2 * len(flame.grid) - 1 <= query.max_points:
        flame = halve(flame, query, loglevel)
        found = Extrapolation((*found.speeds, float(flame.velocity[0])))
    return flame, found
