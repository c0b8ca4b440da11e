"""combust ignite: ignition delays over ranges of equivalence ratio, temperature and pressure."""

from __future__ import annotations

import argparse
import itertools
import math
import textwrap
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import torch

from combust.charts import drawing, picture
from combust.errors import ConfigError, DivergenceError, at
from combust.kinetics.ignition import Criterion, ignition_delays
from combust.kinetics.mechanism import Mechanism
from combust.ranges import positive, pressures, stream, values
from combust.rows import each_row
from combust.tables import Countdown, outputs, write_csv
from combust.units import ATM

LONGEST = 1e6  # s
HEADER = f"{'phi':>7} {'T [K]':>8} {'p [atm]':>9} {'delay [s]':>12}"


@dataclass(frozen=True)
class Row:
    """One reactor; NaN if it did not ignite, with a reason if it failed. The fields are the columns of ignite.csv."""

    phi: float
    temperature_K: float
    pressure_Pa: float
    delay_s: float
    reason: str = ""

    def __str__(self) -> str:
        head = f"{self.phi:7.4g} {self.temperature_K:8.5g} {self.pressure_Pa / ATM:9.5g} "
        if self.reason:
            return f"{head}{'nan':>12}  {textwrap.shorten(self.reason, 100)}"
        return head + ("no ignition" if math.isnan(self.delay_s) else f"{self.delay_s:12.5g}")


def ignite(args: argparse.Namespace) -> int:
    """Prints the table, writes ignite.csv and ignite.png; the exit code, 3 if nothing ignited or a reactor failed."""
    phis = positive(values(args.phi, "--phi"), args.phi, "--phi")
    Ts = positive(values(args.T, "--T"), args.T, "--T")
    conditions = list(itertools.product(pressures(args.p), phis, Ts))
    if not 0 < args.time <= LONGEST:
        raise ConfigError(f"--time {args.time:g}: must be > 0 s and at most {LONGEST:g} s")
    table, image = outputs(args.out, ("ignite.csv", "ignite.png"), args.force)
    gas = Mechanism.load(args.mechanism, args.phase, ions=args.ions)
    Criterion.parse(args.criterion, gas, args.hold)
    fuel, oxidizer = stream(args.fuel), stream(args.oxidizer)
    for option, mixture in (("--fuel", fuel), ("--oxidizer", oxidizer)):
        with at(option):
            gas.composition(mixture)
    mixtures = {phi: gas.mixture(fuel, oxidizer, phi) for phi in phis}
    p, T = (torch.tensor([c[i] for c in conditions], dtype=torch.float64) for i in (0, 2))
    Y = torch.stack([mixtures[phi] for _, phi, _ in conditions], 1)
    countdown = Countdown(len(conditions), "reactors")

    def solve(chosen: Sequence[int]) -> list[float]:
        i = torch.tensor(chosen)
        found: list[float] = ignition_delays(
            gas, T[i], p[i], Y[:, i], args.time, args.hold, args.criterion, args.rtol, args.atol,
            progress=countdown.reach,
        ).tolist()  # fmt: skip
        return found

    delays, errors = each_row(solve, range(len(conditions)))
    if len(errors) == len(conditions):
        raise errors[0]
    rows = [Row(phi, T, p, delays[i], str(errors.get(i, ""))) for i, (p, phi, T) in enumerate(conditions)]
    print(HEADER)
    for row in rows:
        print(row)
    write_csv(table, [field.name for field in fields(Row)], map(astuple, rows))
    print(f"table:   {table}")
    if errors:
        print(f"{len(errors)} of {len(rows)} reactors failed; the table says why")
    if all(math.isnan(row.delay_s) for row in rows):
        print(f"nothing ignited within {args.time:g} s: raise --time or --T")
        return DivergenceError.exit_code
    title = f"{args.fuel} in {args.oxidizer}, {Path(args.mechanism).name}"
    picture(image, lambda: draw(image, rows, title, f"{args.criterion}, constant {' and '.join(args.hold)}"))
    return DivergenceError.exit_code if errors else 0


def draw(path: Path, rows: Sequence[Row], title: str, note: str) -> None:
    """Delay over 1000/T, a line for each pressure and equivalence ratio."""
    lines: dict[tuple[float, float], list[tuple[float, float]]] = {}
    for row in rows:
        lines.setdefault((row.pressure_Pa, row.phi), []).append((1000.0 / row.temperature_K, row.delay_s))
    pressures_ = sorted({p for p, _ in lines})
    with drawing(path, (5.0, 3.6)) as figure:
        axes = figure.subplots()
        for (p, phi), points in lines.items():
            style = ("-", "--", ":", "-.")[pressures_.index(p) % 4]
            label = f"{p / ATM:.4g} atm, phi {phi:g}"
            axes.plot(*zip(*sorted(points), strict=True), style, marker="o", ms=3, lw=1.2, label=label)
        axes.set_yscale("log")
        axes.set_xlabel("1000 K / T")
        axes.set_ylabel(f"ignition delay [s]: {note}")
        axes.set_title(title)
        axes.legend(frameon=False, fontsize=7)
