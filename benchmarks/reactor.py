"""Cost and error of batched reactors beside Cantera's CVODE: the same states, tolerances from loose to tight.

    python benchmarks/reactor.py                                     # hydrogen: flame, ignition and mixed states
    python benchmarks/reactor.py --mech gri30.yaml --states flame --cells 3000 --rtol 1e-3,1e-4,1e-5,1e-6

Reactors at constant h and p over --dt. One thread, CPU time of this thread, best of three, after compiling. CVODE is
one network that takes new states. The error of a cell is the larger of |dT|/T and the largest |dY_k|, against CVODE
at 1e-12; given are its root mean square and largest value over a sample. The last column compares costs at the same
root mean square error, interpolated between CVODE's own tolerances in log-log.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from collections.abc import Callable
from typing import NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cantera as ct
import numpy as np
import torch
from states import FUELS, KINDS, PHASES
from torch import Tensor

from combust import kernels
from combust.kinetics.cvode import CellIntegrator
from combust.kinetics.mechanism import Mechanism
from combust.kinetics.reactor import ReactorIntegrator, Reactors, integrate

SAMPLE = 60  # cells with a reference at 1e-12
FEW = 300  # cells that CVODE is timed on
CVODE_RTOL = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10)
ATOL = 1e-4  # times rtol, for both


class Point(NamedTuple):
    """One line of the table: us per cell, root mean square and largest error."""

    rtol: float
    cost: float
    rms: float
    worst: float


def reference(gas: Mechanism, T: Tensor, Y: Tensor, p: float, dt: float) -> Tensor:
    """(1 + species, sample) by CVODE at 1e-12."""
    cell = CellIntegrator(gas, 1e-12, 1e-20, "hp")
    zero = torch.zeros(Y.shape[0] + 1, dtype=torch.float64)
    z = torch.cat([T[None], Y])
    return torch.stack([cell(i, z[:, i], zero, dt, p) for i in range(min(SAMPLE, len(T)))], 1)


def errors(T: Tensor, Y: Tensor, exact: Tensor) -> tuple[float, float]:
    """Root mean square and largest error of the first cells."""
    count = exact.shape[1]
    dT, dY = (T[:count] - exact[0]).abs() / exact[0], (Y[:, :count] - exact[1:]).abs().amax(0)
    error = torch.maximum(dT, dY)
    return float(error.square().mean().sqrt()), float(error.max())


def best(call: Callable[[], object], times: int = 3) -> float:
    """CPU seconds of this thread of the fastest call."""
    found = []
    for _ in range(times):
        start = time.thread_time()
        call()
        found.append(time.thread_time() - start)
    return min(found)


def cvode(gas: Mechanism, T: Tensor, Y: Tensor, p: float, dt: float, rtol: float, exact: Tensor) -> Point:
    """Cantera's constant-pressure reactor, cell after cell."""
    solution = gas.cantera()
    rows = [(float(T[i]), p, Y[:, i].numpy().copy()) for i in range(min(FEW, len(T)))]
    solution.TPY = rows[0]
    reactor = ct.IdealGasConstPressureReactor(solution, clone=False)
    network = ct.ReactorNet([reactor])
    network.rtol, network.atol = rtol, ATOL * rtol
    ends: list[np.ndarray] = []

    def run() -> None:
        ends.clear()
        for row in rows:
            solution.TPY = row
            reactor.syncState()
            network.initial_time = 0.0
            network.advance(dt)
            ends.append(np.append(reactor.T, solution.Y))

    cost = best(run) / len(rows) * 1e6
    end = torch.tensor(np.array(ends).T.copy())
    return Point(rtol, cost, *errors(end[0], end[1:], exact))


def ours(
    gas: Mechanism, T: Tensor, Y: Tensor, p: float, dt: float, rtol: float, exact: Tensor, device: str = "cpu",
    method: str = "rodas5p",
) -> tuple[Point, Reactors]:
    """The batched integrator, compiled."""
    integrator = ReactorIntegrator(gas, "hp", rtol, ATOL * rtol, method)
    arguments = [x.to(device) for x in (T, torch.full_like(T, p), Y, torch.full_like(T, dt))]

    def run() -> Reactors:
        result = integrate(integrator, *arguments, compile=True)
        return Reactors(result.T.cpu(), result.Y.cpu(), result.stats)

    result = run()
    if device == "cpu":
        seconds = best(run)
    else:  # copies back, so that it has waited for the device
        start = time.perf_counter()
        run()
        seconds = time.perf_counter() - start
    return Point(rtol, seconds / len(T) * 1e6, *errors(result.T, result.Y, exact)), result


def cost_at(points: list[Point], error: float) -> float:
    """Cost of reaching an rms error, interpolated in log-log; beyond the ends the cost of the end."""
    ordered = sorted(points, key=lambda x: x.rms)
    return float(np.exp(np.interp(np.log(error), np.log([x.rms for x in ordered]), np.log([x.cost for x in ordered]))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mech", default="h2o2.yaml", choices=FUELS)
    parser.add_argument("--states", default="flame,ignition,mixed")
    parser.add_argument("--cells", type=int, default=20000)
    parser.add_argument("--dt", type=float, default=1e-6)
    parser.add_argument("--rtol", default="1e-3,1e-4,1e-5,1e-6,1e-7,1e-8")
    parser.add_argument("--method", default="rodas5p")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--no-cvode", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    kernels.keep_freed_memory()
    p, phase = ct.one_atm, PHASES.get(options.mech)
    own, gas = (Mechanism.load(options.mech, phase, device) for device in (options.device, "cpu"))
    print(f"{gas}, dt {options.dt:g} s, {options.cells} cells; us per cell")
    for kind in options.states.split(","):
        T, Y = KINDS[kind](gas, FUELS[options.mech], options.cells)
        exact = reference(gas, T, Y, p, options.dt)
        print(f"\n{kind} states\n{'':8}{'rtol':>8}{'us/cell':>10}{'rms error':>12}{'largest':>10}{'steps/cell':>12}"
              f"{'rejected':>10}{'skipped':>9}{'CVODE/ours at equal error':>28}")  # fmt: skip
        theirs = []
        for rtol in () if options.no_cvode else CVODE_RTOL:
            theirs.append(cvode(gas, T, Y, p, options.dt, rtol, exact))
            x = theirs[-1]
            print(f"{'CVODE':8}{rtol:8.0e}{x.cost:10.1f}{x.rms:12.1e}{x.worst:10.1e}", flush=True)
        for rtol in map(float, options.rtol.split(",")):
            x, result = ours(own, T, Y, p, options.dt, rtol, exact, options.device, options.method)
            n, stats = options.cells, result.stats
            ratio = f"{cost_at(theirs, x.rms) / x.cost:28.1f}" if theirs else ""
            print(f"{options.method:8}{rtol:8.0e}{x.cost:10.1f}{x.rms:12.1e}{x.worst:10.1e}{stats.steps / n:12.2f}"
                  f"{stats.rejected / n:10.2f}{stats.skipped / n:9.0%}{ratio}", flush=True)  # fmt: skip
    print(f"\npeak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
