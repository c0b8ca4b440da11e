"""combust chain: from a mechanism to a turbulent flame, stage by stage, and a report of the error of each link."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from combust.interrupts import STOPPED, Stopped
from combust.parallel import Communicator
from combust.report.meter import Meter
from combust.timers import clock

if TYPE_CHECKING:
    from combust.chain.plan import Planned


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "What stands after -- goes to Snakemake (pip install combust[chain]), which then runs the stages: "
        "combust chain FILE -- --jobs 4. Without it they run in order, to the same result."
    )
    parser.add_argument("config", help="the chain (TOML)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE",
                        help="change a key: learned.network.width=64")  # fmt: skip
    parser.add_argument("--out", metavar="DIR", help="folder of the stages; default: runs/<name of the config>")
    parser.add_argument("--quick", action="store_true", help="a small chain, in minutes: the file's table [quick]")
    parser.add_argument("--until", metavar="STAGE", help="end with this stage")
    parser.add_argument("--from", dest="first", metavar="STAGE", help="make this stage and those that hang on it anew")
    parser.add_argument("--only", metavar="STAGE", help="this stage alone; those before it must be up to date")
    parser.add_argument("--cores", type=int, default=1, metavar="N", help="processes or threads; default: %(default)s")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done, and why")
    parser.add_argument("--force", action="store_true", help="make anew what was edited, is foreign or half")
    parser.set_defaults(passed=None)


def call(args: argparse.Namespace, comm: Communicator) -> int:
    """Makes what is not up to date; the exit code."""
    from combust.chain.chain import chain

    try:
        found = chain(
            args.config, args.out, changes=args.set, quick=args.quick, until=args.until, first=args.first,
            only=args.only, cores=args.cores, dry_run=args.dry_run, force=args.force, engine_options=args.passed,
            tell=show, reporter=Meter(),
        )  # fmt: skip
    except Stopped as stop:
        print(stop, flush=True)
        return STOPPED
    if not found.stale:
        print(f"nothing to do: all {len(found.planned)} stages are up to date")
    if args.dry_run:
        return 0
    if found.report is not None:
        print(f"report: {found.report} (and .json, .md)")
    return 0


def show(planned: tuple[Planned, ...]) -> None:
    """The plan: which stage runs and why, how large it is, what it took or is expected to take."""
    if all(one.fresh for one in planned):
        return
    width = max(len(one.stage.name) for one in planned)
    sizes = max(len(one.stage.size) for one in planned)
    for one in planned:
        seconds = "" if one.seconds is None else clock(one.seconds)
        print(f"{one.stage.name:<{width}}  {one.stage.size:<{sizes}}  {seconds:>12}  {one.words()}")
    left = sum(one.seconds or 0.0 for one in planned if not one.fresh)
    unknown = sum(one.seconds is None for one in planned if not one.fresh)
    more = f", and {unknown} stages that nobody has measured" if unknown else ""
    print(f"{sum(not one.fresh for one in planned)} stages to do: {clock(left)} of CPU time at most{more}", flush=True)
