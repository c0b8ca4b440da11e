"""Properties of the gas at cells.  q : (1 + species, nz, ny, nx) T [K] and Y

Large blocks are taken slab by slab: polynomials of every species at every cell would be as much memory as a step needs.
"""

from __future__ import annotations

from torch import Tensor

from combust.cfd.mesh.slabs import pointwise
from combust.cfd.operators.coefficients import specific_moles
from combust.kinetics.rates.thermo import GAS_CONSTANT, Thermo, cp_mass, h_mass


def enthalpy(q: Tensor, thermo: Thermo) -> Tensor:
    """Specific enthalpy with those of formation [J/kg]."""
    return pointwise(lambda q: (q[1:] * h_mass(thermo, q[0])).sum(0), q)


def heat_capacity(q: Tensor, thermo: Thermo) -> Tensor:
    """Specific heat capacity at constant pressure [J/kg/K]."""
    return pointwise(lambda q: (q[1:] * cp_mass(thermo, q[0])).sum(0), q)


def molar_mass(q: Tensor, thermo: Thermo) -> Tensor:
    """Mean molar mass [kg/kmol]."""
    return 1.0 / specific_moles(thermo, q[1:])


def mach(q: Tensor, velocity: Tensor, thermo: Thermo) -> Tensor:
    """Speed over the speed of sound of the frozen mixture."""
    R = GAS_CONSTANT * specific_moles(thermo, q[1:])
    cp = heat_capacity(q, thermo)
    return (velocity.pow(2).sum(0) * (cp - R) / (cp * R * q[0])).sqrt()


def heat_release(T: Tensor, rates: Tensor, thermo: Thermo) -> Tensor:
    """-sum_k h_k omega_k of mass production rates (species, ...) [kg/m3/s], in [W/m3]."""
    return pointwise(lambda T, rates: -(h_mass(thermo, T) * rates).sum(0), T, rates)
