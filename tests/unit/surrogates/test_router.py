"""The router: what lies outside the training rows, what disagrees with exact rates, what a NaN is never given."""

import math
from dataclasses import replace

import draws
import learned_fixture
import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from combust.errors import ConfigError
from combust.kinetics.integrate.systems import Fixed
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.surrogates.model.model import Step
from combust.surrogates.training.calibrate import (
    REFERENCE_PHIS,
    STEPS,
    accepted,
    calibrate,
    chosen,
    compared,
    own_states,
)
from combust.surrogates.trust.corrector import Corrected
from combust.surrogates.trust.parts import Parts
from combust.surrogates.trust.router import Trust, better, corrected_step, growth, misfit, ratios, trust_of

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def parts(tiny):
    return Parts.of(tiny.model(), tiny.gas)


# --- coverage -------------------------------------------------------------------------------------------------------


def test_training_rows_are_covered(tiny, parts):
    """All but the farthest 0.05 %, but for the fresh gas: copies have it hotter and colder, or of flames and ignitions
    mixed, and an ignition with burnt gas in it has what lies between these. See test_fresh.py.
    """
    without = replace(parts, fresh=None)
    for split, count, least in (("train", 2000, 0.998), ("validation", 500, 0.9)):
        T, p, Y, *_ = tiny.rows(split, count)
        assert covered_share(without, T, p, Y) > least


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


def test_pressures_are_covered_to_both_ends_of_the_stated_range(tiny):
    """Also where the pressures of no trajectory of the training lie near them."""
    model = tiny.model()
    low, high = model.card["ranges"]["p"]
    for name, inwards in (("lower", 0.04), ("upper", -0.04)):
        model.tables[f"trust.{name}"] = model.tables[f"trust.{name}"].clone()
        model.tables[f"trust.{name}"][-1] = math.log(low if name == "lower" else high) + inwards
    without = replace(Parts.of(model, tiny.gas), fresh=None)
    T, p, Y, *_ = tiny.rows("train", 500)
    for end in (low, high):
        assert covered_share(without, T, torch.full_like(p, end), Y) > 0.98, end
        beyond = end * (1.001 if end == high else 0.999)
        assert covered_share(without, T, torch.full_like(p, beyond), Y) == 0.0, beyond


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


def made_trust(peak, stated=(0.1, 2e-4, 0.05), limit=1.0):
    none = torch.zeros(0)
    return Trust(*[none] * 7, peak, torch.tensor(stated).double(), torch.tensor([limit]).double())


def test_misfit_is_the_formula():
    """|e_T| over (a + c |dT|), and the largest |e_Y| over (b + c max |dY|), both in shares of the peaks."""
    rng = draws.rng(0)
    z, new, error, peak = rng.random((11, 7)), rng.random((11, 7)), rng.normal(size=(11, 7)), rng.random(10) + 0.1
    a, b, c = 0.7, 0.3, 0.2
    found = misfit(made_trust(torch.as_tensor(peak), (a, b, c)), *map(torch.as_tensor, (z, new, error)))
    of_T = np.abs(error[0]) / (a + c * np.abs(new[0] - z[0]))
    Y, dY = (np.abs(x[1:]) / peak[:, None] / new[1:].sum(0) for x in (error, new - z))
    np.testing.assert_allclose(found, np.maximum(of_T, Y.max(0) / (b + c * dY.max(0))), rtol=1e-6)


def test_misfit_does_not_depend_on_what_y_is():
    """Y of a reactor, or rho Y of the flow."""
    rng = draws.rng(1)
    z, new, error = (torch.as_tensor(rng.random((11, 7))) for _ in range(3))
    new[1:] = new[1:] / new[1:].sum(0)
    rho = torch.linspace(0.2, 1.2, 7, dtype=torch.float64)
    trust = made_trust(torch.as_tensor(rng.random(10)))
    dense = [torch.cat([x[:1], rho * x[1:]]) for x in (z, new, error)]
    np.testing.assert_allclose(misfit(trust, *dense), misfit(trust, z, new, error), rtol=1e-12)


def test_growth_asks_for_a_share_of_the_change():
    """Its own, of a species that grows at first or in the end; of others and where a cell burns already, nothing."""
    z = torch.zeros(4, 6, dtype=torch.float64)
    z[0], z[1], z[2], z[3] = 1000.0, 0.9, 1e-8, 2e-8
    new, error, rise = z.clone(), torch.zeros_like(z), torch.zeros_like(z)
    new[2] = 2e-8  # doubles
    new[3, 0] = 4e-6  # so does another, far more of it, without an error
    error[2] = 4e-10  # 4 % of the change
    new[2, 1] = z[2, 1]  # does not change
    rise[2, 2], new[2, 2] = 1e-8, 0.5e-8  # turned round: falls, though its first rate doubles it
    new[0, 3] += 30.0  # burns
    error[2, 4], error[3, 4] = 0.0, 1e-7  # the error is another species'
    z[0, 5] = new[0, 5] = 500.0  # cold
    rise[2, 1], new[2, 1] = 1e-11, 0.99e-8  # falls a little: no sign of trouble
    found = growth(made_trust(torch.ones(3)), z, new, error, rise)
    total = new[1:].sum(0)
    # 4e-10 / total over 1e-13 + 1 % of 1e-8 / total
    expected = 4e-10 / total[0] / (1e-13 + 1e-10 / total[0])
    np.testing.assert_allclose(found[0], expected, rtol=1e-6)
    assert float(found[1]) == 0.0 and float(found[4]) == 0.0
    rise[2, 1], new[2, 1] = 3e-10, 0.5e-8  # falls to half, though its rate has it grow by 3 %
    assert float(growth(made_trust(torch.ones(3)), z, new, error, rise)[1]) > 1.0
    np.testing.assert_allclose(found[2], 4e-10 / total[2] / (1e-13 + 5e-11 / total[2]), rtol=1e-6)
    assert 0 < float(found[3]) < 1e-4
    np.testing.assert_allclose(found[5], 4e-10 / total[5] / (1e-5 + 1e-10 / total[5]), rtol=1e-6)


class Halves:
    """In the place of the corrector: takes off half of what is wrong, or what a cell is given to do."""

    core = None

    def native(self, *_):
        """Nothing: the rounds of the torch kernels are what is tested."""

    def __init__(self, right, shares, defect=0.0, negative=0.0):
        self.right, self.shares, self.given = right, shares, (defect, negative)
        self.asked = []

    def __call__(self, z, z1, f, s, near, p, dt, fixed):
        self.asked.append(near.tolist())
        new = z1 + self.shares[near] * (self.right[:, near] - z1)
        return Corrected(new, self.right[:, near] - new, *(torch.full_like(p, 1.0) * x for x in self.given))


def settle(corrector, z, z1, factor=0.0, defect=0.0):
    cells = z.shape[1]
    step = Step(z1[0], z1[1:], *(torch.full_like(z[0], x) for x in (factor, defect)))
    zero, fixed = torch.zeros_like(z), Fixed(torch.ones(cells, dtype=torch.float64))
    return corrected_step(
        made_trust(torch.ones(2)), corrector, z, z1, step, zero, zero, torch.arange(cells), fixed.held, 1e-6, fixed
    )


def three_cells():
    """z, the network's z1, the right end: off by little, by 3 and by 10 of the allowed errors."""
    z = torch.tensor([[1000.0] * 3, [0.5] * 3, [0.5] * 3], dtype=torch.float64)
    off = 2e-4 * torch.tensor([0.1, 3.0, 10.0], dtype=torch.float64)
    return z, torch.stack([z[0], z[1] + off, z[2] - off]), z.clone()


def test_what_is_not_good_enough_is_corrected_again():
    """Only that: the first cell is left alone, the second arrives with the second correction, the third does not."""
    z, z1, right = three_cells()
    corrector = Halves(right, torch.full((3,), 0.6, dtype=torch.float64))
    found = settle(corrector, z, z1)
    assert corrector.asked == [[0, 1, 2], [1, 2]]
    np.testing.assert_allclose(found.z[1] - right[1], 2e-4 * np.array([0.04, 3 * 0.16, 10 * 0.16]), rtol=1e-9)
    np.testing.assert_allclose(found.error[:2], [0.04, 3 * 0.16], rtol=0.06)  # a share of the change is allowed too
    assert found.accepted(torch.ones(1)).tolist() == [True, True, False]
    assert found.accepted(torch.full((1,), torch.nan)).tolist() == [False] * 3


@pytest.mark.parametrize("wrong", [{"factor": 0.3}, {"factor": torch.nan}, {"defect": 1e-9}])
def test_what_the_network_lost_does_not_stand(wrong):
    z, z1, right = three_cells()
    found = settle(Halves(right, torch.ones(3, dtype=torch.float64)), z, z1, **wrong)
    assert not bool(found.accepted(torch.ones(1)).any())


@pytest.mark.parametrize("wrong", [{"defect": 1e-9}, {"defect": torch.nan}, {"negative": 1e-4}])
def test_what_the_correction_lost_does_not_stand(wrong):
    z, z1, right = three_cells()
    corrector = Halves(right, torch.ones(3, dtype=torch.float64), **wrong)
    assert not bool(settle(corrector, z, z1).accepted(torch.ones(1)).any())
    assert corrector.asked == [[0, 1, 2]]  # is not asked again


def test_nan_does_not_stand():
    z, z1, right = three_cells()
    z1[1, 1] = torch.nan
    found = settle(Halves(right, torch.ones(3, dtype=torch.float64)), z, z1)
    assert found.accepted(torch.ones(1)).tolist() == [True, False, True]


@pytest.fixture(scope="module")
def judged(tiny, parts):
    """Estimates and true errors of validation rows, in units of what is stated."""
    rows = chosen(tiny.samples)
    found = [
        compared(tiny.model(), parts.trust, parts.references, tiny.gas, tiny.samples, part)
        for part in np.array_split(rows[np.argsort(tiny.samples.dt[rows], kind="stable")], STEPS)
    ]
    return {name: torch.cat([x[name] for x in found]) for name in found[0]}


def test_estimate_ranks_the_true_error(judged):
    """Better than the departure of the uncorrected step, which is what others use."""
    rank = {name: spearmanr(value, judged["true"]).statistic for name, value in judged.items()}
    assert rank["estimate"] > 0.8 and rank["estimate"] > rank["trapezoid"]


def test_the_correction_corrects(judged):
    assert float(judged["corrected"].median()) < 0.2 * float(judged["network alone"].median())


def test_the_better_step_is_taken():
    """The network's where its correction is small beside what is left of the error; the correction elsewhere."""
    z = torch.tensor([[1000.0] * 3, [0.5] * 3, [0.5] * 3], dtype=torch.float64)
    z1, new, error = z.clone(), z.clone(), torch.zeros_like(z)
    z1[1:, 0] = torch.tensor([0.51, 0.49], dtype=torch.float64)  # is corrected by much, and little is left
    error[1, 0], error[1, 1] = 1e-3, 1e-2  # there, much is left
    z1[1:, 1] = torch.tensor([0.501, 0.499], dtype=torch.float64)
    new[1, 2] = torch.nan
    trust = made_trust(torch.ones(2))
    end, wrong, estimate = better(trust, z, z1, new, error)
    np.testing.assert_array_equal(end[:, :2], torch.stack([new[:, 0], z1[:, 1]], 1))
    np.testing.assert_array_equal(wrong[:, :2], torch.stack([error[:, 0], (z1 - new)[:, 1]], 1))
    np.testing.assert_allclose(estimate[:2], [1e-3 / 2e-4, 1e-3 / (2e-4 + 0.05 * 1e-3)], rtol=1e-6)
    assert bool(estimate[2].isnan())  # is not trusted


def test_the_stated_error_is_kept(tiny, parts, judged):
    """Of the validation rows below the limit, those it was chosen by, the stated share is within the stated error. The
    last bit may move one of them.
    """
    good = judged["estimate"] <= parts.trust.limit
    within = (judged["true"] <= 1.0)[good]
    assert int(good.sum()) > 100
    assert int(within.sum()) + 1 >= tiny.config.router.quantile * int(good.sum())


def test_accepted_is_the_largest_prefix():
    estimate = np.array([3.0, 1.0, 2.0, 4.0, 5.0])
    true = np.array([0.5, 0.1, 2.0, 0.5, 9.0])  # in the order of the estimates: good, bad, good, good, bad
    assert accepted(estimate, true, 0.75) == (0.8, 4.0)
    assert accepted(estimate, true, 0.99) == (0.2, 1.0)
    assert accepted(estimate, true, 0.6) == (1.0, 5.0)
    assert accepted(estimate, np.full(5, 2.0), 0.9) == (0.0, 0.0)


def test_calibration_repeats_itself(tiny):
    """The tables in the file are those of the same rows again; the card says how well estimators rank.

    The limit is the estimate of one row, and the last bit may make it another's; eigenvectors have either sign.
    """
    model, again, before = tiny.model(), tiny.model(), tiny.model()
    card = calibrate(model, tiny.gas, tiny.samples, tiny.config)
    assert card == calibrate(again, tiny.gas, tiny.samples, tiny.config)
    assert model.tables.keys() == before.tables.keys()
    for name, value in before.tables.items():
        assert torch.equal(model.tables[name], again.tables[name])
        found = model.tables[name]
        if name == "trust.whiten":
            found, value = found.T @ found, value.T @ value
        tolerance = 0.5 if name == "trust.limit" else 1e-6
        if name.startswith("references."):  # the file's were drawn; of chosen ones the last bit may decide
            found, value = found[..., : 2 * REFERENCE_PHIS], value[..., : 2 * REFERENCE_PHIS]
        np.testing.assert_allclose(found, value, rtol=tolerance, atol=1e-12, err_msg=name)
    table = dict(card["ranking"])
    within = table.pop("within what is stated")
    assert 0 <= within["network"] <= within["kept"] <= 1
    assert table["estimate"]["rank_correlation"] > 0.5
    assert all(0 <= row["accepted"] <= table["true error"]["accepted"] + 1e-12 for row in table.values())
    trust, train = trust_of(model, tiny.gas), tiny.samples.of("train")
    np.testing.assert_allclose(trust.peak, train.Y[own_states(train)].max(0).clip(1e-9))
    assert card["limit"] == float(trust.limit) > 0


def test_what_is_not_finished_or_known_is_refused(tiny):
    with pytest.raises(ConfigError, match="53"):
        Parts.of(tiny.model(), Mechanism.load("gri30.yaml"))
    model = tiny.model()
    del model.card["router"]
    with pytest.raises(ConfigError, match="no router"):
        Parts.of(model, tiny.gas)
    with pytest.raises(ConfigError, match="fp32, bf16, fp64"):
        Parts.of(tiny.model(), tiny.gas, "fp8")  # type: ignore[arg-type]
