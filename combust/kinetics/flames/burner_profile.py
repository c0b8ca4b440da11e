"""Premixed flames on a burner whose temperature was measured: species along the distance, from Cantera's BurnerFlame.

Given the temperature profile, the energy equation is left out, since heat losses to the burner and by radiation are
in it (Kee et al. 2003, doi 10.1002/0471461296). Without one, it is solved, and the burner cools the flame.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import cantera as ct
import numpy as np

from combust.errors import ConfigError, DivergenceError
from combust.kinetics.flames.burner import BurnerProfile, burner_flame
from combust.kinetics.flames.solver import TRANSPORT, Transport, check_transport, last_line
from combust.kinetics.flames.stabilised import check_positive, fields
from combust.kinetics.flames.store import file_of, stored
from combust.kinetics.mechanism.mechanism import Mechanism

logger = logging.getLogger(__name__)

FORMAT = 1  # raise when the stored content changes
FIRST_POINTS = (8, 15, 30, 60)  # of the first grid, tried in this order
ROOM = 1.5  # domain over the farthest measured point: its end lets nothing diffuse out
LEAST_WIDTH = 0.01  # m


@dataclass(frozen=True)
class ProfileQuery:
    """All that determines a flame of given temperature; its digest names the file in the cache."""

    mechanism_sha256: str
    phase: str
    T: float
    p: float
    X: str
    mass_flux: float
    profile: tuple[tuple[float, float], ...]
    transport: str
    width: float
    slope: float
    curve: float
    max_points: int
    soret: bool
    cantera: str = ct.__version__
    format: int = FORMAT

    def __str__(self) -> str:
        return f"burner flame of {self.X}, {self.T:g} K, {self.p:g} Pa, {self.mass_flux:g} kg/m2/s"


def burner_species(
    gas: Mechanism,
    T: float,
    p: float,
    X: str,
    mass_flux: float,
    reach: float,
    profile: tuple[tuple[float, float], ...] = (),
    transport: Transport = "mixture-averaged",
    slope: float = 0.02,
    curve: float = 0.04,
    max_points: int = 2000,
    soret: bool = False,
) -> BurnerProfile:
    """Flame of gas X (mole fractions) that leaves a burner at T [K], p [Pa], from the cache if it is there.

    mass_flux [kg/m2/s]; reach [m]: the farthest distance asked for; profile: (distance m, temperature K), rising from
    zero, a line between and level beyond, or none: then the energy equation. Raises ConfigError for bad input,
    DivergenceError where Cantera does not converge (or, without a profile, the flame goes out or leaves its burner).
    """
    check_transport("burner flame", transport, soret)
    check_positive("burner flame", mass_flux=mass_flux, reach=reach)
    x = [row[0] for row in profile]
    if x and (x[0] != 0.0 or len(x) < 2 or any(b <= a for a, b in zip(x, x[1:], strict=False))):
        raise ConfigError("burner flame: the temperature profile must begin at the burner (0 m) and go outwards")
    width = max(ROOM * max([reach, *x]), LEAST_WIDTH)
    if not profile:
        return burner_flame(gas, T, p, X, "", 1.0, mass_flux, transport, width, slope, curve, max_points, soret)
    query = ProfileQuery(
        gas.sha256, gas.name, float(T), float(p), X, float(mass_flux), profile, transport, float(width), float(slope),
        float(curve), int(max_points), bool(soret),
    )  # fmt: skip
    return stored(file_of("burner-profile", query), BurnerProfile, lambda: _solve(gas, query))


def _solve(gas: Mechanism, query: ProfileQuery) -> BurnerProfile:
    """The species equations on a grid refined to the criteria, at the temperatures of the profile."""
    solution = gas.cantera()
    try:
        solution.TPX = query.T, query.p, query.X
    except ct.CanteraError as error:
        raise ConfigError(f"{query}: cannot set the gas: {last_line(error)}") from error
    for points in FIRST_POINTS:
        try:
            flame = _flame(solution, query, points)
            flame.solve(loglevel=0, refine_grid=True)
            break
        except ct.CanteraError as error:
            logger.info("%s: no solution from %d points: %s", query, points, last_line(error))
            failure = error
    else:
        raise DivergenceError(
            f"{query}: Cantera found no solution with the measured temperatures within {query.max_points} points. "
            f"Cantera: {last_line(failure)}"
        ) from failure
    slope = (flame.T[1] - flame.T[0]) / (flame.grid[1] - flame.grid[0])
    heat = float(flame.thermal_conductivity[0] * slope)
    return BurnerProfile(mass_flux=query.mass_flux, heat_to_burner=heat, **fields(gas, query, flame))


def _flame(solution: ct.Solution, query: ProfileQuery, points: int) -> ct.BurnerFlame:
    """A flame to be solved, on a first grid of so many points."""
    x, T = np.array(query.profile).T
    flame = ct.BurnerFlame(solution, grid=np.linspace(0.0, query.width, points))
    flame.burner.T, flame.burner.X, flame.burner.mdot = query.T, query.X, query.mass_flux
    flame.P = query.p
    flame.transport_model = TRANSPORT[query.transport]
    flame.flame.set_fixed_temp_profile(np.append(x / query.width, 1.0), np.append(T, T[-1]))
    flame.energy_enabled = False
    flame.soret_enabled = query.soret
    flame.set_max_grid_points(flame.flame, query.max_points)
    flame.set_refine_criteria(ratio=3.0, slope=query.slope, curve=query.curve, prune=0.0)
    return flame
