"""A tiny learned chemistry of h2o2.yaml that lies here as files (make_learned.py made them), for tests of what is done
with one: routes, corrections, balances. What training makes is tested elsewhere. The fixture `tiny` is of this kind.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from draws import SHIFT, STATES, WEIGHTS, moved

from combust.case.load import convert
from combust.kinetics.flames.free import FlameProfile, free_flame
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.surrogates.data.sample_set import SPLITS, SampleSet
from combust.surrogates.model.model import Model
from combust.surrogates.provider.learned import Advanced, Learned
from combust.surrogates.settings import Surrogate, load

FOLDER = Path(__file__).parent / "data" / "learned"
FUEL, AIR, PHI, T_FRESH, P = "H2:1", "O2:0.21, N2:0.79", 0.5, 300.0, 101325.0
# A flame of 2.4 mm on cells of 75 um: six per thermal thickness. It is too short to burn out, and needs no more.
CASE: dict[str, Any] = {
    "mesh": {"kind": "uniform", "cells": [32], "lower": [0.0], "upper": [2.4e-3]},
    "gas": {"mechanism": "h2o2.yaml", "pressure": P},
    "initial": {"kind": "flame", "fuel": FUEL, "oxidizer": AIR, "phi": PHI, "temperature": T_FRESH,
                "position": 1.2e-3},
    "boundary": {"x_low": {"kind": "inflow", "velocity": "flame-speed"}, "x_high": {"kind": "outflow"}},
    "numerics": {"dt": 2e-6},
    "stop": {"steps": 15},
}  # fmt: skip


@dataclass(frozen=True)
class Tiny:
    """The files of the model, and what made it; with COMBUST_TEST_SEED, neighbours of its weights and states."""

    folder: Path

    @property
    def path(self) -> Path:
        """The stem of the model's files."""
        return self.folder / "model"

    @cached_property
    def gas(self) -> Mechanism:
        return Mechanism.load("h2o2.yaml")

    @cached_property
    def samples(self) -> SampleSet:
        return SampleSet.read(self.folder / "samples.h5")

    @cached_property
    def config(self) -> Surrogate:
        return load(self.folder / "tiny.toml")

    @property
    def strict(self) -> Path:
        """The stem of the same model with a lower limit of trust: a flow has cells of every route."""
        return self.folder / "strict"

    def model(self) -> Model:
        """Read anew: a test may change it."""
        return Model.load(self.path)

    def learned(self, **options: Any) -> Learned:
        return Learned(self.model(), self.gas, **options)

    def rows(self, split: str, count: int, slow: bool | None = None) -> tuple[torch.Tensor, ...]:
        """T, p, Y (species, rows), dt, T1, Y1 of some rows of a split, evenly picked."""
        own = self.samples.split == SPLITS.index(split)
        if slow is not None:
            own &= self.samples.slow == slow
        some = self.samples.rows(np.flatnonzero(own)[:: max(1, int(own.sum()) // count)][:count])
        T, p, dt, T1 = (torch.as_tensor(x) for x in (some.T, some.p, some.dt, some.T1))
        Y, Y1 = (torch.as_tensor(y).T.contiguous() for y in (some.Y, some.Y1))
        return moved(T, STATES), p, Y, dt, T1, Y1

    def flame(self, every: int = 1) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """T, p, Y (species, points) of the free flame that the flow starts from."""
        found: FlameProfile = free_flame(self.gas, T_FRESH, P, FUEL, AIR, PHI)
        T = torch.as_tensor(found.T)[::every].contiguous()
        Y = moved(torch.as_tensor(found.Y)[:, ::every].clamp_min(0.0), STATES)
        return moved(T, STATES), torch.full_like(T, P), (Y / Y.sum(0)).contiguous()

    def case(self, chemistry: dict[str, Any] | None = None, **tables: Any) -> Any:
        """The flame's case with the strict model, or other chemistry; tables are merged into those of CASE."""
        raw = {name: dict(table) for name, table in CASE.items()}
        own = chemistry or {}
        raw["chemistry"] = own if "kind" in own else {"kind": "learned", "model": str(self.strict)} | own
        for name, table in tables.items():
            raw[name] = raw.get(name, {}) | table
        return convert(raw, "test")


def make(factory: Any) -> Tiny:
    """The model; `factory`: pytest's tmp_path_factory, in whose folder a neighbour of the model lies if one is asked
    for.
    """
    if not SHIFT:
        return Tiny(FOLDER)
    folder = factory.getbasetemp() / "learned"
    if not (folder / "model.json").exists():
        shutil.copytree(FOLDER, folder, dirs_exist_ok=True)
        for name in ("model", "strict"):
            model = Model.load(FOLDER / name)
            with torch.no_grad():
                for k, weights in enumerate(x for net in model.networks for x in net.parameters()):
                    weights.copy_(moved(weights, WEIGHTS, k))
            model.save(folder / name)
    return Tiny(folder)


def iterate(chem: Learned, T: torch.Tensor, p: Any, Y: torch.Tensor, dt: float, steps: int) -> Iterator[Advanced]:
    """The states after 1, 2, ... steps of dt."""
    for _ in range(steps):
        done = chem.advance(T, p, Y, dt)
        yield done
        T, Y = done.T, done.Y
