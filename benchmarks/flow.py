"""Cost of the low-Mach solver by phase, us per cell and step: two sweeps, one, learned chemistry, Cantera's CVODE.

    python benchmarks/flow.py                    # one rank
    python benchmarks/flow.py --flame ch4        # or gri30: methane with 28 or 53 species
    scripts/mpirun.sh -n 2 .venv/bin/python benchmarks/flow.py

A wrinkled hydrogen/air flame (phi 1, 10 species, 2-D, 6 cells per thermal thickness), compiled kernels; with learned
chemistry as well, where a model comes with combust. All flows take their steps in turn. CPU: seconds of the processes,
summed over ranks, which other work on the machine distorts less; wall: what a user waits for. Medians over the steps.
"""

from __future__ import annotations

import argparse
import time
from typing import NamedTuple

import numpy as np
from pairs import Sheet, Spread, done, in_turn, parsed, parser

from combust import kernels
from combust.case.load import load
from combust.cfd.lowmach.flow import ReactingFlow
from combust.parallel import Communicator, world
from combust.run.build import Builder
from combust.surrogates import library

DX = 55e-6
SMOKE = "--cells 12 --dt 1e-8 --warm 1 --steps 2 --peer"


class Flame(NamedTuple):
    """A fuel in air, phi 1; width of a cell and time step that suit it, and the shipped model."""

    mechanism: str
    fuel: str
    dx: float
    dt: float
    model: str | None


FLAMES = {
    "h2": Flame("h2o2.yaml", "H2:1", DX, 2e-6, "h2_air"),
    "ch4": Flame("methane_cfd.yaml", "CH4:1", 75e-6, 4e-6, "ch4_air"),
    "gri30": Flame("gri30.yaml", "CH4:1", 75e-6, 4e-6, None),
}


def build(comm: Communicator, cells: int, *overrides: str, flame: str = "h2") -> ReactingFlow:
    """The flame on cells x cells."""
    chosen = FLAMES[flame]
    size = cells * chosen.dx
    changes = [
        f"gas.mechanism={chosen.mechanism}",
        f'initial.fuel="{chosen.fuel}"',
        'output.fields.names=["T"]',
        f"mesh.cells=[{cells},{cells}]",
        f"mesh.upper=[{size},{size}]",
        "initial.phi=1.0",
        f"initial.position={size / 2}",
        "initial.perturbation={amplitude=1e-4,modes=[2]}",
        'boundary.x_low={kind="inflow",velocity="flame-speed"}',
    ]
    flow = Builder(load("cases/flame.toml", [*changes, *overrides]), comm).flow()
    flow.scheme.timers.clock = time.process_time
    return flow


class Turns:
    """A flow whose steps are its turns; keeps CPU seconds by phase, of all of it, and wall seconds, step by step."""

    def __init__(self, flow: ReactingFlow, dt: float):
        self.flow, self.dt, self.phases = flow, dt, []
        self.wall: list[float] = []

    def __call__(self) -> float:
        """CPU seconds of a step, of all ranks."""
        comm, before = self.flow.block.comm, self.flow.timers()
        comm.barrier()
        cpu, wall = time.process_time(), time.perf_counter()
        self.flow.advance(self.dt)
        comm.barrier()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        names = sorted(self.flow.timers())
        *spent, total = comm.sum(*(self.flow.timers()[n] - before.get(n, 0.0) for n in names), cpu)
        self.phases.append(dict(zip(names, spent, strict=True)))
        self.wall.append(comm.max(wall)[0])
        return total

    def told(self, count: int, cells: int) -> tuple[str, np.ndarray, np.ndarray]:
        """Medians by phase of the last `count` steps, and wall and chemistry of each, us per cell."""
        late = self.phases[-count:]
        median = {n: 1e6 / cells * float(np.median([p[n] for p in late])) for n in late[0]}
        text = "  ".join(f"{n} {v:.2f}" for n, v in sorted(median.items(), key=lambda kv: -kv[1]))
        return text, 1e6 / cells * np.array(self.wall[-count:]), 1e6 / cells * np.array([p["chemistry"] for p in late])


def arguments() -> argparse.ArgumentParser:
    """Of the command line."""
    made = parser(__doc__)
    made.add_argument("--cells", type=int, default=128, help="cells per direction")
    made.add_argument("--flame", choices=FLAMES, default="h2")
    made.add_argument("--dt", type=float, help="time step [s]; default: 2e-6 (hydrogen), 4e-6 (methane)")
    made.add_argument("--warm", type=int, default=20, help="steps before: the start profile settles in them")
    made.add_argument("--steps", type=int, default=10, help="steps measured")
    made.add_argument("--peer", action="store_true", help="also with Cantera's CVODE cell by cell (slow): five steps")
    return made


def main(argv: list[str] | None = None) -> Sheet:
    """Phases of each flow, and the ratios of two sweeps to the others."""
    options = parsed(arguments(), SMOKE, argv)
    comm = world()
    kernels.keep_freed_memory()
    if not options.smoke:
        kernels.set_mode("compiled")
    flame, size = FLAMES[options.flame], options.cells**2
    sheet = Sheet("flow", quiet=not comm.is_root)
    sheet.say(f"{options.flame}, {comm.size} rank(s), {options.cells} x {options.cells} cells")
    rows = {"two sweeps": ["numerics.sweeps=2"], "one sweep": ["numerics.sweeps=1"]}
    if flame.model in library.names():
        rows["learned"] = [f'chemistry={{kind="learned",model="{flame.model}"}}']
    flows = {
        name: Turns(build(comm, options.cells, *changes, flame=options.flame), options.dt or flame.dt)
        for name, changes in rows.items()
    }  # fmt: skip
    for _ in range(options.warm):
        for turn in flows.values():
            turn()
    report(sheet, comm, options, flows, options.steps, size)
    if options.peer:
        peer = build(comm, options.cells, 'chemistry={kind="cvode",rtol=1e-4,atol=1e-8}', flame=options.flame)
        flows = {"two sweeps": flows["two sweeps"], "CVODE": Turns(peer, options.dt or flame.dt)}
        report(sheet, comm, options, flows, min(options.steps, 5), size)
    return done(sheet, options)


def report(
    sheet: Sheet, comm: Communicator, options: argparse.Namespace, flows: dict[str, Turns], steps: int, size: int
) -> None:
    """Steps in turn, the phases, and the ratios."""
    cost = {name: 1e6 / size * seconds for name, seconds in in_turn(flows, steps, None).items()}
    label = f"{options.flame}, {comm.size} rank(s)"
    for name, turns in flows.items():
        phases, wall, chemistry = turns.told(steps, size)
        rest = Spread.of(cost[name] - chemistry).median
        sheet.say(f"{name}, {turns.flow.scheme.stages} stages\n  {phases}")
        sheet.say(f"  CPU {Spread.of(cost[name]).median:.2f}, without chemistry {rest:.2f}, wall "
                  f"{Spread.of(wall).median:.2f} us/cell/step")  # fmt: skip
        for what, values in (("CPU", cost[name]), ("wall", wall), ("CPU of the chemistry", chemistry),
                             ("CPU without chemistry", cost[name] - chemistry)):  # fmt: skip
            sheet.cost(f"{label}, {name}: {what}", values, "us/cell/step")
        if name == "learned":
            shares = {r: turns.flow.quantity(f"{r}_share") for r in ("slow", "network", "exact")}
            sheet.say("  " + ", ".join(f"{r} {share:.1%}" for r, share in shares.items()))
    for name in list(flows)[1:]:
        first, second = (cost[name], cost["two sweeps"]) if name == "CVODE" else (cost["two sweeps"], cost[name])
        what = "CVODE / two sweeps" if name == "CVODE" else f"two sweeps / {name}"
        sheet.ratio(f"{label}: CPU, {what}", first, second, "us/cell/step")


if __name__ == "__main__":
    main()
