"""What the network sees and says, in coordinates that a few hundred neurons can learn.

In: u_k = (Y_k + floor)^power of the reacting species, Y of the inert ones, T, 1000/T, ln p, ln dt, all scaled to mean 0
and deviation 1. Out: the change of u_k over the step (the Box-Cox difference, less its constant), or of Y_k, divided by
the species' scale and by dt / (dt + tau), which a short step goes with; so a change vanishes with dt.
Box and Cox, J. R. Stat. Soc. B 26 (1964) 211, doi:10.1111/j.2517-6161.1964.tb00553.x
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from combust.kinetics.mechanism.mechanism import Mechanism
from combust.surrogates.settings import Architecture, Range

OUTPUTS = ("box-cox", "linear")


class Coordinates(NamedTuple):
    """Species rows and scales; float64."""

    active: Tensor  # (outputs,) rows of the species that react, int64
    inert: Tensor  # rows of those that do not and are present
    mean: Tensor  # (inputs,)
    deviation: Tensor  # (inputs,)
    scale: Tensor  # (outputs,) of the change
    power: float
    floor: float
    tau: float  # s
    output: str  # of OUTPUTS

    def raw(self, T: Tensor, p: Tensor, Y: Tensor, dt: Tensor) -> Tensor:
        """Inputs before scaling, (inputs, cells)."""
        rest = torch.stack([T, 1000.0 / T, p.log(), dt.log()])
        return torch.cat([self.transform(Y[self.active]), Y[self.inert], rest])

    def features(self, T: Tensor, p: Tensor, Y: Tensor, dt: Tensor) -> Tensor:
        """(inputs, cells), of T [K], p [Pa], dt [s] (cells,), Y >= 0 (species, cells)."""
        return (self.raw(T, p, Y, dt) - self.mean.unsqueeze(1)) / self.deviation.unsqueeze(1)

    def transform(self, y: Tensor) -> Tensor:
        """(y + floor)^power."""
        return (y + self.floor) ** self.power

    def unit(self, dt: Tensor) -> Tensor:
        """What a change goes with, (outputs, cells)."""
        return self.scale.unsqueeze(1) * (dt / (dt + self.tau))

    def change(self, Y: Tensor, Y1: Tensor) -> Tensor:
        """Of the output coordinate, (outputs, cells)."""
        y, y1 = Y[self.active], Y1[self.active]
        return self.transform(y1) - self.transform(y) if self.output == "box-cox" else y1 - y

    def target(self, Y: Tensor, Y1: Tensor, dt: Tensor) -> Tensor:
        """What the network should say, (outputs, cells), of non-negative Y, Y1 (species, cells)."""
        return self.change(Y, Y1) / self.unit(dt)

    def decode(self, Y: Tensor, out: Tensor, dt: Tensor) -> Tensor:
        """Mass fractions >= 0 of the active species after the step, (outputs, cells), elements not yet corrected.

        u^(1/power) of what is below zero would be positive for an even power: u is cut at zero, which stands for
        "none left" as it does in the labels.
        """
        change = out.to(Y.dtype) * self.unit(dt)
        y = Y[self.active]
        if self.output == "linear":
            return (y + change).clamp_min(0.0)
        u = (self.transform(y) + change).clamp_min(0.0)
        return (inverse_power(u, self.power) - self.floor).clamp_min(0.0)

    @classmethod
    def fit(
        cls, gas: Mechanism, config: Architecture, range: Range, T: Tensor, p: Tensor, Y: Tensor, dt: Tensor, Y1: Tensor
    ) -> Coordinates:
        """Scales of training rows: T, p, dt (rows,), Y, Y1 (species, rows); Y1 is the exact state after dt."""
        active, inert = reacting(gas, Y)
        one = torch.ones(1, dtype=torch.float64)
        made = cls(
            active, inert, one, one, torch.ones(active.numel(), dtype=torch.float64), config.power, config.floor,
            math.sqrt(range.dt[0] * range.dt[1]), config.output,
        )  # fmt: skip
        x = made.raw(T, p, Y, dt)
        deviation = x.std(1)
        # An input that never changes says nothing; its scale only has to be a number.
        deviation = torch.where(deviation > 1e-9 * x.abs().amax(1), deviation, torch.ones_like(deviation))
        scale = made.target(Y, Y1, dt).square().mean(1).sqrt().clamp_min(1e-12)
        return made._replace(mean=x.mean(1), deviation=deviation, scale=scale)


def inverse_power(u: Tensor, power: float) -> Tensor:
    """u^(1/power); a few products for the power 0.1, where a general one costs more than the network's layer."""
    if abs(power - 0.1) < 1e-12:
        u2 = u * u
        u4 = u2 * u2
        return u4 * u4 * u2
    return u ** (1.0 / power)


def reacting(gas: Mechanism, Y: Tensor) -> tuple[Tensor, Tensor]:
    """Rows of species that take part in a reaction, and of those that do not but are present in Y (species, rows)."""
    solution = gas.cantera_of_all()
    change = solution.product_stoich_coeffs != solution.reactant_stoich_coeffs
    changed = dict(zip(solution.species_names, change.any(axis=1).tolist(), strict=True))
    active = [k for k, name in enumerate(gas.species) if changed[name]]
    inert = [k for k, name in enumerate(gas.species) if not changed[name] and float(Y[k].max()) > 0]
    return torch.tensor(active), torch.tensor(inert, dtype=torch.int64)
