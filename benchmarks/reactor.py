"""Cost and error of batched reactors beside Cantera's CVODE: the same states, tolerances from loose to tight.

    python benchmarks/reactor.py                                     # hydrogen: flame, ignition and mixed states
    python benchmarks/reactor.py --mech gri30.yaml --states flame --cells 3000 --rtol 1e-3,1e-4,1e-5,1e-6

Reactors at constant h and p over --dt. One thread, CPU time of this thread, all in turn, medians over --rounds, after
compiling. CVODE is one network that takes new states. The error of a cell is the larger of |dT|/T and the largest
|dY_k|, against CVODE at 1e-12; given are its root mean square and largest value over a sample. The last column compares
costs at the same root mean square error, interpolated between CVODE's own tolerances in log-log, round by round.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cantera as ct
import numpy as np
import torch
from pairs import Sheet, Spread, done, in_turn, parsed, parser
from states import FUELS, KINDS, PHASES, restarted
from torch import Tensor

from combust import kernels
from combust.kinetics.integrate.cvode import CellIntegrator
from combust.kinetics.integrate.reactor import ReactorIntegrator, Reactors, integrate
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.machine import peak_memory

SAMPLE = 60  # cells with a reference at 1e-12
FEW = 300  # cells that CVODE is timed on
CVODE_RTOL = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10)
ATOL = 1e-4  # times rtol, for both
SMOKE = "--states flame --cells 60 --rtol 1e-4 --rounds 2 --cvode 1e-4,1e-6"


class Contender(NamedTuple):
    """What takes its turns: how many cells it does, its errors (root mean square, largest), what it counted."""

    rtol: float
    call: Callable[[], object]
    cells: int
    rms: float
    worst: float
    stats: Reactors | None = None


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


def cvode(gas: Mechanism, T: Tensor, Y: Tensor, p: float, dt: float, rtol: float, exact: Tensor) -> Contender:
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
            restarted(reactor, network, dt)
            ends.append(np.append(reactor.T, solution.Y))

    run()
    end = torch.tensor(np.array(ends).T.copy())
    return Contender(rtol, run, len(rows), *errors(end[0], end[1:], exact))


def ours(
    gas: Mechanism, T: Tensor, Y: Tensor, p: float, dt: float, rtol: float, exact: Tensor, method: str = "rodas5p"
) -> Contender:
    """The batched integrator, compiled; results come back to the host, so that a GPU has been waited for."""
    integrator = ReactorIntegrator(gas, "hp", rtol, ATOL * rtol, method)
    arguments = [x.to(gas.device) for x in (T, torch.full_like(T, p), Y, torch.full_like(T, dt))]

    def run() -> Reactors:
        result = integrate(integrator, *arguments, compile=kernels.mode() == "compiled")
        return Reactors(result.T.cpu(), result.Y.cpu(), result.stats)

    result = run()
    return Contender(rtol, run, len(T), *errors(result.T, result.Y, exact), result)


def clock_of(device: torch.device) -> Callable[[], float]:
    """CPU time of this thread; wall time where a GPU works."""
    return time.thread_time if device.type == "cpu" else time.perf_counter


def costs(contenders: dict[str, Contender], rounds: int, clock: Callable[[], float]) -> dict[str, np.ndarray]:
    """us per cell of each, round by round."""
    seconds = in_turn({name: c.call for name, c in contenders.items()}, rounds, clock)
    return {name: 1e6 * s / contenders[name].cells for name, s in seconds.items()}


def cost_at(theirs: list[Contender], cost: list[np.ndarray], error: float) -> np.ndarray:
    """Cost (rounds,) of reaching an rms error, interpolated in log-log; beyond the ends the cost of the end."""
    order = sorted(range(len(theirs)), key=lambda i: theirs[i].rms)
    known, found = np.log([theirs[i].rms for i in order]), np.log([cost[i] for i in order])
    return np.exp([np.interp(np.log(error), known, column) for column in found.T])


def arguments() -> argparse.ArgumentParser:
    """Of the command line."""
    made = parser(__doc__)
    made.add_argument("--mech", default="h2o2.yaml", choices=FUELS)
    made.add_argument("--states", default="flame,ignition,mixed")
    made.add_argument("--cells", type=int, default=20000)
    made.add_argument("--dt", type=float, default=1e-6)
    made.add_argument("--rtol", default="1e-3,1e-4,1e-5,1e-6,1e-7,1e-8")
    made.add_argument("--cvode", default=",".join(map(str, CVODE_RTOL)), help="tolerances of CVODE; empty: without it")
    made.add_argument("--method", default="rodas5p")
    made.add_argument("--device", default="cpu")
    made.add_argument("--rounds", type=int, default=7)
    return made


def main(argv: list[str] | None = None) -> Sheet:
    """A table for each kind of states."""
    options = parsed(arguments(), SMOKE, argv)
    torch.set_num_threads(1)
    kernels.keep_freed_memory()
    sheet, phase = Sheet("reactor"), PHASES.get(options.mech)
    own, gas = (Mechanism.load(options.mech, phase, device) for device in (options.device, "cpu"))
    print(f"{gas}, dt {options.dt:g} s, {options.cells} cells; us per cell")
    for kind in options.states.split(","):
        states(sheet, own, gas, kind, options)
    print(f"\npeak memory {peak_memory() / 1e6:.0f} MB")
    return done(sheet, options)


def states(sheet: Sheet, own: Mechanism, gas: Mechanism, kind: str, options: argparse.Namespace) -> None:
    """The table of one kind of states."""
    p = ct.one_atm
    T, Y = KINDS[kind](gas, FUELS[options.mech], options.cells)
    exact = reference(gas, T, Y, p, options.dt)
    theirs = [cvode(gas, T, Y, p, options.dt, float(r), exact) for r in options.cvode.split(",") if r]
    mine = [ours(own, T, Y, p, options.dt, float(r), exact, options.method) for r in options.rtol.split(",")]
    named = {f"CVODE {c.rtol:.0e}": c for c in theirs} | {f"{options.method} {c.rtol:.0e}": c for c in mine}
    cost = costs(named, options.rounds, clock_of(own.device))
    print(f"\n{kind} states\n{'':16}{'us/cell':>10}{'rms error':>12}{'largest':>10}{'steps/cell':>12}{'rejected':>10}"
          f"{'skipped':>9}")  # fmt: skip
    for name, c in named.items():
        line = f"{name:16}{Spread.of(cost[name]).median:10.1f}{c.rms:12.1e}{c.worst:10.1e}"
        if c.stats is not None:
            s = c.stats.stats
            line += f"{s.steps / c.cells:12.2f}{s.rejected / c.cells:10.2f}{s.skipped / c.cells:9.0%}"
        print(line, flush=True)
    print("CVODE / ours at equal error:")
    stem = Path(options.mech).stem
    for c in mine:
        label, cells = f"{stem}, {kind}, rtol {c.rtol:.0e}", cost[f"{options.method} {c.rtol:.0e}"]
        if theirs:
            at = cost_at(theirs, [cost[f"CVODE {t.rtol:.0e}"] for t in theirs], c.rms)
            sheet.ratio(label, at, cells, "us/cell")
        else:
            sheet.cost(label, cells, "us/cell")


if __name__ == "__main__":
    main()
