"""What all of Cantera's one-dimensional flames share: transport, a coarse grid first, refinement, its messages."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, Protocol, TypeVar

import cantera as ct
import numpy as np

from combust.errors import ConfigError
from combust.kinetics.flames.radiation import Emissivity, radiate

logger = logging.getLogger(__name__)

Transport = Literal["mixture-averaged", "unity-Lewis"]
TRANSPORT = {"mixture-averaged": "mixture-averaged", "unity-Lewis": "unity-Lewis-number"}
WIDTHS = (1e-6, 100.0)  # m, of domains: from less than a flame at 1000 atm to far more than one at 0.001 atm
F = TypeVar("F", bound=ct.FlameBase)


class Query(Protocol):
    """Numerical choices that every flame has."""

    @property
    def transport(self) -> str: ...
    @property
    def soret(self) -> bool: ...
    @property
    def width(self) -> float: ...
    @property
    def slope(self) -> float: ...
    @property
    def curve(self) -> float: ...
    @property
    def max_points(self) -> int: ...
    @property
    def radiation(self) -> bool: ...
    @property
    def emissivity(self) -> Emissivity: ...


def check_transport(kind: str, transport: str, soret: bool) -> None:
    """Raises ConfigError for an unknown transport model, or Soret diffusion with one that has none."""
    if transport not in TRANSPORT:
        raise ConfigError(f'{kind}: transport "{transport}" is unknown; known: {", ".join(TRANSPORT)}')
    if soret and transport != "mixture-averaged":
        raise ConfigError(f'{kind}: Soret diffusion needs transport "mixture-averaged", not "{transport}"')


def require_width(what: str, width: float) -> None:
    """Raises ConfigError for a domain in which no flame could be."""
    if not WIDTHS[0] <= width <= WIDTHS[1]:
        raise ConfigError(f"{what} {width:g}: must be from {WIDTHS[0]:g} to {WIDTHS[1]:g} m, which flames need")


def first_solution(
    make: Callable[[float], F], query: Query, loglevel: int, widths: Sequence[float], widen: bool = True
) -> F:
    """A flame on a coarse grid, on the first of the domains where Cantera finds one.

    make : builds the flame on a domain of the width given [m]; widen : whether Cantera may widen that of a free flame.
    Raises CanteraError where all attempts fail.
    """
    for width in widths:
        flame = make(width)
        flame.transport_model = TRANSPORT[query.transport]
        domains: Sequence[Any] = flame.domains  # between inlet and outlet: FlameBase does not name it
        flame.set_max_grid_points(domains[1], query.max_points)
        flame.set_refine_criteria(ratio=3.0, slope=max(0.1, query.slope), curve=max(0.2, query.curve), prune=0.0)
        try:
            solve = flame.solve if widen else partial(ct.FlameBase.solve, flame)
            with np.errstate(divide="ignore", invalid="ignore"):
                solve(loglevel=loglevel, auto=True)
            return flame
        except ZeroDivisionError as error:  # of the mixture fraction that Cantera's first guess is laid around
            raise ct.CanteraError("no mixture of both jets is stoichiometric") from error
        except ct.CanteraError as error:
            logger.info("no solution at width %g m: %s", width, last_line(error))
            failure = error
    raise failure


def refine(flame: Any, query: Query, slope: float, curve: float, loglevel: int) -> None:
    """Solve on grids refined to the criteria; Soret diffusion and radiation join here: they disturb a first guess."""
    flame.soret_enabled = query.soret
    radiate(flame, query)
    flame.set_refine_criteria(ratio=3.0 if slope > 0.02 else 2.0, slope=slope, curve=curve, prune=0.0)
    flame.solve(loglevel=loglevel, refine_grid=True)


def tried(query: Query, widths: Sequence[float]) -> str:
    """What was attempted, for messages."""
    return f"width {' and '.join(f'{w:g}' for w in widths)} m, slope {query.slope:g}, curve {query.curve:g}"


def last_line(error: Exception) -> str:
    """The one informative line of Cantera's boxed messages."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip(" *\n")]
    return lines[-1] if lines else str(error)
