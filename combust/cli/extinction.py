"""combust extinction: strain rates at which counterflow diffusion flames go out."""

from __future__ import annotations

import argparse
import itertools
import math
import textwrap
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from combust.errors import CombustError, ConfigError, DivergenceError
from combust.kinetics.flames.extinction import COLUMNS, Extinction, extinction_strain
from combust.kinetics.flames.radiation import radiation_of
from combust.kinetics.flames.solver import check_transport, require_width
from combust.kinetics.mechanism import mixtures
from combust.kinetics.mechanism.ideal_gas import require_ideal
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.report.charts import drawing, picture
from combust.report.tables import Countdown, places, say_where, write_table
from combust.settings.ranges import positive, pressures, quantities
from combust.units import ATM

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
LEAST_POINTS = 20
SAYS = (
    "a global = 2 u_o/L (1 + u_f sqrt(rho_f)/(u_o sqrt(rho_o))) of plug-flow jets; a max = greatest |du/dx|; a fuel, "
    "a oxid. = sqrt(-Lambda/rho) of the jets"
)


@dataclass(frozen=True)
class Row:
    """One extinction, or the reason why there is none."""

    p: float
    T_fuel: float
    T_oxidizer: float
    found: Extinction | None
    seconds: float
    reason: str = ""

    def __str__(self) -> str:
        head = f"{self.p / ATM:9.5g} {self.T_fuel:8.5g} {self.T_oxidizer:8.5g} "
        if self.found is None:
            return f"{head}{'nan':>15}  {textwrap.shorten(self.reason.partition(' Pa: ')[2] or self.reason, 100)}"
        e = self.found
        error = f"{100 * e.strain_error:6.2g} %" if math.isfinite(e.strain_error) else f"{'-':>8}"
        return (
            f"{head}{e.strain:15.5g} {error} {e.strain_max:12.5g} {e.strain_fuel:9.4g} {e.strain_oxidizer:9.4g} "
            f"{e.T_max:10.1f} {self.seconds:8.1f}"
        )

    @property
    def cells(self) -> tuple[object, ...]:
        """Of the table in the file."""
        numbers = [getattr(self.found, name) if self.found else math.nan for name in NUMBERS]
        return (self.p, self.T_fuel, self.T_oxidizer, *numbers, self.seconds, self.reason)


def extinction(args: argparse.Namespace) -> int:
    """Prints the table, writes it, the branches and a picture; the exit code, 3 if one extinction was not found."""
    temperatures = [
        positive(quantities(text, "temperature", option), text, option)
        for text, option in ((args.T_fuel, "--T-fuel"), (args.T_oxidizer, "--T-oxidizer"))
    ]
    conditions = list(itertools.product(pressures(args.p), *temperatures))
    table, curves, image = places(args.out, ("extinction.csv", "extinction_curve.csv", "extinction.png"), args.force)
    gas = Mechanism.load(args.mechanism, args.phase, ions=args.ions)
    fuel, oxidizer = mixtures.of_options(gas, args.fuel, args.oxidizer)
    require_ideal("extinction", [min(T) for _, *T in conditions], [p for p, *_ in conditions])
    options = options_of(args, gas)
    print(HEADER, flush=True)
    rows: list[Row] = []
    countdown = Countdown(len(conditions), "extinctions")
    for p, *T in conditions:
        rows.append(row_of(p, T, lambda p, T: extinction_strain(gas, p, fuel, oxidizer, *T, **options)))
        print(rows[-1], flush=True)
        countdown.tick()
        write_table(table, FILE, [row.cells for row in rows])
        write_table(curves, ("pressure_Pa", "T_fuel_K", "T_oxidizer_K", *COLUMNS), branches(rows))
    print(SAYS)
    say_where("table", table)
    failed = sum(row.found is None for row in rows)
    if failed < len(rows):
        say_where("branch", curves)
        title = f"{args.fuel} against {args.oxidizer}, {Path(args.mechanism).name}"
        if image:
            picture(image, lambda: draw(image, rows, title))
    if failed:
        print(f"{failed} of {len(rows)} extinctions were not found; the table says why")
    return DivergenceError.exit_code if failed else 0


def options_of(args: argparse.Namespace, gas: Mechanism) -> dict[str, Any]:
    """Options of `extinction_strain`; says what radiates. Raises ConfigError for those that cannot be."""
    require_width("--width", args.width)
    for name in ("strain", "momentum_ratio"):
        if not (math.isfinite(getattr(args, name)) and getattr(args, name) > 0):
            raise ConfigError(f"--{name.replace('_', '-')} {getattr(args, name):g}: must be > 0")
    if args.max_points < LEAST_POINTS:
        raise ConfigError(f"--max-points {args.max_points}: must be at least {LEAST_POINTS}")
    check_transport("extinction", args.transport, args.soret)
    names = ("width", "momentum_ratio", "strain", "transport", "soret", "max_points")
    return {name: getattr(args, name) for name in names} | radiation_of(args, "extinction", gas)


def row_of(p: float, T: Sequence[float], solve: Callable[[float, Sequence[float]], Extinction]) -> Row:
    """The row of p [Pa] and the temperatures of fuel and oxidizer [K]; what is not found is a row that says why."""
    begin = time.monotonic()
    try:
        found, reason = solve(p, T), ""
    except CombustError as error:
        found, reason = None, str(error)
    return Row(p, *T, found, time.monotonic() - begin, reason)


def branches(rows: Sequence[Row]) -> list[tuple[float, ...]]:
    """Every flame of every branch."""
    known = ((row, row.found) for row in rows if row.found is not None)
    return [(row.p, row.T_fuel, row.T_oxidizer, *flame) for row, found in known for flame in found.curve.tolist()]


def draw(path: Path, rows: Sequence[Row], title: str) -> None:
    """Highest temperature over the global strain rate: both branches, and the extrapolated turning points."""
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
