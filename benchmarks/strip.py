"""CPU time of a step beside OpenFOAM's reactingFoam, on the same strip of a flame, all in turn in one run.

    python benchmarks/strip.py        # needs reactingFoam (Debian: apt-get install openfoam); ten minutes

A wrinkled hydrogen/air front (phi 0.5, 300 K, 1 atm, h2o2.yaml) on 256 x 64 cells, ten per thermal thickness, dt 1 us,
periodic sides. Both codes start from the same fields, take a few steps to settle, and then blocks of steps in turn:
reactingFoam with seulex at its tutorials' tolerance, with tables (TDAC) with and without its reduction in each cell,
and without chemistry; combust with exact chemistry, learned chemistry and none. OpenFOAM's tables flatter it here: 64
rows repeat the same states, and the front hardly moves. It diffuses all species alike (Sc = 1); combust each by
itself (mixture-averaged).
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cantera as ct
import foam
import numpy as np
from flow import Turns
from pairs import Sheet, done, in_turn, parsed, parser

from combust import kernels
from combust.case.load import load
from combust.cfd.lowmach.flow import ReactingFlow
from combust.parallel import Communicator
from combust.run.build import Builder

DX, DT, INFLOW = 29.3e-6, 1e-6, 0.5  # m, s, m/s
WRINKLE = 0.3e-3  # m, a thermal thickness
SMOKE = "--cells 32 16 --warm 1 --steps 24 --rounds 2"
SWEEPS, NONE = "numerics.sweeps={}", 'chemistry={kind="none"}'
COMBUST = {
    "one sweep": [SWEEPS.format(1)],
    "two sweeps": [SWEEPS.format(2)],
    "learned, two sweeps": [SWEEPS.format(2), 'chemistry={kind="learned",model="h2_air"}'],
    "no chemistry, one sweep": [SWEEPS.format(1), NONE],
    "no chemistry, two sweeps": [SWEEPS.format(2), NONE],
}
# (reactingFoam with, combust with, how many times as dear the first is to be): 1/0.65, 1/0.12, 1/0.7
GOALS = (
    ("TDAC", "one sweep", 1.54),
    ("TDAC", "two sweeps", 1.0),
    ("TDAC without DAC", "one sweep", 1.54),
    ("TDAC without DAC", "two sweeps", 1.0),
    ("seulex", "one sweep", 8.33),
    ("none", "no chemistry, one sweep", 1.43),
    ("none", "no chemistry, two sweeps", 1.43),
)


def build(cells: tuple[int, int], *changes: str) -> ReactingFlow:
    """The strip, of cells along the flame and across it."""
    nx, ny = cells
    same = [
        f"mesh.cells={[nx, ny]}",
        f"mesh.upper={[nx * DX, ny * DX]}",
        f"initial.position={0.4 * nx * DX}",
        f"initial.perturbation={{amplitude={min(WRINKLE, 0.1 * nx * DX)},modes=[1]}}",
        f'boundary.x_low={{kind="inflow",velocity={INFLOW}}}',
        f"numerics.dt={DT}",
    ]
    flow = Builder(load("cases/flame.toml", [*same, *changes]), Communicator()).flow()
    flow.scheme.timers.clock = time.process_time
    return flow


def write(folder: Path, flow: ReactingFlow, chemistry: str) -> None:
    """What `flow` starts from, as reactingFoam is given it."""
    gas = ct.Solution("h2o2.yaml")
    gas.TP = 300.0, ct.one_atm
    ny, nx = flow.field("T").shape[-2:]
    long = 1000000 * DT
    case = foam.Flow((nx, ny), (nx * DX, ny * DX), INFLOW, DT, long, long, chemistry)
    Y = np.stack([flow.field(f"Y_{name}").reshape(ny, nx) for name in gas.species_names])
    u = flow.field("u").reshape(ny, nx, 3)[..., 0]
    foam.write(folder, gas, case, flow.field("T").reshape(ny, nx), Y, u)


def arguments() -> argparse.ArgumentParser:
    """Of the command line."""
    made = parser(__doc__)
    made.add_argument("--cells", type=int, nargs=2, default=[256, 64], help="along the flame and across it")
    made.add_argument("--warm", type=int, default=10, help="steps before")
    made.add_argument("--steps", type=int, default=10, help="steps of a turn; seulex takes a third of them")
    made.add_argument("--rounds", type=int, default=11, help="turns of each")
    return made


def main(argv: list[str] | None = None) -> Sheet:
    """All in turn; exit code 2 without OpenFOAM."""
    options = parsed(arguments(), SMOKE, argv)
    if not foam.installed():
        print(f"{foam.SOLVER} is not here: benchmarks/strip.py compares with OpenFOAM (Debian: apt-get install "
              "openfoam); benchmarks/flow.py measures combust alone", file=sys.stderr)  # fmt: skip
        raise SystemExit(2)
    kernels.keep_freed_memory()
    if not options.smoke:
        kernels.set_mode("compiled")
    sheet, (nx, ny) = Sheet("strip"), options.cells
    sheet.say(f"{nx} x {ny} cells, {options.steps} steps a turn")
    with contextlib.ExitStack() as stack:
        flows = {f"combust, {name}": Turns(build((nx, ny), *changes), DT) for name, changes in COMBUST.items()}
        solvers = peers(stack, next(iter(flows.values())).flow)
        calls = {name: of_steps(turns, options) for name, turns in flows.items()}
        calls |= {name: of_blocks(solver, name, options) for name, solver in solvers.items()}
        found = in_turn(calls, options.rounds, None)
    told(sheet, {name: 1e6 / (nx * ny) * seconds for name, seconds in found.items()}, flows, options)
    return done(sheet, options)


def peers(stack: contextlib.ExitStack, flow: ReactingFlow) -> dict[str, foam.Solver]:
    """reactingFoam with each chemistry, from what `flow` starts from."""
    found = {}
    for chemistry in foam.CHEMISTRY:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        write(folder, flow, chemistry)
        found[f"reactingFoam, {chemistry}"] = stack.enter_context(foam.Solver(folder))
    return found


def of_steps(turns: Turns, options: argparse.Namespace) -> Callable[[], float]:
    """CPU seconds a step, of the steps of a turn, after those before."""
    for _ in range(options.warm):
        turns()
    return lambda: float(np.mean([turns() for _ in range(options.steps)]))


def of_blocks(solver: foam.Solver, name: str, options: argparse.Namespace) -> Callable[[], float]:
    """The same of OpenFOAM; of seulex, which is dear, a third of the steps."""
    solver.steps(options.warm)
    steps = max(options.steps // 3, 1) if name.endswith("seulex") else options.steps
    return lambda: solver.steps(steps) / steps


def told(sheet: Sheet, cost: dict[str, np.ndarray], flows: dict[str, Turns], options: argparse.Namespace) -> None:
    """Costs, what combust's consist of, and the goals."""
    size = options.cells[0] * options.cells[1]
    for name, values in cost.items():
        spread = sheet.cost(f"{name}: CPU", values, "us/cell/step")
        sheet.say(f"  {name}: {spread.median:.2f} us/cell/step")
    for name, turns in flows.items():
        phases, _, _ = turns.told(options.steps * options.rounds, size)
        sheet.phases(name, phases, "us/cell/step")
        sheet.say(
            f"  {name}, {turns.flow.scheme.stages} stages: " + "  ".join(f"{n} {v:.2f}" for n, v in phases.items())
        )
    for theirs, ours, goal in GOALS:
        label = f"reactingFoam, {theirs} / combust, {ours}"
        sheet.ratio(label, cost[f"reactingFoam, {theirs}"], cost[f"combust, {ours}"], "us/cell/step", goal)
    label = "combust, one sweep / learned, two sweeps"
    sheet.ratio(label, cost["combust, one sweep"], cost["combust, learned, two sweeps"], "us/cell/step", 1.0)


if __name__ == "__main__":
    main()
