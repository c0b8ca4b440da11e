"""Pooling the cells that go to exact integration: what one costs in batches of each rank's own and in shared ones.

    python benchmarks/pool.py
    scripts/mpirun.sh -n 4 python benchmarks/pool.py

Cells of hydrogen flames whose rates are not slow over 1 us; as many on each rank, or all on one. CPU time of the
integration in us per cell, without messages (a rank that waits burns CPU time too): "sum" over the ranks, and of the
"busiest" rank, which all wait for, per cell of all ranks. All ways in turn, medians over the rounds.
"""

import time

import numpy as np
import torch
from pairs import Sheet, done, in_turn, parsed, parser
from states import flame_states

from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.providers.direct import Direct
from combust.parallel import world
from combust.surrogates.provider.pool import Pool

DT = 1e-6  # s
SMOKE = "--cells 8 --rounds 2 --states 60"
# Least cells of a batch: without a pool, as the flow has it, and with all ranks at work.
WAYS = {"own batches": None, "512 or more": 512, "evenly spread": 1}


def active_states(gas, cells, states):
    """z = (T, rhoY) of as many cells, none of them slow."""
    T, Y = flame_states(gas, "H2:1", states)
    z = torch.cat((T[None], gas.density(T, 101325.0, Y) * Y))
    some = torch.ones_like(T, dtype=torch.bool)
    some[Direct(gas).begin(z[0], z[1:], DT).slow] = False
    z = z[:, some]
    return z[:, torch.arange(cells) % z.shape[1]]


class Timed:
    """Exact integration over DT without transport; adds up its CPU time."""

    def __init__(self, gas):
        self.direct, self.seconds = Direct(gas), 0.0

    def __call__(self, z):
        start = time.process_time()
        none = torch.zeros_like(z)
        result = self.direct.advance(self.direct.begin(z[0], z[1:], DT), none[1:], none[0])
        self.seconds += time.process_time() - start
        return torch.cat((result.T[None], result.rhoY))


def turn(comm, pool, z, solve, sums):
    """CPU seconds of the busiest rank; those of all ranks go to `sums`."""
    solve.seconds = 0.0
    if pool is not None:
        pool.solve(pool.begin(z.shape[1]), z, solve, z.shape[0])
    elif z.shape[1]:
        solve(z)
    sums.append(comm.sum(solve.seconds)[0])
    return comm.max(solve.seconds)[0]


def arguments():
    made = parser(__doc__)
    made.add_argument("--cells", type=int, nargs="+", default=[20, 60, 200])
    made.add_argument("--states", type=int, default=4000, help="of flames, among which the active ones are")
    made.add_argument("--rounds", type=int, default=9)
    return made


def main(argv=None):
    options = parsed(arguments(), SMOKE, argv)
    torch.set_num_threads(1)
    comm, gas = world(), Mechanism.load("h2o2.yaml")
    sheet = Sheet("pool", quiet=not comm.is_root)
    most = max(options.cells) * comm.size
    states = comm.bcast(active_states(gas, most, options.states) if comm.is_root else None)
    solve = Timed(gas)
    pools = {name: None if least is None else Pool(comm, least) for name, least in WAYS.items()}
    sheet.say(f"{f'{comm.size} ranks':20s}" + "".join(f"{name:>16s}" for name in WAYS))
    sheet.say(f"{'cells':20s}" + "     sum busiest" * len(WAYS))
    for where in ("each", "one") if comm.size > 1 else ("each",):
        for cells in options.cells:
            count = cells if where == "each" else cells * comm.size * comm.is_root
            z = states[:, cells * comm.rank :][:, :count].contiguous()
            sums = {name: [] for name in pools}
            calls = {name: lambda p=pool, s=sums[name]: turn(comm, p, z, solve, s) for name, pool in pools.items()}
            unit = 1e6 / comm.sum(float(z.shape[1]))[0]
            busiest = {name: unit * seconds for name, seconds in in_turn(calls, options.rounds, None).items()}
            label = f"{comm.size} rank(s), {cells} on each" if where == "each" else f"{cells * comm.size} on one"
            sheet.say(
                f"{label:20s}"
                + "".join(f"{unit * np.median(sums[name][1:]):8.0f}{np.median(busiest[name]):8.0f}" for name in WAYS)
            )
            for name in list(WAYS)[1:]:
                sheet.ratio(f"{label}: own batches / {name}", busiest["own batches"], busiest[name], "us/cell, busiest")
    return done(sheet, options)


if __name__ == "__main__":
    main()
