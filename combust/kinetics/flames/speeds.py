"""Tables of laminar flame speeds: every combination of equivalence ratio, temperature and pressure."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from combust.errors import CombustError, ConfigError
from combust.kinetics.flames.free import check_refine, free_flame
from combust.kinetics.flames.radiation import BLACK_BODY_AT_ZERO, Emissivity, check_radiation
from combust.kinetics.flames.solver import check_transport, require_width
from combust.kinetics.mechanism import mixtures
from combust.kinetics.mechanism.ideal_gas import require_ideal
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.settings.ranges import positive_numbers
from combust.units import ATM

LEAST_POINTS = 20


class FlameSpeed(NamedTuple):
    """One flame; NaN and a reason where there is none. The fields are the columns of flamespeed.csv.

    The speed is extrapolated to zero spacing and its error estimated, relative; the grid's own speed stands beside it.
    With refine = "customary" there is one grid only, and no estimate (inf).
    """

    phi: float
    temperature_K: float
    pressure_Pa: float
    flame_speed_m_per_s: float
    speed_error: float
    grid_speed_m_per_s: float
    thermal_thickness_m: float
    burnt_temperature_K: float
    equilibrium_temperature_K: float
    points: int
    seconds: float
    reason: str = ""


@dataclass(frozen=True)
class FlameSpeeds:
    """A row for each condition."""

    rows: tuple[FlameSpeed, ...]

    @property
    def failed(self) -> int:
        """Flames that were not found."""
        return sum(bool(row.reason) for row in self.rows)


def require_points(what: str, points: int) -> None:
    """Raises ConfigError for a grid that no flame fits on."""
    if points < LEAST_POINTS:
        raise ConfigError(f"{what} {points}: must be at least {LEAST_POINTS}")


def flamespeed(
    mechanism: Mechanism | str | Path,
    fuel: str,
    oxidizer: str = "O2:1, N2:3.76",
    phi: Sequence[float] = (1.0,),
    T: Sequence[float] = (300.0,),
    p: Sequence[float] = (ATM,),
    *,
    transport: str = "mixture-averaged",
    soret: bool = False,
    refine: str = "extrapolated",
    width: float = 0.02,
    max_points: int = 6000,
    radiation: bool = False,
    emissivity: Emissivity = BLACK_BODY_AT_ZERO,
    each: Callable[[FlameSpeed], None] = lambda row: None,
) -> FlameSpeeds:
    """Laminar flame speeds [m/s] of all combinations of phi, T [K] and p [Pa], in the order p, T, phi.

    mechanism : Cantera YAML, or one that is loaded;  fuel, oxidizer : a species, or mole fractions "CH4:0.8, H2:0.2"
    The other options are those of `combust.kinetics.flames.free.free_flame`; width [m] of the first domain.
    each : called with every row as it is found
    A flame that is not found is a row that says why. Raises ConfigError or MechanismError for what cannot be asked.
    """
    phi, T, p = (positive_numbers(*named) for named in (("phi", phi), ("T", T), ("p", p)))
    gas = mechanism if isinstance(mechanism, Mechanism) else Mechanism.load(mechanism)
    fuel, oxidizer = mixtures.of_options(gas, fuel, oxidizer, True, ("fuel", "oxidizer"))
    conditions = list(itertools.product(p, T, phi))
    require_ideal("free flame", [T for _, T, _ in conditions], [p for p, _, _ in conditions])
    options = checked(gas, transport, soret, refine, width, max_points, radiation, emissivity)
    rows = []
    for own_p, own_T, own_phi in conditions:
        row = row_of(own_phi, own_T, own_p, lambda T, p, phi: free_flame(gas, T, p, fuel, oxidizer, phi, **options))
        each(row)
        rows.append(row)
    return FlameSpeeds(tuple(rows))


def checked(
    gas: Mechanism,
    transport: str,
    soret: bool,
    refine: str,
    width: float,
    max_points: int,
    radiation: bool,
    emissivity: Emissivity,
) -> dict[str, Any]:
    """Options of `free_flame`, without those of radiation where nothing radiates. Raises ConfigError."""
    check_transport("flamespeed", transport, soret)
    check_refine("flamespeed", refine)
    require_width("width", width)
    require_points("max_points", max_points)
    check_radiation("flamespeed", gas, radiation, emissivity)
    options: dict[str, Any] = {"radiation": True, "emissivity": emissivity} if radiation else {}
    return options | {
        "transport": transport, "refine": refine, "soret": soret, "width": width, "max_points": max_points,
    }  # fmt: skip


def row_of(phi: float, T: float, p: float, solve: Callable[[float, float, float], Any]) -> FlameSpeed:
    """The row of a flame solve(T, p, phi), T [K], p [Pa]; one that is not found is a row that says why."""
    begin = time.monotonic()
    try:
        flame = solve(T, p, phi)
    except CombustError as error:
        found: tuple[Any, ...] = (*6 * [math.nan], 0, time.monotonic() - begin, str(error))
    else:
        found = (
            flame.speed, flame.speed_error, flame.grid_speed, flame.thermal_thickness, flame.burnt_temperature,
            flame.equilibrium_temperature, len(flame.x), time.monotonic() - begin,
        )  # fmt: skip
    return FlameSpeed(phi, T, p, *found)
