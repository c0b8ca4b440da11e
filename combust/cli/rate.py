"""combust rate: the rate constant of one reaction in mechanisms, computed, in trajectories and published work."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from combust.cli.options import output_arguments
from combust.errors import ConfigError
from combust.parallel import Communicator
from combust.settings.ranges import positive, pressures, quantities

if TYPE_CHECKING:
    from combust.kinetics.constants.rate import RateReport

UNITS = {1: (1.0, "1/s"), 2: (1e3, "cm3/mol/s"), 3: (1e6, "cm6/mol2/s")}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "Published values are a small table of the hydrogen-oxygen core, each with where it is from; they hold within "
        "their temperatures. ~: from the reverse reaction, by thermo."
    )
    parser.add_argument("reaction", help="as 'OH + H2 = H2O + H'")
    parser.add_argument("--mechanism", action="append", default=[], metavar="YAML",
                        help="Cantera file, again for more; default: h2o2.yaml")  # fmt: skip
    parser.add_argument("--record", action="append", default=[], metavar="JSON",
                        help="network.json of combust network, tst.json of combust tst, or their folders")  # fmt: skip
    parser.add_argument("--T", default="300,500,700,1000,1500,2000,2500,3000", metavar="RANGE", help="temperatures [K]")
    parser.add_argument("--p", default="1", metavar="P", help="pressure in atm, or with a unit, where k hangs on it")
    output_arguments(parser, "rate.csv and .png")


def call(args: argparse.Namespace, comm: Communicator) -> int:
    """Prints a row for each source, writes rate.csv and rate.png."""
    from combust.kinetics.constants.rate import rate
    from combust.report.charts import picture
    from combust.report.tables import places, print_path, write_table

    Ts = positive(quantities(args.T, "temperature", "--T"), args.T, "--T")
    ps = pressures(args.p)
    if len(ps) != 1:
        raise ConfigError(f"--p {args.p}: one pressure")
    table, image = places(args.out, ("rate.csv", "rate.png"), args.force)
    found = rate(args.reaction, args.mechanism or ("h2o2.yaml",), args.record, Ts, ps[0])
    show(found, Ts)
    head = ("source", "kind", "temperature_K", "k_SI_kmol", "low", "high", "factor", "from_reverse", "cite")
    write_table(table, head, (
        (one.source, one.kind, point.T, point.k, point.low, point.high, one.factor, one.reverse, one.cite)
        for one in found.said for point in one.points
    ))  # fmt: skip
    print_path("table", table)
    if image:
        picture(image, lambda: draw(image, found))
    return 0


def show(found: RateReport, Ts: list[float]) -> None:
    """The table."""
    scale, unit = UNITS.get(found.order, (1.0, "SI with kmol"))
    print(f"{found.equation}, k in {unit}")
    columns = sorted({*Ts, *(point.T for one in found.said for point in one.points)})
    print(f"{'source':<30} {'f':>6} " + " ".join(f"{f'{T:g} K':>9}" for T in columns))
    for one in found.said:
        at = {point.T: f"{point.k * scale:.3g}" for point in one.points}
        factor = f"{one.factor:.3g}" if one.factor else "-"
        name = ("~" if one.reverse else "") + (Path(one.source).name if one.kind == "mechanism" else one.source)
        print(f"{name[-30:]:<30} {factor:>6} " + " ".join(f"{at.get(T, ''):>9}" for T in columns))
    if found.spread:
        text = ", ".join(f"{ratio:.2f} at {T:g} K" for T, ratio in found.spread.items())
        print(f"largest over smallest of mechanisms and published values: {text}")
    for one in found.said:
        if one.cite:
            print(f"  {Path(one.source).name if one.kind == 'mechanism' else one.source}: {one.cite}")


def draw(path: Path, found: RateReport) -> None:
    """k over 1000/T: lines of mechanisms and published values, points with bars of trajectories, bands of factors."""
    from combust.report.charts import drawing

    scale, unit = UNITS.get(found.order, (1.0, "SI with kmol"))
    with drawing(path, (6.6, 4.2)) as figure:
        axes = figure.subplots()
        for i, one in enumerate(found.said):
            line(axes, one, scale, f"C{i % 10}")
        axes.set(yscale="log", xlabel="1000 K / T", ylabel=f"k [{unit}]", title=found.equation)
        axes.legend(frameon=False, fontsize=7)


def line(axes: Any, one: Any, scale: float, colour: str) -> None:
    """One source."""
    points = sorted(one.points, key=lambda point: point.T)
    x, k = [1000 / point.T for point in points], [point.k * scale for point in points]
    low, high = ([scale * (getattr(p, name) or p.k) for p in points] for name in ("low", "high"))
    name = Path(one.source).name or one.source
    if one.kind == "trajectories":
        below, above = ([abs(a - b) for a, b in zip(k, side, strict=True)] for side in (low, high))
        axes.errorbar(x, k, yerr=[below, above], fmt="o", ms=4, color=colour, label=f"{name} (counting)")
        if one.factor and math.isfinite(one.factor):
            axes.fill_between(x, [v / one.factor for v in k], [v * one.factor for v in k], color=colour, alpha=0.12)
        return
    axes.plot(x, k, "-" if one.kind == "mechanism" else "--", marker="." if len(x) < 4 else None, lw=1.3, color=colour,
              label=name)  # fmt: skip
    if one.factor:
        axes.fill_between(x, low, high, color=colour, alpha=0.15)
