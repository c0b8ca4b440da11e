"""The flow that a channel starts with: its bulk velocity and profile, what breaks it up, ranks, refusals."""

import numpy as np
import pytest
from test_forcing import channel

from combust.cfd.initial.channel import ChannelInitial, reichardt
from combust.cfd.mesh.block import Block
from combust.cfd.mesh.grid import Grid, stretched_faces, uniform_faces
from combust.errors import ConfigError
from combust.parallel import ALONE, Communicator
from combust.run.build import build

TABLE = {"kind": "channel", "composition": "N2:1", "temperature": 300.0, "velocity": 2.0, "reynolds": 395.0}
SHAPE = (8, 12, 10)


def grid_of(dims=(1, 1, 1), coords=(0, 0, 0)):
    """A channel of half height 1."""
    faces = (uniform_faces(0.0, 3.0, 8), stretched_faces(0.0, 2.0, 12, 1.3, True), uniform_faces(0.0, 6.0, 10))
    return Grid(Block(Communicator(), SHAPE, dims, coords, (True, False, True)), faces)


def test_the_mean_profile():
    """Reichardt's is y+ at the wall and the law of the wall, ln y+/0.41 + 5.3, far from it; the bulk is exact."""
    assert reichardt(np.array([0.1]))[0] == pytest.approx(0.1, rel=0.01)
    plus = np.array([100.0, 300.0, 1000.0])
    np.testing.assert_allclose(reichardt(plus), np.log(plus) / 0.41 + 5.3, rtol=0.03)
    flow = build(channel({"kind": "mass-flux", "velocity": 2.0}, initial=TABLE), ALONE)
    assert flow.quantity("bulk_velocity") == pytest.approx(2.0, rel=1e-12)


def test_streaks_and_waves():
    """Of the strength that was asked for near the walls, nothing in the middle; the noise depends on no rank."""
    table = ChannelInitial(composition="N2:1", temperature=300.0, velocity=2.0, reynolds=395.0, seed=3)
    calm = ChannelInitial(composition="N2:1", temperature=300.0, velocity=2.0, reynolds=395.0, disturbance=0.0)
    grid = grid_of()
    for axis, share in ((2, 0.25), (0, 0.0625)):
        given = table._along(grid, axis) - calm._along(grid, axis)
        assert 0.4 * share * 2.0 < np.abs(given).max() < 1.8 * share * 2.0
        assert np.abs(given[:, 5:7]).max() < 1e-12
        assert np.array_equal(given.take(0, axis), given.take(-1, axis))  # periodic
        parts = [table._along(grid_of((1, 1, 2), (0, 0, c)), axis) for c in (0, 1)]
        whole = table._along(grid, axis)
        first = parts[0] if axis == 0 else parts[0][..., :-1]
        assert np.array_equal(np.concatenate([first, parts[1]], 2), whole)


@pytest.mark.parametrize(
    "boundary, message",
    [
        ({"x": {"kind": "wall"}, "y": {"kind": "wall"}}, "boundary.x must be"),
        ({"x": {"kind": "periodic"}, "y": {"kind": "periodic"}}, "y lies between walls"),
    ],
)
def test_a_mesh_that_is_no_channel(boundary, message):
    with pytest.raises(ConfigError, match=message):
        build(channel(None, initial=TABLE, boundary=boundary, sources=[]), ALONE)
