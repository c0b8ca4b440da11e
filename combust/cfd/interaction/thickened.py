"""Flames thicker than they are, so that a grid resolves them: the dynamic thickened flame.

With diffusion F times as strong and rates 1/F of what they are, a flame has its speed and F times its thickness,
whatever F is from place to place: x only becomes the integral of F dx. F = 1 + (F_max - 1) Omega, the sensor Omega is 1
in flames, where eddies diffuse nothing: what they would do to the wrinkles that the thicker flame lost is put into its
speed, E times that of the laminar flame, by diffusion E F and rates E/F.
Colin, Ducros, Veynante, Poinsot, Phys. Fluids 12 (2000) 1843, doi:10.1063/1.870436
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from combust.cfd.interaction.base import Interaction, Interplay, Met
from combust.cfd.interaction.charlette import SPEED_TIMES_THICKNESS, efficiency_kernel
from combust.cfd.interaction.exponent import DynamicExponent
from combust.cfd.interaction.fluctuation import curl_kernel, of_closure_kernel, resolved_kernel
from combust.cfd.interaction.sensor import sensor_kernel
from combust.cfd.mesh.grid import Grid, along
from combust.errors import ConfigError

Form = Literal["charlette", "saturated", "none"]
Widths = TypeVar("Widths", Tensor, np.ndarray)


class LaminarFlame(NamedTuple):
    """The flame that is thickened.

    speed : S_L [m/s];  thickness : d, the thermal one [m];  viscosity : of the fresh gas [m2/s], None: S_L d/4
    row : of (T, Y), what its progress is told by;  fresh, burnt : what that is before and behind it
    """

    speed: float
    thickness: float
    row: int
    fresh: float
    burnt: float
    viscosity: float | None = None


class Thickening(NamedTuple):
    """What a flow's flames are given, each (nz, ny, nx): Omega, F, u' of the eddies up to F d [m/s], and E."""

    sensor: Tensor
    factor: Tensor
    velocity: Tensor
    efficiency: Tensor


@dataclass(frozen=True)
class Thickened(Interaction):
    """F_max is `factor`, or what gives a flame `cells` cells over its thickness; one of them is None.

    edge : progress at which the sensor reaches 1;  form : of the efficiency function
    exponent : its beta;  of_closure : u' from the closure's eddies, in place of the resolved ones
    """

    flame: LaminarFlame
    cells: float | None
    factor: float | None
    edge: float = 0.05
    form: Form = "charlette"
    exponent: float | DynamicExponent = 0.5
    of_closure: bool = False

    reacts: ClassVar[bool] = True

    def update(self, met: Met) -> Interplay:
        """E/F, E F and 1 - Omega (collective)."""
        found = self.thickening(met)
        E, F = found.efficiency, found.factor
        return Interplay(rates=E / F, molecular=E * F, eddy=None if met.eddies is None else 1.0 - found.sensor)

    def thickening(self, met: Met) -> Thickening:
        """Sensor, factor and efficiency of a flow (collective). Raises ConfigError as `_velocity`."""
        view, flame = met.view, self.flame
        number = view.rho.new_tensor
        ends = number(flame.fresh), number(flame.burnt)
        sensor = sensor_kernel(view.q[flame.row], *ends, number(self.edge), view.grid.layout)
        factor = 1.0 + (self.largest(view.grid) - 1.0) * sensor
        if self.form == "none":
            return Thickening(sensor, factor, torch.zeros_like(factor), torch.ones_like(factor))
        velocity = self._velocity(met, flame.thickness * factor)
        ratio = velocity / flame.speed
        relative = SPEED_TIMES_THICKNESS
        if flame.viscosity is not None:
            relative = flame.speed * flame.thickness / flame.viscosity
        beta = self.beta(met)
        E = efficiency_kernel(ratio, factor, relative * ratio * factor, beta, self.form == "saturated")
        return Thickening(sensor, factor, velocity, E)

    def largest(self, grid: Grid) -> Tensor:
        """F_max of each cell, to broadcast: at least 1. Cells count by the widest of their sides."""
        widest = torch.zeros((), dtype=torch.float64, device=grid.device)
        if self.factor is None:
            for a in grid.layout.axes:
                widest = torch.maximum(widest, grid.metrics[a].width)  # type: ignore[union-attr]
        return self._largest(widest).clamp_min(1.0)

    def largest_of(self, widths: np.ndarray) -> np.ndarray:
        """The same of cells of these widths [m]."""
        return np.maximum(self._largest(widths), 1.0)

    def _largest(self, widths: Widths) -> Widths:
        if self.factor is not None:
            return 0.0 * widths + self.factor
        assert self.cells is not None
        return widths * (self.cells / self.flame.thickness)

    def beta(self, met: Met) -> Tensor:
        """The exponent of the efficiency function, 0-d (collective if it is dynamic)."""
        view, flame = met.view, self.flame
        if not isinstance(self.exponent, DynamicExponent):
            return view.rho.new_tensor(self.exponent)
        c = (view.q[flame.row] - flame.fresh) / (flame.burnt - flame.fresh)
        c = along(c, view.grid.layout, view.grid.layout.axes[-1], 0, 0).clamp(0.0, 1.0)
        return self.exponent.value(view, c, self._across(view.grid))

    def _across(self, grid: Grid) -> float:
        """Cells of mean width over the thickness of a thickened flame."""
        widths = [float(np.mean(grid.widths[a])) for a in grid.layout.axes]
        laminar = self.flame.thickness / float(np.prod(widths)) ** (1.0 / len(widths))
        return max(self.cells, laminar) if self.cells is not None else max(self.factor or 1.0, 1.0) * laminar

    def _velocity(self, met: Met, size: Tensor) -> Tensor:
        """u' of the eddies up to the thickness of the flame [m/s]. Raises ConfigError where the closure does not say k,
        or k is that of eddies of any size.
        """
        view = met.view
        if not self.of_closure:
            vorticity = view.padded(curl_kernel(view.gradients))
            return resolved_kernel(vorticity, view.filter_width, size, view.grid.layout, view.grid.metrics)
        if met.eddies is None or met.eddies.energy is None:
            raise ConfigError(
                'fluctuation = "closure" needs a turbulence.kind that says the energy of its eddies; use "resolved"'
            )
        if met.eddies.width is None:
            raise ConfigError(
                'fluctuation = "closure" needs the energy of eddies below the width of a filter, and this '
                "turbulence.kind says that of all eddies: choose one of large eddies (a closure of your own gives "
                "EddyFields.width)"
            )
        return of_closure_kernel(met.eddies.energy, met.eddies.width, size)

    # --- output ---------------------------------------------------------------------------------------------------

    @property
    def fields(self) -> Mapping[str, Callable[[Met], Tensor]]:
        return {
            "sensor": lambda met: self.thickening(met).sensor,
            "thickening": lambda met: self.thickening(met).factor,
            "efficiency": lambda met: self.thickening(met).efficiency,
            "u_flame": lambda met: self.thickening(met).velocity,
        }

    @property
    def columns(self) -> Mapping[str, Callable[[Met], float]]:
        return {"wrinkling_exponent": lambda met: float(self.beta(met))}
