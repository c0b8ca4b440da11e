"""A closure or source that fails on one rank ends the step of both with its message, and no rank waits for the other.

`check` is one rank's part.
"""

import re

import numpy as np
import pytest
import torch

from combust.case.load import load
from combust.cfd.closures.base import EddyFields, Rates
from combust.errors import CombustError, ConfigError, StateError
from combust.run.build import build


@pytest.mark.parametrize("ranks", [2])
def test_what_fails_on_one_rank_fails_on_all(checked, ranks):
    checked(__name__, ranks)


class Failing:
    """Does `fail` on rank 1."""

    def __init__(self, comm, fail):
        self.comm, self.fail = comm, fail

    def update(self, view):
        f = torch.full(view.grid.layout.n, 1e-6, dtype=torch.float64)
        return EddyFields(f, f, self.fail(f) if self.comm.rank else f)

    def rates(self, view, t, dt):
        f = torch.zeros(len(view.q), *view.grid.layout.n, dtype=torch.float64)
        return Rates(self.fail(f) if self.comm.rank else f)


class Asking:
    """Asks other ranks for ghosts and sums before and after it does `fail` on rank 1."""

    def __init__(self, comm, fail):
        self.comm, self.fail = comm, fail

    def update(self, view):
        f = torch.full(view.grid.layout.n, 1e-6, dtype=torch.float64)
        assert float(view.padded(f).min()) == 1e-6
        if self.comm.rank:
            f = self.fail(f, view)
        return EddyFields(f, f, view.padded(f)[0, 2:-2, 2:-2].reshape(f.shape) + 0 * view.sum(f.mean()))


def refuse(f):
    raise ConfigError("no eddies here")


WAYS = {
    refuse: (ConfigError, "no eddies here"),
    lambda f: f[..., 1:]: (ConfigError, "has shape"),
    lambda f: f + float("nan"): (StateError, "is nan at"),
}


ASKING = {
    lambda f, view: refuse(f): (ConfigError, "no eddies here"),
    lambda f, view: f + float("nan"): (StateError, "is nan at"),
    lambda f, view: view.padded(torch.stack([f, f]))[0]: (ConfigError, "must ask the same on all ranks"),
    lambda f, view: view.sum(f): (ConfigError, "must ask the same on all ranks"),
    lambda f, view: f if view.padded(f) is None else f: (
        ConfigError,
        r"rank 0: the sum of \(\); rank 1: ghosts of \(\)",
    ),
}


def fails(flow, kind, message):
    try:
        flow.advance(1e-5)
    except CombustError as error:
        assert isinstance(error, kind) and re.search(message, str(error)), error
    else:
        raise AssertionError("no error")


def sums(comm):
    """Of few and many numbers, in any shape: in rank order, to the bits of the sum of each alone."""
    for shape in ((), (3,), (7, 11), (2, 1, 33)):
        parts = [np.random.default_rng(rank).standard_normal(shape) for rank in range(comm.size)]
        wanted = sum(parts[1:], parts[0])
        found = comm.sum_array(np.asarray(parts[comm.rank]))
        assert found.shape == shape and np.array_equal(found, wanted)
        assert comm.sum(*parts[comm.rank].reshape(-1)) == tuple(found.reshape(-1))


def check(comm):
    sums(comm)
    config = load("cases/taylor_green_2d.toml", ["mesh.cells=[8,6]", "device=cpu", "numerics.compile=off"])
    flow = build(config, comm)
    problem = flow.scheme.problem
    for fail, (kind, message) in WAYS.items():
        one = Failing(comm, fail)
        for change in ({"closure": one, "sources": ()}, {"closure": None, "sources": (one,)}):
            problem.__dict__.update(change)
            fails(flow, kind, message)
    for fail, (kind, message) in ASKING.items():
        problem.__dict__.update(closure=Asking(comm, fail), sources=())
        fails(flow, kind, message)
    problem.__dict__.update(closure=None, sources=())
    flow.advance(1e-5)  # both are still in step
