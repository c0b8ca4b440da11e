"""Sharing out chemistry: a hydrogen flame in a corner of the domain, integrated where it lies and shared out.

    python benchmarks/balance.py                         # CPU time of an active and of an inert cell
    scripts/mpirun.sh -n 2 python benchmarks/balance.py  # also how even the work is, counted and in CPU time of a step

All take their turns, pair after pair; medians and quartiles. The CPU time is that of the integration on the busiest
rank, without messages (a rank that waits burns CPU time too).
COMBUST_COMPILE=0 shows eager kernels.
"""

import time

import numpy as np
import torch
from pairs import Sheet, done, in_turn, parsed, parser

from combust.kinetics.flames.free import free_flame
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.providers.balance import Balanced
from combust.kinetics.providers.direct import Direct
from combust.parallel import world

DT = 1e-6  # s
SMOKE = "--cells 48 --rounds 2"


def flame(comm, gas, cells):
    """(T, rhoY) through a free flame of stoichiometric hydrogen in air, 8 mm of it, most of them unburnt."""
    profile = comm.bcast(free_flame(gas, 300.0, 101325.0, "H2:1", "O2:1, N2:3.76", 1.0) if comm.is_root else None)
    middle = np.interp(1000.0, profile.T, profile.x)
    x = np.linspace(middle - 6e-3, middle + 2e-3, cells)
    T = torch.as_tensor(np.interp(x, profile.x, profile.T))
    Y = torch.as_tensor(np.array([np.interp(x, profile.x, y) for y in profile.Y]))
    return T, gas.density(T, 101325.0, Y) * Y


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


def spent(clock, chemistry, T, rhoY):
    """CPU seconds that a step adds to those of `clock`, a Timed."""
    before = clock.seconds
    step(chemistry, T, rhoY)
    return clock.seconds - before


def cells_apart(sheet, gas, T, rhoY, rounds):
    """What an active and an inert cell cost."""
    direct = Direct(gas)
    slow = torch.zeros_like(T, dtype=torch.bool)
    slow[direct.begin(T, rhoY, DT).slow] = True
    parts = {name: (T[chosen], rhoY[:, chosen]) for name, chosen in (("active", ~slow), ("inert", slow))}
    calls = {name: lambda t=t, c=c: step(direct, t, c) for name, (t, c) in parts.items()}
    cost = {n: 1e6 * s / parts[n][0].numel() for n, s in in_turn(calls, rounds, time.process_time, 0.02).items()}
    sheet.ratio("an active cell / an inert one", cost["active"], cost["inert"], "us per cell and step")


def arguments():
    made = parser(__doc__)
    made.add_argument("--cells", type=int, default=8192, help="per rank")
    made.add_argument("--rounds", type=int, default=11)
    return made


def main(argv=None):
    options = parsed(arguments(), SMOKE, argv)
    torch.set_num_threads(1)
    comm, gas, cells = world(), Mechanism.load("h2o2.yaml"), options.cells
    sheet = Sheet("balance", quiet=not comm.is_root)
    T, rhoY = flame(comm, gas, cells * comm.size)
    if comm.is_root:
        cells_apart(sheet, gas, T, rhoY, options.rounds)
    comm.barrier()
    if comm.size > 1:
        part = slice(cells * comm.rank, cells * (comm.rank + 1))
        shared_out(sheet, comm, gas, T[part].contiguous(), rhoY[:, part].contiguous(), options.rounds)
    return done(sheet, options)


def shared_out(sheet, comm, gas, T, rhoY, rounds):
    """A step where it lies and shared out."""
    alone, balanced = Timed(gas), Balanced(Timed(gas), comm)
    calls = {
        "at home": lambda: comm.max(spent(alone, alone, T, rhoY))[0],
        "shared out": lambda: comm.max(spent(balanced.chemistry, balanced, T, rhoY))[0],
    }
    cost = in_turn(calls, rounds, None)
    label = f"{comm.size} ranks, {T.numel()} cells each: at home / shared out"
    sheet.ratio(label, 1e3 * cost["at home"], 1e3 * cost["shared out"], "ms on the busiest rank")
    s = balanced.sharing
    sheet.say(f"imbalance {s.before:.2f} before, {s.after:.3f} after; {s.moved} of {s.active} active cells moved")


if __name__ == "__main__":
    main()
