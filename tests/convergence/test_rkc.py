"""Runge-Kutta-Chebyshev: second order for every number of stages, stable where it says so."""

import math

import pytest
import torch

from combust.cfd.operators.rkc import coefficients, stages_for, stages_within, weights
from combust.errors import DivergenceError


def integrate(lam, forcing, stages, dt, steps):
    """y' = lam y + forcing."""
    y = torch.ones(1, dtype=torch.float64)
    for _ in range(steps):
        rows = coefficients(stages)
        F0 = lam * y + forcing
        y2, y1 = y, y + rows[0][2] * dt * F0
        for mu, nu, mt, gt in rows[1:]:
            y2, y1 = y1, (1 - mu - nu) * y + mu * y1 + nu * y2 + dt * (mt * (lam * y1 + forcing) + gt * F0)
        y = y1
    return y


@pytest.mark.parametrize("stages", [2, 3, 5, 9, 20])
def test_second_order(stages):
    lam, forcing = -1.3, 0.7
    exact = torch.exp(torch.tensor(lam)) * (1 + forcing / lam) - forcing / lam
    errors = [float((integrate(lam, forcing, stages, 1.0 / n, n) - exact).abs()) for n in (10, 20, 40)]
    assert errors[0] / errors[1] > 3.6 and errors[1] / errors[2] > 3.6


@pytest.mark.parametrize("dt_lambda", [0.5, 5.0, 55.0, 400.0])
def test_stable_up_to_the_spectral_radius(dt_lambda):
    stages = stages_for(dt_lambda)
    for fraction in torch.linspace(0.02, 1.0, 50):
        assert abs(float(integrate(-dt_lambda * float(fraction), 0.0, stages, 1.0, 1))) < 1.0


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_diffusivity_that_is_no_number_is_a_lost_solution(value):
    with pytest.raises(DivergenceError, match=r"the largest diffusivity is (nan|inf) m2/s: the solution was lost"):
        stages_within(60, value, 1e-5, "diffusivity", value)


@pytest.mark.parametrize("stages", [2, 3, 7, 20])
def test_weights_of_the_rates(stages):
    """The step is the mean of its rates with these weights, which sum to one."""
    rates = torch.rand(stages, generator=torch.Generator().manual_seed(stages), dtype=torch.float64)
    before, last = 0.0, 0.0
    for rate, (mu, nu, mt, gt) in zip(rates, coefficients(stages), strict=True):
        before, last = last, mu * last + nu * before + mt * rate + gt * rates[0]
    assert float((weights(stages)[:, 0] * rates).sum()) == pytest.approx(float(last), rel=1e-13)
    assert float(weights(stages).sum()) == pytest.approx(1.0, rel=1e-13)
