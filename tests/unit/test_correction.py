"""The second sweep's chemistry: a corrected end state is what integrating anew would have given."""

import pytest
import torch

from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.providers.direct import Direct


@pytest.fixture(scope="module")
def hot_gas():
    """Partly burnt hydrogen/air at 1200 to 2000 K: no cell is slow enough for the explicit path."""
    gas = Mechanism.load("h2o2.yaml")
    solution = gas.cantera()
    T, rhoY = [], []
    for start in torch.linspace(1100.0, 1500.0, 12):
        solution.TPY = float(start), 101325.0, gas.mixture("H2:1", "O2:0.21, N2:0.79", 1.0).numpy()
        fresh = torch.tensor(solution.Y.copy())
        solution.equilibrate("HP")
        for burnt in (0.2, 0.6, 0.95):
            Y = (1 - burnt) * fresh + burnt * torch.tensor(solution.Y.copy())
            solution.TPY = float(start) + 600.0 * burnt, 101325.0, Y.numpy()
            T.append(float(solution.T))
            rhoY.append(solution.density * Y)
            solution.equilibrate("HP")
    return gas, torch.tensor(T, dtype=torch.float64), torch.stack(rhoY, 1)


@pytest.mark.parametrize("change", [0.0, 1e-4, 1e-2, 1.0])
def test_second_advance_equals_a_fresh_one(hot_gas, change):
    gas, T, rhoY = hot_gas
    direct, dt = Direct(gas), 1e-6
    Q = -0.9 * direct.rates(T, rhoY)
    Qh = torch.zeros_like(T)
    other, heat = Q * (1 + change), Qh + change * 1e9
    step = direct.begin(T, rhoY, dt)
    direct.advance(step, Q, Qh)
    corrected = direct.advance(step, other, heat)
    fresh = direct.advance(direct.begin(T, rhoY, dt), other, heat)
    z = torch.cat([T[None], rhoY])
    difference = torch.cat([(corrected.T - fresh.T)[None], corrected.rhoY - fresh.rhoY])
    # Well inside the tolerance of the integration itself, in mixtures far from any steady flame.
    assert float(direct.tolerance.error(z, difference).max()) < 0.5
    assert corrected.stats.cells == T.numel()
    elements = gas.element_matrix / gas.molar_mass
    gained = elements @ (corrected.rhoY - rhoY - dt * other)
    assert float((gained.abs() / (elements @ rhoY).clamp_min(1e-300)).nan_to_num(0.0).max()) < 1e-13


def test_factors_that_are_not_kept_give_the_same_bits(hot_gas):
    gas, T, rhoY = hot_gas
    results = []
    for kept in (2**30, 0):
        direct = Direct(gas, block=8, factor_bytes=kept)
        Q, Qh = -0.9 * direct.rates(T, rhoY), torch.zeros_like(T)
        step = direct.begin(T, rhoY, 1e-6)
        assert all((factors is None) == (kept == 0) for _, _, factors in step.blocks)
        results.append([direct.advance(step, change * Q, Qh) for change in (1.0, 1.01)])
    for kept, again in zip(*results, strict=True):
        assert torch.equal(kept.T, again.T) and torch.equal(kept.rhoY, again.rhoY)
