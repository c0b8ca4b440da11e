"""combust tst: a rate constant from electronic structure, with the factor it may be off by."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING

from combust.interrupts import STOPPED, Stopped
from combust.parallel import Communicator
from combust.report.meter import Meter

if TYPE_CHECKING:
    from combust.kinetics.quantum.command import TstReport

ROWS = 12
UNITS = {1: (1.0, "1/s"), 2: (1e3, "cm3/mol/s"), 3: (1e6, "cm6/mol2/s")}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "The file names a reaction, its species and its saddle: atoms to begin with (needs pip install "
        "'combust[quantum]'), records, or logs of Gaussian, ORCA, Psi4 and NWChem. Finished pieces are kept: the same "
        "command goes on after a kill. Writes tst.json (for `combust rate`), rate.yaml (for `combust merge`), rate.png "
        "and a record of each structure."
    )
    parser.add_argument("config", help="TOML file, or the name of one that comes with combust: oh_h2.toml")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder of the pieces and the results")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="change a key: tunnelling=wigner"
    )


def call(args: argparse.Namespace, comm: Communicator) -> int:
    """Computes what is missing, prints the table."""
    from combust.cli.rate import draw
    from combust.kinetics.constants.rate import rate
    from combust.kinetics.quantum.command import tst
    from combust.report.charts import picture
    from combust.report.tables import print_path

    try:
        found = tst(args.config, args.out, overrides=args.set, reporter=Meter())
    except Stopped as stop:
        print(stop, flush=True)
        return STOPPED
    show(found)
    place = found.folder / "rate.png"
    beside = rate(found.record.equation, (found.mechanism,), (found.folder,))
    picture(place, lambda: draw(place, beside))
    print_path("rate", found.folder / "rate.yaml")
    return 0


def show(found: TstReport) -> None:
    """Structures, the table, the law."""
    for name, one in found.structures.items():
        shape = one.geometric
        images = ", mirror image" if one.images == 2 else ""
        waves = ", ".join([*(f"{w:.0f}i" for w in one.imaginary), *(f"{w:.0f}" for w in one.frequencies)])
        print(f"{name}: {shape.group}, rotation number {one.sigma}{images}; cm-1: {waves or 'no modes'}")
    record = found.record
    print(f"{record.equation}, {record.level}//{record.geometry}")
    print(f"E0 {record.barrier:.2f} kJ/mol ({record.electrons:.2f} without zero points), back {record.reverse:.2f}; "
          f"{record.wavenumber:.0f}i cm-1")  # fmt: skip
    scale, unit = UNITS.get(len(record.reactants), (1.0, "SI with kmol"))
    best = f" {'CVT':>7}" if record.variational else ""
    print(f"{'T [K]':>8} {'k [' + unit + ']':>18} {'kappa':>7} {'Wigner':>7} {'Eckart':>7}{best} {'factor':>7}")
    step = math.ceil(len(record.at) / ROWS)
    for row in sorted({*record.at[::step], record.at[-1]}, key=lambda one: one.T):
        eckart = f"{row.eckart:.3g}" if row.eckart else "-"
        cvt = "" if row.cvt is None else f" {row.cvt:>7.3g}"
        print(f"{row.T:>8.0f} {row.k * scale:>18.3e} {row.kappa:>7.3g} {row.wigner:>7.3g} {eckart:>7}{cvt} "
              f"{row.factor:>7.3g}")  # fmt: skip
    law = record.fitted
    if law:
        print(f"k = {law.A * scale:.4g} T^{law.b:.3f} exp(-{law.E:.1f} K / T) {unit} within "
              f"{100 * math.expm1(law.error):.1f} %, {law.T_low:g} to {law.T_high:g} K")  # fmt: skip
    for doubt in found.doubts:
        print(f"doubtful: {doubt}")
