"""Ideal-gas thermodynamics from NASA 7-coefficient polynomials, as pure functions of tensors.

Outside their fit range the polynomials are extrapolated, as Cantera does; the switch between the two ranges
belongs to the lower one (T <= T_mid). Formulas: NASA RP-1311 (1994), section 4.2. Constants stand as factors:
a division costs a kernel four times a product.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from combust.errors import StateError

if TYPE_CHECKING:
    import cantera as ct

GAS_CONSTANT = 8314.46261815324  # J/kmol/K, CODATA 2018 as in Cantera


class Thermo(NamedTuple):
    """NASA7 data of all species: `low` and `high` are (7, species), valid below and above `T_mid` (species,) K.

    `h_low`, `h_high` (6, species) are the coefficients of the enthalpy in J/kg by powers of T: kernels evaluate it per
    species and face, where divisions would be most of the work.
    """

    low: Tensor
    high: Tensor
    T_mid: Tensor
    molar_mass: Tensor  # kg/kmol
    h_low: Tensor
    h_high: Tensor


def thermo_from_cantera(solution: ct.Solution, device: torch.device | str = "cpu") -> Thermo:
    """NASA7 data of a Cantera phase whose species all carry two-range NASA7 polynomials."""
    # Cantera's order: T_mid, then the seven coefficients of the HIGH range, then those of the low range.
    coeffs = torch.tensor([list(s.thermo.coeffs) for s in solution.species()], dtype=torch.float64, device=device)
    W = torch.tensor(solution.molecular_weights.copy(), dtype=torch.float64, device=device)
    low, high = coeffs[:, 8:15].T.contiguous(), coeffs[:, 1:8].T.contiguous()
    return Thermo(low, high, coeffs[:, 0].contiguous(), W, enthalpy_powers(low, W), enthalpy_powers(high, W))


def enthalpy_powers(a: Tensor, molar_mass: Tensor) -> Tensor:
    """Coefficients (6, species) of 1, T, ... T^5 in h_k [J/kg], from NASA7 coefficients (7, species)."""
    powers = torch.stack([a[5], a[0], a[1] / 2, a[2] / 3, a[3] / 4, a[4] / 5])
    return powers * (GAS_CONSTANT / molar_mass)


def column(a: Tensor, T: Tensor) -> Tensor:
    """`a` (species,) shaped to broadcast against (species, ...cells) where T is (...cells)."""
    return a.reshape(-1, *(1 for _ in T.shape))


def _choose(thermo: Thermo, T: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, ...]:
    """Rows of low or high (coefficients, species) as T says, each (species, ...cells)."""
    shape = (*low.shape, *(1 for _ in T.shape))
    return torch.where(T <= column(thermo.T_mid, T), low.reshape(shape), high.reshape(shape)).unbind(0)


def _coefficients(thermo: Thermo, T: Tensor) -> tuple[Tensor, ...]:
    return _choose(thermo, T, thermo.low, thermo.high)


def cp_R(thermo: Thermo, T: Tensor) -> Tensor:
    """Molar heat capacities cp_k/R, (species, ...cells)."""
    a = _coefficients(thermo, T)
    return a[0] + T * (a[1] + T * (a[2] + T * (a[3] + T * a[4])))


def h_RT(thermo: Thermo, T: Tensor) -> Tensor:
    """Molar enthalpies h_k/(RT), (species, ...cells)."""
    a = _coefficients(thermo, T)
    return a[0] + T * (a[1] * (1 / 2) + T * (a[2] * (1 / 3) + T * (a[3] * (1 / 4) + T * (a[4] * (1 / 5))))) + a[5] / T


def s_R(thermo: Thermo, T: Tensor) -> Tensor:
    """Molar entropies s_k/R at the reference pressure, (species, ...cells)."""
    a = _coefficients(thermo, T)
    poly = T * (a[1] + T * (a[2] * (1 / 2) + T * (a[3] * (1 / 3) + T * (a[4] * (1 / 4)))))
    return a[0] * torch.log(T) + poly + a[6]


def g_RT(thermo: Thermo, T: Tensor) -> Tensor:
    """Molar Gibbs energies g_k/(RT) at the reference pressure, (species, ...cells)."""
    a = _coefficients(thermo, T)
    poly = T * (a[1] * (1 / 2) + T * (a[2] * (1 / 6) + T * (a[3] * (1 / 12) + T * (a[4] * (1 / 20)))))
    return a[0] * (1 - torch.log(T)) - poly + a[5] / T - a[6]


def dcp_R_dT(thermo: Thermo, T: Tensor) -> Tensor:
    """d(cp_k/R)/dT in 1/K, (species, ...cells)."""
    a = _coefficients(thermo, T)
    return a[1] + T * (2 * a[2] + T * (3 * a[3] + T * (4 * a[4])))


def cp_mass(thermo: Thermo, T: Tensor) -> Tensor:
    """Heat capacities of the species, J/kg/K, (species, ...cells)."""
    c = _enthalpy_coefficients(thermo, T)
    return c[1] + T * (2 * c[2] + T * (3 * c[3] + T * (4 * c[4] + T * (5 * c[5]))))


def h_mass(thermo: Thermo, T: Tensor) -> Tensor:
    """Enthalpies of the species, J/kg, (species, ...cells)."""
    c = _enthalpy_coefficients(thermo, T)
    return c[0] + T * (c[1] + T * (c[2] + T * (c[3] + T * (c[4] + T * c[5]))))


def _enthalpy_coefficients(thermo: Thermo, T: Tensor) -> tuple[Tensor, ...]:
    return _choose(thermo, T, thermo.h_low, thermo.h_high)


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


def solve_temperature(thermo: Thermo, h: Tensor, Y: Tensor, T_min: float = 50.0, T_max: float = 6000.0) -> Tensor:
    """T (...cells) with sum_k Y_k h_k(T) = h (J/kg), by Newton steps kept inside a shrinking bracket.

    Raises StateError naming the first cell whose enthalpy is NaN or belongs to no T in [T_min, T_max].
    """
    lo, hi = torch.full_like(h, T_min), torch.full_like(h, T_max)
    _require_bracket(thermo, h, Y, lo, hi)
    T = torch.full_like(h, 1000.0)
    for _ in range(60):
        residual = h - (Y * h_mass(thermo, T)).sum(0)
        lo, hi = torch.where(residual >= 0, T, lo), torch.where(residual <= 0, T, hi)
        step = residual / (Y * cp_mass(thermo, T)).sum(0)
        newton = T + step
        T = torch.where((newton >= lo) & (newton <= hi), newton, 0.5 * (lo + hi))
        if bool((step.abs() <= 1e-12 * T).all()):
            break
    return T


def _require_bracket(thermo: Thermo, h: Tensor, Y: Tensor, lo: Tensor, hi: Tensor) -> None:
    h_lo, h_hi = (Y * h_mass(thermo, lo)).sum(0), (Y * h_mass(thermo, hi)).sum(0)
    bad = ~((h >= h_lo) & (h <= h_hi))
    if not bool(bad.any()):
        return
    cell = tuple(int(i) for i in bad.nonzero()[0])
    raise StateError(
        f"enthalpy {float(h[cell]):.6g} J/kg in cell {cell} belongs to no temperature: this composition spans "
        f"{float(h_lo[cell]):.6g} J/kg at {float(lo[cell]):g} K to {float(h_hi[cell]):.6g} J/kg at "
        f"{float(hi[cell]):g} K; check h and Y (their sum there is {float(Y[(slice(None), *cell)].sum()):.6g})"
    )
