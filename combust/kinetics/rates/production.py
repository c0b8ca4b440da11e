"""Reaction rates of ideal-gas mechanisms, as pure functions of tensors.

A reaction's rate of progress is q = factor (kf prod C^order - kr prod C^nu''), where kf = A times a row of a table
of Arrhenius exponentials (and other functions of temperature and pressure), kr = kf / Kc, and `factor` is 1, a
third-body concentration M or a falloff function of the reduced pressure.
Everything is lists of rows gathered from tables, so one form serves ten species and a thousand, CPU and GPU.

Slightly negative concentrations (transport undershoots) are legal: integer orders are polynomials in C and
stay smooth through zero. For other orders, which are zero for C <= 0 in Cantera, see combust.kinetics.rates.powers.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from combust.kinetics.rates.data import Kinetics, RateData, SparseRows
from combust.kinetics.rates.linear_burke import linear_burke
from combust.kinetics.rates.powers import forward_only, power
from combust.kinetics.rates.pressure_rates import ln_chebyshev, ln_plog
from combust.kinetics.rates.rate_constants import TINY, blowers_masel, falloff_factor
from combust.kinetics.rates.thermo import GAS_CONSTANT, column, g_RT, h_RT


def power_table(rates: RateData, X: Tensor, unit: Tensor | None = None) -> Tensor:
    """Rows that products are made of: X (species), a row of ones, then the non-integer powers of X.

    unit (species, ...cells): X of 1 kmol/m3, where X are no concentrations.
    """
    rows = [X, torch.ones_like(X[:1])]
    if rates.power.numel():
        rows.append(power(X[rates.power_species], column(rates.power, X[0]), traces(rates, unit)))
    return torch.cat(rows)


def traces(rates: RateData, unit: Tensor | None) -> Tensor:
    """`trace` of the rows of non-integer powers, in units of X."""
    return rates.trace if unit is None else rates.trace * unit[rates.power_species]


def row_product(start: Tensor, *tables: tuple[Tensor, Tensor]) -> Tensor:
    """start (n, ...cells) times gathered rows; tables are pairs (table, rows (n, slots)), taken slot by slot in turn.

    In turn, because activities exp(g) are huge and their inverses tiny: so the product stays in range.
    """
    product = start
    gathered = [table[rows].unbind(1) for table, rows in tables]
    for factors in itertools.zip_longest(*gathered):
        for factor in factors:
            product = product if factor is None else product * factor
    return product


def row_sum(table: Tensor, rows: Tensor, weight: Tensor) -> Tensor:
    """Weighted sum over the slots of `rows` (n, slots) of the gathered table rows."""
    weight = weight.reshape(*weight.shape, *(1 for _ in table.shape[1:]))
    return (weight * table[rows]).sum(1)


def apply_sparse(matrix: SparseRows, rows: Tensor) -> Tensor:
    """The sparse matrix times rows (n, ...cells)."""
    nodes = []
    for index, weight in zip(matrix.index, matrix.weight, strict=True):
        rows = torch.cat([row_sum(rows, i, w) for i, w in zip(index, weight, strict=True)])
        nodes.append(rows)
    return torch.cat([*nodes, rows.new_zeros(1, *rows.shape[1:])])[matrix.place]


def forward_constants(kin: Kinetics, T: Tensor, C: Tensor) -> Tensor:
    """Forward rate constants (reactions, ...cells); of falloff reactions the limit that their factor refers to."""
    rates = kin.rates
    exponent = column(rates.b, T) * torch.log(T) - column(rates.Ea_R, T) * (1 / T)
    rows = [torch.exp(exponent)]
    if rates.blowers_masel.b.numel():
        rows.append(blowers_masel(rates.blowers_masel, T, enthalpy_of_reaction(kin, T)))
    if rates.plog.node.numel():
        rows.append(torch.exp(ln_plog(rates.plog, T, ln_pressure(T, C))))
    if rates.chebyshev.x0.numel():
        rows.append(torch.exp(ln_chebyshev(rates.chebyshev, T, ln_pressure(T, C))))
    if rates.linear_burke.owner.numel():
        rows.append(linear_burke(rates.linear_burke, T, C))
    table = rows[0] if len(rows) == 1 else torch.cat(rows)
    return column(rates.A, T) * table[rates.exponent]


def ln_pressure(T: Tensor, C: Tensor) -> Tensor:
    """ln(R T sum C / Pa), (1, ...cells)."""
    return torch.log(torch.clamp(GAS_CONSTANT * T * C.sum(0, keepdim=True), min=TINY))


def enthalpy_of_reaction(kin: Kinetics, T: Tensor) -> Tensor:
    """H/R in K of the Blowers-Masel reactions, (rows, ...cells)."""
    data = kin.rates.blowers_masel
    return row_sum(h_RT(kin.thermo, T), data.species, data.net) * T


def activity_coefficients(kin: Kinetics, T: Tensor) -> Tensor:
    """E (species, ...cells) m3/kmol such that 1/Kc = prod E^net: exp(g_k/RT) RT/p_ref.

    Energies and entropies that are linear in the elements cancel in every reaction; without them E stays in the
    range of float64 down to 150 K.
    """
    shift_h, shift_s = kin.rates.shift
    g = g_RT(kin.thermo, T) - column(shift_h, T) / T + column(shift_s, T)
    return torch.exp(g + torch.log(T) - kin.rates.ln_c_ref)


def factor_table(rates: RateData, T: Tensor, C: Tensor) -> Tensor:
    """Rows that multiply rates of progress: one, third-body concentrations, falloff functions."""
    rows = [torch.ones_like(C[:1])]
    if rates.efficiency.numel():
        M = torch.tensordot(rates.efficiency, C, dims=1)
        rows.append(M)
        if rates.falloff.body.numel():
            rows.append(falloff_factor(rates.falloff, T, M))
    return torch.cat(rows)


def multipliers(rates: RateData, member: Tensor) -> tuple[Tensor, Tensor]:
    """Factors of forward (reactions, ...cells) and reverse (reversible, ...cells) rates of each cell's member."""
    table = rates.multiplier[:, member]
    return table[: rates.reactants.shape[0]], table[rates.reactants.shape[0] :]


def with_edge(k: Tensor, table: Tensor, rows: Tensor, weight: Tensor) -> Tensor:
    """Rate constants k (reactions, ...cells), zero where `powers.forward_only` says so."""
    return k * forward_only(table, rows, weight) if weight.numel() else k


def progress(kin: Kinetics, T: Tensor, C: Tensor, member: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Forward (reactions, ...cells) and reverse (reversible, ...cells) rates of progress, internal order.

    member (...cells): of an ensemble, whose multipliers the rates get.
    """
    rates = kin.rates
    k = factor_table(rates, T, C)[rates.factor] * forward_constants(kin, T, C)
    powers = power_table(rates, C)
    forward = row_product(with_edge(k, powers, rates.reactants, rates.edge[0]), (powers, rates.reactants))
    irreversible = rates.reactants.shape[0] - rates.products.shape[0]
    if not rates.products.shape[0]:
        reverse = forward[:0]
    else:
        E = activity_coefficients(kin, T)
        activities = power_table(rates, C * E, E)
        reverse = row_product(
            with_edge(k[irreversible:], activities, rates.products, rates.edge[1]),
            (power_table(rates, 1 / E, 1 / E), rates.reactants[irreversible:]),
            (activities, rates.products),
        )
    if member is None:
        return forward, reverse
    ahead, back = multipliers(rates, member)
    return ahead * forward, back * reverse


def subtract_tail(forward: Tensor, reverse: Tensor) -> Tensor:
    """forward - reverse, where reverse belongs to the last rows of forward."""
    head = forward.shape[0] - reverse.shape[0]
    if head == 0:
        return forward - reverse
    return torch.cat([forward[:head], forward[head:] - reverse])


def production_rates(kin: Kinetics, T: Tensor, C: Tensor, member: Tensor | None = None) -> Tensor:
    """Net molar production rates omega (species, ...cells) kmol/m3/s at T (...cells) K, C (species, ...cells).

    member (...cells): see `progress`.
    """
    return apply_sparse(kin.rates.net, subtract_tail(*progress(kin, T, C, member)))


def rates_of_progress(kin: Kinetics, T: Tensor, C: Tensor) -> tuple[Tensor, Tensor]:
    """Forward and reverse rates of progress (reactions, ...cells) kmol/m3/s in the mechanism's own order."""
    forward, reverse = progress(kin, T, C)
    irreversible = forward.shape[0] - reverse.shape[0]
    reverse = torch.cat([torch.zeros_like(forward[:irreversible]), reverse])
    place = torch.argsort(kin.rates.order)
    return forward[place], reverse[place]
