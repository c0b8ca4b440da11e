"""combust train: networks, their coordinates and their card from a sample set."""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import os
import sys
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import msgspec
import torch

from combust.errors import ConfigError
from combust.interrupts import STOPPED, stoppable
from combust.io.lock import locked
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.parallel import Communicator, launched_under_mpi, report
from combust.report.meter import Meter
from combust.report.tables import outputs
from combust.settings.config import flat
from combust.surrogates import library
from combust.surrogates.data.sample_set import SPLITS, SampleSet
from combust.surrogates.model.coordinates import Coordinates
from combust.surrogates.model.model import Core, Model, atoms_of, files_of, settings_of
from combust.surrogates.origin import now
from combust.surrogates.settings import Network, Surrogate, Train, load, to_toml
from combust.surrogates.training import distributed, losses, scores
from combust.surrogates.training import state as training_state
from combust.surrogates.training.arguments import train_arguments
from combust.surrogates.training.calibrate import calibrate, chosen
from combust.surrogates.training.curve import Curve, board
from combust.surrogates.training.distributed import Group
from combust.surrogates.training.fresh_fit import ranged
from combust.surrogates.training.lineage import card
from combust.surrogates.training.rows import columns, encode, peaks
from combust.surrogates.training.state import State
from combust.surrogates.training.training import Task, Trainer
from combust.timers import clock

CHECKPOINT, MODEL = "checkpoint.safetensors", "model"
WAIT = 10.0  # s
FREE = ("config.train.device",)  # may differ when a training goes on


@dataclass(frozen=True)
class Job:
    """What is to be trained, on which rows, from where, to where."""

    args: argparse.Namespace
    settings: Surrogate
    gas: Mechanism
    samples: SampleSet
    start: Model | None  # whose weights and coordinates are the first
    folder: Path
    identity: dict[str, Any]


def train(args: argparse.Namespace) -> int:
    """Trains what a TOML file asks for; the exit code. All input is checked before anything long is computed."""
    keep_memory()
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)  # a second one gains little for such networks, and is another training's
    if getattr(args, "range", False):
        return ranged(args)
    settings = load(args.config, args.set)
    check(args, settings)
    job, meter = prepared(args, settings), Meter("steps")
    if args.calibrate:
        with locked(job.folder):
            return calibrated(job, meter)
    if args.processes > 1:
        del job  # it was only checked, so that one process says what is wrong
        return together(args)
    group = distributed.join(uses_gpu(settings))
    try:
        with ExitStack() as held, stoppable():
            run(job, group, begun(job, group, held), meter)
    except KeyboardInterrupt:
        if group.is_root:
            begun_already = (job.folder / CHECKPOINT).is_file()
            meter.say("stopped: the same command " + ("with --resume continues" if begun_already else "begins anew"))
        return STOPPED
    except RuntimeError as error:
        if not group.lost(error):
            raise
        meter.say(f"[process {group.rank}] another process has ended: the same command with --resume continues")
        return STOPPED
    finally:
        meter.clear()
        group.leave()
    return 0


def prepared(args: argparse.Namespace, settings: Surrogate) -> Job:
    """Raises the errors of mechanism, samples and model to start from, and ConfigError where they do not fit."""
    folder = Path(args.out or f"runs/{Path(args.config).stem}")
    source = Path(args.samples) if args.samples else folder / "samples.h5"
    gas = Mechanism.load(settings.mechanism, settings.phase, ions=settings.ions)
    samples = SampleSet.read(source)
    init = library.find(args.init) if args.init else None
    start = Model.load(init) if init else None
    check_samples(settings, gas, samples, source)
    check_start(settings, gas, start, samples)
    return Job(args, settings, gas, samples, start, folder, identity_of(settings, gas, source, init))


def together(args: argparse.Namespace) -> int:
    """The same command in several processes."""
    words = [args.config, *(word for text in args.set for word in ("--set", text))]
    for name in ("samples", "out", "init", "minutes"):
        value = getattr(args, name)
        words += [] if value is None else [f"--{name}", str(value)]
    words += [f"--{name}" for name in ("tensorboard", "resume", "force") if getattr(args, name)]
    try:
        with stoppable():
            return distributed.spawn(words, args.processes)
    except KeyboardInterrupt:
        return STOPPED


def begun(job: Job, group: Group, held: ExitStack) -> State:
    """The state to begin with; the root makes the output folder ready, and its own until `held` ends, before the others
    look at it.
    """

    def state() -> State:
        if group.is_root:
            held.enter_context(locked(job.folder))
        if group.is_root or job.args.resume:
            return claim(job.folder, job.identity, job.args.resume, job.args.force)
        return State()

    found = group.root_first(state)
    group.barrier()  # the root may write the next checkpoint when all have read this one
    return found


def check(args: argparse.Namespace, settings: Surrogate) -> None:
    """Raises ConfigError for arguments that cannot be."""
    if args.minutes is not None and not args.minutes > 0:
        raise ConfigError(f"--minutes {args.minutes}: must be > 0")
    if args.processes < 1:
        raise ConfigError(f"--processes {args.processes}: must be at least 1")
    if args.processes > 1 and (launched_under_mpi() or "WORLD_SIZE" in os.environ):
        raise ConfigError(f"--processes {args.processes}: a launcher has started this process already; leave it out")
    if args.calibrate and (args.init is None or args.minutes is not None or args.processes > 1 or args.resume):
        raise ConfigError("--calibrate: needs --init MODEL, and goes with none of --minutes, --processes, --resume")
    if not losses.weights_of(settings.train.loss):
        raise ConfigError("train.loss: all weights are zero: nothing to learn")


def uses_gpu(settings: Surrogate) -> bool:
    """Raises ConfigError for a GPU that is not there."""
    there = torch.cuda.is_available()
    if settings.train.device == "cuda" and not there:
        raise ConfigError('train.device = "cuda": torch finds no GPU here; take "cpu" or "auto"')
    return there and settings.train.device != "cpu"


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


def check_start(settings: Surrogate, gas: Mechanism, start: Model | None, samples: SampleSet) -> None:
    """Raises ConfigError for a model to start from that has another mechanism, form or thing held."""
    if start is None:
        return
    start.require(gas, "--init: ")
    shape, wanted = start.card["network"], settings.network
    for key in ("width", "depth"):
        if shape[key] != getattr(wanted, key):
            raise ConfigError(
                f"--init: network.{key} of the model is {shape[key]}, of the configuration {getattr(wanted, key)}: "
                f"add --set network.{key}={shape[key]}"
            )
    if start.hold != samples.hold:
        raise ConfigError(f'--init: the model holds "{start.hold}", the samples "{samples.hold}"')


def identity_of(settings: Surrogate, gas: Mechanism, source: Path, init: Path | None) -> dict[str, Any]:
    """What a training is known by when it is to go on."""
    with h5py.File(source, "r", locking="best-effort") as file:  # which has just been read as a whole
        content = str(file.attrs["content"])
    weights = hashlib.sha256(files_of(init)[1].read_bytes()).hexdigest() if init else None
    config = msgspec.to_builtins(settings)
    kept = {name: config[name] for name in ("network", "train", "range")}
    return {"mechanism": gas.sha256, "samples": content, "init": weights, "config": kept}


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
    usual = dict(flat({"config": {"network": msgspec.to_builtins(Network()), "train": msgspec.to_builtins(Train())}}))
    then = usual | then  # a key that was added since then had its default
    for key in (*then, *given):
        if key not in FREE and then.get(key) != given.get(key):
            raise ConfigError(
                f"--resume: {key.removeprefix('config.')} was {then.get(key)} in {folder} and is {given.get(key)} now; "
                "give what was given then, or --force to begin anew"
            )


def run(job: Job, group: Group, state: State, meter: Meter) -> None:
    """Coordinates, networks, card, router, files."""
    settings, gas, samples, start = job.settings, job.gas, job.samples, job.start
    learned = samples.of("train")
    if start is None:
        T, p, dt, Y, Y1, _ = columns(learned)
        coordinates = Coordinates.fit(gas, settings.network, settings.range, T, p, Y, dt, Y1)
    else:
        coordinates = start.coordinates
    writer, why = board(job.folder) if job.args.tensorboard and group.is_root else (None, "")
    if why:
        meter.say(why)
    curve = Curve(job.folder, tuple(losses.weights_of(settings.train.loss)), writer)
    task = task_of(settings, gas, samples, learned, coordinates, group)
    del learned  # half of the memory, no longer needed
    task.checkpoint, task.identity, task.told = job.folder / CHECKPOINT, job.identity, curve
    task.start = [net.state_dict() for net in start.networks] if start is not None else []
    task.budget = None if job.args.minutes is None else 60.0 * job.args.minutes
    if group.is_root:
        describe(settings, task, meter)
    networks = Trainer(task, state, meter if group.is_root else None).run()
    if not group.is_root:
        return
    meter.clear()
    model = Model(coordinates, [net.cpu() for net in networks], card(settings, gas, samples, state, job.args))
    finish(model, job, meter)
    picture = curve.draw(state)
    print(f"losses:  {curve.path}" + (f" and {picture.name}" if picture else " (no picture: matplotlib is missing)"))
    print(f"model:   {files_of(job.folder / MODEL)[0]}", flush=True)


def task_of(
    settings: Surrogate, gas: Mechanism, samples: SampleSet, learned: SampleSet, coordinates: Coordinates, group: Group
) -> Task:
    """What the loop needs, on the device."""
    core = Core(gas.thermo, coordinates, atoms_of(gas, coordinates.active), (), samples.hold)  # type: ignore[arg-type]
    physical = any(name in losses.PHYSICAL for name in losses.weights_of(settings.train.loss))
    rows = encode(core, learned, physical, group.device)
    validation = encode(core, samples.of("validation"), physical, group.device)
    peak = peaks(learned, coordinates).to(group.device)
    shape = (coordinates.mean.numel(), coordinates.active.numel(), settings.network.width, settings.network.depth)
    return Task(settings, core_on(core, group.device), rows, validation, peak, shape, [], group, Path(CHECKPOINT), {})


def core_on(core: Core, device: torch.device) -> Core:
    """The core with its tensors on a device."""

    def moved(value: Any) -> Any:
        return value.to(device) if isinstance(value, torch.Tensor) else value

    return core._replace(
        thermo=type(core.thermo)(*map(moved, core.thermo)),
        coordinates=type(core.coordinates)(*map(moved, core.coordinates)), atoms=moved(core.atoms),
    )  # fmt: skip


def describe(settings: Surrogate, task: Task, meter: Meter) -> None:
    """Prints what is to be done."""
    inputs, outputs, width, depth = task.shape
    weights = inputs * width + depth * width * width + width * outputs
    meter.say(
        f"{len(task.rows)} training and {len(task.validation)} validation rows; {settings.network.ensemble} network(s) "
        f"of {inputs} inputs, {depth} layers of {width}, {outputs} outputs: {weights} weights each"
    )
    terms = ", ".join(f"{name} {weight:g}" for name, weight in losses.weights_of(settings.train.loss).items())
    threads = f"{torch.get_num_threads()} thread(s)" if task.group.device.type == "cpu" else "GPU"
    meter.say(f"loss: {terms}; {settings.train.precision} on {task.group.size} process(es), {threads}")


def finish(model: Model, job: Job, meter: Meter) -> None:
    """Scores, the router's limits, the files."""
    peak = peaks(job.samples.of("train"), model.coordinates)
    errors = {split: scores.errors(model, job.gas, job.samples.of(split), peak) for split in SPLITS[1:]}
    model.card["errors"] = errors
    calibrate(model, job.gas, job.samples, job.settings)
    model.save(job.folder / MODEL)
    meter.say(scores.table(errors))
    training = model.card["training"]
    meter.say(f"{training['rows_seen']} rows seen in {clock(training['seconds'])}")
    meter.say(trusted(model.card["router"]))
    if model.card["router"].get("verdict"):
        meter.say(f"warning: {model.card['router']['verdict']}")


def trusted(router: dict[str, Any]) -> str:
    """What the router lets the network have, and how well the estimate that decides it ranks the true errors."""
    if not router["asked"]:
        return "router: no validation row asks for the network"
    used, within = router["ranking"]["estimate"], router["ranking"].get("within what is stated")
    low, high = (100 * x for x in router["certainty"]["accepted"])
    words = [
        f"router: accepts {100 * used['accepted']:.0f} % of {router['asked']} validation rows ({low:.0f} to {high:.0f} "
        f"% by other draws of the trajectories), limit {router['limit']:.2f}"
    ]
    if "rank_correlation" in used:
        words.append(
            f"the estimated error of a step and the true one have rank correlation {used['rank_correlation']:.2f}"
        )
    if within is not None:
        words.append(
            f"within the stated error are {100 * within['network']:.0f} % of the network's steps, "
            f"{100 * within['kept']:.0f} % of those that are kept"
        )
    return "; ".join(words)


def calibrated(job: Job, meter: Meter) -> int:
    """The model of --init with its router fitted anew to these samples and [router]; the networks stay as they are."""
    model = job.start
    assert model is not None
    files = outputs(job.folder, [file.name for file in files_of(job.folder / MODEL)], job.args.force)
    own = msgspec.structs.replace(settings_of(model), router=job.settings.router)
    model.card |= {"config": to_toml(own), "written": now()}
    try:
        with stoppable():
            finish(model, job, meter)
    except KeyboardInterrupt:
        meter.say("stopped: nothing was changed")
        return STOPPED
    finally:
        meter.clear()
    print(f"model:   {files[0]}", flush=True)
    return 0


def keep_memory() -> None:
    """Asks the C library to keep what is freed: new pages for each batch's tensors cost a tenth of the time."""
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(-3, 1 << 30)  # M_MMAP_THRESHOLD
        libc.mallopt(-1, 1 << 30)  # M_TRIM_THRESHOLD


def main(argv: list[str] | None = None) -> int:
    """As `combust train`, for launchers that start a module."""
    parser = argparse.ArgumentParser("python -m combust.surrogates.training.train", description="As `combust train`.")
    train_arguments(parser)
    args = parser.parse_args(argv)
    try:
        return train(args)
    except (Exception, KeyboardInterrupt) as error:
        # What all processes find, the root says: its end is the others' while they wait here.
        time.sleep(WAIT if distributed.rank() else 0.0)
        return report(error, Communicator())


if __name__ == "__main__":
    sys.exit(main())
