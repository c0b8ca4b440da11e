"""Charlette's efficiency function: how much faster a thickened flame must burn for the wrinkles that it no longer has.

Gamma says how strongly the eddies between the sizes d and D strain a flame, from a fit to a spectrum of eddies that
each strain it by themselves: u' is the velocity of the eddies up to D, d the thickness of the flame. With it the
surface of a flame is (1 + min(D/d, Gamma u'/S_L))^beta times what is resolved.
Charlette, Meneveau, Veynante, Combust. Flame 131 (2002) 159, doi:10.1016/S0010-2180(02)00400-5. The form that is 1 at
D = d and has (D/d)^beta as its limit: Wang, Boileau, Veynante, Combust. Flame 158 (2011) 2199,
doi:10.1016/j.combustflame.2011.04.008
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from combust.kernels import compiled

KOLMOGOROV = 1.5  # constant of the energy spectrum
SHARPNESS = 1.4  # of the change from one limit to the other: b of the paper
SPEED_TIMES_THICKNESS = 4.0  # S_L d / nu where d = 4 nu / S_L, as in the paper


def strain(velocity: Tensor, width: Tensor, reynolds: Tensor) -> Tensor:
    """Gamma.

    velocity : u'/S_L;  width : D/d;  reynolds : u' D/nu. With the paper's d = 4 nu/S_L this is 4 times their product.
    Nothing below the width of the flame strains it: 0 where D <= d, and where u' = 0.
    """
    c, scale = KOLMOGOROV, math.pi ** (4.0 / 3.0)
    a = 0.6 + 0.2 * torch.exp(-0.1 * velocity) - 0.2 * torch.exp(-0.01 * width)
    slow = 4.0 * math.sqrt(27.0 * c / 110.0) * (18.0 * c / 55.0) * velocity * velocity
    narrow = (27.0 * c * scale / 110.0 * (width ** (4.0 / 3.0) - 1.0).clamp_min(0.0)).sqrt()
    viscous = (9.0 / 55.0 * torch.exp(-1.5 * c * scale / reynolds) * reynolds).sqrt()
    both = (slow**-a + narrow**-a) ** (SHARPNESS / a)
    return (both + viscous**-SHARPNESS) ** (-1.0 / SHARPNESS)


def efficiency(velocity: Tensor, width: Tensor, reynolds: Tensor, exponent: Tensor, saturated: bool) -> Tensor:
    """E = (1 + w)^beta >= 1. saturated : w is min(max(D/d - 1, 0), Gamma u'/S_L), else min(D/d, Gamma u'/S_L).

    exponent : beta, 0.5 in the paper;  the others : as `strain`
    """
    most = (width - 1.0).clamp_min(0.0) if saturated else width
    return (1.0 + torch.minimum(most, strain(velocity, width, reynolds) * velocity)) ** exponent


efficiency_kernel = compiled(efficiency)
