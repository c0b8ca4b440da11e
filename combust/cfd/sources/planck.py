"""Planck-mean absorption coefficients of H2O, CO2, CO and CH4, and what a thin gas of them loses by radiation.

Fits to RADCAL (W. L. Grosshandler, NIST Technical Note 1402, 1993, doi:10.6028/NIST.TN.1402) over 300 to 2500 K,
published for optically thin models of laboratory flames by the TNF workshop (https://tnfworkshop.org/radiation/) and in
R. S. Barlow, A. N. Karpetis, J. H. Frank, J.-Y. Chen, Combust. Flame 127 (2001) 2102,
doi:10.1016/S0010-2180(01)00313-3.
Cantera's one-dimensional flames take those of H2O and CO2.
"""

from __future__ import annotations

import torch
from torch import Tensor

STEFAN_BOLTZMANN = 5.6703744191844314e-8  # W/m2/K4, CODATA 2018, as Cantera has it
ATMOSPHERE = 101325.0  # Pa
RANGE = (300.0, 2500.0)  # K, of the fits
RADIATING = ("H2O", "CO2", "CO", "CH4")
# Of rising powers, 1/(m atm): of 1000/T for H2O and CO2, of T [K] for CO below and above 750 K and for CH4.
H2O = (-0.23093, -1.12390, 9.41530, -2.99880, 0.51382, -1.86840e-5)
CO2 = (18.741, -121.310, 273.500, -194.050, 56.310, -5.8169)
CO_COLD = (4.7869, -0.06953, 2.95775e-4, -4.25732e-7, 2.02894e-10)
CO_HOT = (10.09, -0.01183, 4.7753e-6, -5.87209e-10, -2.5334e-14)
CH4 = (6.6334, -0.0035686, 1.6682e-8, 2.5611e-10, -2.6558e-14)
CO_CHANGES = 750.0  # K


def polynomial(powers: tuple[float, ...], x: Tensor) -> Tensor:
    """Horner's rule."""
    value = torch.full_like(x, powers[-1])
    for factor in reversed(powers[:-1]):
        value = value * x + factor
    return value


def planck_means(T: Tensor) -> Tensor:
    """(4, ...) of `RADIATING`, 1/(m Pa). Beyond the range of the fits they are those at its ends."""
    T = T.clamp(*RANGE)
    inverse = 1000.0 / T
    co = torch.where(T <= CO_CHANGES, polynomial(CO_COLD, T), polynomial(CO_HOT, T))
    rows = [polynomial(H2O, inverse), polynomial(CO2, inverse), co, polynomial(CH4, T)]
    return torch.stack(rows) / ATMOSPHERE


def loss(T: Tensor, X: Tensor, p: Tensor, surroundings: float) -> Tensor:
    """4 sigma p sum X_i a_i (T^4 - T_s^4), what a thin gas of mole fractions X (4, ...) of `RADIATING` loses [W/m3].

    p [Pa];  surroundings : their temperature T_s [K], of a black body around
    """
    absorption = p * (X * planck_means(T)).sum(0)
    return 4.0 * STEFAN_BOLTZMANN * absorption * (T * T * T * T - surroundings**4)
