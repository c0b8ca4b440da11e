"""combust reduce: a small mechanism of a large one, with a report of what it does worse."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from combust.cli.configs import config_arguments
from combust.interrupts import STOPPED, Stopped
from combust.parallel import Communicator
from combust.report.meter import Meter
from combust.timers import clock

if TYPE_CHECKING:
    from combust.reduction.reduce import Reduced


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "Files: reduced.yaml (a Cantera mechanism), report.html, report.md, report.json, samples.h5."
    config_arguments(parser, "what to reduce, at which conditions, to which errors", "search.workers=4")
    parser.add_argument("--out", metavar="DIR", help="output folder; default: runs/ and the name of the file")
    again = parser.add_mutually_exclusive_group()
    again.add_argument("--resume", action="store_true", help="continue what was interrupted, from what is in DIR")
    again.add_argument("--force", action="store_true", help="remove the files of an earlier reduction from DIR")


def call(args: argparse.Namespace, comm: Communicator) -> int:
    """Runs the reduction of a TOML file; the exit code."""
    from combust.reduction.reduce import reduce

    try:
        found = reduce(args.config, args.out, changes=args.set, resume=args.resume, force=args.force, reporter=Meter())
    except Stopped as stop:
        print(stop, flush=True)
        return STOPPED
    summarise(found)
    return 0


def summarise(found: Reduced) -> None:
    """Last words: the steps, the errors, the files."""
    print(f"{'step':<14} {'species':>8} {'reactions':>10} {'error/tolerance':>16} {'time':>12}")
    for stage in found.stages:
        subset, score = stage.judgement.subset, stage.judgement.score
        counts = f"{len(subset.species) - len(subset.qss):8d} {len(subset.reactions):10d}"
        print(f"{stage.name:<14} {counts} {score:16.3f} {clock(stage.seconds):>12}")
    if (apart := found.held_out) is not None:
        print(f"held-out conditions: greatest error over tolerance {apart.score:.3f} ({apart.why or 'no error'})")
    print(f"mechanism: {found.mechanism}")
    print(f"report:    {found.report} (and .md, .json)")
