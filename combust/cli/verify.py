"""combust verify: the report card of a learned chemistry, beside exact chemistry, where it was not trained."""

from __future__ import annotations

import argparse

from combust.interrupts import STOPPED
from combust.parallel import Communicator
from combust.report.meter import Meter

MISSED = 1  # exit code: a target is


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="name of a shipped model (combust models), or path")
    parser.add_argument("--out", metavar="DIR", help="folder of report.md and report.json; default: runs/verify_<name>")
    parser.add_argument("--quick", action="store_true", help="a small subset, in about a minute")
    parser.add_argument("--steps", type=int, metavar="N", help="of reactors in all; default: 50000, the longest part")
    parser.add_argument(
        "--only",
        metavar="A,B",
        help="of the parts reactors, flames, steps, cost, speed, ends; an earlier report of the same weights keeps its "
        "others",
    )
    parser.add_argument(
        "--coupling", action="store_true", help="flames also with exact chemistry, and nothing, in its place"
    )
    parser.add_argument("--force", action="store_true", help="replace these files")


def call(args: argparse.Namespace, comm: Communicator) -> int:
    """Writes report.md, report.json and pictures; 0 if all targets are met, 1 if not."""
    from combust.surrogates.judge.verify import verify

    only = None if args.only is None else args.only.split(",")
    found = verify(
        args.model, args.out, quick=args.quick, steps=args.steps, only=only, coupling=args.coupling,
        force=args.force, reporter=Meter(),
    )  # fmt: skip
    print(found.words())
    print(f"report:  {found.report} (and .json)")
    return STOPPED if found.stopped else MISSED if found.missed else 0
