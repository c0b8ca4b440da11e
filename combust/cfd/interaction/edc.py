"""Eddy dissipation concept (EDC): reactions go on in the fine structures of turbulence, which fill a part of a cell.

    gamma = C_gamma (nu epsilon / k^2)^(1/4) = C_gamma Re_t^(-1/4),    tau* = C_tau (nu/epsilon)^(1/2)
    kappa = gamma^a / (1 - gamma^b),    a, b = 3, 3 (1981), 2, 3 (1996), 2, 2 (2005 and 2016)

kappa multiplies all reaction rates. It grows beyond one where gamma nears one, at Re_t = 20.9 of the constants below,
and means nothing from there on: it is then one, and such cells are counted. The rates are those of the mean state of
the cell, which is the limit of tau* -> 0 of fine structures that react by themselves for tau*; OpenFOAM takes the mean
rate of a closed reactor over tau*.

Magnussen, AIAA Paper 81-0042 (1981), doi:10.2514/6.1981-42; Gran, Magnussen, Combust. Sci. Technol. 119 (1996) 191,
doi:10.1080/00102209608951999; Magnussen, ECCOMAS Thematic Conference on Computational Combustion (2005);
Parente et al., Fuel 163 (2016) 98, doi:10.1016/j.fuel.2015.09.020
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor

from combust.cfd.interaction.base import Interaction, Interplay, Met, require_eddies
from combust.cfd.interaction.times import (
    ChemicalTime,
    kolmogorov_time,
    longest_mixing,
    over,
    share_of_cells,
    turbulent_reynolds,
)

Version = Literal["1981", "1996", "2005", "2016"]
EXPONENTS: dict[Version, tuple[int, int]] = {"1981": (3, 3), "1996": (2, 3), "2005": (2, 2), "2016": (2, 2)}
C_GAMMA, C_TAU = 2.1377, 0.4083
C_1, C_2 = 0.05774, 0.5  # of the local constants of 2016
DA, LARGEST_TAU, GAMMAS = (1e-10, 10.0), 2.1377, (0.4082, 5.0)  # and their bounds


class FineStructures(NamedTuple):
    """kappa, tau* [s], and whether kappa was limited, each (...cells)."""

    kappa: Tensor
    time: Tensor
    limited: Tensor


def local_constants(nu: Tensor, epsilon: Tensor, k: Tensor, frequency: Tensor) -> tuple[Tensor, Tensor]:
    """C_gamma and C_tau of 2016, of Da = (nu/epsilon)^(1/2)/tau_c and Re_t = k^2/(nu epsilon), as OpenFOAM bounds them.

    C_tau = C_1 / (Da (Re_t + 1)^(1/2)),   C_gamma = C_2 (Da (Re_t + 1))^(1/2)
    """
    Da = (kolmogorov_time(nu, epsilon) * frequency).clamp(*DA)
    Re = turbulent_reynolds(nu, k, epsilon)
    return (C_2 * (Da * (Re + 1.0)).sqrt()).clamp(*GAMMAS), (C_1 / (Da * (Re + 1.0).sqrt())).clamp_max(LARGEST_TAU)


def gamma_bounded(nu: Tensor, epsilon: Tensor, k: Tensor, frequency: Tensor) -> Tensor:
    """Where kappa of 2016 hangs on a bound: Da, or C_gamma of it, is outside its range, in cells that have eddies."""
    Da, Re = kolmogorov_time(nu, epsilon) * frequency, turbulent_reynolds(nu, k, epsilon)
    C = C_2 * (Da * (Re + 1.0)).sqrt()
    return (Re > 0) & ((Da < DA[0]) | (Da > DA[1]) | (C < GAMMAS[0]) | (C > GAMMAS[1]))


def fine_structures(
    version: Version, nu: Tensor, k: Tensor, epsilon: Tensor, constants: tuple[Tensor, Tensor] | tuple[float, float]
) -> FineStructures:
    """Of gas of kinematic viscosity nu [m2/s] and eddies of energy k [m2/s2] that dissipate epsilon [m2/s3].

    constants : C_gamma and C_tau. Without eddies all reacts, kappa = 1, which is no limit; tau* goes to 0 as they
    vanish (`longest_mixing`).
    """
    gamma_constant, tau_constant = constants
    a, b = EXPONENTS[version]
    there = (k * k > 0) & (epsilon > 0)  # a k whose square is lost is none
    gamma = gamma_constant * over(nu * epsilon, k * k) ** 0.25
    below = gamma < 1.0
    free = torch.where(below, gamma, 0.0)
    kappa = torch.where(below, free**a / (1.0 - free**b), torch.inf)
    limited = there & (kappa > 1.0)
    kappa = torch.where(there, kappa.clamp_max(1.0), 1.0)
    time = torch.minimum(kolmogorov_time(nu, epsilon), longest_mixing(k, epsilon, nu))
    return FineStructures(kappa, tau_constant * time, limited)


@dataclass(frozen=True)
class Edc(Interaction):
    """chemical : gives the time of reactions, of the version of 2016 alone."""

    version: Version
    chemical: ChemicalTime

    reacts: ClassVar[bool] = True

    def update(self, met: Met) -> Interplay:
        """kappa, of all rates."""
        return Interplay(rates=self.structures(met).kappa)

    def structures(self, met: Met) -> FineStructures:
        """The fine structures of the flow."""
        k, epsilon = require_eddies(met, "edc")
        nu = met.view.kinematic_viscosity
        if self.version == "2016":
            constants = local_constants(nu, epsilon, k, self.chemical.frequency(met.view))
            return fine_structures(self.version, nu, k, epsilon, constants)
        return fine_structures(self.version, nu, k, epsilon, (C_GAMMA, C_TAU))

    @property
    def chemical_time(self) -> ChemicalTime | None:
        """See `Interaction`."""
        return self.chemical

    @property
    def fields(self) -> Mapping[str, Callable[[Met], Tensor]]:
        """See `Interaction`."""
        return {"kappa": lambda met: self.structures(met).kappa, "fine_time": lambda met: self.structures(met).time}

    @property
    def columns(self) -> Mapping[str, Callable[[Met], float]]:
        """See `Interaction`."""
        return {"kappa_limited": self.share_limited, "gamma_limited": self.share_bounded}

    def share_limited(self, met: Met) -> float:
        """Of all cells, in which kappa is limited to one."""
        return share_of_cells(met.view, self.structures(met).limited)

    def share_bounded(self, met: Met) -> float:
        """Of all cells, in which a bound of 2016 decides C_gamma; other versions have none."""
        if self.version != "2016":
            return 0.0
        k, epsilon = require_eddies(met, "edc")
        frequency = self.chemical.frequency(met.view)
        return share_of_cells(met.view, gamma_bounded(met.view.kinematic_viscosity, epsilon, k, frequency))
