"""Makes a thickened flame of its table: which flame it is, what Cantera says of that, and how thick it will be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, Protocol

import numpy as np

from combust.cfd.interaction.burning import Burning
from combust.cfd.interaction.exponent import DynamicExponent
from combust.cfd.interaction.thickened import LaminarFlame, Thickened
from combust.cfd.mesh.grid import ROUND_OFF, Grid
from combust.errors import ConfigError, at
from combust.kinetics.flames.free import FlameProfile
from combust.kinetics.mechanism.settings import of_flames
from combust.parallel import on_root


class Exponent(Protocol):
    """The table of a dynamic exponent."""

    @property
    def ratio(self) -> float: ...


class Table(Protocol):
    """What is asked of the table `combustion`, as its keys say it."""

    @property
    def cells(self) -> float | None: ...
    @property
    def factor(self) -> float | None: ...
    @property
    def flame(self) -> Any: ...
    @property
    def speed(self) -> float | None: ...
    @property
    def thickness(self) -> float | None: ...
    @property
    def fresh(self) -> float | None: ...
    @property
    def burnt(self) -> float | None: ...
    @property
    def viscosity(self) -> float | None: ...
    @property
    def progress(self) -> str: ...
    @property
    def edge(self) -> float: ...
    @property
    def efficiency(self) -> Literal["charlette", "saturated", "none"]: ...
    @property
    def exponent(self) -> float | Exponent: ...
    @property
    def fluctuation(self) -> str: ...


CELLS = 6.0  # over the thickness of a flame, where a case says nothing of it
LEVEL = 0.03  # of the steepest slope of T: where a flame ends
TRACES = 1e-6  # of the fuel in Cantera's burnt gas, which may be below zero
PASSES = 100  # over a flame, from the place of one to the F there: each is as good as a term of a Taylor series more


def thickened(table: Table, case: Burning) -> Thickened:
    """The thickened flame of a case. Raises ConfigError where nothing says which flame it is."""
    given = table.speed, table.thickness, table.fresh, table.burnt
    known = table.progress == "temperature" and None not in given
    model = _of(table, laminar(table, None if known else _flame(table, case), case))
    _require_room(table, model, case.grid)
    return model


def _require_room(table: Table, model: Thickened, grid: Grid) -> None:
    """Raises ConfigError for a flame that will be thicker than the domain is long."""
    widest = max(float(grid.widths[a].max()) for a in grid.layout.axes)
    longest = max(float(np.ptp(grid.faces[a])) for a in grid.layout.axes)
    laminar = model.flame.thickness
    thick = laminar * float(model.largest_of(np.array([widest]))[0])
    if thick <= longest:
        return
    if laminar > longest:
        raise ConfigError(f"thickness: of the flame, {laminar:.3g} m, is more than the domain is long, {longest:.3g} m")
    name, most = ("factor", longest / laminar) if model.cells is None else ("cells", longest / widest)
    raise ConfigError(
        f"{name} = {getattr(model, name):g}: makes the flame {thick:.3g} m thick, and the domain is {longest:.3g} m "
        f"long: at most {most:.3g}"
    )


def _of(table: Table, flame: LaminarFlame) -> Thickened:
    exponent = table.exponent
    return Thickened(
        flame,
        (table.cells or CELLS) if table.factor is None else None,
        table.factor,
        table.edge,
        table.efficiency,
        float(exponent) if isinstance(exponent, int | float) else DynamicExponent(exponent.ratio),
        table.fluctuation == "closure",
    )


def laminar(table: Table, profile: FlameProfile | None, case: Burning) -> LaminarFlame:
    """Speed, thickness and progress of the flame: those of its table, else of Cantera's profile."""
    row = 0 if table.progress == "temperature" else 1 + _fuel(table, case)
    ends = (0.0, 0.0)
    if profile is not None:
        ends = float(profile.T[0]), _behind(profile)
        if row:
            ends = float(profile.Y[row - 1, 0]), float(profile.Y[row - 1, -1])
    speed, thickness = (0.0, 0.0) if profile is None else (profile.speed, profile.thermal_thickness)
    fresh, burnt = (a if b is None else b for a, b in zip(ends, (table.fresh, table.burnt), strict=True))
    if fresh == burnt:
        raise ConfigError(f"fresh, burnt: both are {fresh:g}; a flame is told by what changes through it")
    if row == 0 and not 0 < fresh < burnt:
        raise ConfigError(f"fresh, burnt: {fresh:g} and {burnt:g} K; burnt gas must be the hotter one")
    if row and not 1 >= fresh > burnt > -TRACES:
        raise ConfigError(
            f"fresh, burnt: mass fractions {fresh:g} and {burnt:g} of the fuel; they are from 0 to 1, and burnt gas "
            "must have less of it"
        )
    return LaminarFlame(
        speed if table.speed is None else table.speed,
        thickness if table.thickness is None else table.thickness,
        row,
        fresh,
        burnt,
        table.viscosity,
    )


def _behind(profile: FlameProfile) -> float:
    """T [K] where its slope has fallen to LEVEL of the steepest. What comes then, of hydrogen over centimetres, is no
    flame: a grid resolves it.
    """
    slope = np.diff(profile.T) / np.diff(profile.x)
    steepest = int(slope.argmax())
    level = slope[steepest:] < LEVEL * slope[steepest]
    return float(profile.T[steepest + 1 + int(level.argmax())] if level.any() else profile.T[-1])


def _named(table: Table, case: Burning) -> Any:
    """The table that names the flame: fuel, oxidizer, phi and temperature."""
    for given in (table.flame, case.initial):
        if given is not None and getattr(given, "fuel", None) is not None and getattr(given, "phi", None) is not None:
            return given
    raise ConfigError(
        "flame: nothing says which flame is thickened: give flame = { fuel, oxidizer, phi, temperature }, or speed, "
        'thickness, fresh and burnt with progress = "temperature"'
    )


def _fuel(table: Table, case: Burning) -> int:
    """Index of the main fuel species."""
    with at("flame.fuel"):
        return int(case.gas.mole_fractions(case.gas.composition(_named(table, case).fuel)).argmax())


def _flame(table: Table, case: Burning) -> FlameProfile:
    """Cantera's flame, solved by the root (or read from its cache)."""
    from combust.kinetics.flames.free import free_flame

    named, known = _named(table, case), of_flames(case.transport)
    if named is not table.flame and getattr(named, "profile", None) is not None:
        return case.free_flame
    if known is None:
        raise ConfigError(
            'flame: Cantera\'s needs gas.transport = "mixture-averaged" or "unity-Lewis"; else give speed, thickness, '
            'fresh and burnt with progress = "temperature"'
        )
    (name, soret), gas = known, (named.temperature, case.pressure, named.fuel, named.oxidizer, named.phi)
    with at("flame"):
        return on_root(case.comm, lambda: free_flame(case.gas, *gas, transport=name, soret=soret))


def stretched(table: Table, profile: FlameProfile, case: Burning) -> FlameProfile:
    """A flame as thick as it will be on the grid of the case, its half-temperature point at the `position` of the table
    `initial`: x is the integral of F dx. The flame of that table is meant to be the one that is thickened.

    F is that of the cells which a place in the flame will lie in, of any rank; of the widths across, the largest.
    """
    model = _of(table, laminar(table, profile, case))
    flame, widths = model.flame, _widest_along_x(case.grid)
    value = profile.T if flame.row == 0 else profile.Y[flame.row - 1]
    c = ((value - flame.fresh) / (flame.burnt - flame.fresh)).clip(0.0, 1.0)
    sensor = np.minimum(c * (1.0 - c) / (model.edge * (1.0 - model.edge)), 1.0)
    faces, half, x = case.grid.faces[2], 0.5 * (profile.T[0] + profile.T[-1]), profile.x
    for _ in range(PASSES):
        places = x - np.interp(half, profile.T, x) + case.initial.position
        largest = model.largest_of(np.interp(places, 0.5 * (faces[1:] + faces[:-1]), widths))
        F = 1.0 + (largest - 1.0) * sensor
        steps = 0.5 * (F[1:] + F[:-1]) * np.diff(profile.x)
        before, x = x, profile.x[0] + np.concatenate([[0.0], np.cumsum(steps)])
        if np.abs(x - before).max() <= ROUND_OFF * (x[-1] - x[0]):
            break
    return replace(profile, x=x)


def _widest_along_x(grid: Grid) -> np.ndarray:
    """The larger of a cell's width along x and of all across, (nx,) of the whole grid [m]."""
    across = [float(grid.widths[a].max()) for a in grid.layout.axes if a != 2]
    widths = np.maximum(grid.widths[2], max(across, default=0.0))
    return np.where(np.ptp(widths) <= ROUND_OFF * widths.max(), widths.max(), widths)
