"""Thermochemical states for benchmarks: of flames, of ignitions, and mixtures of both as a flow makes them."""

from __future__ import annotations

import cantera as ct
import numpy as np
import torch
from torch import Tensor

from combust.errors import ConfigError
from combust.kinetics.flames.free import free_flame
from combust.kinetics.mechanism.mechanism import Mechanism

AIR = "O2:1, N2:3.76"
FUELS = {
    "h2o2.yaml": "H2:1",
    "gri30.yaml": "CH4:1",
    "example_data/ammonia-CO-H2-Alzueta-2023.yaml": "NH3:1",
    "nDodecane_Reitz.yaml": "c12h26:1",
    "example_data/n-hexane-NUIG-2015.yaml": "NC6H14:1",
}
PHASES = {"nDodecane_Reitz.yaml": "nDodecane_IG"}  # where it is not the first one
PHIS = (0.6, 1.0, 1.4)


def restarted(reactor: ct.Reactor, network: ct.ReactorNet, dt: float) -> None:
    """From the state of the reactor's solution on over dt."""
    reactor.syncState()
    network.initial_time = 0.0
    network.advance(dt)


def flame_states(gas: Mechanism, fuel: str, cells: int, p: float = ct.one_atm, seed: int = 0) -> tuple[Tensor, Tensor]:
    """T (cells,), Y (species, cells), evenly spread over free flames, 3 thicknesses ahead to 7 behind."""
    T, Y = [], []
    for phi in PHIS:
        flame = free_flame(gas, 300.0, p, fuel, AIR, phi, slope=0.06, curve=0.12)
        middle = flame.x[np.gradient(flame.T, flame.x).argmax()]
        x = middle + np.linspace(-3.0, 7.0, -(-cells // len(PHIS))) * flame.thermal_thickness
        T.append(np.interp(x, flame.x, flame.T))
        Y.append(np.array([np.interp(x, flame.x, row) for row in flame.Y]))
    return _shuffled(np.concatenate(T), np.concatenate(Y, 1), cells, seed)


def ignition_states(
    gas: Mechanism, fuel: str, cells: int, p: float = ct.one_atm, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """T, Y along constant-pressure ignitions from 1000 to 1500 K, at CVODE's steps: most where it is fast."""
    solution, T, Y = gas.cantera(), [], []
    for phi in PHIS:
        for T0 in (1100.0, 1300.0, 1500.0):
            solution.TP = T0, p
            solution.set_equivalence_ratio(phi, fuel, AIR)
            reactor = ct.IdealGasConstPressureReactor(solution, clone=False)
            network = ct.ReactorNet([reactor])
            network.rtol, network.atol = 1e-6, 1e-12
            solution_T, start = [], T0
            while network.time < 10.0 and (reactor.T < start + 400 or reactor.T > solution_T[-1] + 1e-3):
                network.step()
                solution_T.append(reactor.T)
                T.append(reactor.T)
                Y.append(solution.Y.copy())
    return _shuffled(np.array(T), np.array(Y).T, cells, seed)


def mixed_states(gas: Mechanism, fuel: str, cells: int, p: float = ct.one_atm, seed: int = 0) -> tuple[Tensor, Tensor]:
    """T, Y of partly mixed pairs of states (at constant enthalpy): off every trajectory, as in a flow."""
    rng = np.random.default_rng(seed)
    try:
        T, Y = flame_states(gas, fuel, cells, p)
        other_T, other_Y = ignition_states(gas, fuel, cells, p, seed + 1)
        take = torch.tensor(rng.random(cells) < 0.5)
        T, Y = torch.where(take, T, other_T), torch.where(take, Y, other_Y)
    except ConfigError:  # no transport data, no flames
        T, Y = ignition_states(gas, fuel, cells, p, seed + 1)
    other, share = torch.tensor(rng.permutation(cells)), torch.tensor(rng.beta(0.5, 3.0, cells))
    h = gas.enthalpy(T, Y)
    Y = (1 - share) * Y + share * Y[:, other]
    Y = Y / Y.sum(0)
    return gas.temperature((1 - share) * h + share * h[other], Y), Y


KINDS = {"flame": flame_states, "ignition": ignition_states, "mixed": mixed_states}


def _shuffled(T: np.ndarray, Y: np.ndarray, cells: int, seed: int) -> tuple[Tensor, Tensor]:
    """`cells` of the states, in random order so that neighbours are no easier than in a flow."""
    Y = np.maximum(Y, 0.0)
    pick = np.random.default_rng(seed).permutation(np.arange(cells) * T.size // cells)
    return torch.tensor(T[pick]), torch.tensor(Y[:, pick] / Y[:, pick].sum(0))
