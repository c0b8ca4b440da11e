"""combust network: reactions in trajectories of molecular dynamics, with rate constants and their errors."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from combust.cli.options import folder_arguments, number
from combust.errors import ConfigError
from combust.parallel import Communicator
from combust.report.meter import Meter
from combust.settings.ranges import positive, quantities

if TYPE_CHECKING:
    from combust.kinetics.trajectories.formats.reading import Given
    from combust.kinetics.trajectories.network import ReactionNetwork
    from combust.kinetics.trajectories.record import ReactionFound

ROWS = 20


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "Files: network.html, network.json (all of it), rates.csv, events.csv and, with --mechanism, "
        "rates.yaml for Cantera (what `combust merge` takes). Memory grows with the changes of bonds, not with frames."
    )
    parser.add_argument("trajectories", nargs="+", metavar="TRAJ",
                        help="LAMMPS' reaxff/bonds or dump, (extended) XYZ, also as .gz; or a folder of `combust md`, "
                             "or of several")  # fmt: skip
    parser.add_argument("--elements", metavar="LIST", default="", help="of LAMMPS' types 1, 2, ...: H,O")
    parser.add_argument("--T", metavar="LIST", help="temperature of all files, or of each [K]")
    parser.add_argument("--step", type=number("time"), metavar="S", help="time of a step of LAMMPS, or of an XYZ frame")
    parser.add_argument("--volume", type=number("volume"), metavar="V", help="of the box, if files lack it: '3 nm3'")
    parser.add_argument("--format", metavar="NAME", help="bonds, dump, xyz, or dpdata:FORMAT; default: by the content")
    parser.add_argument("--allow-cut", action="store_true", help="leave out a last frame that is cut")
    parser.add_argument("--mechanism", metavar="YAML", help="whose species molecules are, and whose k stands beside")
    parser.add_argument("--alias", action="append", default=[], metavar="A=B", help="molecule A is species B")
    parser.add_argument("--benchmark", metavar="EQ", help="judges the forces; default: the most frequent reaction")
    parser.add_argument("--model-factor", type=float, metavar="F", help="error of the forces, instead of a benchmark")
    parser.add_argument("--persistence", type=number("time"), default=40e-15, metavar="S",
                        help="least duration of a state of a bond (40fs)")  # fmt: skip
    parser.add_argument("--passage", type=number("time"), default=40e-15, metavar="S",
                        help="molecules that last less are passages (40fs)")  # fmt: skip
    parser.add_argument("--complex", action="append", default=[], metavar="FORMULA",
                        help="a passage however long it lasts: H3O")  # fmt: skip
    parser.add_argument(
        "--on", type=float, default=0.6, metavar="BO", help="bond order that makes a bond (%(default)s)"
    )
    parser.add_argument("--off", type=float, default=0.3, metavar="BO", help="below which it breaks (%(default)s)")
    parser.add_argument("--near", type=float, default=1.15, metavar="R",
                        help="the same by distance over the sum of covalent radii (%(default)s)")  # fmt: skip
    parser.add_argument("--far", type=float, default=1.45, metavar="R", help="and beyond which it breaks (%(default)s)")
    folder_arguments(parser, "network.html and the others")


def call(args: argparse.Namespace, comm: Communicator) -> int:
    """Counts, writes, and prints the most frequent reactions."""
    import msgspec

    from combust.kinetics.trajectories.network import network
    from combust.kinetics.trajectories.record import Counting

    raw = {key: getattr(args, key) for key in ("persistence", "passage", "on", "off", "near", "far")}
    try:
        counting = msgspec.convert({**raw, "complexes": tuple(args.complex)}, Counting)
    except msgspec.ValidationError as error:
        raise ConfigError(f"options: {error}") from None
    found = network(
        args.trajectories, args.out, given=given(args), mechanism=args.mechanism, aliases=args.alias,
        benchmark=args.benchmark, model_factor=args.model_factor, counting=counting, force=args.force,
        reporter=Meter(),
    )  # fmt: skip
    print("\n".join(lines(found)))
    return 0


def given(args: argparse.Namespace) -> list[Given]:
    """What the options say of each trajectory. Raises ConfigError."""
    from combust.kinetics.trajectories.formats.reading import Given

    paths: Sequence[str] = args.trajectories
    Ts: list[float | None] = [None] * len(paths)
    if args.T is not None:
        Ts = list(positive(quantities(args.T, "temperature", "--T"), args.T, "--T"))
        Ts = Ts * len(paths) if len(Ts) == 1 else Ts
        if len(Ts) != len(paths):
            raise ConfigError(
                f"--T {args.T}: {len(Ts)} temperatures for {len(paths)} trajectories: one, or one for each"
            )
    for name in ("step", "volume"):
        if (value := getattr(args, name)) is not None and not value > 0:
            raise ConfigError(f"--{name} {value:g}: must be > 0")
    elements = tuple(one.strip() for one in args.elements.split(",") if one.strip())
    return [Given(elements, T, args.step, args.volume, args.format, args.allow_cut) for T in Ts]


def lines(found: ReactionNetwork) -> list[str]:
    """What is printed."""
    record = found.record
    time = sum(one.time for one in record.trajectories)
    made = [f"{len(record.trajectories)} trajectories, {time * 1e12:.4g} ps; "
            f"{sum(one.count for one in record.reactions)} events of {sum(one.count > 0 for one in record.reactions)} "
            "reactions"]  # fmt: skip
    made.append(
        f"{'reaction':<34} {'T [K]':>7} {'events':>6} {'k':>10} {'95 % from':>10} {'to':>10} {'k/mech.':>8} stable"
    )
    seen = [one for one in record.reactions if one.count]
    for one in seen[:ROWS]:
        made += rows(one)
    if len(seen) > ROWS:
        made.append(f"and {len(seen) - ROWS} more in rates.csv")
    made.append("k in cm3/mol/s for two reactants, 1/s for one, cm6/mol2/s for three; intervals are those of counting")
    if (judged := record.benchmark) is not None:
        by = f"by {judged.equation} beside {judged.source}" if judged.equation else "as given"
        made.append(f"error of the forces: a factor {judged.factor:.3g}, {by}")
    made.append(f"page:    {found.page}")
    if found.mechanism is not None:
        made.append(f"rates:   {found.mechanism}")
    elif record.mechanism is not None:
        made.append("rates:   no rates.yaml: no reaction of the mechanism's species has three events and an error")
    return made


def rows(one: ReactionFound) -> list[str]:
    """A line for each temperature."""
    scale, made = 1e3 ** (len(one.reactants) - 1), []
    for i, r in enumerate(one.at):
        ratio = f"{r.k / r.mechanism:8.3g}" if r.mechanism and r.count else f"{'':8}"
        made.append(
            f"{one.equation if i == 0 else '':<34} {r.T:7g} {r.count:6d} {r.k * scale:10.3g} {r.low * scale:10.3g} "
            f"{r.high * scale:10.3g} {ratio} {'yes' if one.stable else 'no'}"
        )
    return made
