"""Shared-out chemistry gives each cell what its own rank would. Run as a script under mpirun: one rank's part."""

import sys
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from launcher import run_ranks

from combust.cfd.balance import Balanced, imbalance, plan
from combust.parallel import all_or_none, world

CELLS, SPECIES = 4096, 3


class Result(NamedTuple):
    T: Any
    rhoY: Any
    stats: Any


class OneStep:
    """Fuel to products at an Arrhenius rate, in sub-steps; cells where less than 1e-6 would burn stay as they are."""

    def rates(self, T, rhoY):
        burnt = 1e9 * rhoY[0] * torch.exp(-15000.0 / T)
        return torch.stack((-burnt, burnt, torch.zeros_like(burnt)))

    def active(self, T, rhoY, dt):
        return self.rates(T, rhoY)[1] * dt > 1e-6 * rhoY.sum(0)

    def begin(self, T, rhoY, dt):
        return T, rhoY, dt, self.active(T, rhoY, dt)

    def advance(self, step, Q, Qh):
        T, rhoY, dt, active = step
        for _ in range(5):
            wdot = torch.where(active, self.rates(T, rhoY), 0.0) + Q
            T = T + 0.2 * dt * (Qh + 3e6 * wdot[1])
            rhoY = rhoY + 0.2 * dt * wdot
        return Result(T, rhoY, int(active.sum()))


def test_plan_evens_work():
    random = np.random.default_rng(0)
    for ranks in (2, 3, 4, 7, 16):
        for _ in range(20):
            counts = random.integers(0, 1000, ranks) * (random.random(ranks) < 0.5)
            moves = plan(counts, 0.0)
            after = counts - moves.sum(axis=1) + moves.sum(axis=0)
            assert after.sum() == counts.sum() and np.ptp(after) <= 1
            assert (moves.sum(axis=1) <= counts).all()
            assert not (moves.any(axis=0) & moves.any(axis=1)).any()  # no rank both gives and takes


def test_nothing_moves_while_even_enough():
    assert not plan(np.array([105, 100, 100, 98])).any()
    assert plan(np.array([125, 100, 100, 98])).any()
    assert not plan(np.zeros(3, dtype=np.int64)).any()
    assert imbalance(np.array([300, 100])) == pytest.approx(0.5)


@pytest.mark.parametrize("ranks", [2, 4])
def test_ranks_agree(ranks):
    assert "balanced" in run_ranks(__file__, ranks)


def state():
    """A flame in a quarter of the cells: T, rhoY and transport rates."""
    x = torch.linspace(0.0, 1.0, CELLS, dtype=torch.float64)
    random = torch.Generator().manual_seed(0)
    noise = torch.rand(SPECIES + 1, CELLS, dtype=torch.float64, generator=random)
    T = 300.0 + 1500.0 * torch.sigmoid((x - 0.8) * 80.0) + noise[0]
    return T, 0.1 + noise[1:], 10.0 * noise[1:], 1e3 * noise[0]


def check(comm):
    T, rhoY, Q, Qh = state()
    serial = OneStep()
    wanted = serial.advance(serial.begin(T, rhoY, 1e-5), Q, Qh)
    mine = slice(comm.rank * CELLS // comm.size, (comm.rank + 1) * CELLS // comm.size)
    balanced = Balanced(OneStep(), comm)
    step = balanced.begin(T[mine], rhoY[:, mine], 1e-5)
    balanced.advance(step, 2.0 * Q[:, mine], Qh[mine])  # the same plan serves every sweep
    result = balanced.advance(step, Q[:, mine], Qh[mine])
    torch.testing.assert_close(result.T, wanted.T[mine], rtol=1e-14, atol=0.0)
    torch.testing.assert_close(result.rhoY, wanted.rhoY[:, mine], rtol=1e-14, atol=1e-16)
    assert comm.sum(result.stats)[0] == wanted.stats == balanced.sharing.active
    assert comm.max(result.stats)[0] <= 1.15 * wanted.stats / comm.size
    assert balanced.sharing.before > 0.5 and balanced.sharing.after < 0.01 and balanced.sharing.moved > 0
    even = balanced.begin(torch.full_like(T[mine], 1800.0), rhoY[:, mine] * 0.0 + 1.0, 1e-5)
    assert even.exchange is None and balanced.sharing.moved == 0


if __name__ == "__main__":
    torch.set_num_threads(1)
    ranks = world()
    with all_or_none(ranks):
        check(ranks)
        ranks.barrier()
    if ranks.is_root:
        print("balanced", file=sys.stdout)
