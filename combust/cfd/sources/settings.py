"""Tables of a case file that say what acts on the gas from without."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Protocol

from msgspec import Meta

from combust.errors import ConfigError
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.settings.base import Name, NotNegative, Positive, Settings, Vector, doc

if TYPE_CHECKING:
    from combust.cfd.closures.base import Source
    from combust.cfd.mesh.grid import Grid


class Given(Protocol):
    """What a source is built of: the gas, and the grid of the case."""

    @property
    def gas(self) -> Mechanism: ...
    @property
    def grid(self) -> Grid: ...
    @property
    def dimensions(self) -> int: ...


class SourceSettings(Settings, frozen=True):
    """Base of the kinds of `sources`. FIELDS, COLUMNS : names that the source shows in output, and their meaning."""

    FIELDS: ClassVar[dict[str, Name]] = {}
    COLUMNS: ClassVar[dict[str, Name]] = {}

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


Sources = SparkSource | RadiationSource
SOURCES: tuple[Any, ...] = (SparkSource, RadiationSource)
