"""Counterflow diffusion and burner-stabilised flames from Cantera, cached on disk like free flames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import cantera as ct
import numpy as np

from combust.errors import ConfigError, DivergenceError, MechanismError
from combust.kinetics.flames.grids import begin, halved, settle, widened
from combust.kinetics.flames.plausible import LEAST_RISE, require_agreement
from combust.kinetics.flames.radiation import BLACK_BODY_AT_ZERO, Emissivity, check_radiation, radiated
from combust.kinetics.flames.solver import (
    TRANSPORT,
    Transport,
    check_transport,
    first_solution,
    last_line,
    refine,
    require_width,
    tried,
)
from combust.kinetics.flames.store import file_of, stored
from combust.kinetics.mechanism.ideal_gas import require_ideal
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.mechanism.mixtures import require_fresh

FORMAT = 2  # raise when the stored content, or what is accepted, changes
BLOWN_OFF = 1e-6  # of the temperature rise; Cantera's

F = TypeVar("F", bound=ct.FlameBase)


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
    DivergenceError when Cantera does not converge, the flame goes out, or a grid twice as fine shows another.
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


def check_numbers(kind: str, width: float, **numbers: float) -> None:
    """Raises ConfigError for a number that is not > 0, or a domain in which no flame could be [m]."""
    check_positive(kind, **numbers)
    require_width(f"{kind}: width", width)


def check_positive(kind: str, **numbers: float) -> None:
    """Raises ConfigError for a number that is not > 0."""
    for name, value in numbers.items():
        if not value > 0:
            raise ConfigError(f"{kind}: {name} = {value:g}: must be > 0")


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

    solution = _prepared(query, prepare)
    flame = _solved(query, make, (query.width,), loglevel)
    hottest = max(query.T_fuel, query.T_oxidizer)
    _require_flame(query, flame, hottest)
    # A domain between two jets has its width: a finer grid must show the same flame.
    _require_same(query, flame, make(grid=halved(flame.grid)), ("velocity", "spreadRate", "T", "Lambda"), hottest)
    return CounterflowProfile(
        V=np.array(flame.spread_rate),
        mixture_fraction=np.array(flame.mixture_fraction("Bilger")),
        strain_rate=float(flame.strain_rate("max")),
        **fields(gas, query, flame),
    )


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

    solution = _prepared(query, prepare)
    unburnt = solution.X.copy()
    flame = _solved(query, make, (query.width, 4.0 * query.width), loglevel)
    _require_flame(query, flame, query.T)
    _require_same(query, flame, make(grid=widened(halved(flame.grid))), ("velocity", "T"), query.T)
    slope = (flame.T[1] - flame.T[0]) / (flame.grid[1] - flame.grid[0])
    heat = float(flame.thermal_conductivity[0] * slope)
    return BurnerProfile(mass_flux=query.mass_flux, heat_to_burner=heat, **fields(gas, query, flame))


def _prepared(query: Any, prepare: Callable[[], ct.Solution]) -> ct.Solution:
    try:
        return prepare()
    except (ct.CanteraError, MechanismError) as error:
        raise ConfigError(f"{query}: cannot set the gas: {last_line(error)}") from error


def _solved(query: Any, make: Callable[..., F], widths: tuple[float, ...], loglevel: int) -> F:
    """A flame refined to the criteria. Raises DivergenceError where Cantera fails."""
    try:
        flame = first_solution(lambda width: make(width=width), query, loglevel, widths)
        if isinstance(flame, ct.BurnerFlame):
            flame.set_steady_callback(partial(_watch, str(query), flame))
        refine(flame, query, query.slope, query.curve, loglevel)
        return flame
    except ct.CanteraError as error:
        raise DivergenceError(
            f"{query}: Cantera found no solution within {query.max_points} points (tried {tried(query, widths)}). "
            "Check that the mixture burns, then set another flux or larger slope, curve or max_points. "
            f"Cantera: {last_line(error)}"
        ) from error


def _watch(name: str, flame: ct.BurnerFlame, _: float) -> float:
    """Ends a refinement in which the flame leaves its burner: Cantera's own watch ends in an exception of no kind.

    Raises DivergenceError where the first fifth of the points lies at the burner's temperature.
    """
    T = flame.T
    if abs(T[max(3, len(T) // 5)] - T[0]) < BLOWN_OFF * (T.max() - T[0]):
        raise DivergenceError(f"{name}: the flame is blown off its burner. Lower the flux")
    return 0.0


def _require_flame(query: Any, flame: ct.FlameBase, hottest_inlet: float) -> None:
    """Cantera also converges to mixing without reaction, which is no flame."""
    if float(flame.T.max()) < hottest_inlet + LEAST_RISE:
        raise DivergenceError(
            f"{query}: the flame is out: no more than {flame.T.max():.0f} K. Lower the flux or widen the domain"
        )


def _require_same(query: Any, flame: Any, finer: Any, components: Sequence[str], hottest_inlet: float) -> None:
    """Near blow-off and extinction a flame may burn on one grid only. Raises DivergenceError then.

    finer : of the same kind, on a finer and perhaps wider grid, not yet begun
    """
    try:
        begin(finer, flame, query, components)
        settle(finer, 0)
    except ct.CanteraError as error:
        raise DivergenceError(
            f"{query}: it burns on one grid ({flame.T.max():.0f} K), and on one twice as fine Cantera finds none: "
            f"it is at the limit of blow-off or extinction. Lower the flux. Cantera: {last_line(error)}"
        ) from error
    width = flame.grid[-1] - flame.grid[0]
    require_agreement(str(query), _mark(flame, hottest_inlet, width), _mark(finer, hottest_inlet, width), hottest_inlet)


def _mark(flame: Any, inlet: float, width: float) -> tuple[float, float]:
    """Highest temperature [K], and the place of half the rise above `inlet` [K] over `width` [m]."""
    T, at = flame.T, max(int((flame.T > 0.5 * (inlet + flame.T.max())).argmax()), 1)
    place = np.interp(0.5 * (inlet + T.max()), T[at - 1 : at + 1], flame.grid[at - 1 : at + 1])
    return float(T.max()), float(place / width)


def fields(gas: Mechanism, query: Any, flame: Any) -> dict[str, Any]:
    """What all profiles hold."""
    arrays = {"x": flame.grid, "T": flame.T, "u": flame.velocity, "rho": flame.density, "Y": flame.Y}
    found: dict[str, Any] = {name: np.array(value) for name, value in arrays.items()}
    return found | {"species": gas.species, "pressure": query.p, "radiated": radiated(flame)}
