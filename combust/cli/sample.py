"""combust sample: states of trajectories and their copies, with exact end states, for learned chemistry."""

from __future__ import annotations

import argparse

from combust.cli.configs import learned_arguments, resume_arguments
from combust.interrupts import STOPPED, Stopped
from combust.parallel import Communicator
from combust.report.meter import Meter


def arguments(parser: argparse.ArgumentParser) -> None:
    learned_arguments(parser)
    parser.add_argument("--out", metavar="FILE", help="samples (HDF5); default: runs/<name of the config>/samples.h5")
    parser.add_argument(
        "--check",
        action="store_true",
        help="only say what it takes, and whether learning is likely to pay for these species; writes nothing",
    )
    resume_arguments(parser)


def call(args: argparse.Namespace, comm: Communicator) -> int:
    """Samples what a TOML file asks for; the exit code."""
    from combust.surrogates.data import sample
    from combust.surrogates.judge.forecast import expect
    from combust.surrogates.settings import load

    if args.check:
        settings = load(args.config, args.set)
        print(expect(sample.checked(settings, args.config), settings), flush=True)
        return 0
    try:
        made = sample.sample(
            args.config, args.out, changes=args.set, resume=args.resume, force=args.force, expect=expect,
            reporter=Meter(),
        )  # fmt: skip
    except Stopped as stop:
        print(stop, flush=True)
        return STOPPED
    print(made.words())
    print(f"samples: {made.path}")
    return 0
