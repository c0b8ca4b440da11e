"""Pooling the cells that go to exact integration: what one costs in batches of each rank's own and in shared ones.

    python benchmarks/pool.py
    mpirun -n 4 python benchmarks/pool.py

Cells of hydrogen flames whose rates are not slow over 1 us; as many on each rank, or all on one. CPU time of the
integration in us per cell, without messages (a rank that waits burns CPU time too): "sum" over the ranks, and of the
"busiest" rank, which all wait for, per cell of all ranks.
"""

import time

import torch
from states import flame_states

from combust.kinetics.direct import Direct
from combust.kinetics.mechanism import Mechanism
from combust.parallel import world
from combust.surrogates.pool import Pool

DT, REPEATS = 1e-6, 4
# Least cells of a batch: without a pool, as the flow has it, and with all ranks at work.
WAYS = {"own batches": None, "512 or more": 512, "evenly spread": 1}


def active_states(gas, cells):
    """z = (T, rhoY) of as many cells, none of them slow."""
    T, Y = flame_states(gas, "H2:1", 4000)
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


def cost(comm, pool, z, solve):
    """Sum over the ranks and busiest rank, us per cell: the least of some runs."""
    cells, found = comm.sum(float(z.shape[1]))[0], []
    for _ in range(1 + REPEATS):
        solve.seconds = 0.0
        if pool is not None:
            pool.solve(pool.begin(z.shape[1]), z, solve, z.shape[0])
        elif z.shape[1]:
            solve(z)
        found.append((comm.sum(solve.seconds)[0], comm.max(solve.seconds)[0]))
    return [1e6 * min(column) / cells for column in zip(*found[1:], strict=True)]


def main():
    torch.set_num_threads(1)
    comm, gas = world(), Mechanism.load("h2o2.yaml")
    states = comm.bcast(active_states(gas, 200 * comm.size) if comm.is_root else None)
    solve = Timed(gas)
    pools = {name: None if least is None else Pool(comm, least) for name, least in WAYS.items()}
    if comm.is_root:
        print(f"{f'{comm.size} ranks':20s}" + "".join(f"{name:>16s}" for name in WAYS))
        print(f"{'cells':20s}" + "     sum busiest" * len(WAYS))
    for where in ("each", "one") if comm.size > 1 else ("each",):
        for cells in (20, 60, 200):
            count = cells if where == "each" else cells * comm.size * comm.is_root
            z = states[:, cells * comm.rank :][:, :count].contiguous()
            found = [cost(comm, pool, z, solve) for pool in pools.values()]
            if comm.is_root:
                label = f"{cells} on each" if where == "each" else f"{count} on one"
                print(f"{label:20s}" + "".join(f"{total:8.0f}{busiest:8.0f}" for total, busiest in found), flush=True)


if __name__ == "__main__":
    main()
