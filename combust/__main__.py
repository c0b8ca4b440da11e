"""The command line: `combust <verb>`; `combust --help` lists the verbs."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from combust import __version__
from combust.cli.verbs import VERBS
from combust.errors import CombustError
from combust.machine import huge_pages
from combust.parallel import Communicator, all_or_none, report, world
from combust.terminal import flushed, shown
from combust.warned import in_words

EXIT_CODES = """exit codes:
  0 done   1 failed (disk full, bug)   2 bad input   3 diverged
  4 stopped by a signal or the wall limit: continue with --restart auto (run) or --resume (reduce, md)"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one verb; returns the exit code."""
    huge_pages()
    words = sys.argv[1:] if argv is None else list(argv)
    verb = next((word for word in words if not word.startswith("-")), "")
    with shown(), in_words():
        return flushed(lambda: run_verb(parsed(words, verb)))


def parsed(words: list[str], verb: str) -> argparse.Namespace:
    """Arguments of a verb; what stands after -- is in `passed` where it goes to another program."""
    if "--" not in words or not any(one.name == verb and one.passes for one in VERBS):
        return parser(verb).parse_args(words)
    place = words.index("--")
    args = parser(verb).parse_args(words[:place])
    args.passed = words[place + 1 :]
    return args


def run_verb(args: argparse.Namespace) -> int:
    """Runs what the command line asks for, on all ranks; errors become messages and exit codes."""
    comm = Communicator()
    verb = next(verb for verb in VERBS if verb.name == args.verb)
    try:
        if verb.ranks:
            comm = world()
        with all_or_none(comm):
            try:
                return verb.load().call(args, comm)
            except CombustError:
                # What all ranks find, the root says: it ends the others while they wait here.
                time.sleep(1.0 if comm.rank else 0.0)
                raise
    except (Exception, KeyboardInterrupt) as error:
        return report(error, comm)


def parser(only: str | None = None) -> argparse.ArgumentParser:
    """Of all verbs, with the arguments of all, or of one of them only; what they need is not loaded."""
    top = argparse.ArgumentParser(
        "combust",
        description="Multiscale combustion: from rate constants to flames.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"combust {__version__}")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="verb")
    for verb in VERBS:
        made = verbs.add_parser(verb.name, help=verb.help, description=verb.help)
        if only in (None, verb.name):
            verb.load().arguments(made)
    return top


if __name__ == "__main__":
    sys.exit(main())
