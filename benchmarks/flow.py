"""Cost of the low-Mach solver by phase, us per cell and step, two sweeps and one, and chemistry by Cantera beside it.

    python benchmarks/flow.py                    # one rank
    python benchmarks/flow.py --flame ch4        # or gri30: methane with 28 or 53 species
    scripts/mpirun.sh -n 2 .venv/bin/python benchmarks/flow.py

A wrinkled hydrogen/air flame (phi 1, 10 species, 2-D, 6 cells per thermal thickness), compiled kernels; with learned
chemistry as well, where a model comes with combust. CPU: seconds of
the processes, summed over ranks, which other work on the machine distorts less; wall: what a user waits for.
"""

from __future__ import annotations

import argparse
import time
from typing import NamedTuple

from combust import kernels
from combust.case import Builder
from combust.cfd.flow import ReactingFlow
from combust.config import load
from combust.parallel import Communicator, world
from combust.surrogates import library

DX = 55e-6


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


def measure(flow: ReactingFlow, dt: float, warm: int, steps: int) -> tuple[dict[str, float], float, float]:
    """CPU us per cell and step by phase, its total, and wall us per cell and step."""
    for _ in range(warm):
        flow.advance(dt)
    comm, before = flow.block.comm, flow.timers()
    comm.barrier()
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(steps):
        flow.advance(dt)
    comm.barrier()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    unit = 1e6 / (steps * flow.block.shape[1] * flow.block.shape[2])
    names = sorted(flow.timers())
    spent = comm.sum(*(unit * (flow.timers()[n] - before.get(n, 0.0)) for n in names), unit * cpu)
    return dict(zip(names, spent[:-1], strict=True)), spent[-1], comm.max(unit * wall)[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=128, help="cells per direction")
    parser.add_argument("--flame", choices=FLAMES, default="h2")
    parser.add_argument("--dt", type=float, help="time step [s]; default: 2e-6 (hydrogen), 4e-6 (methane)")
    parser.add_argument("--warm", type=int, default=20, help="steps before: the start profile settles in them")
    parser.add_argument("--steps", type=int, default=10, help="steps measured")
    parser.add_argument("--peer", action="store_true", help="also with Cantera's CVODE cell by cell (slow)")
    args = parser.parse_args()
    comm = world()
    kernels.keep_freed_memory()
    kernels.set_mode("compiled")
    flame = FLAMES[args.flame]
    rows = {"two sweeps": ["numerics.sweeps=2"], "one sweep": ["numerics.sweeps=1"]}
    if flame.model in library.names():
        rows["two sweeps, learned"] = [f'chemistry={{kind="learned",model="{flame.model}"}}']
    if args.peer:
        rows["two sweeps, CVODE"] = ['chemistry={kind="cvode",rtol=1e-4,atol=1e-8}']
    totals = {}
    for name, overrides in rows.items():
        flow = build(comm, args.cells, *overrides, flame=args.flame)
        slow = "CVODE" in name
        phases, cpu, wall = measure(flow, args.dt or flame.dt, 1 if slow else args.warm, 2 if slow else args.steps)
        totals[name] = cpu
        if comm.is_root:
            print(f"{name}, {comm.size} rank(s), {args.cells} x {args.cells} cells, {flow.scheme.stages} stages")
            print("  " + "  ".join(f"{n} {v:.2f}" for n, v in sorted(phases.items(), key=lambda kv: -kv[1])))
            rest = cpu - phases["chemistry"]
            print(f"  CPU {cpu:.2f}, without chemistry {rest:.2f}, wall {wall:.2f} us/cell/step", flush=True)
        if "learned" in name:
            shares = {r: flow.quantity(f"{r}_share") for r in ("slow", "network", "exact")}
            if comm.is_root:
                print("  " + ", ".join(f"{r} {share:.1%}" for r, share in shares.items()))
    if comm.is_root:
        for name, cpu in totals.items():
            print(f"{name}: {cpu / totals['two sweeps']:.2f} of two sweeps")


if __name__ == "__main__":
    main()
