"""Makes the conditions at the sides of the domain from their tables in a case file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from combust.cfd.boundaries import settings
from combust.cfd.boundaries.conditions import (
    Boundary,
    Burner,
    Inflow,
    Outflow,
    Parts,
    Sides,
    Symmetry,
    Wall,
    conditions_of,
)
from combust.errors import ConfigError

AXES = ("z", "y", "x")
NO_SORET = (
    "gas.transport.soret = true would drive species through a wall of fixed temperature; use an adiabatic wall, or "
    "leave soret off"
)


@dataclass(frozen=True)
class Case:
    """What the tables of sides refer to in the rest of a case.

    pressure : gas.pressure [Pa];  species, device : of the values that are made;  soret : gas.transport.soret
    initial : the table of that name;  mixture : (table, its place) -> Y;  flame_speed : that of the initial flame [m/s]
    """

    pressure: float
    species: int
    device: str
    soret: bool
    initial: Any
    mixture: Callable[[Any, str], Tensor]
    flame_speed: Callable[[], float]


def lets_through(table: Any) -> bool:
    """Whether gas, heat or motion enters by a side, so that one cell beside it is not alike in that direction."""
    if isinstance(table, settings.Wall):
        return table.temperature is not None or any(table.velocity)
    return table is not None and not isinstance(table, settings.Periodic | settings.Symmetry)


def periodic(sides: Mapping[str, Any]) -> tuple[bool, bool, bool]:
    """Per axis (z, y, x) whether its sides are periodic; sides: name -> table."""
    z, y, x = (isinstance(sides.get(f"{a}_low"), settings.Periodic) for a in AXES)
    return z, y, x


def passes(sides: Mapping[str, Any]) -> tuple[bool, bool, bool]:
    """Per axis (z, y, x) whether something enters by one of its sides; sides: name -> table."""
    z, y, x = (any(lets_through(sides.get(f"{a}_{end}")) for end in ("low", "high")) for a in AXES)
    return z, y, x


def boundaries(
    sides: Mapping[str, Any], case: Case, given: Mapping[str, Boundary | Parts] | None = None
) -> tuple[Sides, Sides, Sides]:
    """Conditions per axis (z, y, x), low and high side; sides: name ("x_low", ...) -> table. Raises ConfigError.

    given : conditions that take the place of those of the tables
    """
    made = {f"{a}_{end}": condition(f"{a}_{end}", sides, case) for a in AXES for end in ("low", "high")}
    for name, instead in (given or {}).items():
        if name not in made or made[name] is None:
            known = ", ".join(side for side, there in made.items() if there is not None)
            raise ConfigError(f"conditions: {name!r} is no side that takes one; this case has {known}")
        kinds = conditions_of(made[name])
        if not isinstance(instead, Parts) and not any(isinstance(instead, type(kind)) for kind in kinds):
            raise ConfigError(
                f"conditions[{name!r}]: is {type(instead).__name__}, the case has {type(kinds[0]).__name__} there"
            )
        if instead.pressure != kinds[0].pressure:
            raise ConfigError(f"conditions[{name!r}]: pressure is {instead.pressure!r}, not {kinds[0].pressure!r}")
        made[name] = instead
    z, y, x = ((made[f"{a}_low"], made[f"{a}_high"]) for a in AXES)
    return z, y, x


def condition(name: str, sides: Mapping[str, Any], case: Case) -> Boundary | None:
    """The condition of a side; None where it is periodic, or the mesh has no such direction."""
    table = sides.get(name)
    if isinstance(table, settings.Inflow | settings.Burner):
        return _inflow(name, table, case)
    if isinstance(table, settings.Outflow):
        return _outflow(name, table, case)
    if isinstance(table, settings.Wall):
        return _wall(name, table, case)
    return Symmetry() if isinstance(table, settings.Symmetry) else None


def _outflow(name: str, table: settings.Outflow, case: Case) -> Outflow:
    if table.pressure not in (None, case.pressure):
        raise ConfigError(
            f"boundary.{name}.pressure = {table.pressure}: a low-Mach flow has one thermodynamic pressure, "
            f"gas.pressure = {case.pressure}; omit the key"
        )
    return Outflow()


def _wall(name: str, table: settings.Wall, case: Case) -> Wall:
    fixed = None
    if table.temperature is not None:
        if case.soret:
            raise ConfigError(f"boundary.{name}.temperature: {NO_SORET}")
        fixed = torch.full((1 + case.species,), torch.nan, dtype=torch.float64, device=case.device)
        fixed[0] = table.temperature
    velocity = list(reversed(table.velocity))
    if velocity[AXES.index(name[0])] != 0.0:
        raise ConfigError(f"boundary.{name}.velocity: the {name[0]} part must be 0: a wall is where it is")
    return Wall(velocity=velocity, scalars=fixed, slip=table.slip)


def _inflow(name: str, table: settings.Inflow | settings.Burner, case: Case) -> Inflow:
    fresh = case.initial
    Y = case.mixture(table, f"boundary.{name}") if table.has_composition else case.mixture(fresh, "initial")
    T = table.temperature or fresh.temperature
    speed = case.flame_speed() if isinstance(table.velocity, str) else table.velocity
    velocity = [0.0, 0.0, 0.0]
    velocity[AXES.index(name[0])] = speed if name.endswith("low") else -speed
    values = torch.cat([torch.tensor([T], dtype=torch.float64, device=case.device), Y.to(case.device)])
    if isinstance(table, settings.Burner):
        held = torch.full_like(values, torch.nan)
        held[0] = T
        return Burner(velocity=velocity, scalars=held, stream=values)
    if table.inlet == "value":
        return Inflow(velocity=velocity, scalars=values, diffusion_counts=False)
    return Inflow(velocity=velocity, stream=values)


def balanced(sides: Mapping[str, Any], made: tuple[Sides, Sides, Sides]) -> Inflow | None:
    """The inflow that follows the consumption speed, if one does. Raises ConfigError where it faces no fresh gas."""
    for name, table in sides.items():
        if isinstance(table, settings.Inflow) and table.velocity == "balanced":
            if name != "x_low":
                raise ConfigError(f'boundary.{name}.velocity = "balanced": only x_low faces the unburnt gas')
            return made[2][0]  # type: ignore[return-value]
    return None
