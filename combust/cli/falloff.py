"""combust falloff: rate constants that hang on pressure, by a master equation or from tables of other programs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from combust.errors import ConfigError
from combust.parallel import Communicator
from combust.units import ATM

if TYPE_CHECKING:
    from combust.kinetics.falloff.falloff import FalloffReport
    from combust.kinetics.falloff.importing import Imported


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "Files: falloff.yaml (what `combust merge` takes), falloff.csv, falloff.png. With --read: the entries of "
        "MESS or Arkane, checked against the mechanism's thermo, as falloff.yaml."
    )
    parser.add_argument("config", nargs="?", help="well, fragments, bath gas, temperatures, pressures (TOML), or the "
                        "name of a file that comes with combust: ho2.toml, c2h6.toml")  # fmt: skip
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a key: fit=plog")
    parser.add_argument("--read", metavar="FILE", help="output of MESS, or chem.inp or output.py of Arkane")
    parser.add_argument("--mechanism", metavar="YAML", help="with --read: species and thermo of the rates")
    parser.add_argument("--name", action="append", default=[], metavar="A=B",
                        help="with --read: A of the file is B of the mechanism: W1=HO2, P1=H+O2")  # fmt: skip
    parser.add_argument("--fit", choices=("plog", "chebyshev"), default="plog",
                        help="with --read: form of tables (%(default)s)")  # fmt: skip
    parser.add_argument("--out", default="runs/falloff", metavar="DIR", help="folder (%(default)s)")
    parser.add_argument("--force", action="store_true", help="replace files of an earlier run")


def call(args: argparse.Namespace, comm: Communicator) -> int:
    """Computes or reads, prints k(T, p), writes."""
    if (args.config is None) == (args.read is None):
        raise ConfigError("falloff: give either a TOML file or --read FILE")
    if args.read is not None:
        return imported(args)
    from combust.kinetics.falloff.falloff import falloff
    from combust.report.charts import picture
    from combust.report.tables import print_path, write_table

    found = falloff(args.config, args.out, changes=args.set, force=args.force)
    show(found)
    t = found.table
    head = ("temperature_K", "pressure_Pa", "association_m3_kmol_s", "dissociation_1_s", "fit", "unsettled")
    from combust.kinetics.falloff.fits import evaluated

    fit = evaluated(found.fit.rate, t.T, t.p)
    write_table(found.csv, head, (
        (T, p, t.association[i, j], t.dissociation[i, j], fit[i, j], t.unsettled[i, j])
        for i, T in enumerate(t.T) for j, p in enumerate(t.p)
    ))  # fmt: skip
    print_path("table", found.csv)
    print(f"rates:   {found.yaml}")
    if found.picture is not None:
        place = found.picture
        picture(place, lambda: draw(place, found))
    return 0


def show(found: FalloffReport) -> None:
    """k of association, its limits, what the mechanism has."""
    t = found.table
    print(f"{found.equation}, k in cm3/mol/s, {t.grains} grains")
    low, high = t.low / t.equilibrium, t.high / t.equilibrium
    print(f"{'T [K]':>7} {'k0 [cm6/mol2/s]':>16} " + " ".join(f"{f'{p / ATM:.3g} atm':>10}" for p in t.p)
          + f" {'k_inf':>10} {'K/mech.':>8}")  # fmt: skip
    for i, T in enumerate(t.T):
        row = " ".join(f"{1e3 * k:10.3g}" for k in t.association[i])
        print(f"{T:7g} {1e6 * low[i]:16.3g} {row} {1e3 * high[i]:10.3g} {found.equilibrium[i]:8.2f}")
    if found.mechanism is not None:
        ratio = t.association / found.mechanism
        print(f"over the mechanism's: {ratio.min():.2f} to {ratio.max():.2f}")
    fit = found.fit
    between = "" if fit.between is None else f", {fit.between:.1%} between these pressures"
    print(f"{fit.kind} fit: within {fit.worst:.1%}, {fit.mean:.1%} on average{between}")
    for words in found.warnings:
        print(f"warning: {words}")


def draw(path: Path, found: FalloffReport) -> None:
    """k over pressure between its limits at some temperatures; points are the master equation, lines the fit."""
    import numpy as np

    from combust.kinetics.falloff.fits import evaluated
    from combust.kinetics.falloff.well import of_collisions
    from combust.report.charts import drawing

    t = found.table
    p = np.geomspace(t.p[0], t.p[-1], 60)
    chosen = sorted({round(i) for i in np.linspace(0, len(t.T) - 1, min(5, len(t.T)))})
    fit = evaluated(found.fit.rate, t.T[chosen], p) * 1e3
    with drawing(path, (6.6, 4.2)) as figure:
        axes = figure.subplots()
        for colour, (row, i) in enumerate(zip(fit, chosen, strict=True)):
            style: dict[str, Any] = {"color": f"C{colour}"}
            low, high = (1e3 * x[i] / t.equilibrium[i] for x in (t.low, t.high))
            M = of_collisions(t.T[[i]], p)[0]
            axes.plot(t.p / ATM, 1e3 * t.association[i], "o", ms=4, **style)
            axes.plot(p / ATM, row, lw=1.2, label=f"{t.T[i]:g} K", **style)
            axes.plot(p / ATM, low * M, ":", lw=0.8, **style)
            axes.axhline(high, ls="--", lw=0.6, **style)
        title = f"{found.equation} in {found.settings.bath}; lines: {found.fit.kind}; dotted, dashed: limits"
        axes.set(xscale="log", yscale="log", xlabel="p [atm]", ylabel="k [cm3/mol/s]", title=title)
        top = 1e3 * (t.high / t.equilibrium)[chosen].max()
        axes.set_ylim(0.3e3 * t.association[chosen].min(), 3 * top)
        axes.legend(frameon=False, fontsize=7)


def imported(args: argparse.Namespace) -> int:
    """Rates of another program."""
    from combust.kinetics.falloff.importing import read_rates

    if args.mechanism is None:
        raise ConfigError("--read: needs --mechanism, whose species and thermo the rates are checked against")
    show_imported(read_rates(args.read, args.mechanism, args.out, names=args.name, fit=args.fit, force=args.force))
    return 0


def show_imported(found: Imported) -> None:
    """A row for each reaction, then what is doubtful, then what was left out."""
    print(f"{found.source} ({found.format}): {len(found.taken)} reactions taken, {len(found.left_out)} left out")
    for one in found.taken:
        balance = f", both directions a factor {one.balance:.2f} off the thermo" if one.balance is not None else ""
        fit = f", fit within {one.error:.1%}" if one.error is not None else ""
        print(f"{one.equation}: {one.kind}, {one.T[0]:g} to {one.T[1]:g} K, {one.p[0] / ATM:.3g} to "
              f"{one.p[1] / ATM:.3g} atm{fit}{balance}")  # fmt: skip
        for words in one.warnings:
            print(f"  warning: {words}")
    for name, reason in found.left_out:
        print(f"left out: {name}: {reason}")
    print(f"rates:   {found.yaml}")
