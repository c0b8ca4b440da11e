"""Times that turbulence below the grid and reactions take, which interactions compare.

Times of reactions are given as frequencies, their inverse, which are zero where nothing reacts.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial

import torch
from torch import Tensor

from combust.cfd.closures.view import View
from combust.kernels import compiled
from combust.kinetics.integrate.blocks import by_blocks
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.rates.qss import AnyKinetics, rates_of_progress
from combust.kinetics.rates.thermo import column

LEAST_Y = 1e-10  # mass fraction from which a species is one that is consumed


def over(numerator: Tensor, denominator: Tensor) -> Tensor:
    """The ratio, zero where there is no denominator."""
    return torch.where(denominator > 0, numerator / denominator, 0.0)


def integral_time(k: Tensor, epsilon: Tensor) -> Tensor:
    """k/epsilon [s] of eddies of energy k [m2/s2] that dissipate epsilon [m2/s3]; zero where there are none."""
    return over(k, epsilon)


def kolmogorov_time(nu: Tensor, epsilon: Tensor) -> Tensor:
    """(nu/epsilon)^(1/2) [s]; zero where nothing is dissipated."""
    return over(nu, epsilon).sqrt()


def turbulent_reynolds(nu: Tensor, k: Tensor, epsilon: Tensor) -> Tensor:
    """Re_t = k^2/(nu epsilon), that of eddies of the size L = k^(3/2)/epsilon; zero where there are none."""
    return over(k * k, nu * epsilon)


def longest_mixing(k: Tensor, epsilon: Tensor, nu: Tensor) -> Tensor:
    """Re_t^2 k/epsilon [s]: what vanishing eddies leave is levelled out by the gas (`pasr`). Less than their own times
    below Re_t = 1 alone, where the largest eddies would be smaller than the smallest; zero where there are none.
    """
    reynolds = turbulent_reynolds(nu, k, epsilon)
    return integral_time(k, epsilon) * reynolds * reynolds


def share_of_cells(view: View, where: Tensor) -> float:
    """Of all cells, in which this is true (collective)."""
    true = where.to(torch.float64)
    count, cells = view.sum(torch.stack([true.sum(), torch.ones_like(true).sum()])).tolist()
    return float(count / cells)


class ChemicalTime(ABC):
    """The time that reactions take in a cell."""

    @abstractmethod
    def frequency(self, view: View) -> Tensor:
        """Its inverse, (nz, ny, nx) [1/s], of the rates of the mechanism; zero where nothing reacts."""


class TimeOfReactions(ChemicalTime):
    """sum C sum w / sum w^2 over all reaction directions, w the kmol that each makes per m3 and s.

    Those that make most count most. It is what OpenFOAM takes for PaSR and EDC ("tc"), and DeepFlame by the name of
    reactionRate; forward and reverse rates count apart, so that it is finite in equilibrium.
    """

    def __init__(self, gas: Mechanism) -> None:
        solution = gas.cantera_of_all()
        made = torch.tensor(solution.product_stoich_coeffs.sum(0), dtype=torch.float64)
        back = torch.tensor(solution.reactant_stoich_coeffs.sum(0), dtype=torch.float64)
        self.made, self.back = made.to(gas.device), back.to(gas.device)
        self.kinetics, self.molar_mass = gas.kinetics, gas.molar_mass

    def frequency(self, view: View) -> Tensor:
        """See `ChemicalTime`."""
        if not self.made.numel():  # of a gas without reactions
            return torch.zeros_like(view.rho)
        T, Y = view.T.reshape(-1), view.Y.reshape(view.Y.shape[0], -1)
        C = view.rho.reshape(-1) * Y / column(self.molar_mass, T)
        kernel = partial(frequency_kernel, self.kinetics, self.made, self.back)
        return by_blocks(kernel, T, C).reshape(view.rho.shape)


def frequency_of_reactions(kin: AnyKinetics, made: Tensor, back: Tensor, T: Tensor, C: Tensor) -> Tensor:
    """Of `TimeOfReactions` (cells,) [1/s]. made, back : (reactions,) kmol that a forward and a reverse one makes."""
    forward, reverse = rates_of_progress(kin, T, C)
    w = torch.cat([column(made, T) * forward.abs(), column(back, T) * reverse.abs()])
    total = w.sum(0)
    # In shares of the largest, so that no square of a faint rate is lost.
    largest = w.amax(0)
    share = w / torch.where(largest > 0, largest, 1.0)
    return torch.where(total > 0, largest * share.square().sum(0) / share.sum(0), 0.0) / C.sum(0)


frequency_kernel = compiled(frequency_of_reactions, dynamic=None)


class TimeOfConversion(ChemicalTime):
    """The longest of the times in which given species would be gone at their present rates, rho Y_k / (W_k omega_k).

    Of those that are being consumed. DeepFlame's globalConvertion, but for the species that it takes.
    """

    def __init__(self, rows: list[int]) -> None:
        self.rows = rows

    def frequency(self, view: View) -> Tensor:
        """See `ChemicalTime`."""
        Y, rate = view.Y[self.rows], view.reactions[self.rows]
        consumed = (rate < 0) & (Y > LEAST_Y)
        frequency = torch.where(consumed, -rate / torch.where(consumed, view.rho * Y, 1.0), torch.inf).amin(0)
        return torch.where(torch.isinf(frequency), 0.0, frequency)


def damkoehler(nu: Tensor, k: Tensor, epsilon: Tensor, frequency: Tensor) -> Tensor:
    """Damkoehler number: time of the eddies, k/epsilon but at most `longest_mixing`, over that of the reactions."""
    return torch.minimum(integral_time(k, epsilon), longest_mixing(k, epsilon, nu)) * frequency


def karlovitz(nu: Tensor, epsilon: Tensor, frequency: Tensor) -> Tensor:
    """Karlovitz number: time of the reactions over that of the smallest eddies; zero where there is none of them."""
    return over(torch.ones_like(nu), kolmogorov_time(nu, epsilon) * frequency)
