"""Reference flames: Cantera's free flame on a grid, on the same grid halved and halved again, and extrapolated.

Cantera convects by first-order upwind differences, so a speed still moves by a tenth of a percent at thousands of
points, and refining by criteria changes the pattern of the grid, which blurs how fast it converges. Cutting every
interval in two keeps the pattern: the error then halves, and Richardson's extrapolation removes it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import cantera as ct
import numpy as np

from combust.kinetics.flame1d import FlameProfile, compute_or_load, free_flame
from combust.kinetics.flame_store import cache_folder
from combust.kinetics.mechanism import Mechanism

T_UNBURNT, PRESSURE, AIR = 300.0, 101325.0, "O2:0.21, N2:0.79"
HALVINGS = 2


@dataclass(frozen=True)
class Reference:
    """A free flame on successively halved grids, coarsest first."""

    grids: tuple[FlameProfile, ...]

    @property
    def finest(self) -> FlameProfile:
        return self.grids[-1]

    @property
    def ratio(self) -> float:
        """Ratio of successive changes of the speed: 2 where the error is of first order."""
        a, b, c = (g.speed for g in self.grids[-3:])
        return (a - b) / (b - c)

    @property
    def extrapolations(self) -> tuple[float, float]:
        """Speeds at zero spacing from the two coarser and from the two finer grids [m/s]."""
        a, b, c = (g.speed for g in self.grids[-3:])
        return 2 * b - a, 2 * c - b

    @property
    def speed(self) -> float:
        """Speed at zero spacing [m/s]."""
        return self.extrapolations[1]


def reference(mechanism: str, fuel: str, phi: float, slope: float) -> Reference:
    """The free flame of fuel and air at 300 K, 1 atm; slope: refinement of the first grid (curve is 5/3 of it)."""
    grids = [free_flame(mechanism, T_UNBURNT, PRESSURE, fuel, AIR, phi, slope=slope, curve=slope * 5 / 3)]
    gas = Mechanism.load(mechanism)
    for _ in range(HALVINGS):
        coarse = grids[-1]
        digest = hashlib.sha256(f"{gas.sha256} {ct.__version__}".encode())
        for array in (coarse.x, coarse.T, coarse.Y):
            digest.update(np.ascontiguousarray(array).tobytes())
        path = cache_folder() / f"halved-{digest.hexdigest()[:32]}.npz"
        grids.append(compute_or_load(path, lambda gas=gas, coarse=coarse: halve(gas, coarse)))
    return Reference(tuple(grids))


def halve(gas: Mechanism, coarse: FlameProfile) -> FlameProfile:
    """The flame on the grid of `coarse` with a point in the middle of every interval."""
    x = np.empty(2 * len(coarse.x) - 1)
    x[::2], x[1::2] = coarse.x, 0.5 * (coarse.x[1:] + coarse.x[:-1])
    solution = gas.cantera()
    u, T, *Y = (np.interp(x, coarse.x, f) for f in (coarse.u, coarse.T, *coarse.Y))
    guess = ct.SolutionArray(solution, len(x), extra={"grid": x, "velocity": u})
    guess.TPY = T, coarse.pressure, np.array(Y).T
    solution.TPY = coarse.T[0], coarse.pressure, coarse.Y[:, 0]
    flame = ct.FreeFlame(solution, grid=x)
    flame.transport_model = "mixture-averaged"
    flame.set_max_grid_points(flame.flame, 2 * len(x))
    flame.set_initial_guess(data=guess)
    flame.solve(loglevel=0, refine_grid=False, auto=False)
    return replace(
        coarse, x=np.array(flame.grid), T=np.array(flame.T), u=np.array(flame.velocity), rho=np.array(flame.density),
        Y=np.array(flame.Y), speed=float(flame.velocity[0]))
