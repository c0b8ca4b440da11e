"""Quantities that a closure carries with the gas, such as the energy of its eddies: what it says of them to a solver.

The solver keeps them, in checkpoints too, shows them to the closure as `view.carried`, and moves them once per step:
d(rho f)/dt + div(rho u f) = div((mu + rho D) grad f) + rho (production - destruction f), with the step's mass fluxes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from combust.cfd.closures.view import Domain, View
from combust.errors import ConfigError
from combust.settings.eddies import Eddies


class Quantity(NamedTuple):
    """name : of its field and in checkpoints;  given : key of the table `turbulence` of an inflow that says what comes
    in, None where the gradient is zero there;  positive : whether it may not fall below zero;  molecular : whether the
    gas's viscosity diffuses it, too
    """

    name: str
    given: Literal["k", "epsilon", "omega"] | None = None
    positive: bool = True
    molecular: bool = True


class Balance(NamedTuple):
    """Of each quantity, (rows, nz, ny, nx) over the owned cells, none negative where the quantity is `positive`.

    production : per mass [its unit/s];  destruction : times the quantity, what is lost [1/s];  diffusivity : D [m2/s],
        None where eddies do not diffuse them
    fixed : what a quantity is, whatever its equation, as in cells beside a wall; NaN where it is free; None: everywhere
    """

    production: Tensor
    destruction: Tensor
    diffusivity: Tensor | None
    fixed: Tensor | None = None


class Carrying(ABC):
    """Base of closures that carry quantities, beside the `update(view)` of every closure, which reads view.carried."""

    @property
    @abstractmethod
    def quantities(self) -> tuple[Quantity, ...]:
        """What is carried, in the order of the rows of every array."""

    @abstractmethod
    def start(self, view: View) -> Tensor:
        """(rows, nz, ny, nx) of a flow that starts with `view`, whose `carried` is None (collective)."""

    @abstractmethod
    def balance(self, view: View, values: Tensor) -> Balance:
        """Where the quantities are `values` (rows, nz, ny, nx), and all else is the flow of `view` (collective).

        Asked once or twice a step, for its start and for an estimate of its end, on all ranks: it may message by the
        view, as `update` may, and what fails on one rank fails on all.
        """

    def require(self, domain: Domain) -> None:  # noqa: B027  # most have no more to ask
        """Raises ConfigError naming what of grid and sides does not go with it."""

    def at_walls(self, view: View) -> Tensor | None:
        """What walls with friction hold, by the cell beside them: (rows, nz, ny, nx) or (rows, 1, 1, 1), NaN where the
        gradient is zero; None: zero gradient of all. Of the gas alone, without view.carried.
        """
        return None


def quantities_of(closure: object) -> tuple[Quantity, ...]:
    """What a closure carries; nothing of one that is algebraic, or none."""
    return closure.quantities if isinstance(closure, Carrying) else ()


def of_stream(quantities: tuple[Quantity, ...], given: Eddies, speed: float | Tensor, place: str) -> list[Tensor]:
    """Values of all that are given, NaN of the others; place : of the table, for messages. Raises ConfigError."""
    found = []
    for q in quantities:
        value = torch.nan if q.given is None else given.value(q.given, speed, place)
        found.append(torch.as_tensor(value, dtype=torch.float64))
    return found


def require_eddies(quantities: tuple[Quantity, ...], given: Eddies | None, place: str) -> None:
    """Raises ConfigError where a side through which gas comes in does not say what of the quantities does."""
    wanted = [q for q in quantities if q.given is not None]
    if wanted and given is None:
        raise ConfigError(
            f"{place}.turbulence is missing: the closure carries {', '.join(q.name for q in wanted)}, and gas comes in "
            'there: give for example turbulence = { intensity = 0.05, length = "1 mm" }, or values by name'
        )
    if given is not None:
        of_stream(tuple(wanted), given, 1.0, f"{place}.turbulence")
