"""How the Jacobian of a reactor changes along a direction: dJ/dz . u, which its adjoint asks for at every stage.

With the C++ kernels by differences of fourth order,

    (8 (J(z + b u) - J(z - b u)) - (J(z + 2 b u) - J(z - 2 b u))) / 12 b

Rates are polynomials of low degree in y, and b u changes T by so little (STEP_T) that the fifth derivative of an
exponential does not count, about 1e-11 of dJ/dz; round-off is that of J over b, less than 1e-12 of J. Where a
difference reaches over the temperature at which two polynomials of a species meet, and for laws with corners (orders
that are no whole numbers, P-log, Blowers-Masel), torch's forward derivatives serve, which take ten times as long.
"""

from __future__ import annotations

import torch
from torch import Tensor

from combust.kinetics.integrate import systems
from combust.kinetics.integrate.jacobian import linearise
from combust.kinetics.integrate.native.integrator import compiled_for
from combust.kinetics.integrate.systems import Fixed, Hold
from combust.kinetics.rates.data import Kinetics
from combust.kinetics.rates.qss import AnyKinetics
from combust.kinetics.rates.thermo import Thermo

STEP_T, STEP_Y = 1e-4, 1e-3  # of T, and of the sum of all changes of y


def along(kin: AnyKinetics, hold: Hold, z: Tensor, u: Tensor, s: Tensor, fixed: Fixed) -> Tensor:
    """dJ/dz . u (1 + species, 1 + species, cells) at z with sources s, all else (1 + species, cells)."""
    if not smooth(kin) or compiled_for(kin, z, s, fixed.held) is None:
        return _exact(kin, hold, z, u, s, fixed)
    by = 1.0 / (u[0].abs() / (STEP_T * z[0]) + u[1:].abs().sum(0) / (STEP_Y * z[1:].sum(0)) + 1e-30)
    total = torch.zeros(())
    for weight, place in ((8.0, 1.0), (-8.0, -1.0), (-1.0, 2.0), (1.0, -2.0)):
        total = total + weight / (12.0 * by) * linearise(kin, hold, z + place * by * u, fixed, s)[1]
    at = _met(kin.thermo, z[0], 2.1 * by * u[0].abs()).nonzero().squeeze(-1)
    if at.numel():
        total[..., at] = _exact(kin, hold, z[:, at], u[:, at], s[:, at], fixed.of(at))
    return total


def smooth(kin: AnyKinetics) -> bool:
    """Whether J has derivatives of any order, but where polynomials of species meet."""
    if not isinstance(kin, Kinetics):
        return False
    rates = kin.rates
    corners = (rates.power, rates.plog.node, rates.blowers_masel.b, rates.linear_burke.owner)
    return not any(x.numel() for x in corners)


def _met(thermo: Thermo, T: Tensor, reach: Tensor) -> Tensor:
    """Whether polynomials of any species meet within `reach` [K] of T (cells,)."""
    meetings = torch.cat([thermo.T_mid.reshape(-1), thermo.T_upper.reshape(-1)]).unique()
    return ((T - meetings.unsqueeze(1)).abs() <= reach).any(0)


def _exact(kin: AnyKinetics, hold: Hold, z: Tensor, u: Tensor, s: Tensor, fixed: Fixed) -> Tensor:
    def jacobian(z: Tensor) -> Tensor:
        return systems.linearise(kin, hold, z, s, fixed).jacobian

    found: Tensor = torch.func.jvp(jacobian, (z.contiguous(),), (u.contiguous(),))[1]
    return found
