"""Partially stirred reactor (PaSR): of a cell that part reacts in which mixing and reaction take turns.

    kappa = tau_c / (tau_c + tau_m)

multiplies all reaction rates; tau_c is the time of the reactions, tau_m that of mixing below the grid. The rates are
those of the mean state of the cell, as in OpenFOAM.

Chomiak, Karlsson, Symp. (Int.) Combust. 26 (1996) 2557. doi:10.1016/S0082-0784(96)80088-9
Golovitchev, Nordin, Jarnicki, Chomiak, SAE Tech. Paper 2000-01-1891 (2000). doi:10.4271/2000-01-1891
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from combust.cfd.interaction.base import Interaction, Interplay, Met, require_eddies
from combust.cfd.interaction.times import ChemicalTime, integral_time, kolmogorov_time

MixingTime = Literal["integral", "kolmogorov", "geometric", "effective"]


def mixing_time(kind: MixingTime, k: Tensor, epsilon: Tensor, nu: Tensor, nu_t: Tensor) -> Tensor:
    """tau_m [s] for a constant of one. k [m2/s2], epsilon [m2/s3] : of the eddies;  nu, nu_t [m2/s] : of gas and eddies

    Zero where eddies have no energy, or dissipate none: what is resolved has nothing to be mixed below the grid.
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

    def update(self, met: Met) -> Interplay:
        """kappa, of all rates."""
        return Interplay(rates=self.kappa(met))

    def mixing(self, met: Met) -> Tensor:
        """tau_m [s]."""
        k, epsilon = require_eddies(met, "pasr")
        assert met.eddies is not None
        return self.constant * mixing_time(self.time, k, epsilon, met.view.kinematic_viscosity, met.eddies.viscosity)

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
