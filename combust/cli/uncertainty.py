"""combust uncertainty: bands of ignition delays and flame speeds from what rate constants may be off by."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from combust.cli.options import folder_arguments, mechanism_arguments, mixture_arguments, number
from combust.errors import DivergenceError
from combust.parallel import Communicator
from combust.settings.ranges import HELP, positive, pressures, quantities, values
from combust.units import ATM

if TYPE_CHECKING:
    from combust.kinetics.uncertainty.bands import Band
    from combust.kinetics.uncertainty.record import DelayBand, FlameBand, SetBands
    from combust.kinetics.uncertainty.uncertainty import Delays, Flames

FILES = ("uncertainty.json", "uncertainty.csv", "uncertainty_rates.csv", "uncertainty.png")
HEADER = f"{'phi':>6} {'T [K]':>7} {'p [atm]':>8} {{:>11}} {'sampled':>19} {'linear':>19}  most of the variance"
RATES = 8  # of the ranking that are printed


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        f"RANGE: {HELP}. FILE: TOML, YAML or CSV of reaction and factor, or a Cantera file whose reactions state one "
        "(`combust network`, `combust merge`); k lies between k/f and k f at two standard deviations unless the file "
        "says otherwise. Every solved flame is kept: a call that was stopped goes on from there. Exit code 3 if a "
        "quantity has no band: its row says why."
    )
    mechanism_arguments(parser, "mechanism file (Cantera YAML)")
    mixture_arguments(parser, "1000:1600:4")
    parser.add_argument("--factors", action="append", default=[], metavar="FILE",
                        help="a set of factors, again for more; default: what the mechanism states")  # fmt: skip
    parser.add_argument("--default", type=float, metavar="F", help="factor of reactions of which nothing is stated")
    parser.add_argument("--beside", action="append", default=[], metavar="YAML",
                        help="another mechanism with the same sets, again for more")  # fmt: skip
    parser.add_argument("--leave-out", action="store_true", help="leave out entries of reactions that there are not")
    parser.add_argument("--only", choices=["delays", "flames"], help="not both")
    parser.add_argument("--hold", default="uv", choices=["uv", "hp"], help="of reactors: u, v (default) or h, p")
    parser.add_argument("--delay", default="T max slope", metavar="TEXT", help="as of combust ignite")
    parser.add_argument("--time", type=number("time"), default=10.0, metavar="S", help="longest delay (10)")
    parser.add_argument("--flame-phi", metavar="RANGE", help="of flames; default: --phi")
    parser.add_argument("--flame-T", default="300", metavar="RANGE", help="of flames; default: %(default)s")
    parser.add_argument("--flame-p", metavar="RANGE", help="of flames; default: --p")
    parser.add_argument("--transport", default="mixture-averaged", choices=["mixture-averaged", "unity-Lewis"])
    parser.add_argument("--soret", action="store_true", help="flames with thermal diffusion")
    parser.add_argument("--refine", default="extrapolated", choices=["customary", "extrapolated", "converged"],
                        help="grids of flames, as of combust flamespeed; default: %(default)s")  # fmt: skip
    parser.add_argument("--samples", type=int, default=256, metavar="N", help="of delays; default: %(default)s")
    parser.add_argument(
        "--flame-samples", type=int, default=0, metavar="N", help="flames solved for a sampled band; 0: none"
    )
    parser.add_argument("--check", type=int, default=3, metavar="N",
                        help="rates whose flames are solved again, up and down; default: %(default)s")  # fmt: skip
    parser.add_argument("--sequence", default="sobol", choices=["sobol", "latin"], help="of samples (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    parser.add_argument("--cores", type=int, default=1, metavar="N", help="threads of reactors, processes of flames")
    folder_arguments(parser, ", ".join(FILES))


def call(args: argparse.Namespace, comm: Communicator) -> int:
    """Prints a table for each set and its ranking, writes the files; the exit code, 3 if a quantity has no band."""
    import msgspec

    from combust.kinetics.mechanism.mechanism import Mechanism
    from combust.kinetics.uncertainty import picture as drawn
    from combust.kinetics.uncertainty.uncertainty import Sampling, uncertainty
    from combust.report.charts import picture
    from combust.report.meter import Meter
    from combust.report.tables import outputs, print_path, writing

    record, table, rates, image = outputs(args.out, FILES, args.force)
    delays, flames = asked(args)
    found = uncertainty(
        Mechanism.load(args.mechanism, args.phase, ions=args.ions), args.fuel, args.oxidizer, factors=args.factors,
        default=args.default, beside=args.beside, leave_out=args.leave_out, delays=delays, flames=flames,
        draws=Sampling(args.samples, args.sequence, args.seed), cores=args.cores, reporter=Meter(),
    )  # fmt: skip
    for one in found.sets:
        print("\n".join(lines(one)))
    with writing(record) as file:
        file.write(msgspec.json.format(msgspec.json.encode(found), indent=1).decode() + "\n")
    write(table, rates, found.sets)
    print_path("record", record)
    print_path("table", table)
    print_path("rates", rates)
    picture(image, lambda: drawn.draw(image, found))
    return DivergenceError.exit_code if found.failed else 0


def asked(args: argparse.Namespace) -> tuple[Delays | None, Flames | None]:
    """Conditions of the options. Raises ConfigError."""
    from combust.kinetics.uncertainty.uncertainty import Delays, Flames

    phi, p = positive(values(args.phi, "--phi"), args.phi, "--phi"), pressures(args.p)
    T = positive(quantities(args.T, "temperature", "--T"), args.T, "--T")
    delays = Delays(tuple(phi), tuple(T), tuple(p), args.hold, args.delay, args.time)
    flame_phi = (
        positive(values(args.flame_phi, "--flame-phi"), args.flame_phi, "--flame-phi") if args.flame_phi else phi
    )
    flame_T = positive(quantities(args.flame_T, "temperature", "--flame-T"), args.flame_T, "--flame-T")
    flame_p = pressures(args.flame_p, "--flame-p") if args.flame_p else p
    conditions = tuple(flame_phi), tuple(flame_T), tuple(flame_p)
    flames = Flames(*conditions, args.transport, args.soret, args.refine, args.check,
                    args.flame_samples)  # fmt: skip
    return None if args.only == "flames" else delays, None if args.only == "delays" else flames


def lines(one: SetBands) -> Iterator[str]:
    """A set: delays, flames, what was solved again, the ranking."""
    yield f"{one.name} ({len(one.factors)} rates), 95 % bands"
    if one.delays:
        yield HEADER.format("delay [s]")
        yield from (row(one, band, band.delay, band.sampled) for band in one.delays)
    if one.flames:
        yield HEADER.format("S_L [m/s]")
        yield from (row(one, band, band.speed, band.sampled) for band in one.flames)
    for band in one.flames:
        yield from checks(band)
    yield f"{'which rate to compute next':<40} {'f':>5} {'share':>6} {'delays':>7} {'flames':>7} {'most':>6}  where"
    for rank in one.ranking()[:RATES]:
        parts = " ".join(f"{percent(value):>7}" for value in (rank.delays, rank.flames))
        head = f"{rank.equation[:40]:<40} {rank.factor:5.3g} {percent(rank.share):>6}"
        yield f"{head} {parts} {percent(rank.most):>6}  {rank.where}"


def row(one: SetBands, band: DelayBand | FlameBand, value: float, sampled: Band | None) -> str:
    """A quantity with its bands and its largest share."""
    head = f"{band.phi:6.4g} {band.T:7.5g} {band.p / ATM:8.4g} "
    if math.isnan(value):
        return f"{head}{'nan':>11}  {band.reason}"
    shares = band.shares
    most = max(range(len(shares)), key=shares.__getitem__, default=0)
    named = f"{one.factors[most].equation} {percent(shares[most])}" if shares else band.reason
    return f"{head}{value:11.5g} {spread(value, sampled):>19} {spread(value, band.linear):>19}  {named}"


def spread(value: float, band: Band | None) -> str:
    """Both ends in percent of the value; a factor where that is too much."""
    if band is None:
        return "-"
    return " ".join("no end" if math.isinf(end) else away(end / value) for end in (band.low, band.high))


def away(ratio: float) -> str:
    """In percent, or as a ratio beyond a factor of two."""
    return f"{100 * (ratio - 1):+.1f} %" if 0.5 < ratio < 2 else f"x{ratio:.3g}"


def percent(share: float | None) -> str:
    """A share."""
    return "-" if share is None else f"{100 * share:.0f} %"


def checks(band: FlameBand) -> Iterator[str]:
    """Flames solved again, beside what the slope says."""
    for one in band.checks:
        if one.reason:
            yield f"    again, phi {band.phi:g}: {one.equation}: {one.reason}"
        else:
            yield (f"    again, phi {band.phi:g}: {one.equation} at +-2 sigma: {away(one.up)}, {away(one.down)} "
                   f"(linear {away(one.linear_up)}, {away(one.linear_down)})")  # fmt: skip


def write(table: Path, rates: Path, sets: tuple[SetBands, ...]) -> None:
    """A row for each quantity, and one for each uncertain rate of each set."""
    from combust.kinetics.uncertainty.record import TEMPERATURES
    from combust.report.tables import write_csv

    head = (
        "set",
        "mechanism",
        "quantity",
        "unit",
        "phi",
        "temperature_K",
        "pressure_Pa",
        "value",
        "sampled_low",
        "sampled_high",
        "sampled_sigma",
        "linear_low",
        "linear_high",
        "linear_sigma",
        "without",
        "reason",
    )
    write_csv(table, head, (
        (one.name, one.mechanism, *quantity, band.phi, band.T, band.p, known(value), *ends(band.sampled),
         *ends(band.linear), without, band.reason)
        for one in sets
        for bands, quantity in ((one.delays, ("ignition delay", "s")), (one.flames, ("flame speed", "m/s")))
        for band, value, without in map(parts, bands)
    ))  # fmt: skip
    columns = ("set", "mechanism", "equation", "reactions", "factor", *(f"sigma_{T:g}_K" for T in TEMPERATURES), "fit",
            "share", "share_delays", "share_flames", "most", "where", "stated_in", "source")  # fmt: skip
    write_csv(rates, columns, (
        (one.name, one.mechanism, rank.equation, " ".join(map(str, used.reactions)), rank.factor, *used.sigma, used.fit,
         rank.share, rank.delays, rank.flames, rank.most, rank.where, used.origin, used.source)
        for one in sets for rank in one.ranking() for used in one.factors if used.equation == rank.equation
    ))  # fmt: skip


def parts(band: Any) -> tuple[Any, float, int]:
    """A band, its value, samples without one."""
    return (band, band.delay, band.missing) if hasattr(band, "delay") else (band, band.speed, band.failed)


def ends(band: Band | None) -> tuple[float | None, ...]:
    """As cells."""
    return (None, None, None) if band is None else tuple(map(known, (band.low, band.high, band.sigma)))


def known(value: float) -> float | None:
    """A number that is one."""
    return value if math.isfinite(value) else None
