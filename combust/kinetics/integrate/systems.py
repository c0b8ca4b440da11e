"""What is integrated in each cell, z = (T, y_1 .. y_n), with constant sources s = (s_0, s_1 .. s_n), and the Jacobians.

    dy_k/dt = g_k(T, y) + s_k,        c dT/dt = s_0 - sum_k e_k dy_k/dt,        c = sum_k y_k de_k/dT

| hold   | y_k             | g_k                        | e_k | constant without sources                |
|--------|-----------------|----------------------------|-----|-----------------------------------------|
| "flow" | rho Y_k [kg/m3] | W_k omega_k                | h_k | density and enthalpy per volume         |
| "hp"   | Y_k             | W_k omega_k / rho(p, T, Y) | h_k | pressure `held` [Pa], specific enthalpy |
| "uv"   | Y_k             | W_k omega_k / rho          | u_k | density `held` [kg/m3], specific energy |

"flow" is the cell of a low-Mach solver, whose transport changes density and keeps the pressure. A cell of constant
volume whose density changes by transport is "uv" with rho Y_k as y_k and nothing `held`.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from combust.errors import StateError
from combust.kinetics.rates.qss import AnyKinetics, production_rates, rate_derivatives
from combust.kinetics.rates.thermo import GAS_CONSTANT, Thermo, column, dcp_R_dT, h_and_cp_mass

Hold = Literal["flow", "hp", "uv"]


class Linearisation(NamedTuple):
    """At one state of all cells: g (species, ...cells), e_k (species, ...cells), c (...cells) and the Jacobian of
    dz/dt with respect to z, (1 + species, 1 + species, ...cells); row = equation.
    """

    chemical: Tensor
    energy: Tensor
    capacity: Tensor
    jacobian: Tensor


class Fixed(NamedTuple):
    """What a reactor keeps from start to end, (cells,)."""

    held: Tensor  # Pa of "hp", kg/m3 of "uv"
    member: Tensor | None = None  # of an ensemble of mechanisms: the one whose rates the cell has

    def of(self, cells: Tensor | slice[int, int, None]) -> Fixed:
        """The part of some cells."""
        return Fixed(self.held[cells], None if self.member is None else self.member[cells])

    @staticmethod
    def join(parts: list[Fixed]) -> Fixed:
        """One batch of several."""
        members = [part.member for part in parts if part.member is not None]
        return Fixed(torch.cat([part.held for part in parts]), torch.cat(members) if members else None)


def require_reactor(hold: str) -> None:
    """Raises StateError if it is neither "hp" nor "uv"."""
    if hold not in ("hp", "uv"):
        raise StateError(f"hold = {hold!r}; allowed: 'hp' (enthalpy, pressure), 'uv' (energy, volume)")


def density(hold: Hold, T: Tensor, y: Tensor, held: Tensor, W: Tensor) -> Tensor:
    """rho (...cells) kg/m3 of a reactor with mass fractions y; W (species, 1...)."""
    return held if hold == "uv" else held / (GAS_CONSTANT * T * (y / W).sum(0))


def chemical_rates(kin: AnyKinetics, hold: Hold, T: Tensor, y: Tensor, fixed: Fixed | None) -> Tensor:
    """g (species, ...cells)."""
    W = column(kin.thermo.molar_mass, T)
    if fixed is None:
        return W * production_rates(kin, T, y / W)
    rho = density(hold, T, y, fixed.held, W)
    return W * production_rates(kin, T, rho * y / W, fixed.member) / rho


def energies(thermo: Thermo, hold: Hold, T: Tensor) -> tuple[Tensor, Tensor]:
    """e_k J/kg and de_k/dT J/kg/K, (species, ...cells)."""
    h, cp = h_and_cp_mass(thermo, T)
    if hold != "uv":
        return h, cp
    R = column(GAS_CONSTANT / thermo.molar_mass, T)
    return h - R * T, cp - R


def temperature(thermo: Thermo, hold: Hold, E: Tensor, y: Tensor, T: Tensor, steps: int = 2) -> Tensor:
    """T (...cells) at which y has the energy E = sum_k y_k e_k, by Newton's steps from a close T."""
    for _ in range(steps):
        e, c = energies(thermo, hold, T)
        T = T + (E - (y * e).sum(0)) / (y * c).sum(0)
    return T


def energy_kept(thermo: Thermo, hold: Hold, z: Tensor, new: Tensor, added: Tensor | float = 0.0) -> Tensor:
    """T (...cells) at which `new` has the energy of z, both (1 + species, ...cells), and what was added to it."""
    energy = (z[1:] * energies(thermo, hold, z[0])[0]).sum(0) + added
    return temperature(thermo, hold, energy, new[1:], new[0])


def rate(kin: AnyKinetics, hold: Hold, z: Tensor, s: Tensor, fixed: Fixed | None = None) -> Tensor:
    """dz/dt (1 + species, ...cells)."""
    T, y = z[0], z[1:]
    dy = chemical_rates(kin, hold, T, y, fixed) + s[1:]
    e, c = energies(kin.thermo, hold, T)
    dT = (s[0] - (e * dy).sum(0)) / (y * c).sum(0)
    return torch.cat([dT.unsqueeze(0), dy])


def transport_rate(thermo: Thermo, z: Tensor, s: Tensor, hold: Hold = "flow") -> Tensor:
    """What the sources add to dz/dt, (1 + species, ...cells)."""
    e, c = energies(thermo, hold, z[0])
    capacity = (z[1:] * c).sum(0)
    return torch.cat([((s[0] - (e * s[1:]).sum(0)) / capacity).unsqueeze(0), s[1:]])


def linearise(kin: AnyKinetics, hold: Hold, z: Tensor, s: Tensor, fixed: Fixed | None = None) -> Linearisation:
    """What an implicit step needs at z; the Jacobian depends on s through dT/dt."""
    T, y, thermo = z[0], z[1:], kin.thermo
    W = column(thermo.molar_mass, T)
    if fixed is None:
        omega, omega_dT, g_y = rate_derivatives(kin, T, y / W)
        g, g_dT = W * omega, W * omega_dT
    else:
        rho = density(hold, T, y, fixed.held, W)
        omega, omega_dT, g_y = rate_derivatives(kin, T, rho * y / W, fixed.member)
        g, g_dT = W * omega / rho, W * omega_dT / rho
        if hold == "hp":
            # d ln rho = -dT/T - mean_W/W_j dY_j, and all concentrations move with rho
            along = (g_y * y).sum(1) - g
            g_dT = g_dT - along / T
            g_y = g_y - along.unsqueeze(1) * (1.0 / (W * (y / W).sum(0))).unsqueeze(0)
    e, c = energies(thermo, hold, T)
    c_dT = dcp_R_dT(thermo, T) * GAS_CONSTANT / W
    capacity, dy = (y * c).sum(0), g + s[1:]
    dT = (s[0] - (e * dy).sum(0)) / capacity
    T_dT = -((c * dy + e * g_dT).sum(0) + dT * (y * c_dT).sum(0)) / capacity
    T_y = -((e.unsqueeze(1) * g_y).sum(0) + dT * c) / capacity
    top = torch.cat([T_dT.unsqueeze(0), T_y]).unsqueeze(0)
    return Linearisation(g, e, capacity, torch.cat([top, torch.cat([g_dT.unsqueeze(1), g_y], dim=1)]))
