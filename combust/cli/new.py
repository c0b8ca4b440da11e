"""combust new: the cases that come with combust, and copies of them to begin with."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from combust.parallel import Communicator

if TYPE_CHECKING:
    from combust.shipped import ShippedCase

HEADS = {
    "run": "cases, for combust check and combust run",
    "chain": "files for combust chain",
    "reduce": "files for combust reduce",
    "sample": "files for combust sample and combust train",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", help="a case; all are listed if omitted")
    parser.add_argument("path", nargs="?", metavar="FILE", help="the copy; default: NAME.toml in the current folder")
    parser.add_argument("--force", action="store_true", help="replace files that are there")


def call(args: argparse.Namespace, comm: Communicator) -> int:
    """Lists the cases, a line each, or copies one and says where it is and what to do with it."""
    from combust import shipped

    if args.name is None:
        listing(shipped.cases())
        return 0
    made = shipped.new(args.name, args.path, args.force)
    print(f"case:    {made}")
    case = shipped.named(args.name)
    for path, _ in shipped.files_beside(case, made):
        print(f"beside:  {path}")
    print(f"next:    combust {'check' if case.verb == 'run' else case.verb} {made}")
    return 0


def listing(cases: Sequence[ShippedCase]) -> None:
    width = max(len(case.name) for case in cases)
    for verb, head in HEADS.items():
        print(f"{head}:")
        for case in cases:
            if case.verb == verb:
                print(f"  {case.name:<{width}}  {case.title}")
    print("combust new NAME FILE copies one")
