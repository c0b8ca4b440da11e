"""Free flames of a mechanism whose rate constants are uncertain: slopes of the speed by Cantera's adjoint, and flames
that are solved again with other rates.

All of them stand on the grid of the nominal flame, whose own error then cancels in ratios of speeds. Each is kept in
the cache of flames. Cantera's adjoint may be wrong where a mechanism has reverse rates beyond all measure
(https://github.com/Cantera/cantera/issues/1942); flames that are solved again show it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cantera as ct
import numpy as np

from combust.errors import ConfigError, DivergenceError
from combust.kinetics.flames.free import FlameProfile, begin_from, free_flame
from combust.kinetics.flames.grids import solve_on_grid
from combust.kinetics.flames.solver import TRANSPORT, last_line
from combust.kinetics.flames.store import file_of, stored
from combust.kinetics.mechanism.changes import with_changes
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.uncertainty.laws import REFERENCE

# Relative step, absolute one and threshold of the differences that Cantera's Jacobian is made of. Cantera's own step,
# 1e-5, makes slopes percents wrong; the error falls with the step: the study `adjoint_step`.
JACOBIAN = (1e-7, 1e-10, 0.0)
FORMAT = 2  # raise when the stored content changes
LEAST_RISE = 0.3  # of the nominal flame's rise of T, below which a flame is out


@dataclass(frozen=True)
class Fresh:
    """Unburnt gas and how its flame is solved, as `free_flame` takes them."""

    T: float
    p: float
    fuel: str
    oxidizer: str
    phi: float
    transport: str = "mixture-averaged"
    soret: bool = False
    refine: str = "extrapolated"
    width: float = 0.02
    max_points: int = 6000

    def flame(self, gas: Mechanism) -> FlameProfile:
        """The nominal flame, from the cache if it is there. Raises ConfigError, DivergenceError."""
        known: dict[str, Any] = {"transport": self.transport, "refine": self.refine}
        return free_flame(gas, self.T, self.p, self.fuel, self.oxidizer, self.phi, width=self.width,
                          max_points=self.max_points, soret=self.soret, **known)  # fmt: skip

    def __str__(self) -> str:
        mixture = f"{self.fuel} in {self.oxidizer}, phi {self.phi:g}" if self.oxidizer else self.fuel
        return f"flame of {mixture}, {self.T:g} K, {self.p:g} Pa"


@dataclass(frozen=True)
class Question:
    """All that determines what is asked of a flame on the grid of another; its digest names the file in the cache."""

    what: str
    nominal_sha256: str
    sha256: str
    phase: str
    fresh: Fresh
    cantera: str = ct.__version__
    format: int = FORMAT


@dataclass(frozen=True)
class Slopes:
    """d ln speed / d ln k (reactions,) where k moves alike at all T, by ln(T / 1500 K), and by 1500 K / T - 1.

    The last two are NaN of reactions whose A, b, Ea a phase of Cantera cannot change in place.
    """

    speed: float
    alike: np.ndarray
    power: np.ndarray
    energy: np.ndarray


@dataclass(frozen=True)
class Speed:
    """m/s, on the grid of the nominal flame."""

    speed: float


def slopes(gas: Mechanism, fresh: Fresh, over_T: bool) -> Slopes:
    """Of the speed of a flame; power and energy are NaN unless `over_T`. Raises ConfigError, DivergenceError."""
    question = Question("slopes over T" if over_T else "slopes", gas.sha256, gas.sha256, gas.name, fresh)
    return stored(file_of("flame-slopes", question), Slopes, lambda: by_adjoint(gas, fresh, over_T))


def speed(nominal: Mechanism, gas: Mechanism, fresh: Fresh) -> float:
    """m/s, of a mechanism of the same species on the grid of the nominal one's flame. Raises DivergenceError."""
    question = Question("speed", nominal.sha256, gas.sha256, gas.name, fresh)

    def compute() -> Speed:
        return Speed(float(_solved(gas, fresh, fresh.flame(nominal)).velocity[0]))

    return stored(file_of("flame-speed", question), Speed, compute).speed


def _solved(gas: Mechanism, fresh: Fresh, known: FlameProfile) -> ct.FreeFlame:
    """The flame on the grid of `known`, which is its guess. Raises DivergenceError."""
    solution = gas.cantera()
    solution.TPX = fresh.T, fresh.p, fresh.fuel
    if fresh.oxidizer:
        solution.set_equivalence_ratio(fresh.phi, fresh.fuel, fresh.oxidizer)
    flame = ct.FreeFlame(solution, grid=known.x)
    flame.transport_model = TRANSPORT[fresh.transport]
    flame.soret_enabled = fresh.soret
    flame.set_max_grid_points(flame.flame, len(known.x) + 1)
    # Held at a temperature that a point of the grid has: Cantera then adds none.
    middle = int(np.abs(known.T - 0.5 * (known.T[0] + known.T[-1])).argmin())
    begin_from(flame, solution, known.T, known.u, known.Y, float(known.T[middle]))
    try:
        solve_on_grid(flame, 0)
    except ct.CanteraError as error:
        raise DivergenceError(f"{fresh}: with other rates Cantera finds no flame: {last_line(error)}") from error
    found = float(flame.velocity[0])
    if not found > 0 or flame.T.max() - fresh.T < LEAST_RISE * (known.T.max() - fresh.T):
        raise DivergenceError(f"{fresh}: with other rates the flame is out ({flame.T.max():.0f} K, {found:.3g} m/s)")
    return flame


def by_adjoint(gas: Mechanism, fresh: Fresh, over_T: bool, step: tuple[float, float, float] = JACOBIAN) -> Slopes:
    """Slopes that no file keeps, by one adjoint solution each;  step : relative, absolute, threshold of the Jacobian's
    differences. Raises ConfigError, DivergenceError.
    """
    if gas.qss:
        raise ConfigError("flame speeds: a mechanism with species in quasi-steady state has no adjoint: take the one "
                          "that it was made of")  # fmt: skip
    flame = _solved(gas, fresh, fresh.flame(gas))
    solution, n = flame.gas, flame.gas.n_reactions
    gradient = np.zeros(sum(domain.n_components * domain.n_points for domain in flame.domains))
    gradient[flame.inlet.n_components + flame.flame.component_index("velocity")] = 1.0
    value = float(flame.velocity[0])
    flame.set_jacobian_perturbation(*step)

    def of(perturb: Callable[[object, int, float], None]) -> np.ndarray:
        solve: Callable[..., object] = flame.solve_adjoint  # its stub returns nothing
        return np.asarray(solve(perturb, n, gradient)) / value

    alike = of(lambda sim, i, dp: solution.set_multiplier(1.0 + dp, i))
    if not over_T:
        return Slopes(value, alike, np.full(n, math.nan), np.full(n, math.nan))
    moved = Moved(gas, solution)
    power = of(lambda sim, i, dp: moved(i, (-dp * math.log(REFERENCE), dp, 0.0)))
    energy = of(lambda sim, i, dp: moved(i, (-dp, 0.0, -dp * REFERENCE)))
    still = [kind == "" for kind in moved.kinds]
    power[still] = energy[still] = math.nan
    return Slopes(value, alike, power, energy)


class Moved:
    """Sets ln A, b, Ea/R of reactions of a phase that are changed by so much.

    Others stay: those that have none, and chemically activated ones, which Cantera does not change in place.
    """

    def __init__(self, gas: Mechanism, solution: ct.Solution) -> None:
        self.solution, own = solution, gas.parameters
        self.rows = np.stack([x.detach().cpu().numpy() for x in own])
        types = [reaction.rate.type for reaction in solution.reactions()]
        self.kinds = ["limits" if t == "falloff" else "own" if t.startswith(("Arrhenius", "Blowers-Masel")) else ""
                      for t in types]  # fmt: skip

    def __call__(self, i: int, change: tuple[float, float, float]) -> None:
        if not self.kinds[i]:
            return
        A, b, E, *low = self.rows[:, i].tolist()
        ln_A, db, dE = change
        new = {"A": A * math.exp(ln_A), "b": b + db, "Ea_R": E + dE}
        if self.kinds[i] == "limits":
            new |= {"A_low": low[0] * math.exp(ln_A), "b_low": low[1] + db, "Ea_R_low": low[2] + dE}
        with_changes(self.solution, {name: {i: value} for name, value in new.items()})
