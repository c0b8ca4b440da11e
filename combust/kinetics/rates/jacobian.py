"""Analytic derivatives of the production rates, assembled on the mechanism's sparsity."""

from __future__ import annotations

import torch
from torch import Tensor

from combust.kinetics.rates.data import Kinetics, RateData
from combust.kinetics.rates.linear_burke import linear_burke_derivatives
from combust.kinetics.rates.powers import power_slope
from combust.kinetics.rates.pressure_rates import chebyshev_derivatives, plog_derivatives
from combust.kinetics.rates.production import (
    activity_coefficients,
    apply_sparse,
    enthalpy_of_reaction,
    forward_constants,
    ln_pressure,
    multipliers,
    power_table,
    row_product,
    row_sum,
    subtract_tail,
    traces,
    with_edge,
)
from combust.kinetics.rates.rate_constants import TINY, blowers_masel, blowers_masel_slope, falloff_derivatives
from combust.kinetics.rates.thermo import column, cp_R, h_RT


def rate_derivatives(
    kin: Kinetics, T: Tensor, C: Tensor, member: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """omega (species, ...cells) kmol/m3/s, d(omega)/dT at constant C, and W_k/W_j d(omega_k)/dC_j in 1/s.

    member (...cells): of an ensemble, whose multipliers the rates get. The last result has shape
    (species, species, ...cells); row = k. The weights make it d(W_k omega_k)/d(rho Y_j).
    """
    rates, pattern, n = kin.rates, kin.pattern, C.shape[0]
    factor, factor_dM, factor_dT = factor_tables(rates, T, C)
    k, dlnk_dT, dlnk_dtotal, dlnk_dnamed = constant_derivatives(kin, T, C)
    E = activity_coefficients(kin, T)
    irreversible = rates.reactants.shape[0] - rates.products.shape[0]
    k_reverse = row_product(k[irreversible:], (power_table(rates, 1 / E, 1 / E), rates.reactants[irreversible:]))
    if member is not None:
        ahead, back = multipliers(rates, member)
        k, k_reverse = ahead * k, back * k_reverse
    C_powers, A_powers = power_table(rates, C), power_table(rates, C * E, E)
    k = with_edge(k, C_powers, rates.reactants, rates.edge[0])
    k_reverse = with_edge(k_reverse, A_powers, rates.products, rates.edge[1])
    forward = row_product(k, (C_powers, rates.reactants))
    reverse = row_product(k_reverse, (A_powers, rates.products))
    q0 = subtract_tail(forward, reverse)  # without third-body and falloff factors
    f = factor[rates.factor]

    # d ln kf/dT = (b + Ea/RT)/T; d ln kr/dT lacks dH/RT^2 - dn/T, which is what (1 - h_k/RT)/T adds up to
    q_dT = f * dlnk_dT * q0 + factor_dT[rates.factor] * q0
    per_species = (1 - h_RT(kin.thermo, T)) / T
    q_dT = subtract_tail(q_dT, f[irreversible:] * reverse * row_sum(per_species, *pattern.reversible_net))
    omega, omega_dT = apply_sparse(rates.net, torch.stack([f * q0, q_dT], dim=1)).unbind(1)

    C_rest, A_rest = with_slopes(rates, C, C_powers), with_slopes(rates, C * E, A_powers, E)
    rows = [
        row_product((f * k)[pattern.forward] * column(pattern.forward_count, T), (C_rest, pattern.forward_rest)),
        row_product(
            -(f[irreversible:] * k_reverse)[pattern.reverse] * column(pattern.reverse_count, T),
            (A_rest, pattern.reverse_rest),
            (E, pattern.reverse_species),
        ),
    ]
    if not pattern.collider.numel() and dlnk_dtotal is None:
        return omega, omega_dT, apply_sparse(pattern.matrix, torch.cat(rows)).reshape(n, n, *T.shape)
    effect = q0[pattern.collider] * factor_dM[rates.factor[pattern.collider]]
    rows.append(apply_sparse(pattern.body_sum, effect))
    if dlnk_dtotal is not None:
        effect = torch.cat([effect, (f * q0)[pattern.pressure] * dlnk_dtotal])
    if dlnk_dnamed is not None:
        rows.append((f * q0)[pattern.named] * dlnk_dnamed)
    common = apply_sparse(pattern.common, effect).unsqueeze(1) / column(kin.thermo.molar_mass, T)
    return omega, omega_dT, apply_sparse(pattern.matrix, torch.cat(rows)).reshape(n, n, *T.shape) + common


def constant_derivatives(kin: Kinetics, T: Tensor, C: Tensor) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
    """kf and d ln kf/dT at constant C in 1/K, (reactions, ...cells), without falloff, and d ln kf/dC_j in m3/kmol.

    The last stands in two parts, None where there is none: what all species share (reactions of `pressure`, ...cells),
    and what is added for named colliders of linear Burke reactions (`named`, ...cells).
    """
    rates = kin.rates
    if not _special(rates):
        return forward_constants(kin, T, C), column_slope(rates, T), None, None
    b, Ea_R = column(rates.b, T), column(rates.Ea_R, T)
    rows = [(torch.exp(b * torch.log(T) - Ea_R * (1 / T)), (b + Ea_R / T) / T)]
    if rates.blowers_masel.b.numel():
        data, H_R = rates.blowers_masel, enthalpy_of_reaction(kin, T)
        reaction_cp = row_sum(cp_R(kin.thermo, T), data.species, data.net)
        rows.append((blowers_masel(data, T, H_R), blowers_masel_slope(data, T, H_R, reaction_cp)))
    total, named = [], None
    ln_p, sum_C = ln_pressure(T, C), torch.clamp(C.sum(0), min=TINY)
    if rates.plog.node.numel():
        ln_k, dT, by_ln_p = plog_derivatives(rates.plog, T, ln_p)
        rows.append((torch.exp(ln_k), dT + by_ln_p / T))  # p = R T sum C grows with T
        total.append(by_ln_p / sum_C)
    if rates.chebyshev.x0.numel():
        ln_k, dT, by_ln_p = chebyshev_derivatives(rates.chebyshev, T, ln_p)
        rows.append((torch.exp(ln_k), dT + by_ln_p / T))
        total.append(by_ln_p / sum_C)
    if rates.linear_burke.owner.numel():
        k, dT, unnamed, named = linear_burke_derivatives(rates.linear_burke, T, C)
        rows.append((k, dT))
        total.append(unnamed)
    k, slope = (torch.cat(x)[rates.exponent] for x in zip(*rows, strict=True))
    return column(rates.A, T) * k, slope, torch.cat(total) if total else None, named


def _special(rates: RateData) -> bool:
    """Whether some reaction is neither Arrhenius nor falloff."""
    tables = (rates.blowers_masel.b, rates.plog.node, rates.chebyshev.x0, rates.linear_burke.owner)
    return any(x.numel() for x in tables)


def column_slope(rates: RateData, T: Tensor) -> Tensor:
    """d ln kf / dT (reactions, ...cells) in 1/K, without falloff, where all reactions are Arrhenius."""
    return (column(rates.b[rates.exponent], T) + column(rates.Ea_R[rates.exponent], T) / T) / T


def with_slopes(rates: RateData, X: Tensor, table: Tensor, unit: Tensor | None = None) -> Tensor:
    """The power table followed by the derivatives of its non-integer powers; unit: see `power_table`."""
    if not rates.power.numel():
        return table
    slope = power_slope(X[rates.power_species], column(rates.power, X[0]), traces(rates, unit))
    return torch.cat([table, slope])


def factor_tables(rates: RateData, T: Tensor, C: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The factor table [1, M, falloff] and its derivatives with respect to M and T."""
    one = torch.ones_like(C[:1])
    zero = torch.zeros_like(one)
    if not rates.efficiency.numel():
        return one, zero, zero
    M = torch.tensordot(rates.efficiency, C, dims=1)
    rows: list[tuple[Tensor, ...]] = [(one, M), (zero, torch.ones_like(M)), (zero, torch.zeros_like(M))]
    if rates.falloff.body.numel():
        falloff = falloff_derivatives(rates.falloff, T, M)
        rows = [(*r, x) for r, x in zip(rows, falloff, strict=True)]
    value, dM, dT = (torch.cat(r) for r in rows)
    return value, dM, dT
