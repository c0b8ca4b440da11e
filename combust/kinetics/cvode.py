"""Cantera's CVODE, one cell after the other: the cross-check and the last resort of direct integration."""

from __future__ import annotations

import cantera as ct
import numpy as np
import torch
from torch import Tensor

from combust.errors import DivergenceError
from combust.kinetics.base import Result, Statistics
from combust.kinetics.mechanism import Mechanism
from combust.kinetics.state import StartState, check_source, check_state, pack


class CellIntegrator:
    """Integrates z = (T, rho Y) of one cell with a constant transport source by CVODE."""

    def __init__(self, gas: Mechanism, rtol: float, atol: float, max_steps: int = 10_000) -> None:
        self.gas = gas
        self.solution = gas.cantera()
        self.molar_mass = self.solution.molecular_weights
        self.rtol, self.atol, self.max_steps = rtol, atol, max_steps

    def __call__(self, cell: int, z: Tensor, s: Tensor, dt: float) -> Tensor:
        """z (1 + species,) after dt [s] with source s = (Qh, Q); raises DivergenceError naming the cell."""
        start, source = z.cpu().numpy(), s.cpu().numpy()
        try:
            end = self._integrate(start, source, dt)
        except (ct.CanteraError, RuntimeError) as error:
            last = next((x.strip() for x in str(error).splitlines() if "CVode" in x or "rror" in x), str(error))
            raise DivergenceError(self._message(cell, start, source, dt, last)) from error
        if not np.isfinite(end).all():
            raise DivergenceError(self._message(cell, start, source, dt, "the result is not finite"))
        return torch.tensor(end, dtype=z.dtype, device=z.device)

    def _integrate(self, z: np.ndarray, s: np.ndarray, dt: float) -> np.ndarray:
        rho = z[1:].sum()
        self.solution.set_unnormalized_mass_fractions(z[1:] / rho)
        self.solution.TD = z[0], rho
        self.solution.set_unnormalized_mass_fractions(z[1:] / rho)
        reactor = _SourceReactor(self.solution, s, self.molar_mass)
        network = ct.ReactorNet([reactor])
        network.rtol, network.atol = self.rtol, self.atol
        network.max_steps = self.max_steps
        network.advance(dt)
        end = reactor.get_state()
        return np.concatenate([[end[2]], end[3:] * end[0] / end[1]])

    def _message(self, cell: int, z: np.ndarray, s: np.ndarray, dt: float, why: str) -> str:
        Y = ", ".join(f"{k} {x:.4g}" for k, x in zip(self.gas.species, z[1:] / z[1:].sum(), strict=True))
        return (
            f"chemistry of cell {cell} cannot be integrated over {dt:.3g} s: T = {z[0]:.6g} K, density "
            f"{z[1:].sum():.6g} kg/m3, Y: {Y}; transport source Qh = {s[0]:.4g} W/m3, largest Q = "
            f"{np.abs(s[1:]).max():.4g} kg/m3/s. CVODE: {why}. Try a smaller time step"
        )


class _SourceReactor(ct.ExtensibleIdealGasReactor):
    """d(rho Y)/dt = Q + W omega, rho cp dT/dt = Qh - sum h_k (Q_k + W_k omega_k), in Cantera's (m, V, T, Y)."""

    def __init__(self, solution: ct.Solution, s: np.ndarray, molar_mass: np.ndarray) -> None:
        super().__init__(solution, clone=False)
        self.source, self.molar_mass = s, molar_mass

    def replace_eval(self, t: float, LHS: np.ndarray, RHS: np.ndarray) -> None:
        gas, W, Q = self.thermo, self.molar_mass, self.source[1:]
        S = Q + W * self.kinetics.net_production_rates
        rho, h = gas.density, gas.partial_molar_enthalpies / W
        RHS[0] = self.volume * Q.sum()
        RHS[1] = 0.0
        LHS[2], RHS[2] = rho * gas.cp_mass, self.source[0] - h @ S
        LHS[3:], RHS[3:] = rho, S - gas.Y * Q.sum()


class Cvode:
    """Every cell by CVODE: slow, for cross-checks."""

    def __init__(self, gas: Mechanism, rtol: float = 1e-6, atol: float = 1e-12) -> None:
        self.gas = gas
        self.cell = CellIntegrator(gas, rtol, atol)

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
        self, T: Tensor, rhoY: Tensor, dt: float, Q: Tensor | None = None, Qh: Tensor | None = None
    ) -> StartState:
        """Keep the start state. Raises StateError naming the first cell that is not finite or out of range."""
        z = pack(T, rhoY)
        check_state(self.gas, z)
        return StartState(z, dt)

    def advance(self, step: StartState, Q: Tensor, Qh: Tensor) -> Result:
        """Integrate over the step with constant Q [kg/m3/s], Qh [W/m3]; raises DivergenceError naming the cell."""
        s = pack(Qh, Q)
        check_source(s)
        cells = range(step.z.shape[1])
        columns = [self.cell(i, step.z[:, i], s[:, i], step.dt) for i in cells]
        z = torch.stack(columns, 1) if columns else step.z
        return Result(z[0], z[1:], Statistics(cells=len(cells)))
