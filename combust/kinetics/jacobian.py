"""Chemical source terms at constant pressure and their analytic Jacobian, assembled on the mechanism's sparsity.

Unknowns z = (T, rho Y_1 .. rho Y_n); with concentrations C = rho Y / W, rho = sum rho Y, rho cp = sum rho Y_k cp_k
and transport terms Q_k (kg/m3/s), Qh (W/m3) held constant:

    d(rho Y_k)/dt = S_k = Q_k + W_k omega_k(T, C)
    rho cp dT/dt  = Qh - sum_k h_k S_k
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from combust.kinetics.rate_constants import arrhenius, arrhenius_slope, falloff_factor
from combust.kinetics.rates import (
    Kinetics,
    RateData,
    concentration_table,
    contract,
    positive_power,
    production_rates,
    reverse_constants,
    row_product,
    row_sum,
)
from combust.kinetics.thermo import GAS_CONSTANT, column, cp_mass, dcp_R_dT, h_mass, h_RT


class SparseRows(NamedTuple):
    """A sparse matrix acting on rows: bucket b gives sum_l weight[b][i, l] rows[index[b][i, l]]; `place` orders them."""

    index: tuple[Tensor, ...]
    weight: tuple[Tensor, ...]
    place: Tensor


class JacobianPattern(NamedTuple):
    """Entry e is the derivative of one rate of progress with respect to one concentration that stands in it."""

    rate: Tensor  # row of [kf, -kr] times factor
    others: Tensor  # (entries, slots) rows of the extended table that remain in the product
    count: Tensor  # multiplicity of the species in the product
    collider: Tensor  # reactions with a third body (internal numbers)
    body_sum: SparseRows  # their d(rate)/dM -> effect of each M on each species
    matrix: SparseRows  # [entries, effects of M] -> W_k/W_j d(omega_k)/dC_j, (species * species)


def apply_sparse(matrix: SparseRows, rows: Tensor) -> Tensor:
    """The sparse matrix times rows (n, ...cells)."""
    buckets = [
        row_sum(rows, index, weight) for index, weight in zip(matrix.index, matrix.weight, strict=True)
    ]
    return torch.cat(buckets)[matrix.place]


def rate_derivatives(kin: Kinetics, T: Tensor, C: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """omega (species, ...cells) kmol/m3/s, d(omega)/dT at constant C, and W_k/W_j d(omega_k)/dC_j in 1/s.

    The last has shape (species, species, ...cells); row = k. The weights make it d(W_k omega_k)/d(rho Y_j).
    """
    rates, pattern = kin.rates, kin.pattern
    n = C.shape[0]
    table = concentration_table(rates, C)
    factor, factor_dM, factor_dT = factor_tables(rates, T, C)
    f = factor[rates.factor]
    kf = arrhenius(rates.forward, T)
    slope = arrhenius_slope(rates.forward, T)
    kr = reverse_constants(rates, kin.thermo, T, kf)
    irreversible = kf.shape[0] - kr.shape[0]
    forward = kf * row_product(table, rates.reactants)
    reverse = kr * row_product(table, rates.products)
    q0 = subtract_tail(forward, reverse)
    heat = row_sum(h_RT(kin.thermo, T), rates.dG, rates.dG_nu) - column(rates.dn_ln_c[:, 0], T)  # T d ln Kc/dT
    q_dT = f * subtract_tail(forward * slope, reverse * (slope[irreversible:] - heat / T))
    q_dT = q_dT + factor_dT[rates.factor] * q0

    if rates.power.numel():
        order = column(rates.power, T)
        table = torch.cat([table, order * positive_power(C[rates.power_species], order - 1)])
    k = torch.cat([f * kf, -f[irreversible:] * kr])
    entries = k[pattern.rate] * column(pattern.count, T) * row_product(table, pattern.others)
    rows = [entries]
    if pattern.collider.numel():
        effect = q0[pattern.collider] * factor_dM[rates.factor[pattern.collider]]
        rows.append(apply_sparse(pattern.body_sum, effect))
    matrix = apply_sparse(pattern.matrix, torch.cat(rows))
    return contract(rates.net, f * q0), contract(rates.net, q_dT), matrix.reshape(n, n, *T.shape)


def subtract_tail(forward: Tensor, reverse: Tensor) -> Tensor:
    """forward - reverse, where reverse belongs to the last rows of forward."""
    head = forward.shape[0] - reverse.shape[0]
    return torch.cat([forward[:head], forward[head:] - reverse])


def factor_tables(rates: RateData, T: Tensor, C: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The factor table [1, M, falloff] and its derivatives with respect to M and T."""
    one = torch.ones_like(C[:1])
    zero = torch.zeros_like(one)
    if not rates.efficiency.numel():
        return one, zero, zero
    M = contract(rates.efficiency, C)
    rows = [(one, M), (zero, torch.ones_like(M)), (zero, torch.zeros_like(M))]
    if rates.falloff.body.numel():
        falloff = falloff_factor(rates.falloff, T, M)
        rows = [(*r, x) for r, x in zip(rows, falloff, strict=True)]
    value, dM, dT = (torch.cat(r) for r in rows)
    return value, dM, dT


def source(kin: Kinetics, T: Tensor, rhoY: Tensor, Q: Tensor, Qh: Tensor) -> tuple[Tensor, Tensor]:
    """dT/dt (...cells) K/s and d(rho Y)/dt (species, ...cells) kg/m3/s at constant pressure.

    T (...cells) K, rhoY (species, ...cells) kg/m3, transport sources Q (species, ...cells) kg/m3/s and
    Qh (...cells) W/m3.
    """
    W = column(kin.thermo.molar_mass, T)
    S = Q + W * production_rates(kin, T, rhoY / W)
    rho_cp = (rhoY * cp_mass(kin.thermo, T)).sum(0)
    return (Qh - (h_mass(kin.thermo, T) * S).sum(0)) / rho_cp, S


def source_jacobian(kin: Kinetics, T: Tensor, rhoY: Tensor, Q: Tensor, Qh: Tensor) -> Tensor:
    """Jacobian of `source` with respect to (T, rhoY), (...cells, 1 + species, 1 + species); row = equation.

    Arguments as in `source`. Units follow from K/s and kg/m3/s over K and kg/m3.
    """
    thermo = kin.thermo
    W = column(thermo.molar_mass, T)
    omega, omega_dT, S_rhoY = rate_derivatives(kin, T, rhoY / W)
    S, S_dT = Q + W * omega, W * omega_dT
    h, cp = h_mass(thermo, T), cp_mass(thermo, T)
    rho_cp = (rhoY * cp).sum(0)
    T_dot = (Qh - (h * S).sum(0)) / rho_cp
    dcp = dcp_R_dT(thermo, T) * GAS_CONSTANT / W
    T_dT = -((cp * S + h * S_dT).sum(0) + T_dot * (rhoY * dcp).sum(0)) / rho_cp
    T_rhoY = -((h.unsqueeze(1) * S_rhoY).sum(0) + T_dot * cp) / rho_cp
    top = torch.cat([T_dT.unsqueeze(0), T_rhoY]).unsqueeze(0)
    J = torch.cat([top, torch.cat([S_dT.unsqueeze(1), S_rhoY], dim=1)])
    return J.movedim((0, 1), (-2, -1))


def reactor_jacobian(kin: Kinetics, T: Tensor, p: Tensor, Y: Tensor, hold: Literal["hp", "uv"]) -> Tensor:
    """d(dT/dt, dY/dt)/d(T, Y) of a homogeneous reactor, (1 + species, 1 + species, ...cells).

    Arguments (...cells) K and Pa and (species, ...cells). "hp" holds enthalpy and pressure, "uv" energy and volume
    (density); Y_k are independent variables, rho = p W / (R T).
    """
    W = column(kin.thermo.molar_mass, T)
    mean_W = Y.sum(0) / (Y / W).sum(0)  # equals sum X W when sum Y = 1
    rho = p / (GAS_CONSTANT * T * (Y / W).sum(0))
    omega, omega_dT, S_rhoY = rate_derivatives(kin, T, rho * Y / W)
    f, f_dT = W * omega / rho, W * omega_dT / rho  # dY/dt
    f_Y = S_rhoY
    h, cp = h_mass(kin.thermo, T), cp_mass(kin.thermo, T)
    if hold == "hp":
        # rho(T, Y) = p / (R T sum Y/W): d ln rho = -dT/T - mean_W/W_j dY_j, and all rho Y move with rho
        along = (S_rhoY * Y).sum(1) - f
        f_dT = f_dT - along / T
        f_Y = f_Y - along.unsqueeze(1) * (mean_W / W).unsqueeze(0)
        e, c, c_dT = h, cp, dcp_R_dT(kin.thermo, T) * GAS_CONSTANT / W
    else:
        e, c, c_dT = h - GAS_CONSTANT * T / W, cp - GAS_CONSTANT / W, dcp_R_dT(kin.thermo, T) * GAS_CONSTANT / W
    heat_capacity = (Y * c).sum(0)
    T_dot = -(e * f).sum(0) / heat_capacity
    T_dT = -((c * f + e * f_dT).sum(0) + T_dot * (Y * c_dT).sum(0)) / heat_capacity
    T_Y = -((e.unsqueeze(1) * f_Y).sum(0) + T_dot * c) / heat_capacity
    top = torch.cat([T_dT.unsqueeze(0), T_Y]).unsqueeze(0)
    return torch.cat([top, torch.cat([f_dT.unsqueeze(1), f_Y], dim=1)])
