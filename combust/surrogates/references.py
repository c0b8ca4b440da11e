"""Jacobians that similar cells share: those of a few dozen reference states, at the pressure and time step at hand.

A Jacobian of one's own for every cell is most of the cost of exact integration. What is done with these is of the same
order whatever the Jacobian is, and its error is tested.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from combust.kernels import compiled
from combust.kinetics import systems
from combust.kinetics.integrate import blocks
from combust.kinetics.mechanism import Mechanism
from combust.kinetics.systems import Fixed, Hold
from combust.kinetics.thermo import GAS_CONSTANT
from combust.surrogates.cells import BLOCK, by_blocks

KELVIN, POWER, WEIGHT, FLOOR = 300.0, 0.1, 6.0, 1e-12  # of the distance: T / KELVIN and WEIGHT (Y + FLOOR)^POWER
PER_DECADE = 20.0  # pressures that share Jacobians: within 12 %


class References(NamedTuple):
    """T (references,) K, Y (species, references)."""

    T: Tensor
    Y: Tensor

    def joined(self, other: References) -> References:
        """These and others."""
        return References(torch.cat([self.T, other.T.to(self.T)]), torch.cat([self.Y, other.Y.to(self.Y)], 1))


class Shared(NamedTuple):
    """Some cells, how many of them are no padding, and (1 - gamma dt J)^-1 that they share."""

    cells: Tensor
    count: int
    solve: Tensor


class SharedJacobians:
    """References of one mechanism and system; keeps what it computed for the last pressures and time step.

    The first `few` stand alone where many cells are in question and a coarse choice will do.
    """

    def __init__(self, gas: Mechanism, hold: Hold, few: References, more: References) -> None:
        self.gas, self.hold, self.few = gas, hold, few.T.numel()
        self.references = References(*(x.to(gas.device) for x in few.joined(more)))
        places = place(*self.references).to(torch.float32)
        self._places = (-2.0 * places.T.contiguous(), places.square().sum(0))
        self._jacobians: dict[int, Tensor] = {}
        self._solves: dict[tuple[int, float, float], Tensor] = {}

    def nearest(self, z: Tensor) -> Tensor:
        """Rows of the references nearest to z (1 + species, cells): of the first few, and of all; (2, cells)."""
        return by_blocks(partial(nearest_kernel, *self._places, self.few), z)

    def groups(self, near: Tensor, p: Tensor, dt: float, gamma: float) -> Iterator[Shared]:
        """Cells in groups with the matrix of their reference, near (cells,), at p (cells,) Pa."""
        if not near.numel():
            return
        bins = (p.log10() * PER_DECADE).round().to(torch.int64)
        low, high = (int(x) for x in torch.aminmax(bins))
        for decade in range(low, high + 1):
            own = None if low == high else (bins == decade).nonzero().squeeze(-1)
            rows = near if own is None else near[own]
            if not rows.numel():
                continue
            order = torch.argsort(rows)
            order = order if own is None else own[order]
            counts = torch.bincount(rows, minlength=self.references.T.numel()).tolist()
            start, solves = 0, self.solves(decade, dt, gamma)
            for row, count in enumerate(counts):
                for cells, used in blocks(order[start : start + count], BLOCK):
                    yield Shared(cells, used, solves[row])
                start += count

    def jacobians(self, decade: int) -> Tensor:
        """(references, 1 + species, 1 + species) at the pressure of a bin."""
        if decade not in self._jacobians:
            T, Y = self.references
            p = torch.full_like(T, 10.0 ** (decade / PER_DECADE))
            rho = p * self.gas.mean_molar_mass(Y) / (GAS_CONSTANT * T)
            z = torch.cat([T.unsqueeze(0), Y * rho if self.hold == "flow" else Y])
            fixed = None if self.hold == "flow" else Fixed(p if self.hold == "hp" else rho)
            found = systems.linearise(self.gas.kinetics, self.hold, z, torch.zeros_like(z), fixed).jacobian
            self._jacobians[decade] = found.permute(2, 0, 1).contiguous()
        return self._jacobians[decade]

    def solves(self, decade: int, dt: float, gamma: float) -> Tensor:
        """(1 - gamma dt J)^-1 of each reference."""
        key = (decade, dt, gamma)
        if key not in self._solves:
            self._solves = {k: v for k, v in self._solves.items() if k[1] == dt}  # those of other steps are history
            J = self.jacobians(decade)
            unit = torch.eye(J.shape[1], dtype=J.dtype, device=J.device)
            self._solves[key] = torch.linalg.inv(unit - gamma * dt * J)
        return self._solves[key]


def nearest(minus_twice: Tensor, squares: Tensor, few: int, z: Tensor) -> Tensor:
    """See `SharedJacobians.nearest`: minus twice the references' places, transposed, and their squared lengths."""
    at = place(z[0], z[1:] / z[1:].sum(0)).to(minus_twice.dtype)
    distance = (minus_twice @ at + squares.unsqueeze(1)).T
    return torch.stack([distance[:, :few].argmin(1), distance.argmin(1)])


nearest_kernel = compiled(nearest, dynamic=None)


def place(T: Tensor, Y: Tensor) -> Tensor:
    """Coordinates in which distance tells how alike the Jacobians are, (1 + species, states)."""
    return torch.cat([T.unsqueeze(0) / KELVIN, WEIGHT * (Y.clamp_min(0.0) + FLOOR) ** POWER])


def burnt_and_fresh(gas: Mechanism, fuel: str, oxidizer: str, phis: list[float], T: float, p: float) -> References:
    """References of mixtures: fresh gas at T [K] and burnt gas in equilibrium, of each equivalence ratio."""
    solution = gas.cantera()
    found: list[tuple[float, Tensor]] = []
    for phi in phis:
        Y = gas.mixture(fuel, oxidizer, phi).cpu()
        found.append((T, Y))
        solution.TPY = T, p, Y.numpy()
        solution.equilibrate("HP")
        found.append((float(solution.T), torch.tensor(solution.Y.copy())))
    return References(torch.tensor([T for T, _ in found], dtype=torch.float64), torch.stack([Y for _, Y in found], 1))


def drawn(T: Tensor, Y: Tensor, count: int, seed: int = 0) -> References:
    """`count` of the states T (rows,), Y (species, rows), at random: most where most cells will be."""
    some = torch.randperm(T.numel(), generator=torch.Generator().manual_seed(seed))[:count]
    return References(T[some], Y[:, some])
