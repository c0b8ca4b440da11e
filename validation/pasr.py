"""States of partially stirred reactors: particles that mix in pairs, flow in and out, and react."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import cantera as ct
import torch
from torch import Tensor

from combust.kinetics.mechanism.mechanism import Mechanism

AIR = "O2:1, N2:3.76"
RESIDENCE, MIXING = 5e-3, 1e-3  # s
RTOL, ATOL = 1e-3, 1e-7  # of the reaction: states that can occur are wanted, not a solution
SEED = 0


@dataclass(frozen=True)
class Reactors:
    """Reactors for all combinations of pressure, equivalence ratio and temperature of the inflow."""

    mechanism: str
    fuel: str
    particles: int  # of each reactor, even
    steps: int
    dt: float  # s
    pressures: Sequence[float] = (1.0, 10.0)  # atm
    phis: Sequence[float] = (0.5, 1.0, 2.0)
    inflows: Sequence[float] = (400.0, 800.0)  # K

    @property
    def conditions(self) -> list[tuple[float, float, float]]:
        """p [atm], phi, T [K] of each reactor."""
        return list(product(self.pressures, self.phis, self.inflows))

    @property
    def states(self) -> int:
        """How many `states_of` gives."""
        return 2 * self.steps * self.particles * len(self.conditions)


def states_of(gas: Mechanism, reactors: Reactors) -> tuple[Tensor, Tensor, Tensor]:
    """T, p (states,), Y (species, states) of all particles after each mixing and after each reaction."""
    parts = list(_run(gas, reactors))
    T, p, Y = (torch.cat([part[i] for part in parts], dim=-1) for i in range(3))
    Y = Y.clamp_min(0.0)  # from the integrator's tolerance
    return T, p, Y / Y.sum(0)


def _run(gas: Mechanism, reactors: Reactors) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """States (reactors * particles), twice a step."""
    rng = torch.Generator().manual_seed(SEED)
    count, n = len(reactors.conditions), reactors.particles
    fresh, burnt, p = _streams(gas, reactors)
    p = p.repeat_interleave(n)
    z = burnt.unsqueeze(-1).expand(-1, -1, n).clone()  # (h, Y), reactor, particle
    for _ in range(reactors.steps):
        new = torch.rand((count, n), generator=rng) < reactors.dt / RESIDENCE
        z = torch.where(new, fresh.unsqueeze(-1), z)
        shuffle = torch.rand((count, n), generator=rng).argsort(1)
        pairs = torch.gather(z, 2, shuffle.expand(z.shape)).unflatten(2, (n // 2, 2))
        mean = pairs.mean(-1, keepdim=True)
        fade = torch.exp(torch.tensor(-reactors.dt / MIXING))
        z = (mean + (pairs - mean) * fade).flatten(2)
        h, Y = z[0].flatten(), z[1:].flatten(1)
        T = gas.temperature(h, Y)
        yield T, p, Y
        end = gas.integrate(T, p, Y, reactors.dt, rtol=RTOL, atol=ATOL, compile=False)
        yield end.T, p, end.Y
        z = torch.cat([h.unsqueeze(0), end.Y]).unflatten(1, (count, n))  # at constant p reaction keeps h


def _streams(gas: Mechanism, reactors: Reactors) -> tuple[Tensor, Tensor, Tensor]:
    """(h, Y) of the inflow and of its equilibrium, (1 + species, reactors), and p [Pa] (reactors,)."""
    solution = gas.cantera()
    fresh, burnt, pressures = [], [], []
    for atm, phi, T in reactors.conditions:
        solution.TP = T, atm * ct.one_atm
        solution.set_equivalence_ratio(phi, reactors.fuel, AIR)
        fresh.append([solution.enthalpy_mass, *solution.Y])
        solution.equilibrate("HP")
        burnt.append([solution.enthalpy_mass, *solution.Y])
        pressures.append(atm * ct.one_atm)
    inflow, start, p = (torch.tensor(x, dtype=torch.float64).T.contiguous() for x in (fresh, burnt, [pressures]))
    return inflow, start, p.flatten()
