"""Transport properties of ideal-gas mixtures: mixture-averaged, at given Lewis numbers, or prescribed.

Mixture-averaged ones are built from Cantera's own polynomial fits in ln T and written so that one form serves every
species count: Wilke's double sum is three constant matrices times (X, X b, X b^2), b = mu_k^-1/2, because its square
expands

    phi_kj = d_kj (1 + a_kj s_k / s_j)^2,   s = mu^1/2,  a_kj = (W_j/W_k)^1/4,  d_kj = (8 (1 + W_k/W_j))^-1/2,

so no species-by-species array of cells is ever stored. An unrolled form was 20 % faster on ten species but
took three times as long to compile.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from combust.errors import ConfigError
from combust.kinetics.rates.thermo import GAS_CONSTANT
from combust.kinetics.transport.model import Cells, SoretProperties, TransportModel, TransportProperties
from combust.kinetics.transport.soret import SoretData, polynomial, thermal_diffusion

# Cantera's floor of mole fractions in transport sums: gives the pure-species limit instead of 0/0.
TINY = 1e-20


MODELS = ("mixture-averaged", "unity-Lewis", "constant-Lewis", "constant", "sutherland", "power-law")


class TransportData(NamedTuple):
    """Fits in ln T: sqrt(mu_k) = T^1/4 poly, lambda_k = T^1/2 poly, p D_jk = T^3/2 poly."""

    molar_mass: Tensor  # (species,) kg/kmol
    root_viscosity: Tensor  # (species, 5)
    conductivity: Tensor  # (species, 5)
    diffusivity: Tensor  # (5, species, species)
    wilke: Tensor  # (3, species, species): d, 2 d a, d a^2
    others: Tensor  # (species, species): ones, zero on the diagonal; [[1]] of one species alone

    @property
    def models(self) -> tuple[str, ...]:
        """Mixture-averaged diffusivities, or one for all species."""
        return ("mixture-averaged", "unity-Lewis")

    def mixture(self, gas: Cells, model: str) -> TransportProperties:
        """D = lambda/(rho cp) of "unity-Lewis"."""
        mu, conductivity = mixture_viscosity(self, gas.T, gas.X), mixture_conductivity(self, gas.T, gas.X)
        if model == "unity-Lewis":
            D = (conductivity / (gas.rho * gas.heat_capacity())).expand(gas.X.shape[0], -1)
        else:
            D = mixture_diffusivity(self, gas.T, gas.p, gas.X)
        return TransportProperties(mu, conductivity, D)


class SoretTransport(NamedTuple):
    """Mixture-averaged properties with thermal diffusion."""

    fits: TransportData
    soret: SoretData

    @property
    def models(self) -> tuple[str, ...]:
        """Mixture-averaged."""
        return ("mixture-averaged",)

    @property
    def molar_mass(self) -> Tensor:
        """(species,) kg/kmol."""
        return self.fits.molar_mass

    def mixture(self, gas: Cells, model: str) -> SoretProperties:
        """With thermal diffusion coefficients."""
        mu, conductivity, D = self.fits.mixture(gas, model)
        return SoretProperties(mu, conductivity, D, _thermal_diffusion(self, gas.T, gas.X, D * gas.p))


class LewisTransport(NamedTuple):
    """Mixture-averaged viscosity and conductivity, D_k = lambda/(rho cp Le_k)."""

    fits: TransportData
    lewis: Tensor  # (species,)

    @property
    def models(self) -> tuple[str, ...]:
        """Of given Lewis numbers."""
        return ("constant-Lewis",)

    @property
    def molar_mass(self) -> Tensor:
        """(species,) kg/kmol."""
        return self.fits.molar_mass

    def mixture(self, gas: Cells, model: str) -> TransportProperties:
        """D_k = lambda/(rho cp Le_k)."""
        mu, conductivity = mixture_viscosity(self.fits, gas.T, gas.X), mixture_conductivity(self.fits, gas.T, gas.X)
        return TransportProperties(
            mu, conductivity, conductivity / (gas.rho * gas.heat_capacity() * self.lewis[:, None])
        )


class Sutherland(NamedTuple):
    """mu = mu_ref (T/T_ref)^(3/2) (T_ref + S)/(T + S). Sutherland, Phil. Mag. 36, 507 (1893).

    doi:10.1080/14786449308620508
    """

    viscosity: Tensor  # 0-d, mu_ref in Pa s
    temperature: Tensor  # 0-d, T_ref in K
    constant: Tensor  # 0-d, S in K


class PowerLaw(NamedTuple):
    """mu = mu_ref (T/T_ref)^n."""

    viscosity: Tensor  # 0-d, mu_ref in Pa s
    temperature: Tensor  # 0-d, T_ref in K
    exponent: Tensor  # 0-d


class ConstantTransport(NamedTuple):
    """Viscosity [Pa s], fixed or a law in T, and fixed Prandtl and Schmidt numbers, for work without reactions."""

    viscosity: Tensor | Sutherland | PowerLaw  # 0-d
    prandtl: Tensor  # 0-d
    schmidt: Tensor  # 0-d or (species,)
    molar_mass: Tensor  # (species,)

    @property
    def models(self) -> tuple[str, ...]:
        """A law of viscosity each."""
        return ("constant", "sutherland", "power-law")

    def mixture(self, gas: Cells, model: str) -> TransportProperties:
        """lambda = mu cp/Pr, D = mu/(rho Sc)."""
        mu = prescribed_viscosity(self.viscosity, gas.T)
        conductivity = mu * gas.heat_capacity() / self.prandtl
        D = mu / (gas.rho * self.schmidt.reshape(-1, 1).expand(gas.X.shape[0], 1))
        return TransportProperties(mu, conductivity, D)


def wilke_sums(data: TransportData, T: Tensor, X: Tensor) -> tuple[Tensor, Tensor]:
    """sqrt(mu_k) / T^1/4 and Wilke's sum_j phi_kj X_j, both (species, cells)."""
    s = data.root_viscosity @ _powers(T)
    b = 1.0 / s
    Xb = X * b
    return s, data.wilke[0] @ X + s * (data.wilke[1] @ Xb + s * (data.wilke[2] @ (Xb * b)))


def mixture_viscosity(data: TransportData, T: Tensor, X: Tensor) -> Tensor:
    """Viscosity [Pa s] (cells,) at T [K] (cells,), mole fractions X (species, cells).

    Wilke, J. Chem. Phys. 18, 517 (1950). doi:10.1063/1.1747673
    """
    s, denominator = wilke_sums(data, T, X)
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
    D = polynomial(data.diffusivity[..., None], torch.log(T))
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
    data: TransportModel, T: Tensor, p: Tensor, Y: Tensor, model: str = "mixture-averaged", cp: Tensor | None = None
) -> TransportProperties | SoretProperties:
    """Viscosity [Pa s] (...), conductivity [W/m/K] (...) and diffusivity [m2/s] (species, ...) of a mixture.

    T [K] (...), p [Pa] 0-d or (...), Y (species, ...). `cp` [J/kg/K] (...) is needed by all models but
    "mixture-averaged": D = lambda/(rho cp) for "unity-Lewis", D_k = lambda/(rho cp Le_k) for "constant-Lewis",
    lambda = mu cp/Pr and D = mu/(rho Sc) for "constant", "sutherland", "power-law". With SoretTransport as data the
    thermal diffusion coefficients [kg/m/s] (species, ...) come fourth. Safe inside torch.compile.
    Raises ConfigError for an unknown model, one that does not belong to the data, or a missing cp.
    """
    _require_model(data, model, cp)
    cells, n = T.shape, Y.shape[0]
    p = p.expand(cells).reshape(-1)
    T, Y = T.reshape(-1), Y.reshape(n, -1)
    X, W = mole_fractions(data.molar_mass, Y)
    gas = Cells(T, p, X, p * W / (GAS_CONSTANT * T), None if cp is None else cp.reshape(-1))
    found = data.mixture(gas, model)
    shaped = (found.viscosity.reshape(cells), found.conductivity.reshape(cells), found.diffusivity.reshape(n, *cells))
    if not isinstance(found, SoretProperties):
        return TransportProperties(*shaped)
    return SoretProperties(*shaped, found.thermal_diffusion.reshape(n, *cells))


def _thermal_diffusion(data: SoretTransport, T: Tensor, X: Tensor, pD: Tensor) -> Tensor:
    s, phi = wilke_sums(data.fits, T, X)
    return thermal_diffusion(data.soret, T, X, torch.sqrt(T) * s * s, phi, pD)


def prescribed_viscosity(law: Tensor | Sutherland | PowerLaw, T: Tensor) -> Tensor:
    """Viscosity [Pa s] (cells,) of a law at T [K] (cells,)."""
    if isinstance(law, Sutherland):
        t = T / law.temperature
        return law.viscosity * t * torch.sqrt(t) * ((law.temperature + law.constant) / (T + law.constant))
    if isinstance(law, PowerLaw):
        return law.viscosity * (T / law.temperature) ** law.exponent
    return law.expand(T.shape)


def _require_model(data: TransportModel, model: str, cp: Tensor | None) -> None:
    if model not in data.models:
        if model not in MODELS:
            raise ConfigError(f'transport model "{model}" is unknown; known: {", ".join(MODELS)}')
        fitting = ", ".join(data.models)
        raise ConfigError(f'transport model "{model}" does not go with {type(data).__name__}: that is for {fitting}')
    if cp is None and model != "mixture-averaged":
        raise ConfigError(f'transport model "{model}" needs the heat capacity cp of the mixture')


def _powers(T: Tensor) -> Tensor:
    """(1, ln T, ... ln^4 T), shape (5, cells)."""
    L = torch.log(T)
    return torch.stack([torch.ones_like(L), L, L * L, L**3, L**4])
