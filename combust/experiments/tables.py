"""Comparisons as lines of text, and as rows of a CSV file."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator

from combust.experiments.compare import Comparison, Result
from combust.experiments.measured import Pair, Pairs

NAME = 28  # characters
HEADER = f"{'data set':<{NAME}} {'points':>6} {'no ign.':>7} {'sim/exp':>8} {'mean|ln|':>8} {'spread':>7} {'E':>8}"
HEADERS = {
    "ignition delay": HEADER,
    "burning velocity": f"{'burning velocity':<{NAME}} ",
    "stirred reactor": f"{'stirred reactor: species':<{NAME}} ",
    "flow reactor": f"{'flow reactor: species':<{NAME}} ",
    "burner flame": f"{'flame on a burner: species':<{NAME}} ",
}
DIFFERENCES = f"{'points':>6} {'failed':>7} {'bias':>8} {'mean dev':>8} {'2 sigma':>7} {'E':>8}"
COLUMNS = (
    "data_set", "file", "reference", "temperature_K", "pressure_Pa", "composition", "basis", "criterion",
    "delay_experiment_s", "sigma_ln", "delay_simulated_s", "ratio", "reason", "experiment", "quantity", "unit",
    "measured", "sigma", "simulated", "deviation_in_sigma", "estimated_error", "equivalence_ratio", "residence_time_s",
    "distance_m", "compressed_temperature_K",
)  # fmt: skip


def header(kind: str) -> str:
    """The head of the rows of one kind of experiment."""
    return HEADERS[kind] if kind == "ignition delay" else HEADERS[kind] + DIFFERENCES


def lines(judged: Comparison | Pairs, points: bool) -> Iterator[str]:
    """The row of a data set or species with its notes, and its points if asked."""
    data = judged.data
    if isinstance(judged, Comparison):
        name, lost = data.name, judged.missing
        numbers = (judged.mean_ratio, judged.mean_deviation, judged.spread, judged.error)
        size = len(judged.results)
    else:
        name = data.name if data.kind == "burning velocity" else f"{data.name}: {judged.quantity}"
        lost, size = judged.failed, len(judged.rows)
        numbers = (judged.bias, judged.mean_deviation, judged.within, judged.error)
    shown = " ".join(number(x, width) for x, width in zip(numbers, (8, 8, 7, 8), strict=True))
    yield (f"{fitted(name):<{NAME}} {size:6d} {lost:7d} {shown}  {data.reference}")
    for note in judged.notes:
        yield f"    note: {note.removeprefix(f'{data.path}: ')}"
    for row in (judged.results if isinstance(judged, Comparison) else judged.rows) if points else ():
        yield f"    {line(row)}"


def fitted(name: str) -> str:
    """A name of at most NAME characters; of "file: species", the species stays."""
    if len(name) <= NAME:
        return name
    head, colon, tail = name.rpartition(": ")
    if not colon or len(tail) > NAME - 8:
        return f"{name[: NAME - 3]}..."
    return f"{head[: NAME - 5 - len(tail)]}...: {tail}"


def line(row: Result | Pair) -> str:
    """One point."""
    if isinstance(row, Result):
        exp, sim = 1e6 * row.point.delay, 1e6 * row.delay
        shown = f"{sim:10.4g} us, sim/exp {row.ratio:.3f}" if math.isfinite(sim) else f"no ignition, {row.criterion}"
        to = f" (compressed: {row.compressed:.1f} K)" if math.isfinite(row.compressed) else ""
        return f"{row.point.T:8.1f} K {row.point.p / 101325:9.4g} atm{to}  exp {exp:10.4g} us  sim {shown}"
    where = f"{1e3 * row.distance:8.4g} mm" if math.isfinite(row.distance) else f"{row.T:8.1f} K"
    phi = "" if row.phi is None else f"  phi {row.phi:5.3g}"
    spread = f" +- {row.sigma:.2g}" if row.sigma else ""
    sigmas = f", {row.sigmas:+.1f} sigma" if row.sigma and not row.failure else ""
    shown = textwrap.shorten(row.failure, 90) if row.failure else f"{row.simulated:.4g}{sigmas}"
    return f"{where} {row.p / 101325:9.4g} atm{phi}  exp {row.measured:.4g}{spread}  sim {shown}"


def number(value: float, width: int = 8) -> str:
    return f"{value:{width}.3g}" if math.isfinite(value) else f"{'-':>{width}}"


def rows(judged: Comparison | Pairs) -> Iterator[list[object]]:
    """Its rows of validate.csv."""
    data = judged.data
    start = [data.name, data.path, data.reference]
    if isinstance(judged, Comparison):
        for r in judged.results:
            p = r.point
            spread = None if p.sigma is None else p.sigma * p.delay
            X = ", ".join(f"{name}:{x:.6g}" for name, x in p.X.items())
            sigmas = math.log(r.ratio) / p.sigma if p.sigma and r.ratio > 0 else None
            own = [p.T, p.p, X, p.basis, r.criterion, p.delay, p.sigma, r.delay, r.ratio, r.failure, data.kind]
            common = ["ignition delay", "s", p.delay, spread, r.delay, sigmas]
            yield [*start, *own, *common, *4 * [None], known(r.compressed)]
        return
    unit = "m/s" if data.kind == "burning velocity" else "mole fraction"
    for q in judged.rows:
        yield [*start, q.T, q.p, q.X, q.basis, *5 * [None], q.failure, data.kind, q.quantity, unit, q.measured, q.sigma,
               q.simulated, known(q.sigmas), known(q.error), q.phi, known(q.tau), known(q.distance), None]  # fmt: skip


def known(value: float) -> float | None:
    """A number that is one."""
    return value if math.isfinite(value) else None
