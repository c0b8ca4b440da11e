"""combust profile: where the time of a case goes."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from combust.cli.configs import phase_keys
from combust.cli.options import log
from combust.parallel import Communicator

if TYPE_CHECKING:
    from combust.profiling.command import Phase, ProfileReport


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("case", help="case file (TOML)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="change a key: numerics.cfl=0.3"
    )
    phase_keys(parser, "gas.")
    parser.add_argument("--steps", type=int, default=5, metavar="N", help="steps to measure; default: %(default)s")
    parser.add_argument(
        "--warm", type=int, default=3, metavar="N", help="steps before, which may compile; default: %(default)s"
    )
    parser.add_argument(
        "--trace", default="trace.json", metavar="FILE",
        help='file that https://ui.perfetto.dev opens, "none" for none; default: %(default)s',
    )  # fmt: skip
    parser.add_argument("--operations", action="store_true", help="with torch's operations of one step in the trace")
    parser.add_argument("--json", metavar="FILE", help="also write all numbers to a file")
    parser.add_argument("--force", action="store_true", help="replace these files")


def call(args: argparse.Namespace, comm: Communicator) -> int:
    """Prints the phases of a step, and where the trace is; the root prints."""
    from combust.parallel import on_root
    from combust.profiling.command import profile, require_apart, require_place, write_numbers

    log(comm)
    trace = None if args.trace == "none" else args.trace
    on_root(comm, lambda: require_place("--json", args.json, args.force))
    on_root(comm, lambda: require_apart({"case": args.case, "--trace": trace, "--json": args.json}))
    found = profile(args.case, comm, args.set, args.steps, args.warm, trace, args.operations, args.force)
    if comm.is_root:
        show(found)
    on_root(comm, lambda: write_numbers(args.json, found))
    return 0


def show(found: ProfileReport) -> None:
    """The table and what it is of."""
    blocks = " x ".join(map(str, found.blocks))
    print(
        f"{found.title}: {found.cells} cells, {found.ranks} rank(s) ({blocks}), {found.device}, {found.kernels} kernels"
    )
    print(f"step:     {1e3 * found.seconds:.4g} ms, {1e6 * found.seconds / found.cells:.3g} us per cell; "
          f"mean of {found.steps} after {found.warm}")  # fmt: skip
    print(f"memory:   {found.bandwidth.mean / 1e9:.3g} GB/s per rank, all at once\n")
    table(found)
    print()
    if found.device == "cpu":
        print("host synchronisations: none, on a CPU there is nothing to wait for")
    else:
        print(f"host synchronisations: {found.total.of('synchronisations').mean:.0f} a step")
        for place, count in sorted(found.reads.items(), key=lambda item: -item[1])[:10]:
            print(f"  {count:4.0f}  {place}")
    if found.iterations:
        print(f"pressure iterations: {found.iterations:.1f} a step")
    if found.ranks > 1:
        print(f"cells done on another rank than theirs: {found.pooled:.1f} per step and rank")
    if found.trace is not None:
        print(f"trace:    {found.trace}, for https://ui.perfetto.dev")


def table(found: ProfileReport) -> None:
    """A line for each phase, per step; columns of other ranks only where there are some."""
    several = found.ranks > 1
    head = f"{'ms per step':<12}" + (
        f"{'least':>9}{'mean':>9}{'most':>9}{'over mean':>10}" if several else f"{'wall':>9}"
    )
    head += f"{'CPU':>9}{'calls':>7}{'kernels':>8}{'others':>7}{'MB':>9}{'floor':>8}"
    print(head + (f"{'messages':>9}{'kB sent':>9}{'reductions':>11}" if several else ""))
    for phase in (*found.phases, found.total):
        print(line(phase, several))


def line(phase: Phase, several: bool) -> str:
    """A row of the table."""
    wall = phase.of("wall")
    text = f"{phase.name:<12}"
    if several:
        text += f"{1e3 * wall.least:9.3f}{1e3 * wall.mean:9.3f}{1e3 * wall.most:9.3f}{100 * wall.imbalance:8.0f} %"
    else:
        text += f"{1e3 * wall.mean:9.3f}"
    text += f"{1e3 * phase.of('cpu').mean:9.3f}{phase.of('calls').mean:7.1f}{phase.of('kernels').mean:8.0f}"
    text += f"{phase.of('operations').mean:7.0f}{phase.of('touched').mean / 1e6:9.2f}{1e3 * phase.floor:8.3f}"
    if several:
        text += f"{phase.of('messages').mean:9.1f}{phase.of('sent').mean / 1e3:9.1f}{phase.of('reductions').mean:11.1f}"
    return text
