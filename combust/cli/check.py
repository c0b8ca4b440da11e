"""combust check: what a run of a case would do, and what is doubtful about it."""

from __future__ import annotations

import argparse

from combust.cli.options import case_arguments, overrides
from combust.parallel import Communicator


def arguments(parser: argparse.ArgumentParser) -> None:
    case_arguments(parser)
    parser.add_argument("--ranks", type=int, metavar="N", help="count the memory for N ranks")
    parser.add_argument(
        "--trial", action="store_true", help="take a step: routes, seconds, peak memory; writes nothing"
    )


def call(args: argparse.Namespace, comm: Communicator) -> int:
    from combust.check.command import check

    return check(args.case, comm, overrides(args), args.ranks, args.trial)
