"""Chemistry that does nothing, for flows without reactions."""

from __future__ import annotations

import torch
from torch import Tensor

from combust.devices import number
from combust.graphs import cells_last
from combust.kernels import compiled
from combust.kinetics.integrate.blocks import in_pieces
from combust.kinetics.integrate.durations import Durations
from combust.kinetics.integrate.state import StartState, check_source, pack, started
from combust.kinetics.integrate.statistics import Statistics
from combust.kinetics.integrate.systems import Hold, transport_rate
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.providers.chemistry import Result, require_cell, require_step
from combust.kinetics.rates.thermo import Thermo


def temperature_after(thermo: Thermo, z: Tensor, s: Tensor, dt: Tensor, hold: Hold) -> Tensor:
    """T (cells,) after dt [s], a number or (cells,), of z = (T, rho Y) with the sources s alone, by Heun's method."""
    f0 = transport_rate(thermo, z, s, hold)
    f1 = transport_rate(thermo, z + dt * f0, s, hold)
    return z[0] + (0.5 * dt) * (f0[0] + f1[0])


temperature_kernel = compiled(temperature_after, dynamic=None)


class Frozen:
    """No reactions: Heun's second-order step with transport alone, exact for the species."""

    def __init__(self, gas: Mechanism, hold: Hold = "flow") -> None:
        """hold : what cells keep, "flow" or "uv", see combust.kinetics.providers.chemistry"""
        require_cell(hold)
        self.gas, self.hold = gas, hold

    def rates(self, T: Tensor, rhoY: Tensor) -> Tensor:
        """Zeros (species, cells)."""
        return torch.zeros_like(rhoY)

    def begin(
        self, T: Tensor, rhoY: Tensor, dt: float | Durations, Q: Tensor | None = None, Qh: Tensor | None = None
    ) -> StartState:
        """Keep the start state. Raises StateError naming the first cell that is not finite or out of range."""
        return started(self.gas, T, rhoY, dt)

    def advance(self, step: object, Q: Tensor, Qh: Tensor) -> Result:
        """State after the step with constant Q [kg/m3/s], Qh [W/m3]; raises StateError if they are not finite."""
        step, s = require_step(step, StartState, self), pack(Qh, Q)
        check_source(s)
        dt = step.durations.seconds
        if isinstance(dt, Tensor):
            T = in_pieces(self._temperature, step.z, s, dt)
        else:
            T = in_pieces(lambda z, s: self._temperature(z, s, number(dt, z.device)), step.z, s)
        return Result(T, step.z[1:] + dt * Q, Statistics(T.shape[0], T.shape[0]))

    def _temperature(self, z: Tensor, s: Tensor, dt: Tensor) -> Tensor:
        cells_last(z, s, *(() if dt.dim() == 0 else (dt,)))
        return temperature_kernel(self.gas.thermo, z, s, dt, self.hold)
