"""Large blocks are worked on in slabs: how they are cut, and that a flow does not see it."""

import numpy as np
import pytest
import torch

from combust.cfd.mesh import slabs
from combust.kinetics.integrate import blocks
from validation.two_gases import PERIODIC, SLIP, WALL, inert, steps


@pytest.mark.parametrize(
    "planes, cells", [(8, 64), (40, 1600), (48, 2304), (64, 4096), (97, 9409), (120, 14400), (7, 10**6)]
)
def test_slabs_hold_every_plane_once(planes, cells):
    parts = slabs.split(planes, cells)
    assert [a for a, _ in parts] == [0, *np.cumsum([n for _, n in parts])[:-1]] and sum(n for _, n in parts) == planes
    assert (len(parts) == 1) == (planes * cells <= slabs.WHOLE or planes < 2 * slabs.FEWEST)
    assert len({n for _, n in parts}) <= 2  # kernels are compiled for each
    if planes in (48, 64, 120):
        assert len({n for _, n in parts}) == 1


BOXES = {
    "walls, gravity": {"x": WALL, "y_low": {"kind": "wall", "temperature": 330}, "y_high": SLIP, "z": WALL},
    "through z": {"x": PERIODIC, "y": PERIODIC, "z_high": {"kind": "outflow"},
                  "z_low": {"kind": "inflow", "velocity": 0.3, "composition": "LIGHT:1", "temperature": 350}},
}  # fmt: skip


def flow(box, reconstruction="weno5"):
    """Two gases that mix and move in 7 x 6 x 11 cells, after three steps."""

    def start(builder, fields):
        z, y, x = builder.grid.centres
        q = fields[0].clone()
        share = 0.5 + 0.4 * torch.sin(300 * x) * torch.cos(200 * y + 400 * z)
        q[1], q[2], q[0] = share, 1 - share, 300 + 40 * torch.cos(300 * z)
        return q, fields[1]

    mesh = {"cells": (7, 6, 11), "lower": (0, 0, 0), "upper": (0.01, 0.01, 0.015)}
    return steps(inert(mesh, BOXES[box], start, gravity=(0.0, 3.0, -9.81), viscosity=1e-4,
                       numerics={"reconstruction": reconstruction}), 3, 1e-4)  # fmt: skip


@pytest.mark.parametrize("box", BOXES)
def test_a_flow_in_slabs_is_the_same(box, monkeypatch):
    """Bit by bit, but for what left through sides, which is summed slab by slab."""
    monkeypatch.setenv("COMBUST_POISON", "1")
    monkeypatch.setattr("combust.cfd.mesh.grid.POISON", True)
    whole = flow(box)
    assert len(whole.scheme.slabs) == 1
    monkeypatch.setattr(slabs, "WHOLE", 10)
    monkeypatch.setattr(slabs, "CELLS", 42 * 4)
    for name, value in (("WHOLE", 50), ("PIECE", 100)):
        monkeypatch.setattr(blocks, name, value)
    cut = flow(box)
    assert [slab.planes for slab in cut.scheme.slabs] == [5, 6]
    found = cut.state()
    for name, (array, _) in whole.state().items():
        if name in ("balance", "heat_out"):
            np.testing.assert_allclose(found[name][0], array, rtol=1e-12, atol=1e-15)
        else:
            assert np.array_equal(found[name][0], array), name
    assert abs(cut.quantity("mass_error")) < 1e-12
