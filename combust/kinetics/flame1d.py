"""Planar free flames from Cantera: initial profiles and reference flame speeds, cached on disk.

A lean hydrogen flame on a customary grid is 6 % too slow and its burnt gas 25 K too cold: Cantera's upwind
convection needs some 4000 points there. `refine="converged"` refines until the burnt gas is within 3 K of
equilibrium.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cantera as ct
import numpy as np

from combust.errors import ConfigError, DivergenceError
from combust.kinetics.flame_solver import TRANSPORT, Transport, check_transport, first_solution, last_line, tried
from combust.kinetics.flame_solver import refine as to_criteria
from combust.kinetics.flame_store import file_of, stored
from combust.kinetics.mechanism import Mechanism

logger = logging.getLogger(__name__)

BURNT_TOLERANCE = 3.0  # K from equilibrium, beyond which a flame is not called converged
FORMAT = 1  # raise when the stored content changes


@dataclass(frozen=True)
class FlameProfile:
    """A planar premixed flame at rest, unburnt gas on the left."""

    species: tuple[str, ...]
    x: np.ndarray  # (points,) m
    T: np.ndarray  # (points,) K
    u: np.ndarray  # (points,) m/s
    rho: np.ndarray  # (points,) kg/m3
    Y: np.ndarray  # (species, points)
    pressure: float  # Pa
    speed: float  # m/s, unburnt gas velocity
    equilibrium_temperature: float  # K, adiabatic at constant pressure

    @property
    def burnt_temperature(self) -> float:
        """Temperature at the burnt end of the domain, K."""
        return float(self.T[-1])

    @property
    def thermal_thickness(self) -> float:
        """(T_burnt - T_unburnt) / max |dT/dx|, m."""
        slope = np.abs(np.diff(self.T) / np.diff(self.x)).max()
        return float((self.T[-1] - self.T[0]) / slope)


@dataclass(frozen=True)
class FlameQuery:
    """All that determines a free flame; its digest names the file in the cache."""

    mechanism_sha256: str
    phase: str
    T: float
    p: float
    fuel: str
    oxidizer: str
    phi: float
    transport: str
    width: float
    slope: float
    curve: float
    max_points: int
    refine: str
    soret: bool = False
    cantera: str = ct.__version__
    format: int = FORMAT


def free_flame(
    mechanism: Mechanism | str | Path,
    T: float,
    p: float,
    fuel: str,
    oxidizer: str,
    phi: float,
    transport: Transport = "mixture-averaged",
    width: float = 0.02,
    slope: float = 0.03,
    curve: float = 0.06,
    max_points: int = 6000,
    refine: Literal["customary", "converged"] = "customary",
    loglevel: int = 0,
    soret: bool = False,
) -> FlameProfile:
    """Free flame of fuel and oxidizer (mole fractions) at phi, T [K], p [Pa], from the cache if it is there.

    width [m] of the first domain (Cantera widens it as needed); slope and curve are Cantera's refinement
    criteria; soret adds thermal diffusion. Under MPI call it on one rank and broadcast. Raises ConfigError for an
    unknown transport, refinement or species, or Soret diffusion with unity-Lewis transport, DivergenceError when
    Cantera does not converge or needs more than `max_points`.
    """
    check_transport("free flame", transport, soret)
    if refine not in ("customary", "converged"):
        raise ConfigError(f'free flame: refine = "{refine}" is unknown; known: customary, converged')
    gas = mechanism if isinstance(mechanism, Mechanism) else Mechanism.load(mechanism)
    numbers = (float(phi), transport, float(width), float(slope), float(curve), int(max_points), refine, bool(soret))
    query = FlameQuery(gas.sha256, gas.name, float(T), float(p), fuel, oxidizer, *numbers)
    return compute_or_load(file_of("flame", query), lambda: _solve(gas, query, loglevel))


def compute_or_load(path: Path, compute: Callable[[], FlameProfile]) -> FlameProfile:
    """The profile stored at `path`, or a computed one that is then stored (see combust.kinetics.flame_store)."""
    return stored(path, FlameProfile, compute)


def _solve(gas: Mechanism, query: FlameQuery, loglevel: int) -> FlameProfile:
    """Coarse grid first, then the asked one, then finer ones until the burnt gas is in equilibrium."""
    solution, equilibrium = _unburnt(gas.cantera(), query)
    widths = (query.width, 4.0 * query.width)
    try:
        if gas.qss:
            flame = _from_all_species(gas, solution, query, widths, loglevel)
        else:
            flame = first_solution(lambda width: ct.FreeFlame(solution, width=width), query, loglevel, widths)
        _refine(flame, query, query.slope, query.curve, loglevel)
    except ct.CanteraError as error:
        raise DivergenceError(
            f"{_name(query)}: Cantera found no solution within {query.max_points} points "
            f"(tried {tried(query, widths)}). Check that the mixture burns, then set another width or larger slope, "
            f"curve or max_points. Cantera: {last_line(error)}"
        ) from error
    if query.refine == "converged":
        _converge(flame, query, equilibrium, loglevel)
    fields: dict[str, Any] = {
        "x": flame.grid,
        "T": flame.T,
        "u": flame.velocity,
        "rho": flame.density,
        "Y": flame.Y,
    }
    return FlameProfile(
        species=gas.species,
        **{name: np.array(value) for name, value in fields.items()},
        pressure=query.p,
        speed=float(flame.velocity[0]),
        equilibrium_temperature=equilibrium,
    )


def _from_all_species(
    gas: Mechanism, solution: ct.Solution, query: FlameQuery, widths: tuple[float, ...], loglevel: int
) -> ct.FreeFlame:
    """A flame with QSS species, begun from that in which they are ordinary ones, on its grid.

    Every evaluation of rates with QSS species runs through Python: few are needed from so close.
    """
    full, _ = _unburnt(gas.cantera_of_all(), query)
    known = first_solution(lambda width: ct.FreeFlame(full, width=width), query, loglevel, widths)
    _refine(known, query, query.slope, query.curve, loglevel)
    rows = [full.species_index(name) for name in solution.species_names]
    flame = ct.FreeFlame(solution, grid=known.grid)
    flame.transport_model = TRANSPORT[query.transport]
    flame.set_max_grid_points(flame.flame, query.max_points)
    begin_from(flame, solution, known.T, known.velocity, known.Y[rows] / known.Y[rows].sum(0), known.fixed_temperature)
    flame.solve(loglevel=loglevel, refine_grid=False)
    return flame


def begin_from(
    flame: ct.FreeFlame, solution: ct.Solution, T: np.ndarray, u: np.ndarray, Y: np.ndarray, fixed: float
) -> None:
    """Takes T, u (points,) and Y (species, points) on its own grid as the guess; fixed : T where the flame is held."""
    ct.FlameBase.set_initial_guess(flame)  # marks it as begun, else `solve` makes a guess of its own
    for name, values in (("velocity", u), ("T", T), *zip(solution.species_names, Y, strict=True)):
        flame.flame.set_values(name, values)
    flame.inlet.mdot = solution.density * u[0]
    flame.fixed_temperature = fixed


def _converge(flame: ct.FreeFlame, query: FlameQuery, equilibrium: float, loglevel: int) -> None:
    """Refine until the burnt gas is in equilibrium."""
    slope, curve = query.slope, query.curve
    while abs(gap := float(flame.T[-1]) - equilibrium) > BURNT_TOLERANCE:
        points = len(flame.grid)
        slope, curve = 0.6 * slope, 0.6 * curve
        try:
            _refine(flame, query, slope, curve, loglevel)
        except ct.CanteraError as error:
            raise DivergenceError(
                f"{_name(query)}: with {points} points the burnt gas is still {gap:+.1f} K from equilibrium "
                f"({equilibrium:.1f} K; allowed {BURNT_TOLERANCE:g} K). Raise max_points (now {query.max_points}) "
                f'or the width, or use refine = "customary". Cantera: {last_line(error)}'
            ) from error


def _name(query: FlameQuery) -> str:
    return f"free flame of {query.fuel} in {query.oxidizer}, phi {query.phi:g}, {query.T:g} K, {query.p:g} Pa"


def _unburnt(solution: ct.Solution, query: FlameQuery) -> tuple[ct.Solution, float]:
    """The solution in the unburnt state, and its adiabatic equilibrium temperature."""
    try:
        solution.TP = query.T, query.p
        solution.set_equivalence_ratio(query.phi, query.fuel, query.oxidizer)
        solution.transport_model = TRANSPORT[query.transport]
    except ct.CanteraError as error:
        raise ConfigError(f"free flame: cannot set the unburnt gas: {last_line(error)}") from error
    unburnt = solution.TPX
    solution.equilibrate("HP")
    equilibrium = float(solution.T)
    solution.TPX = unburnt
    return solution, equilibrium


def _refine(flame: ct.FreeFlame, query: FlameQuery, slope: float, curve: float, loglevel: int) -> None:
    to_criteria(flame, query, slope, curve, loglevel)
    logger.info("free flame: %d points, speed %.5g m/s, burnt gas %.1f K", len(flame.grid), flame.velocity[0],
                flame.T[-1])  # fmt: skip
