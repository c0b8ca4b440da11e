"""Planar free flames from Cantera: initial profiles and reference flame speeds, cached on disk.

On a customary grid a speed is 0.4 to 1.8 % off, that of a lean hydrogen flame 6 %: Cantera's convection is upwind.
`refine="extrapolated"` and `"converged"` halve a coarse grid until the speed extrapolated to zero spacing stays
(`combust.kinetics.flames.grids`). What is no flame is refused (`combust.kinetics.flames.plausible`).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import cantera as ct
import numpy as np

from combust.errors import ConfigError, DivergenceError, MechanismError
from combust.kinetics.flames import plausible
from combust.kinetics.flames.grids import Extrapolation, extrapolate
from combust.kinetics.flames.plausible import FreshGas
from combust.kinetics.flames.radiation import BLACK_BODY_AT_ZERO, Emissivity, check_radiation, radiated
from combust.kinetics.flames.solver import (
    TRANSPORT,
    Transport,
    check_transport,
    first_solution,
    last_line,
    require_width,
    tried,
)
from combust.kinetics.flames.solver import refine as to_criteria
from combust.kinetics.flames.store import file_of, stored
from combust.kinetics.mechanism.ideal_gas import require_ideal
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.mechanism.mixtures import require_fresh

logger = logging.getLogger(__name__)

Refine = Literal["customary", "extrapolated", "converged"]
# What the last halving of the grid may change of the extrapolated speed; a third of that is left.
TOLERANCE = {"extrapolated": 3e-3, "converged": 5e-4}
GRID_TOLERANCE = 5e-3  # of the finest grid's own speed, where the profile is wanted too ("converged")
COARSE = (0.1, 0.2)  # slope and curve of the first of the grids that are halved
SOON = 0.1  # s: gas that ignites by itself within this time gets the domain that was asked for, too
YOUNG = 0.02  # of its ignition delay: gas that is older at the front gets a domain that Cantera may not widen
FORMAT = 2  # raise when the stored content, or what is accepted, changes


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
    speed: float  # m/s, unburnt gas velocity u[0]; extrapolated to zero spacing unless refine = "customary"
    equilibrium_temperature: float  # K, adiabatic at constant pressure, see combust.kinetics.reactors.equilibrium
    speed_error: float = math.inf  # estimate, relative; infinite where the speed is that of one grid
    grid_speed: float = math.nan  # m/s, the finest grid's own
    radiated: float = 0.0  # W/m2, lost by radiation within the domain

    @property
    def burnt_temperature(self) -> float:
        """Temperature at the burnt end of the domain, K."""
        return float(self.T[-1])

    @property
    def thermal_thickness(self) -> float:
        """(T_burnt - T_unburnt) / max |dT/dx|, m; of a flame that radiates, T_burnt is the highest temperature."""
        slope = np.abs(np.diff(self.T) / np.diff(self.x)).max()
        burnt = self.T.max() if self.radiated else self.T[-1]  # the gas behind cools on and on
        return float((burnt - self.T[0]) / slope)


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
    radiation: bool = False
    emissivity: Emissivity = BLACK_BODY_AT_ZERO
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
    refine: Refine = "customary",
    loglevel: int = 0,
    soret: bool = False,
    radiation: bool = False,
    emissivity: Emissivity = BLACK_BODY_AT_ZERO,
) -> FlameProfile:
    """Free flame of fuel and oxidizer (mole fractions) at phi, T [K], p [Pa], from the cache if it is there.

    Without an oxidizer (""), `fuel` is the whole unburnt mixture, and phi has no meaning (give 1).
    width [m] of the first domain (Cantera widens it as needed); soret adds thermal diffusion.
    radiation : of H2O and CO2, optically thin, with the emissivities of the inlet and the outlet, see
        combust.kinetics.flames.radiation; the burnt end then cools, the more the wider the domain.
    refine : "customary", one grid by Cantera's criteria slope and curve; "extrapolated", a coarse grid halved until the
        speed at zero spacing (Richardson's extrapolation) changes by less than 0.3 %; "converged", by less than 0.05 %,
        and the finest grid's own speed is within 0.5 %. The profile is that of the finest grid, its u scaled to the
        extrapolated speed.
    Under MPI call it on one rank and broadcast. Raises ConfigError for an unknown transport, refinement or species,
    Soret diffusion with unity-Lewis transport, or radiation where nothing radiates, DivergenceError when Cantera does
    not converge, needs more than `max_points`, or returns what is no flame (see combust.kinetics.flames.plausible).
    """
    check_transport("free flame", transport, soret)
    check_refine("free flame", refine)
    require_width("free flame: width", width)
    if max_points < 10:
        raise ConfigError(f"free flame: max_points = {max_points}: must be >= 10")
    gas = mechanism if isinstance(mechanism, Mechanism) else Mechanism.load(mechanism)
    emissivity = (float(emissivity[0]), float(emissivity[-1]))
    check_radiation("free flame", gas, radiation, emissivity)
    numbers = (float(phi), transport, float(width), float(slope), float(curve), int(max_points), refine, bool(soret))
    query = FlameQuery(
        gas.sha256, gas.name, float(T), float(p), fuel, oxidizer, *numbers, bool(radiation), emissivity
    )  # fmt: skip
    return compute_or_load(file_of("flame", query), lambda: _solve(gas, query, loglevel))


def check_refine(kind: str, refine: str) -> None:
    """Raises ConfigError for an unknown way to refine grids."""
    if refine not in ("customary", *TOLERANCE):
        raise ConfigError(f'{kind}: refine = "{refine}" is unknown; known: customary, {", ".join(TOLERANCE)}')


def compute_or_load(path: Path, compute: Callable[[], FlameProfile]) -> FlameProfile:
    """The profile stored at `path`, or a computed one that is then stored (see combust.kinetics.flames.store)."""
    return stored(path, FlameProfile, compute)


def _solve(gas: Mechanism, query: FlameQuery, loglevel: int) -> FlameProfile:
    """A coarse grid first, then the asked one or halves of it; what is no flame is refused as soon as it shows."""
    solution = gas.cantera()
    fresh = _unburnt(solution, gas, query)
    plausible.require_heat(fresh)
    try:
        flame = _first_flame(gas, solution, fresh, query, loglevel)
        plausible.require_free_flame(fresh, _profile(gas, flame, fresh))
        _refine(flame, query, *_criteria(query), loglevel)
        flame, speeds = extrapolate(flame, query, lambda found: _enough(query.refine, found), loglevel)
    except ct.CanteraError as error:
        raise DivergenceError(_not_found(query, fresh, error)) from error
    found = _profile(gas, flame, fresh)
    if query.refine != "customary":
        _require_converged(query, len(flame.grid), speeds)
        found = replace(found, u=found.u * (speeds.speed / found.speed), speed=speeds.speed, speed_error=speeds.error)
    plausible.require_free_flame(fresh, found)
    return found


def _enough(refine: str, found: Extrapolation) -> bool:
    """Whether the speeds need no finer grid."""
    if refine == "customary":
        return True
    fine = refine != "converged" or len(found.speeds) > 2 and abs(found.grid_error) <= GRID_TOLERANCE
    return fine and found.error <= TOLERANCE[refine]


def _require_converged(query: FlameQuery, points: int, found: Extrapolation) -> None:
    """Raises DivergenceError where the speed still moves; the finest grid's own error may be what the points allow."""
    if found.error <= TOLERANCE[query.refine]:
        return
    moved = "unknown" if math.isinf(found.error) else f"{100 * found.error:.2g} %"
    raise DivergenceError(
        f"{_name(query)}: with {points} points the last change of the extrapolated speed is {moved} (allowed "
        f"{100 * TOLERANCE[query.refine]:g} %), and the next grid would exceed max_points = {query.max_points}. Raise "
        'max_points, or use another refine: "extrapolated" is easier, "customary" has one grid and no estimate'
    )


def _profile(gas: Mechanism, flame: ct.FreeFlame, fresh: FreshGas) -> FlameProfile:
    """What is kept of a flame; the speed is that of its grid."""
    x, T, u, rho, Y = map(np.array, (flame.grid, flame.T, flame.velocity, flame.density, flame.Y))
    speed = float(flame.velocity[0])
    return FlameProfile(
        species=gas.species,
        x=x,
        T=T,
        u=u,
        rho=rho,
        Y=Y,
        pressure=fresh.p,
        speed=speed,
        equilibrium_temperature=fresh.equilibrium,
        grid_speed=speed,
        radiated=radiated(flame),
    )


def _first_flame(
    gas: Mechanism, solution: ct.Solution, fresh: FreshGas, query: FlameQuery, loglevel: int
) -> ct.FreeFlame:
    """A flame on a coarse grid.

    Cantera widens the domain until the temperature is level at both ends. A gas that ignites by itself then has the
    time to do so before the front: it gets the domain that was asked for.
    """
    widths = (query.width, 4.0 * query.width)
    if gas.qss:
        return _from_all_species(gas, solution, query, widths, loglevel)

    def make(width: float) -> ct.FreeFlame:
        solution.TPY = fresh.T, fresh.p, fresh.Y
        return ct.FreeFlame(solution, width=width)

    if math.isinf(fresh.delay(SOON)):
        flame = first_solution(make, query, loglevel, widths)
        delay, _ = plausible.ages(fresh, _profile(gas, flame, fresh), YOUNG)
        if math.isinf(delay):
            return flame
    return first_solution(make, query, loglevel, (query.width,), widen=False)


def _not_found(query: FlameQuery, fresh: FreshGas, error: Exception) -> str:
    """Why there is no flame, as far as can be told."""
    delay = fresh.delay(1.0)
    itself = "" if math.isinf(delay) else f"The gas ignites by itself after {delay:.3g} s. "
    return (
        f"{_name(query)}: Cantera found no solution within {query.max_points} points "
        f"(tried {tried(query, (query.width, 4.0 * query.width))}). {itself}Check that the mixture burns, then set "
        f"another width or larger slope, curve or max_points. Cantera: {last_line(error)}"
    )


def _from_all_species(
    gas: Mechanism, solution: ct.Solution, query: FlameQuery, widths: tuple[float, ...], loglevel: int
) -> ct.FreeFlame:
    """A flame with QSS species, begun from that in which they are ordinary ones, on its grid.

    Every evaluation of rates with QSS species runs through Python: few are needed from so close.
    """
    full = gas.cantera_of_all()
    _set(full, query)
    known = first_solution(lambda width: ct.FreeFlame(full, width=width), query, loglevel, widths)
    _refine(known, query, *_criteria(query), loglevel)
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


def _name(query: FlameQuery) -> str:
    mixture = f"{query.fuel} in {query.oxidizer}, phi {query.phi:g}" if query.oxidizer else query.fuel
    return f"free flame of {mixture}, {query.T:g} K, {query.p:g} Pa"


def _set(solution: ct.Solution, query: FlameQuery) -> None:
    """Puts the solution into the unburnt state. Raises CanteraError."""
    solution.TPX = query.T, query.p, query.fuel
    if query.oxidizer:
        solution.set_equivalence_ratio(query.phi, query.fuel, query.oxidizer)
    solution.transport_model = TRANSPORT[query.transport]


def _unburnt(solution: ct.Solution, gas: Mechanism, query: FlameQuery) -> FreshGas:
    """Puts the solution into the unburnt state; what flames of it are judged by."""
    require_ideal("free flame", query.T, query.p)
    try:
        require_fresh(gas, query.fuel, query.oxidizer)
        _set(solution, query)
        return FreshGas.of(_name(query), gas, solution)
    except (ct.CanteraError, MechanismError) as error:
        raise ConfigError(f"free flame: cannot set the unburnt gas: {last_line(error)}") from error


def _criteria(query: FlameQuery) -> tuple[float, float]:
    """Slope and curve of the grid that Cantera refines to."""
    return (query.slope, query.curve) if query.refine == "customary" else COARSE


def _refine(flame: ct.FreeFlame, query: FlameQuery, slope: float, curve: float, loglevel: int) -> None:
    to_criteria(flame, query, slope, curve, loglevel)
    logger.info("free flame: %d points, speed %.5g m/s, burnt gas %.1f K", len(flame.grid), flame.velocity[0],
                flame.T[-1])  # fmt: skip
