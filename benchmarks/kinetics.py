"""Rates, Jacobians, transport and stiff steps: us per cell of Cantera and of ours, in turn.

    python benchmarks/kinetics.py                              # hydrogen, GRI-3.0
    python benchmarks/kinetics.py --mech all                   # 10 to 1268 species
    python benchmarks/kinetics.py --device cuda --cells 100000 # ours on a GPU, Cantera on one core

One thread each, CPU time of this thread (wall time on a GPU), pair after pair, after compiling. Cantera's figures
include setting the state. Its Jacobian is the dense net_production_rates_ddCi, ours that of the constant-pressure
reactor: it has the temperature's row and column too. Transport is viscosity, conductivity and mixture-averaged
diffusivities. These are torch's kernels; `net_production_rates` is what a user calls, which takes its rates from the
C++ code on a CPU, checks of T, p and Y included, for few and for many cells. The stiff step is a constant-pressure
reactor over --dt in states of flames (of ignitions where there are no transport data), compared with CVODE at the same
measured error (see reactor.py).
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cantera as ct
import numpy as np
import torch
from pairs import Sheet, done, in_turn, parsed, parser
from reactor import CVODE_RTOL, Contender, clock_of, cost_at, costs, cvode, ours, reference
from states import FUELS, KINDS, PHASES
from torch import Tensor

from combust import kernels
from combust.errors import MechanismError
from combust.kinetics.integrate import systems
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.rates.blocks import block_of
from combust.kinetics.rates.production import production_rates
from combust.kinetics.transport.properties import transport_properties

TURN = 0.02  # s that a turn takes at least
STEP_RTOL = 1e-4
FEW = 100  # cells that Cantera is timed on
CALLS = (1, 100, 10_000)  # cells of calls of net_production_rates
LARGEST_STEP = 200  # species, beyond which a stiff step is no batch's work
STEP_ROUNDS = 7
TARGETS = {  # times Cantera's speed
    "h2o2": {"rates": 4.0, "transport": 3.0, "stiff step": 6.0}, "gri30": {"rates": 3.0, "transport": 3.0,
    "stiff step": 4.0}, "ammonia-CO-H2-Alzueta-2023": {"stiff step": 4.0},
}  # fmt: skip
SMOKE = "--mech h2o2.yaml --cells 16 --step-cells 60 --rounds 2"


def random_states(gas: Mechanism, cells: int) -> tuple[Tensor, Tensor]:
    """T, Y of random mixtures."""
    rng = np.random.default_rng(0)
    Y = rng.dirichlet(np.full(len(gas.species), 0.3), cells).T
    return torch.tensor(rng.uniform(300, 3000, cells)), torch.tensor(Y.copy())


def cantera_calls(
    gas: Mechanism, T: Tensor, Y: Tensor, p: float, transport: bool
) -> dict[str, tuple[Callable[[], object], int]]:
    """What Cantera does cell by cell, and for how many cells."""
    solution, count = gas.cantera(), min(FEW, len(T))
    rows = [(float(T[i]), p, Y[:, i].numpy().copy()) for i in range(count)]
    if transport:
        solution.transport_model = "mixture-averaged"

    def each(cells: int, *names: str) -> tuple[Callable[[], object], int]:
        def run() -> None:
            for row in rows[:cells]:
                solution.TPY = row
                for name in names:
                    getattr(solution, name)

        return run, cells

    calls = {
        "rates": each(count, "net_production_rates"),
        "Jacobian": each(4 if len(gas.species) > LARGEST_STEP else count, "net_production_rates_ddCi"),
    }
    if transport:
        calls["transport"] = each(count, "viscosity", "thermal_conductivity", "mix_diff_coeffs")
    return calls


def our_calls(
    gas: Mechanism, T: Tensor, Y: Tensor, p: float, transport: bool
) -> dict[str, tuple[Callable[[], object], int]]:
    """What our kernels do of a block, compiled each for itself, and for how many cells."""
    T, Y = T.to(gas.device), Y.to(gas.device)
    pressure, zero = torch.full_like(T, p), torch.zeros(Y.shape[0] + 1, len(T), dtype=T.dtype, device=gas.device)
    C = gas.density(T, pressure, Y) * Y / gas.molar_mass[:, None]
    few = slice(0, max(8, len(T) // 2 if gas.device.type == "cpu" else len(T)))
    z = torch.cat([T[None], Y])[:, few].contiguous()
    linear = (gas.kinetics, "hp", z, zero[:, few].contiguous(), systems.Fixed(pressure[few]))
    calls = {"rates": (production_rates, (gas.kinetics, T, C)), "Jacobian": (systems.linearise, linear)}
    if transport:
        calls["transport"] = (transport_properties, (gas.transport_data, T, pressure, Y))
    made = {}
    for name, (function, given) in calls.items():
        kernels.configure()
        fused = torch.compile(function, dynamic=False, fullgraph=True) if kernels.mode() == "compiled" else function

        def run(f: Callable[..., object] = fused, a: tuple[object, ...] = given) -> None:
            f(*a)
            if gas.device.type != "cpu":
                torch.cuda.synchronize()

        made[name] = run, given[2].shape[-1]
    return made


def user_calls(sheet: Sheet, gas: Mechanism, p: float, theirs: tuple[Callable[[], object], int], rounds: int) -> None:
    """`gas.net_production_rates` of one, few and many cells beside Cantera's loop."""
    for cells in CALLS:
        T, Y = random_states(gas, cells)
        calls = {"theirs": theirs[0], "ours": lambda T=T, Y=Y: gas.net_production_rates(T, p, Y)}
        seconds = in_turn(calls, rounds, time.thread_time, TURN)
        what = f"net_production_rates, cells: {cells}"
        compared(sheet, gas, what, 1e6 * seconds["theirs"] / theirs[1], 1e6 * seconds["ours"] / cells)


def stiff_step(
    sheet: Sheet, own: Mechanism, gas: Mechanism, p: float, options: argparse.Namespace, transport: bool
) -> None:
    """A reactor over dt; CVODE at the two of its tolerances whose errors lie around ours."""
    n, kind = len(gas.species), "flame" if transport else "ignition"
    cells = options.step_cells or max(1000, 200_000 // n if n < 30 else 150_000 // n)
    T, Y = KINDS[kind](gas, FUELS[gas.path], cells)
    exact = reference(gas, T, Y, p, options.dt)
    mine = ours(own, T, Y, p, options.dt, STEP_RTOL, exact)
    theirs: list[Contender] = []
    for rtol in CVODE_RTOL[:6]:
        theirs = [*theirs[-1:], cvode(gas, T, Y, p, options.dt, rtol, exact)]
        if theirs[-1].rms <= mine.rms:
            break
    cost = costs({"ours": mine} | {str(c.rtol): c for c in theirs}, min(options.rounds, STEP_ROUNDS),
                 clock_of(own.device))  # fmt: skip
    at = cost_at(theirs, [cost[str(c.rtol)] for c in theirs], mine.rms)
    compared(sheet, gas, "stiff step", at, cost["ours"])
    sheet.say(f"    ({kind} states, rms error {mine.rms:.0e})")


def compared(sheet: Sheet, gas: Mechanism, what: str, theirs: np.ndarray, mine: np.ndarray) -> None:
    """A line of the table."""
    stem = Path(gas.path).stem
    target = TARGETS.get(stem, {}).get(what)
    sheet.ratio(f"{stem} ({len(gas.species)} species): {what}", theirs, mine, "us/cell", target)


def arguments() -> argparse.ArgumentParser:
    """Of the command line."""
    made = parser(__doc__)
    made.add_argument("--mech", default="h2o2.yaml,gri30.yaml", help="names, or all")
    made.add_argument("--cells", type=int, help="in a call of a kernel; default: what fits the cache")
    made.add_argument("--step-cells", type=int, help="of the stiff step; default: by the number of species")
    made.add_argument("--dt", type=float, default=1e-6)
    made.add_argument("--device", default="cpu")
    made.add_argument("--calls", action="store_true", help="only the calls of net_production_rates")
    made.add_argument("--rounds", type=int, default=21, help="pairs; of the stiff step 7 at most")
    return made


def main(argv: list[str] | None = None) -> Sheet:
    """Print a table for each mechanism."""
    options = parsed(arguments(), SMOKE, argv)
    torch.set_num_threads(1)
    kernels.keep_freed_memory()
    sheet, p = Sheet("kinetics"), ct.one_atm
    if options.device != "cpu":
        print(torch.cuda.get_device_name(options.device))
    for path in FUELS if options.mech == "all" else options.mech.split(","):
        own, gas = (Mechanism.load(path, PHASES.get(path), device) for device in (options.device, "cpu"))
        try:
            transport = gas.transport_data is not None
        except MechanismError:
            transport = False
        T, Y = random_states(gas, options.cells or block_of(gas.kinetics))
        sheet.say(f"\n{gas}: {len(T)} cells in a call; Cantera / combust")
        theirs = cantera_calls(gas, T, Y, p, transport)
        kernel_calls = {} if options.calls else our_calls(own, T, Y, p, transport)
        for name, (call, cells) in kernel_calls.items():
            other, count = theirs[name]
            start = time.perf_counter()
            call()
            first = time.perf_counter() - start
            seconds = in_turn({"theirs": other, "ours": call}, options.rounds, clock_of(own.device), TURN)
            compared(sheet, gas, name, 1e6 * seconds["theirs"] / count, 1e6 * seconds["ours"] / cells)
            sheet.say(f"    (first call {first:.1f} s)")
        if options.device == "cpu":
            user_calls(sheet, gas, p, theirs["rates"], options.rounds)
        if len(gas.species) <= LARGEST_STEP and not options.calls:
            stiff_step(sheet, own, gas, p, options, transport)
    return done(sheet, options)


if __name__ == "__main__":
    main()
