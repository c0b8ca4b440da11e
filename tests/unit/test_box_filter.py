"""The wider filter of dynamic closures, averages over homogeneous directions, and widths of filters."""

import math

import numpy as np
import pytest
import torch
from test_view import ONE, linear_view

from combust.case.load import load
from combust.cfd.boundaries.conditions import Symmetry, Wall
from combust.cfd.closures import settings
from combust.cfd.closures.averages import domain_sums, plane_sums
from combust.cfd.closures.box_filter import box_filtered, box_weights
from combust.cfd.closures.domain import Domain
from combust.cfd.closures.view import View
from combust.cfd.lowmach.of_eddies import OVER_TIME
from combust.cfd.mesh.block import Block
from combust.cfd.mesh.grid import Grid, stretched_faces, uniform_faces
from combust.errors import ConfigError
from combust.parallel import Communicator
from combust.run.build import build
from tests.draws import generator

WALLS, MIRRORS, NONE = (Wall(), Wall()), (Symmetry(), Symmetry()), (None, None)


def a_view(faces, boundaries):
    """Of a grid alone."""
    shape = tuple(len(f) - 1 for f in faces)
    block = Block.create(Communicator(), shape, tuple(pair == NONE for pair in boundaries))
    return View(Domain(Grid(block, faces), boundaries), *(None,) * 4, 0.0, 1.0)


def filtered(view, f):
    """f by the box filter along all directions of `view`."""
    grid = view.grid
    data = view.padded(f)
    for a in grid.layout.axes:
        data = data.narrow(a - 3, grid.layout.g[a] - 1, grid.layout.n[a] + 2)
    return box_filtered(data, box_weights(grid, grid.layout.axes))


def test_moments_are_those_of_a_box_of_two_widths_on_any_cells():
    y, x = stretched_faces(0.0, 1.0, 6, 1.3), stretched_faces(-1.0, 2.0, 8, 0.8)
    view = a_view((ONE, y, x), (NONE, MIRRORS, MIRRORS))
    _, yc, xc = view.grid.centres
    wide = [m.width for m in view.grid.metrics[1:]]
    one, linear = torch.ones(1, 6, 8, dtype=torch.float64), 2 * yc - 3 * xc + 0.5
    assert torch.equal(filtered(view, one), one)
    inside = (slice(None), slice(1, -1), slice(1, -1))
    torch.testing.assert_close(filtered(view, linear)[inside], linear[inside])
    spread = filtered(view, (yc * yc + xc * xc) * one) - yc * yc - xc * xc
    torch.testing.assert_close(spread[inside], ((wide[0] ** 2 + wide[1] ** 2) / 3 * one)[inside])
    # At a side the image of a cell lies a width away: the mean of f there is that of f mirrored.
    at_side = filtered(view, (yc**2 * one).clone())[0, 0, 0] - yc[0, 0, 0] ** 2
    reach = float(yc[0, 1, 0] - yc[0, 0, 0])
    away = float(wide[0][0, 0, 0])
    share = away**2 / 3 / (reach * (reach + away))
    assert float(at_side) == pytest.approx(share * float(yc[0, 1, 0] ** 2 - yc[0, 0, 0] ** 2), rel=1e-12)


def test_the_filter_leaves_out_directions_that_end_at_walls():
    faces = (uniform_faces(0.0, 1.0, 4), stretched_faces(0.0, 1.0, 4, 1.2), uniform_faces(0.0, 1.0, 4))
    box = a_view(faces, (NONE, WALLS, NONE)).domain.box
    assert box.axes == (0, 2) and box.ratio == pytest.approx(4 ** (2 / 3)) and box.weights[1] is None
    assert a_view(faces, (MIRRORS, (Wall(slip=True), Wall(slip=True)), NONE)).domain.box.axes == (0, 1, 2)
    with pytest.raises(ConfigError, match="filters along directions without walls"):
        a_view(faces, (WALLS, WALLS, WALLS)).domain.box  # noqa: B018


def test_averages_over_planes_and_the_domain():
    faces = (uniform_faces(0.0, 1.0, 3), stretched_faces(0.0, 1.0, 4, 1.5), uniform_faces(0.0, 2.0, 5))
    view = a_view(faces, (NONE, WALLS, NONE))
    f = torch.randn(2, 3, 4, 5, generator=generator(), dtype=torch.float64)
    found, whole = plane_sums(view, f), domain_sums(view, f)
    assert found.shape == (2, 1, 4, 1)
    wide = np.diff(faces[1])
    wanted = (f.numpy() * (1 / 3) * (2 / 5)).sum((1, 3)) * wide
    np.testing.assert_allclose(found[:, 0, :, 0].numpy(), wanted, rtol=1e-12)
    np.testing.assert_allclose(whole.numpy(), wanted.sum(1), rtol=1e-12)
    with pytest.raises(ConfigError, match="averages over periodic directions, and this case has none"):
        plane_sums(a_view(faces, (MIRRORS, WALLS, MIRRORS)), f)
    with pytest.raises(ConfigError, match='"resolution": averages .* has none; take averages over time of "u"'):
        plane_sums(a_view(faces, (MIRRORS, WALLS, MIRRORS)), f, '"resolution"', OVER_TIME)


# --- widths ---------------------------------------------------------------------------------------------------------


def scotti(sides):
    """Width of cells with these sides, over V^(1/3)."""
    view = a_view(tuple(uniform_faces(0.0, 4 * side, 4) for side in sides), (NONE,) * 3)
    found = view.width("scotti") / view.width("volume")
    assert torch.equal(view.width("volume"), view.filter_width) and float(found.max() - found.min()) < 1e-12
    return float(found.mean())


def test_scottis_width():
    """1 of cubes; of slabs and needles as the paper's eq. 21; the same for any order of the sides."""
    assert scotti((0.1, 0.1, 0.1)) == pytest.approx(1.0, rel=1e-12)
    for sides in ((1.0, 0.1, 0.02), (0.02, 1.0, 0.1), (0.1, 0.02, 1.0)):
        a, b = math.log(0.1), math.log(0.02)
        wanted = math.cosh(math.sqrt(4 / 27 * (a * a - a * b + b * b)))
        assert scotti(sides) == pytest.approx(wanted, rel=1e-12)
    a = math.log(0.1)
    assert scotti((1.0, 1.0, 0.1)) == pytest.approx(math.cosh(2 / math.sqrt(27) * abs(a)), rel=1e-12)
    assert scotti((1.0, 0.1, 0.1)) == pytest.approx(math.cosh(2 / math.sqrt(27) * abs(a)), rel=1e-12)


def test_scottis_width_is_of_three_dimensions():
    with pytest.raises(ConfigError, match=r"turbulence.filter = \"scotti\": is of cells in three dimensions.* has 2"):
        a_view((ONE, uniform_faces(0.0, 1.0, 4), uniform_faces(0.0, 1.0, 4)), (NONE,) * 3).width("scotti")
    changes = ["mesh.cells=[8,8]", "device=cpu", "numerics.compile=off", "turbulence={kind='wale',filter='scotti'}"]
    with pytest.raises(ConfigError, match="this mesh has 2"):
        build(load("cases/taylor_green_2d.toml", changes), Communicator())


@pytest.mark.parametrize("kind", ["Smagorinsky", "Wale", "Vreman", "Sigma"])
def test_closures_take_the_width_that_is_asked_for(kind):
    """nu_t is in proportion to the square of the width."""
    view = linear_view([[0.2, 0.5, -0.3], [0.1, -0.4, 0.6], [-0.7, 0.3, 0.2]])
    volume, other = (getattr(settings, kind)(filter=name).build() for name in ("volume", "scotti"))
    assert torch.equal(volume.update(view).viscosity, other.update(view).viscosity)  # cubes
    view.domain.__dict__["scotti_width"] = 2 * view.domain.filter_width
    torch.testing.assert_close(other.update(view).viscosity, 4 * volume.update(view).viscosity)
