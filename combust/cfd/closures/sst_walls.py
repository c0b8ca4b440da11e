"""k-omega SST beside walls whose first cells may lie anywhere from the viscous sublayer to the logarithmic layer.

u+ = (y+^-4 + (ln(E y+)/kappa)^-4)^(-1/4) by the speed relative to the wall, omega^2 = omega_vis^2 + omega_log^2 in the
cell beside it with omega_vis = 6 nu/(b_1 y^2) and omega_log = u*/(b*^(1/2) kappa y): the blends of Menter, Ferreira,
Esch, Konno, Proc. Int. Gas Turbine Congress, Tokyo (2003) IGTC2003-TS-059, after Menter, Esch, 16th Brazilian Congress
of Mechanical Engineering (2001). u* is u_tau or b*^(1/4) k^(1/2), the larger one, so that walls where the flow
separates keep their eddies. The layer has one shear: that of the cell is tau/(rho (nu + k/omega)). Heat passes by the
same blend of Pr y+ and Pr_t (u+ + P), P of Jayatilleke.

Differences between neighbours do not follow y^-2: they diffuse more omega into the second cell than there is. What they
do so of omega_vis is taken out again, in the measure (omega_vis/omega)^(1/2) of the sublayer: without it the bulk
velocity of a channel is 7 % too large where the first cell is at y+ of 1 to 3.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from combust.cfd.closures.near_walls import NearWall
from combust.cfd.closures.wall_functions import KAPPA, jayatilleke

E = math.exp(5.2 * KAPPA)  # 8.43
STAR, BETA_1 = 0.09, 0.075
ITERATIONS = 8  # of Newton's method for y+: 1e-12 of it after six
LEAST = 1e-12  # of u+ y+


class Said(NamedTuple):
    """Planes as those of NearWall. eddies : (2, ...) nu_t and alpha_t at the wall [m2/s]; of the cell beside it
    square : 2 S:S [1/s2];  omega : [1/s]
    """

    eddies: Tensor
    square: Tensor
    omega: Tensor


def logarithmic(y_plus: Tensor) -> Tensor:
    """ln(E y+)/kappa, at least 1/kappa."""
    return torch.log((E * y_plus).clamp_min(math.e)) / KAPPA


def wall_units(near: NearWall) -> tuple[Tensor, Tensor]:
    """y+ and u+ of the cells beside a wall, by their speed: u+ y+ = U y/nu."""
    product = (near.speed * near.distance / near.viscosity).clamp_min(LEAST)
    y = product.sqrt()
    for _ in range(ITERATIONS):
        log = logarithmic(y)
        viscous, logs = y**-4, log**-4
        both = viscous + logs
        slope = torch.where(E * y > math.e, logs / (KAPPA * log), 0.0)
        off = torch.log(y * both**-0.25 / product)
        y = y * torch.exp(-off / (1.0 + (viscous + slope) / both))
    return y, product / y


def law(near: NearWall, k: Tensor, omega: Tensor, prandtl: float) -> Said:
    """What the wall does and says of k and omega of the cells beside it; prandtl : turbulent."""
    y, nu = near.distance, near.viscosity
    y_plus, u_plus = wall_units(near)
    u_tau = y_plus * nu / y
    star = torch.maximum(u_tau, STAR**0.25 * k.sqrt())
    through = (logarithmic(star * y / nu) + jayatilleke(nu / near.heat / prandtl)).clamp_min(1.0 / KAPPA)
    heat = y * ((near.heat / y) ** 4 + (star / (prandtl * through)) ** 4) ** 0.25
    eddies = torch.stack([nu * (y_plus / u_plus - 1.0), heat - near.heat]).clamp_min(0.0) * near.friction
    shear = u_tau * u_tau / (nu + k / omega)
    viscous = 6.0 * nu / (BETA_1 * y * y)
    return Said(eddies, shear * shear, torch.hypot(viscous, star / (STAR**0.5 * KAPPA * y)))


def taken_out(omega: Tensor, nu: Tensor, distance: Tensor, excess: Tensor) -> Tensor:
    """Destruction of omega [1/s] by what `excess` is of omega_vis."""
    vis = 6.0 * nu / BETA_1
    share = (vis / (distance * distance * omega)).clamp_max(1.0).sqrt()
    return nu * vis * excess * share / omega
