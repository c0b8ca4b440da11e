"""Exact end states of sampled rows: batched integration, and an audit by CVODE."""

from __future__ import annotations

import numpy as np
import torch

from combust.errors import DivergenceError, StateError
from combust.kinetics.integrate.cvode import CellIntegrator
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.surrogates.data.streams import States
from combust.surrogates.settings import Labels

CHUNK = 2**15  # rows of a chunk: what a killed run loses
COMPILE_FROM = 100_000  # rows of all chunks, from which compiled kernels pay
AUDIT_RTOL, AUDIT_ATOL = 1e-10, 1e-18


def label(gas: Mechanism, settings: Labels, states: States, dt: np.ndarray, compile: bool) -> dict[str, np.ndarray]:
    """End states after dt (rows,) s: T (rows,), NaN where even CVODE found none, and Y (rows, species) >= 0.

    clipped: how many mass fractions below zero were set to it; least: the lowest of them.
    """
    T, Y = _integrated(gas, settings, states, dt, compile)
    return {"T": T, "Y": Y.clip(min=0.0), "clipped": (Y < 0).sum(), "least": Y.min(initial=0.0)}


def _integrated(
    gas: Mechanism, settings: Labels, states: States, dt: np.ndarray, compile: bool
) -> tuple[np.ndarray, np.ndarray]:
    """T, Y at the end; where a batch holds a row that cannot be integrated, its halves are tried down to that row."""
    try:
        Y = np.ascontiguousarray(states.Y.T)
        end = gas.integrate(states.T, states.p, Y, dt, settings.hold, settings.rtol, settings.atol, compile=compile)
        return end.T.cpu().numpy(), end.Y.cpu().numpy().T
    except (DivergenceError, StateError):
        if len(states) == 1:
            return np.full(1, np.nan), states.Y
    halves = slice(len(states) // 2), slice(len(states) // 2, None)
    parts = [_integrated(gas, settings, states.rows(part), dt[part], False) for part in halves]
    return np.concatenate([T for T, _ in parts]), np.concatenate([Y for _, Y in parts])


def audit(gas: Mechanism, hold: str, states: States, dt: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """T (rows,), Y (rows, species) after dt by CVODE at 1e-10, 1e-18."""
    cells = CellIntegrator(gas, AUDIT_RTOL, AUDIT_ATOL, hold)  # type: ignore[arg-type]
    z = torch.as_tensor(np.column_stack([states.T, states.Y]))
    held = states.p
    if hold == "uv":
        held = gas.density(*(torch.as_tensor(x) for x in (states.T, states.p, states.Y.T))).cpu().numpy()
    rest = torch.zeros(z.shape[1], dtype=z.dtype)
    ends = [cells(row, z[row], rest, float(dt[row]), float(held[row])) for row in range(len(dt))]
    end = torch.stack(ends).numpy() if ends else np.zeros((0, z.shape[1]))
    return end[:, 0], end[:, 1:]
