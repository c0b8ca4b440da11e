"""combust ignite: ignition delays over ranges of equivalence ratio, temperature and pressure."""

from __future__ import annotations

import argparse
import math
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from combust.cli.options import mechanism_arguments, mixture_arguments, number, output_arguments
from combust.errors import DivergenceError
from combust.parallel import Communicator
from combust.settings.ranges import HELP, positive, pressures, quantities, values
from combust.units import ATM

if TYPE_CHECKING:
    from combust.kinetics.mechanism.mechanism import Mechanism
    from combust.kinetics.reactors.ignite import IgnitionTable, Reactor

WIDTH = 12  # of a column of delays


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = f"RANGE: {HELP}. Exit code 3 if nothing ignited, or a reactor failed: its row says why."
    mechanism_arguments(parser, "mechanism file (Cantera YAML)")
    mixture_arguments(parser, "1000:1800:9")
    parser.add_argument("--hold", default="uv", choices=["uv", "hp"], help="what is constant: u, v (default) or h, p")
    parser.add_argument(
        "--delay", "--criterion", action="append", metavar="TEXT",
        help='what the delay is: T, p or a species (OH* is found as OHEX, OHV, ... too), then "max slope", "max", '
        '"half max", "20%% max", "max slope extrapolated" or "min slope"; again: another column; default: T max slope',
    )  # fmt: skip
    parser.add_argument(
        "--time",
        type=number("time"),
        default=10.0,
        metavar="S",
        help="longest delay in s, or with a unit: 50ms; default: %(default)s",
    )
    parser.add_argument("--rtol", type=float, default=1e-6, help="default: %(default)s")
    parser.add_argument("--atol", type=float, default=1e-12, help="of mass fractions; default: %(default)s")
    parser.add_argument(
        "--to-end", action="store_true",
        help="follow every reactor for --time, not just until its steepest rise of T or p counts as past",
    )  # fmt: skip
    output_arguments(parser, "ignite.csv and .png")


def call(args: argparse.Namespace, comm: Communicator) -> int:
    """Prints the table, writes ignite.csv and ignite.png; the exit code, 3 if nothing ignited or a reactor failed."""
    from combust.kinetics.mechanism import mixtures
    from combust.kinetics.mechanism.mechanism import Mechanism
    from combust.kinetics.reactors.ignite import STAGE, ignite, require_time
    from combust.report.charts import picture
    from combust.report.tables import Countdown, places

    phis = positive(values(args.phi, "--phi"), args.phi, "--phi")
    Ts = positive(quantities(args.T, "temperature", "--T"), args.T, "--T")
    ps = pressures(args.p)
    require_time("--time", args.time)
    table, image = places(args.out, ("ignite.csv", "ignite.png"), args.force)
    gas = Mechanism.load(args.mechanism, args.phase, ions=args.ions)
    delay = args.delay or [STAGE]
    print_signals(delay, gas, args.hold)
    fuel, oxidizer = mixtures.of_options(gas, args.fuel, args.oxidizer, premixed=True)
    found = ignite(
        gas, fuel, oxidizer, phis, Ts, ps, hold=args.hold, delay=delay, time=args.time, rtol=args.rtol, atol=args.atol,
        progress=Countdown(len(phis) * len(Ts) * len(ps), "reactors").reach, to_end=args.to_end,
    )  # fmt: skip
    print(header(found.definitions))
    for row in found.rows:
        print(line(row))
    write(table, found)
    any_delay = print_missing(found, args.time)
    if image and any_delay:
        title = f"{args.fuel} in {args.oxidizer}, {Path(args.mechanism).name}"
        note = f"constant {' and '.join(args.hold)}"
        picture(image, lambda: draw(image, found.rows, title, found.definitions, note))
    return 0 if found.complete else DivergenceError.exit_code


def header(texts: Sequence[str]) -> str:
    """Of the table; a definition is a column, which is wide enough for most names."""
    names = ["delay [s]"] if len(texts) == 1 else texts
    return f"{'phi':>7} {'T [K]':>8} {'p [atm]':>9} " + " ".join(f"{name:>{WIDTH}}" for name in names)


def line(row: Reactor) -> str:
    """One reactor."""
    head = f"{row.phi:7.4g} {row.T:8.5g} {row.p / ATM:9.5g} "
    if row.reason and not row.ignited:
        return f"{head}{'nan':>12}  {textwrap.shorten(row.reason, 100)}"
    if not row.ignited:
        return head + "no ignition"
    return head + " ".join(f"{'none' if math.isnan(delay) else f'{delay:.5g}':>{WIDTH}}" for delay in row.delays)


def print_missing(found: IgnitionTable, time: float) -> bool:
    """Says what is not in the table of reactors followed for `time` [s], and why; whether there is any delay."""
    rows = found.rows
    if found.failed:
        print(f"{found.failed} of {len(rows)} reactors failed; the table says why")
    if not any(row.ignited for row in rows):
        print(f"nothing ignited within {time:g} s: raise --time or --T")
    elif any(row.ignited and row.reason for row in rows):
        print(f"none: the gas ignited, but the quantity has no such event within {time:g} s")
    return not all(math.isnan(delay) for row in rows for delay in row.delays)


def print_signals(texts: Sequence[str], gas: Mechanism, hold: str) -> None:
    """Says which species of the mechanism an excited one is."""
    from combust.kinetics.reactors.delays import Criterion

    for text in dict.fromkeys(texts):
        criterion, asked = Criterion.parse(text, gas, hold), text.split()[0]
        if criterion.quantity not in ("T", "p") and criterion.quantity.lower() != asked.lower():
            print(f"{asked} is {criterion.quantity} in this mechanism")


def write(table: Path | None, found: IgnitionTable) -> None:
    """The table as a file: delay_s, or a column for each of several definitions."""
    from combust.report.tables import print_path, write_table

    texts = found.definitions
    columns = ["delay_s"] if len(texts) == 1 else [f"delay_s {text}" for text in texts]
    lines = [(row.phi, row.T, row.p, *row.delays, row.reason) for row in found.rows]
    write_table(table, ["phi", "temperature_K", "pressure_Pa", *columns, "reason"], lines)
    print_path("table", table)


def draw(path: Path, rows: Sequence[Reactor], title: str, texts: Sequence[str], note: str) -> None:
    """Delay over 1000/T, a line for each pressure and equivalence ratio, a panel for each definition."""
    from combust.report.charts import drawing

    n = len(texts)
    with drawing(path, (5.0 if n == 1 else 3.4 * n + 0.6, 3.6)) as figure:
        panels = figure.subplots(1, n, sharey=True, squeeze=False)[0]
        for i, (axes, text) in enumerate(zip(panels, texts, strict=True)):
            draw_lines(axes, rows, i)
            axes.set_xlabel("1000 K / T")
            if n > 1:
                axes.set_title(text)
        panels[0].set_yscale("log")
        panels[0].set_ylabel(f"ignition delay [s]: {texts[0]}, {note}" if n == 1 else f"ignition delay [s], {note}")
        panels[0].legend(frameon=False, fontsize=7)
        if n == 1:
            panels[0].set_title(title)
        else:
            figure.suptitle(title, fontsize=10)


def draw_lines(axes: Any, rows: Sequence[Reactor], i: int) -> None:
    """The delays of definition i."""
    lines: dict[tuple[float, float], list[tuple[float, float]]] = {}
    for row in rows:
        lines.setdefault((row.p, row.phi), []).append((1000.0 / row.T, row.delays[i]))
    pressures_ = sorted({p for p, _ in lines})
    for (p, phi), points in lines.items():
        style = ("-", "--", ":", "-.")[pressures_.index(p) % 4]
        label = f"{p / ATM:.4g} atm, phi {phi:g}"
        axes.plot(*zip(*sorted(points), strict=True), style, marker="o", ms=3, lw=1.2, label=label)
