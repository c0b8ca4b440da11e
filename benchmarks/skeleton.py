"""A part of a large mechanism, by its interaction graph at states of combust's own ignitions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from states import AIR
from torch import Tensor

from combust.kinetics.integrate import cells
from combust.kinetics.integrate.reactor import ReactorIntegrator
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.reactors.delays import Criterion
from combust.kinetics.reactors.ignition import History
from combust.reduction.cases.conditions import ReductionCase
from combust.reduction.cases.samples import Samples
from combust.reduction.select.graph import Graph
from combust.reduction.select.targets import default_targets
from combust.reduction.submechanism import Parent
from combust.units import ATM

T, P, T_END = (800.0, 1000.0, 1200.0, 1400.0), 15 * ATM, 1.0  # K, Pa, s; phi is 1
STATES = 20  # of each ignition, evenly in the integrator's steps


def skeleton(gas: Mechanism, fuel: str, count: int, folder: Path) -> Mechanism:
    """The `count` species that DRGEP ranks first (fuel, O2, heat release, H and OH are its targets, N2 stays), and
    all reactions among them.
    """
    record = ignitions(gas, fuel)
    case = record[:, 0].to(torch.int64).numpy()
    rows = np.concatenate([even(np.flatnonzero(case == i)) for i in range(len(T))])
    Y = record[rows, 3::2].T.clamp_min(0.0).numpy()
    cases = tuple(ReductionCase("ignition", fuel, AIR, each, P, 1.0, "hp") for each in T)
    samples = Samples(
        record[rows, 2].numpy(), np.full(len(rows), P), Y / Y.sum(0), case[rows], record[rows, 1].numpy(), cases,
        gas.species, str(gas.path), gas.sha256,
    )  # fmt: skip
    parent = Parent(gas)
    ranked = Graph(gas, samples, parent=parent).ranking(default_targets(gas, cases), [gas.index("N2")])
    path = folder / f"{Path(gas.path).stem}-{count}.yaml"
    path.write_text(parent.yaml(parent.keep(ranked.species[:count]), {}), encoding="utf-8")
    return Mechanism.load(path)


def ignitions(gas: Mechanism, fuel: str) -> Tensor:
    """States (states, 3 + 2 species) of all ignitions: number, t, T, and Y with its rate of change."""
    start = torch.tensor(T, dtype=torch.float64)
    Y = gas.mixture(fuel, AIR, 1.0).unsqueeze(1).expand(-1, len(T))
    integrator = ReactorIntegrator(gas, "hp", 1e-4, 1e-12)
    batch = integrator.batch(start, torch.full_like(start, P), Y, torch.full_like(start, T_END))
    history = History(gas, [Criterion(name, "max") for name in gas.species])
    first = integrator.first_steps(batch, integrator.rates(batch))
    job = integrator.system, integrator.method, integrator.tolerance, batch.z, batch.s, batch.dt, first
    cells.integrate_cells(*job, integrator.block, batch.fixed, history)
    record = torch.cat(history.parts)
    return record[torch.argsort(record[:, 0], stable=True)]


def even(rows: np.ndarray) -> np.ndarray:
    """`STATES` of the rows."""
    return rows[np.unique(np.linspace(0, len(rows) - 1, STATES).astype(int))]
