"""Partially stirred reactor (PaSR): of a cell that part reacts in which mixing and reaction take turns.

    kappa = tau_c / (tau_c + tau_m)

multiplies all reaction rates; tau_c is the time of the reactions, tau_m that of mixing below the grid. The rates are
those of the mean state of the cell, as in OpenFOAM.

Times of mixing by eddies grow without bound as eddies vanish, though what these leave unmixed goes as well. Eddies of
the size L = k^(3/2)/epsilon, the width of a cell in large-eddy closures, diffuse by k^(1/2) L and make of
a mean gradient a fluctuation whose square, over that of the difference across L, is k^(1/2) L/nu = Re_t, where the gas
itself levels it out in L^2/nu. So

    tau_m <= Re_t L^2/nu = Re_t^2 k/epsilon,    Re_t = k^2/(nu epsilon)

This acts below Re_t = 1 alone, where the largest eddies would be smaller than the smallest (at Re_t = 1 all times of
mixing are k/epsilon), and makes kappa go to one in laminar gas.

Chomiak, Karlsson, Symp. (Int.) Combust. 26 (1996) 2557. doi:10.1016/S0082-0784(96)80088-9
Golovitchev, Nordin, Jarnicki, Chomiak, SAE Tech. Paper 2000-01-1891 (2000). doi:10.4271/2000-01-1891
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from combust.cfd.interaction.base import Interaction, Interplay, Met, require_eddies
from combust.cfd.interaction.times import ChemicalTime, integral_time, kolmogorov_time, longest_mixing, share_of_cells

MixingTime = Literal["integral", "kolmogorov", "geometric", "effective"]


def mixing_time(kind: MixingTime, k: Tensor, epsilon: Tensor, nu: Tensor, nu_t: Tensor) -> Tensor:
    """tau_m [s] of eddies, for a constant of one; zero where they have no energy, or dissipate none.

    k [m2/s2], epsilon [m2/s3] : of the eddies;  nu, nu_t [m2/s] : of gas and eddies
    """
    if kind == "integral":
        found = integral_time(k, epsilon)
    elif kind == "kolmogorov":
        found = kolmogorov_time(nu, epsilon)
    elif kind == "geometric":
        found = (integral_time(k, epsilon) * kolmogorov_time(nu, epsilon)).sqrt()
    else:
        found = kolmogorov_time(nu + nu_t, epsilon)
    return torch.where(k > 0, found, 0.0)


def reacting_fraction(mixing: Tensor, frequency: Tensor) -> Tensor:
    """kappa in (0, 1] of tau_m [s] and 1/tau_c [1/s]: one without mixing time or without reactions."""
    return 1.0 / (1.0 + mixing * frequency)


@dataclass(frozen=True)
class Pasr(Interaction):
    """time : which tau_m;  constant : it is multiplied with;  chemical : gives tau_c"""

    time: MixingTime
    constant: float
    chemical: ChemicalTime

    reacts: ClassVar[bool] = True

    def update(self, met: Met) -> Interplay:
        """kappa, of all rates."""
        return Interplay(rates=self.kappa(met))

    def mixing(self, met: Met) -> Tensor:
        """tau_m [s]."""
        return self.constant * torch.minimum(*self._times(met))

    def _times(self, met: Met) -> tuple[Tensor, Tensor]:
        """tau_m of the eddies and what it is at most, for a constant of one."""
        k, epsilon = require_eddies(met, "pasr")
        assert met.eddies is not None
        nu = met.view.kinematic_viscosity
        return mixing_time(self.time, k, epsilon, nu, met.eddies.viscosity), longest_mixing(k, epsilon, nu)

    def kappa(self, met: Met) -> Tensor:
        """The part that reacts."""
        return reacting_fraction(self.mixing(met), self.chemical.frequency(met.view))

    @property
    def chemical_time(self) -> ChemicalTime | None:
        """See `Interaction`."""
        return self.chemical

    @property
    def fields(self) -> Mapping[str, Callable[[Met], Tensor]]:
        """See `Interaction`."""
        return {"kappa": self.kappa, "mixing_time": self.mixing}

    @property
    def columns(self) -> Mapping[str, Callable[[Met], float]]:
        """See `Interaction`."""
        return {"mixing_limited": self.share_limited}

    def share_limited(self, met: Met) -> float:
        """Of all cells, in which the eddies are too weak for tau_m to be theirs."""
        of_eddies, longest = self._times(met)
        return share_of_cells(met.view, of_eddies > longest)
