"""The branch of counterflow flames followed past its turning point, at one ratio of the jets' momentum fluxes.

Where a flame goes out the strain turns back, so that the strain cannot lead along the branch, but temperatures can: at
a point on either side of the flame T is held, lowered a little, and the velocities of both jets are what the solution
gives (Nishioka, Law, Takeno 1996, 10.1016/0010-2180(95)00132-8; Cantera's two-point control). Lowering T on both sides
strains the flame; lowering it on one side and raising it on the other moves the flame, hence the ratio of momentum
fluxes: the difference of the two is chosen so that the ratio stays.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import astuple, dataclass, fields
from typing import Any

import cantera as ct
import numpy as np

from combust.errors import DivergenceError
from combust.kinetics.flames.solver import last_line

logger = logging.getLogger(__name__)

HEIGHT = 0.9  # of the rise of temperature, where it is held
FIRST_DROP, LEAST_DROP, LARGEST_DROP = 10.0, 0.3, 60.0  # K
STRETCH, COOLING = 0.15, 15.0  # of ln strain, and of the highest temperature [K], in a step
MOVES = -1.5e-3  # 1/K: of ln ratio by the difference of temperatures; found anew along the branch
RATIO = 0.01  # that the ratio of momentum fluxes may be off, relative
PAST = 0.92  # of the largest strain, where the other branch has gone far enough
MOST_STEPS, MOST_FAILURES = 400, 12
TIME_STEPS = 20  # a step that needs more has left the branch


@dataclass(frozen=True)
class Point:
    """A flame of the branch; velocities away from the jets [m/s], strain rates [1/s]."""

    strain: float  # global, 2 u_o / L (1 + u_f sqrt(rho_f) / (u_o sqrt(rho_o)))
    strain_max: float  # greatest |du/dx|
    strain_fuel: float  # sqrt(-Lambda / rho) of either jet: that of a potential flow of the same pressure curvature
    strain_oxidizer: float
    T_max: float  # K
    u_fuel: float
    u_oxidizer: float
    momentum_ratio: float  # rho u^2 of the fuel over that of the oxidizer

    @classmethod
    def of(cls, flame: ct.CounterflowDiffusionFlame) -> Point:
        """Measures a flame."""
        x, u, rho = flame.grid, flame.velocity, flame.density
        fuel, oxidizer, width = float(u[0]), float(-u[-1]), float(x[-1] - x[0])
        roots = math.sqrt(rho[0] / rho[-1])
        return cls(
            2 * (oxidizer + fuel * roots) / width, float(flame.strain_rate("max")),
            float(flame.strain_rate("potential_flow_fuel")), float(flame.strain_rate("potential_flow_oxidizer")),
            float(flame.T.max()), fuel, oxidizer, (fuel * roots / oxidizer) ** 2,
        )  # fmt: skip


@dataclass
class Branch:
    """Walks along the branch from a burning flame. ratio : of momentum fluxes, kept; inlet : the hotter jet, K."""

    flame: ct.CounterflowDiffusionFlame
    name: str
    ratio: float
    inlet: float
    moves: float = MOVES
    drifts: float = 0.0  # 1/K: of ln ratio by the drop

    def __post_init__(self) -> None:
        self.flame.two_point_control_enabled = True
        self.flame.flame.set_bounds(spread_rate=(-1e-5, 1e20))  # jets that flow out are no solution
        self.flame.max_time_step_count = TIME_STEPS

    @property
    def off(self) -> float:
        """ln of the ratio of momentum fluxes over that asked for."""
        return math.log(Point.of(self.flame).momentum_ratio / self.ratio)

    def step(self, drop: float, refine: bool) -> Point:
        """One flame further, with the ratio put right. Raises CanteraError, with the flame as it was."""
        before = self.flame.to_array()
        try:
            off = self.off
            skew = float(np.clip(-(off + self.drifts * drop) / self.moves, -3 * drop, 3 * drop))
            self._solve(drop, skew, refine)
            self.drifts = (self.off - off - self.moves * skew) / drop
            for _ in range(3):
                if abs(off := self.off) <= RATIO:
                    break
                skew = float(np.clip(-off / self.moves, -3 * drop, 3 * drop))
                self._solve(0.0, skew, False)
                self._learn((self.off - off) / skew)
        except ct.CanteraError:
            self.flame.from_array(before)
            raise
        return Point.of(self.flame)

    def _learn(self, moves: float) -> None:
        """What a difference of temperatures has moved; a measurement beyond reason is none."""
        if 0.25 < moves / self.moves < 4:
            self.moves = moves

    def _solve(self, drop: float, skew: float, refine: bool) -> None:
        flame = self.flame
        level = self.inlet + HEIGHT * (flame.T.max() - self.inlet)
        flame.set_left_control_point(level)
        flame.set_right_control_point(level)
        flame.left_control_point_temperature += skew - drop
        flame.right_control_point_temperature -= skew + drop
        flame.solve(loglevel=0, refine_grid=refine)
        if not (flame.velocity[0] > 0 > flame.velocity[-1]):
            raise ct.CanteraError("a jet flows out")


@dataclass(frozen=True)
class Trace:
    """The branch, the flame before the turning point, and the drop [K] with which it was walked there."""

    points: tuple[Point, ...]
    before: Any  # SolutionArray
    drop: float


def trace(branch: Branch, progress: Callable[[int], None]) -> Trace:
    """Follows the branch until the strain has turned back. Raises DivergenceError where it cannot be followed."""
    points, states = [Point.of(branch.flame)], [branch.flame.to_array()]
    drops, drop, failures, turn = [FIRST_DROP], FIRST_DROP, 0, 0
    while len(points) < MOST_STEPS:
        try:
            found = branch.step(drop, True)
        except ct.CanteraError as error:
            logger.info("%s: step of %.3g K from %.4g 1/s: %s", branch.name, drop, points[-1].strain, last_line(error))
            failures, drop = failures + 1, drop / 2
            if drop >= LEAST_DROP and failures <= MOST_FAILURES:
                continue
            if turn:
                break
            raise DivergenceError(lost(branch.name, points[-1], error)) from error
        progress(len(points))
        stretch, cooling = abs(math.log(found.strain / points[-1].strain)), abs(found.T_max - points[-1].T_max)
        points.append(found)
        states.append(branch.flame.to_array())
        drops.append(drop)
        turn = int(np.argmax([point.strain for point in points]))
        turn = turn if turn < len(points) - 2 else 0
        if turn and found.strain < PAST * points[turn].strain:
            break
        drop = min(LARGEST_DROP, drop * next_length(stretch, cooling))
    if not turn:
        raise DivergenceError(f"{branch.name}: no turning point within {len(points)} flames")
    start = max(turn - 2, 0)  # on a finer grid the strain turns back a little earlier or later
    return Trace(tuple(points), states[start], drops[turn])


def next_length(stretch: float, cooling: float) -> float:
    """By how much the next step is longer than one that changed ln strain and T_max [K] so."""
    allowed = min(STRETCH / max(stretch, 1e-9), COOLING / max(cooling, 1e-9))
    return min(1.5, max(0.5, allowed))


def lost(name: str, last: Point, error: Exception) -> str:
    """What to say where the branch ends before it turns."""
    return (
        f"{name}: the branch cannot be followed beyond a strain rate of {last.strain:.4g} 1/s, {last.T_max:.0f} K; "
        f"begin at another --strain, or on a finer grid. Cantera: {last_line(error)}"
    )


def turning_point(branch: Branch, drop: float) -> Point:
    """Walks over the turning point on one grid with short steps; all of a point is at the vertex of parabolas in T_max.

    Raises DivergenceError where no turning point is found.
    """
    points, failures = [Point.of(branch.flame)], 0
    while len(points) < MOST_STEPS:
        try:
            points.append(branch.step(drop, False))
        except ct.CanteraError as error:
            failures, drop = failures + 1, drop / 2
            if failures > MOST_FAILURES or drop < LEAST_DROP:
                raise DivergenceError(lost(branch.name, points[-1], error)) from error
            continue
        top = int(np.argmax([point.strain for point in points]))
        if 0 < top < len(points) - 1:
            return vertex(points[top - 1], points[top], points[top + 1])
        if top == 0 and len(points) > MOST_FAILURES:
            break
    raise DivergenceError(f"{branch.name}: no turning point within {len(points)} flames")


def vertex(*three: Point) -> Point:
    """The point of largest strain of the parabolas through three."""
    rows = np.array([astuple(point) for point in three])
    T = rows[:, [field.name for field in fields(Point)].index("T_max")]
    middle = T[1]
    curves = np.polyfit(T - middle, rows, 2)  # (power, column)
    at = -curves[1, 0] / (2 * curves[0, 0])
    return Point(*(curves[0] * at**2 + curves[1] * at + curves[2]).tolist())
