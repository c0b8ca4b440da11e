"""combust flamespeed: laminar flame speeds over ranges of equivalence ratio, temperature and pressure."""

from __future__ import annotations

import argparse
import itertools
import math
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from combust.errors import CombustError, ConfigError, DivergenceError
from combust.kinetics.flames.free import free_flame
from combust.kinetics.flames.radiation import radiation_of
from combust.kinetics.flames.solver import check_transport, require_width
from combust.kinetics.mechanism import mixtures
from combust.kinetics.mechanism.ideal_gas import require_ideal
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.report.charts import drawing, picture
from combust.report.tables import Countdown, places, say_where, write_table
from combust.settings.ranges import positive, pressures, quantities, values
from combust.units import ATM

HEADER = (
    f"{'phi':>7} {'T [K]':>8} {'p [atm]':>9} {'S_L [m/s]':>10} {'error':>8} {'grid':>8} {'thickness [mm]':>15} "
    f"{'burnt T [K]':>12} {'points':>7} {'seconds':>8}"
)
FAILED = DivergenceError.exit_code
LEAST_POINTS = 20


@dataclass(frozen=True)
class Row:
    """One flame; NaN and a reason where there is none. The fields are the columns of flamespeed.csv.

    The speed is extrapolated to zero spacing and its error estimated, relative; the grid's own speed stands beside it.
    With refine = "customary" there is one grid only, and no estimate (inf).
    """

    phi: float
    temperature_K: float
    pressure_Pa: float
    flame_speed_m_per_s: float
    speed_error: float
    grid_speed_m_per_s: float
    thermal_thickness_m: float
    burnt_temperature_K: float
    equilibrium_temperature_K: float
    points: int
    seconds: float
    reason: str = ""

    def __str__(self) -> str:
        head = f"{self.phi:7.4g} {self.temperature_K:8.5g} {self.pressure_Pa / ATM:9.5g} "
        if self.reason:
            # The table has said which flame it is; the file holds the whole text.
            return f"{head}{'nan':>10}  {textwrap.shorten(self.reason.partition(' Pa: ')[2] or self.reason, 100)}"
        known = math.isfinite(self.speed_error)  # of one grid alone nothing is known
        own = share(self.grid_speed_m_per_s / self.flame_speed_m_per_s - 1 if known else math.nan, "+")
        return (
            f"{head}{self.flame_speed_m_per_s:10.4f} {share(self.speed_error)} {own} "
            f"{1e3 * self.thermal_thickness_m:15.4f} {self.burnt_temperature_K:12.1f} "
            f"{self.points:7d} {self.seconds:8.1f}"
        )


def share(value: float, sign: str = "") -> str:
    """A relative error in percent, eight characters wide."""
    return f"{'-':>8}" if not math.isfinite(value) else f"{100 * value:{sign}6.2g} %"


def flamespeed(args: argparse.Namespace) -> int:
    """Prints the table, writes flamespeed.csv and flamespeed.png; the exit code, 3 if a flame was not found."""
    phis = positive(values(args.phi, "--phi"), args.phi, "--phi")
    Ts = positive(quantities(args.T, "temperature", "--T"), args.T, "--T")
    conditions = list(itertools.product(pressures(args.p), Ts, phis))
    table, image = places(args.out, ("flamespeed.csv", "flamespeed.png"), args.force)
    gas = Mechanism.load(args.mechanism, args.phase, ions=args.ions)
    fuel, oxidizer = mixtures.of_options(gas, args.fuel, args.oxidizer, premixed=True)
    require_ideal("free flame", [T for _, T, _ in conditions], [p for p, _, _ in conditions])
    options = options_of(args, gas)

    def solve(T: float, p: float, phi: float) -> Any:
        return free_flame(gas, T, p, fuel, oxidizer, phi, **options)

    countdown = Countdown(len(conditions), "flames")
    print(HEADER, flush=True)
    rows = []
    for row in flames(solve, conditions):
        print(row, flush=True)
        countdown.tick()
        rows.append(row)
        # Written after each flame: what was found stays, whatever ends the run.
        write_table(table, [field.name for field in fields(Row)], map(astuple, rows))
    say_where("table", table)
    failed = sum(bool(row.reason) for row in rows)
    if image and failed < len(rows):
        title = f"{args.fuel} in {args.oxidizer}, {Path(args.mechanism).name}"
        picture(image, lambda: draw(image, rows, title))
    if failed:
        print(f"{failed} of {len(rows)} flames were not found; the table says why")
    return FAILED if failed else 0


def options_of(args: argparse.Namespace, gas: Mechanism) -> dict[str, Any]:
    """Options of `free_flame`; says what radiates. Raises ConfigError for those that cannot be."""
    check_transport("flamespeed", args.transport, args.soret)
    require_width("--width", args.width)
    if args.max_points < LEAST_POINTS:
        raise ConfigError(f"--max-points {args.max_points}: must be at least {LEAST_POINTS}")
    names = ("transport", "refine", "soret", "width", "max_points")
    return {name: getattr(args, name) for name in names} | radiation_of(args, "flamespeed", gas)


def flames(
    solve: Callable[[float, float, float], Any], conditions: Sequence[tuple[float, float, float]]
) -> Iterator[Row]:
    """A row for each (p, T, phi); a flame that is not found is a row that says why."""
    for p, T, phi in conditions:
        begin = time.monotonic()
        try:
            flame = solve(T, p, phi)
        except CombustError as error:
            found: tuple[Any, ...] = (*6 * [math.nan], 0, time.monotonic() - begin, str(error))
        else:
            found = (
                flame.speed, flame.speed_error, flame.grid_speed, flame.thermal_thickness, flame.burnt_temperature,
                flame.equilibrium_temperature, len(flame.x), time.monotonic() - begin,
            )  # fmt: skip
        yield Row(phi, T, p, *found)


def draw(path: Path, rows: Sequence[Row], title: str) -> None:
    """Flame speed over the quantity that takes the most values, a line for each pair of the others."""
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
