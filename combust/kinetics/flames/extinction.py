"""Extinction of counterflow diffusion flames by strain: the turning point of their branch, the error of its grid."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import cantera as ct
import numpy as np

from combust.errors import ConfigError, DivergenceError
from combust.kinetics.flames.continuation import Branch, Point, Trace, trace, turning_point
from combust.kinetics.flames.grids import Extrapolation, begin, halved, solve_on_grid
from combust.kinetics.flames.plausible import LEAST_RISE, require_heat_of_jets
from combust.kinetics.flames.radiation import BLACK_BODY_AT_ZERO, Emissivity, check_radiation
from combust.kinetics.flames.solver import TRANSPORT, Transport, check_transport, first_solution, last_line
from combust.kinetics.flames.solver import refine as to_criteria
from combust.kinetics.flames.stabilised import check_positive
from combust.kinetics.flames.store import file_of, stored
from combust.kinetics.mechanism.mechanism import Mechanism

logger = logging.getLogger(__name__)

FORMAT = 1  # raise when the stored content, or what is accepted, changes
STARTS = (1.0, 2.0, 0.5, 4.0, 0.25, 0.1)  # of the strain asked for, tried until a flame burns
HALVINGS = 2
RATIO, PRUNE = 3.0, 0.3  # of neighbouring intervals; of `slope`, below which points are removed
SHORT = 0.5  # of the drop of the trace, on the way over the turning point
COMPONENTS = ("velocity", "spreadRate", "T", "Lambda", "Uo")
COLUMNS = tuple(field.name for field in fields(Point))


@dataclass(frozen=True)
class Extinction:
    """The turning point, extrapolated to zero spacing, and the branch on the first grid.

    Strain rates in 1/s: `strain` is the global one of plug-flow jets, 2 u_o / L (1 + u_f sqrt(rho_f) / (u_o
    sqrt(rho_o))) (Seshadri, Williams 1978, 10.1016/0017-9310(78)90230-2).
    """

    strain: float
    strain_error: float  # estimate, relative: what the last halving of the grid changed
    grid_strain: float  # of the finest grid
    strain_max: float  # greatest |du/dx|
    strain_fuel: float  # sqrt(-Lambda / rho) of either jet
    strain_oxidizer: float
    T_max: float  # K, at extinction
    u_fuel: float  # m/s
    u_oxidizer: float
    momentum_ratio: float
    points: float  # of the finest grid
    curve: np.ndarray  # (flames, columns): the branch, as continuation.Point

    def column(self, name: str) -> np.ndarray:
        """Of the branch: strain, T_max, ..., see continuation.Point."""
        return self.curve[:, COLUMNS.index(name)]


@dataclass(frozen=True)
class ExtinctionQuery:
    """All that determines an extinction."""

    mechanism_sha256: str
    phase: str
    p: float
    fuel: str
    T_fuel: float
    oxidizer: str
    T_oxidizer: float
    width: float
    momentum_ratio: float
    strain: float
    transport: str
    slope: float
    curve: float
    max_points: int
    soret: bool
    radiation: bool = False
    emissivity: Emissivity = BLACK_BODY_AT_ZERO
    cantera: str = ct.__version__
    format: int = FORMAT

    def __str__(self) -> str:
        return (
            f"extinction of {self.fuel} ({self.T_fuel:g} K) against {self.oxidizer} ({self.T_oxidizer:g} K), "
            f"{self.p:g} Pa"
        )


def extinction_strain(
    mechanism: Mechanism | str | Path,
    p: float,
    fuel: str,
    oxidizer: str,
    T_fuel: float = 300.0,
    T_oxidizer: float = 300.0,
    width: float = 0.02,
    momentum_ratio: float = 1.0,
    strain: float = 60.0,
    transport: Transport = "mixture-averaged",
    slope: float = 0.15,
    curve: float = 0.3,
    max_points: int = 3000,
    soret: bool = False,
    radiation: bool = False,
    emissivity: Emissivity = BLACK_BODY_AT_ZERO,
    progress: Callable[[int], None] = lambda _: None,
) -> Extinction:
    """The strain rate beyond which no diffusion flame burns between two plug-flow jets, from the cache if it is there.

    fuel and oxidizer in mole fractions, p [Pa], temperatures [K], distance of the jets `width` [m], momentum_ratio :
    rho u^2 of the fuel over that of the oxidizer, kept along the branch. strain : global, 1/s, of the first flame,
    which must burn; half, twice, ... of it are tried too. progress : called with the number of flames found.
    Raises ConfigError for bad options, InertError where the jets do not burn, DivergenceError where no flame is found
    or the branch cannot be followed to its turning point.
    """
    check_transport("extinction", transport, soret)
    check_positive("extinction", p=p, T_fuel=T_fuel, T_oxidizer=T_oxidizer, width=width, strain=strain,
                   momentum_ratio=momentum_ratio)  # fmt: skip
    gas = mechanism if isinstance(mechanism, Mechanism) else Mechanism.load(mechanism)
    emissivity = (float(emissivity[0]), float(emissivity[-1]))
    check_radiation("extinction", gas, radiation, emissivity)
    query = ExtinctionQuery(
        gas.sha256, gas.name, float(p), fuel, float(T_fuel), oxidizer, float(T_oxidizer), float(width),
        float(momentum_ratio), float(strain), transport, float(slope), float(curve), int(max_points), bool(soret),
        bool(radiation), emissivity,
    )  # fmt: skip
    return stored(file_of("extinction", query), Extinction, lambda: _solve(gas, query, progress))


def _solve(gas: Mechanism, query: ExtinctionQuery, progress: Callable[[int], None]) -> Extinction:
    jets = Jets(gas, query)
    jets.require_heat()
    inlet = max(query.T_fuel, query.T_oxidizer)
    flame = jets.first()
    # along the branch the flame moves and thins: points that it has left behind go
    flame.set_refine_criteria(ratio=RATIO, slope=query.slope, curve=query.curve, prune=PRUNE * query.slope)
    branch = Branch(flame, str(query), query.momentum_ratio, inlet)
    found = trace(branch, progress)
    branch.flame.from_array(found.before)
    turns = [turning_point(branch, SHORT * found.drop)]
    known = jets.made(grid=np.array(found.before.grid))
    known.from_array(found.before)
    for _ in range(HALVINGS):
        if 2 * len(known.grid) - 1 > query.max_points:
            break
        known = jets.finer(known)
        fine = Branch(known, str(query), query.momentum_ratio, inlet, branch.moves, branch.drifts)
        at = known.to_array()
        turns.append(turning_point(fine, SHORT * found.drop))
        known.from_array(at)
        logger.info("%s: %d points, %.5g 1/s", query, len(known.grid), turns[-1].strain)
    return _result(turns, found, len(known.grid))


def _result(turns: list[Point], found: Trace, points: int) -> Extinction:
    """Every column extrapolated to zero spacing, in which Cantera's differences are of first order."""
    over = {name: Extrapolation(tuple(getattr(turn, name) for turn in turns)) for name in COLUMNS}
    best = {name: over[name].speed if len(turns) > 1 else over[name].speeds[0] for name in COLUMNS}
    curve = np.array([[getattr(point, name) for name in COLUMNS] for point in found.points])
    return Extinction(
        strain_error=over["strain"].error, grid_strain=turns[-1].strain, points=float(points), curve=curve, **best
    )


class Jets:
    """Cantera's flames between the two jets of a query."""

    def __init__(self, gas: Mechanism, query: ExtinctionQuery) -> None:
        self.query = query
        self.solution = gas.cantera()
        self.solution.transport_model = TRANSPORT[query.transport]
        self.density = [self._set(T, X) for T, X in self.streams]

    @property
    def streams(self) -> tuple[tuple[float, str], tuple[float, str]]:
        """T [K] and composition of fuel and oxidizer."""
        return (self.query.T_fuel, self.query.fuel), (self.query.T_oxidizer, self.query.oxidizer)

    def _set(self, T: float, X: str) -> float:
        """Puts the gas into the state of a jet and returns its density."""
        try:
            self.solution.TPX = T, self.query.p, X
        except ct.CanteraError as error:
            raise ConfigError(f"{self.query}: cannot set the gas: {last_line(error)}") from error
        return float(self.solution.density)

    def require_heat(self) -> None:
        """Raises DivergenceError where no mixture of both jets is much hotter in equilibrium than it and they are."""
        hottest = require_heat_of_jets(str(self.query), self.solution, self.query.p, self.streams)
        rise = hottest - max(self.query.T_fuel, self.query.T_oxidizer)
        if rise < LEAST_RISE:
            raise DivergenceError(
                f"{self.query}: a jet is too hot: no mixture is in equilibrium more than {rise:.0f} K hotter than it "
                f"(needed: {LEAST_RISE:g} K), which a flame that goes out would be. Take a cooler jet, or less "
                "diluted ones"
            )

    def made(self, **domain: Any) -> ct.CounterflowDiffusionFlame:
        """A flame that is not begun, at the first strain."""
        flame = ct.CounterflowDiffusionFlame(self.solution, **domain)
        flame.P = self.query.p
        self.flow(flame, self.query.strain)
        return flame

    def flow(self, flame: ct.CounterflowDiffusionFlame, strain: float) -> None:
        """Sets the jets for a global strain rate [1/s]."""
        root = math.sqrt(self.query.momentum_ratio)
        oxidizer = 0.5 * strain * self.query.width / (1 + root)
        fuel = oxidizer * root * math.sqrt(self.density[1] / self.density[0])
        inlets = ((flame.fuel_inlet, fuel), (flame.oxidizer_inlet, oxidizer))
        for (inlet, u), rho, (T, X) in zip(inlets, self.density, self.streams, strict=True):
            inlet.T, inlet.X, inlet.mdot = T, X, rho * u

    def first(self) -> ct.CounterflowDiffusionFlame:
        """A burning flame at the strain asked for, or near it. Raises DivergenceError where none burns."""
        failure = "all go out"
        for factor in STARTS:
            try:
                flame = first_solution(partial(self._at, factor=factor), self.query, 0, (self.query.width,))
                to_criteria(flame, self.query, self.query.slope, self.query.curve, 0)
            except ct.CanteraError as error:
                failure = last_line(error)
                continue
            if flame.T.max() > max(self.query.T_fuel, self.query.T_oxidizer) + LEAST_RISE:
                return flame
        raise DivergenceError(
            f"{self.query}: no flame burns at strain rates of {min(STARTS) * self.query.strain:g} to "
            f"{max(STARTS) * self.query.strain:g} 1/s ({failure}). Begin at another --strain, or with a wider gap"
        )

    def _at(self, width: float, factor: float) -> ct.CounterflowDiffusionFlame:
        flame = self.made(width=width)
        self.flow(flame, factor * self.query.strain)
        return flame

    def finer(self, known: ct.CounterflowDiffusionFlame) -> ct.CounterflowDiffusionFlame:
        """The same flame with every interval cut in two. Raises DivergenceError."""
        flame = self.made(grid=halved(known.grid))
        flame.two_point_control_enabled = True
        begin(flame, known, self.query, COMPONENTS)
        flame.fuel_inlet.mdot = known.density[0] * known.velocity[0]
        flame.oxidizer_inlet.mdot = -known.density[-1] * known.velocity[-1]
        level = 0.5 * (known.T.max() + max(self.query.T_fuel, self.query.T_oxidizer))
        flame.set_left_control_point(level)
        flame.set_right_control_point(level)
        try:
            solve_on_grid(flame, 0)
        except ct.CanteraError as error:
            raise DivergenceError(f"{self.query}: not found on a finer grid. Cantera: {last_line(error)}") from error
        return flame
