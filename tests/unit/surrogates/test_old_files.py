"""Files of combust 0.1.0: cards, reports, sample sets and checkpoints of trainings keep their keys and are read."""

import json
import shutil

import learned_fixture
import pytest

from combust.errors import FileFormatError
from combust.surrogates import library
from combust.surrogates.data.sample_set import SampleSet
from combust.surrogates.judge import card as report_card
from combust.surrogates.model.card import taught_of
from combust.surrogates.model.model import Model, files_of, read_card, settings_of
from combust.surrogates.training import state as training_state

FOLDER = learned_fixture.FOLDER


@pytest.mark.parametrize(
    "path", [*(library.FOLDER / name for name in ("h2_air", "ch4_air")), FOLDER / "model"], ids=str
)
def test_card(path):
    card = read_card(files_of(path)[0])
    assert card["versions"]["combust"] == "0.1.0" and card["format"] == "combust learned chemistry"
    assert taught_of(card, "card").flames[0] > 0
    assert settings_of(Model.load(path)).fuel == card["fuel"]


def test_report():
    found = report_card.read(FOLDER / "report_0.1.0.json")
    assert found["versions"]["combust"] == "0.1.0" and set(found["made"]) >= {"reactors", "flames", "steps", "speed"}


def test_sample_set():
    assert len(SampleSet.read(FOLDER / "samples.h5")) > 2000


def test_checkpoint_of_an_interrupted_training():
    """Of two epochs, stopped after the first: with weights, the best ones, Adam's moments and the settings."""
    found, identity = training_state.read(FOLDER / "checkpoint_0.1.0.safetensors")
    assert (found.member, found.epoch, found.planned, len(found.history)) == (0, 1, 2, 1)
    assert found.network.keys() == found.best_network.keys() and len(found.adam) == len(found.network) == 6
    assert identity["config"]["network"]["width"] == 4 and identity["config"]["train"]["epochs"] == 2


def test_another_version_is_refused_with_what_to_do(tmp_path):
    shutil.copy(FOLDER / "model.safetensors", tmp_path)
    card = json.loads((FOLDER / "model.json").read_text()) | {"version": 0}
    (tmp_path / "model.json").write_text(json.dumps(card))
    with pytest.raises(FileFormatError, match=r"version 0; this combust reads 1: train again .*or take the combust"):
        Model.load(tmp_path / "model")
