"""combust check: what a run of a case would do, and what is doubtful about it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from combust.cli.options import case_arguments, log, overrides
from combust.errors import ConfigError
from combust.parallel import Communicator
from combust.timers import clock

if TYPE_CHECKING:
    from combust.check.command import FirstStep, Memory, Part
    from combust.check.flame import Resolution
    from combust.check.trial import Trial


def arguments(parser: argparse.ArgumentParser) -> None:
    case_arguments(parser)
    parser.add_argument("--ranks", type=int, metavar="N", help="count the memory for N ranks")
    parser.add_argument(
        "--trial", action="store_true", help="take a step: routes, seconds, peak memory; writes nothing"
    )


def call(args: argparse.Namespace, comm: Communicator) -> int:
    """Prints the resolved case, its memory, its first step and what is doubtful; with --trial, what a step shows."""
    from combust.check.command import Memory, check, require_ranks

    require_ranks("--ranks", args.ranks)
    log(comm)

    def each(part: Part) -> None:
        if comm.is_root:
            show(part)
        if isinstance(part, Memory) and args.trial and not part.fits:
            raise ConfigError("--trial: the case does not fit into this machine: no step was tried")

    found = check(args.case, comm, overrides(args), args.ranks, args.trial, each)
    if found.first_step is None and comm.is_root:
        print("first dt: not known: the case is too large to be built here", flush=True)
    return 0


def show(part: Part) -> None:
    """Prints a part of the report: facts on standard output, warnings on standard error."""
    from combust.case.load import to_toml
    from combust.check.command import FirstStep, Memory, Warnings
    from combust.check.flame import Resolution
    from combust.check.trial import Trial

    if isinstance(part, Memory):
        memory(part)
    elif isinstance(part, Warnings):
        warn(part.sentences.values())
    elif isinstance(part, FirstStep):
        first_step(part)
    elif isinstance(part, Resolution):
        resolution(part)
    elif isinstance(part, Trial):
        trial(part)
    else:
        print(to_toml(part), flush=True)


def warn(sentences: Iterable[str]) -> None:
    for sentence in sentences:
        print(f"warning: {sentence}", file=sys.stderr, flush=True)


def memory(found: Memory) -> None:
    ranks, total, have = found.ranks, found.total, found.machine
    print(f"cells:    {found.cells} on {ranks} rank(s), {found.least} to {found.most} each")
    print(f"blocks:   {' x '.join(map(str, found.blocks))} (x, y, z)")
    shares = ", ".join(f"{name} {value / 1e6:.0f}" for name, value in found.parts.items() if value >= 5e5)
    all_of_them = f"; {ranks * total / 1e9:.3g} GB together" if ranks > 1 else ""
    print(f"memory:   {total / 1e6:.0f} MB per rank at the peak ({shares}){all_of_them}; "
          f"this machine has {have / 1e9:.3g} GB", flush=True)  # fmt: skip
    if ranks * total > have:
        warn([f"memory: {ranks} rank(s) need {ranks * total / 1e9:.3g} GB, this machine has {have / 1e9:.3g} GB: "
              f"take fewer cells, or spread the ranks over at least {-(-ranks * total // have):.0f} machines like "
              "this one"])  # fmt: skip


def first_step(found: FirstStep) -> None:
    stable = f"stable: {found.stable:.4g} s, {found.stable_limit}"
    print(f"first dt: {found.dt:.4g} s ({found.limit}; {stable})", flush=True)


def resolution(found: Resolution) -> None:
    if found.cells is None or found.thickness is None:
        print("flame:    its thermal thickness is not known: no free flame of the gas was found, or it takes long")
    else:
        of = ", of the free flame" if found.free else ""
        print(f"flame:    {found.cells:.3g} cells per thermal thickness ({found.thickness:.3g} m){of}", flush=True)
    warn(found.warnings.values())


def trial(found: Trial) -> None:
    first = f", the first one {found.first:.3g} s" if found.first is not None else ""
    print(f"trial:    {found.seconds:.3g} s per step{first}; kernels {found.kernels}")
    if found.routes:
        shares = ", ".join(f"{100 * share:.3g} % {name}" for name, share in found.routes.items())
        print(f"routes:   {shares}")
    print(f"memory:   {found.peak_memory / 1e6:.0f} MB per rank at the peak of the trial")
    if found.bounded:
        print(f"run:      about {found.steps:.0f} steps, {clock(found.wall)}, without output, "
              "if steps stay as long as this one", flush=True)  # fmt: skip
    else:
        print(f"run:      {clock(found.wall)}, about {found.steps:.0f} steps", flush=True)
