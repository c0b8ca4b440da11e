"""combust learn: rounds of learning from the flows that a learned chemistry is for."""

from __future__ import annotations

import argparse

from combust.cli.configs import config_arguments, resume_arguments
from combust.interrupts import STOPPED, Stopped
from combust.parallel import Communicator
from combust.report.meter import Meter

MISSED = 1  # exit code


def arguments(parser: argparse.ArgumentParser) -> None:
    config_arguments(parser, "the rounds", "stop.rounds=6")
    parser.add_argument("--out", metavar="DIR", help="output folder; default: runs/<name of the config>")
    resume_arguments(parser)


def call(args: argparse.Namespace, comm: Communicator) -> int:
    """Rounds as a TOML file asks for; the exit code, 1 where the targets are not met."""
    from combust import kernels
    from combust.surrogates.rounds.learn import learn

    kernels.keep_freed_memory()
    try:
        found = learn(args.config, args.out, changes=args.set, resume=args.resume, force=args.force, reporter=Meter())
    except Stopped as stop:
        print(stop, flush=True)
        return STOPPED
    print(found.words())
    print(f"model:   {found.path}", flush=True)
    return 0 if found.targets_met else MISSED
