"""A stage of the scalars' diffusion: C++ beside torch's kernel, and the floor that memory and arithmetic set.

    python benchmarks/stage.py                    # hydrogen, 10 species, 128 x 128 cells; --flame ch4, gri30

The stage of a wrinkled flame after three steps (benchmarks/flow.py), repeated in turn, CPU us per cell. Bytes: each
array once, read or written. Operations: additions and multiplications of the formulas, two for a fused one.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import torch
from flow import FLAMES, build
from pairs import Sheet, done, in_turn, parsed, parser

from combust import kernels
from combust.cfd.lowmach import transport
from combust.cfd.operators import scalars
from combust.cfd.operators.native import diffusion
from combust.parallel import world
from combust.profiling.memory import ENTRIES

SMOKE = "--cells 12 --rounds 2"
# Of a cell for each species: fluxes in a direction; totals, update, Newton's step and mass fractions.
OF_FLUXES, OF_CELL = 28, 30


def arguments() -> argparse.ArgumentParser:
    """Of the command line."""
    made = parser(__doc__)
    made.add_argument("--flame", choices=FLAMES, default="h2")
    made.add_argument("--cells", type=int, default=128, help="cells per direction")
    made.add_argument("--rounds", type=int, default=15)
    return made


def stage_of(flame: str, cells: int) -> tuple[Any, tuple[Any, ...]]:
    """Places and arguments of the last stage but one of a flow's step."""
    met: list[tuple[Any, tuple[Any, ...]]] = []
    usual = transport.stage_kernel

    class Noting:
        """The kernel, which notes what it is given."""

        @staticmethod
        def into(places: Any, *args: Any) -> Any:
            met.append((places, args))
            return usual.into(places, *args)

    flow = build(world(), cells, flame=flame)
    for _ in range(3):
        flow.advance(FLAMES[flame].dt)
    transport.stage_kernel = Noting  # type: ignore[assignment]
    try:
        flow.advance(FLAMES[flame].dt)
    finally:
        transport.stage_kernel = usual
    return met[-1]


def main(argv: list[str] | None = None) -> Sheet:
    """Times, the ratio, and the two floors."""
    options = parsed(arguments(), SMOKE, argv)
    kernels.keep_freed_memory()
    with kernels.using("eager"):
        places, args = stage_of(options.flame, options.cells)
    if not options.smoke:
        kernels.set_mode("compiled")
    size, species = options.cells**2, args[1].shape[0] - 1
    by_torch = kernels.compiled(scalars.stage)
    # The same arrays again and again: what is timed is no solution.
    row, still = torch.zeros_like(args[0]), args[1:]
    a, b, c = (torch.ones(512 if options.smoke else ENTRIES, dtype=torch.float64) for _ in range(3))
    calls = {
        "torch": lambda: by_torch(row, *still),
        "C++": lambda: diffusion.stage(places, row, *still),
        "memory": lambda: torch.add(b, c, alpha=2.0, out=a),
    }
    cost = {name: 1e6 / size * seconds for name, seconds in in_turn(calls, options.rounds, least=0.05).items()}
    sheet = Sheet("stage")
    label = f"{options.flame}, stage of diffusion, {species} species, {options.cells}^2 cells"
    sheet.ratio(f"{label}: torch / C++", cost["torch"], cost["C++"], "us/cell")
    moved = 8 * (8 * (species + 1) + species + 1)
    operations = species * (2 * OF_FLUXES + OF_CELL)
    found = sheet.cost(f"{label}: floor of memory", cost["memory"] * moved * size / (3.0 * a.nbytes), "us/cell")
    sheet.say(
        f"  {moved} bytes a cell: {found.median:.4f} us at the {1e-3 * moved / found.median:.1f} GB/s of a = b + 2 c"
    )
    rate = 1e-3 * operations / float(np.median(cost["C++"]))
    sheet.say(f"  {operations} operations a cell: {rate:.1f} Gflop/s in C++")
    return done(sheet, options)


if __name__ == "__main__":
    main()
