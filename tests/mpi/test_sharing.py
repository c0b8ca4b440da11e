"""Ranks that share a device get what each would compute. `check` is one rank's part."""

import pytest
import torch

from combust.errors import DivergenceError, StateError
from combust.parallel import Communicator
from combust.surrogates.provider.sharing import Shared

ROWS = 3


def test_one_process_needs_no_mpi():
    shared = Shared(Communicator(), "cpu", force=True)
    assert torch.equal(shared.evaluate(cells(0, 4), network), network(cells(0, 4)))
    with pytest.raises(ValueError, match="as it is"):
        shared.evaluate(cells(0, 4), lambda x: int("as it is"))
    assert str(shared) == "cpu" and shared.group.size == 1
    shared.close()


@pytest.mark.parametrize("ranks", [2, 4])
def test_ranks_share_one_device(checked, ranks):
    checked(__name__, ranks)


def cells(rank, count, dtype=torch.float32):
    place = torch.arange(count, dtype=dtype)
    return torch.stack((place, place / 7.0, torch.full_like(place, float(rank))))


def network(x):
    """Fewer rows than it takes."""
    return torch.stack((x[0] * x[1] - x[2], torch.sqrt(x[1])))


def wider(x):
    """More rows than it takes, and of another type."""
    return torch.cat((x, x + 1.0, 2.0 * x)).double()


def check(comm):
    assert Shared(comm, "cpu").group.size == 1  # on a CPU each rank has its own
    shared = Shared(comm, "cpu", force=True)
    assert shared.group.size == comm.size and str(shared) == f"cpu, shared by {comm.size} ranks"
    counts = [[0] * comm.size, [5] * comm.size, [0] * (comm.size - 1) + [300], [1000] + [0] * (comm.size - 1)]
    counts += [[4**step + rank for rank in range(comm.size)] for step in range(6)]  # more and more
    counts += [[3] * comm.size]
    calls = []

    def counted(function, x):
        calls.append(x.shape[1])
        return function(x)

    for function, dtype in ((network, torch.float32), (wider, torch.float64), (wider, torch.float32)):
        for numbers in counts:
            x = cells(comm.rank, numbers[comm.rank], dtype)
            found = shared.evaluate(x, lambda x: counted(function, x))
            assert found.dtype == function(x).dtype and torch.equal(found, function(x))
            assert calls == ([sum(numbers)] if comm.is_root else [])  # one batch of all, on the owner
            calls.clear()
    failing(comm, shared)
    x = cells(comm.rank, 6)
    x[1, 2] = float("nan")
    assert torch.equal(shared.evaluate(x, network).isnan(), network(x).isnan())
    kept = shared.evaluate(x, wider)
    shared.close()
    shared.close()
    assert torch.equal(shared.evaluate(x[:1], wider), wider(x[:1]))  # opens again
    assert torch.equal(kept.nan_to_num(), wider(x).nan_to_num())  # results outlive the memory they came through
    shared.close()
    two_devices(comm)


def two_devices(comm):
    """Those of the second are done before those of the first begin."""
    device, x = comm.rank % 2, cells(comm.rank, 3 + comm.rank)
    shared = Shared(comm, f"cpu:{device}", force=True)
    assert shared.group.size == (comm.size + 1 - device) // 2 and shared.device.index == device
    for turn in (1, 0):
        if turn == device:
            assert torch.equal(shared.evaluate(x, network), network(x))
        comm.barrier()
    shared.close()


def failing(comm, shared):
    """The owner's error reaches all, and the next call is untouched by it."""

    def unphysical(x):
        raise StateError("T = -3 K")

    x = cells(comm.rank, 5 + comm.rank)
    with pytest.raises(StateError, match="^T = -3 K$"):
        shared.evaluate(x, unphysical)
    for broken in (lambda x: 1 / 0, lambda x: x[:, :1] @ x):
        with pytest.raises(DivergenceError, match="evaluation on cpu, shared by . ranks failed: (ZeroDiv|Runtime)"):
            shared.evaluate(x, broken)
    wrong = cells(comm.rank, 5)[: 3 - comm.rank % 2]  # other rows than the owner's
    with pytest.raises(DivergenceError, match="Sizes of tensors must match"):
        shared.evaluate(wrong, network)
    assert torch.equal(shared.evaluate(x, network), network(x))
