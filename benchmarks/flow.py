"""Cost of the low-Mach solver by phase, us per cell and step: sweeps, chemistry, dimensions, species, ranks, cells.

    python benchmarks/flow.py                            # 2-D: two sweeps, one, learned, no chemistry; --peer: CVODE
    python benchmarks/flow.py --flame ch4                # or gri30, nh3: methane with 28 or 53 species, ammonia
    python benchmarks/flow.py --dimensions 3 --cells 48  # 3-D: two sweeps, one, both also without chemistry
    python benchmarks/flow.py --growth cells             # 1e4 to 2e6 cells, without chemistry; --growth species
    scripts/mpirun.sh -n 2 .venv/bin/python benchmarks/flow.py --dimensions 3 --cells 64 --alone

A wrinkled hydrogen/air flame (phi 1, 10 species, 6 cells per thermal thickness), compiled kernels. All flows take
their steps in turn. Where there is a model, exact chemistry over learned is given for the whole step and for its
chemistry alone. CPU: seconds of the processes, summed over ranks, which other work on the machine distorts less;
wall: what a user waits for. Medians over the steps. With --alone the same flow is also on the first rank alone, while
the others sleep: how many times as fast all of them are, in wall time, step beside step.
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
NONE = 'chemistry={kind="none"}'
# us per cell and step on one core with hydrogen in three dimensions; ranks: times as fast as one.
MOST = {"one sweep": 14.0, "one sweep, no chemistry": 8.0}
RANKS = 1.8
# Whole step [us/cell] with learned chemistry, and times as fast as exact chemistry in its phase, by flame and ranks.
WHOLE, PHASE = {("gri30", 1): 39.0}, {("gri30", 1): 5.0, ("gri30", 2): 3.0}
GROWTH = (22, 32, 46, 64, 90, 128)  # cells per direction: 1e4 to 2e6
BY_SPECIES = ("h2", "ch4", "gri30")
FLAT = 1.2  # of the cost at the second size


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
    "gri30": Flame("gri30.yaml", "CH4:1", 75e-6, 4e-6, "ch4_gri30"),
    "nh3": Flame("ammonia_cfd.yaml", "NH3:0.6, H2:0.4", 95e-6, 4e-6, "nh3_h2"),
}


def build(comm: Communicator, cells: int, *overrides: str, flame: str = "h2", dimensions: int = 2) -> ReactingFlow:
    """The flame in a square or a cube."""
    chosen = FLAMES[flame]
    size = cells * chosen.dx
    box = ["mesh.lower=[0,0,0]"] if dimensions == 3 else []
    sides = ['boundary.z={kind="periodic"}'] if dimensions == 3 else []
    changes = [
        f"gas.mechanism={chosen.mechanism}",
        f'initial.fuel="{chosen.fuel}"',
        'output.fields.names=["T"]',
        f"mesh.cells={[cells] * dimensions}",
        f"mesh.upper={[size] * dimensions}",
        *box,
        "initial.phi=1.0",
        f"initial.position={size / 2}",
        "initial.perturbation={amplitude=1e-4,modes=[2]}",
        'boundary.x_low={kind="inflow",velocity="flame-speed"}',
        *sides,
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

    def told(self, count: int, cells: int) -> tuple[dict[str, float], np.ndarray, np.ndarray]:
        """Medians by phase of the last `count` steps, largest first, and wall and chemistry of each, us per cell."""
        late = self.phases[-count:]
        median = {n: 1e6 / cells * float(np.median([p[n] for p in late])) for n in late[0]}
        return (
            dict(sorted(median.items(), key=lambda kv: -kv[1])),
            1e6 / cells * np.array(self.wall[-count:]),
            1e6 / cells * np.array([p["chemistry"] for p in late]),
        )


class Alone:
    """A flow of one rank: its steps are the first rank's turns, wall seconds of which all ranks know. The others sleep
    meanwhile: waiting in MPI would keep their cores busy.
    """

    def __init__(self, comm: Communicator, flow: ReactingFlow | None, dt: float):
        self.comm, self.flow, self.dt = comm, flow, dt

    def __call__(self) -> float:
        start = time.perf_counter()
        if self.flow is not None:
            self.flow.advance(self.dt)
        done = self.comm.mpi.Ibarrier()
        while not done.Test():
            time.sleep(1e-3)
        return self.comm.max(time.perf_counter() - start if self.flow is not None else 0.0)[0]


def arguments() -> argparse.ArgumentParser:
    """Of the command line."""
    made = parser(__doc__)
    made.add_argument("--cells", type=int, default=128, help="cells per direction")
    made.add_argument("--dimensions", type=int, choices=(2, 3), default=2)
    made.add_argument("--flame", choices=FLAMES, default="h2")
    made.add_argument("--dt", type=float, help="time step [s]; default: 2e-6 (hydrogen), 4e-6 (methane)")
    made.add_argument("--warm", type=int, default=20, help="steps before: the start profile settles in them")
    made.add_argument("--steps", type=int, default=10, help="steps measured")
    made.add_argument("--peer", action="store_true", help="also with Cantera's CVODE cell by cell (slow): five steps")
    made.add_argument("--alone", action="store_true", help="of several ranks: also on one of them alone, in turn")
    made.add_argument("--growth", choices=("cells", "species"), help="the cost over the size, in --dimensions")
    return made


def main(argv: list[str] | None = None) -> Sheet:
    """Phases of each flow, and the ratios of two sweeps to the others; or the growth, or the speed-up."""
    options = parsed(arguments(), SMOKE, argv)
    comm = world()
    kernels.keep_freed_memory()
    if not options.smoke:
        kernels.set_mode("compiled")
    sheet = Sheet("flow", quiet=not comm.is_root)
    if options.growth == "cells":
        grown_cells(sheet, comm, options)
    elif options.growth:
        grown_species(sheet, comm, options)
    elif options.alone and comm.size > 1:
        alone(sheet, comm, options)
    else:
        flows_in_turn(sheet, comm, options)
    if options.smoke:
        alone(sheet, comm, options)
        small = argparse.Namespace(**{**vars(options), "growth": "cells", "dimensions": 3, "steps": 2, "warm": 1})
        grown_cells(sheet, comm, small, (4, 6, 8))
        grown_species(sheet, comm, small, ("h2",))
    return done(sheet, options)


def case(options: argparse.Namespace) -> str:
    """Flame and dimensions, as figures name them."""
    return options.flame if options.dimensions == 2 else f"{options.flame}, 3-D"


def flows_in_turn(sheet: Sheet, comm: Communicator, options: argparse.Namespace) -> None:
    """One size, every choice that costs."""
    flame, size = FLAMES[options.flame], options.cells**options.dimensions
    sheet.say(f"{case(options)}, {comm.size} rank(s), {options.cells}^{options.dimensions} cells")
    rows = {"two sweeps": ["numerics.sweeps=2"], "one sweep": ["numerics.sweeps=1"]}
    if options.dimensions == 3:
        rows |= {f"{name}, no chemistry": [*changes, NONE] for name, changes in rows.items()}
    else:
        rows["one sweep, no chemistry"] = ["numerics.sweeps=1", NONE]
        if flame.model in library.names():
            rows["learned"] = [f'chemistry={{kind="learned",model="{flame.model}"}}']
    flows = {name: turns_of(comm, options, options.cells, *changes) for name, changes in rows.items()}
    for _ in range(options.warm):
        for turn in flows.values():
            turn()
    report(sheet, comm, options, flows, options.steps, size)
    if options.peer:
        peer = turns_of(comm, options, options.cells, 'chemistry={kind="cvode",rtol=1e-4,atol=1e-8}')
        flows = {"two sweeps": flows["two sweeps"], "CVODE": peer}
        report(sheet, comm, options, flows, min(options.steps, 5), size)


def turns_of(comm: Communicator, options: argparse.Namespace, cells: int, *changes: str, flame: str = "") -> Turns:
    """A flow of that size and these changes."""
    flame = flame or options.flame
    flow = build(comm, cells, *changes, flame=flame, dimensions=options.dimensions)
    return Turns(flow, options.dt or FLAMES[flame].dt)


def alone(sheet: Sheet, comm: Communicator, options: argparse.Namespace) -> None:
    """The same flow on all ranks and on one of them, step beside step: with chemistry and without."""
    for name, changes in {"two sweeps": [], "two sweeps, no chemistry": [NONE]}.items():
        several = turns_of(comm, options, options.cells, *changes)
        single: Turns | Alone = several  # of one rank, which is alone
        if comm.size > 1:
            one = turns_of(Communicator(), options, options.cells, *changes).flow if comm.is_root else None
            single = Alone(comm, one, several.dt)
        for _ in range(options.warm):
            several()
            single()
        first, second = [], []
        for _ in range(options.steps):
            first.append(single())
            several()
            second.append(several.wall[-1])
        label = f"{case(options)}, {name}: wall, 1 rank / {comm.size} rank(s)"
        size = options.cells**options.dimensions
        target = RANKS if comm.size == 2 else None
        scale = 1e6 / size
        sheet.ratio(label, scale * np.array(first), scale * np.array(second), "us/cell/step", target)


def grown_cells(sheet: Sheet, comm: Communicator, options: argparse.Namespace, sizes: tuple[int, ...] = GROWTH) -> None:
    """Cost without chemistry over the number of cells, flow after flow: the largest need the memory of one."""
    cells = sizes if options.dimensions == 3 else tuple(round(n**1.5) for n in sizes)
    found: dict[int, Spread] = {}
    for n in cells:
        turn, size = turns_of(comm, options, n, NONE, "numerics.sweeps=1"), n**options.dimensions
        steps = options.steps if size < 3e5 else max(options.steps // 2, 5)
        for _ in range(2):
            turn()
        cost = 1e6 / size * np.array([turn() for _ in range(steps)])
        label = f"growth, {case(options)}, {comm.size} rank(s), one sweep, no chemistry, {size} cells: CPU"
        found[size] = sheet.cost(label, cost, "us/cell/step")
        sheet.say(f"  {size} cells: {found[size].median:.2f} us/cell/step")
        del turn
    medians = [spread.median for spread in found.values()]
    sheet.say(f"  largest / least: {max(medians) / min(medians):.2f}; from the second size on "
              f"{max(medians[1:]) / min(medians[1:]):.2f}, wanted {FLAT:g}")  # fmt: skip


def grown_species(
    sheet: Sheet, comm: Communicator, options: argparse.Namespace, flames: tuple[str, ...] = BY_SPECIES
) -> None:
    """Cost over the number of species, with and without chemistry, on the same cells."""
    size = options.cells**options.dimensions
    for flame in flames:
        rows = {"exact": [], "no chemistry": [NONE]}
        flows = {
            n: turns_of(comm, options, options.cells, "numerics.sweeps=1", *c, flame=flame) for n, c in rows.items()
        }
        for _ in range(min(options.warm, 3)):
            for turn in flows.values():
                turn()
        cost = in_turn(flows, options.steps, None)
        species = len(flows["exact"].flow.scheme.problem.gas.species)
        where = f"growth, {options.dimensions}-D, {comm.size} rank(s), one sweep"
        for name, seconds in cost.items():
            spread = sheet.cost(f"{where}, {name}, {species} species: CPU", 1e6 / size * seconds, "us/cell/step")
            sheet.say(f"  {species} species, {name}: {spread.median:.2f} us/cell/step, "
                      f"{spread.median / species:.2f} per species")  # fmt: skip


def report(
    sheet: Sheet, comm: Communicator, options: argparse.Namespace, flows: dict[str, Turns], steps: int, size: int
) -> None:
    """Steps in turn, the phases, and the ratios."""
    cost = {name: 1e6 / size * seconds for name, seconds in in_turn(flows, steps, None).items()}
    label = f"{case(options)}, {comm.size} rank(s)"
    for name, turns in flows.items():
        phases, wall, chemistry = turns.told(steps, size)
        rest = Spread.of(cost[name] - chemistry).median
        told = "  ".join(f"{n} {v:.2f}" for n, v in phases.items())
        sheet.say(f"{name}, {turns.flow.scheme.stages} stages\n  {told}")
        sheet.phases(f"{label}, {name}", phases, "us/cell/step")
        sheet.say(f"  CPU {Spread.of(cost[name]).median:.2f}, without chemistry {rest:.2f}, wall "
                  f"{Spread.of(wall).median:.2f} us/cell/step")  # fmt: skip
        for what, values in (("CPU", cost[name]), ("wall", wall), ("CPU of the chemistry", chemistry),
                             ("CPU without chemistry", cost[name] - chemistry)):  # fmt: skip
            most = most_of(what, name, case(options), comm.size)
            sheet.cost(f"{label}, {name}: {what}", values, "us/cell/step", most)
        if name == "learned":
            shares = {r: turns.flow.quantity(f"{r}_share") for r in ("slow", "network", "exact")}
            sheet.say("  " + ", ".join(f"{r} {share:.1%}" for r, share in shares.items()))
    for name in list(flows)[1:]:
        first, second = (cost[name], cost["two sweeps"]) if name == "CVODE" else (cost["two sweeps"], cost[name])
        what = "CVODE / two sweeps" if name == "CVODE" else f"two sweeps / {name}"
        sheet.ratio(f"{label}: CPU, {what}", first, second, "us/cell/step")
        if name == "learned":
            pair = (turns.told(steps, size)[2] for turns in (flows["two sweeps"], flows["learned"]))
            target = PHASE.get((case(options), comm.size))
            sheet.ratio(f"{label}: CPU of the chemistry, {what}", *pair, "us/cell/step", target)


def most_of(what: str, name: str, flame: str, ranks: int) -> float | None:
    """The target of a cost, if it has one."""
    if what != "CPU":
        return None
    if name == "learned":
        return WHOLE.get((flame, ranks))
    return MOST.get(name) if (flame, ranks) == ("h2, 3-D", 1) else None


if __name__ == "__main__":
    main()
