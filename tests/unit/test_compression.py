"""Reactors whose volume changes by a table: exact compression, the same equations integrated elsewhere, refusals."""

import math
from pathlib import Path

import cantera as ct
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from combust.errors import ConfigError, DivergenceError
from combust.experiments.formats.read import read
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.reactors import compression
from combust.kinetics.reactors.compression import Table
from combust.kinetics.reactors.delays import Criterion
from combust.kinetics.reactors.ignition import ignition_delays

DATA = Path(__file__).parents[1] / "data" / "experiments"
X = "H2:0.125, O2:0.0625, N2:0.18125, AR:0.63125"


@pytest.fixture(scope="module")
def h2o2():
    return Mechanism.load("h2o2.yaml")


@pytest.fixture(scope="module")
def machine():
    """The published volume of a compression machine, and the state at its start."""
    point = read(DATA / "mittal_2006.yaml").points[0]
    return Table(np.array(point.volume.t), np.array(point.volume.v)), point


def visits(gas, T, p, X, table, t_end, criterion="T max slope"):
    return compression.integrate(gas, T, p, gas.composition(X), table, t_end, Criterion.parse(criterion, gas, "uv"))


def test_argon_is_compressed_isentropically(h2o2, machine):
    """T v^(2/3) of a monatomic gas stays."""
    table, _ = machine
    found = visits(h2o2, 300.0, 1e5, "AR:1", table, 0.045)
    v = np.array([table.at(t) for t in found.t])
    assert found.T == pytest.approx(300.0 * v ** (-2 / 3), rel=2e-5)
    assert np.abs(found.heat).max() < 0.02 and found.T.max() > 1400


def test_delay_is_that_of_the_same_equations_elsewhere(h2o2, machine):
    """d(T, Y)/dt with the volume of the table, by scipy's Radau between its rows, rates from Cantera."""
    table, point = machine
    gas = h2o2.cantera()
    gas.TPX = point.T, point.p, X
    W, rho, start = gas.molecular_weights, gas.density, point.volume.end

    def rate(t, z, dv):
        gas.set_unnormalized_mass_fractions(z[1:])
        gas.TD = z[0], rho / (table.v[row] + dv * (t - table.t[row]))
        dY = gas.net_production_rates * W / gas.density
        return np.append(-(gas.P * dv / rho + (gas.partial_molar_int_energies / W) @ dY) / gas.cv_mass, dY)

    z, peak, at = np.append(gas.T, gas.Y), 0.0, math.nan
    for row in range(table.t.size - 1):
        if table.t[row] >= start + 3e-3:
            break
        dv = (table.v[row + 1] - table.v[row]) / (table.t[row + 1] - table.t[row])
        found = solve_ivp(rate, table.t[row : row + 2], z, "LSODA", args=(dv,), rtol=1e-8, atol=1e-14)
        slopes = [rate(t, y, dv)[0] for t, y in zip(found.t, found.y.T, strict=True)]
        if max(slopes) > peak and table.t[row] >= start:
            peak, at = max(slopes), found.t[int(np.argmax(slopes))]
        z = found.y[:, -1]
    ours = compression.delay(h2o2, point.T, point.p, h2o2.composition(X), table, start, start + 0.02, "T max slope")
    assert ours == pytest.approx(at - start, rel=2e-3) and ours == pytest.approx(1.75e-3, abs=2e-5)


def test_constant_volume_is_an_ordinary_reactor(h2o2):
    Y = h2o2.composition("H2:2, O2:1, AR:7")
    level = Table(np.array([0.0, 1.0]), np.ones(2))
    criteria = ["p max slope", "OH max", "T half max", "OH max slope extrapolated"]
    other = ignition_delays(h2o2, np.array([1100.0]), 1e5, Y, 5e-3, criterion=criteria)[:, 0].tolist()
    ours = [compression.delay(h2o2, 1100.0, 1e5, Y, level, 0.0, 5e-3, criterion) for criterion in criteria]
    assert ours == pytest.approx(other, rel=1e-3)


def test_pressure_rise_is_isentropic_and_ignites_earlier(h2o2):
    T, p, rise = 1000.0, 2e5, 50.0  # 5 %/ms
    Y = h2o2.composition("H2:0.01, O2:0.01, AR:0.98")
    table = compression.pressure_rise(h2o2, T, p, Y, rise, 0.02)
    argon = compression.pressure_rise(h2o2, T, p, h2o2.composition("AR:1"), rise, 0.02)
    found = visits(h2o2, T, p, "AR:1", argon, 0.02)
    assert found.T == pytest.approx(T * (1 + rise * found.t) ** 0.4, rel=1e-5)
    with_rise = compression.delay(h2o2, T, p, Y, table, 0.0, 0.02, "T max slope")
    without = compression.delay(h2o2, T, p, Y, Table(np.array([0.0, 1.0]), np.ones(2)), 0.0, 0.1, "T max slope")
    assert 0.3 * without < with_rise < 0.95 * without


def test_what_cannot_be(h2o2, machine):
    table, point = machine
    Y = h2o2.composition(X)
    with pytest.raises(ConfigError, match="rising times"):
        compression.delay(h2o2, 300.0, 1e5, Y, Table(np.array([0.0, 0.0]), np.ones(2)), 0.0, 1.0, "T max slope")
    with pytest.raises(ConfigError, match="ignition criterion"):
        compression.delay(h2o2, 300.0, 1e5, Y, table, 0.0, 1.0, "T sometime")
    with pytest.raises(DivergenceError, match="ignites .* before the end of compression"):
        compression.delay(h2o2, 450.0, point.p, Y, table, point.volume.end, 0.04, "p max slope")
    cold = compression.delay(h2o2, 250.0, point.p, Y, table, point.volume.end, 0.04, "p max slope")
    assert math.isnan(cold)


def test_nothing_of_the_table_is_leapt_over(h2o2):
    """A pulse that is short beside the steps of a reactor at rest."""
    table = Table(np.array([0.0, 0.5, 0.5001, 0.5002, 1.0]), np.array([1.0, 1.0, 0.1, 1.0, 1.0]))
    found = visits(h2o2, 300.0, ct.one_atm, "AR:1", table, 1.0)
    assert found.T.max() > 0.9 * 300.0 * 10 ** (2 / 3) and found.T[-1] == pytest.approx(300.0, rel=1e-3)
