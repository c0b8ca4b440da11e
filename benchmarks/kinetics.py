"""Cost of reaction rates and Jacobians, ours eager and compiled, beside Cantera in the same run on the same states.

    python benchmarks/kinetics.py --mech gri30.yaml --cells 1000

One thread. Each figure is the best of many calls: CPU time of this thread per cell. Cantera's rates include setting
the state; its Jacobian is the dense net_production_rates_ddCi, without the temperature derivatives and the energy
row that ours has. Page faults are per call of the compiled kernel.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cantera as ct
import numpy as np
import torch

from combust.kinetics.jacobian import source_jacobian
from combust.kinetics.mechanism import Mechanism
from combust.kinetics.rates import production_rates

SECONDS = 2.0  # of measuring per figure


def states(gas: Mechanism, cells: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """T, p, Y of random mixtures."""
    rng = np.random.default_rng(0)
    Y = rng.dirichlet(np.full(len(gas.species), 0.3), cells).T
    return rng.uniform(300, 3000, cells), np.full(cells, ct.one_atm), Y


def best(call: Callable[[], object], cells: int, on_gpu: bool = False) -> float:
    """us per cell of the fastest call; wall time on a GPU."""
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


def memory_cost(call: Callable[[], object], calls: int = 50) -> tuple[float, float]:
    """Page faults per call, and the operating system's share of its CPU time: the price of fresh memory."""
    before = resource.getrusage(resource.RUSAGE_THREAD)
    for _ in range(calls):
        call()
    after = resource.getrusage(resource.RUSAGE_THREAD)
    system, user = after.ru_stime - before.ru_stime, after.ru_utime - before.ru_utime
    return (after.ru_minflt - before.ru_minflt) / calls, system / max(system + user, 1e-9)


def cantera_times(gas: Mechanism, T: np.ndarray, p: np.ndarray, Y: np.ndarray) -> dict[str, float]:
    """us per cell of Cantera, cell by cell."""
    solution, count = gas.cantera(), min(T.size, 200)
    rows = [(float(T[i]), float(p[i]), np.ascontiguousarray(Y[:, i])) for i in range(count)]

    def rates() -> None:
        for row in rows:
            solution.TPY = row
            solution.net_production_rates  # noqa: B018

    def derivatives() -> None:
        for row in rows:
            solution.TPY = row
            solution.net_production_rates_ddCi  # noqa: B018

    return {"rates": best(rates, count), "Jacobian": best(derivatives, count)}


def main() -> None:
    """Print one line per kernel."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mech", default="h2o2.yaml")
    parser.add_argument("--cells", type=int, default=1000, help="in one block")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(1)

    gas = Mechanism.load(options.mech, device=options.device)
    T, p, Y = states(gas, options.cells)
    theirs = cantera_times(gas, T, p, Y)
    temperature, fractions = (torch.tensor(x, device=options.device) for x in (T, Y))
    rhoY = gas.density(temperature, torch.tensor(p, device=options.device), fractions) * fractions
    C, Q, Qh = rhoY / gas.molar_mass[:, None], torch.zeros_like(rhoY), torch.zeros_like(temperature)
    kernels = {
        "rates": (production_rates, (gas.kinetics, temperature, C)),
        "Jacobian": (source_jacobian, (gas.kinetics, temperature, rhoY, Q, Qh)),
    }
    print(f"{gas}: {options.cells} cells in a block, one thread, us per cell")
    print(
        f"{'':10}{'Cantera':>10}{'eager':>10}{'compiled':>10}{'Cantera/compiled':>18}{'first call [s]':>16}"
        f"{'page faults':>13}{'in kernel':>11}"
    )
    on_gpu = options.device != "cpu"
    for name, (function, arguments) in kernels.items():
        fused = torch.compile(function, dynamic=False, fullgraph=True)
        eager = best(lambda f=function, a=arguments: f(*a), options.cells, on_gpu)
        start = time.perf_counter()
        fused(*arguments)
        first = time.perf_counter() - start
        ours = best(lambda f=fused, a=arguments: f(*a), options.cells, on_gpu)
        faults, share = memory_cost(lambda f=fused, a=arguments: f(*a))
        print(
            f"{name:10}{theirs[name]:10.2f}{eager:10.2f}{ours:10.3f}{theirs[name] / ours:18.1f}{first:16.1f}"
            f"{faults:13.0f}{share:11.0%}"
        )


if __name__ == "__main__":
    main()
