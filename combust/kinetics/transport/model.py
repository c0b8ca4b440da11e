"""The seam of transport: what kernels and flows may ask of a model of transport properties, whatever it is made of."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from torch import Tensor

from combust.errors import ConfigError


class TransportProperties(NamedTuple):
    """Of a mixture: viscosity [Pa s] (...), conductivity [W/m/K] (...), diffusivity [m2/s] (species, ...)."""

    viscosity: Tensor
    conductivity: Tensor
    diffusivity: Tensor


class SoretProperties(NamedTuple):
    """`TransportProperties` and the thermal diffusion coefficients D_T [kg/m/s] (species, ...): j = ... - D_T grad T/T.

    D_T sums to zero over the species.
    """

    viscosity: Tensor
    conductivity: Tensor
    diffusivity: Tensor
    thermal_diffusion: Tensor


class Cells(NamedTuple):
    """The gas whose properties are asked for, cells in a row."""

    T: Tensor  # (cells,) K
    p: Tensor  # (cells,) Pa
    X: Tensor  # (species, cells) mole fractions, none below 1e-20
    rho: Tensor  # (cells,) kg/m3
    cp: Tensor | None = None  # (cells,) J/kg/K

    def heat_capacity(self) -> Tensor:
        """cp. Raises ConfigError where it was not given."""
        if self.cp is None:
            raise ConfigError("transport: the heat capacity cp of the mixture is needed")
        return self.cp


class TransportModel(Protocol):
    """A model of transport properties with its data: a NamedTuple of tensors, so that compiled kernels take it.

    models : its names;  molar_mass : (species,) kg/kmol
    """

    @property
    def models(self) -> tuple[str, ...]: ...
    @property
    def molar_mass(self) -> Tensor: ...

    def mixture(self, gas: Cells, model: str) -> TransportProperties | SoretProperties:
        """Viscosity and conductivity (cells,), diffusivities (species, cells) by one of its names; pure tensors."""
