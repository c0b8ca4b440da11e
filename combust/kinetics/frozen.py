"""Chemistry that does nothing, for flows without reactions."""

from __future__ import annotations

import torch
from torch import Tensor

from combust.kernels import compiled
from combust.kinetics.base import Result, Statistics
from combust.kinetics.mechanism import Mechanism
from combust.kinetics.state import StartState, check_source, check_state, pack
from combust.kinetics.thermo import Thermo, cp_mass, h_mass


def heating(thermo: Thermo, T: Tensor, rhoY: Tensor, Q: Tensor, Qh: Tensor) -> Tensor:
    """dT/dt (cells,) K/s by transport alone."""
    return (Qh - (h_mass(thermo, T) * Q).sum(0)) / (rhoY * cp_mass(thermo, T)).sum(0)


heating_kernel = compiled(heating)


class Frozen:
    """No reactions: species change by transport only, temperature by Heun's second-order step."""

    def __init__(self, gas: Mechanism) -> None:
        self.gas = gas

    def rates(self, T: Tensor, rhoY: Tensor) -> Tensor:
        """Zeros (species, cells)."""
        return torch.zeros_like(rhoY)

    def begin(
        self, T: Tensor, rhoY: Tensor, dt: float, Q: Tensor | None = None, Qh: Tensor | None = None
    ) -> StartState:
        """Keep the start state. Raises StateError naming the first cell that is not finite or out of range."""
        z = pack(T, rhoY)
        check_state(self.gas, z)
        return StartState(z, dt)

    def advance(self, step: StartState, Q: Tensor, Qh: Tensor) -> Result:
        """State after the step with constant Q [kg/m3/s], Qh [W/m3]."""
        check_source(pack(Qh, Q))
        T, rhoY = step.z[0], step.z[1:]
        end = rhoY + step.dt * Q
        slope = heating_kernel(self.gas.thermo, T, rhoY, Q, Qh)
        later = heating_kernel(self.gas.thermo, T + step.dt * slope, end, Q, Qh)
        return Result(T + (0.5 * step.dt) * (slope + later), end, Statistics(T.shape[0], T.shape[0]))
