"""combust list: the kinds that each table of a case file may name."""

from __future__ import annotations

import argparse

from combust.parallel import Communicator


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("section", nargs="?", help="one table: mesh, chemistry, initial, boundary, ...")


def call(args: argparse.Namespace, comm: Communicator) -> int:
    """Prints the kinds, one line each."""
    from combust.cli.reference import kinds

    for table, options in kinds(args.section).items():
        print(table)
        for kind, text in options.items():
            print(f"  {kind:<18} {text}")
    return 0
