"""Error and cost of ignition delays over the absolute tolerance: by what the default is chosen.

    python benchmarks/tolerances.py        # hydrogen, methane, ammonia, n-dodecane

Constant volume, 900 to 1800 K, 1 to 50 bar, phi 0.6 to 1.6, air, drawn at random; rtol 1e-6. Errors against rtol 1e-9
and atol 1e-20 (ammonia, n-dodecane: 1e-8 and 1e-18). One thread, CPU time, in turn.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from ignition import conditions
from pairs import Sheet, done, in_turn, parsed, parser
from states import FUELS, PHASES

from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.reactors.ignition import ignition_delays

RTOL, COLDEST, HIGHEST, T_END = 1e-6, 900.0, 50e5, 100.0  # K, Pa, s
SMOKE = "--only h2o2 --delays 4 --atol 1e-12 1e-10 --rounds 2"


class Row(NamedTuple):
    """A mechanism, how many delays of it, tolerances of their reference."""

    mechanism: str
    delays: int
    rtol: float
    atol: float


ROWS = (
    Row("h2o2.yaml", 48, 1e-9, 1e-20),
    Row("gri30.yaml", 24, 1e-9, 1e-20),
    Row("example_data/ammonia-CO-H2-Alzueta-2023.yaml", 8, 1e-8, 1e-18),
    Row("nDodecane_Reitz.yaml", 8, 1e-8, 1e-18),
)


def arguments() -> argparse.ArgumentParser:
    """Of the command line."""
    made = parser(__doc__)
    made.add_argument("--only", nargs="+", help="mechanisms, by their names without folder and ending")
    made.add_argument("--delays", type=int, help="of each; default: 48, 24, 8, 8")
    made.add_argument("--atol", type=float, nargs="+", default=[1e-15, 1e-12, 1e-10])
    made.add_argument("--rounds", type=int, default=5)
    return made


def main(argv: list[str] | None = None) -> Sheet:
    """A row of each mechanism: largest relative error, and what a delay takes, for each tolerance."""
    options = parsed(arguments(), SMOKE, argv)
    sheet = Sheet("tolerances")
    for row in ROWS:
        if not options.only or Path(row.mechanism).stem in options.only:
            measured(sheet, row, options)
    return done(sheet, options)


def measured(sheet: Sheet, row: Row, options: argparse.Namespace) -> None:
    """Errors and costs of one mechanism."""
    stem, count = Path(row.mechanism).stem, options.delays or row.delays
    gas = Mechanism.load(row.mechanism, phase=PHASES.get(row.mechanism))
    states = conditions(gas, FUELS[row.mechanism], count, coldest=COLDEST, highest=HIGHEST)
    exact = ignition_delays(gas, *states, T_END, rtol=row.rtol, atol=row.atol)
    calls = {
        f"atol {atol:g}": partial(ignition_delays, gas, *states, T_END, rtol=RTOL, atol=atol) for atol in options.atol
    }
    errors = {name: float((call() / exact - 1.0).abs().max()) for name, call in calls.items()}
    for name, seconds in in_turn(calls, options.rounds).items():
        sheet.cost(f"{stem}, {count} delays, {name}", 1e3 / count * seconds, "ms/delay")
        sheet.say(
            f"  {stem}, {name}: {1e3 / count * np.median(seconds):.2f} ms/delay, largest error {errors[name]:.1e}"
        )
    sheet.phases(f"{stem}, {count} delays", errors, "")


if __name__ == "__main__":
    main()
