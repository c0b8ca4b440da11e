"""States of many cells as callers give them, made tensors and checked."""

from __future__ import annotations

import torch
from torch import Tensor

from combust.errors import StateError
from combust.kinetics.gas.protocol import Gas
from combust.kinetics.gas.values import Values
from combust.kinetics.integrate.state import require


def tensor(gas: Gas, x: Values) -> Tensor:
    """x as float64 on the device of the mechanism."""
    return torch.as_tensor(x, dtype=torch.float64, device=gas.device)


def fractions(gas: Gas, Y: Values) -> Tensor:
    """Mass fractions (species, ...cells), made to sum to one. Raises StateError for a sum that is off by 1e-6."""
    Y = tensor(gas, Y)
    if Y.shape[0] != len(gas.species):
        raise StateError(f"Y has shape {tuple(Y.shape)}: the first extent must be {len(gas.species)} species")
    total = Y.sum(0)
    require(((total - 1).abs() <= 1e-6), total, "sum of mass fractions", "1 within 1e-6")
    return Y / total


def of_cells(gas: Gas, T: Values, p: Values | None, Y: Values) -> tuple[Tensor, Tensor, Tensor]:
    """T, p (...cells), Y (species, ...cells) of the same cells; see `Mechanism.check_state`."""
    Y = fractions(gas, Y)
    cells = Y.shape[1:]
    T = tensor(gas, T).expand(cells)
    p = tensor(gas, 1.0 if p is None else p).expand(cells)
    require((T > 0) & torch.isfinite(T), T, "temperature", "finite and > 0 K")
    require((p > 0) & torch.isfinite(p), p, "pressure", "finite and > 0 Pa")
    return T, p, Y
