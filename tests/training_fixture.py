"""A few hundred exact steps of hydrogen and air, made in a second, for tests of training."""

from __future__ import annotations

import functools
from pathlib import Path

import draws
import numpy as np
import torch
from recipe import recipe

from combust.kinetics.mechanism.mechanism import Mechanism
from combust.surrogates.data.sample_set import SampleSet
from combust.surrogates.model.coordinates import Coordinates
from combust.surrogates.settings import load
from combust.surrogates.training.distributed import Group
from combust.surrogates.training.rows import columns
from combust.surrogates.training.train import task_of
from combust.surrogates.training.training import Task

CONFIG = recipe(
    "oxidizer=O2:1, N2:3.76", "range.p=[1e5, 1e5]", "range.T=[300.0, 3000.0]", "range.phi=[0.5, 2.0]",
    "range.dt=[1e-7, 1e-5]", "range.T_fresh=[300.0, 600.0]", "network.width=16", "train.epochs=5", "train.batch=64",
    "train.rate=2e-3", "router.references=64",
)  # fmt: skip
GROUPS = 12  # trajectories: 8 to train, 2 to validate, 2 to test


@functools.cache
def mechanism() -> Mechanism:
    return Mechanism.load("h2o2.yaml")


@functools.cache
def sample_set(path: str = "h2o2.yaml", extra: tuple[str, ...] = ()) -> SampleSet:
    """360 rows at 1000 to 1700 K with radicals, and `extra` species, in them."""
    gas = Mechanism.load(path) if path != "h2o2.yaml" else mechanism()
    rng, n = draws.rng(0), 360
    group = np.arange(n, dtype=np.int32) % GROUPS
    T, p = rng.uniform(1000, 1700, n), np.full(n, 1e5)
    dt = 10 ** rng.uniform(-7, -5, n)
    radicals = np.array([name in ("H", "O", "OH", "HO2", *extra) for name in gas.species])
    Y = gas.mixture("H2:1", "O2:1, N2:3.76", 1.0).numpy() * rng.uniform(0.8, 1.2, (n, len(gas.species)))
    Y = Y + radicals * 10 ** rng.uniform(-7, -3, Y.shape)
    Y /= Y.sum(1, keepdims=True)
    end = gas.integrate(T, p, Y.T.copy(), torch.as_tensor(dt), rtol=1e-5, atol=1e-12, compile=False)
    return SampleSet(
        T, p, dt, Y, end.T.numpy(), end.Y.numpy().T.clip(0), np.zeros(n), group, np.digitize(group, [8, 10]),
        np.zeros(n), np.zeros(n, bool), gas.species, path, gas.sha256,
        groups=tuple({"kind": "made"} for _ in range(GROUPS)),
    )  # fmt: skip


def files(folder: Path) -> Path:
    """The folder, with c.toml and s.h5 in it."""
    sample_set().write(folder / "s.h5")
    (folder / "c.toml").write_text(CONFIG)
    return folder


def task(gas: Mechanism, samples: SampleSet, folder: Path, *changes: str, out: Path | None = None) -> Task:
    """What the loop takes, for one process; checkpoints go to `out`."""
    config = load(folder / "c.toml", changes)
    learned = samples.of("train")
    T, p, dt, Y, Y1, _ = columns(learned)
    coordinates = Coordinates.fit(gas, config.network, config.range, T, p, Y, dt, Y1)
    found = task_of(config, gas, samples, learned, coordinates, Group())
    found.checkpoint = (out or folder / "unused") / "checkpoint.safetensors"
    return found
