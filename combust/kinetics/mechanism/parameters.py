"""Rate parameters in the mechanism's own order, to read, change and differentiate."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from combust.errors import MechanismError
from combust.kinetics.rates.data import RateData
from combust.kinetics.rates.rate_constants import LN_LEAST, Arrhenius, low_over_high


class RateParameters(NamedTuple):
    """Arrhenius parameters k = A T^b exp(-Ea_R / T) of every reaction, all (reactions,); kmol, m3, s, K.

    Of falloff and chemically activated reactions A, b, Ea_R are the high-pressure limit and A_low, b_low, Ea_R_low
    the low one; elsewhere those are 1, 0, 0 and count for nothing. Of Blowers-Masel reactions Ea_R is the intrinsic
    energy. P-log, Chebyshev and linear Burke reactions have A = 1, which multiplies their rate, and b = Ea_R = 0,
    which counts for nothing.
    """

    A: Tensor
    b: Tensor
    Ea_R: Tensor
    A_low: Tensor
    b_low: Tensor
    Ea_R_low: Tensor


def parameters_of(rates: RateData) -> RateParameters:
    """The parameters that the rates are made of."""
    zero = torch.zeros_like(rates.A)
    masel, falloff = rates.blowers_masel, rates.falloff
    # b and Ea_R of every row of the table of rate constants; rates of the last three types have none.
    rest = zero.new_zeros(rates.plog.node.shape[0] + rates.chebyshev.x0.shape[0] + rates.linear_burke.sum.shape[0])
    b = torch.cat([rates.b, masel.b, rest])[rates.exponent]
    Ea_R = torch.cat([rates.Ea_R, masel.E0_R, rest])[rates.exponent]
    rows, activated = falloff_reactions(rates), falloff.activated > 0
    known = RateParameters(rates.A, b, Ea_R, zero + 1, zero, zero)
    k = [x[rows] for x in known[:3]]
    ratio = falloff.ratio
    # k is the low limit of activated reactions, else the high one; ratio is low over high.
    factor, least = ratio.sign * torch.exp(ratio.ln_A), math.exp(LN_LEAST)  # what stands for a high limit of zero
    A_high, A_low = k[0] / factor, torch.where(k[0] == 0, least, k[0]) * factor
    A_high = torch.where(A_high.abs() <= 1.001 * least, 0.0, A_high)
    up, down = (A_high, k[1] - ratio.b, k[2] - ratio.Ea_R), (A_low, k[1] + ratio.b, k[2] + ratio.Ea_R)
    high = [torch.where(activated, x, y) for x, y in zip(up, k, strict=True)]
    low = [torch.where(activated, y, x) for x, y in zip(down, k, strict=True)]
    new = [x.index_copy(0, rows, y) for x, y in zip(known, (*high, *low), strict=True)]
    place = torch.argsort(rates.order)
    return RateParameters(*(x[place] for x in new))


def replaced(old: RateParameters, new: dict[str, Tensor]) -> RateParameters:
    """The old ones but for the new ones, by name. Raises MechanismError for a name that is none of theirs."""
    if unknown := [name for name in new if name not in RateParameters._fields]:
        known = ", ".join(RateParameters._fields)
        raise MechanismError(f"rate parameters: unknown {', '.join(unknown)}; known: {known}")
    return old._replace(**new)


def with_parameters(rates: RateData, new: RateParameters) -> RateData:
    """Rates with these parameters (own order), differentiable with respect to them.

    Every Arrhenius reaction gets an exponential of its own. Raises MechanismError for a wrong number of reactions.
    """
    n = rates.A.shape[0]
    for name, x in zip(RateParameters._fields, new, strict=True):
        if x.shape != (n,):
            raise MechanismError(f"rate parameters {name}: shape {tuple(x.shape)}; allowed: ({n},), one per reaction")
    A, b, Ea_R, A_low, b_low, Ea_R_low = (x[rates.order] for x in new)
    n_exp, plain = rates.b.shape[0], rates.exponent < rates.b.shape[0]
    own = plain.nonzero()[:, 0]
    exponent = (rates.exponent - n_exp + own.shape[0]).index_copy(0, own, torch.arange(own.shape[0], device=own.device))
    rows, activated = falloff_reactions(rates), rates.falloff.activated > 0
    high, low = (A[rows], b[rows], Ea_R[rows]), (A_low[rows], b_low[rows], Ea_R_low[rows])
    limits = [Arrhenius(torch.sign(k[0]), torch.log(k[0].abs()), k[1], k[2]) for k in (low, high)]
    ratio = low_over_high(*limits)
    A, b, Ea_R = (
        x.index_copy(0, rows, torch.where(activated, l, h)) for x, l, h in zip((A, b, Ea_R), low, high, strict=True)
    )
    masel = masel_reactions(rates)
    return rates._replace(
        A=A,
        b=b[own],
        Ea_R=Ea_R[own],
        exponent=exponent,
        blowers_masel=rates.blowers_masel._replace(b=b[masel], E0_R=Ea_R[masel]),
        falloff=rates.falloff._replace(ratio=ratio),
    )


def with_multipliers(rates: RateData, forward: Tensor, reverse: Tensor) -> RateData:
    """Rates of an ensemble whose members have these factors, (reactions, members) in the file's order.

    Raises MechanismError for a wrong number of reactions.
    """
    n, irreversible = rates.A.shape[0], rates.A.shape[0] - rates.products.shape[0]
    for name, x in (("forward", forward), ("reverse", reverse)):
        if x.dim() != 2 or x.shape[0] != n:
            raise MechanismError(f"{name} factors: shape {tuple(x.shape)}; allowed: ({n}, members), one per reaction")
    ahead, back = (x.to(rates.A)[rates.order] for x in (forward, reverse))
    return rates._replace(multiplier=torch.cat([ahead, back[irreversible:]]))


def falloff_reactions(rates: RateData) -> Tensor:
    """Internal reaction of each row of the falloff table."""
    first = 1 + rates.efficiency.shape[0]
    found = (rates.factor >= first).nonzero()[:, 0]
    return found[torch.argsort(rates.factor[found])]


def masel_reactions(rates: RateData) -> Tensor:
    """Internal reaction of each row of the Blowers-Masel table."""
    first = rates.b.shape[0]
    found = ((rates.exponent >= first) & (rates.exponent < first + rates.blowers_masel.b.shape[0])).nonzero()[:, 0]
    return found[torch.argsort(rates.exponent[found])]
