"""Tables of extinction strain rates: every combination of pressure and temperatures of the jets."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from combust.errors import CombustError, ConfigError
from combust.kinetics.flames.extinction import Extinction, extinction_strain
from combust.kinetics.flames.radiation import BLACK_BODY_AT_ZERO, Emissivity, check_radiation
from combust.kinetics.flames.solver import check_transport, require_width
from combust.kinetics.flames.speeds import require_points
from combust.kinetics.mechanism import mixtures
from combust.kinetics.mechanism.ideal_gas import require_ideal
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.settings.ranges import positive_numbers
from combust.units import ATM


class Row(NamedTuple):
    """One extinction between jets at p [Pa] and T_fuel, T_oxidizer [K], or the reason why there is none."""

    p: float
    T_fuel: float
    T_oxidizer: float
    found: Extinction | None
    seconds: float
    reason: str = ""


@dataclass(frozen=True)
class Extinctions:
    """A row for each condition."""

    rows: tuple[Row, ...]

    @property
    def failed(self) -> int:
        """Extinctions that were not found."""
        return sum(row.found is None for row in self.rows)


def require_positive(what: str, value: float) -> None:
    """Raises ConfigError for a number that is not positive and finite."""
    if not (math.isfinite(value) and value > 0):
        raise ConfigError(f"{what} {value:g}: must be > 0")


def extinction(
    mechanism: Mechanism | str | Path,
    fuel: str,
    oxidizer: str = "O2:1, N2:3.76",
    p: Sequence[float] = (ATM,),
    T_fuel: Sequence[float] = (300.0,),
    T_oxidizer: Sequence[float] = (300.0,),
    *,
    width: float = 0.02,
    momentum_ratio: float = 1.0,
    strain: float = 60.0,
    transport: str = "mixture-averaged",
    soret: bool = False,
    max_points: int = 3000,
    radiation: bool = False,
    emissivity: Emissivity = BLACK_BODY_AT_ZERO,
    each: Callable[[Row], None] = lambda row: None,
) -> Extinctions:
    """Strain rates [1/s] at which flames between two jets go out, for all combinations of p [Pa] and temperatures [K].

    mechanism : Cantera YAML, or one that is loaded;  fuel, oxidizer : a species, or mole fractions "CH4:0.8, N2:0.2"
    The other options are those of `combust.kinetics.flames.extinction.extinction_strain`; width [m] between the jets.
    each : called with every row as it is found; an extinction that is not found is one that says why
    Raises ConfigError or MechanismError for what cannot be asked.
    """
    given = {"p": p, "T_fuel": T_fuel, "T_oxidizer": T_oxidizer}
    conditions = list(itertools.product(*(positive_numbers(name, given[name]) for name in given)))
    gas = mechanism if isinstance(mechanism, Mechanism) else Mechanism.load(mechanism)
    fuel, oxidizer = mixtures.of_options(gas, fuel, oxidizer, False, ("fuel", "oxidizer"))
    require_ideal("extinction", [min(T) for _, *T in conditions], [p for p, *_ in conditions])
    options: dict[str, Any] = {
        "width": width, "momentum_ratio": momentum_ratio, "strain": strain, "transport": transport, "soret": soret,
        "max_points": max_points, "radiation": radiation, "emissivity": emissivity,
    }  # fmt: skip
    check(gas, options)
    rows = []
    for own, T_f, T_o in conditions:
        solve = partial(extinction_strain, gas, own, fuel, oxidizer, T_f, T_o, **options)
        rows.append(row_of(own, T_f, T_o, solve))
        each(rows[-1])
    return Extinctions(tuple(rows))


def check(gas: Mechanism, options: dict[str, Any]) -> None:
    """Raises ConfigError for options of `extinction_strain` that cannot be."""
    require_width("width", options["width"])
    require_positive("strain", options["strain"])
    require_positive("momentum_ratio", options["momentum_ratio"])
    require_points("max_points", options["max_points"])
    check_transport("extinction", options["transport"], options["soret"])
    check_radiation("extinction", gas, options["radiation"], options["emissivity"])


def row_of(p: float, T_fuel: float, T_oxidizer: float, solve: Callable[[], Extinction]) -> Row:
    """The row of p [Pa] and the temperatures of fuel and oxidizer [K]; what is not found is a row that says why."""
    begin = time.monotonic()
    try:
        found = solve()
    except CombustError as error:
        return Row(p, T_fuel, T_oxidizer, None, time.monotonic() - begin, str(error))
    return Row(p, T_fuel, T_oxidizer, found, time.monotonic() - begin)
