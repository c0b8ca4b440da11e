"""Wall functions: what a wall does to the cell beside it where that lies in the logarithmic layer.

u* = C_mu^(1/4) k^(1/2) of the cell; its speed relative to the wall is u+ = ln(E y*)/kappa times u_tau^2/u*, with y* =
u* y/nu; k is produced at tau_w u*/(rho kappa y), epsilon is u*^3/(kappa y). Launder & Spalding, Comput. Methods Appl.
Mech. Eng. 3 (1974) 269, doi:10.1016/0045-7825(74)90029-2. Temperature likewise by T+ = Pr_t (u+ + P), P of Jayatilleke,
Prog. Heat Mass Transfer 1 (1969) 193. Below y* = 11.5, where the laws meet those of the viscous sublayer, u+ = y* and
T+ = Pr y*, k is not produced, and epsilon = 2 nu k/y^2.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from combust.cfd.closures.near_walls import NearWall

KAPPA, E = 0.41, 9.8
MEETS = 11.5301  # where u+ = y+ meets ln(E y+)/kappa


class Said(NamedTuple):
    """Planes as those of NearWall. eddies : (2, ...) nu_t and alpha_t at the wall [m2/s];  production [m2/s3] of k and
    epsilon [m2/s3] in the cell beside it
    """

    eddies: Tensor
    production: Tensor
    epsilon: Tensor


def jayatilleke(ratio: Tensor) -> Tensor:
    """P of Pr/Pr_t: what the sublayer resists more to heat than to momentum."""
    return 9.24 * (ratio**0.75 - 1.0) * (1.0 + 0.28 * torch.exp(-0.007 * ratio))


def law(near: NearWall, k: Tensor, prandtl: float, c_mu: float) -> Said:
    """What the wall does by the k of the cells beside it; prandtl : turbulent."""
    y, nu = near.distance, near.viscosity
    star = c_mu**0.25 * k.sqrt()
    y_star = star * y / nu
    turbulent = y_star > MEETS
    u_plus = torch.log(E * y_star.clamp_min(1.0)) / KAPPA
    mixing = torch.where(turbulent, star * y / u_plus, nu)
    through = prandtl * (u_plus + jayatilleke(nu / near.heat / prandtl))
    # In the logarithmic layer of momentum heat may still pass by conduction alone, if Pr is small.
    heat = torch.where(turbulent, torch.maximum(star * y / through, near.heat), near.heat)
    eddies = torch.stack([mixing - nu, heat - near.heat]).clamp_min(0.0) * near.friction
    production = torch.where(turbulent, mixing * near.speed / y * star / (KAPPA * y), 0.0)
    epsilon = torch.where(turbulent, star**3 / (KAPPA * y), 2.0 * nu * k / (y * y))
    return Said(eddies, production, epsilon)


def set_in(field: Tensor, near: tuple[NearWall, ...], planes: list[Tensor]) -> None:
    """The cells beside walls with friction become the mean of what their walls say, in place."""
    count = torch.zeros_like(field)
    total = torch.zeros_like(field)
    for wall, plane in zip(near, planes, strict=True):
        wall.cells(count).add_(wall.friction.to(field.dtype))
        wall.cells(total).add_(torch.where(wall.friction, plane, 0.0))
    field.copy_(torch.where(count > 0, total / count.clamp_min(1.0), field))
