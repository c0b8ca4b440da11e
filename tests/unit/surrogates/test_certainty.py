"""What a training promises with any seed, and what it says where its limit of trust hangs on a few rows."""

import draws
import learned_fixture
import numpy as np
import pytest
import torch
from helpers import arguments_of
from recipe import recipe

from combust.cli import models as listing
from combust.parallel import Communicator
from combust.report.meter import Reporter
from combust.surrogates.data import sample
from combust.surrogates.model.model import Model
from combust.surrogates.provider.learned import Learned
from combust.surrogates.training import finish, train
from combust.surrogates.trust.certainty import accepted, certainty, verdict

torch.set_num_threads(1)


def router(estimate, true, trajectory, quantile=0.98):
    share, limit = accepted(estimate, true, quantile)
    found = {"certainty": certainty(estimate, true, trajectory, quantile), "asked": len(true), "limit": limit,
             "ranking": {"estimate": {"accepted": share}}}  # fmt: skip
    return found | {"verdict": verdict(found)}


def rows(trajectories, each, number=0):
    """Estimates between 0 and 2 that rank the true errors with some scatter, which trajectories have in common."""
    rng = draws.rng(number)
    trajectory = np.repeat(np.arange(trajectories), each)
    estimate = rng.uniform(0.0, 2.0, trajectory.size)
    bias = np.exp(rng.normal(0.0, 0.3, trajectories))[trajectory]
    return estimate, estimate * bias * np.exp(rng.normal(0.0, 0.2, trajectory.size)), trajectory


def test_many_trajectories_are_certain():
    found = router(*rows(100, 40))
    low, high = found["certainty"]["limit"]
    assert found["certainty"]["trajectories"] == 100 and low <= found["limit"] <= high < 1.5 * low
    assert found["verdict"] == ""
    assert found == router(*rows(100, 40))  # the same draws each time


def test_the_ends_are_those_of_other_draws():
    """Nine of ten are meant to lie between them; of few trajectories it is fewer."""
    limits = [accepted(*rows(60, 30, number)[:2], 0.98)[1] for number in range(1, 21)]
    true = float(np.median(limits))
    inside = 0
    for number in range(1, 21):
        low, high = router(*rows(60, 30, number))["certainty"]["limit"]
        inside += low <= true <= high
    assert inside > 9


def test_few_trajectories_are_said():
    found = router(*rows(2, 70))
    assert "140 of 2 validation trajectories" in found["verdict"] and "sample.trajectories" in found["verdict"]


def test_trajectories_that_differ_are_said():
    """In a fifth of them half of the estimates are wrong: the limit hangs on how many of these were drawn."""
    estimate, _, trajectory = rows(20, 30)
    true = np.where((trajectory % 10 == 3) & (np.arange(600) % 2 == 0), 3.0, 0.5 * estimate)
    found = router(estimate, true, trajectory)
    low, high = found["certainty"]["limit"]
    assert high > 2 * low and "hangs on a few rows" in found["verdict"]


def test_a_network_of_little_use_is_said():
    estimate, true, trajectory = rows(50, 40)
    found = router(estimate, 8.0 * true, trajectory)
    assert "of the rows that it is asked for are the network's" in found["verdict"]


def test_no_rows():
    none = np.zeros(0)
    found = router(none, none, none.astype(int))
    assert "never trusted" in found["verdict"] and found["limit"] == 0.0


# --- a training from the samples to the card ------------------------------------------------------------------------


class Said(Reporter):
    """Hears lines."""

    def __init__(self):
        self.lines = []

    def say(self, line):
        self.lines.append(line)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder, and what was printed."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "tiny.toml").write_text(recipe())
    changes = [
        "sample.rows=3500", "sample.trajectories.ignition=4", "sample.trajectories.flame=3", "network.width=32",
        f"sample.seed={draws.seed()}", f"train.seed={draws.seed()}",
    ]  # fmt: skip
    assert sample.sample(folder / "tiny.toml", folder / "samples.h5", changes=changes).path.is_file()
    said = Said()
    made = train.train(folder / "tiny.toml", folder, changes=changes, reporter=said)
    assert made.path == folder / "model.json" and made.losses == folder / "losses.csv"
    return folder, said.lines


def test_training_learns_whatever_the_seed(trained):
    """The losses fall, that of validation stays near its best, and most increments are predicted, as by no idle model.
    T is not promised: it is no term of the loss, and may be kelvins off.
    """
    folder, _ = trained
    curve = np.loadtxt(folder / "losses.csv", delimiter=",", skiprows=1)
    training, validation = curve[:, 4], curve[:, 6]
    assert len(curve) == 60 and training[-1] < 0.7 * training[0]
    assert validation[-1] < validation[0] and validation[-1] < 1.1 * validation.min()
    score = Model.load(folder / "model").card["errors"]["validation"]["not slow"]
    assert score["recall"] > 0.5


def test_what_is_trusted_keeps_the_stated_error(trained):
    """Of the rows that the limit was chosen by; how many there are is luck, and said."""
    folder, said = trained
    found = Model.load(folder / "model").card["router"]
    ranking = found["ranking"]
    assert found["certainty"]["trajectories"] <= 2 and 0 <= ranking["estimate"]["accepted"] <= 1
    assert ranking["estimate"]["rank_correlation"] > 0.5
    assert ranking["within what is stated"]["kept"] > ranking["within what is stated"]["network"]
    assert "hangs on a few rows" in found["verdict"] and f"warning: {found['verdict']}" in said
    assert finish.trusted(found) in said


def test_models_tells_the_warning(trained, capsys):
    folder, _ = trained
    assert listing.call(arguments_of(listing, str(folder / "model")), Communicator()) == 0
    assert "hangs on a few rows" in " ".join(capsys.readouterr().out.split())


def test_the_model_of_any_seed_conserves(trained):
    folder, _ = trained
    model, tiny = Model.load(folder / "model"), learned_fixture.Tiny(learned_fixture.FOLDER)
    T, p, Y, *_ = tiny.rows("validation", 200)
    done = Learned(model, tiny.gas).advance(T, p, Y, 1e-6)
    atoms = tiny.gas.element_matrix / tiny.gas.molar_mass
    np.testing.assert_allclose(atoms @ done.Y, atoms @ Y, rtol=1e-12, atol=1e-18)
    assert float(done.Y.min()) >= 0 and done.stats.cells == 200
    exact = tiny.gas.integrate(T, p, Y, 1e-6)
    assert float((done.T - exact.T).abs().max()) < 5.0
