"""Labelled states as the training loop takes them: rows that lie together in memory, in the network's coordinates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from combust.kinetics.integrate import systems
from combust.surrogates.data.sample_set import SampleSet
from combust.surrogates.model.conserve import solve
from combust.surrogates.model.coordinates import Coordinates
from combust.surrogates.model.model import Core

BLOCK = 65_536  # rows that are transformed at once: their float64 temporaries stay small
LEAST_PEAK = 1e-9  # mass fraction: errors of a species that is never there are shares of this


class States(NamedTuple):
    """Physical states of the rows, float64 but for `heat`; only where a term of the loss needs them."""

    T: Tensor  # (rows,) K
    p: Tensor  # (rows,) Pa
    dt: Tensor  # (rows,) s
    Y: Tensor  # (rows, species)
    Y1: Tensor  # (rows, active species) after dt
    heat: Tensor  # (rows, active species) K: change of T1 per change of Y1, see `heating`


@dataclass(frozen=True, eq=False)
class Rows:
    """Inputs (rows, inputs) and targets (rows, outputs) in float32, and the states behind them if needed."""

    x: Tensor
    z: Tensor
    states: States | None = None

    def __len__(self) -> int:
        return self.x.shape[0]

    def of(self, index: Tensor | slice) -> Rows:
        """Some of the rows."""
        states = None if self.states is None else States(*(field[index] for field in self.states))
        return Rows(self.x[index], self.z[index], states)


def columns(samples: SampleSet, which: slice = slice(None)) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """T, p, dt (rows,), Y, Y1 (species, rows), T1 (rows,) of some rows of a sample set, as views where possible."""
    T, p, dt, T1 = (torch.from_numpy(getattr(samples, name)[which]) for name in ("T", "p", "dt", "T1"))
    Y, Y1 = (torch.from_numpy(getattr(samples, name)[which]).T for name in ("Y", "Y1"))
    return T, p, dt, Y, Y1, T1


def encode(core: Core, samples: SampleSet, states: bool, device: torch.device) -> Rows:
    """All rows of a sample set; `states` says whether their physical values are kept as well."""
    c, n = core.coordinates, len(samples)
    x = torch.empty(n, c.mean.numel(), device=device)
    z = torch.empty(n, c.active.numel(), device=device)
    heat = torch.empty(n, c.active.numel(), device=device) if states else None
    for begin in range(0, n, BLOCK):
        part = slice(begin, min(begin + BLOCK, n))
        T, p, dt, Y, Y1, T1 = columns(samples, part)
        x[part] = c.features(T, p, Y, dt).T
        z[part] = c.target(Y, Y1, dt).T
        if heat is not None:
            heat[part] = heating(core, T1, Y1).T
    if heat is None:
        return Rows(x, z)
    T, p, dt, Y, Y1, _ = columns(samples)
    kept = States(T, p, dt, Y.T, Y1[c.active].T.contiguous(), heat)
    return Rows(x, z, States(*(field.to(device) for field in kept)))


def heating(core: Core, T1: Tensor, Y1: Tensor) -> Tensor:
    """-dT1/dY1 (active species, rows) in K: how an error of Y1 turns up in T1 [K] (rows,), to first order.

    An error e of the mass fractions first loses what the correction of the elements takes from it, D N^T m with
    (N D N^T) m = N e and D = diag(Y1), and the rest costs sum_k e_k h_k / cp at constant enthalpy (energies and cv at
    constant volume). Both are linear in e, so they are one weight for each species: w - N^T m', (N D N^T) m' = N D w.
    """
    active = core.coordinates.active
    e, c = systems.energies(core.thermo, core.hold, T1)
    w = e[active] / (Y1 * c).sum(0)
    y = Y1[active]
    return w - core.atoms.T @ solve(core.atoms, y, core.atoms @ (y * w))


def peaks(samples: SampleSet, coordinates: Coordinates) -> Tensor:
    """(active species,) largest mass fraction before or after the step, at least what a trace is not told apart at."""
    top = np.maximum(samples.Y.max(0), samples.Y1.max(0))
    return torch.from_numpy(top)[coordinates.active].clamp_min(LEAST_PEAK)
