"""States of many cells as callers give them, made tensors and checked."""

from __future__ import annotations

import torch
from torch import Tensor

from combust import devices
from combust.errors import StateError
from combust.kinetics.gas.protocol import Gas
from combust.kinetics.gas.values import Values
from combust.kinetics.integrate.state import Check, require


def tensor(gas: Gas, x: Values) -> Tensor:
    """x as float64 on the device of the mechanism."""
    if isinstance(x, float):
        return devices.number(x, gas.device)
    return torch.as_tensor(x, dtype=torch.float64, device=gas.device)


def fractions(gas: Gas, Y: Values) -> Tensor:
    """Mass fractions (species, ...cells), made to sum to one. Raises StateError for a sum that is off by 1e-6."""
    Y, check = _fractions(gas, Y)
    require(check)
    return Y


def _fractions(gas: Gas, Y: Values) -> tuple[Tensor, Check]:
    Y = tensor(gas, Y)
    if Y.shape[0] != len(gas.species):
        raise StateError(f"Y has shape {tuple(Y.shape)}: the first extent must be {len(gas.species)} species")
    total = Y.sum(0)
    return Y / total, Check((total - 1).abs() <= 1e-6, total, "sum of mass fractions", "1 within 1e-6")


def of_cells(gas: Gas, T: Values, p: Values | None, Y: Values) -> tuple[Tensor, Tensor, Tensor]:
    """T, p (...cells), Y (species, ...cells) of the same cells; see `Mechanism.check_state`."""
    Y, of_sum = _fractions(gas, Y)
    cells = Y.shape[1:]
    T, p = tensor(gas, T), tensor(gas, 1.0 if p is None else p)
    if T.shape != cells or p.shape != cells:
        require(of_sum)  # before shapes are found not to fit
    T, p = T.expand(cells), p.expand(cells)
    require(
        of_sum,
        Check((T > 0) & torch.isfinite(T), T, "temperature", "finite and > 0 K"),
        Check((p > 0) & torch.isfinite(p), p, "pressure", "finite and > 0 Pa"),
    )
    return T, p, Y
