"""combust validate: a mechanism against published experiments; table, validate.csv and validate.png."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from combust.cli.options import folder_arguments, mechanism_arguments
from combust.errors import CombustError, DivergenceError, FileFormatError
from combust.parallel import Communicator

if TYPE_CHECKING:
    from combust.experiments.validate import Judged, Validation


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "Ignition delays (shock tubes, compression machines): geometric mean of simulated / measured, mean |ln|, "
        "standard deviation of ln, E = mean (ln / sigma)^2. Burning velocities, and species of stirred and flow "
        "reactors and of flames on a burner: mean relative difference, its mean size, share within two sigma, "
        "E = mean (difference / sigma)^2. A file that cannot be used does not stop the others; exit code 2 if none "
        "can, 3 if a point of one cannot be simulated."
    )
    mechanism_arguments(parser, "mechanism file (Cantera YAML)")
    parser.add_argument("data", nargs="+", help="ChemKED (.yaml) or ReSpecTh (.xml) files, or folders of them")
    parser.add_argument("--hold", default="uv", choices=["uv", "hp"],
                      help="what is constant in ignition: u, v (default) or h, p")  # fmt: skip
    parser.add_argument("--transport", default="mixture-averaged", choices=["mixture-averaged", "unity-Lewis"],
                      help="of flames (%(default)s)")  # fmt: skip
    parser.add_argument("--soret", action="store_true", help="thermal diffusion in flames")
    parser.add_argument("--refine", default="extrapolated", choices=["customary", "extrapolated", "converged"],
                      help="grids of burning velocities, as of flamespeed (%(default)s)")  # fmt: skip
    parser.add_argument("--alias", action="append", default=[], metavar="A=B", help="species A of the data is B here")
    parser.add_argument(
        "--within", type=float, default=30.0, metavar="F", help="simulate F times the measured delay (%(default)s)"
    )
    parser.add_argument("--points", action="store_true", help="print every point, not only every data set")
    folder_arguments(parser, "validate.csv and .png")


def call(args: argparse.Namespace, comm: Communicator) -> int:
    """Prints a row per data set and quantity, writes validate.csv and validate.png; 0 if at least one data set was
    compared, 3 if a point of one could not be simulated.
    """
    from combust.experiments import tables
    from combust.experiments.validate import Options, require_within, validate
    from combust.kinetics.mechanism.mechanism import Mechanism
    from combust.report.tables import Countdown, outputs, write_csv

    require_within("--within", args.within)
    table, image = outputs(args.out, ("validate.csv", "validate.png"), args.force)
    gas = Mechanism.load(args.mechanism, args.phase, ions=args.ions)
    options = Options(args.hold, args.within, args.transport, args.soret, args.refine)
    rows: list[list[object]] = []
    kinds: list[str] = []
    countdown: list[Countdown] = []

    def each(judged: Sequence[Judged], done: int, total: int) -> None:
        if judged:
            kind = judged[0].data.kind
            if kind not in kinds:
                kinds.append(kind)
                print(tables.header(kind))
            for one in judged:
                print("\n".join(tables.lines(one, args.points)), flush=True)
                rows.extend(tables.rows(one))
            # Written after each data set: what was found stays, whatever ends the run.
            write_csv(table, tables.COLUMNS, rows)
        if not countdown:
            countdown.append(Countdown(total, "data sets"))
        countdown[0].reach(done)

    found = validate(gas, args.data, args.alias, options, each)
    left_out(found.left_out)
    if not found.found:
        raise FileFormatError(f"none of {len(found.left_out)} data sets could be compared")
    print(f"{found.compared} data sets compared, {len(found.left_out)} left out")
    return finish(found, table, image, Path(args.mechanism).name)


def left_out(errors: Sequence[CombustError]) -> None:
    """Says which files are not among the results, and why."""
    from combust.experiments.formats.data import NotCoveredError

    for failure in errors:
        print(f"{'not covered' if isinstance(failure, NotCoveredError) else 'error'}: {failure}", file=sys.stderr)


def finish(found: Validation, table: Path, image: Path, mechanism: str) -> int:
    """Says where the results are; the exit code."""
    from combust.experiments.pictures import PANELS, draw
    from combust.report.charts import picture

    print(f"table:   {table}")
    panels = len({id(one.data) for one in found.found})
    more = f" (the first {PANELS} data sets)" if panels > PANELS else ""
    picture(image, lambda: draw(image, found.found, mechanism), more)
    if found.failed:
        print(f"{found.failed} points could not be simulated; the table says why")
    return DivergenceError.exit_code if found.failed else 0
