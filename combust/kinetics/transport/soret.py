"""Thermal diffusion (the Soret effect) of light species in mixture-averaged form.

Chapman and Cowling's coefficients for mixtures of like molecules, carried over to mixtures as Cantera 3.2 does
(Zirwes and Kronenburg, Flow Turbul. Combust. 2025, doi:10.1007/s10494-025-00680-5):

    D_T,k = p D_km W_k W sum_j (1.2 C*_kj - 1) / (p D_kj (W_k + W_j)) (Y_k a_j - Y_j a_k)
    a_k   = 15/4 mu_k / W_k X_k / (X_k + 1.065 sum_{j!=k} X_j phi_kj)

with Wilke's phi_kj and the ratio C* of collision integrals of each pair. It is evaluated for the light species alone,
a small part of the pairs; what all species together lack of a zero sum is taken from each in proportion to Y_k.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class SoretData(NamedTuple):
    """What the pairs (light species, any species) need; C* and p D_kj T^-3/2 are polynomials, coefficients first."""

    molar_mass: Tensor  # (species,) kg/kmol
    light: Tensor  # (light,) their rows
    place: Tensor  # (species, light) ones where a light species stands
    heavy: Tensor  # (species,) one where a species is not light
    c_star: Tensor  # (9, light, species) in ln T*
    ln_well: Tensor  # (light, species) ln(eps_kj / k_B), eps_kj / k_B in K
    diffusivity: Tensor  # (5, light, species) in ln T
    r_mass: Tensor  # (light, species) 1 / (W_k + W_j), zero for a species with itself


def thermal_diffusion(data: SoretData, T: Tensor, X: Tensor, mu: Tensor, phi: Tensor, pD: Tensor) -> Tensor:
    """D_T [kg/m/s] (species, cells), summing to zero over the species; it does not depend on the pressure.

    T [K] (cells,), mole fractions X, viscosities mu_k [Pa s], Wilke's sum_j phi_kj X_j (with j = k), and mixture
    diffusivities times pressure pD [N/s], all (species, cells). The flux is j_k = ... - D_T,k grad T / T [kg/m2/s].
    """
    W = data.molar_mass[:, None]
    Y = X * W / (X * W).sum(0)
    a = 3.75 * mu / W * X / (X + 1.065 * (phi - X))
    log_T = torch.log(T)
    c_star = polynomial(data.c_star[..., None], log_T - data.ln_well[..., None])
    resistance = data.r_mass[..., None] / polynomial(data.diffusivity[..., None], log_T)
    light = data.light
    pair = (1.2 * c_star - 1.0) * resistance * (Y[light].unsqueeze(1) * a - Y * a[light].unsqueeze(1))
    # Each pair pushes its two species in opposite directions; pairs of two light species stand in `pair` both ways.
    push = data.place @ pair.sum(1) - data.heavy[:, None] * pair.sum(0)
    D_T = pD * W * (X * W).sum(0) / (T * torch.sqrt(T)) * push
    return D_T - Y * D_T.sum(0)


def polynomial(c: Tensor, x: Tensor) -> Tensor:
    """c[0] + c[1] x + ... of coefficients (degree + 1, ...), degree at least 1."""
    value = c[-1] * x + c[-2]
    for i in range(c.shape[0] - 3, -1, -1):
        value = value * x + c[i]
    return value
