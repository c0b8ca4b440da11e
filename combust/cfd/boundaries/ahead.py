"""What inflows will do: the steps that a growing one bears, and how fast those get that change with time."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from combust.cfd.boundaries.conditions import Inflow, Sides, conditions_of
from combust.cfd.boundaries.fill import Filler
from combust.cfd.boundaries.values import Table, largest, unsteady
from combust.kinetics.rates.thermo import GAS_CONSTANT, Thermo, cp_mass
from combust.parallel import Communicator, together

LONGEST = 1e6  # s: of a step that functions are asked about; they may be waves


def step_limit(filler: Filler, comm: Communicator, cfl: float, t: float, dt: float) -> float:
    """The longest step [s] from t, at most dt, through which velocities given at sides keep to the Courant number.

    The gas may rest while a table lets it in soon: its own speed then bounds no step. Entries of tables within the step
    are looked at, and the end of the step. Every rank calls, where anything is unsteady.
    """
    return -comm.max(-together(comm, lambda: _own_limit(filler, cfl, t, dt)))[0]


def _own_limit(filler: Filler, cfl: float, t: float, dt: float) -> float:
    """That of the sides of this block."""
    for patch in filler.patches():
        axis, metric = patch.at.axis, filler.grid.metrics[patch.at.axis]
        value = patch.condition.velocity[axis]
        if not unsteady(value) or metric is None:
            continue
        per_width = float(metric.per_width.narrow(axis, patch.at.side * (filler.layout.n[axis] - 1), 1))
        entries = value.times(t, t + dt) if isinstance(value, Table) else []
        for moment in (*entries, None):
            if moment is None and dt > LONGEST and not isinstance(value, Table):
                continue
            if moment is None or moment < t + dt:
                speed = torch.as_tensor(patch.velocity(axis, t + dt if moment is None else moment)).abs()
                rate = per_width * float(speed.max()) if speed.numel() else 0.0
                dt = min(dt, cfl / rate) if rate > 0 else dt
    return dt


def largest_mach(boundaries: Iterable[Sides], thermo: Thermo) -> float:
    """The largest Mach number that tables of velocity over time reach, by the gas that flows in; 0 without one."""
    found = 0.0
    for axis, pair in enumerate(boundaries):
        for condition in (c for side in pair for c in conditions_of(side) if isinstance(c, Inflow)):
            speed = largest(condition.velocity[axis]) if unsteady(condition.velocity[axis]) else 0.0
            for stream in condition.streams if speed else ():
                T, Y = stream[:1], stream[1:, None]
                R = GAS_CONSTANT * (Y / thermo.molar_mass[:, None]).sum(0)
                cp = (Y * cp_mass(thermo, T.reshape(1, 1, 1)).reshape(-1, 1)).sum(0)
                found = max(found, speed / float((cp * R * T / (cp - R)).sqrt()))
    return found
