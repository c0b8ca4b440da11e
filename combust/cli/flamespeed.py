"""combust flamespeed: laminar flame speeds over ranges of equivalence ratio, temperature and pressure."""

from __future__ import annotations

import argparse
import math
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from combust.cli.options import (
    flame_arguments,
    mechanism_arguments,
    mixture_arguments,
    number,
    output_arguments,
    radiation_of,
)  # fmt: skip
from combust.errors import DivergenceError
from combust.parallel import Communicator
from combust.settings.ranges import HELP, positive, pressures, quantities, values
from combust.units import ATM

if TYPE_CHECKING:
    from combust.kinetics.flames.speeds import FlameSpeed
    from combust.kinetics.mechanism.mechanism import Mechanism

HEADER = (
    f"{'phi':>7} {'T [K]':>8} {'p [atm]':>9} {'S_L [m/s]':>10} {'error':>8} {'grid':>8} {'thickness [mm]':>15} "
    f"{'burnt T [K]':>12} {'points':>7} {'seconds':>8}"
)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        f"RANGE: {HELP}. A speed is extrapolated to zero spacing from grids that are each halved; beside it stand an "
        "estimate of its error and that of the finest grid's own speed. A flame that is not found is a row with the "
        "reason, and exit code 3."
    )
    mechanism_arguments(parser, "mechanism file (Cantera YAML) with transport data")
    mixture_arguments(parser, "300")
    flame_arguments(parser)
    parser.add_argument(
        "--refine", default="extrapolated", choices=["customary", "extrapolated", "converged"],
        help="extrapolated: halved until the speed stays within 0.3 %%; converged: within 0.05 %%, and the grid's own "
        "within 0.5 %%; customary: one grid of Cantera's, no estimate; default: %(default)s",
    )  # fmt: skip
    parser.add_argument("--max-points", type=int, default=6000, metavar="N", help="of a grid; default: %(default)s")
    parser.add_argument(
        "--width", type=number("length"), default=0.02, metavar="M",
        help="first domain in m (1e-6 to 100) or with a unit: 2cm, widened as flames need it; default: %(default)s",
    )  # fmt: skip
    output_arguments(parser, "flamespeed.csv and .png")


def call(args: argparse.Namespace, comm: Communicator) -> int:
    """Prints the table, writes flamespeed.csv and flamespeed.png; the exit code, 3 if a flame was not found."""
    from combust.kinetics.flames.speeds import FlameSpeed, flamespeed
    from combust.kinetics.mechanism import mixtures
    from combust.kinetics.mechanism.ideal_gas import require_ideal
    from combust.kinetics.mechanism.mechanism import Mechanism
    from combust.report.charts import picture
    from combust.report.tables import Countdown, places, print_path, write_table

    phis = positive(values(args.phi, "--phi"), args.phi, "--phi")
    Ts = positive(quantities(args.T, "temperature", "--T"), args.T, "--T")
    ps = pressures(args.p)
    table, image = places(args.out, ("flamespeed.csv", "flamespeed.png"), args.force)
    gas = Mechanism.load(args.mechanism, args.phase, ions=args.ions)
    fuel, oxidizer = mixtures.of_options(gas, args.fuel, args.oxidizer, premixed=True)
    require_ideal("free flame", *map(list, zip(*((T, p) for p in ps for T in Ts), strict=True)))
    options = options_of(args, gas)
    countdown = Countdown(len(phis) * len(Ts) * len(ps), "flames")
    rows: list[FlameSpeed] = []

    def each(row: FlameSpeed) -> None:
        print(line(row), flush=True)
        countdown.tick()
        rows.append(row)
        # Written after each flame: what was found stays, whatever ends the run.
        write_table(table, FlameSpeed._fields, rows)

    print(HEADER, flush=True)
    found = flamespeed(gas, fuel, oxidizer, phis, Ts, ps, each=each, **options)
    print_path("table", table)
    if image and found.failed < len(rows):
        title = f"{args.fuel} in {args.oxidizer}, {Path(args.mechanism).name}"
        picture(image, lambda: draw(image, rows, title))
    if found.failed:
        print(f"{found.failed} of {len(rows)} flames were not found; the table says why")
    return DivergenceError.exit_code if found.failed else 0


def options_of(args: argparse.Namespace, gas: Mechanism) -> dict[str, Any]:
    """Options of `flamespeed`; says what radiates. Raises ConfigError for those that cannot be."""
    from combust.kinetics.flames.solver import check_transport, require_width
    from combust.kinetics.flames.speeds import require_points

    check_transport("flamespeed", args.transport, args.soret)
    require_width("--width", args.width)
    require_points("--max-points", args.max_points)
    names = ("transport", "refine", "soret", "width", "max_points")
    return {name: getattr(args, name) for name in names} | radiation_of(args, "flamespeed", gas)


def line(row: FlameSpeed) -> str:
    """One flame."""
    head = f"{row.phi:7.4g} {row.temperature_K:8.5g} {row.pressure_Pa / ATM:9.5g} "
    if row.reason:
        # The table has said which flame it is; the file holds the whole text.
        return f"{head}{'nan':>10}  {textwrap.shorten(row.reason.partition(' Pa: ')[2] or row.reason, 100)}"
    known = math.isfinite(row.speed_error)  # of one grid alone nothing is known
    own = share(row.grid_speed_m_per_s / row.flame_speed_m_per_s - 1 if known else math.nan, "+")
    return (
        f"{head}{row.flame_speed_m_per_s:10.4f} {share(row.speed_error)} {own} "
        f"{1e3 * row.thermal_thickness_m:15.4f} {row.burnt_temperature_K:12.1f} "
        f"{row.points:7d} {row.seconds:8.1f}"
    )


def share(value: float, sign: str = "") -> str:
    """A relative error in percent, eight characters wide."""
    return f"{'-':>8}" if not math.isfinite(value) else f"{100 * value:{sign}6.2g} %"


def draw(path: Path, rows: Sequence[FlameSpeed], title: str) -> None:
    """Flame speed over the quantity that takes the most values, a line for each pair of the others."""
    from combust.report.charts import drawing

    axes_of = {
        "equivalence ratio": [row.phi for row in rows],
        "temperature [K]": [row.temperature_K for row in rows],
        "pressure [atm]": [row.pressure_Pa / ATM for row in rows],
    }
    units = {"equivalence ratio": "phi {:g}", "temperature [K]": "{:g} K", "pressure [atm]": "{:.4g} atm"}
    along = max(axes_of, key=lambda name: len(set(axes_of[name])))
    others = [name for name in axes_of if name != along]
    lines: dict[tuple[float, ...], list[tuple[float, float]]] = {}
    for i, row in enumerate(rows):
        key = tuple(axes_of[name][i] for name in others)
        lines.setdefault(key, []).append((axes_of[along][i], row.flame_speed_m_per_s))
    with drawing(path, (5.0, 3.4)) as figure:
        axes = figure.subplots()
        for key, points in lines.items():
            label = ", ".join(units[name].format(value) for name, value in zip(others, key, strict=True))
            axes.plot(*zip(*sorted(points), strict=True), marker="o", ms=3.5, lw=1.3, label=label)
        axes.set_xlabel(along)
        axes.set_ylabel("laminar flame speed [m/s]")
        axes.set_ylim(bottom=0)
        if along == "pressure [atm]":
            axes.set_xscale("log")
        axes.set_title(title)
        axes.legend(frameon=False)
