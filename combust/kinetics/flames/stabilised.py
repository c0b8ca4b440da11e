"""What flames between two jets and flames on a burner share: checks, the solution by Cantera, its fields."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import cantera as ct
import numpy as np

from combust.errors import ConfigError, DivergenceError, MechanismError
from combust.kinetics.flames.grids import begin, solve_on_grid
from combust.kinetics.flames.plausible import LEAST_RISE, require_agreement
from combust.kinetics.flames.radiation import radiated
from combust.kinetics.flames.solver import first_solution, last_line, refine, require_width, tried
from combust.kinetics.mechanism.mechanism import Mechanism

F = TypeVar("F", bound=ct.FlameBase)


def check_numbers(kind: str, width: float, **numbers: float) -> None:
    """Raises ConfigError for a number that is not > 0, or a domain in which no flame could be [m]."""
    check_positive(kind, **numbers)
    require_width(f"{kind}: width", width)


def check_positive(kind: str, **numbers: float) -> None:
    """Raises ConfigError for a number that is not > 0."""
    for name, value in numbers.items():
        if not value > 0:
            raise ConfigError(f"{kind}: {name} = {value:g}: must be > 0")


def prepared(query: Any, prepare: Callable[[], ct.Solution]) -> ct.Solution:
    """The gas that `prepare` sets. Raises ConfigError naming the flame where it cannot."""
    try:
        return prepare()
    except (ct.CanteraError, MechanismError) as error:
        raise ConfigError(f"{query}: cannot set the gas: {last_line(error)}") from error


def solved(
    query: Any,
    make: Callable[..., F],
    widths: tuple[float, ...],
    loglevel: int,
    watch: Callable[[F], None] | None = None,
) -> F:
    """A flame refined to the criteria; watch : gets the flame before it is refined.

    Raises DivergenceError where Cantera fails.
    """
    try:
        flame = first_solution(lambda width: make(width=width), query, loglevel, widths)
        if watch is not None:
            watch(flame)
        refine(flame, query, query.slope, query.curve, loglevel)
        return flame
    except ct.CanteraError as error:
        raise DivergenceError(
            f"{query}: Cantera found no solution within {query.max_points} points (tried {tried(query, widths)}). "
            "Check that the mixture burns, then set another flux or larger slope, curve or max_points. "
            f"Cantera: {last_line(error)}"
        ) from error


def require_flame(query: Any, flame: ct.FlameBase, hottest_inlet: float) -> None:
    """Cantera also converges to mixing without reaction, which is no flame."""
    if float(flame.T.max()) < hottest_inlet + LEAST_RISE:
        raise DivergenceError(
            f"{query}: the flame is out: no more than {flame.T.max():.0f} K. Lower the flux or widen the domain"
        )


def require_same(query: Any, flame: Any, finer: Any, components: Sequence[str], hottest_inlet: float) -> None:
    """Near blow-off and extinction a flame may burn on one grid only. Raises DivergenceError then.

    finer : of the same kind, on a finer and perhaps wider grid, not yet begun
    """
    try:
        begin(finer, flame, query, components)
        solve_on_grid(finer, 0)
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
