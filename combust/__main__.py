"""The command line: `combust <verb>`; `combust --help` lists the verbs."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence

from combust import __version__
from combust.errors import CombustError
from combust.parallel import Communicator, all_or_none, report, world

EXIT_CODES = """exit codes:
  0 done   1 failed (disk full, bug)   2 bad input   3 diverged
  4 stopped by a signal or the wall limit: continue with --restart auto"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one verb; returns the exit code."""
    args = parser().parse_args(argv)
    comm = Communicator()
    try:
        if args.verb in ("run", "check"):
            comm = world()
        with all_or_none(comm):
            try:
                return dispatch(args, comm)
            except CombustError:
                # What all ranks find, the root says: it ends the others while they wait here.
                time.sleep(1.0 if comm.rank else 0.0)
                raise
    except (Exception, KeyboardInterrupt) as error:
        return report(error, comm)


def dispatch(args: argparse.Namespace, comm: Communicator) -> int:
    """Calls the verb; what it needs is loaded only now."""
    if args.verb == "run":
        from combust.run import run

        return run(args.case, comm, overrides(args), args.restart, args.force)
    if args.verb == "doctor":
        from combust.doctor import doctor

        return doctor()
    if args.verb == "plot":
        from combust.plot import plot

        print(plot(args.folder, args.fields.split(",") if args.fields else None))
        return 0
    from combust import commands

    if args.verb == "check":
        return commands.check(args.case, comm, overrides(args))
    if args.verb == "info":
        return commands.info(args.file)
    if args.verb == "schema":
        return commands.schema(args.markdown)
    return commands.kinds(args.section)


def overrides(args: argparse.Namespace) -> list[str]:
    """--set, and the options that are short for it."""
    extra = [f"output.directory={json.dumps(args.out)}"] if args.out else []
    return [*args.set, *extra, *([f"stop.steps={args.steps}"] if args.steps is not None else [])]


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        "combust",
        description="Multiscale combustion: from rate constants to flames.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"combust {__version__}")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="verb")
    run = case_verb(verbs, "run", "simulate a case")
    run.add_argument("--restart", metavar="auto|FILE", help="continue from the newest checkpoint, if any, or from FILE")
    run.add_argument("--force", action="store_true", help="remove combust's files from a folder that is not empty")
    case_verb(verbs, "check", "build a case and say what it would do, without a step")
    verb(verbs, "info", "what is in a checkpoint, .vtr, .pvd, mechanism or failed cell").add_argument("file")
    schema = verb(verbs, "schema", "JSON Schema of case files, for editors")
    schema.add_argument("--markdown", action="store_true", help="reference tables instead")
    plot = verb(verbs, "plot", "draw flame.png from the output folder of a run")
    plot.add_argument("folder")
    plot.add_argument("--fields", metavar="A,B", help="fields to draw; T and a second one if omitted")
    verb(verbs, "doctor", "versions of all that combust needs, and how to get what is missing")
    listing = verb(verbs, "list", "kinds that a case file may name")
    listing.add_argument("section", nargs="?", help="one table: mesh, chemistry, initial, boundary, ...")
    return top


def verb(verbs: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str) -> argparse.ArgumentParser:
    return verbs.add_parser(name, help=text, description=text)


def case_verb(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str
) -> argparse.ArgumentParser:
    """A verb that takes a case file and changes to it."""
    made = verb(verbs, name, text)
    made.add_argument("case", help="case file (TOML)")
    made.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a key: numerics.cfl=0.3")
    made.add_argument("--out", metavar="DIR", help="output folder")
    made.add_argument("--steps", type=int, metavar="N", help="end after step N of the case")
    return made


if __name__ == "__main__":
    sys.exit(main())
