"""Rate constants k(T, p) given on a set of pressures (P-log) or as Chebyshev polynomials, with their derivatives.

The pressure is that of the ideal gas, p = R T sum(C). P-log is constant beyond its first and last pressure and
Chebyshev polynomials are evaluated beyond their range, both as in Cantera.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from combust.kinetics.rates.rate_constants import Arrhenius, arrhenius_slope, ln_arrhenius
from combust.kinetics.rates.thermo import column


class Plog(NamedTuple):
    """ln k of each reaction at ascending pressures, linear in ln p between them; short lists repeat their last node.

    A node is one Arrhenius row, or several whose sum is the rate at that pressure.
    """

    terms: Arrhenius  # every rate of the file
    summed: Tensor  # (sums, slots) rows of `terms` that add up; padded with their first
    summed_sign: Tensor  # (sums, slots) sign of A, 0 for padding
    node: Tensor  # (reactions, pressures) rows of [terms, sums]
    ln_p: Tensor  # (reactions, intervals) lower ends of the intervals, p in Pa
    r_width: Tensor  # (reactions, intervals) 1 / width in ln p, 0 for padding


class Chebyshev(NamedTuple):
    """ln k = sum c_nm T_n(x) T_m(y), with x = x0 + x1 / T and y = y0 + y1 ln p in [-1, 1] over the fit's range."""

    coefficients: Tensor  # (n, m, reactions)
    x0: Tensor  # (reactions,)
    x1: Tensor  # K
    y0: Tensor
    y1: Tensor


def ln_plog(plog: Plog, T: Tensor, ln_p: Tensor) -> Tensor:
    """ln k (reactions, ...cells), k in kmol, m3, s, at T (...cells) K and ln p (reactions or 1, ...cells), p in Pa."""
    ln_k = _nodes(plog, T)[plog.node].unbind(1)
    return ln_k[0] + _along(ln_k, _position(plog, ln_p)[0])


def plog_derivatives(plog: Plog, T: Tensor, ln_p: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """`ln_plog`, its derivative with respect to T at constant p in 1/K, and with respect to ln p."""
    ln_k, slope = _nodes(plog, T)[plog.node].unbind(1), _node_slopes(plog, T)[plog.node].unbind(1)
    part, inside = _position(plog, ln_p)
    per_ln_p = torch.where(inside, table_column(plog.r_width, T), 0.0)
    return ln_k[0] + _along(ln_k, part), slope[0] + _along(slope, part), _along(ln_k, per_ln_p)


def table_column(a: Tensor, T: Tensor) -> Tensor:
    """`a` (n, m) shaped to broadcast against (n, m, ...cells) where T is (...cells)."""
    return a.reshape(*a.shape, *(1 for _ in T.shape))


def _position(plog: Plog, ln_p: Tensor) -> tuple[Tensor, Tensor]:
    """How far p is through each interval, from 0 to 1, and whether it lies inside, (reactions, intervals, ...cells).

    A pressure at which two intervals meet lies in the upper one alone, so that no derivative counts both.
    """
    above = ln_p.unsqueeze(1) - table_column(plog.ln_p, ln_p[0])
    position = above * table_column(plog.r_width, ln_p[0])
    started = above >= 0
    ended = torch.cat([started[:, 1:], position[:, -1:] >= 1], dim=1)
    return torch.where(ended, 1.0, torch.where(started, position, 0.0)), started & ~ended


def _along(nodes: tuple[Tensor, ...], weight: Tensor) -> Tensor:
    """Sum over the intervals of weight times the difference between their ends."""
    total = torch.zeros_like(nodes[0])
    for w, a, b in zip(weight.unbind(1), nodes[:-1], nodes[1:], strict=True):
        total = total + w * (b - a)
    return total


def _nodes(plog: Plog, T: Tensor) -> Tensor:
    """ln k of all rates, then of the sums."""
    ln_k = ln_arrhenius(plog.terms, T)
    if not plog.summed.numel():
        return ln_k
    largest, share = _shares(plog, T, ln_k)
    return torch.cat([ln_k, largest + torch.log(share.sum(1))])


def _node_slopes(plog: Plog, T: Tensor) -> Tensor:
    """d ln k / dT of all rates, then of the sums."""
    slope = arrhenius_slope(plog.terms, T)
    if not plog.summed.numel():
        return slope
    _, share = _shares(plog, T, ln_arrhenius(plog.terms, T))
    return torch.cat([slope, (share * slope[plog.summed]).sum(1) / share.sum(1)])


def _shares(plog: Plog, T: Tensor, ln_k: Tensor) -> tuple[Tensor, Tensor]:
    """ln of the largest rate in each sum, and the rates over it, (sums, slots, ...cells)."""
    parts = ln_k[plog.summed]
    largest = parts.amax(1)
    return largest, table_column(plog.summed_sign, T) * torch.exp(parts - largest.unsqueeze(1))


def ln_chebyshev(chebyshev: Chebyshev, T: Tensor, ln_p: Tensor) -> Tensor:
    """ln k (reactions, ...cells), arguments as in `ln_plog`."""
    x, y = _reduced(chebyshev, T, ln_p)
    n, m, _ = chebyshev.coefficients.shape
    return _series(chebyshev, _polynomials(x, n), _polynomials(y, m))


def chebyshev_derivatives(chebyshev: Chebyshev, T: Tensor, ln_p: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """`ln_chebyshev`, its derivative with respect to T at constant p in 1/K, and with respect to ln p."""
    x, y = _reduced(chebyshev, T, ln_p)
    n, m, _ = chebyshev.coefficients.shape
    P_x, P_y = _polynomials(x, n), _polynomials(y, m)
    dT = _series(chebyshev, _polynomial_slopes(x, P_x), P_y) * -column(chebyshev.x1, T) / (T * T)
    by_ln_p = _series(chebyshev, P_x, _polynomial_slopes(y, P_y)) * column(chebyshev.y1, T)
    return _series(chebyshev, P_x, P_y), dT, by_ln_p


def _reduced(chebyshev: Chebyshev, T: Tensor, ln_p: Tensor) -> tuple[Tensor, Tensor]:
    x = column(chebyshev.x0, T) + column(chebyshev.x1, T) / T
    return x, column(chebyshev.y0, T) + column(chebyshev.y1, T) * ln_p


def _polynomials(x: Tensor, count: int) -> list[Tensor]:
    """T_0 ... T_(count-1) of x: T_(n+1) = 2 x T_n - T_(n-1)."""
    P = [torch.ones_like(x), x]
    while len(P) < count:
        P.append(2 * x * P[-1] - P[-2])
    return P[:count]


def _polynomial_slopes(x: Tensor, P: list[Tensor]) -> list[Tensor]:
    """dT_n/dx: the derivative of the recurrence."""
    D = [torch.zeros_like(x), torch.ones_like(x)]
    while len(D) < len(P):
        D.append(2 * P[len(D) - 1] + 2 * x * D[-1] - D[-2])
    return D[: len(P)]


def _series(chebyshev: Chebyshev, P_x: list[Tensor], P_y: list[Tensor]) -> Tensor:
    total = torch.zeros_like(P_x[0])
    for row, px in zip(chebyshev.coefficients, P_x, strict=True):
        for c, py in zip(row, P_y, strict=True):
            total = total + column(c, px[0]) * px * py
    return total
