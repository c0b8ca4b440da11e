"""Runs of the study of transfer (validation/transfer.py): one training each, and what its network is worth."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor

from combust.kinetics.mechanism.mechanism import Mechanism
from combust.report.meter import Meter
from combust.surrogates.data.sample import sample
from combust.surrogates.data.sample_set import SPLITS, SampleSet
from combust.surrogates.judge import flames
from combust.surrogates.judge.conditions import Flame
from combust.surrogates.model.model import Model
from combust.surrogates.settings import Architecture, Range, Sample, Streams, Surrogate, Train, Trajectories
from combust.surrogates.training.calibrate import calibrate, own_states
from combust.surrogates.training.distributed import Group
from combust.surrogates.training.job import Job
from combust.surrogates.training.lineage import card, parent
from combust.surrogates.training.rows import LEAST_PEAK, Rows, columns
from combust.surrogates.training.state import State
from combust.surrogates.training.train import beginning, task_of
from combust.surrogates.training.training import Trainer
from combust.units import ATM
from validation.report import ROOT

BATCH, CHECKED = 128, 0.25  # rows of a step; validation rows for each training row
STEPS, AT = 1500, 2000  # of the optimiser with AT rows; they go with the square root of the rows
CHECKED_STEPS = 4000  # rows whose single steps are judged
ROLLED, ROLLS, LOST = 200, 20, 300.0  # states, steps in a row, K: the largest error that is counted
MODES = ("network", "router")
FULL = 32_000  # rows of a parent
FLAME_STEPS = 100
SAMPLED = 50_000  # rows of a set
TRAJECTORIES = {
    "H2": Trajectories(24, 0, 8, 0, 0), "CH4": Trajectories(16, 0, 6, 0, 0), "NH3": Trajectories(24, 0, 8, 0, 0),
}  # fmt: skip
WIDTH = 64
SMOKE: dict[str, Any] = {
    "STEPS": 60, "FULL": 256, "SAMPLED": 2000, "ROLLED": 8, "ROLLS": 2, "FLAME_STEPS": 2, "WIDTH": 8,
    "TRAJECTORIES": {"H2": Trajectories(8, 0, 2, 0, 0)},
}  # fmt: skip
Found = dict[str, Any]


@dataclass(frozen=True)
class Chemistry:
    """A mechanism and what is taught of it, at pressures `span` times p [atm]."""

    name: str
    title: str
    mechanism: str
    fuel: str
    p: float = 1.0
    phi: tuple[float, float] = (0.5, 2.0)
    dt: tuple[float, float] = (2e-8, 2e-6)
    T: tuple[float, float] = (280.0, 3200.0)
    T_ignition: tuple[float, float] = (950.0, 1500.0)
    span: tuple[float, float] = (0.95, 1.05)
    T_fresh: tuple[float, float] = (300.0, 302.0)
    width: int = 0  # of the network, if not WIDTH
    trajectories: Trajectories | None = None  # if not those of its fuel

    def settings(self, seed: int = 0, epochs: int = 1) -> Surrogate:
        """Of its samples and of a training."""
        fuel = self.fuel.partition(":")[0]
        return Surrogate(
            mechanism=self.mechanism, fuel=self.fuel, title=self.name,
            range=Range((self.span[0] * self.p * ATM, self.span[1] * self.p * ATM), self.T, self.phi, self.dt,
                        self.T_fresh, self.T_ignition),
            sample=Sample(rows=SAMPLED, trajectories=self.trajectories or TRAJECTORIES[fuel],
                          streams=Streams(0.6, 0.2, 0.2, 0.0, 0.0), slow=0.15, held_out=0.2, validation=0.2),
            network=Architecture(width=self.width or WIDTH, depth=3),
            train=Train(epochs=epochs, batch=BATCH, patience=epochs, device="cpu", seed=seed),
        )  # fmt: skip

    @functools.cached_property
    def gas(self) -> Mechanism:
        """The mechanism, read."""
        return Mechanism.load(self.mechanism)

    def samples(self, folder: Path) -> SampleSet:
        """From its file, or made now."""
        path = folder / f"{self.name}.h5"
        if path.is_file():
            return SampleSet.read(path)
        begun = path.with_name(f"{path.name}.parts").exists()
        return sample(self.settings(), path, resume=begun, reporter=Meter()).samples


HYDROGEN = Chemistry("h2-a", "h2o2.yaml (29 reactions), 1 atm", "h2o2.yaml", "H2:1")
BOIVIN = replace(HYDROGEN, name="h2-b", title="Boivin et al. 2011 (12 reactions), 1 atm",
                 mechanism=str(ROOT / "cases" / "h2_boivin.yaml"))  # fmt: skip
DENSE = replace(HYDROGEN, name="h2-10", title="h2o2.yaml, 10 atm", p=10.0)
METHANE = Chemistry("ch4-a", "methane_cfd.yaml (28 species), 1 atm", "methane_cfd.yaml", "CH4:1", 1.0, (0.7, 1.3),
                    (2e-7, 4e-6), (280.0, 2800.0), (1300.0, 1800.0))  # fmt: skip
GRI = replace(METHANE, name="ch4-b", title="gri30.yaml (53 species), 1 atm", mechanism="gri30.yaml")


@dataclass(frozen=True)
class Transfer:
    """From one chemistry to another, and the planar flame that it is judged by."""

    name: str
    title: str
    source: Chemistry
    target: Chemistry
    phi: float
    dt: float  # s

    @property
    def flame(self) -> Flame:
        """Its condition."""
        return Flame(self.phi, self.target.p * ATM, 300.0)


@dataclass(frozen=True)
class Arm:
    """One training of a transfer: on so many rows, from what."""

    transfer: Transfer
    seed: int
    start: str  # "nothing", "parent", or a parent that saw end states ("shuffled") or labels ("moved") of other rows
    rows: int
    length: float = 1.0  # of the schedule, beside the usual one of so many rows

    @property
    def name(self) -> str:
        """By which it is kept."""
        length = "" if self.length == 1.0 else f"-x{self.length:g}"
        return f"{self.transfer.name}-{self.start}-{self.rows}{length}-s{self.seed}"

    def perform(self, folder: Path) -> Found:
        """Trains it and judges it."""
        of = self.transfer
        first = None if self.start == "nothing" else teacher(of.source, self.seed, self.start, folder)
        epochs = max(1, round(self.length * epochs_of(self.rows)))
        samples = some(of.target.samples(folder), self.rows, self.seed)
        made, cpu, seen = trained(of.target, samples, self.seed, epochs, first, folder / self.name)
        found = judged(of, made, folder / self.name / "model", folder, ("network",) if self.control else MODES)
        return {"cpu": cpu, "steps": seen // BATCH} | found

    @property
    def control(self) -> bool:
        """Whether it only shows where a gain comes from."""
        return self.start in ("shuffled", "moved") or self.length != 1.0


def epochs_of(rows: int) -> int:
    """Of a training."""
    batch = min(BATCH, rows)
    return max(1, round(STEPS * math.sqrt(rows / AT) / (rows // batch)))


def some(samples: SampleSet, rows: int, seed: int) -> SampleSet:
    """So many training rows, a quarter as many for validation, and all of the test; sets of more rows hold those of
    fewer.
    """
    order = np.random.default_rng(seed).permutation(len(samples))
    split = samples.split[order]
    kept = [order[split == SPLITS.index("train")][:rows], order[split == SPLITS.index("test")]]
    kept.append(order[split == SPLITS.index("validation")][: max(16, round(CHECKED * rows))])
    return samples.rows(np.sort(np.concatenate(kept)))


def elsewhere(rows: Rows, seed: int) -> Rows:
    """What the network should say, of other rows: a state then tells nothing of its change, the best network is a
    constant, and what a training takes over from it is no chemistry.
    """
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed + 1))
    return replace(rows, z=rows.z[order])


def shuffled(samples: SampleSet, seed: int) -> SampleSet:
    """End states of other rows of the same split."""
    place = np.arange(len(samples))
    rng = np.random.default_rng([seed, 1])
    for number in range(len(SPLITS)):
        own = np.flatnonzero(samples.split == number)
        place[own] = rng.permutation(own)
    return replace(samples, T1=samples.T1[place], Y1=samples.Y1[place], audit={})


def teacher(source: Chemistry, seed: int, how: str, folder: Path) -> Model:
    """The model that a training starts from, trained once."""
    name = f"{source.name}-{'' if how == 'parent' else f'{how}-'}s{seed}"
    path = folder / name / "model"
    if not path.with_suffix(".json").is_file():
        samples = some(source.samples(folder), FULL, seed)
        samples = shuffled(samples, seed) if how == "shuffled" else samples
        made, cpu, _ = trained(source, samples, seed, epochs_of(FULL), None, path.parent, how == "moved")
        made.card["cpu"] = cpu
        made.save(path)
    return Model.load(path)


def trained(
    of: Chemistry, samples: SampleSet, seed: int, epochs: int, first: Model | None, folder: Path, moved: bool = False
) -> tuple[Model, float, int]:
    """The model, CPU seconds of its training, and the rows that it saw; `moved`: of labels of other rows."""
    settings, gas, learned, state = of.settings(seed, epochs), of.gas, samples.of("train"), State()
    folder.mkdir(parents=True, exist_ok=True)
    begun = time.process_time()
    start = beginning(Job(settings, gas, samples, None, first, None, folder, {}), learned)
    task = task_of(settings, gas, samples, learned, start.coordinates, Group())
    task.start, task.new, task.checkpoint = start.weights, start.new, folder / "checkpoint.safetensors"
    if moved:
        task.rows, task.validation = elsewhere(task.rows, seed), elsewhere(task.validation, seed)
    networks = Trainer(task, state).run()
    cpu = time.process_time() - begun
    about = card(settings, gas, samples, state, first.name if first else None, None)
    if first is not None:
        about["training"]["parent"] = parent(first, start.species)
    return Model(start.coordinates, networks, about), cpu, state.rows


def judged(of: Transfer, model: Model, path: Path, folder: Path, modes: Sequence[str]) -> Found:
    """Errors of the network over several steps in a row, and of a flame by the network alone and with its router."""
    samples = of.target.samples(folder)
    calibrate(model, of.target.gas, some(samples, AT, 0), settings_of(of))
    model.save(path)
    found: Found = {"rollout": rollout(of, model, samples), **steps(of, model, samples), **asked(model)}
    reference = exact_flame(of)
    for mode in modes:
        own = flame_of(of, path, mode)
        numbers = flames.compare(of.target.gas, of.flame, reference, own)
        wrong = [abs(numbers["speed_error"]), abs(numbers["burnt_error"])]
        found[mode] = {"speed": wrong[0], "burnt": wrong[1], "failure": own.failure, "routes": own.shares,
                       "T": LOST if own.failure else float(np.abs(own.T - reference.T).mean())}  # fmt: skip
    return found


def steps(of: Transfer, model: Model, samples: SampleSet) -> Found:
    """Errors of single steps of the network alone on rows of held-out trajectories that are not slow: "step", the mean
    |dT| [K], each at most LOST, and "species", the mean of a row's worst |dY| in shares of the species' peak, each at
    most 1.
    """
    held = np.flatnonzero((samples.split == SPLITS.index("test")) & ~samples.slow & own_states(samples))[:CHECKED_STEPS]
    T, p, dt, Y, Y1, T1 = columns(samples.rows(held))
    peak = torch.from_numpy(samples.Y.max(0)).clamp_min(LEAST_PEAK).unsqueeze(1)
    with torch.no_grad():
        step = model.step(of.target.gas, T, p, Y, dt)
    off = (step.T - T1).abs().nan_to_num(LOST).clamp_max(LOST)
    worst = ((step.Y - Y1).abs() / peak).amax(0).nan_to_num(1.0).clamp_max(1.0)
    return {"step": float(off.mean()), "species": float(worst.mean())}


def asked(model: Model) -> Found:
    """Of validation rows that are the network's: how many its own steps keep the stated error in ("within"), and how
    many the router accepts ("accepted").
    """
    ranking = model.card["router"]["ranking"]
    return {"within": ranking["within what is stated"]["network"], "accepted": ranking["estimate"]["accepted"]}


def settings_of(of: Transfer) -> Surrogate:
    """Of the target; with looser limits of the router, as small networks need them."""
    made = of.target.settings()
    return msgspec.structs.replace(made, router=msgspec.structs.replace(made.router, species=5e-3, temperature=0.5))


def flame_of(of: Transfer, path: Path, mode: str) -> flames.Run:
    """The planar flame by one chemistry."""
    profile = flames.profile_of(of.target.gas, of.target.settings(), of.flame)
    return flames.run(
        of.target.gas, of.target.settings(), of.flame, profile, path, mode, of.dt, FLAME_STEPS, lambda *_: None
    )


@functools.cache
def exact_flame(of: Transfer) -> flames.Run:
    """By exact chemistry."""
    return flame_of(of, Path(), "exact")


def rollout(of: Transfer, model: Model, samples: SampleSet) -> float:
    """Mean |dT| [K] over steps in a row of the network alone from test states that are not slow, each at most LOST."""
    T, p, Y, dt = rolled(of, samples)
    t, y, wrong = T, Y, []
    with torch.no_grad():
        for exact in exact_steps(of, samples):
            t, y, _, _ = model.step(of.target.gas, t, p, y, dt)
            wrong.append((t - exact).abs().nan_to_num(LOST).clamp_max(LOST))
    return float(torch.stack(wrong).mean())


def rolled(of: Transfer, samples: SampleSet) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """States from which steps follow one another."""
    rows = np.flatnonzero((samples.split == SPLITS.index("test")) & ~samples.slow & own_states(samples))[:ROLLED]
    T, p, _, Y, _, _ = columns(samples.rows(rows))
    return T, p, Y, torch.full_like(T, of.dt)


KEPT: dict[Transfer, list[Tensor]] = {}


def exact_steps(of: Transfer, samples: SampleSet) -> Iterator[Tensor]:
    """T of the same states by exact chemistry after each step."""
    if of not in KEPT:
        T, p, Y, dt = rolled(of, samples)
        KEPT[of] = []
        for _ in range(ROLLS):
            end = of.target.gas.integrate(T, p, Y, dt, "hp", 1e-6, 1e-11, compile=False)
            T, Y = end.T, end.Y
            KEPT[of].append(T)
    return iter(KEPT[of])
