"""Averages, conditional means, spectra and values between cells against exact ones."""

import math

import draws
import numpy as np
import pytest

from combust.cfd.diagnostics.places import Plane, Points, between
from combust.cfd.diagnostics.spectra import Box, sums_by
from combust.cfd.diagnostics.statistics import Moments, conditional
from combust.cfd.mesh.block import Block
from combust.errors import ConfigError
from combust.parallel import Communicator

ALONE = Communicator()


def test_means_of_samples_of_different_lengths():
    """As numpy weighs them: means, rms, covariances, Reynolds and Favre."""
    rng = np.random.default_rng(3)
    shape, times = (2, 3, 4), np.array([0.1, 0.4, 0.2, 0.05])
    T, u = 300 + rng.random((4, *shape)), rng.standard_normal((4, 3, *shape))
    rho = 1 + rng.random((4, *shape))
    means = Moments({"T": shape, "u": (3, *shape)}, favre=True)
    for i, time in enumerate(times):
        means.add({"T": T[i], "u": u[i]}, rho[i], time)
    found = means.fields()
    w = times.reshape(-1, 1, 1, 1)
    for suffix, weight in (("", w + 0 * rho), ("favre", w * rho)):
        W = weight.sum(0)
        mean, rms, cov = (
            f"_{suffix or 'mean'}",
            f"_{suffix}_rms".replace("__", "_"),
            f"_{suffix}_cov".replace("__", "_"),
        )
        for name, x, k in (("T", T, weight), ("u", u, weight[:, None])):
            m = (k * x).sum(0) / k.sum(0)
            np.testing.assert_allclose(found[name + mean], m, rtol=1e-12, atol=1e-14)
            wanted = np.sqrt((k * (x - m) ** 2).sum(0) / k.sum(0))
            np.testing.assert_allclose(found[name + rms], wanted, rtol=1e-9)
        d = u - (weight[:, None] * u).sum(0) / W
        for row, (i, j) in enumerate(((0, 1), (0, 2), (1, 2))):
            wanted = (weight * d[:, i] * d[:, j]).sum(0) / W
            np.testing.assert_allclose(found["u" + cov][row], wanted, rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(found["rho_mean"], (w * rho).sum(0) / times.sum(), rtol=1e-13)
    assert means.weight == pytest.approx(times.sum()) and means.samples == 4


def test_small_fluctuations_about_a_large_mean_keep_their_digits():
    means = Moments({"T": (1, 1, 1)}, favre=False)
    for i in range(10_000):
        means.add({"T": np.full((1, 1, 1), 1e6 + 1e-3 * (-1) ** i)}, None, 0.1)
    assert means.fields()["T_rms"][0, 0, 0] == pytest.approx(1e-3, rel=1e-5)


def test_conditional_means_are_weighted_by_mass():
    given = np.array([[[0.0, 0.1, 0.3, 0.49, 0.5, 1.0, 1.2, -0.1]]])
    f, mass = np.arange(8.0).reshape(given.shape), np.array([[[1.0, 3.0, 2.0, 2.0, 5.0, 5.0, 9.0, 9.0]]])
    weight, means, rms = conditional(given, [f, 0 * f], mass, np.array([0.0, 0.25, 0.5, 0.75, 1.0]), ALONE.sum)
    np.testing.assert_allclose(weight, [4, 4, 5, 5])
    np.testing.assert_allclose(means, [[0.75, 2.5, 4, 5], [0, 0, 0, 0]])
    np.testing.assert_allclose(rms[0], [np.sqrt(0.1875 * 1), 0.5, 0, 0])
    empty = conditional(given, [f], mass, np.array([2.0, 3.0]), ALONE.sum)
    assert empty[0][0] == 0 and np.isnan(empty[1]).all() and np.isnan(empty[2]).all()


def shells(field, lengths):
    block = Block.create(ALONE, field.shape[-3:], (True, True, True))
    return Box(block, lengths).shells(field)


def test_sums_that_know_no_order():
    """As exact as fsum to round-off, the same bits whatever the order and the cut."""
    random = draws.rng(2)
    values, place = random.lognormal(0.0, 20.0, 5000), random.integers(0, 7, 5000)
    found = sums_by(ALONE, values, place, 8)
    for n in range(8):
        assert found[n] == pytest.approx(math.fsum(values[place == n]), rel=1e-15)
    order = random.permutation(5000)
    assert (sums_by(ALONE, values[order], place[order], 8) == found).all()
    values[place == 3] = np.nan
    assert np.isnan(sums_by(ALONE, values, place, 8)).tolist() == [n == 3 for n in range(8)]


def test_spectra_hold_the_energy_where_it_is():
    """One wave: half its amplitude squared in one shell; noise: the sum of all shells is the variance."""
    n, L = 16, 0.5
    x = (np.arange(n) + 0.5) * L / n
    z, y, x = np.meshgrid(x, x, x, indexing="ij")
    u = np.stack([np.sin(2 * np.pi * 3 * x / L), 0 * x, 2 * np.cos(2 * np.pi * (4 * y + 3 * z) / L)]) + 7.0
    k, E = shells(u, (L, L, L))
    dk = 2 * np.pi / L
    assert k[1] == pytest.approx(dk) and E[3] * dk == pytest.approx(0.25) and E[5] * dk == pytest.approx(1.0)
    assert E[0] * dk == pytest.approx(1.5 * 49) and np.delete(E, [0, 3, 5]).max() < 1e-15
    rng = np.random.default_rng(1)
    noise = rng.standard_normal((8, 12, 16))
    k, E = shells(noise, (1.0, 1.5, 2.0))
    assert (E[1:] * k[1]).sum() == pytest.approx(0.5 * noise.var()) and k[1] == pytest.approx(np.pi)
    k, E = shells(noise[:1], (1.0, 1.5, 2.0))  # one cell in z
    assert (E[1:] * k[1]).sum() == pytest.approx(0.5 * noise[:1].var())


FACES = (np.linspace(0.0, 1.0, 4), np.array([0.0, 0.1, 0.4, 0.6, 1.0]), np.linspace(-1.0, 1.0, 6))


def linear(faces):
    z, y, x = np.meshgrid(*(0.5 * (f[1:] + f[:-1]) for f in faces), indexing="ij")
    return 1.0 + 2 * x - 3 * y + 0.5 * z


@pytest.mark.parametrize("periodic", [False, True])
def test_values_at_points_and_planes(periodic):
    block = Block.create(ALONE, (3, 4, 5), (periodic,) * 3)
    f = linear(FACES)
    inside = [(0.1, 0.3, 0.6), (-0.7, 0.06, 0.2), (0.79, 0.79, 0.8)]
    found = Points(inside, FACES, block).values([f, 2 * f])
    wanted = np.array([1 + 2 * x - 3 * y + 0.5 * z for x, y, z in inside])
    np.testing.assert_allclose(found, np.stack([wanted, 2 * wanted], 1), rtol=1e-12)
    plane = Plane(1, 0.3, FACES, block)
    assert [len(plane.coordinates[a]) for a in "zyx"] == [3, 1, 5]
    z, x = plane.coordinates["z"][:, None, None], plane.coordinates["x"]
    np.testing.assert_allclose(plane.values([f])[0], 1 + 2 * x - 0.9 + 0.5 * z, rtol=1e-12)


def test_between_the_last_centre_and_a_side():
    faces = FACES[2]
    assert between(-0.95, faces, False) == (0, 0, 0.0) and between(1.0, faces, False) == (4, 4, 0.0)
    low, high = between(-0.9, faces, True), between(0.9, faces, True)
    assert low[:2] == high[:2] == (4, 0) and low.weight == pytest.approx(0.75) and high.weight == pytest.approx(0.25)
    assert between(-0.8, faces, True)[0] == 0 and between(0.5, np.array([0.0, 1.0]), False) == (0, 0, 0.0)
    with pytest.raises(ConfigError, match="1.1 m lies outside of the domain, which reaches from -1 to 1 m"):
        between(1.1, faces, True)
    with pytest.raises(ConfigError, match="point 2: y = 2 m lies outside"):
        Points([(0, 0.5, 0.5), (0, 2.0, 0)], FACES, Block.create(ALONE, (3, 4, 5), (False,) * 3))
