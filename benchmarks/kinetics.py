"""Rates, Jacobians, transport and stiff steps: us per cell of Cantera and of our compiled kernels, in one run.

    python benchmarks/kinetics.py                              # hydrogen, GRI-3.0
    python benchmarks/kinetics.py --mech all                   # 10 to 1268 species
    python benchmarks/kinetics.py --device cuda --cells 100000 # ours on a GPU, Cantera on one core

One thread each, CPU time of this thread (wall time on a GPU), best of many calls after compiling. Cantera's figures
include setting the state. Its Jacobian is the dense net_production_rates_ddCi, ours that of the constant-pressure
reactor: it has the temperature's row and column too. Transport is viscosity, conductivity and mixture-averaged
diffusivities. The stiff step is a constant-pressure reactor over --dt in states of flames (of ignitions where there
are no transport data), compared with CVODE at the same measured error (see reactor.py).
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cantera as ct
import numpy as np
import torch
from reactor import CVODE_RTOL, cost_at, cvode, ours, reference
from states import FUELS, KINDS, PHASES
from torch import Tensor

from combust import kernels
from combust.errors import MechanismError
from combust.kinetics import systems
from combust.kinetics.mechanism import Mechanism, block_of
from combust.kinetics.rates import production_rates
from combust.kinetics.transport import transport_properties

SECONDS = 1.5  # of measuring per figure
STEP_RTOL = 1e-4
FEW = 100  # cells that Cantera is timed on
LARGEST_STEP = 200  # species, beyond which a stiff step is no batch's work


def random_states(gas: Mechanism, cells: int) -> tuple[Tensor, Tensor]:
    """T, Y of random mixtures."""
    rng = np.random.default_rng(0)
    Y = rng.dirichlet(np.full(len(gas.species), 0.3), cells).T
    return torch.tensor(rng.uniform(300, 3000, cells)), torch.tensor(Y.copy())


def best(call: Callable[[], object], cells: int, on_gpu: bool = False) -> float:
    """us per cell of the fastest call."""
    clock = time.perf_counter if on_gpu else time.thread_time
    fastest, until = float("inf"), time.perf_counter() + SECONDS
    call()
    while time.perf_counter() < until:
        start = clock()
        call()
        if on_gpu:
            torch.cuda.synchronize()
        fastest = min(fastest, clock() - start)
    return fastest / cells * 1e6


def cantera_times(gas: Mechanism, T: Tensor, Y: Tensor, p: float, transport: bool) -> dict[str, float]:
    """us per cell of Cantera, cell by cell."""
    solution, count = gas.cantera(), min(FEW, len(T))
    rows = [(float(T[i]), p, Y[:, i].numpy().copy()) for i in range(count)]

    def each(*names: str) -> Callable[[], None]:
        def run() -> None:
            for row in rows:
                solution.TPY = row
                for name in names:
                    getattr(solution, name)

        return run

    times = {"rates": best(each("net_production_rates"), count)}
    few = each("net_production_rates_ddCi")
    rows, count = (rows[:4], 4) if len(gas.species) > LARGEST_STEP else (rows, count)
    times["Jacobian"] = best(few, count)
    if transport:
        solution.transport_model = "mixture-averaged"
        times["transport"] = best(each("viscosity", "thermal_conductivity", "mix_diff_coeffs"), count)
    return times


def our_times(gas: Mechanism, T: Tensor, Y: Tensor, p: float, transport: bool) -> dict[str, tuple[float, float]]:
    """us per cell of a block of our kernels, and seconds of the first call."""
    T, Y = T.to(gas.device), Y.to(gas.device)
    pressure, zero = torch.full_like(T, p), torch.zeros(Y.shape[0] + 1, len(T), dtype=T.dtype, device=gas.device)
    C = gas.density(T, pressure, Y) * Y / gas.molar_mass[:, None]
    few = slice(0, max(8, len(T) // 2 if gas.device.type == "cpu" else len(T)))
    z = torch.cat([T[None], Y])[:, few].contiguous()
    calls = {
        "rates": (production_rates, (gas.kinetics, T, C)),
        "Jacobian": (
            systems.linearise, (gas.kinetics, "hp", z, zero[:, few].contiguous(), systems.Fixed(pressure[few])),
        ),
    }
    if transport:
        calls["transport"] = (transport_properties, (gas.transport_data, T, pressure, Y))
    times = {}
    for name, (function, arguments) in calls.items():
        fused = torch.compile(function, dynamic=False, fullgraph=True)
        start = time.perf_counter()
        fused(*arguments)
        first = time.perf_counter() - start
        cells = arguments[2].shape[-1]
        times[name] = best(lambda f=fused, a=arguments: f(*a), cells, gas.device.type != "cpu"), first
    return times


def stiff_step(own: Mechanism, gas: Mechanism, p: float, dt: float, cells: int, transport: bool) -> str:
    """A line of the table."""
    kind = "flame" if transport else "ignition"
    T, Y = KINDS[kind](gas, FUELS[gas.path], cells)
    exact = reference(gas, T, Y, p, dt)
    theirs = [cvode(gas, T, Y, p, dt, rtol, exact) for rtol in CVODE_RTOL[:6]]
    x, _ = ours(own, T, Y, p, dt, STEP_RTOL, exact, own.device.type)
    cost = cost_at(theirs, x.rms)
    return f"{'stiff step':12}{cost:10.1f}{x.cost:10.2f}{cost / x.cost:8.1f}     ({kind} states, rms error {x.rms:.0e})"


def main() -> None:
    """Print a table for each mechanism."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mech", default="h2o2.yaml,gri30.yaml", help="names, or all")
    parser.add_argument("--cells", type=int, help="in a call of a kernel; default: what fits the cache")
    parser.add_argument("--step-cells", type=int, help="of the stiff step; default: by the number of species")
    parser.add_argument("--dt", type=float, default=1e-6)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(1)
    kernels.keep_freed_memory()
    p = ct.one_atm
    if options.device != "cpu":
        print(torch.cuda.get_device_name(options.device))
    for path in FUELS if options.mech == "all" else options.mech.split(","):
        own, gas = (Mechanism.load(path, PHASES.get(path), device) for device in (options.device, "cpu"))
        try:
            transport = gas.transport_data is not None
        except MechanismError:
            transport = False
        n = len(gas.species)
        T, Y = random_states(gas, options.cells or block_of(gas.kinetics))
        print(f"\n{gas}: {len(T)} cells in a call; us per cell")
        print(f"{'':12}{'Cantera':>10}{'combust':>10}{'ratio':>8}{'first call [s]':>16}", flush=True)
        theirs = cantera_times(gas, T, Y, p, transport)
        for name, (cost, first) in our_times(own, T, Y, p, transport).items():
            print(f"{name:12}{theirs[name]:10.2f}{cost:10.3f}{theirs[name] / cost:8.1f}{first:16.1f}", flush=True)
        if n <= LARGEST_STEP:
            cells = options.step_cells or max(1000, 200_000 // n if n < 30 else 150_000 // n)
            print(stiff_step(own, gas, p, options.dt, cells, transport), flush=True)


if __name__ == "__main__":
    main()
