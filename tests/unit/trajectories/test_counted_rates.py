"""Rate constants of trajectories whose rate constants are known."""

import math

import numpy as np
import pytest
from scipy.stats import chi2, poisson

from combust.kinetics.dynamics.settings import AVOGADRO
from combust.kinetics.trajectories.events import contracted, history
from combust.kinetics.trajectories.molecules import species
from combust.kinetics.trajectories.rates import GAS_CONSTANT, Population, Rate, arrhenius, exposure, interval, rates
from validation import synthetic_trajectories as made

OH, H2, H2O, H, O = (
    species(*one) for one in (("OH", [(0, 1)]), ("HH", [(0, 1)]), ("OHH", [(0, 1), (0, 2)]), ("H", []), ("O", []))
)
FORWARD = tuple(sorted((OH, H2))), tuple(sorted((H2O, H)))
PAIR = (OH, OH), tuple(sorted((H2O, O)))
LEAST = 8  # frames of 5 fs


def counted(trajectory, more=()):
    return rates(contracted(history(trajectory, LEAST), LEAST), made.FRAME, made.VOLUME, more)


@pytest.mark.parametrize("count", [0, 1, 3, 10, 250])
def test_intervals_are_those_of_chi_squared(count):
    low, high = interval(count)
    assert high == pytest.approx(chi2.ppf(0.975, 2 * count + 2) / 2, rel=1e-12)
    assert low == pytest.approx(chi2.ppf(0.025, 2 * count) / 2 if count else 0.0, rel=1e-12)
    assert poisson.cdf(count, high) == pytest.approx(0.025)
    assert count == 0 or poisson.sf(count - 1, low) == pytest.approx(0.025)


def test_published_limits():
    """Table of Garwood's 95 % limits as reprinted everywhere: N = 0: 3.69; N = 1: 0.0253, 5.57; N = 10: 4.80, 18.39."""
    assert interval(0)[1] == pytest.approx(3.689, abs=5e-4)
    assert interval(1) == pytest.approx((0.0253, 5.572), rel=2e-3)
    assert interval(10) == pytest.approx((4.795, 18.390), rel=2e-4)


def test_exposure_of_one_and_of_two_kinds_by_hand():
    """OH + H2 => H2O + H at step 40 of 100, and two molecules of a kind have n (n - 1) pairs."""
    from test_events import trajectory

    found = history(trajectory("OHHH" * 2, [(0, 1), (2, 3), (4, 5), (6, 7)], [(40, 0, 2), (40, 2, 3)], end=100), 0)
    lives, per = Population(found, 1e-15), 1e-27 * AVOGADRO
    assert exposure(lives, [OH, H2], 1e-27) == pytest.approx((4 * 40 + 1 * 60) * 1e-15 / per)
    assert exposure(lives, [OH, OH], 1e-27) == pytest.approx(2 * 40 * 1e-15 / per)
    assert exposure(lives, [OH, OH, H2], 1e-27) == pytest.approx(2 * 2 * 40 * 1e-15 / per**2)
    assert exposure(lives, [H2O], 1e-27) == pytest.approx(60e-15)
    assert rates(found, 1e-15, 1e-27)[FORWARD].count == 1


def test_many_trajectories_give_their_rate_constant():
    """Flicker and meetings, both orders of an exchange: within three standard errors, and intervals that cover."""
    rng = np.random.default_rng(11)
    k, total, covered, runs = 1e10, Rate(0, 0.0), 0, 60
    for _ in range(runs):
        one = made.simulate(rng, made.gas(4, 20, 6, 2), {made.FORWARD: k, made.REVERSE: 2 * k}, 30e-12, made.Noise())
        rate = counted(one.changes, [FORWARD])[FORWARD]
        total += rate
        covered += rate.low <= k <= rate.high
    assert total.count > 300 and abs(total.k / k - 1) < 3 / math.sqrt(total.count) + 0.02
    assert covered >= runs * 0.95 - 3 * math.sqrt(runs * 0.95 * 0.05)


def test_two_of_one_kind():
    """k [A]^2 is the rate of the reaction 2 A => ...: k, not k/2 or 2 k."""
    rng, k, total = np.random.default_rng(12), 3e10, Rate(0, 0.0)
    for _ in range(40):
        one = made.simulate(rng, made.gas(12, 0, 0, 0), {made.PAIR: k}, 20e-12, None)
        total += counted(one.changes, [PAIR])[PAIR]
    assert total.count > 100 and abs(total.k / k - 1) < 3.5 / math.sqrt(total.count)


def test_what_did_not_happen_has_a_bound():
    one = made.simulate(np.random.default_rng(1), made.gas(4, 4, 2, 2), {}, 10e-12, made.Noise())
    rate = counted(one.changes, [FORWARD])[FORWARD]
    assert (rate.count, rate.k, rate.low) == (0, 0.0, 0.0) and rate.factor == math.inf
    assert rate.high == pytest.approx(3.689 / rate.exposure, rel=1e-3)


def test_reverses_are_counted_too():
    rng = np.random.default_rng(3)
    one = made.simulate(rng, made.gas(4, 20, 6, 2), {made.FORWARD: 1e10, made.REVERSE: 2e10}, 60e-12, made.Noise())
    found = counted(one.changes)
    assert found[FORWARD].count and found[FORWARD[::-1]].count


def test_flicker_goes_and_events_stay():
    rng, flickers, raw, spurious, lost, true = np.random.default_rng(4), 0, 0, 0, 0, 0
    for _ in range(10):
        one = made.simulate(rng, made.gas(4, 20, 6, 2), {made.FORWARD: 1e10, made.REVERSE: 2e10}, 60e-12, made.Noise())
        result = made.compare(one, contracted(history(one.changes, LEAST), LEAST))
        flickers += one.flickers
        raw += len(history(one.changes, 0).events)
        spurious, lost, true = spurious + result.spurious, lost + result.lost, true + len(one.truth)
    assert true > 100 and flickers > 10 * true and raw > 10 * true
    assert spurious < 0.05 * (raw - true) and lost <= 0.02 * true + 3 * math.sqrt(0.02 * true)


@pytest.mark.parametrize("temperatures", [(2000.0,), (2000.0, 2500.0, 3000.0)])
def test_no_law_for_fewer_than_four_temperatures(temperatures):
    assert arrhenius({T: Rate(100, 1.0) for T in temperatures}) is None
    assert arrhenius({T: Rate(100, 1.0) for T in temperatures} | {1000.0: Rate(0, 1.0), 900.0: Rate(0, 1.0)}) is None


def test_a_law_of_four_temperatures():
    """From exact counts the law comes back; from drawn ones within its errors, which are those that are stated."""
    A, ER = 1e11, 4000.0
    law = lambda T: A * math.exp(-ER / T)  # noqa: E731
    T = (1500.0, 2000.0, 2500.0, 3500.0)
    exact = arrhenius({t: Rate(10**6, 10**6 / law(t)) for t in T})
    assert exact.A == pytest.approx(A, rel=1e-6) and exact.E / GAS_CONSTANT == pytest.approx(ER, rel=1e-6)
    assert (exact.T_low, exact.T_high) == (1500.0, 3500.0)
    rng = np.random.default_rng(7)
    draws = [arrhenius({t: Rate(int(rng.poisson(25)), 25 / law(t)) for t in T}) for _ in range(400)]
    found = np.array([[one.E / GAS_CONSTANT, math.log(one.A), one.error_ER, one.error_lnA] for one in draws])
    for value, error, truth in ((found[:, 0], found[:, 2], ER), (found[:, 1], found[:, 3], math.log(A))):
        assert value.std() == pytest.approx(error.mean(), rel=0.2)
        assert abs(value.mean() - truth) < 4 * value.std() / 20 + 0.1 * value.std()
    inside = np.mean([one.k(2500.0) / one.factor(2500.0) <= law(2500.0) <= one.k(2500.0) * one.factor(2500.0)
                      for one in draws])  # fmt: skip
    assert 0.92 < inside < 0.99
