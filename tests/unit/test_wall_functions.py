"""Wall functions and k-omega SST: their laws, and channels that rest at the solutions in one dimension."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from combust.cfd.closures import wall_functions
from combust.cfd.closures.k_epsilon import KEpsilon
from combust.cfd.closures.k_omega_sst import KOmegaSST
from combust.cfd.closures.near_walls import NearWall
from combust.errors import ConfigError
from validation import channel_1d
from validation.channel_rans import at_rest, channel, profile
from validation.two_gases import PERIODIC, inert

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


def faces_of(kind):
    return np.linspace(0.0, 1.0, 13) if kind == "k-epsilon" else channel_1d.faces_by_ratio(24, 1.0 / 395)


def resting(kind, Re_tau, steps, dt):
    """The solution in one dimension, and the flow that started with it after some steps."""
    faces = faces_of(kind)
    one = (channel_1d.k_epsilon if kind == "k-epsilon" else channel_1d.sst)(faces, Re_tau)
    flow = at_rest(kind, faces, Re_tau, one)
    for _ in range(steps):
        flow.advance(dt)
    return one, flow


@pytest.mark.parametrize("kind, Re_tau, steps, dt", [("k-epsilon", 1000, 10, 0.2), ("k-omega-sst", 395, 6, 0.05)])
def test_a_channel_rests_at_the_solution_in_one_dimension(kind, Re_tau, steps, dt):
    one, flow = resting(kind, Re_tau, steps, dt)
    np.testing.assert_allclose(profile(flow), one.U, rtol=2e-3)
    np.testing.assert_allclose(flow.field("k_t")[0, :, 0], one.k, rtol=2e-2)
    np.testing.assert_allclose(flow.field("nu_t")[0, :, 0], one.nu_t, rtol=2e-2)
    assert flow.quantity("friction_velocity_y_low") == pytest.approx(1.0, rel=1e-3)
    assert flow.quantity("turbulence_held") == 0
    assert "wall layer" not in flow.concerns()
    if kind == "k-epsilon":
        assert 0.0 < one.bulk / channel_1d.log_law_bulk(Re_tau) - 1.0 < 0.05


def test_cells_off_the_laws_are_told():
    for kind, other, text in (("k-epsilon", "k-omega-sst", "below 11.5"), ("k-omega-sst", "k-epsilon", "above 3")):
        flow = channel(kind, faces_of(other), 395)  # the cells that the other one wants
        assert "wall layer" not in flow.concerns()
        flow.advance(1e-4)
        said = flow.concerns()["wall layer"]
        assert said.startswith("turbulence: 2 of 2 cells beside walls") and text in said, said


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
        channel("k-epsilon", faces_of("k-epsilon"), 1000, turbulence={"kind": "k-epsilon", "round_jet": True})
    assert KEpsilon().kappa == pytest.approx(0.4327, abs=1e-4)
    assert replace(KEpsilon(), c_1=1.6).kappa == pytest.approx(0.353, abs=1e-3)
    assert KOmegaSST.y_plus == (0.0, 3.0)
