"""What turbulence closures add to a step, in per cent of the step without one.

    python benchmarks/closures.py --cells 48             # one gas of one temperature: the cheapest step there is
    python benchmarks/closures.py --cells 48 --flame h2  # a hydrogen flame with ten species, no chemistry
    scripts/mpirun.sh -n 2 .venv/bin/python benchmarks/closures.py --cells 48

Taylor-Green vortices in three dimensions, compiled kernels, one sweep; all flows take their steps in turn. CPU seconds
of the processes, summed over ranks; figures are medians of the pairs of a round. The closure's own phase is told beside
it: the rest is diffusion that has more to do.
"""

from __future__ import annotations

import argparse
import time
from typing import get_args

from flow import FLAMES, NONE, Turns
from flow import build as flame
from pairs import Sheet, done, in_turn, parsed, parser

from combust import kernels
from combust.case.load import load
from combust.cfd.closures.carried import quantities_of
from combust.cfd.closures.settings import NoTurbulence, Turbulence
from combust.parallel import Communicator, world
from combust.run.build import Builder

SMOKE = "--cells 8 --warm 1 --steps 2 --kinds wale dynamic-smagorinsky"
KINDS = tuple(struct.__struct_config__.tag for struct in get_args(Turbulence) if struct is not NoTurbulence)
WAYS = {
    **{kind: f"{{kind='{kind}'}}" for kind in KINDS},
    "dynamic-smagorinsky": "{kind='dynamic-smagorinsky',average='plane'}",
    "dynamic-smagorinsky, lagrangian": "{kind='dynamic-smagorinsky',average='lagrangian'}",
}
MOST = 115.0  # per cent of a step without, of closures of large-eddy simulation
AVERAGED = ("k-epsilon", "k-omega-sst")
VORTICES = 2.5e-4 / 64  # s: step of the vortices


def turns(comm: Communicator, options: argparse.Namespace, table: str) -> Turns:
    """A flow with that closure."""
    changes = [f"turbulence={table}", "numerics.sweeps=1", "device=cpu"]
    if options.flame:
        made = flame(comm, options.cells, NONE, *changes, *of_inflow(table), flame=options.flame, dimensions=3)
        return Turns(made, FLAMES[options.flame].dt)
    # Not by `build`, which chooses eager kernels for short runs.
    made = Builder(load("cases/tgv3d_cold.toml", [f"mesh.cells={[options.cells] * 3}", *changes]), comm).flow()
    made.scheme.timers.clock = time.process_time
    return Turns(made, VORTICES)


def of_inflow(table: str) -> list[str]:
    """What the flame's inflow says of what the closure carries, where it is asked."""
    closure = load("cases/tgv3d_cold.toml", [f"turbulence={table}"]).turbulence.build()
    asked = any(quantity.given for quantity in quantities_of(closure))
    return ["boundary.x_low.turbulence={intensity=0.05,length='0.1 mm'}"] if asked else []


def arguments() -> argparse.ArgumentParser:
    """Of the command line."""
    made = parser(__doc__)
    made.add_argument("--cells", type=int, default=48, help="cells per direction")
    made.add_argument("--flame", choices=FLAMES, help="a flame in place of the vortices")
    made.add_argument("--kinds", nargs="+", choices=list(WAYS), default=list(WAYS), help="the closures")
    made.add_argument("--warm", type=int, default=2, help="steps before: they compile")
    made.add_argument("--steps", type=int, default=9, help="steps measured")
    return made


def main(argv: list[str] | None = None) -> Sheet:
    """Per cent of each closure."""
    options = parsed(arguments(), SMOKE, argv)
    comm = world()
    kernels.keep_freed_memory()
    if not options.smoke:
        kernels.set_mode("compiled")
    sheet, size = Sheet("closures", quiet=not comm.is_root), options.cells**3
    case = f"{options.flame or 'vortices'}, {comm.size} rank(s), {options.cells}^3"
    flows = {kind: turns(comm, options, WAYS[kind]) for kind in options.kinds}
    flows["none"] = turns(comm, options, "{kind='none'}")
    for _ in range(options.warm):
        for turn in flows.values():
            turn()
    cost = in_turn(flows, options.steps, None)
    sheet.cost(f"{case}, none: CPU", 1e6 / size * cost["none"], "us/cell/step")
    for kind in options.kinds:
        most = None if kind in AVERAGED else MOST
        share = 100.0 * cost[kind] / cost["none"]
        sheet.cost(f"{case}, {kind}: CPU, of a step without", share, "%", most)
        phases, _, _ = flows[kind].told(options.steps, size)
        sheet.phases(f"{case}, {kind}", phases, "us/cell/step")
        sheet.say(f"    closure {phases.get('closure', 0.0):.3f} us/cell/step, {flows[kind].flow.scheme.stages} stages")
    return done(sheet, options)


if __name__ == "__main__":
    main()
