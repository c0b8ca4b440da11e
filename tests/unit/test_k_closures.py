"""Closures with equations of k, and of k and epsilon: identities of their constants, decay, equilibrium, refusals."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from test_view import linear_view

from combust.cfd.closures import settings
from combust.cfd.closures.k_epsilon import KEpsilon
from combust.cfd.closures.k_equation import KEquation
from combust.errors import ConfigError
from validation.two_gases import MIRROR, PERIODIC, inert, steps

BOX = ({"cells": (4, 4), "lower": (0, 0), "upper": (0.1, 0.1)}, {"x": PERIODIC, "y": PERIODIC})
SHEAR = [[0, 30.0, 0], [0, 0, 0], [0, 0, 0]]


def sheared(values, A=SHEAR):
    """A view of a linear flow, with the quantities of these values everywhere."""
    view = linear_view(A)
    grid = view.grid.padded(len(values))
    grid.copy_(torch.tensor(values, dtype=torch.float64).reshape(-1, 1, 1, 1).expand_as(grid))
    return replace(view, carried=grid)


def test_k_equation_in_equilibrium_is_smagorinsky():
    """C_s^2 = C_k sqrt(C_k/C_e): of the start, whose production is its dissipation; nu_t = C_s^2 D^2 |S|."""
    closure = KEquation()
    view = sheared([0.0])
    k = closure.start(replace(view, carried=None))
    np.testing.assert_allclose(k, 0.094 / 1.048 * 30.0**2, rtol=1e-12)
    found = closure.balance(view, k)
    np.testing.assert_allclose(found.production, found.destruction * k, rtol=1e-12)
    fields = closure.update(sheared([float(k.max())]))
    np.testing.assert_allclose(fields.viscosity, 0.094 * math.sqrt(0.094 / 1.048) * 30.0, rtol=1e-12)
    np.testing.assert_allclose(fields.dissipation, found.production[0], rtol=1e-12)
    assert math.sqrt(0.094 * math.sqrt(0.094 / 1.048)) == pytest.approx(0.168, abs=5e-4)


@pytest.mark.parametrize("closure, values", [(KEquation(), [2.0]), (KEpsilon(), [2.0, 50.0])])
def test_dilatation_takes_two_thirds_of_k(closure, values):
    """Of du_i/dx_j = s delta_ij: no shear, k falls by (2/3) 3 s k as the gas expands, and rises as it is squeezed."""
    still = closure.balance(sheared(values, [[0] * 3] * 3), torch.tensor(values).double().reshape(-1, 1, 1, 1))
    for s in (1.5, -1.5):
        view = sheared(values, [[s, 0, 0], [0, s, 0], [0, 0, s]])
        f = torch.tensor(values, dtype=torch.float64).reshape(-1, 1, 1, 1).expand(-1, *view.grid.layout.n)
        found = closure.balance(view, f)
        net = found.production - (found.destruction - still.destruction) * f
        np.testing.assert_allclose(net[0], -2 * s * 2.0, rtol=1e-9)
        if len(values) > 1:
            np.testing.assert_allclose(net[1], -2 * s * 1.44 * 50.0, rtol=1e-9)
        assert bool((found.production >= 0).all() and (found.destruction >= 0).all())


def test_k_equation_decays_as_it_must():
    """k = k0/(1 + C_e sqrt(k0) t/(2 D))^2 in a gas at rest, to the second order of the steps."""
    wrong = []
    for count in (10, 20):
        flow = inert(*BOX, turbulence={"kind": "k-equation", "initial": {"k": 4.0}})
        steps(flow, count, 0.02 / count)
        exact = 4.0 / (1 + 1.048 * 2.0 * 0.02 / (2 * 0.025)) ** 2
        wrong.append(abs(flow.quantity("max(k_t)") / exact - 1))
        assert flow.quantity("turbulence_held") == 0 and np.ptp(flow.field("k_t")) < 1e-12
    assert wrong[1] < 1e-3 and math.log2(wrong[0] / wrong[1]) > 1.7, wrong


def test_k_epsilon_decays_with_its_exponent():
    """k = k0 (1 + (C_2 - 1) eps0 t/k0)^-n, n = 1/(C_2 - 1) = 1.087, epsilon with n + 1; positive for any step."""
    k0, e0, T = 1.5, 30.0, 0.25
    found = []
    for count in (10, 20):
        flow = inert(*BOX, turbulence={"kind": "k-epsilon", "initial": {"k": k0, "epsilon": e0}})
        steps(flow, count, T / count)
        growth = 1 + 0.92 * e0 * T / k0
        exact = (k0 * growth ** (-1 / 0.92), e0 * growth ** (-1 - 1 / 0.92))
        found.append(
            [flow.quantity(f"max({name})") / e - 1 for name, e in zip(("k_t", "epsilon_t"), exact, strict=True)]
        )
    assert np.abs(found[1]).max() < 2e-2, found
    assert all(math.log2(a / b) > 1.6 for a, b in np.abs(found).T), found
    steps(flow, 2, 20.0)
    assert flow.quantity("min(k_t)") > 0 and flow.quantity("min(epsilon_t)") > 0


def test_k_epsilon_in_homogeneous_shear():
    """P/epsilon tends to (C_2 - 1)/(C_1 - 1) = 2.091, S k/epsilon to sqrt(2.091/C_mu) = 4.82."""
    closure, view, dt = KEpsilon(), sheared([1.0, 30.0]), 2e-3
    f = torch.tensor([1.0, 30.0], dtype=torch.float64).reshape(2, 1, 1, 1).expand(2, *view.grid.layout.n)
    for _ in range(400):
        found = closure.balance(view, f)
        f = (f + dt * found.production) / (1 + dt * found.destruction)
        f = f / f[0]  # its ratios settle while it grows
    found = closure.balance(view, f)
    np.testing.assert_allclose(found.production[0] / f[1], 2.091, atol=0.03)
    rate = 30.0 * f[0] / f[1]
    np.testing.assert_allclose(rate, 4.82, atol=0.04)


def test_log_layer_of_the_constants():
    """k+ = 1/sqrt(C_mu) = 3.333 and kappa = sqrt(s_e sqrt(C_mu) (C_2 - C_1)) = 0.4327: with u = ln(y)/kappa, epsilon =
    1/(kappa y) both equations balance at any y; with the constant of round jets kappa is 0.353.
    """
    for C1, kappa in ((1.44, 0.4327), (1.60, 0.353)):
        closure = KEpsilon(c_1=C1)
        assert math.sqrt(1.3 * 0.3 * (1.92 - C1)) == pytest.approx(kappa, abs=5e-4)
        exact, k = math.sqrt(1.3 * 0.3 * (1.92 - C1)), 1 / 0.3
        for y in (1.0, 7.0):
            view = sheared([k, 1 / (exact * y)], [[0, 1 / (exact * y), 0], [0, 0, 0], [0, 0, 0]])
            f = view.inner(view.carried)
            found = closure.balance(view, f)
            np.testing.assert_allclose(closure.update(view).viscosity, exact * y, rtol=1e-12)
            net = found.production - found.destruction * f
            np.testing.assert_allclose(net[0], 0.0, atol=1e-12)
            # d/dy (nu_t/s_e d epsilon/dy) = d/dy (-1/(s_e y)) = 1/(s_e y^2)
            np.testing.assert_allclose(net[1], -1 / (1.3 * y * y), rtol=1e-9)


def test_walls_and_boxes_without_mean_flow_are_told():
    with pytest.raises(ConfigError, match="turbulence.initial: nothing moves"):
        inert(*BOX, turbulence={"kind": "k-epsilon"})
    flow = inert(*BOX, turbulence={"kind": "k-epsilon", "initial": {"k": 1.0, "length": 0.01}})
    assert "no mean flow" in flow.concerns()["eddies"]
    flow = inert(*BOX, turbulence={"kind": "k-equation"})
    assert "no model of turbulence" in flow.concerns()["eddies"] and "makes none of none" in flow.concerns()["k_t"]
    with pytest.raises(ConfigError, match="turbulence.initial: nothing moves at the start.*: give k"):
        inert(*BOX, turbulence={"kind": "k-equation", "initial": {"intensity": 0.1}})
    flow = inert(*BOX, turbulence={"kind": "k-equation", "initial": {"k": 1.0}})
    assert "k_t" not in flow.concerns()


def test_tables_and_defaults():
    assert settings.KEquation().build() == KEquation() and settings.KEpsilon().build() == KEpsilon()
    assert settings.KEpsilon(round_jet=True).build() == KEpsilon(c_1=1.60)
    with pytest.raises(ValueError, match="round_jet or c_1"):
        settings.KEpsilon(round_jet=True, c_1=1.5)
    flow = inert(BOX[0], {"x": PERIODIC, "y": MIRROR}, turbulence={"kind": "k-epsilon"}, velocity=(2.0, 0.0))
    k = 1.5 * (0.05 * 2.0) ** 2
    np.testing.assert_allclose(flow.field("k_t"), k, rtol=1e-9)
    np.testing.assert_allclose(flow.field("epsilon_t"), 0.09**0.75 * k**1.5 / 0.007, rtol=1e-9)
