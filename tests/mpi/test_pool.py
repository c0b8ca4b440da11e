"""Pooled cells get what their own rank would give them. `check` is one rank's part."""

import draws
import numpy as np
import pytest
import torch

from combust.errors import ConfigError, DivergenceError, StateError
from combust.parallel import Communicator, together
from combust.surrogates.provider.pool import Pool, evened, moves, spread

ROWS, ROWS_OUT, LEAST = 3, 2, 100


def test_the_work_is_even_and_each_cell_goes_once():
    random = draws.rng(0)
    for ranks in (1, 2, 3, 4, 7, 16):
        for _ in range(20):
            counts = random.integers(0, 300, ranks) * (random.random(ranks) < 0.6)
            wanted = spread(counts, LEAST, 0.0)
            working = min(max(counts.sum() // LEAST, 1), ranks)
            assert wanted.sum() == counts.sum() and np.count_nonzero(wanted) <= working
            assert wanted[wanted > 0].size == 0 or np.ptp(wanted[wanted > 0]) <= 1
            sent, received = (np.array(m) for m in zip(*(moves(counts, wanted, r) for r in range(ranks)), strict=True))
            assert (sent == received.T).all() and (sent >= 0).all()
            assert (counts - sent.sum(1) + received.sum(1) == wanted).all()
            assert not (sent.any(1) & received.any(1)).any()  # no rank both gives and takes


@pytest.mark.parametrize(
    "counts, wanted",
    [
        ([0, 0, 0, 0], [0, 0, 0, 0]),
        ([20, 30, 0, 10], [0, 60, 0, 0]),  # too few for two batches: to the rank that has most
        ([0, 300, 0, 0], [100, 100, 100, 0]),
        ([0, 190, 0, 0], [0, 190, 0, 0]),
        ([104, 100, 98, 98], [104, 100, 98, 98]),  # even enough
        ([120, 100, 100, 80], [100, 100, 100, 100]),
        ([110, 105, 5, 0], [110, 110, 0, 0]),
    ],
)
def test_who_works(counts, wanted):
    assert spread(np.array(counts), LEAST, 0.1).tolist() == wanted


@pytest.mark.parametrize(
    "counts, wanted",
    [
        ([0, 0, 0, 0], [0, 0, 0, 0]),
        ([20, 30, 0, 10], [20, 30, 0, 10]),  # too few to give any away
        ([0, 500, 0, 0], [125, 125, 125, 125]),
        ([0, 250, 0, 10], [100, 100, 50, 10]),  # batches of 100 where the mean is less; what is there stays
        ([108, 100, 98, 98], [108, 100, 98, 98]),  # even enough
        ([400, 0, 90, 110], [150, 150, 150, 150]),
    ],
)
def test_what_a_rank_has_too_much_goes_to_those_that_have_least(counts, wanted):
    assert evened(np.array(counts), LEAST, 0.1).tolist() == wanted


def test_evened_work_is_all_of_it_and_nobody_gets_more_than_the_largest():
    random = draws.rng(1)
    for ranks in (1, 2, 3, 7, 64):
        for _ in range(20):
            counts = random.integers(0, 900, ranks) * (random.random(ranks) < 0.4)
            wanted = evened(counts, LEAST, 0.1)
            most = max(-(-counts.sum() // ranks), LEAST)
            assert wanted.sum() == counts.sum() and wanted.max() <= max(1.1 * most, LEAST)
            assert (wanted >= np.minimum(counts, most)).all()


def test_one_process_needs_no_mpi():
    pool, cells = Pool(Communicator()), fields(0, 5)
    assert torch.equal(pool.solve(pool.begin(5), cells, exact, ROWS_OUT), exact(cells))
    assert pool.stats == (5, 0, 1, 5)
    assert pool.solve(pool.begin(0), fields(0, 0), exact, ROWS_OUT).shape == (ROWS_OUT, 0)
    with pytest.raises(ConfigError, match="least = 0"):
        Pool(Communicator(), least=0)


@pytest.mark.parametrize("ranks", [2, 4])
def test_ranks_agree(checked, ranks):
    checked(__name__, ranks)


def fields(rank, cells):
    """Cells that know their rank and place."""
    place = torch.arange(cells, dtype=torch.float64)
    return torch.stack((1.0 + place, torch.sin(place), torch.full_like(place, float(rank))))


def exact(batch):
    """Cell by cell, as an integrator is; it takes no empty batch."""
    assert batch.shape[0] == ROWS and batch.shape[1] > 0 and batch.dtype == torch.float64
    return torch.stack((batch[0] ** 2 + batch[1], batch[2] / batch[0]))


def check(comm):
    pool, most = Pool(comm, LEAST), comm.size - 1
    layouts = [
        [0] * comm.size,
        [7] * comm.size,
        [0] * most + [5],
        [LEAST * comm.size + 3] + [0] * most,
        [37 * rank for rank in range(comm.size)],
        [LEAST + 5] * comm.size,
        [LEAST * (1 + rank % 2) + rank for rank in range(comm.size)],
    ]
    plans = [pool.begin(counts[comm.rank]) for counts in layouts]  # all under way before any is needed
    for counts, plan in zip(layouts, plans, strict=True):
        cells = fields(comm.rank, counts[comm.rank])
        wanted = exact(cells) if counts[comm.rank] else torch.empty(ROWS_OUT, 0, dtype=torch.float64)
        for _ in range(2):  # a plan serves more than once
            assert torch.equal(pool.solve(plan, cells, exact, ROWS_OUT), wanted)
        assert pool.stats.cells == sum(counts)
        assert pool.stats.working == min(max(sum(counts) // LEAST, 1), comm.size, sum(counts))
    even = Pool(comm, LEAST, gathers=False)
    for counts in layouts:
        plan, own = even.begin(counts[comm.rank]), counts[comm.rank]
        cells = fields(comm.rank, own)
        assert even.trades(plan) == (evened(np.array(counts), LEAST, 0.1)[comm.rank] != own)
        if even.trades(plan):  # the others do theirs without the pool
            wanted = exact(cells) if own else torch.empty(ROWS_OUT, 0, dtype=torch.float64)
            assert torch.equal(even.solve(plan, cells, exact, ROWS_OUT), wanted)
        assert even.stats.cells == sum(counts)
    failing(comm, pool)
    without_waiting(comm, pool)


def failing(comm, pool):
    """The error of one batch ends all ranks, wherever its cells belong; the next step is untouched by it."""
    everywhere, on_last = [LEAST] * comm.size, [LEAST * comm.size] + [0] * (comm.size - 1)
    few = [9] * comm.size
    for counts, worker, kind in (
        (everywhere, 0, StateError),
        (on_last, comm.size - 1, DivergenceError),
        (few, 0, StateError),
    ):

        def solve(batch, worker=worker, kind=kind):
            if comm.rank == worker:
                raise kind(f"no end state on rank {worker}")
            return exact(batch)

        cells = fields(comm.rank, counts[comm.rank])
        plan = pool.begin(counts[comm.rank])
        with pytest.raises(kind, match=f"no end state on rank {worker}"):
            together(comm, lambda: pool.solve(plan, cells, solve, ROWS_OUT))
        if cells.shape[1]:
            assert torch.equal(pool.solve(plan, cells, exact, ROWS_OUT), exact(cells))
        else:
            assert pool.solve(plan, cells, exact, ROWS_OUT).shape == (ROWS_OUT, 0)


def without_waiting(comm, pool):
    """The rank that works waits in its integration for one without cells: that one has gone on."""
    last = comm.size - 1
    cells = fields(comm.rank, 0 if comm.rank == last else 3)

    def solve(batch):
        assert comm.mpi.recv(source=last) == "gone on"
        return exact(batch)

    result = pool.solve(pool.begin(cells.shape[1]), cells, solve, ROWS_OUT)
    if comm.rank == last:
        comm.mpi.send("gone on", 0)
    else:
        assert torch.equal(result, exact(cells))
