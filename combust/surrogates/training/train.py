"""Training: networks, their coordinates and their card from a sample set."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch

from combust.errors import ConfigError
from combust.interrupts import Stopped, stoppable
from combust.io.lock import locked
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.report.meter import SILENT, Reporter
from combust.surrogates.data.sample_set import SampleSet
from combust.surrogates.model.coordinates import Coordinates
from combust.surrogates.model.model import Core, Model, atoms_of, files_of
from combust.surrogates.model.transfer import Carried, Species, carry, species_of
from combust.surrogates.settings import Surrogate, given
from combust.surrogates.training import distributed, losses
from combust.surrogates.training.curve import Curve, board
from combust.surrogates.training.distributed import Group
from combust.surrogates.training.finish import Trained, finish
from combust.surrogates.training.job import CHECKPOINT, MODEL, Job, Samples, carries, claim, one_thread, prepared
from combust.surrogates.training.lineage import card, others, parent
from combust.surrogates.training.provenance import provenance
from combust.surrogates.training.rows import columns, encode, peaks
from combust.surrogates.training.state import State
from combust.surrogates.training.training import Task, Trainer


def train(
    config: Surrogate | str | Path,
    out: str | Path | None = None,
    *,
    samples: Samples = None,
    init: str | Path | None = None,
    changes: Sequence[str] = (),
    minutes: float | None = None,
    tensorboard: bool = False,
    resume: bool = False,
    force: bool = False,
    also: Sequence[str | Path] = (),
    old: float = 1.0,
    reporter: Reporter = SILENT,
) -> Trained | None:
    """Trains a learned chemistry and writes it; None on processes of a launcher but the first.

    config : settings, or the path of a TOML file, with "table.key=value" changes
    out : the folder; runs/<name of the config> if omitted
    samples : the sample set, or several whose rows are joined; samples.h5 in the folder if omitted
    init : name or path of a model to start from, also of another mechanism or range; train.init of the settings if
        omitted
    minutes : into which the schedule is to fit, by the measured pace
    tensorboard : also write the losses for TensorBoard
    resume, force : continue what was interrupted; replace what an earlier training made
    also : sample sets of other fuels in the same mechanism, from which the network learns too: one network for a family
        of fuels; ranges and router are of `samples` alone
    old : share of the training rows of all sample sets but the last that the network learns from, drawn at random; for
        weights that have learned them before. Ranges and router are of all rows

    All input is checked before anything long is computed. Raises ConfigError, MechanismError, FileFormatError for what
    cannot be used or does not fit, DivergenceError for a loss that is not finite, Stopped on a signal: the last epoch
    is kept for `resume`.
    """
    job = prepared(given(config, changes), out, samples, init, minutes, also=also, old=old)
    group = distributed.join(uses_gpu(job.settings))
    try:
        with ExitStack() as held, one_thread(), stoppable():
            return run(job, group, begun(job, group, held, resume, force), tensorboard, reporter)
    except KeyboardInterrupt:
        raise stopped(job, group) from None
    except RuntimeError as error:
        if not group.lost(error):
            raise
        raise Stopped(
            f"[process {group.rank}] another process has ended: the same command with --resume continues"
        ) from error
    finally:
        reporter.clear()
        group.leave()


def stopped(job: Job, group: Group) -> Stopped:
    """What the first process says when a signal stopped all; the others say nothing."""
    then = "with --resume continues" if (job.folder / CHECKPOINT).is_file() else "begins anew"
    return Stopped(f"stopped: the same command {then}" if group.is_root else "")


def begun(job: Job, group: Group, held: ExitStack, resume: bool, force: bool) -> State:
    """The state to begin with; the root makes the output folder ready, and its own until `held` ends, before the others
    look at it.
    """

    def state() -> State:
        if group.is_root:
            held.enter_context(locked(job.folder))
        if group.is_root or resume:
            return claim(job.folder, job.identity, resume, force)
        return State()

    found = group.root_first(state)
    group.barrier()  # the root may write the next checkpoint when all have read this one
    return found


def uses_gpu(settings: Surrogate) -> bool:
    """Raises ConfigError for a GPU that is not there."""
    there = torch.cuda.is_available()
    if settings.train.device == "cuda" and not there:
        raise ConfigError('train.device = "cuda": torch finds no GPU here; take "cpu" or "auto"')
    return there and settings.train.device != "cpu"


def run(job: Job, group: Group, state: State, tensorboard: bool, reporter: Reporter) -> Trained | None:
    """Coordinates, networks, card, router, files."""
    settings, gas, taught = job.settings, job.gas, job.taught
    learned = taught.of("train")
    first = beginning(job, learned)
    coordinates = first.coordinates
    writer, why = board(job.folder) if tensorboard and group.is_root else (None, "")
    if why:
        reporter.say(why)
    curve = Curve(job.folder, tuple(losses.weights_of(settings.train.loss)), writer)
    task = task_of(settings, gas, taught, learned, coordinates, group)
    del learned, taught  # half of the memory, no longer needed
    task.checkpoint, task.identity, task.after_epoch = job.folder / CHECKPOINT, job.identity, curve
    task.start, task.new = first.weights, first.new
    task.budget = None if job.minutes is None else 60.0 * job.minutes
    if group.is_root:
        describe(settings, task, reporter)
        if job.start is not None:
            reporter.say(f"start: learned chemistry '{job.start.name}', {first.species.words()}")
    networks = Trainer(task, state, reporter if group.is_root else SILENT).run()
    if not group.is_root:
        return None
    reporter.clear()
    about = card(settings, gas, job.samples, state, job.init, job.minutes)
    if job.also is not None:
        about["samples"]["also"] = others(job.also)
    if job.old < 1.0:
        about["training"]["old_rows"] = job.old
    about["provenance"] = provenance(gas, settings, job.identity)
    if job.start is not None:
        about["training"]["parent"] = parent(job.start, first.species)
    model = Model(coordinates, [net.cpu() for net in networks], about)
    finish(model, job, reporter)
    return Trained(files_of(job.folder / MODEL)[0], model, curve.path, curve.draw(state))


def beginning(job: Job, learned: SampleSet) -> Carried:
    """Coordinates and first weights of a training on these rows; no weights where it begins from nothing.

    A model of the same mechanism and range is taken as it is, scales included, so that rows mean what they did.
    """
    settings, gas, start = job.settings, job.gas, job.start
    T, p, dt, Y, Y1, _ = columns(learned)
    if start is not None and not carries(settings, gas, start):
        weights = [net.state_dict() for net in start.networks]
        return Carried(start.coordinates, weights, {}, species_of(start, gas, start.coordinates.active))
    fitted = Coordinates.fit(gas, settings.network, settings.range, T, p, Y, dt, Y1)
    if start is None:
        return Carried(fitted, [], {}, Species((), (), ()))
    return carry(start, gas, fitted, (T, p, Y, dt), Y1)


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


def describe(settings: Surrogate, task: Task, reporter: Reporter) -> None:
    """Prints what is to be done."""
    inputs, outputs, width, depth = task.shape
    weights = inputs * width + depth * width * width + width * outputs
    reporter.say(
        f"{len(task.rows)} training and {len(task.validation)} validation rows; {settings.network.ensemble} network(s) "
        f"of {inputs} inputs, {depth} layers of {width}, {outputs} outputs: {weights} weights each"
    )
    terms = ", ".join(f"{name} {weight:g}" for name, weight in losses.weights_of(settings.train.loss).items())
    threads = f"{torch.get_num_threads()} thread(s)" if task.group.device.type == "cpu" else "GPU"
    reporter.say(f"loss: {terms}; {settings.train.precision} on {task.group.size} process(es), {threads}")
