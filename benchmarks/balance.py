"""Sharing out chemistry: a flame in a corner of the domain, its cells done where they lie and shared out.

    python benchmarks/balance.py                         # CPU time of a cell of each kind
    scripts/mpirun.sh -n 2 python benchmarks/balance.py  # also how even the work is, counted and in CPU time of a step

Exact chemistry of hydrogen, then learned chemistry (--models): what a cell costs that is slow, the network's or exact,
and what it costs to send one that is slow or the network's to another rank and its end state back.

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
from combust.surrogates import library
from combust.surrogates.model.model import Model, files_of
from combust.surrogates.model.source import locate
from combust.surrogates.provider.flow import LearnedFlow
from combust.surrogates.provider.pool import Pool
from combust.surrogates.provider.settings import EVEN_FROM
from combust.surrogates.provider.step import LearnedStep
from combust.surrogates.trust.parts import Parts

DT = 1e-6  # s
LEAST = 512  # of a batch of exact cells, as chemistry.pool
SMOKE = "--cells 48 --rounds 2 --models h2_air"


def flame(comm, gas, cells, fuel="H2:1"):
    """(T, rhoY) through a free flame of a stoichiometric fuel in air, 8 mm of it, most of them unburnt."""
    profile = comm.bcast(free_flame(gas, 300.0, 101325.0, fuel, "O2:1, N2:3.76", 1.0) if comm.is_root else None)
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
    made.add_argument("--models", nargs="*", default=["h2_air", "ch4_air"], help="learned chemistry")
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
    for name in options.models:
        learned(sheet, comm, name, cells, options.rounds)
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


class Working(LearnedFlow):
    """Learned chemistry that adds up the CPU time of its cells, by route, without messages."""

    def __init__(self, parts, evening=None, pool=None):
        super().__init__(parts, Timed(parts.gas), pool=pool, evening=evening)
        self.spent = {"slow": 0.0, "network": 0.0, "rates": 0.0}

    def begin(self, *given):
        return self.timed("rates", super().begin, *given)

    def _slow(self, *given):
        return self.timed("slow", super()._slow, *given)

    def _judged(self, *given):
        return self.timed("network", super()._judged, *given)

    def timed(self, what, work, *given):
        start = time.process_time()
        found = work(*given)
        self.spent[what] += time.process_time() - start
        return found

    @property
    def seconds(self):
        return sum(self.spent.values()) + self.exact.seconds


def learned(sheet, comm, name, cells, rounds):
    """What a cell of each route costs, what it costs to send one, and a step where it lies and shared out."""
    path = library.find(name)
    model = comm.bcast(Model.load(path) if comm.is_root else None)
    gas = Mechanism.load(locate(model.card, files_of(path)[0].parent))
    parts, fuel = Parts.of(model, gas), model.card["fuel"]
    T, rhoY = flame(comm, gas, cells * comm.size, fuel)
    if comm.is_root:
        routes(sheet, name, parts, T, rhoY, rounds)
    comm.barrier()
    if comm.size == 1:
        return
    part = slice(cells * comm.rank, cells * (comm.rank + 1))
    T, rhoY = T[part].contiguous(), rhoY[:, part].contiguous()
    even = Pool(comm, EVEN_FROM, gathers=False)
    ways = {"at home": Working(parts, None, Pool(comm, LEAST)), "shared out": Working(parts, even, Pool(comm, LEAST))}
    calls = {way: lambda c=chem: comm.max(spent(c, c, T, rhoY))[0] for way, chem in ways.items()}
    cost = in_turn(calls, rounds, None)
    label = f"{name}, {comm.size} ranks, {cells} cells each: at home / shared out"
    sheet.ratio(label, 1e3 * cost["at home"], 1e3 * cost["shared out"], "ms on the busiest rank")
    r = comm.gather(ways["at home"].routes)
    sheet.say("  cells by rank: " + "; ".join(f"{x.slow} slow, {x.network} network, {x.exact} exact" for x in r))
    s = even.stats
    sheet.say(f"  {s.moved} of the {s.cells} cells that the network tries moved, {s.largest} at most on a rank")


def routes(sheet, name, parts, T, rhoY, rounds):
    """CPU us of a cell by route, and of sending one: packed, copied as by MPI once each way, unpacked."""
    chem = Working(parts)
    own = {what: [] for what in ("rates", "slow", "network", "exact")}
    for turn in range(rounds + 1):
        chem.spent, chem.exact.seconds = dict.fromkeys(chem.spent, 0.0), 0.0
        step(chem, T, rhoY)
        r = chem.routes
        counts = {"rates": r.cells, "slow": r.cells, "network": r.cells - r.slow - r.outside, "exact": r.exact}
        for what, seconds in {**chem.spent, "exact": chem.exact.seconds}.items():
            if turn and counts[what]:  # the first one compiles
                own[what].append(1e6 * seconds / counts[what])
    begun, source = chem.begin(T, rhoY, DT), torch.zeros(1 + rhoY.shape[0], T.numel(), dtype=torch.float64)
    cells = torch.arange(0, T.numel(), 4)

    def sent():
        fields = begun.packed(cells, source)
        part, _ = LearnedStep.unpacked(torch.from_numpy(fields.numpy().copy()), rhoY.shape[0], DT)
        return torch.cat([part.z, part.p[None], part.p[None]]).numpy().copy()

    own["sending"] = 1e6 * in_turn({"sent": sent}, rounds, time.process_time, 0.02)["sent"] / cells.numel()
    for what, values in own.items():
        if len(values):
            found = sheet.cost(f"{name}: CPU of {what}", np.array(values), "us per cell")
            sheet.say(f"  {name}: {what} {found.median:.2f} us per cell ({found.low:.2f} to {found.high:.2f})")


if __name__ == "__main__":
    main()
