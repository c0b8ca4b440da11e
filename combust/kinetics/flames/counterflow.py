"""Diffusion flames between opposed jets from Cantera, cached on disk like free flames."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cantera as ct
import numpy as np

from combust.errors import DivergenceError
from combust.kinetics.flames.grids import halved
from combust.kinetics.flames.plausible import require_heat_of_jets
from combust.kinetics.flames.radiation import BLACK_BODY_AT_ZERO, Emissivity, check_radiation
from combust.kinetics.flames.solver import TRANSPORT, Transport, check_transport
from combust.kinetics.flames.stabilised import check_numbers, fields, prepared, require_flame, require_same, solved
from combust.kinetics.flames.store import file_of, stored
from combust.kinetics.mechanism.ideal_gas import require_ideal
from combust.kinetics.mechanism.mechanism import Mechanism

FORMAT = 2  # raise when the stored content, or what is accepted, changes


@dataclass(frozen=True)
class CounterflowProfile:
    """A steady flame between opposed jets of fuel (left) and oxidizer (right)."""

    species: tuple[str, ...]
    x: np.ndarray  # (points,) m
    T: np.ndarray  # (points,) K
    u: np.ndarray  # (points,) m/s, along x
    V: np.ndarray  # (points,) 1/s, radial velocity over radius
    rho: np.ndarray  # (points,) kg/m3
    Y: np.ndarray  # (species, points)
    mixture_fraction: np.ndarray  # (points,) by Bilger's definition
    pressure: float  # Pa
    strain_rate: float  # 1/s, greatest |du/dx|
    radiated: float = 0.0  # W/m2, lost by radiation

    @property
    def peak_temperature(self) -> float:
        """Highest temperature, K."""
        return float(self.T.max())


@dataclass(frozen=True)
class CounterflowQuery:
    """All that determines a counterflow flame."""

    mechanism_sha256: str
    phase: str
    p: float
    fuel: str
    T_fuel: float
    flux_fuel: float
    oxidizer: str
    T_oxidizer: float
    flux_oxidizer: float
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
        return (
            f"counterflow flame of {self.fuel} ({self.T_fuel:g} K, {self.flux_fuel:g} kg/m2/s) against "
            f"{self.oxidizer} ({self.T_oxidizer:g} K, {self.flux_oxidizer:g} kg/m2/s), {self.p:g} Pa"
        )


def counterflow_flame(
    mechanism: Mechanism | str | Path,
    p: float,
    fuel: str,
    T_fuel: float,
    flux_fuel: float,
    oxidizer: str,
    T_oxidizer: float,
    flux_oxidizer: float,
    transport: Transport = "mixture-averaged",
    width: float = 0.02,
    slope: float = 0.1,
    curve: float = 0.2,
    max_points: int = 2000,
    soret: bool = False,
    loglevel: int = 0,
    radiation: bool = False,
    emissivity: Emissivity = BLACK_BODY_AT_ZERO,
) -> CounterflowProfile:
    """Diffusion flame between jets of fuel and oxidizer (mole fractions), from the cache if it is there.

    p [Pa], inlet temperatures [K], mass fluxes [kg/m2/s], distance of the jets `width` [m]. radiation, emissivity :
    see kinetics.flames.radiation, the fuel's boundary first. Raises ConfigError for an unknown transport or species,
    Soret diffusion with unity-Lewis transport, radiation where nothing radiates or a flux that is not positive,
    InertError where no mixture of the jets burns, DivergenceError when Cantera does not converge, the flame goes out,
    or a grid twice as fine shows another.
    """
    check_transport("counterflow flame", transport, soret)
    check_numbers("counterflow flame", width, flux_fuel=flux_fuel, flux_oxidizer=flux_oxidizer)
    gas = mechanism if isinstance(mechanism, Mechanism) else Mechanism.load(mechanism)
    emissivity = (float(emissivity[0]), float(emissivity[-1]))
    check_radiation("counterflow flame", gas, radiation, emissivity)
    query = CounterflowQuery(
        gas.sha256, gas.name, float(p), fuel, float(T_fuel), float(flux_fuel), oxidizer, float(T_oxidizer),
        float(flux_oxidizer), transport, float(width), float(slope), float(curve), int(max_points), bool(soret),
        bool(radiation), emissivity,
    )  # fmt: skip
    return stored(file_of("counterflow", query), CounterflowProfile, lambda: _counterflow(gas, query, loglevel))


def _counterflow(gas: Mechanism, query: CounterflowQuery, loglevel: int) -> CounterflowProfile:
    def prepare() -> ct.Solution:
        require_ideal("counterflow flame", min(query.T_fuel, query.T_oxidizer), query.p)
        solution = gas.cantera()
        solution.transport_model = TRANSPORT[query.transport]
        for T, X in ((query.T_oxidizer, query.oxidizer), (query.T_fuel, query.fuel)):
            solution.TPX = T, query.p, X
        return solution

    def make(**domain: Any) -> ct.CounterflowDiffusionFlame:
        flame = ct.CounterflowDiffusionFlame(solution, **domain)
        flame.P = query.p
        for inlet, T, X, flux in (
            (flame.fuel_inlet, query.T_fuel, query.fuel, query.flux_fuel),
            (flame.oxidizer_inlet, query.T_oxidizer, query.oxidizer, query.flux_oxidizer),
        ):
            inlet.T, inlet.X, inlet.mdot = T, X, flux
        return flame

    solution = prepared(query, prepare)
    hottest = max(query.T_fuel, query.T_oxidizer)
    try:
        flame = solved(query, make, (query.width,), loglevel)
        require_flame(query, flame, hottest)
    except DivergenceError:
        jets = (query.T_fuel, query.fuel), (query.T_oxidizer, query.oxidizer)
        require_heat_of_jets(str(query), solution, query.p, jets)  # says so where that is why
        raise
    # A domain between two jets has its width: a finer grid must show the same flame.
    require_same(query, flame, make(grid=halved(flame.grid)), ("velocity", "spreadRate", "T", "Lambda"), hottest)
    return CounterflowProfile(
        V=np.array(flame.spread_rate),
        mixture_fraction=np.array(flame.mixture_fraction("Bilger")),
        strain_rate=float(flame.strain_rate("max")),
        **fields(gas, query, flame),
    )
