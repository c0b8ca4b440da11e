"""Premixed flames held by a cooled burner from Cantera, cached on disk like free flames."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cantera as ct
import numpy as np

from combust.errors import DivergenceError
from combust.kinetics.flames.grids import halved, widened
from combust.kinetics.flames.radiation import BLACK_BODY_AT_ZERO, Emissivity, check_radiation
from combust.kinetics.flames.solver import TRANSPORT, Transport, check_transport
from combust.kinetics.flames.stabilised import check_numbers, fields, prepared, require_flame, require_same, solved
from combust.kinetics.flames.store import file_of, stored
from combust.kinetics.mechanism.ideal_gas import require_ideal
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.mechanism.mixtures import require_fresh

FORMAT = 2  # raise when the stored content, or what is accepted, changes
BLOWN_OFF = 1e-6  # of the temperature rise; Cantera's


@dataclass(frozen=True)
class BurnerProfile:
    """A premixed flame held by a cooled burner at x = 0."""

    species: tuple[str, ...]
    x: np.ndarray  # (points,) m
    T: np.ndarray  # (points,) K
    u: np.ndarray  # (points,) m/s
    rho: np.ndarray  # (points,) kg/m3
    Y: np.ndarray  # (species, points)
    pressure: float  # Pa
    mass_flux: float  # kg/m2/s
    heat_to_burner: float  # W/m2, conducted into the burner
    radiated: float = 0.0  # W/m2, lost by radiation within the domain

    @property
    def burnt_temperature(self) -> float:
        """Temperature at the far end of the domain, K."""
        return float(self.T[-1])


@dataclass(frozen=True)
class BurnerQuery:
    """All that determines a burner-stabilised flame."""

    mechanism_sha256: str
    phase: str
    T: float
    p: float
    fuel: str
    oxidizer: str
    phi: float
    mass_flux: float
    transport: str
    width: float
    slope: float
    curve: float
    max_points: int
    soret: bool
    radiation: bool = False
    emissivity: Emissivity = BLACK_BODY_AT_ZERO
    cantera: str = ct.__version__
    format: int = FORMAT

    def __str__(self) -> str:
        mixture = f"{self.fuel} in {self.oxidizer}, phi {self.phi:g}" if self.oxidizer else self.fuel
        return f"burner flame of {mixture}, {self.T:g} K, {self.p:g} Pa, {self.mass_flux:g} kg/m2/s"


def burner_flame(
    mechanism: Mechanism | str | Path,
    T: float,
    p: float,
    fuel: str,
    oxidizer: str,
    phi: float,
    mass_flux: float,
    transport: Transport = "mixture-averaged",
    width: float = 0.02,
    slope: float = 0.05,
    curve: float = 0.1,
    max_points: int = 2000,
    soret: bool = False,
    loglevel: int = 0,
    radiation: bool = False,
    emissivity: Emissivity = BLACK_BODY_AT_ZERO,
) -> BurnerProfile:
    """Flame of fuel and oxidizer (mole fractions) at phi on a burner at T [K], p [Pa], from the cache if it is there.

    Without an oxidizer (""), `fuel` is the whole mixture, and phi has no meaning (give 1).
    mass_flux [kg/m2/s] below that of the free flame, else Cantera's flame leaves the burner. `width` [m] of the
    domain. radiation, emissivity : see combust.kinetics.flames.radiation, the burner first. Raises ConfigError for an
    unknown transport or species, Soret diffusion with unity-Lewis transport, radiation where nothing radiates or a
    flux that is not positive, DivergenceError when Cantera does not converge, the flame goes out, or a grid twice as
    fine and wide shows another.
    """
    check_transport("burner flame", transport, soret)
    check_numbers("burner flame", width, mass_flux=mass_flux)
    gas = mechanism if isinstance(mechanism, Mechanism) else Mechanism.load(mechanism)
    emissivity = (float(emissivity[0]), float(emissivity[-1]))
    check_radiation("burner flame", gas, radiation, emissivity)
    query = BurnerQuery(
        gas.sha256, gas.name, float(T), float(p), fuel, oxidizer, float(phi), float(mass_flux), transport,
        float(width), float(slope), float(curve), int(max_points), bool(soret),
        bool(radiation), emissivity,
    )  # fmt: skip
    return stored(file_of("burner", query), BurnerProfile, lambda: _burner(gas, query, loglevel))


def _burner(gas: Mechanism, query: BurnerQuery, loglevel: int) -> BurnerProfile:
    def prepare() -> ct.Solution:
        require_ideal("burner flame", query.T, query.p)
        require_fresh(gas, query.fuel, query.oxidizer)
        solution = gas.cantera()
        solution.TPX = query.T, query.p, query.fuel
        if query.oxidizer:
            solution.set_equivalence_ratio(query.phi, query.fuel, query.oxidizer)
        solution.transport_model = TRANSPORT[query.transport]
        return solution

    def make(**domain: Any) -> ct.BurnerFlame:
        flame = ct.BurnerFlame(solution, **domain)
        flame.burner.T, flame.burner.X, flame.burner.mdot = query.T, unburnt, query.mass_flux
        flame.P = query.p
        return flame

    solution = prepared(query, prepare)
    unburnt = solution.X.copy()
    flame = solved(query, make, (query.width, 4.0 * query.width), loglevel, partial(_watch_burner, str(query)))
    require_flame(query, flame, query.T)
    require_same(query, flame, make(grid=widened(halved(flame.grid))), ("velocity", "T"), query.T)
    slope = (flame.T[1] - flame.T[0]) / (flame.grid[1] - flame.grid[0])
    heat = float(flame.thermal_conductivity[0] * slope)
    return BurnerProfile(mass_flux=query.mass_flux, heat_to_burner=heat, **fields(gas, query, flame))


def _watch_burner(name: str, flame: ct.BurnerFlame) -> None:
    flame.set_steady_callback(partial(_require_held, name, flame))


def _require_held(name: str, flame: ct.BurnerFlame, _: float) -> float:
    """Ends a refinement in which the flame leaves its burner: Cantera's own watch ends in an exception of no kind.

    Raises DivergenceError where the first fifth of the points lies at the burner's temperature.
    """
    T = flame.T
    if abs(T[max(3, len(T) // 5)] - T[0]) < BLOWN_OFF * (T.max() - T[0]):
        raise DivergenceError(f"{name}: the flame is blown off its burner. Lower the flux")
    return 0.0
