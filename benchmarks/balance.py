"""Sharing out chemistry: a hydrogen flame in a corner of the domain, integrated where it lies and shared out.

    python benchmarks/balance.py                 CPU time of an active and of an inert cell
    mpirun -n 2 python benchmarks/balance.py     also how even the work is, counted and in CPU time of a step

The CPU time is that of the integration on the busiest rank, without messages (a rank that waits burns CPU time too).
COMBUST_COMPILE=0 shows eager kernels.
"""

import time

import numpy as np
import torch

from combust.cfd.balance import Balanced
from combust.kinetics.direct import Direct
from combust.kinetics.flame1d import free_flame
from combust.kinetics.mechanism import Mechanism
from combust.parallel import world

CELLS, DT = 8192, 1e-6  # per rank; s


def flame(comm, gas, cells):
    """(T, rhoY) through a free flame of stoichiometric hydrogen in air, 8 mm of it, most of them unburnt."""
    profile = comm.bcast(free_flame(gas, 300.0, 101325.0, "H2:1", "O2:1, N2:3.76", 1.0) if comm.is_root else None)
    middle = np.interp(1000.0, profile.T, profile.x)
    x = np.linspace(middle - 6e-3, middle + 2e-3, cells)
    T = torch.as_tensor(np.interp(x, profile.x, profile.T))
    Y = torch.as_tensor(np.array([np.interp(x, profile.x, y) for y in profile.Y]))
    return T, gas.density(T, 101325.0, Y) * Y


def best(clock, work, repeats=5):
    """Least time of `work`, after one run to warm up."""
    work()
    times = []
    for _ in range(repeats):
        start = clock()
        work()
        times.append(clock() - start)
    return min(times)


def step(chemistry, T, rhoY):
    """One step with one sweep, transport in balance with the rates at its start."""
    Q = -chemistry.rates(T, rhoY)
    return chemistry.advance(chemistry.begin(T, rhoY, DT), Q, torch.zeros_like(T))


class Timed(Direct):
    """Direct integration that adds up its CPU time."""

    seconds = 0.0

    def begin(self, *args):
        start = time.process_time()
        result = super().begin(*args)
        self.seconds += time.process_time() - start
        return result

    def advance(self, *args):
        start = time.process_time()
        result = super().advance(*args)
        self.seconds += time.process_time() - start
        return result


def cells_apart(gas, T, rhoY):
    """Prints what an active and an inert cell cost."""
    direct = Direct(gas)
    slow = torch.zeros_like(T, dtype=torch.bool)
    slow[direct.begin(T, rhoY, DT).slow] = True
    for name, chosen in (("active", ~slow), ("inert", slow)):
        t, c = T[chosen], rhoY[:, chosen]
        microseconds = 1e6 * best(time.process_time, lambda t=t, c=c: step(direct, t, c)) / t.numel()
        print(f"{name:7s} {microseconds:6.2f} us per cell and step")


def main():
    torch.set_num_threads(1)
    comm, gas = world(), Mechanism.load("h2o2.yaml")
    T, rhoY = flame(comm, gas, CELLS * comm.size)
    if comm.is_root:
        cells_apart(gas, T, rhoY)
    comm.barrier()
    if comm.size == 1:
        return
    part = slice(CELLS * comm.rank, CELLS * (comm.rank + 1))
    T, rhoY = T[part].contiguous(), rhoY[:, part].contiguous()
    alone, balanced = Timed(gas), Balanced(Timed(gas), comm)
    at_home, shared = (
        comm.max(best(lambda t=timed: t.seconds, lambda c=chemistry: step(c, T, rhoY)))[0]
        for chemistry, timed in ((alone, alone), (balanced, balanced.chemistry))
    )
    if comm.is_root:
        s = balanced.sharing
        milliseconds = f"{1e3 * at_home:.1f} ms at home, {1e3 * shared:.1f} ms shared out"
        print(f"{comm.size} ranks, {CELLS} cells each: {milliseconds}")
        print(f"imbalance {s.before:.2f} before, {s.after:.3f} after; {s.moved} of {s.active} active cells moved")


if __name__ == "__main__":
    main()
