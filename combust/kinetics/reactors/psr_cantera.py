"""The stirred reactor of combust.kinetics.reactors.psr with rates and Jacobian from a Cantera object.

For mechanisms that exist as Cantera objects only, such as the thousands of candidates of a reduction: one Newton step
of 25 species takes a few tenths of a millisecond.
"""

from __future__ import annotations

from typing import Any

import cantera as ct
import numpy as np
import torch
from torch import Tensor

from combust.kinetics.mechanism import qss_cantera
from combust.kinetics.reactors.psr import T_REF, StirredReactor


class CanteraReactor(StirredReactor):
    """StirredReactor T [K], p [Pa], Y (species,), and the residuals of the steady state with their Jacobian."""

    def __init__(self, solution: ct.Solution, T: float, p: float, Y: Any) -> None:
        solution.TPY = T, p, Y
        self.solution, self.T_in, self.p = solution, float(T), float(p)
        self.Y_in, self.W = solution.Y, solution.molecular_weights
        self.steps = any(r.reaction_type == qss_cantera.TYPE for r in solution.reactions())
        self.h_in, self.scale = solution.enthalpy_mass, solution.cp_mass * T_REF

    def equilibrium(self) -> Tensor:
        """(Y, T / T_REF) of the inflow burnt at constant enthalpy and pressure."""
        self.solution.TPY = self.T_in, self.p, self.Y_in
        return torch.tensor(self.burnt(self.solution), dtype=torch.float64)

    def residual(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Residuals (species + 1,) and their Jacobian (species + 1, species + 2)."""
        gas, W, unknowns = self.solution, self.W, z.numpy()
        Y, T, tau = unknowns[:-2], unknowns[-2] * T_REF, np.exp(unknowns[-1])
        gas.set_unnormalized_mass_fractions(Y)
        gas.TP = T, self.p
        gas.set_unnormalized_mass_fractions(Y)  # the line before normalises them, and keeps the temperature
        rho = self.p / (ct.gas_constant * T * (Y / W).sum())
        C, n = rho * Y / W, Y.size
        f, f_Y, f_T = self._source(T, rho, C)
        h, cp = gas.partial_molar_enthalpies / W, gas.partial_molar_cp / W
        R, J = np.empty(n + 1), np.zeros((n + 1, n + 2))
        R[:n], R[n] = self.Y_in - Y + tau * f, (self.h_in - Y @ h) / self.scale
        J[:n, :n], J[:n, n], J[:n, n + 1] = tau * f_Y - np.eye(n), T_REF * tau * f_T, tau * f
        J[n, :n], J[n, n] = -h / self.scale, -(Y @ cp) * T_REF / self.scale
        return torch.from_numpy(R), torch.from_numpy(J)

    def _source(self, T: float, rho: float, C: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """f = W omega / rho [1/s] with its derivatives to Y (species, species) and T [1/(s K)] at constant pressure."""
        gas, W = self.solution, self.W
        if self.steps:
            omega, omega_C, omega_T = self._differences(T, C)
        else:
            omega, omega_C = gas.net_production_rates, np.asarray(gas.net_production_rates_ddCi)
            omega_T = gas.net_production_rates_ddT
        f, mean_W = W * omega / rho, rho / C.sum()
        along = omega_C @ C  # of all concentrations in proportion, as the density moves them
        f_Y = W[:, None] * (omega_C / W - np.outer(along, mean_W / W) / rho) + np.outer(f, mean_W / W)
        f_T = W * (omega_T - along / T) / rho + f / T
        return f, f_Y, f_T

    def _differences(self, T: float, C: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """omega and its derivatives to C and T at constant C, of QSS steps, which Cantera cannot differentiate."""
        rates = qss_cantera.steady_state_of(self.solution)
        _, omega = rates(T, C)
        derivatives = np.empty((C.size, C.size))
        for k, step in enumerate(1e-6 * np.maximum(C, 1e-6 * C.sum())):
            there = C.copy()
            there[k] += step
            derivatives[:, k] = (rates(T, there)[1] - omega) / step
        return omega, derivatives, (rates(T * (1 + 1e-7), C)[1] - omega) / (1e-7 * T)
