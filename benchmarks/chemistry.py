"""Chemistry of a flame field by CVODE, by the batched integrator, and learned: the same states in turn, one thread.

    python benchmarks/chemistry.py                        # hydrogen, methane from GRI-3.0 to learned models, ammonia
    python benchmarks/chemistry.py --chain h2 --dt 2e-6
    python benchmarks/chemistry.py --device cuda          # batched and learned (fp32, bf16), in states per second

The field: even spacing through free flames, from 3 thicknesses ahead to 7 behind, all cells counted, at constant h and
p over --dt. us per cell is CPU time of this thread, all in turn, medians over --rounds, after compiling; errors are the
root mean square and largest of |dT|/T and |dY| against CVODE at 1e-12 on a sample. For methane every row is given in
ratios to CVODE on GRI-3.0, whose steps are: reduction, batched integration, learned chemistry (network, and shared
Jacobians).
"""

from __future__ import annotations

import argparse
import os
from typing import NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cantera as ct
import numpy as np
import torch
from pairs import Sheet, Spread, done, parsed, parser
from reactor import Contender, clock_of, costs, cvode, errors, ours, reference
from states import FUELS, flame_states
from torch import Tensor

from combust import kernels
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.surrogates import library
from combust.surrogates.provider.learned import Learned

CHAINS = {
    "h2": (("h2o2.yaml", "h2_air"),),
    "ch4": (("gri30.yaml", "ch4_gri30"), ("methane_cfd.yaml", "ch4_air")),
    "nh3": (("ammonia_cfd.yaml", "nh3_h2"),),
}
FUELS.setdefault("methane_cfd.yaml", "CH4:1")
FUELS.setdefault("ammonia_cfd.yaml", "NH3:0.6, H2:0.4")
RTOL = 1e-4
ROUTED = "learned, router on"
WAYS: dict[str, dict[str, bool]] = {
    ROUTED: {}, "the same without its network": {"network": False}, "learned, router off": {"router": False},
}  # fmt: skip
TARGETS = {"h2": 8.0, "ch4": 40.0}  # times CVODE's speed
SMOKE = "--chain h2 --cells 90 --rounds 2"


class Row(NamedTuple):
    """One line: who takes its turns, and shares of the routes."""

    who: Contender
    routes: str = ""


def learned(chem: Learned, T: Tensor, Y: Tensor, p: float, dt: float, exact: Tensor) -> Row:
    """A learned chemistry."""
    device = chem.gas.device
    T, Y = T.to(device), Y.to(device)
    pressure = torch.full_like(T, p)

    def run() -> object:
        found = chem.advance(T, pressure, Y, dt)
        if device.type != "cpu":
            torch.cuda.synchronize()
        return found

    end = chem.advance(T, pressure, Y, dt)
    routes = ", ".join(f"{r} {end.stats.share(r):.0%}" for r in ("slow", "network", "exact") if end.stats.share(r))
    return Row(Contender(RTOL, run, len(T), *errors(end.T.cpu(), end.Y.cpu(), exact)), routes)


def rows_of(mech: str, model: str | None, options: argparse.Namespace) -> dict[str, Row]:
    """All ways for one mechanism."""
    gas, own = Mechanism.load(mech), Mechanism.load(mech, device=options.device)
    p, dt = options.p * ct.one_atm, options.dt
    T, Y = flame_states(gas, FUELS[mech], options.cells, p)
    exact = reference(gas, T, Y, p, dt)
    rows = {}
    if options.device == "cpu":
        for rtol in (1e-4, 1e-6):
            rows[f"{mech}: CVODE, rtol {rtol:.0e}"] = Row(cvode(gas, T, Y, p, dt, rtol, exact))
    rows[f"{mech}: batched, rtol {RTOL:.0e}"] = Row(ours(own, T, Y, p, dt, RTOL, exact, "rodas3"))
    for precision in ("fp32",) if options.device == "cpu" else ("fp32", "bf16"):
        if model is None or (model not in library.names() and options.model is None):
            continue
        for name, how in WAYS.items():
            found = library.load(options.model or model)
            compiled = kernels.mode() == "compiled"
            chem = Learned(found, own, "direct", precision=precision, compile=compiled, **how)
            rows[f"{mech}: {name}, {precision}"] = learned(chem, T, Y, p, dt, exact)
    return rows


def show(sheet: Sheet, chain: str, rows: dict[str, Row], cost: dict[str, np.ndarray], device: str) -> None:
    """The table; ratios to the first row."""
    unit = "us/cell" if device == "cpu" else "states/s"
    print(f"\n{'':44}{unit:>12}{'rms error':>11}{'largest':>10}  routes")
    for name, (who, routes) in rows.items():
        median = Spread.of(cost[name]).median
        shown = f"{median:12.2f}" if device == "cpu" else f"{1e6 / median:12.3g}"
        print(f"{name:44}{shown}{who.rms:11.1e}{who.worst:10.1e}  {routes}", flush=True)
    first, *others = rows
    print(f"{first} / this:")
    for name in others:
        target = TARGETS[chain] if ROUTED in name and chain == "h2" else None
        label = f"{first} / {name.partition(': ')[2] if chain == 'h2' else name}"
        sheet.ratio(label, cost[first], cost[name], "us/cell", target)


def factors(sheet: Sheet, cost: dict[str, np.ndarray]) -> None:
    """What each link of the chain gives, at CVODE's and ours' usual tolerances."""
    first, second = "gri30.yaml", "methane_cfd.yaml"
    links = [f"{first}: CVODE, rtol 1e-06", f"{second}: CVODE, rtol 1e-06", f"{second}: batched, rtol 1e-04",
             f"{second}: {ROUTED}, fp32"]  # fmt: skip
    if all(link in cost for link in links):
        a, b, c, d = (cost[link] for link in links)
        print("the chain, against CVODE at 1e-6:")
        sheet.ratio("methane: reduction", a, b, "us/cell")
        sheet.ratio("methane: batched integration", b, c, "us/cell")
        sheet.ratio("methane: learned chemistry", c, d, "us/cell")
        sheet.ratio("methane: the whole chain", a, d, "us/cell", TARGETS["ch4"])


def arguments() -> argparse.ArgumentParser:
    """Of the command line."""
    made = parser(__doc__)
    made.add_argument("--chain", choices=(*CHAINS, "all"), default="all")
    made.add_argument("--cells", type=int, default=16384)
    made.add_argument("--dt", type=float, default=1e-6)
    made.add_argument("--p", type=float, default=1.0, help="atm")
    made.add_argument("--device", default="cpu")
    made.add_argument("--model", help="in place of the shipped model")
    made.add_argument("--rounds", type=int, default=11)
    return made


def main(argv: list[str] | None = None) -> Sheet:
    """A table for each chain."""
    options = parsed(arguments(), SMOKE, argv)
    torch.set_num_threads(1)
    kernels.keep_freed_memory()
    sheet = Sheet("chemistry")
    if options.device != "cpu":
        print(torch.cuda.get_device_name())
    for chain in CHAINS if options.chain == "all" else (options.chain,):
        rows: dict[str, Row] = {}
        for mech, model in CHAINS[chain]:
            rows |= rows_of(mech, model, options)
        cost = costs({n: row.who for n, row in rows.items()}, options.rounds, clock_of(torch.device(options.device)))
        show(sheet, chain, rows, cost, options.device)
        factors(sheet, cost)
    return done(sheet, options)


if __name__ == "__main__":
    main()
