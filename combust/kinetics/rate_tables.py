"""Reads Cantera's rate objects into the parameter tables of the rate constants."""

from __future__ import annotations

import math
from typing import Any

import cantera as ct
import torch

from combust.kinetics.pressure_rates import Chebyshev, Plog
from combust.kinetics.rate_constants import LN10, Arrhenius, BlowersMasel, Falloff, Sri
from combust.kinetics.thermo import GAS_CONSTANT


def _float(values: Any) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def arrhenius_table(rates: list[ct.Arrhenius]) -> Arrhenius:
    """k = sign exp(ln_A + b ln T - Ea_R / T) row by row."""
    A = _float([r.pre_exponential_factor for r in rates])
    Ea_R = _float([r.activation_energy / GAS_CONSTANT for r in rates])
    return Arrhenius(torch.sign(A), torch.log(A.abs()), _float([r.temperature_exponent for r in rates]), Ea_R)


def falloff_table(rs: list[ct.Reaction], body: list[int]) -> Falloff:
    """Falloff reactions, ordered as `Falloff` says, with the rows of their third bodies."""
    low, high = arrhenius_table([r.rate.low_rate for r in rs]), arrhenius_table([r.rate.high_rate for r in rs])
    ratio = Arrhenius(low.sign * high.sign, low.ln_A - high.ln_A, low.b - high.b, low.Ea_R - high.Ea_R)
    troe = [_troe(r.rate) for r in rs if isinstance(r.rate, ct.TroeRate)]
    a, r_T3, r_T1, T2 = _float(troe).reshape(-1, 4).T.contiguous()
    sri = [_sri(r.rate) for r in rs if isinstance(r.rate, ct.SriRate)]
    tsang = [list(r.rate.falloff_coeffs) for r in rs if isinstance(r.rate, ct.TsangRate)]
    activated = _float([1.0 if r.rate.chemically_activated else 0.0 for r in rs])
    return Falloff(
        ratio=ratio,
        body=torch.tensor(body, dtype=torch.int64),
        activated=activated,
        sri=Sri(*_float(sri).reshape(-1, 5).T.contiguous()),
        tsang=_float(tsang).reshape(-1, 2).T.contiguous(),
        a=a,
        r_T3=r_T3,
        r_T1=r_T1,
        T2=T2,
    )


def _sri(rate: ct.SriRate) -> tuple[float, float, float, float, float]:
    a, b, c, *rest = rate.falloff_coeffs
    d, e = rest if rest else (1.0, 0.0)
    return a, b, 1 / c if abs(c) > 1e-300 else 1e300, d, e


def _troe(rate: ct.TroeRate) -> tuple[float, float, float, float]:
    a, T3, T1, *rest = rate.falloff_coeffs
    # A vanishing T3 or T1 means exp(-T/T3) = 0 and a vanishing or missing T2 no third term (Cantera); numbers
    # that are large but finite say the same without inf * 0 in the derivatives.
    T2 = rest[0] if rest and rest[0] != 0.0 else 1e30
    return a, 1 / T3 if abs(T3) > 1e-300 else 1e300, 1 / T1 if abs(T1) > 1e-300 else 1e300, T2


def blowers_masel_table(rates: list[ct.BlowersMaselRate], net: list[dict[int, float]]) -> BlowersMasel:
    """Blowers-Masel reactions with their net stoichiometry."""
    width = max([1, *map(len, net)])
    slots = [[*nu.items()] + [(0, 0.0)] * (width - len(nu)) for nu in net]
    return BlowersMasel(
        b=_float([r.temperature_exponent for r in rates]),
        E0_R=_float([r.activation_energy / GAS_CONSTANT for r in rates]),
        w_R=_float([r.bond_energy / GAS_CONSTANT for r in rates]),
        species=torch.tensor([[k for k, _ in row] for row in slots], dtype=torch.int64).reshape(-1, width),
        net=_float([[x for _, x in row] for row in slots]).reshape(-1, width),
    )


def plog_table(rates: list[ct.PlogRate]) -> Plog:
    """P-log reactions; rates given for one pressure add up."""
    terms: list[ct.Arrhenius] = []
    sums: list[list[int]] = []
    nodes: list[list[tuple[float, int]]] = []  # of each reaction: (ln p, row of terms, or -1 - row of sums)
    for rate in rates:
        levels: dict[float, list[int]] = {}
        for p, k in rate.rates:
            levels.setdefault(p, []).append(len(terms))
            terms.append(k)
        nodes.append([])
        for p in sorted(levels):
            rows = levels[p]
            nodes[-1].append((math.log(p), rows[0] if len(rows) == 1 else -1 - len(sums)))
            sums += [rows] if len(rows) > 1 else []
    width, slots = max([2, *map(len, nodes)]), max([1, *map(len, sums)])
    padded = [n + n[-1:] * (width - len(n)) for n in nodes]
    ln_p = _float([[x for x, _ in n] for n in padded]).reshape(-1, width)
    step = ln_p[:, 1:] - ln_p[:, :-1]
    table = arrhenius_table(terms)
    return Plog(
        terms=table,
        summed=torch.tensor([s + s[:1] * (slots - len(s)) for s in sums], dtype=torch.int64).reshape(-1, slots),
        summed_sign=_float([table.sign[s].tolist() + [0.0] * (slots - len(s)) for s in sums]).reshape(-1, slots),
        node=torch.tensor(
            [[i if i >= 0 else len(terms) - 1 - i for _, i in n] for n in padded], dtype=torch.int64
        ).reshape(-1, width),
        ln_p=ln_p[:, :-1].contiguous(),
        r_width=torch.where(step > 0, 1 / step, 0.0),
    )


def chebyshev_table(rates: list[ct.ChebyshevRate]) -> Chebyshev:
    """Chebyshev reactions, padded with zeros to the largest degrees."""
    n = max([1, *(r.data.shape[0] for r in rates)])
    m = max([1, *(r.data.shape[1] for r in rates)])
    c = torch.zeros(n, m, len(rates), dtype=torch.float64)
    for i, r in enumerate(rates):
        c[: r.data.shape[0], : r.data.shape[1], i] = _float(r.data) * LN10
    r_T = _float([[1 / T for T in r.temperature_range] for r in rates]).reshape(-1, 2)
    ln_p = _float([[math.log(p) for p in r.pressure_range] for r in rates]).reshape(-1, 2)
    T_span, p_span = r_T[:, 1] - r_T[:, 0], ln_p[:, 1] - ln_p[:, 0]
    return Chebyshev(c, -r_T.sum(1) / T_span, 2 / T_span, -ln_p.sum(1) / p_span, 2 / p_span)
