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


def test_a_field_is_overwritten_behind_what_reads_it():
    """Each part is written once the next has been made: slabs read one plane beyond their ends."""
    old = torch.arange(8.0, dtype=torch.float64).reshape(8, 1, 1)
    field, seen = old.clone(), []
    behind = slabs.Behind(field)
    for start in range(0, 8, 2):
        low = max(start - 1, 0)
        seen.append(field.narrow(0, low, min(start + 3, 8) - low).clone())
        behind.put(start, 10.0 + field.narrow(0, start, 2))
    behind.done()
    assert torch.equal(field, old + 10.0)
    assert [float(x[0]) for x in seen] == [0.0, 1.0, 3.0, 5.0] and [float(x[-1]) for x in seen] == [2.0, 4.0, 6.0, 7.0]


def test_results_go_where_they_are_wanted(monkeypatch):
    x = torch.arange(24.0, dtype=torch.float64).reshape(12, 1, 2)
    for whole in (slabs.WHOLE, 4):
        monkeypatch.setattr(slabs, "WHOLE", whole)
        into = torch.zeros(14, 1, 2, dtype=torch.float64)
        twice, same = slabs.pointwise(lambda a: (2 * a, a + 1), x, into=(None, into[1:13]))
        assert torch.equal(twice, 2 * x) and torch.equal(into[1:13], x + 1) and torch.equal(same, into[1:13])


def test_a_step_lets_go_of_what_it_needs_no_longer():
    """The fields of n-1 and the reaction rates of the last step: what is left can start a step."""
    once = flow("walls, gravity")
    s = once.current
    before = {name: getattr(s, name) for name in ("U", "q", "p", "S")}
    once.advance(1e-4)
    assert s.q_before is s.q and s.u_before is s.u and s.coefficients_before is s.coefficients and s.S_before is s.S
    assert s.wdot.shape == s.U[1:].shape and s.wdot.untyped_storage().nbytes() == 8
    assert all(getattr(s, name) is field for name, field in before.items())
    now, once.current = once.current, s
    once.advance(1e-4)
    assert float((once.current.U - now.U).abs().max()) < 1e-3 * float(now.U.abs().max())
