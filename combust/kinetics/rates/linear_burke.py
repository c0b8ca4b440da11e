"""Linear Burke rates: the reduced-pressure linear mixture rule for colliders of different strength.

Collider i has strength e_i(T) relative to the reference M, and S = sum e_i C_i over all species. A collider with rate
data k_i of its own sees the pressure at which it alone would act as strongly as the mixture; all others share k_M:

    k = sum_i (e_i C_i / S) k_i(T, R T S / e_i),     e_M = 1

Singal, Lee, Lei, Speth, Burke, Proc. Combust. Inst. 40 (2024) 105779, doi:10.1016/j.proci.2024.105779.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from combust.kinetics.rates.pressure_rates import (
    Chebyshev,
    Plog,
    chebyshev_derivatives,
    ln_chebyshev,
    ln_plog,
    plog_derivatives,
)
from combust.kinetics.rates.rate_constants import (
    TINY,
    Arrhenius,
    Falloff,
    arrhenius,
    arrhenius_slope,
    falloff_derivatives,
    falloff_factor,
    ln_arrhenius,
)
from combust.kinetics.rates.thermo import GAS_CONSTANT


class LinearBurke(NamedTuple):
    """One row for each rate that colliders share or own, P-log first, then Chebyshev, then Troe; a reaction has one row
    for M and one for each named collider with its own rate.
    """

    owner: Tensor  # (rows,) reaction
    strength: Arrhenius  # (rows,) e of the row, 1 for M
    plain: Tensor  # (rows, species) 1 where an unnamed species counts to the row of M
    named: Arrhenius  # (named,) e of every named collider of every reaction
    named_species: Tensor
    named_row: Tensor  # row that it counts to
    named_reference: Tensor  # row of its reaction's M
    reference: Tensor  # (reactions,) row of M
    row_sum: Tensor  # (rows, named) 1 where a named collider counts to a row
    sum: Tensor  # (reactions, rows) 1 where a row belongs to a reaction
    plog: Plog
    chebyshev: Chebyshev
    high: Arrhenius  # limits and broadening of the Troe rows
    falloff: Falloff


class Mixture(NamedTuple):
    """Effective concentrations (rows, ...cells) n = e C, S of the row's reaction, and ln of the pressure it sees."""

    e: Tensor  # of the named colliders
    n: Tensor
    S: Tensor
    ln_p: Tensor


def linear_burke(data: LinearBurke, T: Tensor, C: Tensor) -> Tensor:
    """k (reactions, ...cells) in kmol, m3, s at T (...cells) K and C (species, ...cells) kmol/m3."""
    mix = _mixture(data, T, C)
    return _dot(data.sum, mix.n / mix.S * _row_rates(data, T, mix))


def linear_burke_derivatives(data: LinearBurke, T: Tensor, C: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """k, d ln k/dT at constant C in 1/K, (reactions, ...cells), and d ln k/dC_j in m3/kmol: the value of all unnamed
    species (reactions, ...cells), and what is added for the named ones (named, ...cells).
    """
    mix = _mixture(data, T, C)
    k, dT, by_ln_p = _row_derivatives(data, T, mix)
    slope = arrhenius_slope(data.named, T)
    n_dT = _dot(data.row_sum, mix.e * C[data.named_species] * slope)
    lnS_dT = (_dot(data.sum, n_dT))[data.owner] / mix.S
    ln_p_dT = 1 / T + lnS_dT - arrhenius_slope(data.strength, T)
    share = mix.n / mix.S
    total = _dot(data.sum, share * k)
    total_dT = _dot(data.sum, n_dT / mix.S * k + share * (dT + by_ln_p * ln_p_dT - k * lnS_dT))
    safe = torch.clamp(total, min=TINY)
    bend = (_dot(data.sum, share * by_ln_p) - total)[data.owner]  # through S: shares and pressures
    by_n = (k + bend) / (mix.S * safe[data.owner])
    named = mix.e * by_n[data.named_row] - by_n[data.named_reference]
    return total, total_dT / safe, by_n[data.reference], named


def _dot(matrix: Tensor, rows: Tensor) -> Tensor:
    return torch.tensordot(matrix, rows, dims=1)


def _mixture(data: LinearBurke, T: Tensor, C: Tensor) -> Mixture:
    e = arrhenius(data.named, T)
    n = _dot(data.plain, C) + _dot(data.row_sum, e * C[data.named_species])
    S = torch.clamp(_dot(data.sum, n)[data.owner], min=TINY)
    return Mixture(e, n, S, torch.log(GAS_CONSTANT * T * S) - ln_arrhenius(data.strength, T))


def _split(data: LinearBurke) -> tuple[int, int]:
    """Where the Chebyshev and the Troe rows start."""
    plog = data.plog.node.shape[0]
    return plog, plog + data.chebyshev.x0.shape[0]


def _row_rates(data: LinearBurke, T: Tensor, mix: Mixture) -> Tensor:
    cheb, troe = _split(data)
    rows = []
    if cheb:
        rows.append(torch.exp(ln_plog(data.plog, T, mix.ln_p[:cheb])))
    if troe > cheb:
        rows.append(torch.exp(ln_chebyshev(data.chebyshev, T, mix.ln_p[cheb:troe])))
    if data.owner.shape[0] > troe:
        M = torch.exp(mix.ln_p[troe:]) / (GAS_CONSTANT * T)
        rows.append(arrhenius(data.high, T) * falloff_factor(data.falloff, T, M))
    return torch.cat(rows)


def _row_derivatives(data: LinearBurke, T: Tensor, mix: Mixture) -> tuple[Tensor, Tensor, Tensor]:
    """Rates of the rows, their derivatives with respect to T at constant p and with respect to ln p."""
    cheb, troe = _split(data)
    rows = []
    if cheb:
        rows.append(_of_logarithm(*plog_derivatives(data.plog, T, mix.ln_p[:cheb])))
    if troe > cheb:
        rows.append(_of_logarithm(*chebyshev_derivatives(data.chebyshev, T, mix.ln_p[cheb:troe])))
    if data.owner.shape[0] > troe:
        high, M = arrhenius(data.high, T), torch.exp(mix.ln_p[troe:]) / (GAS_CONSTANT * T)
        factor, dM, dT = falloff_derivatives(data.falloff, T, M)
        by_ln_p = high * dM * M
        rows.append((high * factor, high * (dT + factor * arrhenius_slope(data.high, T)) - by_ln_p / T, by_ln_p))
    k, dT, by_ln_p = (torch.cat(x) for x in zip(*rows, strict=True))
    return k, dT, by_ln_p


def _of_logarithm(ln_k: Tensor, dT: Tensor, by_ln_p: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    k = torch.exp(ln_k)
    return k, k * dT, k * by_ln_p
