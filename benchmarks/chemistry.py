"""Chemistry of a flame field by CVODE, by the batched integrator, and learned: the same states in one run, one thread.

    python benchmarks/chemistry.py                        # hydrogen, and methane from GRI-3.0 to the learned model
    python benchmarks/chemistry.py --chain h2 --dt 2e-6
    python benchmarks/chemistry.py --device cuda          # batched and learned (fp32, bf16), in states per second

The field: even spacing through free flames, from 3 thicknesses ahead to 7 behind, all cells counted, at constant h and
p over --dt. us per cell is CPU time of this thread, best of three, after compiling; errors are the root mean square and
largest of |dT|/T and |dY| against CVODE at 1e-12 on a sample. For methane every row is given in ratios to CVODE on
GRI-3.0, whose steps are: reduction, batched integration, learned chemistry (network, and shared Jacobians).
"""

from __future__ import annotations

import argparse
import os
import time
from typing import NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cantera as ct
import torch
from reactor import best, cvode, errors, ours, reference
from states import FUELS, flame_states
from torch import Tensor

from combust import kernels
from combust.kinetics.mechanism import Mechanism
from combust.surrogates import library
from combust.surrogates.learned import Learned

CHAINS = {"h2": (("h2o2.yaml", "h2_air"),), "ch4": (("gri30.yaml", None), ("methane_cfd.yaml", "ch4_air"))}
FUELS.setdefault("methane_cfd.yaml", "CH4:1")
RTOL = 1e-4
ROUTED = "learned, router on"
WAYS: dict[str, dict[str, bool]] = {
    ROUTED: {}, "the same without its network": {"network": False}, "learned, router off": {"router": False},
}  # fmt: skip


class Row(NamedTuple):
    """One line: what, us per cell, errors, shares of the routes."""

    name: str
    cost: float
    rms: float
    worst: float
    routes: str = ""


def timed(chem: Learned, T: Tensor, Y: Tensor, p: float, dt: float, exact: Tensor, name: str) -> Row:
    """A learned chemistry."""
    device = chem.gas.device
    T, Y = T.to(device), Y.to(device)
    pressure = torch.full_like(T, p)
    done = chem.advance(T, pressure, Y, dt)  # compiles
    cost = best(lambda: chem.advance(T, pressure, Y, dt)) if device.type == "cpu" else on_gpu(chem, T, pressure, Y, dt)
    s = done.stats
    routes = ", ".join(f"{r} {s.share(r):.0%}" for r in ("slow", "network", "exact") if s.share(r))
    return Row(name, cost / len(T) * 1e6, *errors(done.T.cpu(), done.Y.cpu(), exact), routes)


def on_gpu(chem: Learned, T: Tensor, p: Tensor, Y: Tensor, dt: float) -> float:
    """Wall seconds of a call, best of three."""
    found = []
    for _ in range(3):
        torch.cuda.synchronize()
        start = time.perf_counter()
        chem.advance(T, p, Y, dt)
        torch.cuda.synchronize()
        found.append(time.perf_counter() - start)
    return min(found)


def rows_of(mech: str, model: str | None, options: argparse.Namespace) -> list[Row]:
    """All ways for one mechanism."""
    gas, own = Mechanism.load(mech), Mechanism.load(mech, device=options.device)
    p, dt = options.p * ct.one_atm, options.dt
    T, Y = flame_states(gas, FUELS[mech], options.cells, p)
    exact = reference(gas, T, Y, p, dt)
    rows = []
    if options.device == "cpu":
        for rtol in (1e-4, 1e-6):
            x = cvode(gas, T, Y, p, dt, rtol, exact)
            rows.append(Row(f"{mech}: CVODE, rtol {rtol:.0e}", x.cost, x.rms, x.worst))
    x, _ = ours(own, T, Y, p, dt, RTOL, exact, options.device, "rodas3")
    rows.append(Row(f"{mech}: batched, rtol {RTOL:.0e}", x.cost, x.rms, x.worst))
    for precision in ("fp32",) if options.device == "cpu" else ("fp32", "bf16"):
        if model is None or (model not in library.names() and options.model is None):
            continue
        for name, how in WAYS.items():
            found = library.load(options.model or model)
            chem = Learned(found, own, "direct", precision=precision, compile=True, **how)
            rows.append(timed(chem, T, Y, p, dt, exact, f"{mech}: {name}, {precision}"))
    return rows


def show(rows: list[Row], device: str) -> None:
    """The table; ratios to the first row."""
    unit = "us/cell" if device == "cpu" else "states/s"
    print(f"\n{'':44}{unit:>12}{'first/this':>12}{'rms error':>11}{'largest':>10}  routes")
    for row in rows:
        cost = f"{row.cost:12.2f}" if device == "cpu" else f"{1e6 / row.cost:12.3g}"
        print(f"{row.name:44}{cost}{rows[0].cost / row.cost:12.1f}{row.rms:11.1e}{row.worst:10.1e}  {row.routes}")


def factors(rows: list[Row]) -> None:
    """What each link of the chain gives, at CVODE's and ours' usual tolerances."""
    cost = {row.name: row.cost for row in rows}
    first, second = "gri30.yaml", "methane_cfd.yaml"
    links = [f"{first}: CVODE, rtol 1e-06", f"{second}: CVODE, rtol 1e-06", f"{second}: batched, rtol 1e-04",
             f"{second}: {ROUTED}, fp32"]  # fmt: skip
    if all(link in cost for link in links):
        a, b, c, d = (cost[link] for link in links)
        print(f"\nreduction {a / b:.1f} x batched integration {b / c:.1f} x learned {c / d:.1f} = {a / d:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chain", choices=(*CHAINS, "all"), default="all")
    parser.add_argument("--cells", type=int, default=16384)
    parser.add_argument("--dt", type=float, default=1e-6)
    parser.add_argument("--p", type=float, default=1.0, help="atm")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--model", help="in place of the shipped model")
    options = parser.parse_args()
    torch.set_num_threads(1)
    kernels.keep_freed_memory()
    if options.device != "cpu":
        print(torch.cuda.get_device_name())
    for name in CHAINS if options.chain == "all" else (options.chain,):
        rows = [row for mech, model in CHAINS[name] for row in rows_of(mech, model, options)]
        show(rows, options.device)
        factors(rows)


if __name__ == "__main__":
    main()
