"""Ignition delays by Cantera, one reactor per cell: what reactors.ignition is compared with, and a stand-in."""

from __future__ import annotations

import cantera as ct
import numpy as np
import torch
from torch import Tensor

KINDS = {"uv": ct.IdealGasReactor, "hp": ct.IdealGasConstPressureReactor}


def ignition_delays(gas, T, p, Y, t_end, hold="uv", criterion="T max slope", rtol=1e-8, atol=1e-14) -> Tensor:
    """Delays (cells,) s; NaN where temperature never rises by 50 K. Arguments as in kinetics.reactors.ignition."""
    t_end = torch.as_tensor(t_end, dtype=torch.float64).expand(T.shape)
    delays = [_delay(gas, *cell, hold, criterion, rtol, atol) for cell in zip(T, p, Y.T, t_end, strict=True)]
    return torch.tensor(delays, dtype=torch.float64)


def _delay(gas, T, p, Y, t_end, hold, criterion, rtol, atol):
    solution = gas.cantera()
    solution.TPY = float(T), float(p), Y.cpu().numpy()
    reactor = KINDS[hold](solution)
    network = ct.ReactorNet([reactor])
    network.rtol, network.atol, network.max_time_step = rtol, atol, float(t_end) / 400
    target, _, kind = criterion.partition(" ")
    rows = []
    while network.time < float(t_end):
        network.step()
        phase = reactor.phase
        signal = {"T": phase.T, "p": phase.P}.get(target)
        rows.append((network.time, phase.T, phase[target].X[0] if signal is None else signal))
    time, heat, signal = np.array(rows).T
    rise = heat - heat[0]
    inside = 0 < rise.argmax()
    if rise.max() < min(50.0, 0.5 * _adiabatic_rise(gas, T, p, Y, hold)) or not inside:
        return float("nan")
    if kind == "max slope":
        slope = np.diff(signal) / np.diff(time)
        return float(0.5 * (time[1:] + time[:-1])[slope.argmax()])
    peak = int(signal.argmax())
    if kind == "max":
        return float(time[peak])
    half = int(np.argmax(signal >= 0.5 * signal[peak]))
    return float(np.interp(0.5 * signal[peak], signal[[half - 1, half]], time[[half - 1, half]]))


def _adiabatic_rise(gas, T, p, Y, hold):
    solution = gas.cantera()
    solution.TPY = float(T), float(p), Y.cpu().numpy()
    solution.equilibrate(hold.upper())
    return solution.T - float(T)
