"""combust validate: a mechanism against published experiments; table, validate.csv and validate.png."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from combust.errors import CombustError, ConfigError, DivergenceError, FileFormatError
from combust.experiments import simulate as simulations
from combust.experiments import tables
from combust.experiments.compare import Comparison, Simulate, compare
from combust.experiments.formats.data import DataSet, NotCoveredError
from combust.experiments.formats.read import read_all
from combust.experiments.matching import Names
from combust.experiments.measured import Pairs
from combust.experiments.pictures import PANELS, draw
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.report.charts import picture
from combust.report.tables import Countdown, outputs, write_csv

Judged = Comparison | Pairs
ORDER = ("ignition delay", "burning velocity", "stirred reactor", "flow reactor", "burner flame")


def validate(args: argparse.Namespace, simulate: Simulate | None = None) -> int:
    """Prints a row per data set and quantity, writes validate.csv and validate.png; 0 if at least one data set was
    compared, 3 if a point of one could not be simulated.

    simulate : in the place of combust.kinetics.reactors.ignition.ignition_delays
    """
    if not (math.isfinite(args.within) and args.within > 1):
        raise ConfigError(f"--within {args.within:g}: must be > 1 measured delays")
    table, image = outputs(args.out, ("validate.csv", "validate.png"), args.force)
    names = Names(Mechanism.load(args.mechanism, args.phase, ions=args.ions), args.alias)
    sets, errors = read_all(args.data)
    sets.sort(key=lambda data: ORDER.index(data.kind))
    found: list[Judged] = []
    compared, kind = 0, ""
    countdown = Countdown(len(sets), "data sets")
    for data in sets:
        try:
            judged = judge(data, names, args, simulate)
        except CombustError as error:
            errors.append(error)
        else:
            found += judged
            compared += 1
            if data.kind != kind:
                kind = data.kind
                print(tables.header(kind))
            for one in judged:
                tables.tell(one, args.points)
            # Written after each data set: what was found stays, whatever ends the run.
            write_csv(table, tables.COLUMNS, [row for one in found for row in tables.rows(one)])
        countdown.tick()
    left_out(errors)
    if not found:
        raise FileFormatError(f"none of {len(errors)} data sets could be compared")
    print(f"{compared} data sets compared, {len(errors)} left out")
    return finish(found, table, image, Path(args.mechanism).name)


def left_out(errors: Sequence[CombustError]) -> None:
    """Says which files are not among the results, and why."""
    for failure in errors:
        print(f"{'not covered' if isinstance(failure, NotCoveredError) else 'error'}: {failure}", file=sys.stderr)


def finish(found: Sequence[Judged], table: Path, image: Path, mechanism: str) -> int:
    """Says where the results are; the exit code."""
    print(f"table:   {table}")
    panels = len({id(one.data) for one in found})
    more = f" (the first {PANELS} data sets)" if panels > PANELS else ""
    picture(image, lambda: draw(image, found, mechanism), more)
    failed = sum(comparison.failed for comparison in found)
    if failed:
        print(f"{failed} points could not be simulated; the table says why")
    return DivergenceError.exit_code if failed else 0


def judge(data: DataSet, names: Names, args: argparse.Namespace, simulate: Simulate | None) -> Sequence[Judged]:
    """Simulates a data set by its kind. Raises CombustError where nothing of it can be."""
    if data.kind == "ignition delay":
        return [compare(data, names, simulate or ignition_delays(), args.hold, args.within)]
    options = {"transport": args.transport, "soret": args.soret}
    if data.kind == "burning velocity":
        from combust.kinetics.flames.free import free_flame

        return simulations.speeds(data, names, free_flame, refine=args.refine, **options)
    if data.kind == "burner flame":
        from combust.kinetics.flames.burner_profile import burner_species

        return simulations.flames(data, names, burner_species, **options)
    from combust.kinetics.reactors import stirred

    solve: Callable[..., Any] = stirred.stirred if data.kind == "stirred reactor" else stirred.plug_flow
    return simulations.outlets(data, names, solve)


def ignition_delays() -> Simulate:
    from combust.kinetics.reactors.ignition import ignition_delays

    return ignition_delays
