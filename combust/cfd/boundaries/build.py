"""Makes the conditions at the sides of the domain from their tables in a case file."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor

from combust.cfd.boundaries import fluctuations, settings
from combust.cfd.boundaries.bounds import Bounds
from combust.cfd.boundaries.conditions import (
    Boundary,
    Burner,
    ConvectiveOutflow,
    Inflow,
    Outflow,
    Parts,
    Sides,
    Symmetry,
    Wall,
    conditions_of,
)
from combust.cfd.boundaries.follow import Balanced, Hold
from combust.cfd.boundaries.keys import PHI, SPEEDS, TEMPERATURES, Key
from combust.cfd.boundaries.patches import cut_cells, fit
from combust.cfd.boundaries.planes import COMPONENTS, FromPlanes
from combust.cfd.boundaries.profiles import Gases, Profile, is_planes
from combust.cfd.boundaries.tables import read
from combust.cfd.boundaries.values import Function, GasStream, Held, Table
from combust.cfd.mesh.grid import NAMES
from combust.errors import ConfigError, at

MOST_MISSING = 1e-3  # of the sum of mass fractions in a file, which are then scaled to one
THICKNESSES = 5.0  # that a flame passes in the time of the response of an inflow that holds it
FOLLOWS = ("balanced", "hold-flame")
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class BoundaryContext:
    """What the tables of sides refer to in the rest of a case.

    faces : global face coordinates (z, y, x) [m];  directions : of the mesh, "x" first;  pressure : gas.pressure [Pa]
    sides : the table of each side;  axisymmetric : whether the mesh is
    names : of the species;  device : of the values that are made
    initial : the table of that name;  mixture : (table, its place) -> Y;  flame_speed : that of the initial flame [m/s]
    """

    faces: tuple[np.ndarray, np.ndarray, np.ndarray]
    directions: tuple[str, ...]
    sides: Mapping[str, Any]
    axisymmetric: bool
    pressure: float
    names: tuple[str, ...]
    device: str
    initial: Any
    mixture: Callable[[Any, str], Tensor]
    flame_speed: Callable[[], float]


def lets_through(table: Any) -> bool:
    """Whether gas, heat or motion enters by a side, so that one cell beside it is not alike in that direction."""
    if isinstance(table, tuple):
        return any(lets_through(part) for part in table)
    if isinstance(table, settings.Wall):
        return table.temperature is not None or table.heat_flux != 0.0 or any(table.velocity)
    return table is not None and not isinstance(table, settings.Periodic | settings.Symmetry)


def periodic(sides: Mapping[str, Any]) -> tuple[bool, bool, bool]:
    """Per axis (z, y, x) whether its sides are periodic; sides: name -> table."""
    z, y, x = (isinstance(sides.get(f"{a}_low"), settings.Periodic) for a in NAMES)
    return z, y, x


def passes(sides: Mapping[str, Any]) -> tuple[bool, bool, bool]:
    """Per axis (z, y, x) whether something enters by one of its sides; sides: name -> table."""
    z, y, x = (any(lets_through(sides.get(f"{a}_{end}")) for end in ("low", "high")) for a in NAMES)
    return z, y, x


def boundaries(
    sides: Mapping[str, Any], case: BoundaryContext, given: Mapping[str, Boundary | Parts] | None = None
) -> tuple[Sides, Sides, Sides]:
    """Conditions per axis (z, y, x), low and high side; sides: name ("x_low", ...) -> table. Raises ConfigError.

    given : conditions that take the place of those of the tables
    """
    made = {f"{a}_{end}": condition(f"{a}_{end}", sides, case) for a in NAMES for end in ("low", "high")}
    for name, instead in (given or {}).items():
        if name not in made or made[name] is None:
            known = ", ".join(side for side, there in made.items() if there is not None)
            raise ConfigError(f"conditions: {name!r} is no side that takes one; this case has {known}")
        kinds = conditions_of(made[name])
        if not isinstance(instead, Parts) and not any(isinstance(instead, type(kind)) for kind in kinds):
            raise ConfigError(
                f"conditions[{name!r}]: is {type(instead).__name__}, the case has {type(kinds[0]).__name__} there"
            )
        pressure = made[name].pressure  # type: ignore[union-attr]
        if instead.pressure != pressure:
            raise ConfigError(f"conditions[{name!r}]: pressure is {instead.pressure!r}, not {pressure!r}")
        made[name] = instead
    z, y, x = ((made[f"{a}_low"], made[f"{a}_high"]) for a in NAMES)
    return z, y, x


def condition(name: str, sides: Mapping[str, Any], case: BoundaryContext) -> Boundary | Parts | None:
    """The condition of a side; None where it is periodic, or the mesh has no such direction."""
    table = sides.get(name)
    if isinstance(table, tuple):
        return _parts(name, table, case)
    return None if table is None or isinstance(table, settings.Periodic) else _one(name, table, case)


def _one(name: str, table: Any, case: BoundaryContext, place: str = "") -> Boundary:
    """The condition of a side or of a part of it; place : "x_low[1]" of a part."""
    bounds = Bounds(case.faces, case.sides, case.axisymmetric)
    reach = _reach(table, case)
    key = Key(f"boundary.{place or name}", NAMES.index(name[0]), reach, case.directions, case.device, bounds)
    if isinstance(table, settings.Inflow | settings.Burner):
        return _inflow(key, 1.0 if name.endswith("low") else -1.0, table, case)
    if isinstance(table, settings.Outflow):
        return _outflow(key, table, case)
    return _wall(key, table, case) if isinstance(table, settings.Wall) else Symmetry()


def _reach(table: Any, case: BoundaryContext) -> dict[str, tuple[float, float]]:
    """From where to where a side, or its part, reaches along x, y and z [m]."""
    whole = {a: (float(f[0]), float(f[-1])) for a, f in zip(NAMES, case.faces, strict=True)}
    return whole if table.where is None else whole | dict([table.where.range])


def _parts(name: str, tables: tuple[Any, ...], case: BoundaryContext) -> Parts:
    """Raises ConfigError where they do not meet, or do not cover the side."""
    over = {part.where.range[0] for part in tables}
    if len(over) > 1:
        raise ConfigError(f"boundary.{name}: its parts are ranges of {' and '.join(sorted(over))}: take one coordinate")
    axis = NAMES.index(over.pop())
    made = [_one(name, part, case, f"{name}[{i}]") for i, part in enumerate(tables)]
    if NAMES[axis] == name[0] or NAMES[axis] not in case.directions:
        allowed = " and ".join(a for a in case.directions if a != name[0]) or "none: the side is a point"
        raise ConfigError(f"boundary.{name}[0].where: {NAMES[axis]} is no coordinate of that side; allowed: {allowed}")
    with at(f"boundary.{name}"):
        parts = Parts(axis, [part.where.range[1] for part in tables], made)
        fit(parts, case.faces[axis])
    for edge, face, share in cut_cells(case.faces[axis], parts):
        logger.info(
            "boundary.%s: the edge at %s = %.6g m lies within a cell, and acts at its face, %.6g m: %.2g of the cell",
            name, NAMES[axis], edge, face, share,
        )  # fmt: skip
    return parts


def _outflow(key: Key, table: settings.Outflow, case: BoundaryContext) -> Outflow:
    if table.pressure not in (None, case.pressure):
        raise ConfigError(
            f"{key.place}.pressure = {table.pressure}: a low-Mach flow has one thermodynamic pressure, "
            f"gas.pressure = {case.pressure}; omit the key"
        )
    stream = None if table.backflow is None else _outside(key, table.backflow, case)
    if table.condition == "convective":
        return ConvectiveOutflow(stream=stream, convection=table.convection)
    return Outflow(stream=stream)


def _outside(key: Key, table: settings.Outside, case: BoundaryContext) -> Tensor:
    """T and Y of the gas beyond an outflow."""
    where = f"{key.place}.backflow"
    if table.temperature is None and getattr(case.initial, "temperature", None) is None:
        raise ConfigError(f"{where}: initial has no temperature: give one")
    Y = case.mixture(*((table, where) if table.has_composition else (case.initial, "initial")))
    T = torch.tensor([table.temperature or case.initial.temperature], dtype=torch.float64)
    return torch.cat([T, Y.cpu()]).to(case.device)


def _wall(key: Key, table: settings.Wall, case: BoundaryContext) -> Wall:
    fixed: Tensor | Function | None = None
    if table.temperature is not None:
        fixed = _held(key.value("temperature", table.temperature, TEMPERATURES), case)
    velocity: list[float | Function] = [key.value(f"velocity[{2 - a}]", table.velocity[2 - a]) for a in range(3)]
    if velocity[key.axis] != 0.0:
        raise ConfigError(f"{key.place}.velocity: the {NAMES[key.axis]} part must be 0: a wall is where it is")
    heat = key.value("heat_flux", table.heat_flux)
    return Wall(velocity=velocity, scalars=fixed, slip=table.slip, heat=heat)


def _held(T: float | Function, case: BoundaryContext) -> Tensor | Function:
    """T held, Y of zero gradient."""
    if callable(T):
        return Held(T, len(case.names))
    fixed = torch.full((1 + len(case.names),), torch.nan, dtype=torch.float64, device=case.device)
    fixed[0] = T
    return fixed


def _inflow(key: Key, sign: float, table: settings.Inflow | settings.Burner, case: BoundaryContext) -> Inflow:
    Y = _fractions(key, table, case)
    T = key.value("temperature", table.temperature or case.initial.temperature, TEMPERATURES)
    if table.velocity in FOLLOWS and key.place.endswith("]"):
        raise ConfigError(f'{key.place}.velocity = "{table.velocity}": is for a whole side; give a part a number')
    speed = case.flame_speed() if isinstance(table.velocity, str) else key.value("velocity", table.velocity, SPEEDS)
    if isinstance(table, settings.Inflow) and table.hold is not None and table.hold.start is not None:
        speed = table.hold.start
    velocity: list[float | Function] = [0.0, 0.0, 0.0]
    along = getattr(table, "tangential", None)
    for a, name in enumerate(NAMES if along is not None else ()):
        given = getattr(along, name)
        if given is not None:
            key.require_along(f"tangential.{name}", name)
            velocity[a] = key.value(f"tangential.{name}", given)
    if isinstance(speed, FromPlanes):
        _all_components(key, sign, table, case, velocity, speed)
    else:
        velocity[key.axis] = speed.scaled(sign) if isinstance(speed, Table) else sign * speed
    if isinstance(table, settings.Inflow) and table.fluctuations is not None:
        where = fluctuations.Extent(key.axis, sign, key.reach, case.faces, periodic(case.sides), case.axisymmetric)
        velocity = fluctuations.added(velocity, table.fluctuations, key, where)
    values: Tensor | Function
    if callable(T) or callable(Y):
        values = GasStream(T, Y)
    else:
        values = torch.cat([torch.tensor([T], dtype=torch.float64, device=case.device), Y])
    eddies = table.turbulence
    if isinstance(table, settings.Burner):
        return Burner(velocity=velocity, scalars=_held(T, case), stream=values, eddies=eddies)
    if table.inlet == "value":
        return Inflow(velocity=velocity, scalars=values, diffusion_counts=False, eddies=eddies)
    return Inflow(velocity=velocity, stream=values, eddies=eddies)


def _all_components(
    key: Key, sign: float, table: Any, case: BoundaryContext, velocity: list[float | Function], normal: FromPlanes
) -> None:
    """Velocities of a file of planes: as they point there, those along the side too unless `tangential` is given."""
    if not sign * float(normal.first().mean()) > 0:
        raise ConfigError(
            f"{key.place}.velocity.file: {table.velocity.file}: its first plane moves outwards at that side, "
            f"{float(normal.first().mean()):.4g} m/s along {NAMES[key.axis]} in the mean"
        )
    velocity[key.axis] = normal
    for a, name in enumerate(NAMES if getattr(table, "tangential", None) is None else ()):
        if a != key.axis and name in case.directions and COMPONENTS[name] in normal.file.names:
            velocity[a] = key.planes("velocity", table.velocity, [COMPONENTS[name]])


def _of_planes(key: Key, gases: Gases, case: BoundaryContext) -> FromPlanes:
    """Y of a file of planes, in the order of the mechanism; species that it does not have are none there."""
    found = key.planes("composition", gases, None)
    names = [f"Y_{name}" for name in case.names]
    unknown = [name for name in found.fields if name not in names]
    if unknown or not found.fields:
        what = f"field {unknown[0]} is no species of the mechanism" if unknown else "has no fields Y_<species>"
        raise ConfigError(f"{key.place}.composition.file: {gases.file}: {what}")
    worst = float((found.first().sum(0) - 1).abs().max())
    if worst > MOST_MISSING:
        raise ConfigError(
            f"{key.place}.composition.file: {gases.file}: mass fractions of its first plane miss 1 by {worst:.2g}: "
            "write those of all species that there are"
        )
    found.rows = [names.index(name) for name in found.fields], len(names)
    return found


def _fractions(key: Key, table: settings.Inflow | settings.Burner, case: BoundaryContext) -> Tensor | Table:
    """Y of what flows in, or a table of it."""
    if not table.has_composition:
        return case.mixture(case.initial, "initial").to(case.device)
    gases: Gases | Profile
    if isinstance(table.composition, Gases) and is_planes(table.composition):
        return _of_planes(key, read(table.composition, f"{key.place}.composition", "composition", Path()), case)
    if isinstance(table.composition, Gases):
        gases = read(table.composition, f"{key.place}.composition", "composition", Path())
        name = "composition"
    elif isinstance(table.phi, Profile):
        if is_planes(table.phi):
            raise ConfigError(f"{key.place}.phi.file: of a file of planes give it to composition, which takes its Y")
        gases = read(table.phi, f"{key.place}.phi", "phi", Path())
        key.require("phi", gases, PHI)
        name = "phi"
    else:
        return case.mixture(table, key.place).to(case.device)

    def fractions(entry: Any) -> Tensor:
        if isinstance(entry, tuple):
            return torch.stack([fractions(inner) for inner in entry])
        return case.mixture(msgspec.structs.replace(table, **{name: entry}), key.place).to(case.device)

    values = fractions(gases.values)
    if gases.shape is not None and name == "phi" and gases.shape != "tanh":
        raise ConfigError(f'{key.place}.phi.shape = "{gases.shape}": is for a velocity; allowed here: "tanh"')
    return key.layer(name, gases, values) if gases.shape is not None else key.table(name, gases, values)


def follower(
    sides: Mapping[str, Any], made: tuple[Sides, Sides, Sides], thickness: float | None, x: np.ndarray
) -> Balanced | Hold | None:
    """What chooses the velocity of the inflow that follows the flame, if one does.

    thickness : of the initial flame [m];  x : faces of the whole mesh along it [m]

    Raises ConfigError where it faces no fresh gas.
    """
    following = {
        name: table for name, table in sides.items() if isinstance(table, settings.Inflow) and table.velocity in FOLLOWS
    }
    for name, table in following.items():
        if name != "x_low":
            raise ConfigError(f'boundary.{name}.velocity = "{table.velocity}": only x_low faces the unburnt gas')
    inflow = made[2][0]
    if not following or not isinstance(inflow, Inflow):
        return None  # or of conditions that took its place in Python
    if following["x_low"].velocity == "balanced":
        return Balanced(inflow)
    hold, first = following["x_low"].hold or settings.Hold(), inflow.velocity[2]
    low, high = float(x[0]), float(x[-1])
    if hold.position is not None and not low < hold.position < high:
        raise ConfigError(
            f"boundary.x_low.hold.position: {hold.position:g} m lies outside the domain, which is from {low:g} to "
            f"{high:g} m in x"
        )
    time = hold.time
    if time is None:
        if thickness is None or callable(first) or not first > 0:
            raise ConfigError("boundary.x_low.hold.time: give it: no thickness and speed of a flame say how long")
        time = THICKNESSES * thickness / first
    return Hold(inflow, hold.position, time, "front" if hold.measure == "front" else "front_by_volume")
