"""Reaction rates of ideal-gas mechanisms, as pure functions of tensors.

A reaction's rate of progress is q = factor (kf prod C^order - kr prod C^nu''), where kf is Arrhenius,
kr = kf / Kc, and `factor` is 1, a third-body concentration M or a falloff function of the reduced pressure.
Everything is lists of rows gathered from tables, so one form serves ten species and a thousand, CPU and GPU.

Slightly negative concentrations (transport undershoots) are legal: integer orders are polynomials in C and
stay smooth through zero. A non-integer (or negative) order gives a rate of zero for C <= 0, as in Cantera.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from combust.kinetics.rate_constants import Arrhenius, Falloff, arrhenius, falloff_factor
from combust.kinetics.thermo import Thermo, column, g_RT

if TYPE_CHECKING:
    from combust.kinetics.jacobian import JacobianPattern
LN_BIG = 690.7755278982137  # Cantera's own bound on 1/Kc (BigNumber = 1e300)


class RateData(NamedTuple):
    """What `production_rates` needs; reactions in internal order (irreversible first), `order[i]` = Cantera's."""

    forward: Arrhenius
    reactants: Tensor  # (reactions, slots) rows of the concentration table
    products: Tensor  # (reversible, slots)
    dG: Tensor  # (reversible, slots) species in the reaction's Gibbs energy ...
    dG_nu: Tensor  # ... and their net coefficients
    dn_ln_c: Tensor  # (reversible, 2): net mole change, and itself times ln(p_ref / R)
    factor: Tensor  # (reactions,) row of the factor table [1, M, falloff]
    efficiency: Tensor  # (third bodies, species)
    falloff: Falloff
    power_species: Tensor  # species and order of each non-integer power in the table
    power: Tensor
    net: Tensor  # (species, reactions) net stoichiometric coefficients
    order: Tensor


class Kinetics(NamedTuple):
    """Everything the kernels need, in one argument."""

    thermo: Thermo
    rates: RateData
    pattern: JacobianPattern


def concentration_table(rates: RateData, C: Tensor) -> Tensor:
    """Rows that rates multiply: species, a row of ones, then the non-integer powers (zero where C <= 0)."""
    rows = [C, torch.ones_like(C[:1])]
    if rates.power.numel():
        rows.append(positive_power(C[rates.power_species], column(rates.power, C[0])))
    return torch.cat(rows)


def positive_power(C: Tensor, order: Tensor) -> Tensor:
    """C^order where C > 0, else zero (Cantera's definition), without NaN in value or derivative."""
    positive = C > 0
    return torch.where(positive, torch.where(positive, C, 1.0) ** order, 0.0)


def row_product(table: Tensor, rows: Tensor) -> Tensor:
    """Product over the slots of `rows` (n, slots) of the gathered table rows."""
    product = table[rows[:, 0]]
    for slot in range(1, rows.shape[1]):
        product = product * table[rows[:, slot]]
    return product


def row_sum(table: Tensor, rows: Tensor, weight: Tensor) -> Tensor:
    """Weighted sum over the slots of `rows` (n, slots) of the gathered table rows."""
    total = column(weight[:, 0], table[0]) * table[rows[:, 0]]
    for slot in range(1, rows.shape[1]):
        total = total + column(weight[:, slot], table[0]) * table[rows[:, slot]]
    return total


def contract(matrix: Tensor, rows: Tensor) -> Tensor:
    """matrix (m, n) times rows (n, ...cells)."""
    return (matrix @ rows.reshape(rows.shape[0], -1)).reshape(-1, *rows.shape[1:])


def reverse_constants(rates: RateData, thermo: Thermo, T: Tensor, kf: Tensor) -> Tensor:
    """kr = kf / Kc of the reversible reactions (the last rows of kf)."""
    dn = column(rates.dn_ln_c[:, 0], T)
    ln_Kc = column(rates.dn_ln_c[:, 1], T) - dn * torch.log(T) - row_sum(g_RT(thermo, T), rates.dG, rates.dG_nu)
    return kf[kf.shape[0] - ln_Kc.shape[0] :] * torch.exp(torch.clamp(-ln_Kc, max=LN_BIG))


def factor_table(rates: RateData, T: Tensor, C: Tensor) -> Tensor:
    """Rows that multiply rates of progress: one, third-body concentrations, falloff functions."""
    rows = [torch.ones_like(C[:1])]
    if rates.efficiency.numel():
        M = contract(rates.efficiency, C)
        rows.append(M)
        if rates.falloff.body.numel():
            rows.append(falloff_factor(rates.falloff, T, M).value)
    return torch.cat(rows)


def progress(kin: Kinetics, T: Tensor, C: Tensor) -> tuple[Tensor, Tensor]:
    """Forward (reactions, ...cells) and reverse (reversible, ...cells) rates of progress, internal order."""
    rates = kin.rates
    table = concentration_table(rates, C)
    factor = factor_table(rates, T, C)[rates.factor]
    kf = arrhenius(rates.forward, T)
    forward = factor * kf * row_product(table, rates.reactants)
    if not rates.products.numel():
        return forward, forward[:0]
    kr = reverse_constants(rates, kin.thermo, T, kf)
    irreversible = kf.shape[0] - kr.shape[0]
    return forward, factor[irreversible:] * kr * row_product(table, rates.products)


def net_progress(kin: Kinetics, T: Tensor, C: Tensor) -> Tensor:
    """Net rates of progress (reactions, ...cells) kmol/m3/s, internal order."""
    forward, reverse = progress(kin, T, C)
    irreversible = forward.shape[0] - reverse.shape[0]
    return torch.cat([forward[:irreversible], forward[irreversible:] - reverse])


def production_rates(kin: Kinetics, T: Tensor, C: Tensor) -> Tensor:
    """Net molar production rates omega (species, ...cells) kmol/m3/s at T (...cells) K and C (species, ...cells)."""
    return contract(kin.rates.net, net_progress(kin, T, C))


def rates_of_progress(kin: Kinetics, T: Tensor, C: Tensor) -> tuple[Tensor, Tensor]:
    """Forward and reverse rates of progress (reactions, ...cells) kmol/m3/s in the mechanism's own order."""
    forward, reverse = progress(kin, T, C)
    irreversible = forward.shape[0] - reverse.shape[0]
    reverse = torch.cat([torch.zeros_like(forward[:irreversible]), reverse])
    place = torch.argsort(kin.rates.order)
    return forward[place], reverse[place]
