"""Shared-out chemistry gives each cell what its own rank would. `check` is one rank's part."""

import draws
import numpy as np
import pytest
import torch

from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.providers.balance import ACTIVE, Balanced, imbalance, overlaps, plan
from combust.kinetics.providers.direct import Direct
from combust.kinetics.providers.slowed import Slowed

CELLS, DT = 600, 1e-6


def test_plan_evens_work():
    random = draws.rng(0)
    for ranks in (2, 3, 4, 7, 16):
        for _ in range(20):
            active = random.integers(0, 1000, ranks) * (random.random(ranks) < 0.5)
            work = 1000 + (ACTIVE - 1) * active
            gives, takes = plan(work, active, 0.0)
            after = work + ACTIVE * (takes - gives)
            assert np.ptp(after) <= 2 * ACTIVE * ranks and imbalance(after) < 0.05
            assert (gives <= active).all() and gives.sum() == takes.sum()
            assert not (gives.astype(bool) & takes.astype(bool)).any()  # no rank both gives and takes
            sent = np.array([overlaps(gives, takes, rank) for rank in range(ranks)])
            assert (sent.sum(1) == gives).all() and (sent.sum(0) == takes).all()
            assert (np.array([overlaps(takes, gives, rank) for rank in range(ranks)]) == sent.T).all()


def test_nothing_moves_while_even_enough():
    plenty = np.full(4, 50)
    assert not any(map(np.any, plan(np.array([105, 100, 100, 98]), plenty)))
    assert any(map(np.any, plan(np.array([125, 100, 100, 98]), plenty)))
    assert not any(map(np.any, plan(np.zeros(4, dtype=np.int64), plenty)))
    assert not any(map(np.any, plan(np.array([125, 100, 100, 98]), 0 * plenty)))
    assert imbalance(np.array([300, 100])) == pytest.approx(0.5)


@pytest.mark.parametrize("ranks", [2, 4])
def test_ranks_agree(checked, ranks):
    checked(__name__, ranks)


def state(gas):
    """Mixing and burning in a quarter of the cells: T, rhoY, and transport rates Q, Qh."""
    x = torch.linspace(0.0, 1.0, CELLS, dtype=torch.float64)
    c = torch.sigmoid((x - 0.85) * 60.0)
    T = 300.0 + 1500.0 * c
    Y = torch.zeros(len(gas.species), CELLS, dtype=torch.float64)
    fuel, air, steam = 0.028 * (1.0 - 0.8 * c), 0.226 * (1.0 - 0.7 * c), 0.2 * c
    for name, value in (("H2", fuel), ("O2", air), ("H2O", steam), ("H", 1e-4 * c), ("OH", 1e-3 * c)):
        Y[gas.species.index(name)] = value
    Y[gas.species.index("N2")] = 1.0 - Y.sum(0)
    rhoY = gas.density(T, 101325.0, Y) * Y
    Q = rhoY * torch.sin(20.0 * x)
    return T, rhoY, Q - Q.sum(0) * Y, 1e8 * torch.cos(30.0 * x)


def check(comm):
    gas = Mechanism.load("h2o2.yaml")
    T, rhoY, Q, Qh = state(gas)
    alone = Direct(gas)
    begun = alone.begin(T, rhoY, DT)
    alone.advance(begun, 2.0 * Q, Qh)
    wanted = alone.advance(begun, Q, Qh)
    part = slice(comm.rank * CELLS // comm.size, (comm.rank + 1) * CELLS // comm.size)
    T, rhoY, Q, Qh = T[part], rhoY[:, part], Q[:, part], Qh[part]
    balanced = Balanced(Direct(gas), comm)
    step = balanced.begin(T, rhoY, DT)
    balanced.advance(step, 2.0 * Q, Qh)  # the same plan serves every sweep
    result = balanced.advance(step, Q, Qh)
    torch.testing.assert_close(result.T, wanted.T[part], rtol=1e-13, atol=0.0)
    torch.testing.assert_close(result.rhoY, wanted.rhoY[:, part], rtol=1e-12, atol=1e-16)
    even(comm, balanced, result.stats, wanted.stats)
    guessed = balanced.advance(balanced.begin(T, rhoY, DT, Q, Qh), Q, Qh)
    torch.testing.assert_close(guessed.T, wanted.T[part], rtol=1e-6, atol=0.0)
    remembered(balanced, T, rhoY, step)
    slowed(comm, gas, part)
    inert = torch.zeros_like(rhoY)
    inert[gas.species.index("N2")] = 1.0
    assert balanced.begin(T, inert, DT).exchange is None and balanced.sharing.moved == 0


def slowed(comm, gas, part):
    """Cells of factors of their own take them along where they move."""
    T, rhoY, Q, Qh = state(gas)
    one, several = Slowed(Direct(gas)), Slowed(Balanced(Direct(gas), comm))
    one.factor = 0.1 + 0.9 * torch.linspace(0.0, 1.0, CELLS, dtype=torch.float64).sin().abs()
    several.factor = one.factor[part]
    begun, step = one.begin(T, rhoY, DT), several.begin(T[part], rhoY[:, part], DT)
    for factor in (2.0, 1.0):
        wanted = one.advance(begun, factor * Q, Qh)
        result = several.advance(step, factor * Q[:, part], Qh[part])
    assert several.chemistry.sharing.moved > 0
    torch.testing.assert_close(result.T, wanted.T[part], rtol=1e-12, atol=0.0)
    torch.testing.assert_close(result.rhoY, wanted.rhoY[:, part], rtol=1e-10, atol=1e-14)


def even(comm, balanced, stats, wanted):
    """Each rank has the same work, and all cells are counted once."""
    assert comm.sum(*map(float, stats.counts())) == tuple(map(float, wanted.counts()))
    work = [cells + (ACTIVE - 1) * (cells - skipped) for cells, skipped in comm.gather((stats.cells, stats.skipped))]
    assert max(work) <= 1.15 * sum(work) / comm.size
    assert balanced.sharing.before > 0.3 and balanced.sharing.after < 0.05 and balanced.sharing.moved > 0


def remembered(balanced, T, rhoY, step):
    """A begin at the state of the last rates asks for no others, and plans the same."""
    here, there = T.clone(), rhoY.clone()
    wdot = balanced.rates(here, there)
    balanced.chemistry.rates, kept = None, balanced.chemistry.rates
    again = balanced.begin(T, rhoY, DT)
    balanced.chemistry.rates = kept
    assert torch.equal(again.exchange.away, step.exchange.away) and wdot.shape == rhoY.shape
    here += 1000.0  # a caller writes into what it passed: that is another state
    assert balanced._speed(here, there).amax() != balanced._speed(T, rhoY).amax()
