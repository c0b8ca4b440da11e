"""What a training is asked for: settings, rows, a model to start from, the folder; all checked before it begins."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import msgspec
import torch

from combust.errors import ConfigError, at
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.settings.config import flat
from combust.surrogates import library
from combust.surrogates.data.sample_set import SPLITS, SampleSet
from combust.surrogates.model.coordinates import reacting
from combust.surrogates.model.model import Model, files_of, settings_of
from combust.surrogates.model.transfer import species_of
from combust.surrogates.settings import Architecture, Given, Surrogate, Train
from combust.surrogates.training import losses
from combust.surrogates.training import state as training_state
from combust.surrogates.training.calibrate import chosen
from combust.surrogates.training.state import State
from combust.surrogates.training.thin import require_share, thinned

CHECKPOINT, MODEL = "checkpoint.safetensors", "model"
Samples = str | Path | Sequence[str | Path] | None  # files of sample sets, whose rows are joined
FREE = ("config.train.device",)  # may differ when a training goes on


@dataclass(frozen=True)
class Job:
    """What is to be trained, on which rows, from where, to where."""

    settings: Surrogate
    gas: Mechanism
    samples: SampleSet
    init: str | None  # name or path of the model that the first weights and coordinates are of
    start: Model | None  # that model
    minutes: float | None  # that the schedule is to fit into
    folder: Path
    identity: dict[str, Any]
    also: SampleSet | None = None  # rows of other fuels: the network learns from them, its router knows nothing of them
    old: float = 1.0  # share of the training rows before `new` that the network learns from
    new: int = 0  # first row of the last sample set
    sets: int = 1  # of samples that were joined

    @property
    def taught(self) -> SampleSet:
        """The rows that the network learns from and that stop its training."""
        own = self.samples
        if self.old < 1.0:  # other rows with each set that joins
            own = thinned(own, self.new, self.old, self.settings.train.seed + self.sets)
        return own if self.also is None else SampleSet.join([own, self.also])


def prepared(
    asked: Given,
    out: str | Path | None = None,
    samples: Samples = None,
    init: str | Path | None = None,
    minutes: float | None = None,
    same: bool = False,
    also: Sequence[str | Path] = (),
    old: float = 1.0,
) -> Job:
    """Raises the errors of mechanism, samples and model to start from, and ConfigError where they do not fit; that of
    another mechanism than the model's as well, if it must be the `same`.
    """
    settings = asked.settings
    init = init or settings.train.init
    check(settings, minutes)
    require_share(old)
    folder = Path(out or f"runs/{asked.name}")
    sources = files_of_samples(samples, folder)
    gas = Mechanism.load(settings.mechanism, settings.phase, ions=settings.ions)
    sets = [SampleSet.read(source) for source in sources]
    rows = SampleSet.join(sets)
    others = read_also(also, gas, rows)
    path = library.find(init) if init else None
    start = Model.load(path) if path else None
    check_samples(settings, gas, rows, sources[0])
    check_start(settings, gas, start, rows, same)
    identity = identity_of(settings, gas, sources, path, also) | ({"old": old} if old < 1.0 else {})
    return Job(
        settings, gas, rows, str(init) if init else None, start, minutes, folder, identity, others, old,
        len(rows) - len(sets[-1]), len(sets),
    )  # fmt: skip


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch with one thread, unless OMP_NUM_THREADS says another: a second one gains little for such networks, and adds
    up in another order, which is another training.
    """
    before = torch.get_num_threads()
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def check(settings: Surrogate, minutes: float | None) -> None:
    """Raises ConfigError for a time or a loss that cannot be."""
    if minutes is not None and not minutes > 0:
        raise ConfigError(f"--minutes {minutes}: must be > 0")
    if not losses.weights_of(settings.train.loss):
        raise ConfigError("train.loss: all weights are zero: nothing to learn")


def check_samples(settings: Surrogate, gas: Mechanism, samples: SampleSet, source: Path) -> None:
    """Raises ConfigError for rows that cannot train what is asked for."""
    samples.require(gas)
    for split in ("train", "validation"):
        if not (samples.split == SPLITS.index(split)).any():
            raise ConfigError(f"{source}: has no rows for {split}; sample more trajectories or another split")
    if not len(chosen(samples)):
        raise ConfigError(
            f"{source}: no validation row of a trajectory has rates that are not slow, so that no limit of trust can "
            "be found; sample more trajectories, or longer time steps"
        )
    low, high = settings.range.dt
    if samples.dt.min() < low * (1 - 1e-9) or samples.dt.max() > high * (1 + 1e-9):
        raise ConfigError(
            f"{source}: its time steps go from {samples.dt.min():g} to {samples.dt.max():g} s, beyond "
            f"range.dt = [{low:g}, {high:g}]: sample again, or set range.dt to what was sampled"
        )
    for name, share in losses.composable(settings.train.loss, torch.from_numpy(samples.dt), low).items():
        if not share:
            raise ConfigError(
                f"train.loss.{name}: no row's dt can be cut into steps within range.dt = [{low:g}, {high:g}]; "
                "set it to 0, or sample a range of dt"
            )


def read_also(files: Sequence[str | Path], gas: Mechanism, samples: SampleSet) -> SampleSet | None:
    """Rows of other fuels that the network learns from as well. Raises ConfigError where they are of another mechanism
    or hold something else than the samples do, or have none to train with.
    """
    if not files:
        return None
    parts = [SampleSet.read(file) for file in files]
    for file, part in zip(files, parts, strict=True):
        with at(f"--also {file}"):
            part.require(gas)
            if part.hold != samples.hold:
                raise ConfigError(f'holds "{part.hold}", the samples "{samples.hold}": sample with the same hold')
            if not (part.split == SPLITS.index("train")).any():
                raise ConfigError("has no rows for train; sample more trajectories or another split")
    return SampleSet.join(parts)


def check_start(settings: Surrogate, gas: Mechanism, start: Model | None, samples: SampleSet, same: bool) -> None:
    """Raises ConfigError for a model to start from that has another form, coordinates or thing held, or nothing in
    common with the mechanism.
    """
    if start is None:
        return
    if same:
        start.require(gas, "--init: ")
    shape, wanted = start.card["network"] | start.coordinates._asdict(), settings.network
    for key in ("width", "depth", "power", "floor", "output"):
        if shape[key] != getattr(wanted, key):
            raise ConfigError(
                f"--init: network.{key} of the model is {shape[key]}, of the configuration {getattr(wanted, key)}: "
                f"add --set network.{key}={shape[key]}"
            )
    if start.hold != samples.hold:
        raise ConfigError(f'--init: the model holds "{start.hold}", the samples "{samples.hold}"')
    if same or not carries(settings, gas, start):
        return
    active, _ = reacting(gas, torch.as_tensor(samples.Y.T))
    if not species_of(start, gas, active).shared:
        first = ", ".join(start.card["species"][k] for k in start.coordinates.active.tolist()[:4])
        raise ConfigError(
            f"--init: no species that reacts in {gas.path} has the name of one of learned chemistry '{start.name}' "
            f"({first}, ...): there is nothing to start from; leave it out, or take a model of a fuel that is alike"
        )


def carries(settings: Surrogate, gas: Mechanism, start: Model) -> bool:
    """Whether the model to start from is of another mechanism, or for another range, and must be carried over."""
    known = start.card["mechanism"]["sha256"], tuple(start.card["species"])
    return known != (gas.sha256, tuple(gas.species)) or settings_of(start).range != settings.range


def files_of_samples(samples: Samples, folder: Path) -> list[Path]:
    """One file or several; samples.h5 in the folder if none is named. Raises ConfigError for an empty list."""
    if samples is None or isinstance(samples, str | Path):
        return [Path(samples) if samples else folder / "samples.h5"]
    if not samples:
        raise ConfigError("samples: an empty list; name one file or several")
    return [Path(name) for name in samples]


def content_of(source: Path) -> str:
    """SHA-256 of a sample set, as its file has it, which has just been read as a whole."""
    with h5py.File(source, "r", locking="best-effort") as file:
        return str(file.attrs["content"])


def identity_of(
    settings: Surrogate, gas: Mechanism, sources: Sequence[Path], init: Path | None, also: Sequence[str | Path] = ()
) -> dict[str, Any]:
    """What a training is known by when it is to go on."""
    content = " ".join(map(content_of, sources))
    weights = hashlib.sha256(files_of(init)[1].read_bytes()).hexdigest() if init else None
    config = msgspec.to_builtins(settings)
    kept = {name: config[name] for name in ("network", "train", "range")}
    others = {"also": " ".join(content_of(Path(file)) for file in also)} if also else {}
    return {"mechanism": gas.sha256, "samples": content, "init": weights, "config": kept} | others


def claim(folder: Path, identity: dict[str, Any], resume: bool, force: bool) -> State:
    """The state to begin with. Raises ConfigError for a folder in use, or an interrupted training that was another."""
    checkpoint, made = folder / CHECKPOINT, (*files_of(folder / MODEL), folder / "losses.csv", folder / "losses.png")
    if resume:
        if not checkpoint.is_file():
            raise ConfigError(f"--resume: {folder} holds no {CHECKPOINT}; run without --resume")
        state, before = training_state.read(checkpoint)
        require_same(before, identity, folder)
        return state
    there = [path for path in (checkpoint, *made) if path.exists()]
    if there and not force:
        raise ConfigError(
            f"{there[0]} exists: choose another folder with --out, --resume an interrupted training, or --force to "
            "replace it"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in there:
            path.unlink()
    except OSError as error:
        raise ConfigError(f"--out {folder}: cannot be written: {error.strerror}") from error
    return State()


def require_same(before: dict[str, Any], now: dict[str, Any], folder: Path) -> None:
    """Raises ConfigError naming what differs between an interrupted training and this one."""
    then, given = dict(flat(before)), dict(flat(now))
    usual = dict(
        flat({"config": {"network": msgspec.to_builtins(Architecture()), "train": msgspec.to_builtins(Train())}})
    )
    then = usual | then  # a key that was added since then had its default
    for key in (*then, *given):
        if key not in FREE and then.get(key) != given.get(key):
            raise ConfigError(
                f"--resume: {key.removeprefix('config.')} was {then.get(key)} in {folder} and is {given.get(key)} now; "
                "give what was given then, or --force to begin anew"
            )
