"""Transport coefficients at cells, of the gas and of eddies, and the gas relations that they and fluxes need.

Rows of q are (T, Y_1 .. Y_n). All functions are pure and are compiled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from combust.kinetics.rates.thermo import GAS_CONSTANT, Thermo, cp_mass
from combust.kinetics.transport.model import SoretProperties, TransportModel
from combust.kinetics.transport.properties import transport_properties


class Coefficients(NamedTuple):
    """Transport coefficients at cells, padded. Those of effects that a case does not have are None.

    viscosity [Pa s], conductivity [W/m/K] : (nz, ny, nx)
    mole_diffusivity : (species, ...) rho D_k W_k / W [kg/m/s], which times grad X_k is a mass flux
    thermal_diffusion : (species, ...) D_T,k / T [kg/m/s/K], which times grad T is a mass flux; sums to zero
    """

    viscosity: Tensor
    conductivity: Tensor
    mole_diffusivity: Tensor
    thermal_diffusion: Tensor | None = None


class EddyCoefficients(NamedTuple):
    """What motion below the grid adds to `Coefficients`, padded (nz, ny, nx).

    viscosity [Pa s], conductivity [W/m/K];  moles : rho D_t / W [kmol/m/s], times W_k a mole diffusivity
    """

    viscosity: Tensor
    conductivity: Tensor
    moles: Tensor


def eddy_coefficients(diffusivities: Tensor, q: Tensor, p0: Tensor, thermo: Thermo) -> EddyCoefficients:
    """From padded (nu_t, alpha_t, D_t) [m2/s] and (T, Y)."""
    T, Y = q[0], q[1:]
    nu, alpha, D = diffusivities
    rho = density(thermo, T, Y, p0)
    return EddyCoefficients(rho * nu, rho * alpha * (Y * cp_mass(thermo, T)).sum(0), D * (p0 / (GAS_CONSTANT * T)))


def molecular(viscosity: Tensor, conductivity: Tensor, q: Tensor, p0: Tensor, thermo: Thermo) -> Tensor:
    """(2, ...) kinematic viscosity and thermal diffusivity [m2/s] of mu [Pa s] and lambda [W/m/K]."""
    T, Y = q[0], q[1:]
    rho = density(thermo, T, Y, p0)
    return torch.stack([viscosity / rho, conductivity / (rho * (Y * cp_mass(thermo, T)).sum(0))])


def with_eddies(c: Coefficients, eddies: EddyCoefficients, thermo: Thermo) -> Coefficients:
    """Of gas and eddies together. Species of one D_t diffuse down grad Y: what their mole fractions do besides is what
    makes the fluxes sum to zero.
    """
    return c._replace(
        viscosity=c.viscosity + eddies.viscosity,
        conductivity=c.conductivity + eddies.conductivity,
        mole_diffusivity=c.mole_diffusivity + eddies.moles * per_species(thermo.molar_mass),
    )


def multiplied(c: Coefficients, factor: Tensor) -> Coefficients:
    """With conduction of heat and diffusion of species times a padded factor; viscosity stays."""
    thermal = None if c.thermal_diffusion is None else factor * c.thermal_diffusion
    return c._replace(
        conductivity=factor * c.conductivity, mole_diffusivity=factor * c.mole_diffusivity, thermal_diffusion=thermal
    )


def combined(a: Coefficients, b: Coefficients, of: Callable[[Tensor, Tensor], Tensor]) -> Coefficients:
    """of(a, b) field by field; None where neither has one. Raises ValueError where only one of them has."""
    fields: list[Tensor | None] = []
    for name, x, y in zip(Coefficients._fields, a, b, strict=True):
        if (x is None) != (y is None):
            raise ValueError(f"coefficients: one has {name} and the other has not")
        fields.append(None if x is None or y is None else of(x, y))
    return Coefficients(*fields)  # type: ignore[arg-type]


def per_species(a: Tensor) -> Tensor:
    return a.reshape(-1, 1, 1, 1)


def specific_moles(thermo: Thermo, Y: Tensor) -> Tensor:
    """sum_k Y_k / W_k [kmol/kg]."""
    return (Y * per_species(1.0 / thermo.molar_mass)).sum(0)


def density(thermo: Thermo, T: Tensor, Y: Tensor, p0: Tensor) -> Tensor:
    """Ideal-gas density [kg/m3]."""
    return p0 / (GAS_CONSTANT * T * specific_moles(thermo, Y))


def transport_coefficients(data: TransportModel, thermo: Thermo, q: Tensor, model: str) -> Coefficients:
    """Transport coefficients at all cells of the padded (T, Y); none of them depends on the pressure."""
    T, Y = q[0], q[1:]
    p0 = torch.ones((), dtype=q.dtype, device=q.device)
    cp = None if model == "mixture-averaged" else (Y * cp_mass(thermo, T)).sum(0)
    properties = transport_properties(data, T, p0, Y, model, cp)
    mu, conductivity, D = properties[:3]
    B = D * (per_species(thermo.molar_mass) * (p0 / (GAS_CONSTANT * T)))
    thermal = properties.thermal_diffusion / T if isinstance(properties, SoretProperties) else None
    return Coefficients(mu, conductivity, B, thermal)
