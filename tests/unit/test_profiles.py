"""Averages over time and planes are those of all samples and cells at once."""

import numpy as np
import pytest

from combust.cfd.diagnostics.statistics import Moments
from combust.io.profiles import PAIRS, profile
from tests.draws import rng


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_profiles_are_those_of_all_samples_at_once(axis):
    draws, shape = rng(), (3, 4, 5)
    widths = [draws.uniform(0.5, 2.0, n) for n in shape]
    widths[axis][:] = 1.0
    areas = widths[0][:, None, None] * widths[1][:, None] * widths[2]
    rho = draws.uniform(0.2, 1.2, (7, *shape))
    T = draws.uniform(300.0, 2000.0, (7, *shape))
    u = draws.normal(10.0, 3.0, (7, 3, *shape))
    lengths = draws.uniform(0.1, 1.0, 7)
    windows = []
    for samples in (range(3), range(3, 7)):
        means = Moments({"T": shape, "u": (3, *shape)}, favre=True)
        for i in samples:
            means.add({"T": T[i], "u": u[i]}, rho[i], lengths[i])
        windows.append((means.fields(), means.weight))
    found = profile(windows, areas, axis)

    def mean(f, mass):
        weight = lengths[:, None, None, None] * areas * mass
        over = tuple(a for a in range(4) if a != axis + 1)
        return (f * weight).sum(over) / weight.sum(over)

    def about(line):
        return np.moveaxis(line.reshape(-1, 1, 1), 0, axis)

    for mass, (m, rms, cov) in ((np.ones_like(rho), ("mean", "rms", "cov")),
                                (rho, ("favre", "favre_rms", "favre_cov"))):  # fmt: skip
        wanted = mean(T, mass)
        np.testing.assert_allclose(found[f"T_{m}"], wanted, rtol=1e-12)
        np.testing.assert_allclose(found[f"T_{rms}"] ** 2, mean((T - about(wanted)) ** 2, mass), rtol=1e-9)
        away = [u[:, c] - about(mean(u[:, c], mass)) for c in range(3)]
        for row, (i, j) in enumerate(PAIRS):
            np.testing.assert_allclose(found[f"u_{cov}"][row], mean(away[i] * away[j], mass), atol=1e-10)
            np.testing.assert_allclose(found[f"u_{rms}"][i] ** 2, mean(away[i] ** 2, mass), rtol=1e-9)
    np.testing.assert_allclose(found["rho_mean"], mean(rho, np.ones_like(rho)), rtol=1e-12)
