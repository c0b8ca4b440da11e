"""combust run: simulate a case."""

from __future__ import annotations

import argparse

from combust.cli.options import case_arguments, overrides
from combust.parallel import Communicator


def arguments(parser: argparse.ArgumentParser) -> None:
    case_arguments(parser)
    parser.add_argument(
        "--restart", metavar="auto|FILE", help="continue from the newest checkpoint, if any, or from FILE"
    )
    parser.add_argument("--force", action="store_true", help="remove combust's files from a folder that is not empty")
    parser.add_argument("--change", action="store_true", help="continue though the physics of the case were changed")


def call(args: argparse.Namespace, comm: Communicator) -> int:
    from combust.run.run import run

    return run(args.case, comm, overrides(args), args.restart, args.force, args.change)
