"""One round. What is done is kept in its half folder, so that a killed one goes on."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from combust.errors import ConfigError, FileFormatError
from combust.report.meter import SILENT, Reporter
from combust.surrogates.data.sample_set import SampleSet
from combust.surrogates.model.model import Model, files_of
from combust.surrogates.rounds.explore import Visits, explore
from combust.surrogates.rounds.folders import Manifest, RoundFolder, sha256
from combust.surrogates.rounds.label import labelled
from combust.surrogates.rounds.measure import measured
from combust.surrogates.rounds.prepare import Prepared
from combust.surrogates.rounds.record import Record
from combust.surrogates.rounds.select import selected
from combust.surrogates.rounds.settings import FlowCase
from combust.surrogates.settings import Surrogate
from combust.surrogates.training.job import CHECKPOINT
from combust.surrogates.training.thin import kept_of
from combust.surrogates.training.train import train

ROWS, MODEL = "rows.h5", "model"


def first_round(given: Prepared, place: RoundFolder, reporter: Reporter) -> Manifest:
    """The network that was given, judged as those of later rounds are."""
    return judged(given, place, given.start, 0, given.rows, {}, {}, reporter)


def next_round(
    given: Prepared, place: RoundFolder, before: Sequence[RoundFolder], reporter: Reporter
) -> Manifest | None:
    """Explores with the last network, labels, trains, judges; None where no cell was flagged."""
    number = len(before)
    last = before[-1].path / MODEL if number > 1 else given.start
    rows = harvested(given, place, last, number, reporter)
    if not len(rows):
        return None
    sources = [given.samples, *(folder.path / ROWS for folder in before[1:]), place.half / ROWS]
    trained(retraining(given), place, sources, last, reporter, given.settings.train.old)
    earlier = sum(before_rows(folder) for folder in before[1:])
    inputs = {"network": sha256(files_of(last)[1]), "rows": sha256(place.half / ROWS)}
    model = place.half / MODEL
    learned = kept_of(given.rows + earlier, given.settings.train.old) + len(rows)
    return judged(given, place, model, len(rows), learned, dict(rows.counts), inputs, reporter)


def before_rows(folder: RoundFolder) -> int:
    """Rows that an earlier round added."""
    found = folder.manifest()
    return int(found.record["added"]) if found is not None else 0


def visited(
    given: Prepared, place: RoundFolder, flows: Sequence[FlowCase], model: Path, phase: str, reporter: Reporter
) -> list[Visits]:
    """What the flows ask a network for; each is run once."""
    found = []
    for k, flow in enumerate(flows):
        reporter.say(f"  {phase}: {flow.name} ({k + 1} of {len(flows)})")

        def run(flow: FlowCase = flow) -> dict[str, Any]:
            return explore(flow, model, given.settings.explore.every, reporter).arrays()

        found.append(Visits.of(place.once(f"{phase}_{k}", phase, run)))
    return found


def harvested(given: Prepared, place: RoundFolder, model: Path, number: int, reporter: Reporter) -> SampleSet:
    """The rows of the round, from its half folder or made now."""
    path = place.half / ROWS
    with suppress(FileFormatError):
        return SampleSet.read(path)
    explored, settings = given.settings.explore.cases, given.surrogate
    visits = visited(given, place, explored, model, "explore", reporter)
    begin, asked = time.process_time(), given.settings.select
    count = max(int(asked.rows * given.rows / 2), 1)  # a state gives two rows
    chosen = selected(visits, Model.load(model), settings.range, asked, count)
    of = reporter.of("rows labelled")
    rows = labelled(given.gas, settings, chosen, [flow.name for flow in explored], number, of.reach)
    of.clear()
    rows.write(path)
    place.spend("label", time.process_time() - begin)
    counts = ", ".join(f"{value} {name}" for name, value in chosen.counts.items())
    reporter.say(f"  label: cells visited: {counts}; {len(rows)} rows")
    return rows


def retraining(given: Prepared) -> Surrogate:
    """The learned chemistry with the epochs and the rate of a round."""
    own, asked = given.surrogate, given.settings.train
    train = msgspec.structs.replace(
        own.train, epochs=asked.epochs, rate=asked.rate * own.train.rate, patience=asked.epochs
    )
    return msgspec.structs.replace(own, train=train)


def trained(
    settings: Surrogate, place: RoundFolder, sources: Sequence[Path], last: Path, reporter: Reporter = SILENT,
    old: float = 1.0,
) -> None:  # fmt: skip
    """The network of the round, into its half folder; a checkpoint there goes on."""
    with suppress(FileFormatError, ConfigError):
        if "router" in Model.load(place.half / MODEL).card:
            return
    begin = time.process_time()
    again = (place.half / CHECKPOINT).is_file()
    run = partial(train, settings, place.half, samples=sources, init=last, reporter=reporter, old=old)
    try:
        run(resume=True) if again else run(force=True)
    finally:
        place.spend("train", time.process_time() - begin)


def judged(
    given: Prepared, place: RoundFolder, model: Path, added: int, rows: int, counts: dict[str, Any],
    inputs: dict[str, str], reporter: Reporter,
) -> Manifest:  # fmt: skip
    """Judges a network by the flows that are held out, and ends the round."""
    visits = visited(given, place, given.settings.explore.held_out, model, "judge", reporter)
    begin = time.process_time()
    found = measured(Model.load(model), given.gas, visits)
    place.spend("judge", time.process_time() - begin)
    number = int(place.name.rpartition("_")[2])
    record = Record(
        number=number, added=added, rows=rows, exact_share=found.exact_share, exact_of_all=found.exact_of_all,
        error=found.error if math.isfinite(found.error) else None, within=found.within, step_cpu=found.step_cpu,
        counts={name: int(value) for name, value in counts.items()}, cpu=place.spent(),
        weights=sha256(files_of(model)[1]),
    )  # fmt: skip
    settings = msgspec.to_builtins(given.settings)
    inputs = {**inputs, **{k: v for k, v in given.identity.items() if k in ("mechanism", "samples", "config", "model")}}
    return place.finish(settings, inputs, given.surrogate.train.seed, msgspec.to_builtins(record))
