"""Reference flames: Cantera's free flame on a grid, on the same grid halved and halved again, and extrapolated.

Cantera convects by first-order upwind differences, so a speed still moves by a tenth of a percent at thousands of
points, and refining by criteria changes the pattern of the grid, which blurs how fast it converges. Cutting every
interval in two keeps the pattern: the error then halves, and Richardson's extrapolation removes it. Every grid is
solved to the tolerances of `combust.kinetics.flames.grids`: at Cantera's own, what Newton's method leaves is 0.2 % of
the speed of a lean hydrogen flame.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import cantera as ct
import numpy as np

from combust.kinetics.flames.free import FlameProfile, FlameQuery, begin_from, compute_or_load, free_flame
from combust.kinetics.flames.grids import STEADY_TOLERANCE, halve, solve_on_grid
from combust.kinetics.flames.store import cache_folder
from combust.kinetics.mechanism.mechanism import Mechanism

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
    first = free_flame(mechanism, T_UNBURNT, PRESSURE, fuel, AIR, phi, slope=slope, curve=slope * 5 / 3)
    gas = Mechanism.load(mechanism)
    query = query_of(gas, T_UNBURNT, PRESSURE, fuel, phi, first)
    grids = [_kept("settled", gas, query, first, settled)]
    for _ in range(HALVINGS):
        grids.append(_kept("halved", gas, query, grids[-1], halved))
    return Reference(tuple(grids))


def query_of(gas: Mechanism, T: float, p: float, fuel: str, phi: float, flame: FlameProfile) -> FlameQuery:
    """The question that grids made of `flame` answer: T [K], p [Pa], fuel in air; named by the flame's own speed."""
    numbers = ("mixture-averaged", float(flame.x[-1]), 0.0, 0.0, 2 * len(flame.x), f"reference {flame.grid_speed:.9g}")
    return FlameQuery(gas.sha256, gas.name, T, p, fuel, AIR, phi, *numbers)


def settled(query: FlameQuery, gas: Mechanism, flame: FlameProfile) -> FlameProfile:
    """`flame` on its own grid, to the tolerances of combust.kinetics.flames.grids."""
    known = _begun(query, gas, flame)
    solve_on_grid(known, 0)
    return _profile(flame, known)


def halved(query: FlameQuery, gas: Mechanism, flame: FlameProfile) -> FlameProfile:
    """`flame` with every interval cut in two."""
    return _profile(flame, halve(_begun(query, gas, flame), query))


def _begun(query: FlameQuery, gas: Mechanism, flame: FlameProfile) -> ct.FreeFlame:
    """Cantera's flame that holds `flame` on its grid."""
    solution = gas.cantera()
    solution.TP = query.T, query.p
    solution.set_equivalence_ratio(query.phi, query.fuel, query.oxidizer)
    known = ct.FreeFlame(solution, grid=flame.x)
    known.transport_model = query.transport
    known.set_max_grid_points(known.flame, max(query.max_points, len(flame.x)))
    middle = int(np.abs(flame.T - 0.75 * flame.T[0] - 0.25 * flame.T[-1]).argmin())
    begin_from(known, solution, flame.T, flame.u * (flame.grid_speed / flame.speed), flame.Y, float(flame.T[middle]))
    return known


def _profile(like: FlameProfile, flame: ct.FreeFlame) -> FlameProfile:
    speed = float(flame.velocity[0])
    arrays = {"x": flame.grid, "T": flame.T, "u": flame.velocity, "rho": flame.density, "Y": flame.Y}
    return replace(like, **{k: np.array(v) for k, v in arrays.items()}, speed=speed, grid_speed=speed)


def _kept(
    kind: str,
    gas: Mechanism,
    query: FlameQuery,
    flame: FlameProfile,
    make: Callable[[FlameQuery, Mechanism, FlameProfile], FlameProfile],
) -> FlameProfile:
    """What `make` makes of `flame`, from the cache if it is there."""
    digest = hashlib.sha256(f"{gas.sha256} {ct.__version__} {STEADY_TOLERANCE}".encode())
    for array in (flame.x, flame.T, flame.Y):
        digest.update(np.ascontiguousarray(array).tobytes())
    path = cache_folder() / f"{kind}-{digest.hexdigest()[:32]}.npz"
    return compute_or_load(path, lambda: make(query, gas, flame))
