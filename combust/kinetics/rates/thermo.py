"""Ideal-gas thermodynamics from NASA polynomials (7 or 9 coefficients), as pure functions of tensors.

A constant heat capacity is a polynomial of degree zero. Outside their fit range the polynomials are extrapolated, as
Cantera does; the switch between two ranges belongs to the lower one (T <= T_mid) for NASA7 and to the upper one for
NASA9. Formulas: NASA RP-1311 (1994), section 4.2; NASA9: NASA/TP-2002-211556. Constants stand as factors: a division
costs a kernel four times a product.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

if TYPE_CHECKING:
    import cantera as ct

GAS_CONSTANT = 8314.46261815324  # J/kmol/K, CODATA 2018 as in Cantera


class Thermo(NamedTuple):
    """NASA data of all species: `low` and `high` are (7, species), valid below and above `T_mid` (species,) K.

    `h_low`, `h_high` (6, species) are the coefficients of the enthalpy in J/kg by powers of T: kernels evaluate it per
    species and face, where divisions would be most of the work. Where a species has NASA9 data, all have two more rows:
    the coefficients of T^-2 and T^-1 in cp/R (of 1/T and ln T in the enthalpy). Ranges beyond two stand in `upper`,
    `h_upper` (ranges, rows, species), each valid above its `T_upper` (ranges, species), infinite where there is none.
    """

    low: Tensor
    high: Tensor
    T_mid: Tensor
    molar_mass: Tensor  # kg/kmol
    h_low: Tensor
    h_high: Tensor
    upper: Tensor
    h_upper: Tensor
    T_upper: Tensor


def thermo_from_cantera(solution: ct.Solution, device: torch.device | str = "cpu") -> Thermo:
    """Thermo data of a Cantera phase whose species carry NASA7, NASA9 or constant-cp data."""
    data = [ranges_of(s.thermo) for s in solution.species()]
    rows = 9 if any(c[7:] != [0.0, 0.0] for d in data for _, c in d) else 7
    count = max([2, *map(len, data)])
    padded = [d + [(math.inf, d[-1][1])] * (count - len(d)) for d in data]
    T_start = torch.tensor([[T for T, _ in d] for d in padded], dtype=torch.float64, device=device).T
    coefficients = torch.tensor([[c[:rows] for _, c in d] for d in padded], dtype=torch.float64, device=device)
    low, high, *upper = coefficients.permute(1, 2, 0).contiguous()  # (ranges, rows, species)
    W = torch.tensor(solution.molecular_weights.copy(), dtype=torch.float64, device=device)
    h_low, h_high, *h_upper = (enthalpy_powers(a, W) for a in (low, high, *upper))
    return Thermo(
        low=low,
        high=high,
        T_mid=T_start[1].contiguous(),
        molar_mass=W,
        h_low=h_low,
        h_high=h_high,
        upper=torch.stack(upper) if upper else low.new_zeros(0, *low.shape),
        h_upper=torch.stack(h_upper) if upper else h_low.new_zeros(0, *h_low.shape),
        T_upper=T_start[2:].contiguous(),
    )


def ranges_of(data: ct.SpeciesThermo) -> list[tuple[float, list[float]]]:
    """(temperature above which it holds, coefficients of NASA7 and of T^-2, T^-1) of each range, ascending.

    `data` is one of Cantera's NasaPoly2, Nasa9PolyMultiTempRegion, ConstantCp.
    """
    c = data.coeffs.tolist()
    kind = type(data).__name__
    if kind == "NasaPoly2":  # T_mid, then the seven coefficients of the HIGH range, then those of the low range
        return [(0.0, [*c[8:15], 0.0, 0.0]), (c[0], [*c[1:8], 0.0, 0.0])]
    if kind == "Nasa9PolyMultiTempRegion":  # count, then per range T_min, T_max and nine coefficients
        zones = [c[i : i + 11] for i in range(1, len(c), 11)]
        # A range holds from its T_min on: above the number before it.
        return [(math.nextafter(T, 0.0), [*a[2:], *a[:2]]) for T, _, *a in zones]
    if kind == "ConstantCp":
        T0, h0, s0, cp0 = c[0], *(x / GAS_CONSTANT for x in c[1:])
        return [(0.0, [cp0, 0.0, 0.0, 0.0, 0.0, h0 - cp0 * T0, s0 - cp0 * math.log(T0), 0.0, 0.0])]
    raise TypeError(f"thermo data {kind}")


def enthalpy_powers(a: Tensor, molar_mass: Tensor) -> Tensor:
    """Coefficients (6, species) of 1, T, ... T^5 in h_k [J/kg], from NASA7 coefficients (7, species).

    From nine rows come eight: the last two multiply 1/T and ln T.
    """
    powers = [a[5], a[0], a[1] / 2, a[2] / 3, a[3] / 4, a[4] / 5]
    powers += [-a[7], a[8]] if a.shape[0] > 7 else []
    return torch.stack(powers) * (GAS_CONSTANT / molar_mass)


def column(a: Tensor, T: Tensor) -> Tensor:
    """`a` (species,) shaped to broadcast against (species, ...cells) where T is (...cells)."""
    return a.reshape(-1, *(1 for _ in T.shape))


def _choose(thermo: Thermo, T: Tensor, low: Tensor, high: Tensor, upper: Tensor) -> tuple[Tensor, ...]:
    """Rows of low, high or upper (coefficients, species) as T says, each (species, ...cells)."""
    shape = (*low.shape, *(1 for _ in T.shape))
    a = torch.where(T <= column(thermo.T_mid, T), low.reshape(shape), high.reshape(shape))
    for T_start, rows in zip(thermo.T_upper, upper, strict=True):
        a = torch.where(T > column(T_start, T), rows.reshape(shape), a)
    return a.unbind(0)


def _coefficients(thermo: Thermo, T: Tensor) -> tuple[Tensor, ...]:
    return _choose(thermo, T, thermo.low, thermo.high, thermo.upper)


def cp_R(thermo: Thermo, T: Tensor) -> Tensor:
    """Molar heat capacities cp_k/R, (species, ...cells)."""
    a = _coefficients(thermo, T)
    cp = a[0] + T * (a[1] + T * (a[2] + T * (a[3] + T * a[4])))
    return cp + (a[7] / T + a[8]) / T if len(a) > 7 else cp


def h_RT(thermo: Thermo, T: Tensor) -> Tensor:
    """Molar enthalpies h_k/(RT), (species, ...cells)."""
    a = _coefficients(thermo, T)
    poly = T * (a[1] * (1 / 2) + T * (a[2] * (1 / 3) + T * (a[3] * (1 / 4) + T * (a[4] * (1 / 5)))))
    h = a[0] + poly + a[5] / T
    return h + (a[8] * torch.log(T) - a[7] / T) / T if len(a) > 7 else h


def s_R(thermo: Thermo, T: Tensor) -> Tensor:
    """Molar entropies s_k/R at the reference pressure, (species, ...cells)."""
    a = _coefficients(thermo, T)
    poly = T * (a[1] + T * (a[2] * (1 / 2) + T * (a[3] * (1 / 3) + T * (a[4] * (1 / 4)))))
    s = a[0] * torch.log(T) + poly + a[6]
    return s - (a[7] * 0.5 / T + a[8]) / T if len(a) > 7 else s


def g_RT(thermo: Thermo, T: Tensor) -> Tensor:
    """Molar Gibbs energies g_k/(RT) at the reference pressure, (species, ...cells)."""
    a = _coefficients(thermo, T)
    poly = T * (a[1] * (1 / 2) + T * (a[2] * (1 / 6) + T * (a[3] * (1 / 12) + T * (a[4] * (1 / 20)))))
    g = a[0] * (1 - torch.log(T)) - poly + a[5] / T - a[6]
    return g + (a[8] * (torch.log(T) + 1) - a[7] * 0.5 / T) / T if len(a) > 7 else g


def dcp_R_dT(thermo: Thermo, T: Tensor) -> Tensor:
    """d(cp_k/R)/dT in 1/K, (species, ...cells)."""
    a = _coefficients(thermo, T)
    slope = a[1] + T * (2 * a[2] + T * (3 * a[3] + T * (4 * a[4])))
    return slope - (2 * a[7] / T + a[8]) / (T * T) if len(a) > 7 else slope


def cp_mass(thermo: Thermo, T: Tensor) -> Tensor:
    """Heat capacities of the species, J/kg/K, (species, ...cells)."""
    return _cp_mass(_enthalpy_coefficients(thermo, T), T)


def h_mass(thermo: Thermo, T: Tensor) -> Tensor:
    """Enthalpies of the species, J/kg, (species, ...cells)."""
    return _h_mass(_enthalpy_coefficients(thermo, T), T)


def h_and_cp_mass(thermo: Thermo, T: Tensor) -> tuple[Tensor, Tensor]:
    """`h_mass` and `cp_mass`, which share their coefficients."""
    c = _enthalpy_coefficients(thermo, T)
    return _h_mass(c, T), _cp_mass(c, T)


def _cp_mass(c: tuple[Tensor, ...], T: Tensor) -> Tensor:
    cp = c[1] + T * (2 * c[2] + T * (3 * c[3] + T * (4 * c[4] + T * (5 * c[5]))))
    return cp + (c[7] - c[6] / T) / T if len(c) > 6 else cp


def _h_mass(c: tuple[Tensor, ...], T: Tensor) -> Tensor:
    h = c[0] + T * (c[1] + T * (c[2] + T * (c[3] + T * (c[4] + T * c[5]))))
    return h + c[6] / T + c[7] * torch.log(T) if len(c) > 6 else h


def _enthalpy_coefficients(thermo: Thermo, T: Tensor) -> tuple[Tensor, ...]:
    return _choose(thermo, T, thermo.h_low, thermo.h_high, thermo.h_upper)


def s_mass(thermo: Thermo, T: Tensor) -> Tensor:
    """Entropies of the species at the reference pressure, J/kg/K, (species, ...cells)."""
    return s_R(thermo, T) * column(GAS_CONSTANT / thermo.molar_mass, T)


def temperature_from_enthalpy(thermo: Thermo, h: Tensor, Y: Tensor, T_guess: Tensor, iterations: int = 3) -> Tensor:
    """T (...cells) with sum_k Y_k h_k(T) = h (J/kg) by a fixed number of Newton steps, for use inside kernels.

    Each step squares the relative error (cp varies slowly): three steps from within 100 K reach round-off.
    """
    T = T_guess
    for _ in range(iterations):
        T = T + (h - (Y * h_mass(thermo, T)).sum(0)) / (Y * cp_mass(thermo, T)).sum(0)
    return T
