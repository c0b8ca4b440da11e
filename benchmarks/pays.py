"""Where learned chemistry pays: the chemistry of a flame by exact and by learned chemistry over species and cells.

    python benchmarks/pays.py                 # hydrogen, methane with 28 and with 53 species, 144 to 9216 cells
    python benchmarks/pays.py --cases h2

A step of a planar flame (phi 1, methane 0.9; 1 atm), two sweeps, its cells repeated, by both in turn, CPU time of one
thread. The networks are untrained and trusted after one correction in every cell that is not slow: a trained one is
hardly faster, so that this is a bound. Models: cost = a + b / cells for each mechanism and chemistry (least squares of
the medians' relative errors); b is what a step costs however few its cells are. Where learned chemistry has the less a
it pays from (difference of b) / (difference of a) cells on, else at no number of them.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from pairs import Sheet, done, in_turn, parsed, parser
from scipy.optimize import nnls

from combust import kernels
from combust.kinetics.flames.free import FlameProfile
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.surrogates.data.copies import log_uniform
from combust.surrogates.data.streams import States
from combust.surrogates.judge import flames, forecast, steps
from combust.surrogates.judge.conditions import Flame
from combust.surrogates.settings import Architecture, Range, Surrogate
from combust.units import ATM

SMOKE = "--cases h2 --cells 144 288 --rounds 2"
SAMPLED = 128  # states that scales of the networks are of
UNIT = "us/cell/step"


class Case(NamedTuple):
    """A mechanism, its flame, and the network that it would have."""

    mechanism: str
    fuel: str
    phi: float
    dt: float  # s
    width: int


CASES = {
    "h2": Case("h2o2.yaml", "H2:1", 1.0, 6e-7, 192),
    "ch4": Case("methane_cfd.yaml", "CH4:1", 0.9, 4e-6, 256),
    "gri30": Case("gri30.yaml", "CH4:1", 0.9, 4e-6, 256),
    "nh3": Case("ammonia_cfd.yaml", "NH3:0.6, H2:0.4", 1.0, 4e-6, 128),
}


def settings_of(case: Case) -> Surrogate:
    """Of a learned chemistry of it."""
    within = Range((0.9 * ATM, 1.1 * ATM), (280.0, 2800.0), (0.5, 2.0), (0.1 * case.dt, 1.5 * case.dt), (300.0, 302.0))
    return Surrogate(case.mechanism, case.fuel, within, network=Architecture(width=case.width, depth=3))


def states_of(profile: FlameProfile) -> States:
    """Of its flame, evenly in T."""
    some = np.interp(np.linspace(profile.T.min(), profile.T.max(), SAMPLED), profile.T, np.arange(len(profile.T)))
    rows = some.round().astype(int)
    Y = np.ascontiguousarray(profile.Y[:, rows].T).clip(min=0.0)
    return States(profile.T[rows], np.full(SAMPLED, ATM), Y / Y.sum(1, keepdims=True), np.zeros(SAMPLED, int))


def both(case: Case, folder: Path) -> tuple[steps.Recorder, object]:
    """A flame by exact chemistry whose last step is kept, and the learned chemistry of it."""
    gas, settings, at = Mechanism.load(case.mechanism), settings_of(case), Flame(case.phi, ATM)
    profile = flames.profile_of(gas, settings, at)
    states, rng = states_of(profile), np.random.default_rng(0)
    dt = log_uniform(settings.range.dt, SAMPLED, rng)
    _, Y1 = forecast.integrated(gas, settings, states, dt, 1e-4, 1e-9)
    path = folder / "untrained"
    forecast.untrained(gas, settings, states, dt, Y1).save(path)
    recorder, learned = steps.prepared(gas, settings, at, profile, path)
    for _ in range(steps.WARM):
        recorder.flow.advance(case.dt)
    return recorder, forecast.trusting(learned)


def lines(cells: list[int], cost: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """a, b > 0 (rounds,) of cost = a + b / cells in each round, by least squares of relative errors."""
    found = []
    for y in np.stack(cost, 1):
        x = 1.0 / np.array(cells)
        found.append(nnls(np.stack([1.0 / y, x / y], 1), np.ones_like(y))[0].clip(1e-9))
    a, b = np.array(found).T
    return a, b


def measured(sheet: Sheet, name: str, options: argparse.Namespace) -> None:
    """Costs over cells, and the two lines."""
    case = CASES[name]
    with tempfile.TemporaryDirectory() as folder:
        recorder, learned = both(case, Path(folder))
        species = len(recorder.gas.species)
        cost: dict[str, list[np.ndarray]] = {"exact": [], "learned": []}
        kernels.set_mode("eager" if options.smoke else "compiled")
        for cells in options.cells:
            asked = steps.Asked.of(recorder, cells)
            count = asked.T.numel()
            calls = {"exact": asked.work(recorder.inner), "learned": asked.work(learned)}
            found = {k: 1e6 / count * v for k, v in in_turn(calls, options.rounds, least=0.02).items()}
            for how, values in found.items():
                cost[how].append(values)
            sheet.ratio(f"{species} species, {count} cells: exact / learned", found["exact"], found["learned"], UNIT)
    routes = learned.routes  # type: ignore[attr-defined]
    sheet.say(
        f"  {species} species: slow {routes.slow / routes.cells:.0%}, network {routes.network / routes.cells:.0%}"
    )
    told(sheet, species, list(options.cells), cost)


def told(sheet: Sheet, species: int, cells: list[int], cost: dict[str, list[np.ndarray]]) -> None:
    """The model of a mechanism."""
    found = {how: lines(cells, values) for how, values in cost.items()}
    for how, (a, b) in found.items():
        sheet.cost(f"model, {species} species, {how}: each cell", a, UNIT)
        sheet.cost(f"model, {species} species, {how}: the calls", b, "us/step")
    (a, b), (c, d) = found["exact"], found["learned"]
    words = "at no number of cells, or in some rounds at none"
    if (a > c).all():
        even = ((d - b) / (a - c)).clip(1.0)
        words = f"from {np.median(even):.0f} cells on"
        sheet.cost(f"model, {species} species: cells from which learned pays", even, "cells")
    parts = (f"{how} {np.median(x):.2f} + {np.median(y):.0f} / cells" for how, (x, y) in found.items())
    sheet.say(f"  {species} species: {', '.join(parts)}: pays {words}")


def parser_of_cases(doc: str | None) -> argparse.ArgumentParser:
    """Of a benchmark that is asked of CASES."""
    made = parser(doc)
    made.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    made.add_argument("--rounds", type=int, default=9)
    return made


def in_order(
    benchmark: str, options: argparse.Namespace, measure: Callable[[Sheet, str, argparse.Namespace], None]
) -> Sheet:
    """The cases one after the other, on one thread."""
    torch.set_num_threads(1)
    kernels.keep_freed_memory()
    sheet = Sheet(benchmark)
    for name in options.cases:
        measure(sheet, name, options)
    return done(sheet, options)


def arguments() -> argparse.ArgumentParser:
    """Of the command line."""
    made = parser_of_cases(__doc__)
    made.add_argument("--cells", nargs="+", type=int, default=[144, 576, 2304, 9216])
    return made


def main(argv: list[str] | None = None) -> Sheet:
    """Each mechanism in turn."""
    return in_order("pays", parsed(arguments(), SMOKE, argv), measured)


if __name__ == "__main__":
    main()
