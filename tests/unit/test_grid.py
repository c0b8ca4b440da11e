"""Grids and ghosts: metrics, decomposition, boundary conditions."""

import numpy as np
import pytest
import torch

from combust.cfd.boundaries.conditions import Inflow, Outflow, Wall
from combust.cfd.boundaries.fill import Filler
from combust.cfd.mesh.block import Block, choose_dims, split
from combust.cfd.mesh.grid import Grid, along, stretched_faces, uniform_faces
from combust.errors import ConfigError
from combust.parallel import Communicator
from combust.timers import Timers

ONE = np.array([0.0, 1.0])


def grid_of(x, y=ONE, periodic=(False, False, False)):
    shape = (1, len(y) - 1, len(x) - 1)
    return Grid(Block.create(Communicator(), shape, periodic), (ONE, y, x))


def test_split_is_petscs():
    assert split(10, 4) == [0, 3, 6, 8, 10]


@pytest.mark.parametrize(
    "ranks, shape, periodic, dims",
    [
        (2, (1, 32, 256), (False,) * 3, (1, 1, 2)),  # 32 rows of halo cost 128, 256 cells along a row more
        (2, (1, 32, 64), (False,) * 3, (1, 2, 1)),
        (2, (1, 32, 96), (False, True, False), (1, 1, 2)),  # wrapping round makes two cuts
        (64, (1, 512, 512), (False,) * 3, (1, 16, 4)),
        (8, (16, 16, 16), (False,) * 3, (2, 4, 1)),
    ],
)
def test_blocks_have_the_least_halo_work(ranks, shape, periodic, dims):
    assert choose_dims(ranks, shape, periodic) == dims


def test_too_many_ranks_are_refused():
    with pytest.raises(ConfigError, match="at least 4 cells"):
        choose_dims(16, (1, 4, 8))


def test_stretched_faces_grow_by_the_ratio():
    widths = np.diff(stretched_faces(0.0, 2.0, 10, 1.2))
    np.testing.assert_allclose(widths[1:] / widths[:-1], 1.2)
    both = np.diff(stretched_faces(0.0, 2.0, 10, 1.2, symmetric=True))
    np.testing.assert_allclose(both, both[::-1])


def test_faces_must_rise():
    with pytest.raises(ConfigError, match="rising"):
        grid_of(np.array([0.0, 2.0, 1.0]))


def test_metrics_at_boundaries_use_half_cells():
    grid = grid_of(stretched_faces(0.0, 1.0, 6, 1.3))
    metric = grid.metrics[2]
    widths = grid.widths[2]
    assert float(metric.per_distance[..., 0]) == pytest.approx(2.0 / widths[0])
    assert float(metric.per_distance[..., 1]) == pytest.approx(2.0 / (widths[0] + widths[1]))
    assert float(metric.right[..., 0]) == 0.0 and float(metric.right[..., -1]) == 1.0
    # Linear interpolation to a face is exact for a linear function.
    centres, faces = grid.centres[2].flatten(), torch.from_numpy(grid.faces[2])
    weight = metric.right.flatten()[1:-1]
    torch.testing.assert_close((1 - weight) * centres[:-1] + weight * centres[1:], faces[1:-1])


def test_scalar_ghosts_hold_boundary_values():
    grid = grid_of(uniform_faces(0.0, 1.0, 5), uniform_faces(0.0, 1.0, 4), (False, True, False))
    nan = float("nan")
    inflow = Inflow(scalars=torch.tensor([300.0, 0.2, 0.8], dtype=torch.float64))
    cold = Outflow(scalars=torch.tensor([350.0, nan, nan], dtype=torch.float64))
    filler = Filler(grid, ((None, None), (None, None), (inflow, cold)), Timers())
    inner = torch.rand(3, 1, 4, 5, dtype=torch.float64)
    q = filler.scalars(inner)
    torch.testing.assert_close(along(q, grid.layout, 2, 0, 0), inner)
    assert torch.equal(q[:, 0, 2:-2, 0], torch.tensor([[300.0], [0.2], [0.8]], dtype=torch.float64).expand(3, 4))
    assert torch.equal(q[0, 0, 2:-2, -1], torch.full((4,), 350.0, dtype=torch.float64))
    assert torch.equal(q[1:, 0, 2:-2, -1], inner[1:, 0, :, -1])
    assert torch.equal(q[:, 0, 0, 2:-2], inner[:, 0, -2]) and torch.equal(q[:, 0, -1, 2:-2], inner[:, 0, 1])
    assert not torch.isnan(q).any()


def test_velocity_on_walls_and_inflows():
    grid = grid_of(uniform_faces(0.0, 1.0, 5), uniform_faces(0.0, 1.0, 4))
    lid = Wall(velocity=[0.0, 0.0, 3.0])
    filler = Filler(grid, ((None, None), (Wall(), lid), (Inflow(velocity=[0.0, 0.0, 2.0]), Outflow())), Timers())
    u = filler.velocity(filler.pad_faces((None, torch.rand(1, 5, 5).double(), torch.rand(1, 4, 6).double())))
    assert float((u[2][0, 2:-2, 2] - 2.0).abs().max()) == 0.0  # inflow face
    assert float((u[2][0, -2:, 2:-2] - 3.0).abs().max()) == 0.0  # sliding lid
    assert float(u[1][0, 2].abs().max()) == 0.0 and float(u[1][0, 6].abs().max()) == 0.0  # impermeable
    assert filler.outflow(u) == pytest.approx(float((u[2][0, 2:-2, 7].sum() - 4 * 2.0) * 0.25))
