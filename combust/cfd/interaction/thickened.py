"""Flames thicker than they are, so that a grid resolves them: the dynamic thickened flame.

With diffusion F times as strong and rates 1/F of what they are, a flame has its speed and F times its thickness,
whatever F is from place to place: x only becomes the integral of F dx. F = 1 + (F_max - 1) Omega, the sensor Omega is 1
in flames, where eddies diffuse nothing: what they would do to the wrinkles that the thicker flame lost is put into its
speed, E times that of the laminar flame, by diffusion E F and rates E/F.
Colin, Ducros, Veynante, Poinsot, Phys. Fluids 12 (2000) 1843, doi:10.1063/1.870436
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from combust.cfd.closures.base import EddyFields
from combust.cfd.closures.view import View
from combust.cfd.interaction.base import Interplay
from combust.cfd.interaction.charlette import SPEED_TIMES_THICKNESS, efficiency_kernel
from combust.cfd.interaction.exponent import DynamicExponent
from combust.cfd.interaction.fluctuation import curl_kernel, of_closure_kernel, resolved_kernel
from combust.cfd.interaction.sensor import sensor_kernel
from combust.cfd.mesh.grid import along
from combust.errors import ConfigError

Form = Literal["charlette", "saturated", "none"]


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
class Thickened:
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

    def update(self, view: View, eddies: EddyFields | None) -> Interplay:
        """Of the flow of `view`: E/F, E F, 1 - Omega (collective)."""
        found = self.thickening(view, eddies)
        E, F = found.efficiency, found.factor
        return Interplay(rates=E / F, molecular=E * F, eddy=1.0 - found.sensor)

    def thickening(self, view: View, eddies: EddyFields | None) -> Thickening:
        """Sensor, factor and efficiency in the flow of `view` (collective)."""
        layout, flame = view.grid.layout, self.flame
        number = view.rho.new_tensor
        ends = number(flame.fresh), number(flame.burnt)
        sensor = sensor_kernel(view.q[flame.row], *ends, number(self.edge), layout)
        factor = 1.0 + (self.largest(view) - 1.0) * sensor
        if self.form == "none":
            return Thickening(sensor, factor, torch.zeros_like(factor), torch.ones_like(factor))
        velocity = self._velocity(view, eddies, flame.thickness * factor)
        ratio = velocity / flame.speed
        relative = SPEED_TIMES_THICKNESS
        if flame.viscosity is not None:
            relative = flame.speed * flame.thickness / flame.viscosity
        saturated = self.form == "saturated"
        beta = self.beta(view)
        E = efficiency_kernel(ratio, factor, relative * ratio * factor, beta, saturated)
        return Thickening(sensor, factor, velocity, E)

    def largest(self, view: View) -> Tensor:
        """F_max of each cell, to broadcast: at least 1. Cells count by the widest of their sides."""
        if self.factor is not None:
            return view.rho.new_tensor(max(self.factor, 1.0))
        assert self.cells is not None
        widest = view.rho.new_zeros(())
        for a in view.grid.layout.axes:
            widest = torch.maximum(widest, view.grid.metrics[a].width)  # type: ignore[union-attr]
        return (widest * (self.cells / self.flame.thickness)).clamp_min(1.0)

    def beta(self, view: View) -> Tensor:
        """The exponent of the efficiency function, 0-d (collective if it is dynamic)."""
        if not isinstance(self.exponent, DynamicExponent):
            return view.rho.new_tensor(self.exponent)
        c = (view.q[self.flame.row] - self.flame.fresh) / (self.flame.burnt - self.flame.fresh)
        c = along(c, view.grid.layout, view.grid.layout.axes[-1], 0, 0).clamp(0.0, 1.0)
        return self.exponent.value(view, c, self._across(view))

    def _across(self, view: View) -> float:
        """Cells of mean width over the thickness of a thickened flame."""
        widths = [float(np.mean(view.grid.widths[a])) for a in view.grid.layout.axes]
        laminar = self.flame.thickness / float(np.prod(widths)) ** (1.0 / len(widths))
        return max(self.cells, laminar) if self.cells is not None else max(self.factor or 1.0, 1.0) * laminar

    def _velocity(self, view: View, eddies: EddyFields | None, size: Tensor) -> Tensor:
        """u' of the eddies up to the thickness of the flame [m/s]."""
        if not self.of_closure:
            vorticity = view.padded(curl_kernel(view.gradients))
            return resolved_kernel(vorticity, view.filter_width, size, view.grid.layout, view.grid.metrics)
        if eddies is None or eddies.energy is None:
            raise ConfigError(
                'combustion.fluctuation = "closure": the closure of this flow knows no energy of its eddies; use '
                '"resolved", or another turbulence.kind'
            )
        return of_closure_kernel(eddies.energy, view.filter_width, size)
