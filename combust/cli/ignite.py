"""combust ignite: ignition delays over ranges of equivalence ratio, temperature and pressure."""

from __future__ import annotations

import argparse
import itertools
import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from combust.errors import CombustError, ConfigError, DivergenceError
from combust.kinetics.mechanism import mixtures
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.reactors.delays import Criterion
from combust.kinetics.reactors.ignition import ignition_delays
from combust.report.charts import drawing, picture
from combust.report.rows import each_row
from combust.report.tables import Countdown, places, say_where, write_table
from combust.settings.ranges import positive, pressures, quantities, values
from combust.units import ATM

LONGEST = 1e6  # s
WIDTH = 12  # of a column of delays
STAGE = "T max slope"  # tells gas that ignites from gas whose watched quantity has no such event


@dataclass(frozen=True)
class Row:
    """One reactor, with a delay [s] for each definition; NaN where there is none, with a reason if it failed.

    ignited : whether it did at all
    """

    phi: float
    temperature_K: float
    pressure_Pa: float
    delays: tuple[float, ...]
    ignited: bool = True
    reason: str = ""

    def __str__(self) -> str:
        head = f"{self.phi:7.4g} {self.temperature_K:8.5g} {self.pressure_Pa / ATM:9.5g} "
        if self.reason and not self.ignited:
            return f"{head}{'nan':>12}  {textwrap.shorten(self.reason, 100)}"
        if not self.ignited:
            return head + "no ignition"
        return head + " ".join(f"{'none' if math.isnan(delay) else f'{delay:.5g}':>{WIDTH}}" for delay in self.delays)


def header(texts: Sequence[str]) -> str:
    """Of the table; a definition is a column, which is wide enough for most names."""
    names = ["delay [s]"] if len(texts) == 1 else texts
    return f"{'phi':>7} {'T [K]':>8} {'p [atm]':>9} " + " ".join(f"{name:>{WIDTH}}" for name in names)


def ignite(args: argparse.Namespace) -> int:
    """Prints the table, writes ignite.csv and ignite.png; the exit code, 3 if nothing ignited or a reactor failed."""
    phis = positive(values(args.phi, "--phi"), args.phi, "--phi")
    Ts = positive(quantities(args.T, "temperature", "--T"), args.T, "--T")
    conditions = list(itertools.product(pressures(args.p), phis, Ts))
    if not 0 < args.time <= LONGEST:
        raise ConfigError(f"--time {args.time:g}: must be > 0 s and at most {LONGEST:g} s")
    table, image = places(args.out, ("ignite.csv", "ignite.png"), args.force)
    gas = Mechanism.load(args.mechanism, args.phase, ions=args.ions)
    texts = list(dict.fromkeys(args.delay or [STAGE]))
    for text in texts:
        say_signal(text, Criterion.parse(text, gas, args.hold))
    fuel, oxidizer = mixtures.of_options(gas, args.fuel, args.oxidizer, premixed=True)
    mixed = {phi: gas.mixture(fuel, oxidizer, phi) for phi in phis}
    p, T = (torch.tensor([c[i] for c in conditions], dtype=torch.float64) for i in (0, 2))
    Y = torch.stack([mixed[phi] for _, phi, _ in conditions], 1)
    countdown = Countdown(len(conditions), "reactors")

    def solve(chosen: Sequence[int]) -> list[list[float]]:
        i = torch.tensor(chosen)
        found: list[list[float]] = ignition_delays(
            gas, T[i], p[i], Y[:, i], args.time, args.hold, [*texts, STAGE], args.rtol, args.atol,
            progress=countdown.reach,
        ).T.tolist()  # fmt: skip
        return found

    delays, errors = each_row(solve, range(len(conditions)), [math.nan] * (len(texts) + 1))
    if len(errors) == len(conditions):
        raise errors[0]
    rows = [made(c, delays[i], texts, errors.get(i)) for i, c in enumerate(conditions)]
    print(header(texts))
    for row in rows:
        print(row)
    write(table, rows, texts)
    found = say_missing(rows, len(errors), args.time)
    if image and found:
        title = f"{args.fuel} in {args.oxidizer}, {Path(args.mechanism).name}"
        picture(image, lambda: draw(image, rows, title, texts, f"constant {' and '.join(args.hold)}"))
    return 0 if found and not errors else DivergenceError.exit_code


def say_missing(rows: Sequence[Row], failed: int, time: float) -> bool:
    """Says what is not in the table of reactors followed for `time` [s], and why; whether there is any delay."""
    if failed:
        print(f"{failed} of {len(rows)} reactors failed; the table says why")
    if not any(row.ignited for row in rows):
        print(f"nothing ignited within {time:g} s: raise --time or --T")
    elif any(row.ignited and row.reason for row in rows):
        print(f"none: the gas ignited, but the quantity has no such event within {time:g} s")
    return not all(math.isnan(delay) for row in rows for delay in row.delays)


def say_signal(text: str, criterion: Criterion) -> None:
    """Says which species of the mechanism an excited one is."""
    asked = text.split()[0]
    if criterion.quantity not in ("T", "p") and criterion.quantity.lower() != asked.lower():
        print(f"{asked} is {criterion.quantity} in this mechanism")


def made(
    condition: tuple[float, float, float], delays: Sequence[float], texts: Sequence[str], error: CombustError | None
) -> Row:
    """A row of (p, phi, T), its delays with that of `STAGE` last, and the error of a reactor that failed."""
    p, phi, T = condition
    own, ignited = tuple(delays[:-1]), not all(map(math.isnan, delays))
    missing = [text for text, delay in zip(texts, own, strict=True) if math.isnan(delay)] if ignited else []
    reason = f"ignited, but there is no {' and no '.join(missing)}" if missing else ""
    return Row(phi, T, p, own, ignited, str(error) if error is not None else reason)


def write(table: Path | None, rows: Sequence[Row], texts: Sequence[str]) -> None:
    """The table as a file: delay_s, or a column for each of several definitions."""
    columns = ["delay_s"] if len(texts) == 1 else [f"delay_s {text}" for text in texts]
    lines = [(row.phi, row.temperature_K, row.pressure_Pa, *row.delays, row.reason) for row in rows]
    write_table(table, ["phi", "temperature_K", "pressure_Pa", *columns, "reason"], lines)
    say_where("table", table)


def draw(path: Path, rows: Sequence[Row], title: str, texts: Sequence[str], note: str) -> None:
    """Delay over 1000/T, a line for each pressure and equivalence ratio, a panel for each definition."""
    n = len(texts)
    with drawing(path, (5.0 if n == 1 else 3.4 * n + 0.6, 3.6)) as figure:
        panels = figure.subplots(1, n, sharey=True, squeeze=False)[0]
        for i, (axes, text) in enumerate(zip(panels, texts, strict=True)):
            draw_lines(axes, rows, i)
            axes.set_xlabel("1000 K / T")
            if n > 1:
                axes.set_title(text)
        panels[0].set_yscale("log")
        panels[0].set_ylabel(f"ignition delay [s]: {texts[0]}, {note}" if n == 1 else f"ignition delay [s], {note}")
        panels[0].legend(frameon=False, fontsize=7)
        if n == 1:
            panels[0].set_title(title)
        else:
            figure.suptitle(title, fontsize=10)


def draw_lines(axes: Any, rows: Sequence[Row], i: int) -> None:
    """The delays of definition i."""
    lines: dict[tuple[float, float], list[tuple[float, float]]] = {}
    for row in rows:
        lines.setdefault((row.pressure_Pa, row.phi), []).append((1000.0 / row.temperature_K, row.delays[i]))
    pressures_ = sorted({p for p, _ in lines})
    for (p, phi), points in lines.items():
        style = ("-", "--", ":", "-.")[pressures_.index(p) % 4]
        label = f"{p / ATM:.4g} atm, phi {phi:g}"
        axes.plot(*zip(*sorted(points), strict=True), style, marker="o", ms=3, lw=1.2, label=label)
