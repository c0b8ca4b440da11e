"""What ranks ask of one another is counted and may only fall; many ask row by row. `check` is one rank's part."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from combust import parallel
from combust.cfd.diagnostics.spectra import Box
from combust.cfd.mesh.block import Block
from combust.parallel import Communicator, collective, start_all
from combust.profiling import memory
from combust.profiling.command import profile
from combust.profiling.messages import counted
from combust.profiling.recorder import MESSAGES, REDUCTIONS, SENT, Recorder

CASES = Path(__file__).resolve().parents[2] / "cases"
TORCH = ["device=cpu", "numerics.compile=off", "numerics.pressure.solver=torch"]
# Per step and rank, on two ranks, with the pressure solver of devices: these may only fall. The second case iterates:
# 46.5 and 23.5, and some iterations.
BUDGETS = {
    "tgv2d": (["mesh.cells=[16,16]"], {MESSAGES: 27, REDUCTIONS: 17}),
    "tgv_reacting": (["mesh.cells=[8,8,8]"], {MESSAGES: 56, REDUCTIONS: 28}),
}


@pytest.mark.parametrize("ranks", [2, 4])
def test_counts(checked, ranks):
    checked(__name__, ranks)


def check(comm):
    counts_of_calls(comm)
    rows(comm)
    spectra(comm)
    if comm.size == 2:
        for name, (changes, budget) in BUDGETS.items():
            steps(comm, name, changes, budget)


def counts_of_calls(comm):
    """Each call by itself."""
    found = Recorder()
    ours = counted(comm, found)
    other = (comm.rank + 1) % comm.size

    def of(call):
        found.forget()
        with found.watching(), found.phase("all"):
            call()
        row = found.counts["all"]
        return row[MESSAGES], row[SENT], row[REDUCTIONS]

    assert of(lambda: ours.sum(1.0, 2.0)) == (0, 16, 1)
    assert of(ours.barrier) == (0, 0, 1)
    assert of(lambda: collective(ours, None, "on")) == (0, 24, 1)
    assert of(lambda: ours.sum_counts(np.arange(3))) == (0, 24, 1)
    half = ours.mpi.Split(0, comm.rank)  # a row of ranks: as many messages as it has others
    assert of(lambda: half.Allgather(np.ones(4), np.empty((comm.size, 4)))) == (comm.size - 1, 32 * (comm.size - 1), 0)
    twin = Communicator(ours.mpi.Dup())
    assert (
        of(lambda: twin.mpi.Iallgather(np.ones(1), np.empty(comm.size)).Wait())
        == (0, 8, 1)
        == of(lambda: twin.sum(1.0))
    )
    here = ours.here().mpi  # ranks of one machine
    assert of(lambda: here.allgather(None))[0::2] == (comm.size - 1, 0)
    here, there = np.full(5, float(comm.rank)), np.empty(5)
    requests = [ours.mpi.Recv_init(there, source=rank_before(comm), tag=1), ours.mpi.Send_init(here, dest=other, tag=1)]

    def swap():
        start_all(requests)
        for request in requests:
            request.Wait()

    assert of(swap) == (1, 40, 0) == of(swap) and there[0] == (comm.rank - 1) % comm.size


def rank_before(comm):
    """The rank before this one, around."""
    return (comm.rank - 1) % comm.size


def rows(comm):
    """Sums and largest values row by row: those of all ranks, the same bits on each, in lists of the root of ranks."""
    numbers = [np.random.default_rng(rank).standard_normal(200) for rank in range(comm.size)]
    before, parallel.ROW = parallel.ROW, 2
    try:
        many = Communicator(comm.mpi)
        assert [mpi.Get_size() for mpi in many._rows] == ([2, 2] if comm.size == 4 else [2])
        total, large, most = many.sum(*numbers[comm.rank][:5]), many.sum_array(numbers[comm.rank]), many.max(comm.rank)
    finally:
        parallel.ROW = before
    np.testing.assert_allclose(total, sum(numbers)[:5], rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(large, sum(numbers), rtol=1e-14, atol=1e-15)
    assert most == (comm.size - 1,) and len(set(comm.gather((total, large.tobytes())))) == 1
    assert (comm.lists(np.array([comm.rank, 7])) == [[rank, 7] for rank in range(comm.size)]).all()


def spectra(comm):
    """The same bits as of the whole box on one rank."""
    shape, lengths = (12, 16, 8), (1.0, 2.0, 1.5)
    field = np.random.default_rng(4).standard_normal((3, *shape))
    whole = Box(Block.create(Communicator(), shape, (True, True, True)), lengths).shells(field)
    block = Block.create(comm, shape, (True, True, True))
    own = field[(..., *(slice(s, s + n) for s, n in zip(block.start, block.count, strict=True)))]
    for mine, all_of_it in zip(Box(block, lengths).shells(own), whole, strict=True):
        assert (mine == all_of_it).all()


def steps(comm, name, changes, budget):
    """A case within its budget, the same counts on every rank's own account."""
    memory.ENTRIES = 2**12
    report = profile(CASES / f"{name}.toml", comm, [*changes, *TORCH], steps=2, warm=1)
    assert report.ranks == 2 and report.total.of(MESSAGES).least > 0
    found = {what: report.total.of(what).most for what in budget}
    assert all(found[what] <= budget[what] for what in budget), f"{name}: {found}, no more than {budget}"
    assert dataclasses.asdict(report)["pooled"] >= 0.0
