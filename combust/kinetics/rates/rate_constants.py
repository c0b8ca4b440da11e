"""Rate constants: Arrhenius, Blowers-Masel, and pressure falloff, with their derivatives."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from combust.kinetics.rates.thermo import column

TINY = 1e-300  # Cantera's own bound (SmallNumber), met only where a rate is zero anyway
LN10 = 2.302585092994046
LN_LEAST = -400.0  # ln of a high-pressure limit that is as good as none


class Arrhenius(NamedTuple):
    """k = sign exp(ln_A + b ln T - Ea_R / T), all (rows,); A in kmol, m3, s."""

    sign: Tensor
    ln_A: Tensor
    b: Tensor
    Ea_R: Tensor  # K


def low_over_high(low: Arrhenius, high: Arrhenius) -> Arrhenius:
    """The ratio of two limits. A high limit of zero counts as one of e^LN_LEAST: the reaction then has no rate, and the
    ratio is finite.
    """
    sign = torch.where(high.sign == 0, 1.0, high.sign)
    ln_A = low.ln_A - torch.clamp(high.ln_A, min=LN_LEAST)
    return Arrhenius(low.sign * sign, ln_A, low.b - high.b, low.Ea_R - high.Ea_R)


class Sri(NamedTuple):
    """SRI broadening F = d T^e (a exp(-b/T) + exp(-T/c))^(1 / (1 + log10(Pr)^2)), all (sri rows,)."""

    a: Tensor
    b: Tensor  # K
    r_c: Tensor  # 1/c, 1/K
    d: Tensor
    e: Tensor


class Falloff(NamedTuple):
    """Lindemann rows first, then SRI, Tsang and Troe; `ratio` is k0/kinf, `activated` 1 for chemically activated rows,
    else 0.
    """

    ratio: Arrhenius
    body: Tensor  # row of third-body table
    activated: Tensor
    sri: Sri
    tsang: Tensor  # (2, tsang rows): F_cent = A + B T
    a: Tensor  # Troe parameters, (troe rows,)
    r_T3: Tensor  # 1/T3, 1/K
    r_T1: Tensor
    T2: Tensor


def arrhenius(k: Arrhenius, T: Tensor) -> Tensor:
    """Rate constants (rows, ...cells), in kmol, m3, s."""
    exponent = column(k.ln_A, T) + column(k.b, T) * torch.log(T) - column(k.Ea_R, T) / T
    return column(k.sign, T) * torch.exp(exponent)


def ln_arrhenius(k: Arrhenius, T: Tensor) -> Tensor:
    """ln |k| (rows, ...cells), k in kmol, m3, s."""
    return column(k.ln_A, T) + column(k.b, T) * torch.log(T) - column(k.Ea_R, T) / T


def arrhenius_slope(k: Arrhenius, T: Tensor) -> Tensor:
    """d ln k / dT in 1/K, (rows, ...cells)."""
    return (column(k.b, T) + column(k.Ea_R, T) / T) / T


class BlowersMasel(NamedTuple):
    """T^b exp(-Ea/RT) with Ea from the enthalpy of reaction; rows are reactions, A stands with all others."""

    b: Tensor
    E0_R: Tensor  # K, intrinsic activation energy (at zero enthalpy of reaction)
    w_R: Tensor  # K, mean of the energies of the bonds broken and formed
    species: Tensor  # (reactions, slots) and their net coefficients, padded with 0
    net: Tensor


def blowers_masel(data: BlowersMasel, T: Tensor, H_R: Tensor) -> Tensor:
    """T^b exp(-Ea/RT), (rows, ...cells), at enthalpies of reaction H_R (rows, ...cells) over R in K.

    Blowers, Masel 2000, doi:10.1002/aic.690461015.
    """
    Ea_R, _ = activation_energy(data, T, H_R)
    return torch.exp(column(data.b, T) * torch.log(T) - Ea_R / T)


def blowers_masel_slope(data: BlowersMasel, T: Tensor, H_R: Tensor, cp_R: Tensor) -> Tensor:
    """d ln k / dT in 1/K, (rows, ...cells); cp_R = dH_R/dT, the heat capacity of reaction over R."""
    Ea_R, by_H = activation_energy(data, T, H_R)
    return (column(data.b, T) + Ea_R / T - by_H * cp_R) / T


def activation_energy(data: BlowersMasel, T: Tensor, H_R: Tensor) -> tuple[Tensor, Tensor]:
    """Ea/R in K and dEa/dH: 0 below H = -4 E0, H above 4 E0, a curve that depends on the bond energies between."""
    E0, w = column(data.E0_R, T), column(data.w_R, T)
    v = 2 * w * (w + E0) / (w - E0)
    h = H_R.clamp(-4 * E0.abs(), 4 * E0.abs())
    a, c, D = w + 0.5 * h, v - 2 * w + h, torch.clamp(v * v - 4 * w * w + h * h, min=TINY)
    middle = a * c * c / D
    slope = (0.5 * c * c + 2 * a * c - 2 * h * middle) / D
    exothermic, endothermic = H_R < -4 * E0, H_R > 4 * E0
    Ea = torch.where(exothermic, 0.0, torch.where(endothermic, H_R, middle))
    return Ea, torch.where(exothermic, 0.0, torch.where(endothermic, 1.0, slope))


class Broadening(NamedTuple):
    """Troe's F (and Tsang's) and what it is made of, (rows, ...cells): log10 F = log_Fc / (1 + f^2) with
    f = x / (n - 0.14 x).
    """

    F: Tensor
    log_Fc: Tensor
    x: Tensor
    n: Tensor
    f: Tensor


def falloff_factor(falloff: Falloff, T: Tensor, M: Tensor) -> Tensor:
    """k / kinf (k / k0 for chemically activated rows) at T (...cells) K, M (third bodies, ...cells) kmol/m3.

    Gilbert, Luther, Troe 1983, doi:10.1002/bbpc.19830870218; SRI: Stewart, Larson, Golden 1989,
    doi:10.1016/0010-2180(89)90084-9; Tsang, Herron 1991, doi:10.1063/1.555890.
    """
    Pr = arrhenius(falloff.ratio, T) * M[falloff.body]
    weight = _lindemann(falloff, T, Pr)
    plain, end = _bounds(falloff)
    parts = [weight[:plain]]
    if end > plain:
        parts.append(weight[plain:end] * _sri(falloff.sri, T, Pr[plain:end]))
    if end < weight.shape[0]:
        parts.append(weight[end:] * _broaden(falloff, T, Pr[end:]).F)
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _bounds(falloff: Falloff) -> tuple[int, int]:
    """Where the SRI rows start and end."""
    end = falloff.body.shape[0] - falloff.a.shape[0] - falloff.tsang.shape[1]
    return end - falloff.sri.a.shape[0], end


def falloff_derivatives(falloff: Falloff, T: Tensor, M: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """`falloff_factor`, its derivative per kmol/m3 of third body at constant T, and in 1/K at constant M."""
    k = arrhenius(falloff.ratio, T)
    Pr, dlnPr_dT = k * M[falloff.body], arrhenius_slope(falloff.ratio, T)
    weight = _lindemann(falloff, T, Pr)
    dweight_dPr = (1 - 2 * column(falloff.activated, T)) / (1 + Pr) ** 2
    dM, dT = dweight_dPr * k, dweight_dPr * Pr * dlnPr_dT
    plain, end = _bounds(falloff)
    parts = [(weight[:plain], dM[:plain], dT[:plain])]
    for rows, broadening in ((slice(plain, end), _sri_slopes), (slice(end, k.shape[0]), _troe_slopes)):
        if rows.stop > rows.start:
            # F is constant below TINY, also where the only collider has a slightly negative concentration.
            dlnPr = torch.where(Pr[rows] > TINY, dlnPr_dT[rows], 0.0)
            dPr = torch.where(Pr[rows] > TINY, k[rows], 0.0)
            F, dlnF_dM, dlnF_dT = broadening(falloff, T, dPr, Pr[rows], dlnPr)
            own = weight[rows]
            parts.append((own * F, F * (dM[rows] + own * dlnF_dM), F * (dT[rows] + own * dlnF_dT)))
    if len(parts) == 1:
        return parts[0]
    value, dM, dT = (torch.cat(x) for x in zip(*parts, strict=True))
    return value, dM, dT


def _troe_slopes(falloff: Falloff, T: Tensor, k: Tensor, Pr: Tensor, dlnPr_dT: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """F, d ln F/dM and d ln F/dT of the Tsang and Troe rows; k = dPr/dM, zero like dlnPr_dT where F is bounded."""
    F, log_Fc, x, n, f = _broaden(falloff, T, Pr)
    # d ln F = ln10 (d log_Fc - 2 f log_Fc / (1 + f^2) df) / (1 + f^2),  df = (n dx - x dn) / (n - 0.14 x)^2
    spread = 1 + f * f
    pull = 2 * f * log_Fc / (spread * (n - 0.14 * x) ** 2)
    dlog_Fc = _center_slope(falloff, T)
    dx, dn = dlnPr_dT / LN10 - 0.67 * dlog_Fc, -1.27 * dlog_Fc
    dlnF_dT = LN10 * (dlog_Fc - pull * (n * dx - x * dn)) / spread
    return F, -pull * n / spread * k / torch.clamp(Pr, min=TINY), dlnF_dT


def _sri(sri: Sri, T: Tensor, Pr: Tensor) -> Tensor:
    log_Pr = torch.log10(torch.clamp(Pr, min=TINY))
    first, second = _sri_terms(sri, T)
    return column(sri.d, T) * T ** column(sri.e, T) * (first + second) ** (1 / (1 + log_Pr * log_Pr))


def _sri_terms(sri: Sri, T: Tensor) -> tuple[Tensor, Tensor]:
    return column(sri.a, T) * torch.exp(-column(sri.b, T) / T), torch.exp(-T * column(sri.r_c, T))


def _sri_slopes(falloff: Falloff, T: Tensor, k: Tensor, Pr: Tensor, dlnPr_dT: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """F, d ln F/dM and d ln F/dT of the SRI rows; k = dPr/dM, zero like dlnPr_dT where F is bounded."""
    sri = falloff.sri
    first, second = _sri_terms(sri, T)
    center = first + second
    log_Pr = torch.log10(torch.clamp(Pr, min=TINY))
    power = 1 / (1 + log_Pr * log_Pr)
    by_lnPr = -2 * log_Pr * power * power * torch.log(center) / LN10
    dcenter = first * column(sri.b, T) / (T * T) - second * column(sri.r_c, T)
    dlnF_dT = column(sri.e, T) / T + power * dcenter / center + by_lnPr * dlnPr_dT
    return _sri(sri, T, Pr), by_lnPr * k / torch.clamp(Pr, min=TINY), dlnF_dT


def _lindemann(falloff: Falloff, T: Tensor, Pr: Tensor) -> Tensor:
    activated = column(falloff.activated, T)
    return (Pr + activated * (1 - Pr)) / (1 + Pr)


def _broaden(falloff: Falloff, T: Tensor, Pr: Tensor) -> Broadening:
    log_Fc = torch.log10(torch.clamp(_center(falloff, T), min=TINY))
    x = torch.log10(torch.clamp(Pr, min=TINY)) - 0.4 - 0.67 * log_Fc
    n = 0.75 - 1.27 * log_Fc
    f = x / (n - 0.14 * x)
    return Broadening(torch.exp(LN10 * log_Fc / (1 + f * f)), log_Fc, x, n, f)


def _center(falloff: Falloff, T: Tensor) -> Tensor:
    """F_cent(T) of the Tsang and Troe rows."""
    e3, e1, e2 = _troe_terms(falloff, T)
    troe = e3 + e1 + e2
    if not falloff.tsang.numel():
        return troe
    A, B = falloff.tsang
    return torch.cat([column(A, T) + column(B, T) * T, troe])


def _troe_terms(falloff: Falloff, T: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The three terms of Troe's F_cent(T)."""
    a = column(falloff.a, T)
    return (
        (1 - a) * torch.exp(-T * column(falloff.r_T3, T)),
        a * torch.exp(-T * column(falloff.r_T1, T)),
        torch.exp(-column(falloff.T2, T) / T),
    )


def _center_slope(falloff: Falloff, T: Tensor) -> Tensor:
    """d log10(F_cent) / dT, zero where F_cent is bounded (as in Cantera)."""
    e3, e1, e2 = _troe_terms(falloff, T)
    center = e3 + e1 + e2
    slope = e2 * column(falloff.T2, T) / (T * T) - e3 * column(falloff.r_T3, T) - e1 * column(falloff.r_T1, T)
    if falloff.tsang.numel():
        B = column(falloff.tsang[1], T)
        center, slope = _center(falloff, T), torch.cat([B.expand(-1, *T.shape), slope])
    return torch.where(center > TINY, slope / torch.clamp(center, min=TINY), 0.0) / LN10
