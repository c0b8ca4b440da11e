"""What quasi-steady-state species cost in accuracy: ignition delays and, on request, the flame speed of a methane part.

    python benchmarks/qss.py                              # sets of the three criteria, ignition delays: three minutes
    python benchmarks/qss.py --species HCO,CH3O --flame   # one set, also a coarse free flame: three minutes

27 species of GRI-3.0, methane in air at phi 1, all in Cantera: constant-volume reactors, and a free flame at 300 K and
1 bar. Changes are relative to the same part with all species transported.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cantera as ct
import numpy as np
import torch
from pairs import Sheet, done, in_turn, parsed, parser
from torch import Tensor

from combust.errors import MechanismError
from combust.kinetics import Mechanism
from combust.reduction.select import qss, qss_ranking
from combust.reduction.submechanism import Parent, Subset

SPECIES = (
    "H2 H O O2 OH H2O HO2 H2O2 CH2 CH2(S) CH3 CH4 CO CO2 HCO CH2O CH2OH CH3O CH3OH C2H2 C2H3 C2H4 C2H5 C2H6 HCCO "
    "CH2CO N2"
).split()
CASES = ((1300.0, 1e5, 0.013), (1700.0, 1e5, 2.6e-4), (1300.0, 1e6, 1.6e-3))  # K, Pa, s
COUNTS = (4, 8, 10, 12)
SMOKE = "--species HCO,CH3O --cases 1"


def burning(gas: ct.Solution, T: float, p: float) -> ct.Solution:
    """The gas at T, p, stoichiometric."""
    gas.TP = T, p
    gas.set_equivalence_ratio(1.0, "CH4:1", "O2:1, N2:3.76")
    return gas


def delay(gas: ct.Solution, T: float, p: float, end: float) -> float:
    """Time [s] of the steepest temperature."""
    reactor = ct.IdealGasReactor(burning(gas, T, p), clone=False)
    network, history = ct.ReactorNet([reactor]), []
    network.rtol, network.atol = 1e-7, 1e-14
    while network.time < end:
        network.step()
        history.append((network.time, reactor.T))
    t, temperature = np.array(sorted(dict(history).items())).T  # a stalled step has no length
    return float(t[np.argmax(np.gradient(temperature, t))])


def sampled(gas: ct.Solution) -> tuple[Tensor, Tensor]:
    """T and Y every 20 K along ignitions at constant pressure."""
    states = []
    for T in (1300.0, 1600.0):
        reactor = ct.IdealGasConstPressureReactor(burning(gas, T, 1e5), clone=False)
        network, last = ct.ReactorNet([reactor]), 0.0
        network.rtol, network.atol = 1e-8, 1e-14
        while network.time < 0.05:
            network.step()
            if abs(reactor.T - last) > 20.0:
                last = reactor.T
                states.append([last, *gas.Y])
    columns = torch.tensor(np.array(states).T.copy())
    return columns[0], columns[1:]


def flame_of_all(gas: ct.Solution) -> ct.FreeFlame:
    """Free flame on a coarse grid."""
    flame = ct.FreeFlame(burning(gas, 300.0, 1e5), width=0.03)
    flame.set_refine_criteria(ratio=4, slope=0.25, curve=0.4)
    flame.solve(loglevel=0, auto=True)
    return flame


def flame_from(gas: ct.Solution, known: ct.FreeFlame) -> ct.FreeFlame:
    """Free flame on the grid of a known one, begun with its profiles."""
    flame = ct.FreeFlame(burning(gas, 300.0, 1e5), grid=known.grid)
    flame.set_initial_guess()
    place = (known.grid - known.grid[0]) / (known.grid[-1] - known.grid[0])
    flame.set_profile("T", place, known.T)
    flame.set_profile("velocity", place, known.velocity)
    for name in gas.species_names:
        flame.set_profile(name, place, known.Y[known.gas.species_index(name)])
    flame.solve(loglevel=0, refine_grid=False)
    return flame


def evaluations(gas: ct.Solution, count: int = 200) -> Callable[[], None]:
    """So many evaluations of the production rates."""
    burning(gas, 1500.0, 1e5)

    def run() -> None:
        for i in range(count):
            gas.TP = 1500.0 + 1e-3 * i, 1e5
            gas.net_production_rates  # noqa: B018

    return run


def report(
    sheet: Sheet,
    label: str,
    parent: Parent,
    part: Subset,
    names: Sequence[str],
    folder: Path,
    options: argparse.Namespace,
) -> None:
    """One line: what was dropped, changes of the delays, costs."""
    rows = [parent.gas.index(name) for name in names]
    try:
        linear = qss.linearise(parent, part, rows)
    except MechanismError as error:
        print(f"{label}: {error}", flush=True)
        return
    path = folder / "qss.yaml"
    path.write_text(qss.export(parent, part, rows, {"of": parent.gas.path})[0])
    gases = parent.cantera(part), Mechanism.load(path).cantera()
    print(f"{label}: {' '.join(names)}; {len(linear.dropped)} dropped, {len(linear.one_way)} one-way; ", end="")
    try:
        changes = [delay(gases[1], *case) / delay(gases[0], *case) - 1.0 for case in CASES[: options.cases]]
        print("delays " + ", ".join(f"{100 * x:+.1f} %" for x in changes), end="")
    except ct.CanteraError as error:
        reason = [line for line in str(error).splitlines() if "CVode" in line] or [repr(error)]
        print(f"CVODE did not arrive: {reason[0].strip()}", end="")
    print(flush=True)
    cost = in_turn({"all": evaluations(gases[0]), "qss": evaluations(gases[1])}, 9)
    sheet.ratio(f"{label}: all transported / quasi-steady", cost["all"] * 5e3, cost["qss"] * 5e3, "us per evaluation")
    if options.flame:
        known = flame_of_all(gases[0])
        before, after = (float(f.velocity[0]) for f in (known, flame_from(gases[1], known)))
        print(f"  flame speed {before:.4f} -> {after:.4f} m/s, {100 * (after / before - 1):+.1f} %")


def arguments() -> argparse.ArgumentParser:
    """Of the command line."""
    made = parser(__doc__)
    made.add_argument("--species", help="one set of QSS species instead of the criteria's, with commas")
    made.add_argument("--flame", action="store_true", help="also the speed of a free flame")
    made.add_argument("--cases", type=int, default=len(CASES), help="how many of the ignitions")
    return made


def main(argv: list[str] | None = None) -> Sheet:
    """A line for each set."""
    options = parsed(arguments(), SMOKE, argv)
    sheet, parent = Sheet("qss"), Parent(Mechanism.load("gri30.yaml"))
    part = parent.keep([parent.gas.index(name) for name in SPECIES])
    with tempfile.TemporaryDirectory() as folder:
        if options.species:
            report(sheet, "given", parent, part, options.species.split(","), Path(folder), options)
            return done(sheet, options)
        path = Path(folder) / "part.yaml"
        path.write_text(parent.yaml(part, {}))
        gas = Mechanism.load(path)
        T, Y = sampled(gas.cantera())
        for criterion in qss_ranking.CRITERIA:
            ranked = [name for name, _ in qss_ranking.rank(gas, T, 1e5, Y, criterion)]
            for count in COUNTS:
                report(sheet, f"{criterion} {count}", parent, part, ranked[:count], Path(folder), options)
    return done(sheet, options)


if __name__ == "__main__":
    main()
