"""The router: what lies outside the training rows, what disagrees with exact rates, what a NaN is never given."""

import learned_fixture
import numpy as np
import pytest
import torch
from scipy.integrate import trapezoid
from scipy.stats import spearmanr

from combust.kinetics.mechanism import Mechanism
from combust.surrogates.calibrate import accepted, calibrate, evaluated, true_errors
from combust.surrogates.learned import Parts
from combust.surrogates.model import Step
from combust.surrogates.router import Trust, disagreement, error_estimate, ratios, trust_of, trusted

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return learned_fixture.make(tmp_path_factory)


@pytest.fixture(scope="module")
def parts(tiny):
    return Parts.of(tiny.model(), tiny.gas)


@pytest.fixture(scope="module")
def judged(tiny):
    """Steps of validation rows, and what is known of them."""
    rows = np.flatnonzero((tiny.samples.split == 1) & ~tiny.samples.slow)[::2]
    return rows, evaluated(tiny.model(), tiny.gas, tiny.samples, rows)


# --- coverage -------------------------------------------------------------------------------------------------------


def test_training_rows_are_covered(tiny, parts):
    T, p, Y, *_ = tiny.rows("train", 2000)
    assert float(parts.covered(T, p, Y).double().mean()) > 0.998  # all but the farthest 0.05 %
    T, p, Y, *_ = tiny.rows("validation", 500)
    assert float(parts.covered(T, p, Y).double().mean()) > 0.9


def covered_share(parts, T, p, Y):
    return float(parts.covered(T, p, Y).double().mean())


def test_outside_the_ranges(tiny, parts):
    T, p, Y, *_ = tiny.rows("train", 300)
    for name, states in {
        "p above": (T, torch.full_like(p, 1.15e5), Y),
        "p below": (T, torch.full_like(p, 8.5e4), Y),
        "T above": (torch.full_like(T, 2600.0), p, Y),
        "T below": (torch.full_like(T, 260.0), p, Y),
    }.items():
        assert covered_share(parts, *states) == 0.0, name


def mixed(tiny, Y, species, share):
    """Y with a share of another species."""
    other = torch.zeros_like(Y)
    other[tiny.gas.index(species)] = 1.0
    return (1.0 - share) * Y + share * other


def test_another_gas(tiny, parts):
    """Argon that training never saw; air with more or less nitrogen; richer and leaner mixtures."""
    T, p, Y, *_ = tiny.rows("train", 300)
    assert covered_share(parts, T, p, mixed(tiny, Y, "AR", 0.05)) == 0.0
    assert covered_share(parts, T, p, mixed(tiny, Y, "N2", 0.5)) == 0.0
    assert covered_share(parts, T, p, mixed(tiny, Y, "O2", 0.4)) == 0.0
    for phi in (0.1, 2.0):
        T, Y = T[:1], tiny.gas.mixture(learned_fixture.FUEL, learned_fixture.AIR, phi).unsqueeze(1)
        for t in (300.0, 1200.0):
            assert covered_share(parts, T * 0 + t, p[:1], Y) == 0.0, phi


def test_odd_mixtures_of_known_elements(tiny, parts):
    """Each species within its own range, but not together: all radicals at their peaks in cold gas."""
    T, p, Y, *_ = tiny.rows("train", 300)
    odd = Y.amax(1, keepdim=True).expand(-1, 5) * torch.linspace(0.6, 1.0, 5, dtype=torch.float64)
    odd[tiny.gas.index("N2")] = Y[tiny.gas.index("N2"), :5]
    odd = odd / odd.sum(0)
    assert covered_share(parts, torch.full((5,), 310.0, dtype=torch.float64), p[:5], odd) == 0.0


def test_nan_is_not_covered(tiny, parts):
    T, p, Y, *_ = tiny.rows("train", 12)
    good = parts.covered(T, p, Y)
    for where in ("T", "p", "Y"):
        t, q, y = T.clone(), p.clone(), Y.clone()
        {"T": t, "p": q, "Y": y[3]}[where][4] = torch.nan
        found = parts.covered(t, q, y)
        assert not bool(found[4]) and torch.equal(found[torch.arange(12) != 4], good[torch.arange(12) != 4])


def test_scale_and_sign_of_mass_fractions_do_not_matter(tiny, parts):
    """What is seen is max(Y, 0) over its sum."""
    T, p, Y, *_ = tiny.rows("validation", 300)
    good = parts.covered(T, p, Y)
    assert torch.equal(parts.covered(T, p, 1.02 * Y), good)
    lower = torch.where(Y == 0.0, -1e-12, Y)
    assert torch.equal(parts.covered(T, p, lower), good)


def test_no_cells(parts):
    none = torch.zeros(0, dtype=torch.float64)
    assert parts.covered(none, none, torch.zeros(10, 0, dtype=torch.float64)).shape == (0,)
    assert parts.network(none, none, torch.zeros(10, 0, dtype=torch.float64), 1e-6).Y.shape == (10, 0)


def test_ratios_of_elements():
    elements = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
    found = ratios(elements, torch.tensor([[0.25], [0.75], [0.0]], dtype=torch.float64))
    np.testing.assert_allclose(found[0, :, 0], [0.5, 0.25, 1.0], atol=1e-10)
    np.testing.assert_allclose(found[2, :, 0], [0.0, 0.0, 0.5], atol=1e-10)


# --- agreement ------------------------------------------------------------------------------------------------------


def made_trust(peak, limits=(1.0, 1.0)):
    none = torch.zeros(0)
    return Trust(none, none, none, none, none, none, none, peak, torch.tensor(limits, dtype=torch.float64))


def test_disagreement_is_the_trapezoid(tiny):
    rng = np.random.default_rng(0)
    z, z1, f, f1 = (rng.random((11, 7)) for _ in range(4))
    peak = rng.random(10)
    dt = torch.tensor(0.3, dtype=torch.float64)
    found = disagreement(made_trust(torch.as_tensor(peak)), *map(torch.as_tensor, (z, z1, f, f1)), dt)
    off = np.abs(z1 - z - trapezoid([f, f1], [0.0, 0.3], axis=0))
    np.testing.assert_allclose(found[0], off[0], rtol=1e-12)
    np.testing.assert_allclose(found[1], (off[1:] / peak[:, None]).max(0) / z1[1:].sum(0), rtol=1e-12)


def test_disagreement_does_not_depend_on_what_y_is(tiny):
    """Y of a reactor, or rho Y of the flow."""
    rng = np.random.default_rng(1)
    z, f, f1 = (torch.as_tensor(rng.random((11, 7))) for _ in range(3))
    z1 = z + 0.1 * torch.as_tensor(rng.random((11, 7)))
    z, z1 = (torch.cat([x[:1], x[1:] / x[1:].sum(0)]) for x in (z, z1))
    rho = torch.linspace(0.2, 1.2, 7, dtype=torch.float64)

    def dense(x):
        return torch.cat([x[:1], rho * x[1:]])

    trust, dt = made_trust(torch.as_tensor(rng.random(10))), torch.tensor(0.3, dtype=torch.float64)
    torch.testing.assert_close(
        disagreement(trust, *map(dense, (z, z1, f, f1)), dt), disagreement(trust, z, z1, f, f1, dt))


def test_only_sound_steps_are_trusted():
    trust = made_trust(torch.ones(10), (2.0, 0.1))
    nan = torch.nan
    off = torch.tensor([[0.0, 2.1, 0.0, 0.0, 0.0, nan, 0.0, 0.0], [0.0, 0.0, 0.11, 0.0, 0.0, 0.0, nan, 0.0]])
    factor = torch.tensor([0.0, 0.0, 0.0, 0.3, 0.0, 0.0, 0.0, nan])
    defect = torch.tensor([0.0, 0.0, 0.0, 0.0, 1e-9, 0.0, 0.0, 0.0])
    step = Step(factor, factor, factor, defect)
    assert trusted(trust, step, off).tolist() == [True, *[False] * 7]
    np.testing.assert_allclose(error_estimate(trust, off)[:3], [0.0, 1.05, 1.1], rtol=1e-6)
    assert not bool(trusted(trust._replace(limits=torch.tensor([torch.nan, 0.1])), step, off)[1:].any())


def test_estimate_ranks_the_true_error(tiny, parts, judged):
    rows, (step, z, f, z1, f1, exact) = judged
    off = disagreement(parts.trust, z, z1, f, f1, torch.as_tensor(tiny.samples.dt[rows]))
    estimate = error_estimate(parts.trust, off)
    true = (true_errors(parts.trust, step, exact) / parts.trust.limits.unsqueeze(1)).amax(0)
    assert spearmanr(estimate, true).statistic > 0.8


def test_the_stated_error_is_kept(tiny, parts, judged):
    """Of the validation rows that are trusted, at least the stated share is within the stated error."""
    rows, (step, z, f, z1, f1, exact) = judged
    off = disagreement(parts.trust, z, z1, f, f1, torch.as_tensor(tiny.samples.dt[rows]))
    good = trusted(parts.trust, step, off)
    want = tiny.config.router
    true = true_errors(parts.trust, step, exact)[:, good]
    within = (true[0] <= want.temperature) & (true[1] <= want.species)
    assert int(good.sum()) > 50
    assert float(within.double().mean()) >= want.quantile - 0.03  # these are half of the rows it was chosen by
    T1, Y1 = exact
    np.testing.assert_allclose(true_errors(parts.trust, step, exact)[0], (step.T - T1).abs())


def test_accepted_is_the_largest_prefix():
    estimate = np.array([3.0, 1.0, 2.0, 4.0, 5.0])
    true = np.array([0.5, 0.1, 2.0, 0.5, 9.0])  # in the order of the estimates: good, bad, good, good, bad
    assert accepted(estimate, true, 0.75) == (0.8, 4.0)
    assert accepted(estimate, true, 0.99) == (0.2, 1.0)
    assert accepted(estimate, true, 0.6) == (1.0, 5.0)
    assert accepted(estimate, np.full(5, 2.0), 0.9) == (0.0, 0.0)


def test_calibration_repeats_itself(tiny):
    """The tables in the file are those of the same rows again; the card says how well estimators rank."""
    model, before = tiny.model(), tiny.model()
    card = calibrate(model, tiny.gas, tiny.samples, tiny.config)
    assert model.tables.keys() == before.tables.keys()
    for name, value in before.tables.items():
        torch.testing.assert_close(model.tables[name], value, rtol=1e-6, atol=1e-12)
    table = card["ranking"]
    best = table["true error"]["accepted"]
    assert table["trapezoid"]["rank_correlation"] > 0.5
    assert all(0 <= row["accepted"] <= best + 1e-12 for row in table.values())
    trust = trust_of(model, tiny.gas)
    train = tiny.samples.of("train")
    np.testing.assert_allclose(trust.peak, train.Y.max(0).clip(1e-9))


def test_a_gas_of_qss_species_or_others_is_refused(tiny):
    from combust.errors import ConfigError

    with pytest.raises(ConfigError, match="53"):
        Parts.of(tiny.model(), Mechanism.load("gri30.yaml"))
    model = tiny.model()
    del model.card["router"]
    with pytest.raises(ConfigError, match="no router"):
        Parts.of(model, tiny.gas)
    with pytest.raises(ConfigError, match="fp32, bf16, fp64"):
        Parts.of(tiny.model(), tiny.gas, "fp8")  # type: ignore[arg-type]
