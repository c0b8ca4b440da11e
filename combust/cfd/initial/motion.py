"""Motion that is added to the velocity of an initial field: turbulence and vortices, without discrete divergence."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

from combust.cfd.synthetic.settings import Turbulence
from combust.errors import ConfigError, at
from combust.settings.base import Positive, Settings, doc

if TYPE_CHECKING:
    import numpy as np

    from combust.cfd.initial.fields import Fields
    from combust.cfd.mesh.grid import Faces, Grid

Point = tuple[float, float]
CENTRE = doc("in x and y; in 3-D the vortex is a column along z", "m")
RADIUS = doc("where the speed is largest", "m")
SPEED = doc("largest speed; anticlockwise, below 0 clockwise", "m/s")
FEWEST = 4.0  # cells of an integral length, or of a vortex's radius, that second order shows
LARGEST = 0.25  # of the shortest side: an integral length beyond has few eddies


class TaylorVortex(Settings, frozen=True, tag_field="kind", tag="taylor"):
    """A vortex whose circulation is zero: v = velocity r/R exp((1 - r^2/R^2)/2)."""

    centre: Annotated[Point, CENTRE]
    radius: Annotated[Positive, RADIUS]
    velocity: Annotated[float, SPEED]


class LambOseenVortex(Settings, frozen=True, tag_field="kind", tag="lamb-oseen"):
    """A viscous vortex with circulation, between sides that are not periodic."""

    centre: Annotated[Point, CENTRE]
    radius: Annotated[Positive, RADIUS]
    velocity: Annotated[float, SPEED]


Vortex = TaylorVortex | LambOseenVortex
TurbulenceKey = Annotated[Turbulence | None, doc("turbulence that is added to the velocity")]
VortexKey = Annotated[Vortex | tuple[Vortex, ...] | None, doc("vortex, or a list of them, added to the velocity")]


def superposed(table: Any, grid: Grid, fields: Fields) -> Fields:
    """The fields of the table `initial` with its turbulence and vortices. Raises ConfigError for what no mesh has."""
    q, u = fields
    turbulence = getattr(table, "turbulence", None)
    if turbulence is not None:
        with at("initial.turbulence"):
            u = _sum(u, _turbulent(turbulence, grid))
    for place, vortex in _vortices(table).items():
        with at(place):
            u = _sum(u, _vortical(vortex, grid))
    return q, u


def doubts(table: Any, grid: Grid) -> dict[str, str]:
    """What is doubtful of the added motion on this grid, in words: name -> sentence."""
    import numpy as np

    found = {}
    turbulence = getattr(table, "turbulence", None)
    widths = [float(grid.widths[a].max()) for a in grid.layout.axes]
    if turbulence is not None:
        length = turbulence.spectrum.spectrum(len(grid.layout.axes)).length
        shortest = min(float(np.ptp(grid.faces[a])) for a in grid.layout.axes)
        if length < FEWEST * max(widths):
            found["fine_turbulence"] = (
                f"initial.turbulence: its integral length, {length:.3g} m, is {length / max(widths):.2g} cells long: "
                f"eddies of fewer than {FEWEST:g} are lost to the grid"
            )
        elif length > LARGEST * (1 + 1e-9) * shortest:
            found["large_turbulence"] = (
                f"initial.turbulence: its integral length, {length:.3g} m, is more than {LARGEST:g} of the shortest "
                f"side, {shortest:.3g} m: the domain holds a few eddies only, and u_rms is theirs"
            )
    for place, vortex in _vortices(table).items():
        places = zip((2, 1), vortex.centre, strict=True)
        near = max(grid.widest(axis, s - vortex.radius, s + vortex.radius) for axis, s in places)
        if vortex.radius < FEWEST * near:
            found[place] = f"{place}: its radius is {vortex.radius / near:.2g} cells"
    return found


def _vortices(table: Any) -> dict[str, Vortex]:
    given = getattr(table, "vortex", None)
    if isinstance(given, tuple):
        return {f"initial.vortex[{i}]": vortex for i, vortex in enumerate(given)}
    return {} if given is None else {"initial.vortex": given}


def _sum(a: Faces, b: Faces) -> Faces:
    return tuple(x if x is None or y is None else x + y for x, y in zip(a, b, strict=True))


def _turbulent(table: Turbulence, grid: Grid) -> Faces:
    from combust.cfd.mesh.grid import NAMES
    from combust.cfd.synthetic.box import Box, spacing

    spacing(grid)
    for axis, name in enumerate(NAMES):
        if table.region is not None and getattr(table.region, name) is not None and axis not in grid.layout.axes:
            raise ConfigError(f"region.{name}: the mesh has no cells to tell apart in {name}")
    with at("spectrum"):
        spectrum = table.spectrum.spectrum(len(grid.layout.axes))
    return Box(grid, spectrum, table.seed).velocity(_window(table, grid, table.fade or spectrum.length))


def _window(table: Turbulence, grid: Grid, fade: float) -> Callable[[int, np.ndarray], np.ndarray]:
    """Factors along an axis: 1 within, from 0 at edges of the region and at sides that are not periodic."""
    import numpy as np

    from combust.cfd.mesh.grid import NAMES

    def window(axis: int, x: np.ndarray) -> np.ndarray:
        given = None if table.region is None else getattr(table.region, NAMES[axis])
        if given is None and grid.block.periodic[axis]:
            return np.ones_like(x)
        low, high = given or (float(grid.faces[axis][0]), float(grid.faces[axis][-1]))
        s = (np.minimum(x - low, high - x) / min(fade, 0.5 * (high - low))).clip(0.0, 1.0)
        return np.asarray(s**3 * (10 - 15 * s + 6 * s**2))

    return window


def _vortical(vortex: Vortex, grid: Grid) -> Faces:
    from combust.cfd.initial import vortices

    if not {1, 2} <= set(grid.layout.axes) or grid.axisymmetric:
        raise ConfigError("needs a mesh in x and y, without an axis")
    from combust.cfd.mesh.require import require_inside

    require_inside("centre", (None, vortex.centre[1], vortex.centre[0]), grid)
    if isinstance(vortex, TaylorVortex):
        return vortices.velocity(grid, vortices.taylor(vortex.radius, vortex.velocity), vortex.centre)
    if any(grid.block.periodic[1:]):
        raise ConfigError(
            'its circulation has no periodic images: take kind = "taylor", or sides in x and y that are not periodic'
        )
    return vortices.velocity(grid, vortices.lamb_oseen(vortex.radius, vortex.velocity), vortex.centre)
