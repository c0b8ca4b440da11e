"""A closure or source that fails on one rank ends the step of both with its message, and no rank waits for the other.

`check` is one rank's part.
"""

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


def refuse(f):
    raise ConfigError("no eddies here")


WAYS = {
    refuse: (ConfigError, "no eddies here"),
    lambda f: f[..., 1:]: (ConfigError, "has shape"),
    lambda f: f + float("nan"): (StateError, "is nan at"),
}


def check(comm):
    config = load("cases/taylor_green_2d.toml", ["mesh.cells=[8,6]", "device=cpu", "numerics.compile=off"])
    flow = build(config, comm)
    problem = flow.scheme.problem
    for fail, (kind, message) in WAYS.items():
        one = Failing(comm, fail)
        for change in ({"closure": one, "sources": ()}, {"closure": None, "sources": (one,)}):
            problem.__dict__.update(change)
            try:
                flow.advance(1e-5)
            except CombustError as error:
                assert isinstance(error, kind) and message in str(error), error
            else:
                raise AssertionError("no error")
    problem.__dict__.update(closure=None, sources=())
    flow.advance(1e-5)  # both are still in step
