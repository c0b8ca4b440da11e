"""Every cell by Cantera's CVODE: the provider that others are checked against."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from combust.kinetics.integrate.cvode import CellIntegrator
from combust.kinetics.integrate.durations import Durations
from combust.kinetics.integrate.state import StartState, check_source, pack, started
from combust.kinetics.integrate.statistics import Statistics
from combust.kinetics.integrate.systems import Hold
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.providers.chemistry import Result, require_cell, require_step


class Cvode:
    """Every cell by CVODE: slow, for cross-checks."""

    def __init__(self, gas: Mechanism, rtol: float = 1e-6, atol: float = 1e-12, hold: Hold = "flow") -> None:
        """hold : what cells keep, "flow" or "uv", see combust.kinetics.providers.chemistry"""
        require_cell(hold)
        self.gas, self.hold = gas, hold
        self.cell = CellIntegrator(gas, rtol, atol, hold)

    def rates(self, T: Tensor, rhoY: Tensor) -> Tensor:
        """Mass production rates (species, cells) kg/m3/s at T [K], rhoY [kg/m3], from Cantera."""
        solution, W = self.cell.solution, self.cell.molar_mass
        result = np.empty(rhoY.shape)
        for i, (t, c) in enumerate(zip(T.tolist(), rhoY.T.cpu().numpy(), strict=True)):
            solution.set_unnormalized_mass_fractions(c / c.sum())
            solution.TD = t, c.sum()
            result[:, i] = W * solution.net_production_rates
        return torch.tensor(result, dtype=T.dtype, device=T.device)

    def begin(
        self, T: Tensor, rhoY: Tensor, dt: float | Durations, Q: Tensor | None = None, Qh: Tensor | None = None
    ) -> StartState:
        """Keep the start state. Raises StateError naming the first cell that is not finite or out of range."""
        return started(self.gas, T, rhoY, dt)

    def advance(self, step: object, Q: Tensor, Qh: Tensor) -> Result:
        """Integrate over the step with constant Q [kg/m3/s], Qh [W/m3]; raises DivergenceError naming the cell."""
        step, s = require_step(step, StartState, self), pack(Qh, Q)
        check_source(s)
        cells, dt = range(step.z.shape[1]), step.durations.by_cell(step.z[0]).tolist()
        columns = [self.cell(i, step.z[:, i], s[:, i], dt[i]) for i in cells]
        z = torch.stack(columns, 1) if columns else step.z
        return Result(z[0], z[1:], Statistics(cells=len(cells)))
