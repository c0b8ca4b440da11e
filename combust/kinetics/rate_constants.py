"""Rate constants: Arrhenius and the pressure falloff of Lindemann and Troe, with their derivatives."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from combust.kinetics.thermo import column

TINY = 1e-300  # Cantera's own bound (SmallNumber), met only where a rate is zero anyway
LN10 = 2.302585092994046


class Arrhenius(NamedTuple):
    """k = sign exp(ln_A + b ln T - Ea_R / T), all (rows,); A in kmol, m3, s."""

    sign: Tensor
    ln_A: Tensor
    b: Tensor
    Ea_R: Tensor  # K


class Falloff(NamedTuple):
    """Lindemann rows first, then Troe rows; `k` is k0/kinf, `activated` 1 for chemically activated rows else 0."""

    ratio: Arrhenius
    body: Tensor  # row of third-body table
    activated: Tensor
    a: Tensor  # Troe parameters, (troe rows,)
    r_T3: Tensor  # 1/T3, 1/K
    r_T1: Tensor
    T2: Tensor


def arrhenius(k: Arrhenius, T: Tensor) -> Tensor:
    """Rate constants (rows, ...cells), in kmol, m3, s."""
    exponent = column(k.ln_A, T) + column(k.b, T) * torch.log(T) - column(k.Ea_R, T) / T
    return column(k.sign, T) * torch.exp(exponent)


def arrhenius_slope(k: Arrhenius, T: Tensor) -> Tensor:
    """d ln k / dT in 1/K, (rows, ...cells)."""
    return (column(k.b, T) + column(k.Ea_R, T) / T) / T


class FalloffFactor(NamedTuple):
    """k / kinf (k / k0 for chemically activated rows) and its derivatives, (rows, ...cells)."""

    value: Tensor
    dM: Tensor  # per kmol/m3 of the third body, at constant T
    dT: Tensor  # 1/K, at constant M


def troe_center(falloff: Falloff, T: Tensor) -> tuple[Tensor, Tensor]:
    """log10 of Troe's F_cent(T), bounded below as in Cantera, and its derivative in 1/K."""
    a, r_T3, r_T1, T2 = (column(x, T) for x in (falloff.a, falloff.r_T3, falloff.r_T1, falloff.T2))
    e3, e1, e2 = (1 - a) * torch.exp(-T * r_T3), a * torch.exp(-T * r_T1), torch.exp(-T2 / T)
    center = e3 + e1 + e2
    slope = (e2 * T2 / (T * T) - e3 * r_T3 - e1 * r_T1) / torch.clamp(center, min=TINY)
    return torch.log10(torch.clamp(center, min=TINY)), torch.where(center > TINY, slope, 0.0) / LN10


def falloff_factor(falloff: Falloff, T: Tensor, M: Tensor) -> FalloffFactor:
    """Falloff rows at T (...cells) K and third-body concentrations M (third bodies, ...cells) kmol/m3.

    Gilbert, Luther, Troe 1983, doi:10.1002/bbpc.19830870218.
    """
    k = arrhenius(falloff.ratio, T)
    Pr = k * M[falloff.body]
    dlnPr_dT = arrhenius_slope(falloff.ratio, T)
    activated = column(falloff.activated, T)
    weight = (Pr + activated * (1 - Pr)) / (1 + Pr)
    dweight_dPr = (1 - 2 * activated) / (1 + Pr) ** 2
    lindemann = FalloffFactor(weight, dweight_dPr * k, dweight_dPr * Pr * dlnPr_dT)
    plain = k.shape[0] - falloff.a.shape[0]
    if plain == k.shape[0]:
        return lindemann
    troe = _blend(falloff, T, Pr[plain:], k[plain:], dlnPr_dT[plain:], FalloffFactor(*(x[plain:] for x in lindemann)))
    return FalloffFactor(*(torch.cat([x[:plain], y]) for x, y in zip(lindemann, troe, strict=True)))


def _blend(
    falloff: Falloff, T: Tensor, Pr: Tensor, k: Tensor, dlnPr_dT: Tensor, lindemann: FalloffFactor
) -> FalloffFactor:
    weight, dweight_dM, dweight_dT = lindemann
    log_Fc, dlog_Fc = troe_center(falloff, T)
    Pr = torch.clamp(Pr, min=TINY)
    x, n = torch.log10(Pr) - 0.4 - 0.67 * log_Fc, 0.75 - 1.27 * log_Fc
    denominator = n - 0.14 * x
    f = x / denominator
    spread = 1 + f * f
    F = torch.exp(LN10 * log_Fc / spread)
    # ln F = ln10 log_Fc / (1 + f^2), so d lnF = ln10 (d log_Fc - 2 f log_Fc / (1 + f^2) df) / (1 + f^2)
    pull = 2 * f * log_Fc / (spread * denominator * denominator)
    dlnF_dlnPr = -pull * n / spread
    dx_dT, dn_dT = dlnPr_dT / LN10 - 0.67 * dlog_Fc, -1.27 * dlog_Fc
    dlnF_dT = LN10 * (dlog_Fc - pull * (n * dx_dT - x * dn_dT)) / spread
    return FalloffFactor(
        weight * F, F * (dweight_dM + weight / Pr * k * dlnF_dlnPr), F * (dweight_dT + weight * dlnF_dT)
    )
