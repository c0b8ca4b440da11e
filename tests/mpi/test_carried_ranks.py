"""What closures carry on two ranks: the same fields, and what one rank has saved."""

import math

import numpy as np
import pytest
import torch

from combust.case.load import load
from combust.cfd.mesh.grid import along
from combust.parallel import Communicator
from combust.run.build import build


@pytest.mark.parametrize("ranks", [2])
def test_two_ranks_carry_what_one_does(checked, ranks):
    checked(__name__, ranks)


CHANGES = [
    "mesh.cells=[16,12]", "device=cpu", "numerics.compile=off",
    "turbulence={kind='k-epsilon', initial={k=1.0, length='0.2 mm'}}",
]  # fmt: skip


def check(comm):
    here, alone = (build(load("cases/taylor_green_2d.toml", CHANGES), c) for c in (comm, Communicator()))
    for flow in (here, alone):
        y, x = flow.grid.centres[1], flow.grid.centres[2]
        L = float(flow.grid.faces[2][-1])
        view = flow.diagnostics.view()
        for row, f in enumerate(flow.current.carried):
            f = along(f, flow.grid.layout, 2, 0, 0)
            f.mul_(1 + 0.5 * (row + 1) / 2 * torch.sin(2 * math.pi * x / L) * torch.cos(2 * math.pi * y / L))
        flow.scheme.carrier.filled(flow.current.carried, view)
    for _ in range(3):
        here.advance(2e-5)
        alone.advance(2e-5)
    part = tuple(slice(s, s + n) for s, n in zip(here.block.start, here.block.count, strict=True))
    for name in ("k_t", "epsilon_t", "nu_t"):
        whole = alone.field(name)
        assert np.abs(here.field(name) - whole[part]).max() < 1e-8 * np.abs(whole).max(), name
    assert here.quantity("turbulence_held") == alone.quantity("turbulence_held")
    saved = {name: array.copy() for name, (array, _) in alone.state().items()}
    places = {name: place for name, (_, place) in alone.state().items()}
    assert places["k_t"] == "cell"
    before = here.field("k_t").copy()
    here.current.carried.fill_(1.0)
    from combust.cfd.lowmach.state import read_carried

    assert read_carried(here.current, here.grid, lambda name: saved[name][part]) == ""
    assert np.abs(here.field("k_t") - before).max() < 1e-8 * before.max()
