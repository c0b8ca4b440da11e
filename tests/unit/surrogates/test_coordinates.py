"""Coordinates of learned chemistry: what is encoded decodes to itself, nothing negative, nothing without time."""

import draws
import numpy as np
import pytest
import torch

from combust.kinetics.mechanism.mechanism import Mechanism
from combust.surrogates.model.coordinates import Coordinates, inverse_power, reacting
from combust.surrogates.settings import Architecture, Range

RANGE = Range(p=(5e4, 2e5), T=(280.0, 3000.0), phi=(0.5, 2.0), dt=(1e-8, 1e-5))
ROWS = 400


@pytest.fixture(scope="module")
def gas():
    return Mechanism.load("h2o2.yaml")


def rows(gas, seed=0, count=ROWS):
    """T, p, Y, dt, Y1 (species, rows): log-uniform over 18 decades, some species absent, no argon."""
    rng = draws.rng(seed)
    Y, Y1 = (10.0 ** rng.uniform(-18, 0, (len(gas.species), count)) for _ in range(2))
    Y[rng.random(Y.shape) < 0.1], Y1[rng.random(Y.shape) < 0.1] = 0.0, 0.0
    Y[gas.index("AR")] = Y1[gas.index("AR")] = 0.0
    Y[gas.index("N2")] = Y1[gas.index("N2")] = 0.5
    T, p, dt = rng.uniform(300, 2500, count), rng.uniform(6e4, 1e5, count), 10.0 ** rng.uniform(-8, -5, count)
    Y, Y1 = Y / Y.sum(0), Y1 / Y1.sum(0)
    return tuple(torch.as_tensor(x) for x in (T, p, Y, dt, Y1))


def fit(gas, output="box-cox", seed=0, count=ROWS, **network):
    return Coordinates.fit(gas, Architecture(output=output, **network), RANGE, *rows(gas, seed, count))


@pytest.mark.parametrize("output", ["box-cox", "linear"])
@pytest.mark.parametrize("power", [0.1, 0.25, 1.0 / 3.0])
def test_decode_inverts_target(gas, output, power):
    c = fit(gas, output, power=power)
    T, p, Y, dt, Y1 = rows(gas, seed=1)
    back = c.decode(Y, c.target(Y, Y1, dt), dt)
    # Below the floor species are not told apart: round-off is that of Y + floor. Linear: that of the larger end.
    wanted, before = Y1[c.active], Y[c.active]
    scale = wanted + (c.floor if output == "box-cox" else before)
    assert bool(((back - wanted).abs() <= 1e-10 * scale).all())


@pytest.mark.parametrize("output", ["box-cox", "linear"])
def test_target_is_the_formula(gas, output):
    c = fit(gas, output)
    T, p, Y, dt, Y1 = rows(gas, seed=1)
    k = np.array([gas.index(s) for s in ("H2", "H", "O", "O2", "OH", "H2O", "HO2", "H2O2")])
    y, y1, t = Y.numpy()[k], Y1.numpy()[k], dt.numpy()
    tau = np.sqrt(1e-8 * 1e-5)
    change = (y1 + 1e-12) ** 0.1 - (y + 1e-12) ** 0.1 if output == "box-cox" else y1 - y
    np.testing.assert_array_equal(c.active, k)
    expected = change / (c.scale.numpy()[:, None] * t / (t + tau))
    np.testing.assert_allclose(c.target(Y, Y1, dt), expected, rtol=1e-12, atol=1e-14 * np.abs(expected).max())


def test_features_are_the_formula_and_scaled(gas):
    T, p, Y, dt, Y1 = rows(gas)
    c = fit(gas)
    reactive = [gas.index(s) for s in ("H2", "H", "O", "O2", "OH", "H2O", "HO2", "H2O2")]
    raw = np.vstack(
        [(Y.numpy()[reactive] + 1e-12) ** 0.1, Y.numpy()[[gas.index("N2")]], T, 1000 / T, np.log(p), np.log(dt)]
    )
    np.testing.assert_allclose(c.raw(T, p, Y, dt), raw, rtol=1e-14)
    x = c.features(T, p, Y, dt)
    np.testing.assert_allclose(x, (raw - raw.mean(1)[:, None]) / raw.std(1, ddof=1)[:, None], rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(c.target(Y, Y1, dt).square().mean(1), 1.0, rtol=1e-12)


def test_an_input_that_never_changes_stays_finite(gas):
    T, p, Y, dt, Y1 = rows(gas)
    p, dt = torch.full_like(p, 101325.0), torch.full_like(dt, 1e-6)
    c = Coordinates.fit(gas, Architecture(), RANGE, T, p, Y, dt, Y1)
    assert bool(torch.isfinite(c.features(T, p, Y, dt)).all())
    assert float(c.features(T, p, Y, dt)[-2:].abs().max()) < 1e-9


def test_scales_come_from_the_given_rows_alone(gas):
    """What validation rows look like must not leak into training."""
    everything = rows(gas, count=2 * ROWS)
    part = tuple(x[..., :ROWS].clone() for x in everything)
    made = Coordinates.fit(gas, Architecture(), RANGE, *part)
    for x in everything:
        x[..., ROWS:] = torch.nan
    again = Coordinates.fit(gas, Architecture(), RANGE, *(x[..., :ROWS] for x in everything))
    for a, b in zip(made, again, strict=True):
        assert torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


@pytest.mark.parametrize("output", ["box-cox", "linear"])
@pytest.mark.parametrize("power", [0.1, 0.5])
def test_wild_outputs_decode_to_mass_fractions_that_are_not_negative(gas, output, power):
    """u below zero stands for "none left": an even power would make it large again."""
    c = fit(gas, output, power=power)
    T, p, Y, dt, _ = rows(gas)
    for size in (1.0, 30.0, 1e3):
        out = size * torch.randn(c.active.numel(), ROWS, generator=draws.generator(1))
        y = c.decode(Y, out, dt)
        assert float(y.min()) >= 0.0 and bool(torch.isfinite(y).all())
        u = c.transform(Y[c.active]) if output == "box-cox" else Y[c.active]
        gone = u + out.double() * c.unit(dt) < 0
        assert bool(gone.any()) == bool((y[gone] == 0).any()) and float(y[gone].abs().sum()) == 0.0


@pytest.mark.parametrize("output", ["box-cox", "linear"])
def test_a_change_vanishes_with_dt(gas, output):
    """In proportion to it: half the time, half the change."""
    c = fit(gas, output)
    T, p, Y, dt, _ = rows(gas)
    Y = Y.clamp_min(1e-4)  # so that no species runs out
    out = torch.ones(c.active.numel(), ROWS, dtype=torch.float64)
    change = [(c.decode(Y, out, torch.full_like(dt, t)) - Y[c.active]).abs().amax(1) for t in (1e-13, 5e-14, 0.0)]
    assert float(change[0].max()) < 1e-5 and bool((change[2] <= 1e-15).all())
    np.testing.assert_allclose(change[0] / change[1], 2.0, rtol=1e-3)


def test_inverse_power():
    u = torch.linspace(0.0, 1.2, 101, dtype=torch.float64)
    for power in (0.1, 0.2, 0.5, 1.0):
        np.testing.assert_allclose(inverse_power(u, power), u.numpy() ** (1 / power), rtol=1e-13, atol=1e-300)


def test_species_that_only_collide_are_inert(gas):
    T, p, Y, dt, Y1 = rows(gas)
    names = [[gas.species[k] for k in part.tolist()] for part in reacting(gas, Y)]
    assert names == [["H2", "H", "O", "O2", "OH", "H2O", "HO2", "H2O2"], ["N2"]]  # no argon in these rows
    Y[gas.index("AR")] = 1e-3
    assert [gas.species[k] for k in reacting(gas, Y)[1].tolist()] == ["AR", "N2"]


def test_differentiable(gas):
    """Losses that compose steps differentiate through all of it."""
    c = fit(gas)
    T, p, Y, dt, _ = rows(gas, count=5)
    Y = Y.clamp_min(1e-6).requires_grad_()
    out = torch.randn(c.active.numel(), 5, dtype=torch.float64, generator=draws.generator(0)) * 0.1
    out.requires_grad_()
    assert torch.autograd.gradcheck(lambda y, o: c.decode(y, o, dt), (Y, out), eps=1e-9, atol=1e-4, rtol=1e-3)
