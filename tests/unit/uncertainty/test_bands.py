"""Bands of delays and flame speeds: a closed form, Cantera at k f and k / f, differences, flames solved again."""

import math

import cantera as ct
import ignition_reference
import numpy as np
import pytest
import torch

from combust.errors import ConfigError
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.uncertainty import bands, delays, flames, jobs, sampling
from combust.kinetics.uncertainty.groups import of_mechanism
from combust.kinetics.uncertainty.jobs import Job
from combust.kinetics.uncertainty.reading import read_factors
from combust.kinetics.uncertainty.uncertainty import Delays, Flames, Sampling, of_groups, uncertainty

ONE = """phases:
- {name: gas, thermo: ideal-gas, species: [A, B], kinetics: gas, reactions: all}
units: {length: cm, quantity: mol, activation-energy: K}
species:
- name: A
  composition: {N: 2}
  thermo: {model: NASA7, temperature-ranges: [200, 6000], data: [[3.5, 0, 0, 0, 0, 0, 4]]}
- name: B
  composition: {N: 2}
  thermo: {model: NASA7, temperature-ranges: [200, 6000], data: [[3.5, 0, 0, 0, 0, -5000, 4]]}
reactions:
- {equation: A => B, rate-constant: {A: 1e10, b: 0, Ea: 15000}, combust: {factor: 3.0}}
"""
AIR, FUEL = "O2:1, N2:3.76", "H2:1"


@pytest.fixture(scope="module")
def gas():
    return Mechanism.load("h2o2.yaml")


def uncertain_of(gas, tmp_path, text):
    path = tmp_path / "factors.toml"
    path.write_text(text)
    return of_mechanism(gas, read_factors(path), None, False)


def vessels(gas, T, phi=1.0, **options):
    T = torch.tensor(T, dtype=torch.float64)
    Y = gas.mixture(FUEL, AIR, phi).reshape(-1, 1).expand(-1, len(T)).contiguous()
    return delays.Vessels(T, torch.full_like(T, 101325.0), Y, torch.full_like(T, 1.0), **options)


@pytest.mark.parametrize(("sequence", "near"), [("sobol", 0.02), ("latin", 0.05)])
def test_one_reaction_has_a_closed_form(tmp_path, sequence, near):
    """With one rate the reactor's clock goes by it: delay = delay0 / m, lognormal with ln f / 2, whatever the gas."""
    path = tmp_path / "one.yaml"
    path.write_text(ONE)
    one = of_mechanism(Mechanism.load(path), None, None, False)
    at = delays.Vessels(
        torch.tensor([1000.0], dtype=torch.float64),
        torch.tensor([101325.0], dtype=torch.float64),
        torch.tensor([[1.0], [0.0]], dtype=torch.float64),
        torch.tensor([10.0], dtype=torch.float64),
    )
    nominal, sigma = float(delays.nominal(one, at)[0]), math.log(3.0) / 2
    for seed in (1, 2, 3):
        x = sampling.scores(1, 256, sequence, seed)
        found = delays.samples(one, at, x)[:, 0]
        np.testing.assert_allclose(found, nominal * np.exp(-sigma * x[0]), rtol=2e-4)
        band = bands.sampled(found)
        assert band.sigma == pytest.approx(sigma, rel=near)
        assert [math.log(band.low / nominal), math.log(band.high / nominal)] == pytest.approx(
            [-1.96 * sigma, 1.96 * sigma], rel=3 * near)  # fmt: skip
        assert np.log(found / nominal).mean() == pytest.approx(0.0, abs=near * sigma)
    assert delays.slopes(one, at)[0, 0] == pytest.approx(-sigma, rel=1e-5)


def test_one_factor_beside_cantera_at_its_ends(gas, tmp_path):
    """The delays at two standard deviations are those of Cantera's reactors with k f and k / f."""
    one = uncertain_of(gas, tmp_path, '[factors]\n"H + O2 = O + OH" = 1.5\n')
    at = vessels(gas, [1050.0, 1300.0])
    found = delays.samples(one, at, np.array([[2.0, -2.0]]))
    for row, factor in zip(found, (1.5, 1 / 1.5), strict=True):
        A = gas.parameters.A.clone()
        A[10] *= factor
        wanted = ignition_reference.ignition_delays(gas.with_parameters(A=A), at.T, at.p, at.Y, 5e-4)
        np.testing.assert_allclose(row, wanted.numpy(), rtol=3e-3)


def test_slopes_by_the_adjoint_are_those_of_differences(gas, tmp_path):
    """Constant factors, factors over T, and both limits of falloff."""
    text = (
        '[factors]\n"H + O2 = O + OH" = 1.3\n"H2O2 (+M) = 2 OH (+M)" = { T = [500, 1500], f = [3, 2] }\n'
        '"O + H2 = OH + H" = { T = [300, 1000, 2000], f = [2, 1.4, 1.6] }\n"H + O2 + N2 = HO2 + N2" = 1.5\n'
    )
    one = uncertain_of(gas, tmp_path, text)
    at = vessels(gas, [1000.0], phi=0.8, rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(delays.slopes(one, at), delays.differences(one, at, 0.02), rtol=5e-3, atol=2e-6)


def test_linear_and_sampled_agree_where_factors_are_small(gas, tmp_path):
    one = uncertain_of(gas, tmp_path, "default = 1.05\n")
    at = vessels(gas, [1200.0])
    found, slopes = delays.samples(one, at, sampling.scores(len(one.groups), 256)), delays.slopes(one, at)
    for k, value in enumerate(delays.nominal(one, at).tolist()):
        a, b = bands.sampled(found[:, k]), bands.linear(value, slopes[:, k])
        assert a.sigma == pytest.approx(b.sigma, rel=0.05)
        assert [a.low, a.high] == pytest.approx([b.low, b.high], rel=0.01)


def test_samples_that_do_not_ignite_have_no_upper_end():
    values = np.array([1.0] * 90 + [math.nan] * 10)
    assert bands.sampled(values).low == 1.0 and math.isinf(bands.sampled(values).high)
    assert bands.sampled(np.array([1.0] * 995 + [math.nan] * 5)).high == 1.0
    assert bands.shares([0.0, 0.0]) == [0.0, 0.0] and bands.shares([3.0, -4.0]) == pytest.approx([0.36, 0.64])


def test_sequences():
    for sequence in sampling.SEQUENCES:
        x = sampling.scores(3, 128, sequence, 5)
        assert x.shape == (3, 128) and np.array_equal(x, sampling.scores(3, 128, sequence, 5))
        assert not np.array_equal(x, sampling.scores(3, 128, sequence, 6))
        assert np.abs(x.mean(1)).max() < 0.1 and np.abs(x.std(1) - 1).max() < 0.1
    with pytest.raises(ConfigError, match="a Sobol sequence wants a power of two, 64 or 128"):
        sampling.scores(3, 100)
    with pytest.raises(ConfigError, match='"halton" is unknown'):
        sampling.scores(3, 128, "halton")


@pytest.fixture(scope="module")
def flame(gas, tmp_path_factory):
    """A flame on Cantera's customary grid, kept in a cache of its own."""
    patch = pytest.MonkeyPatch()
    patch.setenv("COMBUST_CACHE", str(tmp_path_factory.mktemp("cache")))
    yield flames.Fresh(300.0, 101325.0, FUEL, AIR, 1.0, refine="customary")
    patch.undo()


def test_slopes_of_a_flame_are_those_of_flames_solved_again(gas, flame, tmp_path):
    """Alike at all T, and with a factor over T; of what moves the speed to 0.3 %."""
    found = flames.slopes(gas, flame, True)
    text = ('[factors]\n"H2 + OH = H + H2O" = 1.2\n"H + O2 + N2 = HO2 + N2" = 1.2\n'
            '"H + HO2 = 2 OH" = { T = [500, 2000], f = [1.6, 1.1] }\n'
            '"H2 + O = H + OH" = { T = [300, 1000, 2500], f = [1.5, 1.2, 1.4] }\n')  # fmt: skip
    one = uncertain_of(gas, tmp_path, text)
    for i, group in enumerate(one.groups):
        own = list(group.reactions)
        slope = group.law.s0 * found.alike[own].sum()
        if not group.law.constant:
            slope += group.law.s1 * found.power[own].sum() + group.law.s2 * found.energy[own].sum()
        pair = []
        for x in (0.3, -0.3):
            scores = torch.zeros(len(one.groups), dtype=torch.float64)
            scores[i] = x
            pair.append(flames.speed(gas, one.changed(scores), flame))
        assert slope == pytest.approx(math.log(pair[0] / pair[1]) / 0.6, rel=3e-3, abs=1e-5), group.equation


def test_a_slope_that_cannot_be_had_is_no_zero(gas, tmp_path):
    """Of a factor over T of a reaction that Cantera cannot change in place, such as a chemically activated one."""
    text = '[factors]\n"H + O2 <=> O + OH" = {}\n'
    n = gas.parameters.A.shape[0]
    known = flames.Slopes(1.0, np.ones(n), np.full(n, math.nan), np.full(n, math.nan))
    assert of_groups(uncertain_of(gas, tmp_path, text.format(1.5)), known) == pytest.approx([math.log(1.5) / 2])
    with pytest.raises(ConfigError, match="no slope: give one factor for all T"):
        of_groups(uncertain_of(gas, tmp_path, text.format("{ T = [500, 1500], f = [2.0, 1.5] }")), known)


def test_a_flame_beside_cantera_alone_with_another_rate(gas, flame):
    """The ratio of speeds on the nominal grid is that of Cantera's own two flames, each on its own grid."""
    A = gas.parameters.A.clone()
    A[20] *= 1.5
    ratio = flames.speed(gas, gas.with_parameters(A=A), flame) / flames.slopes(gas, flame, True).speed
    speeds = []
    for factor in (1.0, 1.5):
        solution = ct.Solution("h2o2.yaml")
        solution.set_multiplier(factor, 20)
        solution.TPX = 300.0, 101325.0, "H2:2, O2:1, N2:3.76"
        own = ct.FreeFlame(solution, width=0.02)
        own.set_refine_criteria(ratio=3, slope=0.03, curve=0.06)
        own.solve(0, auto=True)
        speeds.append(own.velocity[0])
    assert ratio == pytest.approx(speeds[1] / speeds[0], rel=3e-3)


def test_each_flame_is_kept(gas, flame, monkeypatch):
    A = gas.parameters.A.clone()
    A[2] *= 1.3
    other = gas.with_parameters(A=A)
    first = [jobs.run([Job(gas, flame), Job(gas, flame, other)], 1)[1], flames.slopes(gas, flame, False).speed]
    monkeypatch.setattr(flames, "_solved", None)  # would be called
    assert [flames.speed(gas, other, flame), flames.slopes(gas, flame, False).speed] == first


@pytest.mark.slow
def test_processes_find_the_same(gas, flame):
    changed = []
    for factor in (1.1, 1.25):
        A = gas.parameters.A.clone()
        A[10] *= factor
        changed.append(gas.with_parameters(A=A))
    both = [Job(gas, flame, one) for one in changed]
    found = jobs.run(both, 2)
    assert found == [flames.speed(gas, one, flame) for one in changed] and found[1] > found[0]


def test_the_whole(gas, flame, tmp_path):
    """Two sets side by side; a gas that does not ignite and one without a flame say why."""
    small, large = tmp_path / "small.toml", tmp_path / "large.csv"
    small.write_text('name = "evaluated"\n[factors]\n"H + O2 = O + OH" = 1.15\n"H2 + OH = H + H2O" = 1.2\n')
    large.write_text("equation,factor\nH + O2 = O + OH,1.5\nH2 + OH = H + H2O,2\n")
    found = uncertainty(
        gas, "H2", AIR, factors=[small, large], delays=Delays(T=(300.0, 1200.0), time=0.01), draws=Sampling(32),
        flames=Flames(phi=(0.05, 1.0), refine="customary", check=1, samples=8),
    )  # fmt: skip
    assert [one.name for one in found.sets] == ["evaluated", "large"] and found.failed == 4
    for one in found.sets:
        assert "nothing ignites within 0.01 s" in one.delays[0].reason and "does not burn" in one.flames[0].reason
        delay, speed = one.delays[1], one.flames[1]
        assert delay.sampled.low < delay.delay < delay.sampled.high and delay.missing == 0
        assert speed.linear.low < speed.speed < speed.linear.high and speed.sampled is not None and not speed.failed
        assert speed.checks[0].slope_again == pytest.approx(speed.checks[0].slope, rel=0.1)
        assert sum(rank.share for rank in one.ranking()) == pytest.approx(1.0)
    a, b = found.sets
    assert (
        b.delays[1].linear.sigma > 2 * a.delays[1].linear.sigma
        and b.flames[1].linear.sigma > 2 * a.flames[1].linear.sigma
    )
    assert a.ranking()[0].share >= a.ranking()[1].share and found.ranking[0] == tuple(a.ranking())
