"""Mixture-averaged, unity-Lewis and constant transport properties of ideal-gas mixtures.

Built from Cantera's own polynomial fits in ln T and written so that one form serves every species count:
Wilke's double sum is three constant matrices times (X, X b, X b^2), b = mu_k^-1/2, because its square expands

    phi_kj = d_kj (1 + a_kj s_k / s_j)^2,   s = mu^1/2,  a_kj = (W_j/W_k)^1/4,  d_kj = (8 (1 + W_k/W_j))^-1/2,

so no species-by-species array of cells is ever stored. An unrolled form was 20 % faster on ten species but
took three times as long to compile.
"""

from __future__ import annotations

from typing import NamedTuple

import cantera as ct
import numpy as np
import torch
from torch import Tensor

from ..errors import ConfigError, MechanismError

MODELS = ("mixture-averaged", "unity-Lewis", "constant")

# Cantera's floor of mole fractions in transport sums: gives the pure-species limit instead of 0/0.
TINY = 1e-20


class TransportData(NamedTuple):
    """Fits in ln T: sqrt(mu_k) = T^1/4 poly, lambda_k = T^1/2 poly, p D_jk = T^3/2 poly."""

    molar_mass: Tensor  # (species,) kg/kmol
    root_viscosity: Tensor  # (species, 5)
    conductivity: Tensor  # (species, 5)
    diffusivity: Tensor  # (5, species, species)
    wilke: Tensor  # (3, species, species): d, 2 d a, d a^2
    others: Tensor  # (species, species): ones, zero on the diagonal

    @classmethod
    def from_cantera(cls, solution: ct.Solution, device: str = "cpu") -> TransportData:
        """Read Cantera's fits. Raises MechanismError when a species has no transport data."""
        before = solution.transport_model
        try:
            solution.transport_model = "mixture-averaged"
        except ct.CanteraError as error:
            raise MechanismError(_missing(solution)) from error
        try:
            fits = _polynomials(solution)
        finally:
            solution.transport_model = before
        W = np.array(solution.molecular_weights)
        a = (W[None, :] / W[:, None]) ** 0.25
        d = 1.0 / np.sqrt(8.0 * (1.0 + W[:, None] / W[None, :]))
        arrays = (W, *fits, np.stack([d, 2.0 * d * a, d * a * a]), 1.0 - np.eye(len(W)))
        return cls(*(torch.tensor(x, dtype=torch.float64, device=device) for x in arrays))


class ConstantTransport(NamedTuple):
    """Fixed viscosity [Pa s], Prandtl and Schmidt numbers, for work without reactions."""

    viscosity: Tensor  # 0-d
    prandtl: Tensor  # 0-d
    schmidt: Tensor  # 0-d or (species,)
    molar_mass: Tensor  # (species,)


def mixture_viscosity(data: TransportData, T: Tensor, X: Tensor) -> Tensor:
    """Viscosity [Pa s] (cells,) at T [K] (cells,), mole fractions X (species, cells).

    Wilke, J. Chem. Phys. 18, 517 (1950). doi:10.1063/1.1747673
    """
    s = data.root_viscosity @ _powers(T)
    b = 1.0 / s
    Xb = X * b
    denominator = data.wilke[0] @ X + s * (data.wilke[1] @ Xb + s * (data.wilke[2] @ (Xb * b)))
    return torch.sqrt(T) * (X * s * s / denominator).sum(0)


def mixture_conductivity(data: TransportData, T: Tensor, X: Tensor) -> Tensor:
    """Thermal conductivity [W/m/K] (cells,) at T [K] (cells,), mole fractions X (species, cells).

    Mathur, Tondon and Saxena, Mol. Phys. 12, 569 (1967). doi:10.1080/00268976700100731
    """
    L = data.conductivity @ _powers(T)
    return 0.5 * torch.sqrt(T) * ((X * L).sum(0) + 1.0 / (X / L).sum(0))


def mixture_diffusivity(data: TransportData, T: Tensor, p: Tensor, X: Tensor) -> Tensor:
    """Mixture-averaged D_km [m2/s] (species, cells) at T [K], p [Pa], mole fractions X (species, cells).

    For fluxes j_k = -rho (W_k/W) D_km grad X_k: D_km = sum_{j!=k} X_j W_j / (W sum_{j!=k} X_j / D_jk).
    Both sums leave out k itself, so that the limit of a pure species is kept to round-off.
    Kee, Coltrin and Glarborg, Chemically Reacting Flow (2003). doi:10.1002/0471461296
    """
    log_T = torch.log(T)
    c = data.diffusivity[..., None]
    D = (((c[4] * log_T + c[3]) * log_T + c[2]) * log_T + c[1]) * log_T + c[0]
    resistance = (data.others[..., None] * X / D).sum(1)
    mass = X * data.molar_mass[:, None]
    return torch.sqrt(T) * T * (data.others @ mass) / (mass.sum(0) * p * resistance)


def mole_fractions(molar_mass: Tensor, Y: Tensor) -> tuple[Tensor, Tensor]:
    """Mole fractions floored at 1e-20 (species, cells) and mean molar mass [kg/kmol] (cells,).

    The floor enters only the coefficients: slightly negative Y of a transport scheme count as absent, as in
    Cantera.
    """
    moles = Y / molar_mass[:, None]
    W = 1.0 / moles.sum(0)
    return (moles * W).clamp_min(TINY), W


def transport_properties(
    data: TransportData | ConstantTransport,
    T: Tensor,
    p: Tensor,
    Y: Tensor,
    model: str = "mixture-averaged",
    cp: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Viscosity [Pa s] (...), conductivity [W/m/K] (...) and diffusivity [m2/s] (species, ...) of a mixture.

    T [K] (...), p [Pa] 0-d or (...), Y (species, ...); `cp` [J/kg/K] (...) is needed by "unity-Lewis"
    (D = lambda/(rho cp)) and "constant" (lambda = mu cp/Pr, D = mu/(rho Sc)). Safe inside torch.compile.
    Raises ConfigError for an unknown model or a missing cp.
    """
    if model not in MODELS:
        raise ConfigError(f'transport model "{model}" is unknown; known: {", ".join(MODELS)}')
    if cp is None and model != "mixture-averaged":
        raise ConfigError(f'transport model "{model}" needs the heat capacity cp of the mixture')
    cells, n = T.shape, Y.shape[0]
    p = p.expand(cells).reshape(-1)
    T, Y = T.reshape(-1), Y.reshape(n, -1)
    cp = None if cp is None else cp.reshape(-1)
    X, W = mole_fractions(data.molar_mass, Y)
    rho = p * W / (ct.gas_constant * T)
    if isinstance(data, ConstantTransport):
        mu = data.viscosity.expand(T.shape)
        conductivity = mu * cp / data.prandtl
        D = mu / (rho * data.schmidt.reshape(-1, 1).expand(n, 1))
    else:
        mu = mixture_viscosity(data, T, X)
        conductivity = mixture_conductivity(data, T, X)
        if model == "unity-Lewis":
            D = (conductivity / (rho * cp)).expand(n, -1)
        else:
            D = mixture_diffusivity(data, T, p, X)
    return mu.reshape(cells), conductivity.reshape(cells), D.reshape(n, *cells)


def _powers(T: Tensor) -> Tensor:
    """(1, ln T, ... ln^4 T), shape (5, cells)."""
    L = torch.log(T)
    return torch.stack([torch.ones_like(L), L, L * L, L**3, L**4])


def _polynomials(solution: ct.Solution) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n = range(solution.n_species)
    viscosity = [solution.get_viscosity_polynomial(k) for k in n]
    conductivity = [solution.get_thermal_conductivity_polynomial(k) for k in n]
    diffusivity = [[solution.get_binary_diff_coeffs_polynomial(j, k) for k in n] for j in n]
    return np.array(viscosity), np.array(conductivity), np.moveaxis(np.array(diffusivity), -1, 0)


def _missing(solution: ct.Solution) -> str:
    without = [s.name for s in solution.species() if s.transport is None]
    names = ", ".join(without[:8]) + (" ..." if len(without) > 8 else "")
    return (
        f"{solution.source}: no transport data for {names or 'this phase'}; add a `transport` block to each "
        f'species, or use transport model "constant"'
    )
