"""combust plot: fields and history of a run, from its output folder."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from combust.cli.options import number
from combust.parallel import Communicator


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder")
    parser.add_argument("--fields", metavar="A,B", help="fields to draw; T and a second one if omitted")
    parser.add_argument(
        "--time",
        type=number("time"),
        metavar="S",
        help="the output nearest to this time in s, or with a unit: 50us; default: the last",
    )
    parser.add_argument(
        "--out", metavar="PATH",
        help="picture (.png, .pdf or .svg), or a folder for flame.png; default: flame.png in the folder of the run",
    )  # fmt: skip


def call(args: argparse.Namespace, comm: Communicator) -> int:
    """Prints the path of the picture; standard error says which output it shows where that is of another time."""
    from combust.run.picture import plot

    fields = args.fields.split(",") if args.fields else None
    print(plot(args.folder, fields, args.out, args.time, lambda at, times: print_time(args.time, at, times)).path)
    return 0


def print_time(asked: float | None, at: float, times: Sequence[float]) -> None:
    """Says which output is drawn where it is of another time than was asked for [s]."""
    from combust.run.picture import time_text

    if asked is not None and abs(at - asked) > 1e-6 * abs(asked):
        print(
            f"nearest to {time_text(asked)} is the output at {time_text(at)} "
            f"(of {len(times)} from {time_text(times[0])} to {time_text(times[-1])})",
            file=sys.stderr,
        )
