"""A hot spot: a bump of temperature in whatever gas there is, at its pressure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

from combust.errors import ConfigError
from combust.settings.base import Positive, Settings, Temperature, Vector, doc

if TYPE_CHECKING:
    from combust.cfd.initial.fields import Fields
    from combust.cfd.mesh.grid import Grid


class HotSpot(Settings, frozen=True):
    """T + (temperature - T) exp(-(distance/radius)^2) at constant pressure and composition; a spark heats later."""

    centre: Annotated[Vector, doc("its centre, one number per dimension", "m")]
    radius: Annotated[Positive, doc("where 1/e of the rise at the centre is left", "m")]
    temperature: Annotated[Temperature, doc("at its centre", "K")]


HotSpotKey = Annotated[HotSpot | None, doc("a bump of temperature")]


def heated(spot: HotSpot | None, grid: Grid, fields: Fields) -> Fields:
    """The fields with the spot in them, if there is one. Raises ConfigError for a centre of another dimension."""
    import torch

    from combust.cfd.mesh.grid import nearest_image
    from combust.cfd.mesh.require import require_inside

    if spot is None:
        return fields
    dimensions = max((3 - axis for axis in grid.layout.axes), default=1)
    if len(spot.centre) != dimensions:
        raise ConfigError(f"initial.hot_spot.centre: needs {dimensions} number(s), one per dimension of the mesh")
    q, u = fields
    centre = tuple(reversed((*spot.centre, 0.0, 0.0)[:3]))
    require_inside("initial.hot_spot.centre", centre, grid)
    square = torch.zeros((), dtype=torch.float64, device=grid.device)
    for axis in grid.layout.axes:
        away = grid.centres[axis] - centre[axis]
        if grid.block.periodic[axis]:
            away = nearest_image(away, grid.faces[axis])
        square = square + away * away
    bump = torch.exp(-square / spot.radius**2)
    T = q[:1] + (spot.temperature - q[:1]) * bump
    return torch.cat([T, q[1:]]), u


def ring(centre: tuple[float, ...], grid: Grid) -> dict[str, str]:
    """What a centre off the axis of an axisymmetric mesh is, in words."""
    r = centre[1] if grid.axisymmetric and len(centre) > 1 else 0.0
    if math.isclose(r, 0.0):
        return {}
    return {
        "ring": f"initial.hot_spot.centre: lies {r:g} m off the axis of an axisymmetric mesh: it is a ring around it"
    }
