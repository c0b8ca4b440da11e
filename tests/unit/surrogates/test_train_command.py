"""combust train: what it writes, refuses, continues."""

import argparse
import csv
import json
import time
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
import training_fixture
from training_fixture import task

from combust.cli import train as command
from combust.errors import ConfigError, FileFormatError
from combust.io.lock import take
from combust.parallel import Communicator
from combust.surrogates.model.model import Model, settings_of
from combust.surrogates.model.network import Network
from combust.surrogates.training import calibrate, curve, distributed, finish, scores
from combust.surrogates.training.lineage import covered
from combust.surrogates.training.rows import columns

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def gas():
    return training_fixture.mechanism()


@pytest.fixture(scope="module")
def samples():
    return training_fixture.sample_set()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return training_fixture.files(tmp_path_factory.mktemp("training"))


def run(folder, out, *changes, samples="s.h5", **options):
    given = {
        "init": None, "minutes": None, "processes": 1, "tensorboard": False, "resume": False, "force": False,
        "calibrate": False, "range": False, "also": [],
    }  # fmt: skip
    args = argparse.Namespace(
        config=str(folder / "c.toml"), set=list(changes), samples=str(folder / samples), out=str(out), **given | options
    )
    return command.call(args, Communicator())


def no_limits(model, trust, references, gas, samples, rows, quantile):
    """In place of the search for the limit, which takes longer than all else and is tested with the router."""
    assert len(samples) == 360 and len(rows) and quantile == 0.98
    return 0.5, 40, {"estimate": {"accepted": 0.5}}, {"trajectories": 9, "limit": [0.4, 0.6], "accepted": [0.4, 0.6]}


@pytest.fixture
def no_router(monkeypatch):
    monkeypatch.setattr(calibrate, "choose", no_limits)


@pytest.fixture(scope="module")
def trained(folder):
    out = folder / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibrate, "choose", no_limits)
        assert run(folder, out) == 0
    return out


def test_command_writes_model_card_and_curve(trained, gas, samples):
    names = {"checkpoint.safetensors", "losses.csv", "losses.png", "model.json", "model.safetensors"}
    assert {path.name for path in trained.iterdir()} == names
    model = Model.load(trained / "model")
    model.require(gas)
    card = model.card
    assert card["species"] == list(gas.species) and card["hold"] == "hp" and "router" in card
    assert card["mechanism"] == {"path": "h2o2.yaml", "sha256": gas.sha256, "phase": gas.name}
    assert card["samples"]["rows"] == {"train": 240, "validation": 60, "test": 60}
    assert card["training"]["rows_seen"] == 5 * 3 * 64 and card["training"]["seed"] == 0
    assert card["ranges"]["p"] == [1e5, 1e5] and card["versions"]["torch"] == torch.__version__
    score = card["errors"]["test"]["all"]
    assert score["rows"] == 60 and 0 <= score["zero_within_10"] <= score["within_10"] <= 1
    with (trained / "losses.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert ",".join(lines[0]) == "network,epoch,rows,rate,loss,step,validation,validation_step,seconds"
    assert [int(line["epoch"]) for line in lines] == [1, 2, 3, 4, 5]
    best = min(float(line["validation"]) for line in lines)
    assert card["errors"]["validation"]["all"]["L1"] == pytest.approx(best, rel=1e-4)


def test_interrupted_command_continues(trained, folder, tmp_path, no_router, capsys):
    before = curve.Curve.__call__

    def stop(self, state):
        before(self, state)
        if state.epoch == 2:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(curve.Curve, "__call__", stop)
        assert run(folder, tmp_path / "o") == 4
    assert "the same command with --resume continues" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="checkpoint.safetensors exists: .*--resume.*--force"):
        run(folder, tmp_path / "o")
    with pytest.raises(ConfigError, match="train.batch was 64 in .* and is 32 now"):
        run(folder, tmp_path / "o", "train.batch=32", resume=True)
    assert run(folder, tmp_path / "o", resume=True) == 0
    one, two = (Model.load(out / "model").networks[0].state_dict() for out in (trained, tmp_path / "o"))
    assert all(torch.equal(one[name], two[name]) for name in one)
    with pytest.raises(ConfigError, match="holds no checkpoint.safetensors; run without --resume"):
        run(folder, tmp_path / "new", resume=True)


def test_rows_of_other_fuels_teach_the_network_and_not_its_router(trained, folder, samples, gas, tmp_path, no_router):
    """Coordinates and steps are those of all rows, ranges, errors and the router those of the configuration's own."""
    hot = replace(samples, T=samples.T + 900.0, T1=samples.T1 + 900.0, dt=0.1 * samples.dt)
    hot.write(folder / "hot.h5")
    assert run(folder, tmp_path / "o", also=[str(folder / "hot.h5")]) == 0
    alone, made = Model.load(trained / "model"), Model.load(tmp_path / "o" / "model")
    T = np.concatenate([part.T[part.split == 0] for part in (samples, hot)])
    assert float(made.coordinates.mean[-4]) == pytest.approx(T.mean(), rel=1e-12)
    assert made.card["training"]["rows_seen"] == 5 * (480 // 64) * 64
    for key in ("ranges", "fuel", "router"):
        assert made.card[key] == alone.card[key]
    assert made.card["samples"]["rows"] == alone.card["samples"]["rows"]
    assert made.card["samples"]["also"]["rows"] == {"train": 240, "validation": 60, "test": 60}
    assert made.card["samples"]["also"]["trajectories"] == {"made": 12}
    assert float(made.tables["trust.upper"][-3]) < 1750.0  # K
    digests = made.card["provenance"]["samples"]
    assert len(digests) == 2 and digests[0] == alone.card["provenance"]["samples"][0]
    with pytest.raises(ConfigError, match="--resume: also was"):
        run(folder, tmp_path / "o", resume=True)


def test_rows_of_other_fuels_that_do_not_fit_are_refused_by_name(folder, samples, tmp_path):
    replace(samples, hold="uv").write(folder / "also_uv.h5")
    training_fixture.sample_set("ohn.yaml").write(folder / "also_ohn.h5")
    replace(samples, split=np.full(len(samples), 2, np.int8)).write(folder / "also_none.h5")
    for name, match in (("uv", 'holds "uv", the samples "hp"'), ("ohn", "belong to another mechanism"),
                        ("none", "has no rows for train")):  # fmt: skip
        with pytest.raises(ConfigError, match=f"--also .*also_{name}.h5: .*{match}"):
            run(folder, tmp_path / "x", also=[str(folder / f"also_{name}.h5")])
    with pytest.raises(ConfigError, match="--also: is for training"):
        run(folder, tmp_path / "x", also=[str(folder / "s.h5")], init="h2_air", calibrate=True)
    assert not (tmp_path / "x").exists()


def test_other_samples_are_refused_on_resume(trained, folder, samples, gas):
    replace(samples, T1=samples.T1 + 1e-9).write(folder / "other.h5")
    with pytest.raises(ConfigError, match="--resume: samples was"):
        run(folder, trained, samples="other.h5", resume=True)


def test_init_keeps_coordinates_and_weights(trained, folder, tmp_path, samples, no_router):
    shifted = replace(samples, T=samples.T + 10.0, T1=samples.T1 + 10.0)  # other coordinates, were they fitted anew
    shifted.write(folder / "shifted.h5")
    given = {"samples": "shifted.h5", "init": trained / "model"}
    assert run(folder, tmp_path, "train.epochs=1", "train.rate=1e-12", **given) == 0
    old, new = Model.load(trained / "model"), Model.load(tmp_path / "model")
    assert torch.equal(old.coordinates.mean, new.coordinates.mean)
    assert torch.allclose(old.networks[0].layers[1].weight, new.networks[0].layers[1].weight, rtol=1e-6)
    assert new.card["training"]["init"] == "model"
    with pytest.raises(ConfigError, match="network.width of the model is 16, of the configuration 8: add --set"):
        run(folder, tmp_path / "x", "network.width=8", init=trained / "model")
    replace(samples, hold="uv").write(folder / "uv.h5")
    with pytest.raises(ConfigError, match='the model holds "hp", the samples "uv"'):
        run(folder, tmp_path / "x", samples="uv.h5", init=trained / "model")


def test_calibration_alone(trained, folder, tmp_path, no_router):
    """The networks stay as they are; the card has the router's settings, and whatever else it was trained by."""
    given = {"init": trained / "model", "calibrate": True}
    assert run(folder, tmp_path, "router.species=0.02", "train.seed=7", **given) == 0
    old, new = Model.load(trained / "model"), Model.load(tmp_path / "model")
    assert new.card["router"] == old.card["router"] | {"stated": old.card["router"]["stated"] | {"Y_of_peak": 0.02}}
    assert all(
        torch.equal(a, b)
        for a, b in zip(old.networks[0].state_dict().values(), new.networks[0].state_dict().values(), strict=True)
    )
    before, after = settings_of(old), settings_of(new)
    assert after.router.species == 0.02 and after == msgspec.structs.replace(before, router=after.router)
    assert new.card["training"] == old.card["training"]
    with pytest.raises(ConfigError, match="--force"):
        run(folder, tmp_path, **given)
    assert run(folder, tmp_path, force=True, **given | {"init": tmp_path / "model"}) == 0  # in place
    assert settings_of(Model.load(tmp_path / "model")).router.species == before.router.species


def test_nothing_is_written_where_a_training_runs(trained, folder, tmp_path, no_router):
    """A folder has one owner: what changes a model in it waits for the training there to end."""
    held = take(tmp_path)
    try:
        with pytest.raises(ConfigError, match="is in use by process"):
            run(folder, tmp_path, init=trained / "model", calibrate=True, force=True)
        assert not (tmp_path / "model.json").exists()
    finally:
        held.release()


def test_words_about_the_router():
    card = {
        "asked": 400,
        "limit": 0.512,
        "certainty": {"accepted": [0.7, 0.9]},
        "ranking": {
            "estimate": {"accepted": 0.83, "rank_correlation": 0.84},
            "within what is stated": {"network": 0.88, "kept": 0.94},
        },
    }
    words = finish.trusted(card)
    assert "accepts 83 % of 400 validation rows (70 to 90 %" in words and "rank correlation 0.84" in words
    assert "88 % of the network's steps, 94 % of those that are kept" in words
    assert "no validation row" in finish.trusted(card | {"asked": 0})


def test_bad_input_is_refused(folder, samples, tmp_path):
    def refused(match, *changes, error=ConfigError, **options):
        with pytest.raises(error, match=match):
            run(folder, tmp_path / "x", *changes, **options)
        assert not (tmp_path / "x").exists()

    refused("no such file; make it with `combust sample`", error=FileFormatError, samples="none.h5")
    refused("belong to another mechanism", 'mechanism="gri30.yaml"')
    refused("beyond range.dt", "range.dt=[1e-6, 1e-5]")
    refused("all weights are zero", "train.loss.step=0")
    refused("--minutes 0", minutes=0.0)
    refused("--processes 0", processes=0)
    refused("--calibrate: needs --init MODEL", calibrate=True)
    refused("train.loss.rollout: no row's dt can be cut", "train.loss.rollout=1", "train.loss.rollout_steps=101")
    if not torch.cuda.is_available():
        refused("torch finds no GPU", 'train.device="cuda"')
    replace(samples, split=np.where(samples.split == 1, 0, samples.split)).write(folder / "unchecked.h5")
    refused("no rows for validation", samples="unchecked.h5")


def test_tensorboard_is_asked_for_and_missing(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
    writer, why = curve.board(tmp_path)
    assert writer is None and "losses.csv has the same numbers" in why


def test_ranges_reach_the_ends_that_were_asked_for():
    assert covered(np.array([1.01e-7, 3e-6]), (1e-7, 1e-5)) == [1e-7, 3e-6]
    assert covered(np.array([1e5, 1e5]), (1e5, 1e5)) == [1e5, 1e5]


def test_scores_of_a_model_that_changes_nothing(gas, samples, folder):
    made = task(gas, samples, folder)
    model = Model(made.core.coordinates, [Network(*made.shape)], {"hold": "hp"})  # untrained: zero
    score = scores.errors(model, gas, samples.of("test"), made.peak)["all"]
    assert score["within_10"] == pytest.approx(score["zero_within_10"], abs=1e-3) and score["recall"] == 0.0
    assert score["T_mean"] == pytest.approx(score["zero_T_mean"], rel=1e-9)
    assert score["L1"] == pytest.approx(float(made.core.coordinates.target(*[
        x for i, x in enumerate(columns(samples.of("test"))) if i in (3, 4)
    ], columns(samples.of("test"))[2]).abs().mean()), rel=1e-6)  # fmt: skip
    assert scores.errors(model, gas, samples.rows(np.zeros(len(samples), bool)), made.peak) == {}
    assert "test, base" in scores.table({"test": {"base": score}})


@pytest.mark.slow
def test_processes_of_the_command(trained, folder, tmp_path):
    assert run(folder, tmp_path / "two", processes=2) == 0
    one, two = (np.loadtxt(out / "losses.csv", delimiter=",", skiprows=1) for out in (trained, tmp_path / "two"))
    assert np.allclose(one[:, :-1], two[:, :-1], rtol=1e-5)
    with pytest.raises(ConfigError, match="losses.csv exists|checkpoint.safetensors exists"):
        run(folder, tmp_path / "two")
    assert run(folder, tmp_path / "two", processes=2) == 2
    assert run(folder, tmp_path / "two", processes=2, resume=True) == 0


def test_the_worst_exit_code_of_processes(monkeypatch, capfd):
    """One that fails ends the others."""
    sh = "if [ $RANK = 1 ]; then exit 3; else sleep 60; fi"
    real = command.subprocess.Popen
    monkeypatch.setattr(command.subprocess, "Popen", lambda command, env: real(["/bin/sh", "-c", sh], env=env))
    begin = time.monotonic()
    assert command.spawn([], 3) == 3
    assert time.monotonic() - begin < 30
    sh = "kill -9 $$"
    assert command.spawn([], 2) == 1
    assert "signal 9: the same command with --resume continues" in capfd.readouterr().out
    sh = "exit 0"
    assert command.spawn([], 2) == 0


def test_bad_input_is_said_before_processes_start(folder, tmp_path):
    with pytest.raises(FileFormatError, match="no such file"):
        run(folder, tmp_path / "x", samples="none.h5", processes=2)


def test_launcher_variables(monkeypatch):
    monkeypatch.setenv("RANK", "3")
    assert distributed.rank() == 3
    monkeypatch.setenv("WORLD_SIZE", "4")
    with pytest.raises(ConfigError, match="a launcher has started this process already"):
        command.check(argparse.Namespace(processes=2, range=False, also=[]))


def test_schema_of_the_card_is_json(trained):
    card = json.loads(Path(trained / "model.json").read_text())
    assert set(card) >= {"title", "mechanism", "ranges", "labels", "sampler", "config", "training", "errors", "router"}
