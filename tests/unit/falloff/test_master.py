"""The master equation against dense solutions in 60 digits, closed forms, and its own limits."""

import mpmath
import numpy as np
import pytest
from falloff_wells import HO2, N2, O2, SELLEVAG, H, T, ho2
from scipy.linalg import eigh

from combust.errors import DivergenceError
from combust.kinetics.falloff import collisions, master
from combust.kinetics.falloff.densities import KT
from combust.kinetics.falloff.well import Well, grained, of_collisions, table


def parts(T0, grain=2500, down=1200.0):
    """A coarse well at one temperature, its kernel."""
    made = grained(ho2(), np.array([T0]), grain)
    return made, collisions.exponential(made.energy, made.ratio, np.array([down]))


def exact(made, kernel, frequency, T0, number):
    """The loss matrix in numbers of `number`, symmetrised: rates out on the diagonal, the rest negative."""
    n = len(made.energy)
    step, ratio, down, k = (
        [number(float(x)) for x in a[:, 0]] for a in (kernel.step, kernel.ratio, kernel.down, made.k)
    )
    W = [[number(0)] * n for _ in range(n)]
    for j in range(n):
        u = number(1)
        f = number(1)
        for i in range(j - 1, -1, -1):
            u, f = u * step[i + 1], f * ratio[i + 1]
            W[i][j] = number(frequency) * down[j] * u
            W[j][i] = W[i][j] * f
    return W, k


@pytest.mark.parametrize("T0", [150.0, 300.0, 1500.0])
@pytest.mark.parametrize("frequency", [1e3, 1e11])
def test_the_rate_is_exact_at_any_temperature(T0, frequency):
    """Inverse iteration in 120 digits on the matrix with its diagonal gives the same to 1e-12."""
    made, kernel = parts(T0)
    found = master.decay(kernel, made.weights, np.array([[frequency]]), made.k).rate[0, 0]
    with mpmath.workdps(120):
        W, k = exact(made, kernel, frequency, T0, mpmath.mpf)
        n = len(k)
        M = mpmath.matrix(n, n)
        for j in range(n):
            for i in range(n):
                M[i, j] = -W[i][j] if i != j else k[j] + sum(W[m][j] for m in range(n) if m != j)
        x = mpmath.matrix([mpmath.mpf(float(w)) for w in made.weights[:, 0]])
        for _ in range(6):
            y = mpmath.lu_solve(M, x)
            rate = sum(x) / sum(y)
            x = y / sum(y)
    assert found == pytest.approx(float(rate), rel=1e-12)


def test_dense_eigenvalues_agree_where_they_can_be_had():
    made, kernel = parts(2000.0, 200, 300.0)
    frequency = 3e9
    found = master.decay(kernel, made.weights, np.array([[frequency]]), made.k)
    W, k = exact(made, kernel, frequency, 2000.0, float)
    W = np.array(W)
    f = made.weights[:, 0]
    M = np.diag(np.array(k) + W.sum(axis=0)) - W
    values, vectors = eigh(M * np.sqrt(f[None, :] / f[:, None]))
    assert found.rate[0, 0] == pytest.approx(values[0], rel=1e-5)  # its last figures go in the largest rate
    shape = np.abs(vectors[:, 0]) / np.sqrt(f)
    assert found.population[:, 0, 0] == pytest.approx(shape / (f * shape).sum(), rel=1e-4, abs=1e-6)


def test_strong_collisions_have_a_closed_form():
    """sum of w f / (w + k - rate) = 1 for the slowest mode, at every frequency and temperature."""
    made = grained(ho2(), T, 40)
    kernel = collisions.strong(made.ratio, made.weights)
    frequency = np.broadcast_to(np.array([1e5, 1e9, 1e13, 1e16]), (len(T), 4))
    found = master.decay(kernel, made.weights, frequency, made.k)
    w, f, k = frequency[None], made.weights[:, :, None], made.k[:, :, None]
    passage = (f / (w + k)).sum(axis=0) / (f * k / (w + k)).sum(axis=0)
    assert found.passage == pytest.approx(passage, rel=1e-11)
    # the lost share, by the equation in the form without cancellation
    lost = (f * (k - found.rate) / (w + k - found.rate)).sum(axis=0)
    scale = (f * k / (w + k)).sum(axis=0)
    assert (np.abs(lost) < 1e-9 * scale).all()
    assert found.rate[:, -1] == pytest.approx((made.weights * made.k).sum(axis=0), rel=1e-2)


def test_limits():
    """Linear in p at low, k at high pressure whatever the grain; between both everywhere; positive at 100 K."""
    cold = np.concatenate([[100.0], T])
    p = np.array([1e-3, 1e5, 1e9, 1e18])
    fine, coarse = (table(ho2(), N2, cold, p, grain) for grain in (20, 40))
    M = of_collisions(cold, p)
    assert fine.dissociation[:, 0] == pytest.approx(fine.low * M[:, 0], rel=1e-6)
    assert fine.dissociation[:, 3] == pytest.approx(fine.high, rel=1e-6)
    assert (fine.dissociation > 0).all() and np.isfinite(fine.dissociation).all()
    assert (fine.dissociation < fine.low[:, None] * M * (1 + 1e-9)).all()
    assert (fine.dissociation < fine.high[:, None] * (1 + 1e-9)).all()
    assert (np.diff(fine.dissociation) > 0).all()
    assert coarse.dissociation[1:] == pytest.approx(fine.dissociation[1:], rel=0.02)
    assert coarse.high == pytest.approx(fine.high, rel=1e-9)


def test_both_directions_keep_equilibrium():
    """Fragments put back into the grains that they come from: the largest nonzero rate of the closed system is that of
    both directions together, and the part of k that goes up is K times what goes down.
    """
    T0, p = 1800.0, 1e5
    made = grained(ho2(), np.array([T0]), 200)
    one = table(ho2(), N2, np.array([T0]), np.array([p]), 200)
    kernel = collisions.exponential(made.energy, made.ratio, N2.mean_down(np.array([T0])))
    frequency = float(N2.frequency(np.array([T0]), np.array([p]))[0, 0])
    W, k = exact(made, kernel, frequency, T0, float)
    n, f, k = len(k), made.weights[:, 0], np.array(k)
    for excess in (0.3, 3.0):  # [fragment] over K, the other fragment small beside it
        full = np.zeros((n + 1, n + 1))
        full[:n, :n] = np.diag(k + np.array(W).sum(axis=0)) - np.array(W)
        full[n, :n], full[:n, n] = -k, -k * f * excess
        full[n, n] = (k * f).sum() * excess
        balance = np.append(f, 1 / excess)
        values = eigh(full * np.sqrt(balance[None, :] / balance[:, None]), eigvals_only=True)
        down = one.dissociation[0, 0]
        assert values[1] == pytest.approx(down * (1 + excess), rel=2e-3)
    assert one.association[0, 0] * one.equilibrium[0] == pytest.approx(one.dissociation[0, 0], rel=1e-15)


def test_equilibrium_is_that_of_the_mechanism():
    """Of HO2 within a quarter of h2o2.yaml's thermo: its enthalpies differ from the spectroscopic ones."""
    import cantera as ct

    gas = ct.Solution("h2o2.yaml")
    one = table(ho2(), N2, T[1:], np.array([1e5]), 40)
    for t, K in zip(T[1:], one.equilibrium, strict=True):
        gas.TP = t, ct.one_atm
        g = dict(zip(gas.species_names, gas.standard_gibbs_RT, strict=True))
        wanted = np.exp(g["HO2"] - g["H"] - g["O2"]) * gas.P / (ct.gas_constant * t)
        assert K == pytest.approx(wanted, rel=0.25)


def test_what_falls_apart_before_it_settles_is_told():
    """A well as shallow as kT: unsettled, not wrong in silence."""
    shallow = Well(HO2, (H, O2), 1500.0, SELLEVAG)
    one = table(shallow, N2, np.array([2500.0]), np.array([1e5]), 100)
    assert one.unsettled[0, 0] > 0.05
    assert table(ho2(), N2, np.array([1000.0]), np.array([1e5])).unsettled[0, 0] < 1e-6


def test_modes_alike_are_an_error(monkeypatch):
    monkeypatch.setattr(master, "ITERATIONS", 1)
    with pytest.raises(DivergenceError, match="did not settle"):
        table(ho2(), N2, np.array([1000.0]), np.array([1e5]))


def test_mean_down_and_frequency():
    assert N2.mean_down(np.array([1200.0])) == pytest.approx(500.0)
    low, high = N2.frequency(np.array([1000.0]), np.array([1e5, 2e5]))[0]
    assert high == pytest.approx(2 * low) and 1e9 < low < 1e10
    assert KT * 300 == pytest.approx(208.51, rel=1e-4)
