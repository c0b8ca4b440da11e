"""Tables of a case file that say what acts on the gas from without."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Protocol

from msgspec import Meta

from combust.errors import ConfigError
from combust.settings.base import Name, NotNegative, Positive, Settings, Vector, doc

if TYPE_CHECKING:
    from combust.cfd.boundaries.conditions import Sides
    from combust.cfd.closures.base import Source
    from combust.cfd.mesh.grid import Grid
    from combust.kinetics.mechanism.mechanism import Mechanism


class Given(Protocol):
    """What a source is built of: the gas, the grid of the case, and its sides."""

    @property
    def gas(self) -> Mechanism: ...
    @property
    def grid(self) -> Grid: ...
    @property
    def dimensions(self) -> int: ...
    @property
    def boundaries(self) -> tuple[Sides, Sides, Sides]: ...


class SourceSettings(Settings, frozen=True):
    """Base of the kinds of `sources`. FIELDS, COLUMNS : names that the source shows in output, and their meaning.

    RESOLVED : whether it acts on resolved turbulence, which averages over all eddies lack
    """

    FIELDS: ClassVar[dict[str, Name]] = {}
    COLUMNS: ClassVar[dict[str, Name]] = {}
    RESOLVED: ClassVar[bool] = False

    def build(self, case: Given) -> Source:
        """The source on the ranks of the grid. Raises ConfigError."""
        raise NotImplementedError

    def put_in(self, t: float) -> dict[str, float]:
        """Its totals (combust.cfd.sources.base) at time t [s], for checkpoints that do not hold them."""
        return {}

    def doubts(self, grid: Grid, end: float = math.inf) -> dict[str, str]:
        """What is doubtful of it on this grid, in a run until `end` [s], in words: name -> sentence."""
        return {}


class SparkSource(SourceSettings, frozen=True, tag_field="kind", tag="spark"):
    """Heat of a given energy, at constant power from start over duration, spread as exp(-(distance/radius)^2).

    The cells together get the energy exactly. In 2-D it is per metre of depth, in 1-D per square metre; around an axis
    it is that of the whole revolution, a ring where the centre lies off it.
    """

    COLUMNS: ClassVar[dict[str, Name]] = {
        "spark_power": Name("heat that sparks put in now", "W"),
        "spark_energy": Name("energy that sparks have put in", "J"),
    }

    centre: Annotated[Vector, doc("its centre, one number per dimension", "m")]
    radius: Annotated[Positive, doc("where it is 1/e of its strength at the centre", "m")]
    energy: Annotated[Positive, doc("put in all in all", "J")]
    start: Annotated[NotNegative, doc("when it begins; a time step ends there", "s")] = 0.0
    duration: Annotated[
        Annotated[float, Meta(ge=1e-9)], doc("how long it lasts; at least 20 time steps are taken", "s")
    ] = 1e-4

    def build(self, case: Given) -> Source:
        """The spark. Raises ConfigError for a centre that is not in the domain."""
        from combust.cfd.mesh.require import require_inside
        from combust.cfd.sources.spark import Spark

        if len(self.centre) != case.dimensions:
            raise ConfigError(f"centre: needs {case.dimensions} number(s), one per dimension of the mesh")
        centre = tuple(reversed((*self.centre, 0.0, 0.0)[:3]))
        require_inside("centre", centre, case.grid)
        return Spark(case.grid, centre, self.radius, self.energy, self.start, self.duration)

    def put_in(self, t: float) -> dict[str, float]:
        """Its energy so far."""
        from combust.cfd.sources.spark import deposited

        return {"spark_energy": deposited(self.energy, self.start, self.duration, t)}

    def doubts(self, grid: Grid, end: float = math.inf) -> dict[str, str]:
        """A spark that the cells do not resolve, or that never comes, or only begins."""
        import numpy as np

        found = {}
        if self.start + self.duration > end * (1 + 1e-12):
            share = max(0.0, (end - self.start) / self.duration)
            what = f"puts in {100 * share:.3g} % of its energy" if share else "never comes"
            found["late_spark"] = (
                f"sources: the spark from {self.start:.6g} to {self.start + self.duration:.6g} s {what}: the run ends "
                f"at stop.time = {end:.6g} s"
            )
        widest = 0.0
        for axis, place in zip((2, 1, 0), self.centre, strict=False):
            if axis in grid.layout.axes:
                at = int(np.searchsorted(grid.faces[axis], place).clip(1, len(grid.faces[axis]) - 1))
                widest = max(widest, float(grid.widths[axis][at - 1]))
        if self.radius < widest:
            found["spark"] = (
                f"sources: the radius of the spark, {self.radius:.3g} m, is less than a cell, {widest:.3g} m: all of "
                "it goes into a few cells, which get hotter the finer the grid"
            )
        return found


class RadiationSource(SourceSettings, frozen=True, tag_field="kind", tag="radiation"):
    """Heat lost by radiation of H2O, CO2, CO and CH4 where the gas is optically thin: nothing is absorbed on its way.

    4 sigma p sum X_i a_i (T^4 - T_s^4) with Planck means a_i of RADCAL, fits from 300 to 2500 K as the TNF workshop
    gives them; beyond, those at the ends. Barlow, Karpetis, Frank, Chen, Combust. Flame 127 (2001) 2102.
    doi:10.1016/S0010-2180(01)00313-3
    """

    FIELDS: ClassVar[dict[str, Name]] = {"radiative_loss": Name("power lost by radiation", "W/m3")}
    COLUMNS: ClassVar[dict[str, Name]] = {"radiated": Name("power that the domain loses by radiation", "W")}

    surroundings: Annotated[
        Annotated[float, Meta(ge=0, le=6000)], doc("temperature of the black surroundings; 0: they send nothing", "K")
    ] = 300.0

    def build(self, case: Given) -> Source:
        """The loss. Raises ConfigError where nothing radiates."""
        from combust.cfd.sources.planck import RADIATING
        from combust.cfd.sources.radiation import Radiation

        rows = [case.gas.names.row(name) for name in RADIATING]
        if all(row is None for row in rows):
            raise ConfigError(
                f'kind = "radiation": {", ".join(RADIATING)} radiate, and {case.gas.path} has none; leave it out'
            )
        return Radiation([-1 if row is None else row for row in rows], case.gas.molar_mass, self.surroundings)


AXES = {"x": 2, "y": 1, "z": 0}
POWER = Name("power that all forces of `sources` put into the motion; `NAME[n]`: that of `sources[n]`", "W")
Direction = Annotated[Literal["x", "y", "z"], doc("the direction, periodic")]


def periodic_axis(name: str, case: Given) -> int:
    """The axis of a direction that is periodic. Raises ConfigError for another one."""
    axis, grid = AXES[name], case.grid
    if axis not in grid.layout.axes:
        raise ConfigError(f'axis = "{name}": the mesh has no cells to tell apart in {name}')
    if not grid.block.periodic[axis]:
        raise ConfigError(
            f'axis = "{name}": the sides in {name} are not periodic; a flow between them is driven by an inflow, or '
            f'give boundary.{name} = {{ kind = "periodic" }}'
        )
    return axis


class Driving(SourceSettings, frozen=True, kw_only=True):
    """Base of what drives a flow along a periodic direction."""

    COLUMNS: ClassVar[dict[str, Name]] = {
        "driving_force": Name(
            "force that drives the flow, a mean pressure gradient: over the volume", "N/m3", apart=True
        ),
        "bulk_velocity": Name("mean velocity along the direction that is driven, weighted by mass", "m/s", apart=True),
        "forcing_power": POWER,
    }

    axis: Direction = "x"


class MassFluxSource(Driving, frozen=True, kw_only=True, tag_field="kind", tag="mass-flux"):
    """A mean pressure gradient that holds the flow along a periodic direction, exactly and at every step.

    The force of a step is that of the last one, and what friction was more or less is given at its end: the flow is
    held to round-off (of uniform density), and the force is the friction as soon as that is steady.
    """

    velocity: Annotated[float | None, doc("bulk velocity, the mean weighted by mass", "m/s")] = None
    mass_flux: Annotated[float | None, doc("mean of density times velocity, in place of `velocity`", "kg/m2/s")] = None

    def __post_init__(self) -> None:
        if (self.velocity is None) == (self.mass_flux is None):
            raise ValueError("give velocity or mass_flux, one of the two")

    def build(self, case: Given) -> Source:
        """The source. Raises ConfigError for a direction that is not periodic."""
        from combust.cfd.closures.base import Bulk
        from combust.cfd.sources.driving import MassFlux

        return MassFlux(periodic_axis(self.axis, case), Bulk(self.mass_flux, self.velocity))


class PressureGradientSource(Driving, frozen=True, kw_only=True, tag_field="kind", tag="pressure-gradient"):
    """A given mean pressure gradient along a periodic direction, or the one that walls of a given friction hold up."""

    gradient: Annotated[float | None, doc("dp/dx along the axis: below zero it drives the flow upwards", "Pa/m")] = None
    friction_velocity: Annotated[
        Positive | None,
        doc("u_tau in place of `gradient`: a force u_tau^2 (area of walls)/volume per mass, for a channel u_tau^2/h, "
            "towards the high end", "m/s"),
    ] = None  # fmt: skip

    def __post_init__(self) -> None:
        if (self.gradient is None) == (self.friction_velocity is None):
            raise ValueError("give gradient or friction_velocity, one of the two")

    def build(self, case: Given) -> Source:
        """The source. Raises ConfigError for a direction that is not periodic, or friction without walls."""
        from combust.cfd.sources.driving import PressureGradient, walls_per_volume

        axis = periodic_axis(self.axis, case)
        if self.friction_velocity is None:
            return PressureGradient(case.grid, axis, per_volume=-(self.gradient or 0.0))
        share = walls_per_volume(case.grid, case.boundaries, axis)
        if share == 0.0:
            raise ConfigError(
                f"friction_velocity: no wall with friction lies along {self.axis}; give `gradient`, or walls"
            )
        return PressureGradient(case.grid, axis, per_mass=self.friction_velocity**2 * share)


class LinearForcingSource(SourceSettings, frozen=True, kw_only=True, tag_field="kind", tag="linear-forcing"):
    """Turbulence in a periodic box is kept up by a force along its own fluctuations, A (u - mean u) per mass.

    Its power is constant, u_rms^3/length per mass: so the motion settles quickly, and where `length` is that of the
    eddies, 0.19 of the side of a cube by its own choice, at `u_rms`. Lundgren, CTR Annual Research Briefs (2003) 461;
    Rosales, Meneveau 2005; Carroll, Blanquart 2013. doi:10.1063/1.2047568, doi:10.1063/1.4824112
    """

    COLUMNS: ClassVar[dict[str, Name]] = {
        "forcing_power": POWER,
        "turbulence_u_rms": Name(
            "root mean square of a component of what forced turbulence is, weighted by mass", "m/s", apart=True
        ),
    }
    RESOLVED: ClassVar[bool] = True

    u_rms: Annotated[Positive, doc("wanted root mean square of each component of the velocity", "m/s")]
    length: Annotated[
        Positive | None,
        doc(
            "u_rms^3 over the dissipation; 0.19 of the shortest side if omitted, which is what linear forcing makes",
            "m",
        ),
    ] = None
    x: Annotated[
        tuple[float, float] | None,
        doc("from, to: only there, as the fresh gas before a flame; x need not be periodic then. All if omitted", "m"),
    ] = None

    def __post_init__(self) -> None:
        if self.x is not None and not self.x[0] < self.x[1]:
            raise ValueError(f"x = [{self.x[0]:g}, {self.x[1]:g}] must rise")

    def build(self, case: Given) -> Source:
        """The source. Raises ConfigError for a mesh that is no periodic box, or x where there are no cells."""
        from combust.cfd.sources.linear import LinearForcing, natural_length, require_box

        require_box(case.grid, 'kind = "linear-forcing"', self.x)
        length = self.length or natural_length(case.grid, self.x)
        return LinearForcing(len(case.grid.layout.axes), self.u_rms, length, self.x)

    def doubts(self, grid: Grid, end: float = math.inf) -> dict[str, str]:
        """A length that linear forcing does not make."""
        from combust.cfd.sources.linear import natural_length

        natural = natural_length(grid, self.x)
        if self.length is None or abs(self.length / natural - 1) < 0.1:
            return {}
        settles = self.u_rms * (natural / self.length) ** (1 / 3)
        return {"forcing_length": (
            f"sources: linear forcing makes eddies of u_rms^3/dissipation = 0.19 of the side, {natural:.3g} m here, "
            f"whatever length = {self.length:.3g} m asks for: u_rms will settle near {settles:.3g} m/s. Take another "
            'box, or kind = "spectral-forcing"')}  # fmt: skip


class SpectralForcingSource(SourceSettings, frozen=True, kw_only=True, tag_field="kind", tag="spectral-forcing"):
    """Turbulence in a periodic box of equal cells is kept up by a force along its own largest waves.

    Its power is u_rms^3/length per mass where the motion has the wanted energy, up to four times as much below and less
    above it. No random numbers: the same on any ranks. Machiels 1997. doi:10.1103/PhysRevLett.79.3411
    """

    COLUMNS: ClassVar[dict[str, Name]] = LinearForcingSource.COLUMNS
    RESOLVED: ClassVar[bool] = True

    u_rms: Annotated[Positive, doc("wanted root mean square of each component of the velocity", "m/s")]
    waves: Annotated[
        Annotated[float, Meta(ge=1)],
        doc("the shortest waves that are forced, of which so many go into the longest side"),
    ] = 2.0
    length: Annotated[
        Positive | None,
        doc("u_rms^3 over the dissipation; that of eddies made by such waves if omitted, 0.75 side/waves", "m"),
    ] = None

    def build(self, case: Given) -> Source:
        """The source. Raises ConfigError for a mesh that is no periodic box of equal cells, or too coarse."""
        from combust.cfd.sources.spectral import FEWEST, SpectralForcing, largest_side, require_equal

        grid = case.grid
        require_equal(grid, 'kind = "spectral-forcing"')
        side = largest_side(grid)
        widest = max(float(grid.widths[a].max()) for a in grid.layout.axes)
        if side / self.waves < FEWEST * widest * (1 - 1e-9):
            raise ConfigError(
                f"waves = {self.waves:g}: the shortest, {side / self.waves:.3g} m, has fewer than {FEWEST} cells of "
                f"{widest:.3g} m; at most {side / (FEWEST * widest):.3g} on this mesh"
            )
        length = self.length or self.natural(side)
        return SpectralForcing(grid, self.u_rms, length, 2 * math.pi * self.waves / side)

    def natural(self, side: float) -> float:
        """u'^3 / epsilon that such forcing makes [m]."""
        return NATURAL * side / self.waves


NATURAL = 0.75  # u'^3 / epsilon over the length of the shortest wave that is forced
Sources = (
    SparkSource
    | RadiationSource
    | MassFluxSource
    | PressureGradientSource
    | LinearForcingSource
    | SpectralForcingSource
)
SOURCES: tuple[Any, ...] = (
    SparkSource,
    RadiationSource,
    MassFluxSource,
    PressureGradientSource,
    LinearForcingSource,
    SpectralForcingSource,
)
