"""combust extinction: strain rates at which counterflow diffusion flames go out."""

from __future__ import annotations

import argparse
import math
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from combust.cli.options import flame_arguments, mechanism_arguments, number, output_arguments, radiation_of
from combust.errors import DivergenceError
from combust.parallel import Communicator
from combust.settings.ranges import HELP, PRESSURE_HELP, positive, pressures, quantities
from combust.units import ATM

if TYPE_CHECKING:
    from combust.kinetics.flames.extinctions import Row
    from combust.kinetics.mechanism.mechanism import Mechanism

HEADER = (
    f"{'p [atm]':>9} {'T fuel':>8} {'T oxid.':>8} {'a global [1/s]':>15} {'error':>8} {'a max [1/s]':>12} "
    f"{'a fuel':>9} {'a oxid.':>9} {'T_max [K]':>10} {'seconds':>8}"
)
FILE = (
    "pressure_Pa", "T_fuel_K", "T_oxidizer_K", "strain_per_s", "strain_error", "grid_strain_per_s", "strain_max_per_s",
    "strain_fuel_per_s", "strain_oxidizer_per_s", "T_max_K", "u_fuel_m_per_s", "u_oxidizer_m_per_s", "points",
    "seconds", "reason",
)  # fmt: skip
NUMBERS = (
    "strain", "strain_error", "grid_strain", "strain_max", "strain_fuel", "strain_oxidizer", "T_max", "u_fuel",
    "u_oxidizer", "points",
)  # fmt: skip
SAYS = (
    "a global = 2 u_o/L (1 + u_f sqrt(rho_f)/(u_o sqrt(rho_o))) of plug-flow jets; a max = greatest |du/dx|; a fuel, "
    "a oxid. = sqrt(-Lambda/rho) of the jets"
)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        f"RANGE: {HELP}. The branch of flames is followed past its turning point, at a fixed ratio of the jets' "
        "momentum fluxes, and the turning point extrapolated to zero spacing. One that is not found is a row with the "
        "reason, and exit code 3."
    )
    mechanism_arguments(parser, "mechanism file (Cantera YAML) with transport data")
    parser.add_argument("--fuel", required=True, metavar="X", help="a species, or mole fractions: CH4:0.8,N2:0.2")
    parser.add_argument("--oxidizer", default="O2:1, N2:3.76", metavar="X", help="default: %(default)s")
    parser.add_argument(
        "--T-fuel", default="300", metavar="RANGE", help="of the fuel, in K or with a unit; %(default)s"
    )
    parser.add_argument("--T-oxidizer", default="300", metavar="RANGE", help="of the oxidizer; %(default)s")
    parser.add_argument("--p", default="1", metavar="RANGE", help=f"pressures: {PRESSURE_HELP}")
    parser.add_argument(
        "--width",
        type=number("length"),
        default=0.02,
        metavar="M",
        help="between the jets, in m or with a unit: 2cm; default: %(default)s",
    )
    parser.add_argument(
        "--momentum-ratio", type=float, default=1.0, metavar="M",
        help="rho u^2 of the fuel over that of the oxidizer; default: %(default)s",
    )  # fmt: skip
    parser.add_argument(
        "--strain", type=number("rate"), default=60.0, metavar="A",
        help="global strain rate of the first flame [1/s], a quarter to four times it are tried too; %(default)s",
    )  # fmt: skip
    flame_arguments(parser)
    parser.add_argument("--max-points", type=int, default=3000, metavar="N", help="of a grid; default: %(default)s")
    output_arguments(parser, "extinction.csv, _curve.csv and .png")


def call(args: argparse.Namespace, comm: Communicator) -> int:
    """Prints the table, writes it, the branches and a picture; the exit code, 3 if one extinction was not found."""
    from combust.kinetics.flames.extinction import COLUMNS
    from combust.kinetics.flames.extinctions import extinction
    from combust.kinetics.mechanism import mixtures
    from combust.kinetics.mechanism.ideal_gas import require_ideal
    from combust.kinetics.mechanism.mechanism import Mechanism
    from combust.report.charts import picture
    from combust.report.tables import Countdown, places, print_path, write_table

    T_fuel = positive(quantities(args.T_fuel, "temperature", "--T-fuel"), args.T_fuel, "--T-fuel")
    T_oxidizer = positive(quantities(args.T_oxidizer, "temperature", "--T-oxidizer"), args.T_oxidizer, "--T-oxidizer")
    ps = pressures(args.p)
    table, curves, image = places(args.out, ("extinction.csv", "extinction_curve.csv", "extinction.png"), args.force)
    gas = Mechanism.load(args.mechanism, args.phase, ions=args.ions)
    fuel, oxidizer = mixtures.of_options(gas, args.fuel, args.oxidizer)
    require_ideal("extinction", min(*T_fuel, *T_oxidizer), ps)
    options = options_of(args, gas)
    rows: list[Row] = []
    print(HEADER, flush=True)
    countdown = Countdown(len(ps) * len(T_fuel) * len(T_oxidizer), "extinctions")

    def each(row: Row) -> None:
        rows.append(row)
        print(line(row), flush=True)
        countdown.tick()
        write_table(table, FILE, [cells(row) for row in rows])
        write_table(curves, ("pressure_Pa", "T_fuel_K", "T_oxidizer_K", *COLUMNS), branches(rows))

    found = extinction(gas, fuel, oxidizer, ps, T_fuel, T_oxidizer, each=each, **options)
    print(SAYS)
    print_path("table", table)
    if found.failed < len(rows):
        print_path("branch", curves)
    if found.failed < len(rows) and image:
        title = f"{args.fuel} against {args.oxidizer}, {Path(args.mechanism).name}"
        picture(image, lambda: draw(image, rows, title))
    if found.failed:
        print(f"{found.failed} of {len(rows)} extinctions were not found; the table says why")
    return DivergenceError.exit_code if found.failed else 0


def options_of(args: argparse.Namespace, gas: Mechanism) -> dict[str, Any]:
    """Options of `extinction`; says what radiates. Raises ConfigError for those that cannot be."""
    from combust.kinetics.flames.extinctions import require_positive
    from combust.kinetics.flames.solver import check_transport, require_width
    from combust.kinetics.flames.speeds import require_points

    require_width("--width", args.width)
    require_positive("--strain", args.strain)
    require_positive("--momentum-ratio", args.momentum_ratio)
    require_points("--max-points", args.max_points)
    check_transport("extinction", args.transport, args.soret)
    names = ("width", "momentum_ratio", "strain", "transport", "soret", "max_points")
    return {name: getattr(args, name) for name in names} | radiation_of(args, "extinction", gas)


def line(row: Row) -> str:
    """One extinction."""
    head = f"{row.p / ATM:9.5g} {row.T_fuel:8.5g} {row.T_oxidizer:8.5g} "
    if row.found is None:
        return f"{head}{'nan':>15}  {textwrap.shorten(row.reason.partition(' Pa: ')[2] or row.reason, 100)}"
    e = row.found
    error = f"{100 * e.strain_error:6.2g} %" if math.isfinite(e.strain_error) else f"{'-':>8}"
    return (
        f"{head}{e.strain:15.5g} {error} {e.strain_max:12.5g} {e.strain_fuel:9.4g} {e.strain_oxidizer:9.4g} "
        f"{e.T_max:10.1f} {row.seconds:8.1f}"
    )


def cells(row: Row) -> tuple[object, ...]:
    """Of the table in the file."""
    numbers = [getattr(row.found, name) if row.found else math.nan for name in NUMBERS]
    return (row.p, row.T_fuel, row.T_oxidizer, *numbers, row.seconds, row.reason)


def branches(rows: Sequence[Row]) -> list[tuple[float, ...]]:
    """Every flame of every branch."""
    known = ((row, row.found) for row in rows if row.found is not None)
    return [(row.p, row.T_fuel, row.T_oxidizer, *flame) for row, found in known for flame in found.curve.tolist()]


def draw(path: Path, rows: Sequence[Row], title: str) -> None:
    """Highest temperature over the global strain rate: both branches, and the extrapolated turning points."""
    from combust.report.charts import drawing

    with drawing(path, (5.0, 3.6)) as figure:
        axes = figure.subplots()
        for row in rows:
            if row.found is None:
                continue
            label = f"{row.p / ATM:.4g} atm, {row.T_fuel:g} K, {row.T_oxidizer:g} K"
            line = axes.plot(row.found.column("strain"), row.found.column("T_max"), lw=1.3, label=label)[0]
            axes.plot(row.found.strain, row.found.T_max, "o", ms=4, color=line.get_color())
        axes.set_xscale("log")
        axes.set_xlabel("global strain rate [1/s]")
        axes.set_ylabel("highest temperature [K]")
        axes.set_title(title)
        axes.legend(frameon=False, fontsize=7)
