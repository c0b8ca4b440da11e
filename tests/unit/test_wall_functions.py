"""Wall functions and k-omega SST: their laws, and channels that rest at the solutions in one dimension."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from combust.cfd.closures import sst_walls, wall_functions
from combust.cfd.closures.k_epsilon import KEpsilon
from combust.cfd.closures.k_omega_sst import KOmegaSST
from combust.cfd.closures.near_walls import NearWall
from combust.errors import ConfigError
from validation import channel_1d
from validation.channel_rans import (
    ONE_DIMENSION,
    RESOLVING,
    advanced,
    at_rest,
    channel,
    heat_of,
    profile,
    wall_temperature,
)
from validation.two_gases import PERIODIC, WALL, inert

NU = 1e-5


def near(distance, speed, prandtl=0.7):
    one = torch.ones(1, 1, 1, dtype=torch.float64)
    return NearWall(
        1, 0, one > 0, distance * one, (None, None, speed * one), speed * one, NU * one, NU / prandtl * one, one
    )


@pytest.mark.parametrize("y_star", [15.0, 30.0, 300.0])
def test_the_first_cell_is_on_the_logarithmic_law(y_star):
    """In equilibrium, u* = u_tau: the shear of the speed of the law is u_tau^2, its heat that of T+."""
    u_tau, prandtl = 0.8, 0.9
    y, k = y_star * NU / u_tau, torch.full((1, 1, 1), u_tau**2 / 0.3, dtype=torch.float64)
    speed = u_tau * math.log(9.8 * y_star) / 0.41
    said = wall_functions.law(near(y, speed), k, prandtl, 0.09)
    nu, alpha = said.eddies.flatten().tolist()
    assert (nu + NU) * speed / y == pytest.approx(u_tau**2, rel=1e-12)
    ratio = 0.7 / prandtl
    resists = 9.24 * (ratio**0.75 - 1) * (1 + 0.28 * math.exp(-0.007 * ratio))
    assert (alpha + NU / 0.7) / y == pytest.approx(u_tau / (prandtl * (speed / u_tau + resists)), rel=1e-12)
    assert float(said.production) == pytest.approx(u_tau**3 / (0.41 * y), rel=1e-12)
    assert float(said.epsilon) == pytest.approx(u_tau**3 / (0.41 * y), rel=1e-12)


def test_the_sublayer_is_laminar_and_meets_the_law():
    assert math.log(9.8 * wall_functions.MEETS) / 0.41 == pytest.approx(wall_functions.MEETS, rel=1e-5)
    k = torch.full((1, 1, 1), 1.0 / 0.3, dtype=torch.float64)
    said = wall_functions.law(near(5 * NU, 3.0), k, 0.9, 0.09)
    assert said.eddies.abs().max() == 0 and float(said.production) == 0
    assert float(said.epsilon) == pytest.approx(2 * NU / 0.3 / (5 * NU) ** 2)


WIDE = np.linspace(0.0, 1.0, 13)
FINE = channel_1d.faces_by_ratio(24, 1.0 / 395)
CHANNELS = [
    ("k-epsilon", WIDE, 1000, 10, 0.2),
    (RESOLVING, FINE, 395, 6, 0.05),
    ("k-omega-sst", FINE, 395, 6, 0.05),  # first cells at y+ of 0.5, 16 and 42
    ("k-omega-sst", WIDE, 395, 6, 0.1),
    ("k-omega-sst", WIDE, 1000, 6, 0.1),
]


@pytest.mark.parametrize("kind, faces, Re_tau, steps, dt", CHANNELS)
def test_a_channel_rests_at_the_solution_in_one_dimension(kind, faces, Re_tau, steps, dt):
    one = ONE_DIMENSION[kind](faces, Re_tau)
    flow = advanced(at_rest(kind, faces, Re_tau, one), steps * dt, dt)
    np.testing.assert_allclose(profile(flow), one.U, rtol=2e-3)
    np.testing.assert_allclose(flow.field("k_t")[0, :, 0], one.k, rtol=2e-2)
    np.testing.assert_allclose(flow.field("nu_t")[0, :, 0], one.nu_t, rtol=2e-2)
    assert flow.quantity("friction_velocity_y_low") == pytest.approx(1.0, rel=1e-3)
    assert flow.quantity("turbulence_held") == 0
    assert "wall layer" not in flow.concerns()
    if kind == "k-epsilon":
        assert 0.0 < one.bulk / channel_1d.log_law_bulk(Re_tau) - 1.0 < 0.05


@pytest.mark.parametrize("kind, faces, Re_tau", [("k-epsilon", WIDE, 1000), ("k-omega-sst", WIDE, 395)])
def test_heat_passes_a_wall_as_in_one_dimension(kind, faces, Re_tau):
    """Of a wall 0.1 K warmer than the plane of symmetry, Pr = 0.71."""
    one = ONE_DIMENSION[kind](faces, Re_tau)
    T = wall_temperature(kind, faces, Re_tau, one)
    flow = advanced(at_rest(kind, faces, Re_tau, one, T[:-1]), 0.6, 0.2)
    assert heat_of(flow) == pytest.approx(T[-1], rel=2e-3)


def test_sst_has_the_friction_of_fine_cells_whatever_the_first_cell():
    """Bulk at the same friction within 4.5 %, worst where the first cell is in the buffer layer."""
    fine = channel_1d.sst(channel_1d.faces_up_to(0.6 / 395, 1.1, 0.05), 395).bulk
    for first in (2.0, 7.0, 20.0):
        faces = channel_1d.faces_up_to(2.0 * first / 395, 1.15, 0.05)
        assert channel_1d.sst(faces, 395, automatic=True).bulk == pytest.approx(fine, rel=0.045)


def test_laws_of_sst_from_the_sublayer_to_the_logarithmic_layer():
    """u+ against a root finder; conduction and omega of the sublayer at one end, the laws of the layer at the other."""
    for product in (1e-6, 0.3, 9.0, 80.0, 3e3, 1e6):
        found = sst_walls.wall_units(near(1.0, product * NU))
        assert [float(x) for x in found] == pytest.approx(channel_1d.blended(product), rel=1e-10)
    one = torch.ones(1, 1, 1, dtype=torch.float64)
    y, u_tau = 0.1 * NU, 1.0
    said = sst_walls.law(near(y, 0.1), 1e-6 * one, 80e2 / NU * one, 0.9)
    assert said.eddies.abs().max() < 1e-4 * NU
    assert float(said.omega) == pytest.approx(6 * NU / (0.075 * y * y), rel=1e-3)
    assert float(said.square) == pytest.approx((u_tau**2 / NU) ** 2, rel=1e-3)
    y = 400.0 * NU
    speed, k = math.log(400.0) / 0.41 + 5.2, u_tau**2 / 0.3
    said = sst_walls.law(near(y, speed), k * one, u_tau / (0.3 * 0.41 * y) * one, 0.9)
    nu, alpha = said.eddies.flatten().tolist()
    assert (nu + NU) * speed / y == pytest.approx(u_tau**2, rel=1e-5)
    assert float(said.omega) == pytest.approx(u_tau / (0.3 * 0.41 * y), rel=1e-3)
    assert float(said.square) ** 0.5 == pytest.approx(u_tau / (0.41 * y), rel=1e-2)  # but for nu beside nu_t
    ratio = 0.7 / 0.9
    resists = 9.24 * (ratio**0.75 - 1) * (1 + 0.28 * math.exp(-0.007 * ratio))
    assert (alpha + NU / 0.7) / y == pytest.approx(u_tau / (0.9 * (speed + resists)), rel=1e-3)


def test_walls_without_flow_along_them_keep_their_eddies():
    """Where the flow separates u_tau is zero: omega and heat are by k."""
    one = torch.ones(1, 1, 1, dtype=torch.float64)
    y, k = 200.0 * NU, 1.0 / 0.3
    said = sst_walls.law(near(y, 0.0), k * one, one, 0.9)
    assert float(said.eddies[0]) == 0.0 and float(said.eddies[1]) > 5 * NU and float(said.square) < 1e-20
    assert float(said.omega) == pytest.approx(1.0 / (0.3 * 0.41 * y), rel=0.01)


def test_what_differences_make_of_the_inverse_square():
    """Against numpy on unequal cells, from both walls of a channel alike; nothing beside walls."""
    faces = np.cumsum([0.0, 1.0, 1.0, 1.3, 1.6, 2.0, 2.0, 1.6, 1.3, 1.0, 1.0]) / 13.8
    box = {"x": {"lower": 0, "upper": 1, "cells": 4}, "y": {"faces": faces.tolist()}}
    flow = inert(box, {"x": PERIODIC, "y": WALL}, turbulence={"kind": "k-omega-sst"}, velocity=(1.0, 0.0))
    found = flow.diagnostics.view().domain.inverse_square_excess[0, :, 0].numpy()
    y = 0.5 * (faces[1:] + faces[:-1])
    slope = np.diff(y**-2) / np.diff(y)
    wanted = np.diff(slope) / np.diff(faces)[1:-1] - 6 * y[1:-1] ** -4
    np.testing.assert_allclose(found[1:5], wanted[:4], rtol=1e-12)
    np.testing.assert_allclose(found[::-1], found, rtol=1e-9)
    assert found[0] == 0.0 and (found[1:5] > 0).all()


def test_cells_off_the_laws_are_told():
    for kind, faces, text in (("k-epsilon", FINE, "below 11.5"), (RESOLVING, WIDE, "above 3")):
        flow = channel(kind, faces, 395)  # the cells that the other one wants
        assert "wall layer" not in flow.concerns()
        flow.advance(1e-4)
        said = flow.concerns()["wall layer"]
        assert said.startswith("turbulence: 2 of 2 cells beside walls") and text in said, said
    flow = channel("k-omega-sst", WIDE, 395)
    flow.advance(1e-4)
    assert "wall layer" not in flow.concerns()


def test_sst_without_walls_has_no_distance():
    """F_1 = F_2 = 0: decays with k-epsilon's exponent, beta*/beta = 1.087 of the outer constants."""
    box = {"cells": (4, 4), "lower": (0, 0), "upper": (1, 1)}
    given = {"kind": "k-omega-sst", "initial": {"k": 1.0, "omega": 20.0}}
    flow = inert(box, {"x": PERIODIC, "y": PERIODIC}, turbulence=given, velocity=(1.0, 0.0))
    for _ in range(10):
        flow.advance(2e-2)
    t = 0.2
    exact = (1 + 0.0828 * 20.0 * t) ** (-0.09 / 0.0828)
    assert flow.field("k_t").mean() == pytest.approx(exact, rel=1e-3)
    assert flow.field("epsilon_t").mean() == pytest.approx(0.09 * exact * 20.0 / (1 + 0.0828 * 20.0 * t), rel=1e-3)


def test_the_round_jet_constant_is_refused_at_walls():
    with pytest.raises(ConfigError, match=r"boundary.y_low: a wall with friction.*kappa = 0.353"):
        channel("k-epsilon", WIDE, 1000, turbulence={"kind": "k-epsilon", "round_jet": True})
    assert KEpsilon().kappa == pytest.approx(0.4327, abs=1e-4)
    assert replace(KEpsilon(), c_1=1.6).kappa == pytest.approx(0.353, abs=1e-3)
    assert KOmegaSST().y_plus == (0.0, 3.0)
    assert KOmegaSST(resolved=False).y_plus == (0.0, math.inf)
