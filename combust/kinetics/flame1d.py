"""Planar free flames from Cantera: initial profiles and reference flame speeds, cached on disk.

A lean hydrogen flame on a customary grid is 6 % too slow and its burnt gas 25 K too cold: Cantera's upwind
convection needs some 4000 points there. `refine="converged"` refines until the burnt gas is within 3 K of
equilibrium.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import cantera as ct
import numpy as np

from combust.errors import ConfigError, DivergenceError
from combust.kinetics.mechanism import Mechanism

logger = logging.getLogger(__name__)

SORET = "mixture-averaged with Soret"
TRANSPORT = {
    "mixture-averaged": "mixture-averaged",
    "unity-Lewis": "unity-Lewis-number",
    SORET: "mixture-averaged",
}
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
    cantera: str = ct.__version__
    format: int = FORMAT

    def digest(self) -> str:
        """Hexadecimal SHA-256 of the content."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


def free_flame(
    mechanism: Mechanism | str | Path,
    T: float,
    p: float,
    fuel: str,
    oxidizer: str,
    phi: float,
    transport: str = "mixture-averaged",
    width: float = 0.02,
    slope: float = 0.03,
    curve: float = 0.06,
    max_points: int = 6000,
    refine: Literal["customary", "converged"] = "customary",
    loglevel: int = 0,
) -> FlameProfile:
    """Free flame of fuel and oxidizer (mole fractions) at phi, T [K], p [Pa], from the cache if it is there.

    transport: one of the names in TRANSPORT.
    width [m] of the first domain (Cantera widens it as needed); slope and curve are Cantera's refinement
    criteria. Cantera's Soret effect acts on all species. Under MPI call it on one rank and broadcast. Raises
    ConfigError for an unknown transport, refinement or species, DivergenceError when Cantera does not converge or
    needs more than `max_points`.
    """
    if transport not in TRANSPORT:
        raise ConfigError(f'free flame: transport "{transport}" is unknown; known: {", ".join(TRANSPORT)}')
    if refine not in ("customary", "converged"):
        raise ConfigError(f'free flame: refine = "{refine}" is unknown; known: customary, converged')
    gas = mechanism if isinstance(mechanism, Mechanism) else Mechanism.load(mechanism)
    numbers = (float(phi), transport, float(width), float(slope), float(curve), int(max_points), refine)
    query = FlameQuery(gas.sha256, gas.name, float(T), float(p), fuel, oxidizer, *numbers)
    path = cache_folder() / f"flame-{query.digest()[:32]}.npz"
    return compute_or_load(path, lambda: _solve(gas, query, loglevel))


def cache_folder() -> Path:
    """$COMBUST_CACHE, or ~/.cache/combust."""
    return Path(os.environ.get("COMBUST_CACHE") or Path.home() / ".cache" / "combust")


def compute_or_load(path: Path, compute: Callable[[], FlameProfile]) -> FlameProfile:
    """The profile stored at `path`, or a computed one that is then stored.

    Safe when several processes ask at once: a file appears complete or not at all; the last writer wins. A
    damaged file is computed again; a cache that cannot be written costs a warning, not the result.
    """
    try:
        return _read(path)
    except FileNotFoundError:
        pass
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        logger.warning("cached flame %s is damaged (%s); computing it again", path, error)
    profile = compute()
    try:
        _write(path, profile)
    except OSError as error:
        logger.warning("flame not cached in %s (%s): set COMBUST_CACHE to another folder", path.parent, error)
    return profile


def _read(path: Path) -> FlameProfile:
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in ("x", "T", "u", "rho", "Y")}
        scalars = {name: float(file[name]) for name in ("pressure", "speed", "equilibrium_temperature")}
        return FlameProfile(species=tuple(str(s) for s in file["species"]), **arrays, **scalars)


def _write(path: Path, profile: FlameProfile) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez_compressed(file, **(vars(profile) | {"species": np.array(profile.species)}))
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _solve(gas: Mechanism, query: FlameQuery, loglevel: int) -> FlameProfile:
    """Coarse grid first, then the asked one, then finer ones until the burnt gas is in equilibrium."""
    solution, equilibrium = _unburnt(gas, query)
    try:
        flame = _first_solution(solution, query, loglevel)
        flame.soret_enabled = query.transport == SORET
        _refine(flame, query.slope, query.curve, loglevel)
    except ct.CanteraError as error:
        tried = f"widths {query.width:g} and {4 * query.width:g} m, slope {query.slope:g}, curve {query.curve:g}"
        raise DivergenceError(
            f"{_name(query)}: Cantera found no solution within {query.max_points} points (tried {tried}). "
            "Check that the mixture burns, then set another width or larger slope, curve or max_points. "
            f"Cantera: {_last(error)}"
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


def _converge(flame: ct.FreeFlame, query: FlameQuery, equilibrium: float, loglevel: int) -> None:
    """Refine until the burnt gas is in equilibrium."""
    slope, curve = query.slope, query.curve
    while abs(gap := float(flame.T[-1]) - equilibrium) > BURNT_TOLERANCE:
        points = len(flame.grid)
        slope, curve = 0.6 * slope, 0.6 * curve
        try:
            _refine(flame, slope, curve, loglevel)
        except ct.CanteraError as error:
            raise DivergenceError(
                f"{_name(query)}: with {points} points the burnt gas is still {gap:+.1f} K from equilibrium "
                f"({equilibrium:.1f} K; allowed {BURNT_TOLERANCE:g} K). Raise max_points (now {query.max_points}) "
                f'or the width, or use refine = "customary". Cantera: {_last(error)}'
            ) from error


def _name(query: FlameQuery) -> str:
    return f"free flame of {query.fuel} in {query.oxidizer}, phi {query.phi:g}, {query.T:g} K, {query.p:g} Pa"


def _unburnt(gas: Mechanism, query: FlameQuery) -> tuple[ct.Solution, float]:
    """Solution in the unburnt state and its adiabatic equilibrium temperature."""
    solution = gas.cantera()
    try:
        solution.TP = query.T, query.p
        solution.set_equivalence_ratio(query.phi, query.fuel, query.oxidizer)
        solution.transport_model = TRANSPORT[query.transport]
    except ct.CanteraError as error:
        raise ConfigError(f"free flame: cannot set the unburnt gas: {_last(error)}") from error
    unburnt = solution.TPX
    solution.equilibrate("HP")
    equilibrium = float(solution.T)
    solution.TPX = unburnt
    return solution, equilibrium


def _first_solution(solution: ct.Solution, query: FlameQuery, loglevel: int) -> ct.FreeFlame:
    """A flame on a coarse grid; a domain four times as wide if the first attempt fails."""
    for width in (query.width, 4.0 * query.width):
        flame = ct.FreeFlame(solution, width=width)
        flame.transport_model = TRANSPORT[query.transport]
        flame.set_max_grid_points(flame.flame, query.max_points)
        coarse = {"slope": max(0.1, query.slope), "curve": max(0.2, query.curve)}
        flame.set_refine_criteria(ratio=3.0, prune=0.0, **coarse)
        try:
            flame.solve(loglevel=loglevel, auto=True)
            return flame
        except ct.CanteraError as error:
            logger.info("free flame: no solution at width %g m: %s", width, _last(error))
            failure = error
    raise failure


def _refine(flame: ct.FreeFlame, slope: float, curve: float, loglevel: int) -> None:
    flame.set_refine_criteria(ratio=3.0 if slope > 0.02 else 2.0, slope=slope, curve=curve, prune=0.0)
    flame.solve(loglevel=loglevel, refine_grid=True)
    logger.info("free flame: %d points, speed %.5g m/s, burnt gas %.1f K", len(flame.grid), flame.velocity[0],
                flame.T[-1])  # fmt: skip


def _last(error: Exception) -> str:
    """The one informative line of Cantera's boxed messages."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip(" *\n")]
    return lines[-1] if lines else str(error)
