"""combust run: simulate a case."""

from __future__ import annotations

import argparse
import math
import sys
from typing import TYPE_CHECKING

from combust.cli.options import case_arguments, log, overrides
from combust.parallel import Communicator
from combust.report.meter import SILENT, Meter
from combust.timers import clock

if TYPE_CHECKING:
    from combust.case.config import Config
    from combust.run.simulation import Hook
    from combust.run.summary import RunReport

DRAWN = 2 * 10**9  # bytes of the last snapshot up to which the root reads it whole for a picture


def arguments(parser: argparse.ArgumentParser) -> None:
    case_arguments(parser)
    parser.add_argument(
        "--restart", metavar="auto|FILE", help="continue from the newest checkpoint, if any, or from FILE"
    )
    parser.add_argument("--force", action="store_true", help="remove combust's files from a folder that is not empty")
    parser.add_argument("--change", action="store_true", help="continue though the physics of the case were changed")


def call(args: argparse.Namespace, comm: Communicator) -> int:
    """Runs the case, with lines or a bar while it runs; the root prints."""
    from combust.run.run import run

    log(comm)
    reporter = Meter() if comm.is_root else SILENT
    found = run(args.case, comm, overrides(args), args.restart, args.force, args.change, reporter, lines)
    if comm.is_root:
        summarise(found)
    return found.exit_code


def lines(config: Config) -> list[Hook]:
    """The hook that prints them; torch is loaded."""
    from combust.cli.progress import Log

    return [Log(config.output.log.every)]


def summarise(found: RunReport) -> None:
    """Last words: why it ended, where its files are, the picture, the flame speed."""
    if found.reason == "diverged":
        print(f"error: {found.message}", file=sys.stderr, flush=True)
        return
    print(f"{found.message} in {clock(found.seconds)}")
    print(f"ParaView:    {found.folder.index}")
    snapshot = found.folder.fields(found.step)
    size = snapshot.stat().st_size if snapshot.exists() else 0
    if found.reason == "done" and size > DRAWN:
        print(
            f"picture:     none of {size / 1e9:.3g} GB, which one process would read: combust plot {found.folder.path}"
        )
    elif found.reason == "done":
        try:
            from combust.run.picture import plot

            print(f"picture:     {plot(found.folder.path).path}")
        except Exception as error:  # a picture is never worth a lost run
            print(f"warning: no picture: {error}", file=sys.stderr)
    if math.isfinite(found.flame_speed):
        print(f"flame speed: {found.flame_speed:.4f} m/s")
    if found.exit_code:
        print("continue with the same command and --restart auto")
    sys.stdout.flush()
