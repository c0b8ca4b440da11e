"""Van Driest's damping of Smagorinsky's closure: wall units, the formula, walls that are parts of sides, cases."""

import pytest
import torch

from combust.case.load import load
from combust.cfd.boundaries.conditions import Parts, Symmetry, Wall
from combust.cfd.closures import settings
from combust.cfd.closures.nearest_wall import nearest
from combust.cfd.mesh.block import Block
from combust.cfd.mesh.grid import Grid, stretched_faces, uniform_faces
from combust.errors import ConfigError
from combust.parallel import Communicator
from combust.run.build import build
from validation.two_gases import PERIODIC, WALL, inert


def sheared(lower, upper):
    """Between two walls at rest: u rises by `lower` [1/s] from the lower and by `upper` from the upper."""
    wide = {"lower": 0, "upper": 1, "cells": 4}
    mesh = {"x": wide, "z": wide, "y": {"lower": 0, "upper": 2, "cells": 12, "ratio": 1.1}}
    flow = inert(mesh, {"x": PERIODIC, "z": PERIODIC, "y_low": WALL, "y_high": WALL})
    s = flow.scheme
    u = [None] * 3
    for a in range(3):
        z, y, x = s.grid.face_points(a)
        u[a] = (torch.minimum(lower * y, upper * (2 - y)) if a == 2 else 0 * y) + 0 * x + 0 * z
    flow.current.u = s.filler.velocity(s.filler.pad_faces(tuple(u)))
    return flow


def test_wall_units_are_those_of_the_nearest_wall():
    flow = sheared(3.0, 12.0)
    view = flow.diagnostics.view()
    y, nu = flow.grid.centres[1], float(view.kinematic_viscosity[0, 0, 0])
    wanted = torch.where(y < 1, y * (3.0 / nu) ** 0.5, (2 - y) * (12.0 / nu) ** 0.5)
    torch.testing.assert_close(view.wall_units, wanted.expand(4, 12, 4))


def test_the_length_is_damped_by_van_driests_factor():
    view = sheared(3.0, 12.0).diagnostics.view()
    plain = settings.Smagorinsky(constant=0.1).build().update(view).viscosity
    for a_plus, table in ((26.0, {}), (5.0, {"a_plus": 5.0})):
        damped = settings.Smagorinsky(constant=0.1, van_driest=True, **table).build().update(view)
        factor = 1 - torch.exp(-view.wall_units / a_plus)
        torch.testing.assert_close(damped.viscosity, plain * factor**2)
    assert settings.Smagorinsky().build().a_plus is None


def test_the_nearest_piece_of_walls_that_are_parts():
    """A wall from x = 0 to 1 below, one from z = ... all above: cells beyond the edge of a part are nearest to it."""
    x, y = uniform_faces(0.0, 2.0, 8), stretched_faces(0.0, 1.0, 4, 1.2)
    z = uniform_faces(0.0, 1.0, 2)
    grid = Grid(Block.create(Communicator(), (2, 4, 8), (True, False, False)), (z, y, x))
    part = Parts(2, [(0.0, 1.0), (1.0, 2.0)], [Wall(), Wall(slip=True)])
    found = nearest(grid, ((None, None), (part, Symmetry()), (Symmetry(), Wall())))
    assert found.starts == {(1, 0): 0, (2, 1): 16} and found.pieces == 16 + 8
    # (k, i) of the pieces below are 8 k + i, (k, j) of those at the high x side 16 + 4 k + j.
    assert found.piece[1, 0].tolist() == [8, 9, 10, 11, 11, 11, 20, 20]
    assert found.piece[0, 3].tolist()[:4] == [0, 1, 2, 3] and found.piece[0, 3, 7] == 19
    zc, yc, xc = grid.centres
    low = (yc**2 + (xc - 1).clamp_min(0) ** 2).sqrt() + 0 * zc
    torch.testing.assert_close(found.distance, torch.minimum(low, (2 - xc).expand(2, 4, 8)))


def test_without_walls_it_is_refused():
    changes = ["mesh.cells=[8,8,8]", "device=cpu", "numerics.compile=off"]
    table = "turbulence={kind='smagorinsky',van_driest=true}"
    with pytest.raises(ConfigError, match="turbulence.van_driest: .* this case has none"):
        build(load("cases/tgv3d_cold.toml", [*changes, table]), Communicator())
