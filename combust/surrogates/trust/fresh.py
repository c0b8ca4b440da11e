"""The temperature of the fresh gas that a cell comes from, and whether a learned chemistry was taught such cells.

The elements of a cell say in which proportion fuel and oxidizer were mixed (Bilger's mixture fraction,
doi:10.1016/S0082-0784(89)80049-2), its enthalpy how hot that mixture was. Diffusion changes both on the way through a
flame, by up to 300 K of fresh gas in hydrogen's, much more ahead of the front than in it. So a cell is held against
flames of the hottest fresh gas, at its own temperature and mixture fraction. It is known if it is not colder than the
training rows of its temperature were, and

- not hotter than such a flame there, or
- an ignition: its elements in proportions that only mixing and no diffusion gave, its fresh gas as hot as theirs, or
- none of a premixed flame by its elements, and not hotter than the rows of counterflow flames.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from combust.errors import FileFormatError
from combust.kinetics.integrate import systems
from combust.kinetics.integrate.systems import Hold
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.mechanism.mixtures import VALENCE
from combust.kinetics.rates.thermo import Thermo
from combust.surrogates.model.card import AGAIN, Ratios, Taught

MARGIN = 20.0  # K of fresh gas, beyond what the rows and flames of the training had
COLDEST, STEP = 200.0, 25.0  # K, of the table of energies of fresh gas; straight lines below and above
CHUNK = 20_000  # rows at once
SAME = 1.0  # K, by which a gas is fresh: its own temperature


@dataclass(frozen=True, eq=False)
class Mixing:
    """Fuel and oxidizer of a mechanism as the two gases that a cell was mixed of."""

    gas: Mechanism
    hold: Hold
    mixing: np.ndarray  # (species,) mixture fraction of each
    nodes: np.ndarray  # K
    energies: np.ndarray  # (nodes, 2) J/kg of oxidizer and fuel, as `hold` keeps it

    @classmethod
    def of(cls, gas: Mechanism, hold: Hold, fuel: str, oxidizer: str) -> Mixing:
        """Raises MechanismError for a species that the mechanism lacks."""
        streams = np.stack([gas.composition(x).cpu().numpy() for x in (oxidizer, fuel)])
        atoms = (gas.element_matrix / gas.molar_mass).cpu().numpy()
        coupling = np.array([VALENCE.get(e, 0.0) for e in gas.elements]) @ atoms
        low, high = streams @ coupling
        end = min(3500.0, gas.T_range[1])
        nodes = np.arange(COLDEST, end, STEP)
        e, _ = systems.energies(gas.thermo, hold, torch.as_tensor(nodes, device=gas.device))
        return cls(gas, hold, (coupling - low) / (high - low), nodes, e.cpu().numpy().T @ streams.T)

    def energy(self, T: np.ndarray) -> np.ndarray:
        """J/kg of oxidizer and fuel (..., 2) at T [K] (...)."""
        i = np.clip(np.searchsorted(self.nodes, T) - 1, 0, len(self.nodes) - 2)
        share = ((T - self.nodes[i]) / STEP)[..., None]
        return (1 - share) * self.energies[i] + share * self.energies[i + 1]

    def __call__(self, T: np.ndarray, Y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mixture fraction, and temperature [K] of the fresh gas (rows,), of T (rows,), Y (rows, species)."""
        parts = [self._some(T[k : k + CHUNK], Y[k : k + CHUNK]) for k in range(0, len(T), CHUNK)]
        return np.concatenate([z for z, _ in parts]), np.concatenate([t for _, t in parts])

    def _some(self, T: np.ndarray, Y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        e, _ = systems.energies(self.gas.thermo, self.hold, torch.as_tensor(T, device=self.gas.device))
        own, z = (Y * e.cpu().numpy().T).sum(1), Y @ self.mixing
        table = self.energies[:, :1] + (self.energies[:, 1:] - self.energies[:, :1]) * z
        i = np.clip((table < own).sum(0) - 1, 0, len(self.nodes) - 2)
        rows = np.arange(len(T))
        low, high = table[i, rows], table[i + 1, rows]
        return z, self.nodes[i] + STEP * (own - low) / (high - low)


class FreshGas(NamedTuple):
    """Tables of the test; energies [J/kg] of oxidizer and fuel, of fresh gas at the bounds, in the last extent."""

    mixing: Tensor  # (species,)
    temperature: Tensor  # (nodes,) K
    mixture: Tensor  # (mixtures,)
    coldest: Tensor  # (nodes, 2)
    hottest: Tensor  # (nodes, mixtures, 2)
    apart: Tensor  # (nodes, 2)
    ignitions: Tensor  # (2, 2) lowest, highest
    even: Tensor  # (2, elements, elements) lowest, highest
    premixed: Tensor  # (2, elements, elements)


def tables(found: Taught, gas: Mechanism, hold: Hold, fuel: str, oxidizer: str) -> FreshGas:
    """Of a card, on the device of the mechanism."""
    mixing = Mixing.of(gas, hold, fuel, oxidizer)
    count, elements = len(found.temperature), len(gas.elements)

    def bound(values: Any, margin: float, *shape: int) -> np.ndarray:
        if values is None:
            return np.full((*shape, 2), -np.inf)
        return mixing.energy(np.asarray(values) + margin)

    def ratios(given: Ratios | None) -> np.ndarray:
        if given is None:  # no ratio is between these
            return np.stack([np.full((elements, elements), x) for x in (2.0, -1.0)])
        for table in (given.lowest, given.highest):
            if [len(row) for row in table] != [elements] * elements:
                raise FileFormatError(
                    f"learned chemistry for {gas.path}: its card is damaged: fresh: ratios need {elements} by "
                    f"{elements} numbers, of {', '.join(gas.elements)}; {AGAIN}"
                )
        return np.stack([np.asarray(given.lowest), np.asarray(given.highest)])

    margin = found.margin
    ends = None if found.ignitions is None else (found.ignitions[0] - margin, found.ignitions[1] + margin)
    return FreshGas(
        *(
            torch.as_tensor(np.asarray(x, dtype=float), device=gas.device)
            for x in (
                mixing.mixing,
                found.temperature,
                found.mixture,
                bound(found.coldest, -margin, count),
                bound(found.hottest, margin, count, len(found.mixture)),
                bound(found.apart, margin, count),
                bound(ends, 0.0, 2),
                ratios(found.even),
                ratios(found.premixed),
            )
        )
    )


def ratios(elements: Tensor, y: Tensor) -> Tensor:
    """Z_e / (Z_e + Z_f) (elements, elements, cells) of mass fractions y; one half where there is none of both.

    elements: (elements, species) kg per kg.
    """
    Z = elements @ y
    a, b = Z.unsqueeze(1), Z.unsqueeze(0)
    return (a + 1e-12) / (a + b + 2e-12)


def normalised(Y: Tensor) -> Tensor:
    """Mass fractions (species, cells) without negative ones, that sum to one."""
    y = Y.clamp_min(0.0)
    return y / y.sum(0)


def known(fresh: FreshGas, elements: Tensor, thermo: Thermo, hold: Hold, T: Tensor, Y: Tensor) -> Tensor:
    """Whether cells T (cells,), Y (species, cells) come from fresh gas as hot as that of the training rows (cells,)."""
    y = normalised(Y)
    return from_fresh(fresh, thermo, hold, T, y, ratios(elements, y))


def from_fresh(fresh: FreshGas, thermo: Thermo, hold: Hold, T: Tensor, y: Tensor, ratio: Tensor) -> Tensor:
    """`known` of mass fractions that are `normalised` and the ratios of their elements."""
    e, _ = systems.energies(thermo, hold, T)
    own, z = (y * e).sum(0), (fresh.mixing.unsqueeze(1) * y).sum(0)
    i, a = bracket(fresh.temperature, T)
    j, b = bracket(fresh.mixture, z)
    a, b, z = a.unsqueeze(1), b.unsqueeze(1), z.unsqueeze(1)
    hottest = (1 - a) * ((1 - b) * fresh.hottest[i, j] + b * fresh.hottest[i, j + 1])
    hottest = hottest + a * ((1 - b) * fresh.hottest[i + 1, j] + b * fresh.hottest[i + 1, j + 1])
    coldest = (1 - a) * fresh.coldest[i] + a * fresh.coldest[i + 1]
    apart = (1 - a) * fresh.apart[i] + a * fresh.apart[i + 1]
    own = own.unsqueeze(1)
    even, premixed = (
        ((ratio >= x[0].unsqueeze(2)) & (ratio <= x[1].unsqueeze(2))).flatten(0, 1).all(0)
        for x in (fresh.even, fresh.premixed)
    )
    low, high = of_mixture(fresh.ignitions[0], z), of_mixture(fresh.ignitions[1], z)
    ignition = even & ((own >= low) & (own <= high)).squeeze(1)
    other = ~premixed & (own <= of_mixture(apart, z)).squeeze(1)
    flame = (own <= of_mixture(hottest, z)).squeeze(1)
    return (own >= of_mixture(coldest, z)).squeeze(1) & (flame | ignition | other)


def bracket(nodes: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """The node below x (cells,), and how far on the way to the next it is: 0 to 1."""
    i = (x >= nodes.unsqueeze(1)).sum(0).clamp(1, nodes.numel() - 1) - 1
    return i, ((x - nodes[i]) / (nodes[i + 1] - nodes[i])).clamp(0.0, 1.0)


def of_mixture(energy: Tensor, z: Tensor) -> Tensor:
    """Of oxidizer and fuel (..., 2), mixed at a mixture fraction z (cells, 1): (cells, 1)."""
    return energy[..., :1] + z * (energy[..., 1:] - energy[..., :1])
