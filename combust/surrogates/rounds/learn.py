"""Rounds of learning: explore flows, select and label states, train, judge; until targets are met or nothing helps.

As concurrent learning in DP-GEN (Zhang et al., Comput. Phys. Commun. 253 (2020) 107206, doi:10.1016/j.cpc.2020.107206),
but what selects is not the spread of several networks: it is the router's estimate of the error, from exact rates.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from combust.atomic import replace_bytes
from combust.errors import ConfigError
from combust.files import is_file, read_json
from combust.interrupts import Stopped, stoppable
from combust.io.lock import locked
from combust.report.meter import SILENT, Reporter
from combust.settings.config import flat
from combust.settings.trees import of_today
from combust.surrogates.model.model import Model, files_of
from combust.surrogates.rounds.folders import NAME, RoundFolder
from combust.surrogates.rounds.prepare import Prepared, prepared
from combust.surrogates.rounds.record import Learned, Record, Score, best_of, from_manifest
from combust.surrogates.rounds.rounds import first_round, next_round
from combust.surrogates.rounds.settings import Learn, load
from combust.surrogates.rounds.stop import met, reason
from combust.timers import clock

STATE, MODEL = "learn.json", "model"
FREE = ("stop.",)  # may differ when rounds go on


def learn(
    config: Learn | str | Path,
    out: str | Path | None = None,
    *,
    changes: Sequence[str] = (),
    resume: bool = False,
    force: bool = False,
    reporter: Reporter = SILENT,
) -> Learned:
    """Rounds of learning from the flows of a case: each runs flows with the network, labels the states in which the
    router's estimate of its error is large, trains on, and is judged by flows of which nothing was harvested.

    config : settings, or the path of a TOML file, with "table.key=value" changes
    out : the folder; runs/<name of the config> if omitted. Each round has a folder of its own there
    resume, force : go on with what was interrupted, or with other [stop]; replace what earlier rounds made

    The network of the best round is written to the folder; its card says what it was made of. Raises ConfigError,
    FileFormatError, MechanismError for what cannot be used, DivergenceError for a flow or training that is lost,
    Stopped on a signal: what is finished is kept for `resume`.
    """
    if isinstance(config, Learn) and changes:
        raise ConfigError("changes: go with the path of a file; change settings by msgspec.structs.replace")
    settings = config if isinstance(config, Learn) else load(config, changes)
    folder = Path(out or f"runs/{'learn' if isinstance(config, Learn) else Path(config).stem}")
    given = prepared(settings)
    try:
        with locked(folder), stoppable():
            claim(folder, given.identity, resume, force)
            records = all_rounds(given, folder, reporter)
            return finished(given, folder, records)
    except KeyboardInterrupt as stop:
        raise Stopped("stopped: the same command with --resume continues") from stop
    finally:
        reporter.clear()


def claim(folder: Path, identity: dict[str, Any], resume: bool, force: bool) -> None:
    """Makes the folder ready. Raises ConfigError for one that is taken, or rounds that were others."""
    state = folder / STATE
    if resume:
        if not is_file(state):
            raise ConfigError(f"--resume: {folder} holds no {STATE}; run without --resume")
        require_same(read_json(state), identity, folder)
        return
    there = [path for path in (state, *sorted(folder.glob("round_*"))) if path.exists()]
    if there and not force:
        raise ConfigError(f"{there[0]} exists: choose another --out, --resume what was interrupted, or --force")
    for path in [*there, *files_of(folder / MODEL)]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    try:
        replace_bytes(state, (json.dumps(identity, indent=1) + "\n").encode())
    except OSError as error:
        raise ConfigError(f"--out {folder}: cannot be written: {error.strerror}") from error


def require_same(before: Any, now: dict[str, Any], folder: Path) -> None:
    """Raises ConfigError naming what differs between interrupted rounds and these."""
    then, given = dict(flat(of_today(before, now))), dict(flat(now))
    for key in (*then, *given):
        if not key.removeprefix("settings.").startswith(FREE) and then.get(key) != given.get(key):
            raise ConfigError(
                f"--resume: {key.removeprefix('settings.')} was {then.get(key)} in {folder} and is {given.get(key)} "
                "now; give what was given then, or --force to begin anew"
            )


def all_rounds(given: Prepared, folder: Path, reporter: Reporter) -> list[Record]:
    """Those that are whole already and those that follow, until there is a reason to stop."""
    records: list[Record] = []
    while not records or not reason([Score.of(one) for one in records], given.settings.stop):
        place, begin = RoundFolder(folder, len(records)), time.monotonic()
        manifest = place.manifest()
        if manifest is None:
            number = len(records)
            reporter.say(
                f"round {number}: " + ("the network as it is" if not number else "explore, label, train, judge")
            )
            place.half.mkdir(parents=True, exist_ok=True)
            before = [RoundFolder(folder, k) for k in range(number)]
            made = first_round(given, place, reporter) if not number else next_round(given, place, before, reporter)
            if made is None:
                reporter.say(f"round {number}: no cell was flagged")
                break
            manifest = made
            say(from_manifest(made.record, place.name), time.monotonic() - begin, given, reporter)
        records.append(from_manifest(manifest.record, place.path / NAME))
    return records


def say(record: Record, seconds: float, given: Prepared, reporter: Reporter) -> None:
    """A line about a round, and what is left at the most."""
    error = "none" if record.error is None else f"{record.error:.3g}"
    more = given.settings.stop.rounds - record.number
    left = f"; {clock(more * seconds)} left at the most" if record.number and more > 0 else ""
    reporter.say(
        f"round {record.number}: {record.added} rows added, {100 * record.exact_share:.2f} % of the cells that are not "
        f"slow exact, error {error} ({clock(seconds)}{left})"
    )


def finished(given: Prepared, folder: Path, records: list[Record]) -> Learned:
    """The network of the best round in the folder, and the report."""
    scores, best = [Score.of(one) for one in records], best_of(records)
    stop = given.settings.stop
    why = reason(scores, stop) or "no cell was flagged: the flows show nothing that the network could learn"
    source = RoundFolder(folder, best).path / MODEL if best else given.start
    model = Model.load(source)
    model.card["rounds"] = {
        "stopped": why, "best": best, "records": [msgspec.to_builtins(one) for one in records],
        "seen": [flow.name for flow in given.settings.explore.cases],
        "held_out": [flow.name for flow in given.settings.explore.held_out],
    }  # fmt: skip
    model.save(folder / MODEL)
    run_met = len(scores) >= stop.times and all(met(one, stop) for one in scores[-stop.times :])
    report = Learned(tuple(records), why, best, files_of(folder / MODEL)[0], run_met)
    replace_bytes(folder / "rounds.txt", (report.words() + "\n").encode())
    return report
