"""Parts of a model made again, its networks as they are: the router's limits, the range of the fresh gas."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from combust.errors import ConfigError
from combust.interrupts import Stopped, stoppable
from combust.io.lock import locked
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.report.meter import SILENT, Reporter
from combust.report.tables import outputs
from combust.surrogates import library
from combust.surrogates.data import streams
from combust.surrogates.model.model import Model, files_of, settings_of
from combust.surrogates.origin import now
from combust.surrogates.settings import Surrogate, given, to_toml
from combust.surrogates.training import fresh_fit
from combust.surrogates.training.finish import Trained, finish
from combust.surrogates.training.job import MODEL, Samples, one_thread, prepared

UNCHANGED = "stopped: nothing was changed"


def recalibrate(
    config: Surrogate | str | Path,
    init: str | Path,
    out: str | Path | None = None,
    *,
    samples: Samples = None,
    changes: Sequence[str] = (),
    force: bool = False,
    reporter: Reporter = SILENT,
) -> Trained:
    """The model `init` with its router fitted anew to samples and [router] of the settings, written to `out`.

    Arguments and errors as of `combust.surrogates.training.train.train`.
    """
    job = prepared(given(config, changes), out, samples, init, same=True)
    model = job.start
    assert model is not None
    with locked(job.folder):
        files = outputs(job.folder, [file.name for file in files_of(job.folder / MODEL)], force)
        own = msgspec.structs.replace(settings_of(model), router=job.settings.router)
        model.card |= {"config": to_toml(own), "written": now()}
        try:
            with one_thread(), stoppable():
                finish(model, job, reporter)
        except KeyboardInterrupt:
            raise Stopped(UNCHANGED) from None
        finally:
            reporter.clear()
    return Trained(files[0], model)


def fresh_range(
    config: Surrogate | str | Path,
    init: str | Path,
    out: str | Path | None = None,
    *,
    changes: Sequence[str] = (),
    force: bool = False,
    reporter: Reporter = SILENT,
) -> Trained:
    """The model `init` with its range of fresh gas anew, from trajectories computed now, written to `out`.

    Arguments and errors as of `combust.surrogates.training.train.train`.
    """
    settings, _, name = given(config, changes)
    model = Model.load(library.find(init))
    gas = Mechanism.load(settings.mechanism, settings.phase, ions=settings.ions)
    model.require(gas, "--init: ")
    same(settings, settings_of(model))
    folder = Path(out or f"runs/{name}")
    with locked(folder):
        files = outputs(folder, [file.name for file in files_of(folder / MODEL)], force)
        try:
            with one_thread(), stoppable():
                states, groups, notes = streams.trajectories(gas, settings, reporter.of("trajectories").reach)
                reporter.clear()
                own = settings.sample
                split = streams.splits(groups, own.held_out, own.validation, own.seed)
                kind = np.array([group["kind"] for group in groups])
                learned = split[states.group] == 0
                rows = states.T[learned], states.Y[learned], kind[states.group[learned]]
                found = fresh_fit.fit(gas, model.hold, settings, rows)
        except KeyboardInterrupt:
            raise Stopped(UNCHANGED) from None
        for note in notes:
            reporter.say(note)
        model.card |= {"fresh": msgspec.to_builtins(found), "written": now()}
        model.save(folder / MODEL)
    known = ", ".join(f"{k} {100 * v:.4g} %" for k, v in found.known.items())
    reporter.say(f"known of the states of training: {known}")
    return Trained(files[0], model)


def same(given: Surrogate, before: Surrogate) -> None:
    """Raises ConfigError for a configuration with other ranges or trajectories than the model was made from."""
    for name in ("fuel", "oxidizer", "range"):
        if getattr(given, name) != getattr(before, name):
            raise ConfigError(
                f"--range: {name} is {getattr(given, name)}, but the model was made with "
                f"{getattr(before, name)}: give the configuration that made it"
            )
    if given.sample.trajectories != before.sample.trajectories:
        raise ConfigError(
            f"--range: sample.trajectories is {given.sample.trajectories}, but the model was made with "
            f"{before.sample.trajectories}: give the configuration that made it"
        )
