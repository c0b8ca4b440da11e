"""What closures see beside walls with friction, and what passes a wall whose law a closure states."""

import numpy as np
import pytest
import torch

from combust.cfd.closures.base import EddyFields
from combust.cfd.lowmach.context import added, eddy_fields
from combust.errors import ConfigError, StateError
from tests.unit.test_view import with_problem
from validation.two_gases import PERIODIC, SLIP, WALL, inert

GAS_CONSTANT = 8314.46261815324
MOVING = {"kind": "wall", "velocity": (2.0, 0.0, 0.0), "temperature": 400.0}
MESH = {"x": {"lower": 0, "upper": 0.4, "cells": 4}, "y": {"lower": 0, "upper": 0.1, "cells": 5, "ratio": 1.3}}
NU, ALPHA = 3e-3, 5e-3


class Law:
    """No eddies but at walls: what `wall` makes of each."""

    def __init__(self, wall):
        self.wall = wall

    def update(self, view):
        none = torch.zeros(view.grid.layout.n, dtype=torch.float64)
        self.seen = view.walls
        return EddyFields(none, none, none, wall={near.key: self.wall(near) for near in view.walls})


def even(near):
    return torch.stack([torch.full_like(near.speed, NU), torch.full_like(near.speed, ALPHA)])


def moving(law, low=WALL, high=MOVING, **more):
    def start(builder, fields):
        q, u = fields
        return q, (None, u[1], torch.full_like(u[2], 1.5))

    flow = inert(MESH, {"x": PERIODIC, "y_low": low, "y_high": high}, start, viscosity=1e-3, **more)
    return with_problem(flow, closure=law)


def test_closures_see_the_flow_relative_to_the_wall():
    law = Law(even)
    flow = moving(law)
    flow.advance(1e-6)
    low, high = law.seen
    assert (low.key, high.key) == ((1, 0), (1, 1))
    torch.testing.assert_close(low.slip[2], torch.full((1, 1, 4), 1.5, dtype=torch.float64))
    torch.testing.assert_close(high.slip[2], torch.full((1, 1, 4), -0.5, dtype=torch.float64))
    torch.testing.assert_close(high.speed, high.slip[2].abs())
    widths = np.diff(flow.grid.faces[1])
    assert float(low.distance) == pytest.approx(0.5 * widths[0]) and float(high.distance) == pytest.approx(
        0.5 * widths[-1]
    )
    rho = 1.013e7 * 5.0 / (GAS_CONSTANT * np.array([300.0, 400.0]))  # of the wall
    np.testing.assert_allclose([float(low.viscosity[0, 0, 0]), float(high.viscosity[0, 0, 0])], 1e-3 / rho, rtol=1e-6)
    np.testing.assert_allclose(float(high.heat[0, 0, 0]), 1e-3 / rho[1] / 0.7, rtol=1e-6)


def test_walls_take_the_shear_and_the_heat_of_their_law():
    """Of gas that moves evenly between two walls, one of them in motion and hot."""
    flow, dt = moving(Law(even)), 1e-7
    near = flow.scheme.view(*(getattr(flow.current, k) for k in ("u", "q", "U", "p0")), 0.0, dt).walls
    rho = [1e-3 / float(w.viscosity[0, 0, 0]) for w in near]
    shear = [(1e-3 + r * NU) * float(w.slip[2][0, 0, 0] / w.distance) for r, w in zip(rho, near, strict=True)]
    before = momentum(flow)
    heat = flow.quantity("wall_heat_y_high")
    friction = np.sqrt([abs(t) / r for t, r in zip(shear, rho, strict=True)])
    assert [flow.quantity(f"friction_velocity_y_{end}") for end in ("low", "high")] == pytest.approx(friction, rel=1e-9)
    with pytest.raises(ConfigError, match=r"needs a wall with friction at x_low: boundary\.x_low"):
        flow.quantity("friction_velocity_x_low")
    y_plus = flow.field("y_plus")[0, :, 0]
    distances = [float(w.distance) for w in near]
    np.testing.assert_allclose(y_plus[[0, -1]], friction * distances * np.array(rho) / 1e-3, rtol=1e-9)
    assert not y_plus[1:-1].any()
    cp = 3.5 * GAS_CONSTANT / 5.0
    wanted = rho[1] * cp * (1e-3 / rho[1] / 0.7 + ALPHA) * (300.0 - 400.0) / float(near[1].distance) * 0.4
    assert heat == pytest.approx(wanted, rel=1e-9)
    flow.advance(dt)
    assert (momentum(flow) - before) / dt == pytest.approx(-sum(shear) * 0.4, rel=1e-3)


def momentum(flow):
    rho = flow.field("density")
    return float((rho * flow.field("u")[0] * flow.grid.volume.numpy()).sum())


def test_a_law_holds_on_the_parts_with_friction_alone():
    """Also in the corners of the padded fields, where the parts go on beyond the periodic ends."""
    low = [{"where": {"x": (0.0, 0.2)}, **WALL}, {"where": {"x": (0.2, 0.4)}, **SLIP}]
    flow = moving(Law(lambda near: even(near) * (1 + torch.arange(4.0, dtype=torch.float64))), low=low)
    view = flow.scheme.view(*(getattr(flow.current, k) for k in ("u", "q", "U", "p0")), 0.0, 1e-6)
    assert view.walls[0].friction.flatten().tolist() == [True, True, False, False]
    found = (
        added(eddy_fields(flow.scheme.problem.closure, view, flow.scheme), view, flow.scheme).viscosity
        * view.q[0]
        * GAS_CONSTANT
        / (5.0 * 1.013e7)
    )  # over the density
    np.testing.assert_allclose(found[0, 1].numpy() / NU, [0, 0, 1, 2, 0, 0, 1, 2], rtol=1e-9)
    np.testing.assert_allclose(found[0, -1].numpy() / NU, [3, 4, 1, 2, 3, 4, 1, 2], rtol=1e-9)


@pytest.mark.parametrize(
    "wall, error, text",
    [
        (lambda near: even(near)[..., 1:], ConfigError, r"Law.update: wall\[1, 0\]: has shape"),
        (lambda near: -even(near), StateError, r"Law.update: wall\[1, 0\]: is -0.003 at \(0, 0, 0, 0\)"),
    ],
)
def test_laws_that_cannot_be_are_named(wall, error, text):
    with pytest.raises(error, match=text):
        moving(Law(wall)).advance(1e-6)


def test_a_law_of_a_side_without_friction_is_refused():
    law = Law(even)
    law.update = lambda view: EddyFields(
        *[torch.zeros(view.grid.layout.n, dtype=torch.float64)] * 3, wall={(2, 0): None}
    )
    with pytest.raises(ConfigError, match=r"wall\[2, 0\]: is no side of this block that has a wall with friction"):
        moving(law).advance(1e-6)
