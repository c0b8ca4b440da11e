"""The seam of models: a second one, admitted in a line, runs, checkpoints and restarts; cases without the key stay."""

import json
import math

import numpy as np
import pytest
from conduction_model import Conduction

from combust.__main__ import main
from combust.case import config
from combust.case.changes import differences
from combust.case.load import convert, load, schema, to_toml
from combust.cli.reference import kinds_of
from combust.errors import ConfigError
from combust.io.series import read_series

SLAB = """
model = { kind = "conduction", diffusivity = 2e-5 }

[mesh]
kind = "uniform"
cells = [40]
lower = [0.0]
upper = [0.01]

[gas]
mechanism = "h2o2.yaml"

[chemistry]
kind = "none"

[initial]
kind = "uniform"
composition = "N2:1"
temperature = 300.0

[boundary]
x = { kind = "wall", temperature = 400.0 }

[stop]
steps = 60

[numerics]
dt = 1e-3

[output.fields]
names = ["T"]

[output.series]
quantities = ["T_max", "mean(T)"]
every = { steps = 1 }

[output.checkpoint]
every = { steps = 25 }
"""


@pytest.fixture
def slab(tmp_path, monkeypatch):
    """A case file of the model, which is known during the test."""
    monkeypatch.setattr(config, "_whole", config.Config)
    config.admit("model", Conduction)
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "slab.toml"
    path.write_text(SLAB)
    return path


def series(folder):
    return read_series(folder / "series.csv")


def mean(t, width=0.01, alpha=2e-5):
    """Mean temperature of the slab [K]: the series of the heat equation."""
    terms = [8 / ((2 * n + 1) * math.pi) ** 2 * math.exp(-alpha * t * ((2 * n + 1) * math.pi / width) ** 2)
             for n in range(200)]  # fmt: skip
    return 400.0 - 100.0 * sum(terms)


def test_a_second_model_runs_and_restarts_bit_by_bit(slab, tmp_path):
    assert main(["run", str(slab), "--out", str(tmp_path / "whole")]) == 0
    whole = series(tmp_path / "whole")
    for row, t in enumerate(whole["time"]):
        assert whole["mean(T)"][row] == pytest.approx(mean(t), abs=0.25), t
    out = str(tmp_path / "two")
    assert main(["run", str(slab), "--out", out, "--set", "stop.steps=30"]) == 0
    assert main(["run", str(slab), "--out", out, "--restart", "auto"]) == 0
    again = series(tmp_path / "two")
    for name in ("time", "T_max", "mean(T)"):
        np.testing.assert_array_equal(again[name], whole[name])
    summary = json.loads((tmp_path / "two" / "summary.json").read_text())
    assert summary["identity"]["model"] == "conduction"
    assert summary["config"]["model"] == {"kind": "conduction", "diffusivity": 2e-5}


def test_a_checkpoint_belongs_to_a_model(slab, tmp_path, capsys):
    out = str(tmp_path / "out")
    assert main(["run", str(slab), "--out", out, "--set", "stop.steps=2"]) == 0
    lowmach = ["--set", "model.kind=low-mach", "--set", "stop.steps=4"]
    assert main(["run", str(slab), "--out", out, "--restart", "auto", "--change", *lowmach]) == 2
    assert "its model is conduction, that of this case is nothing" in capsys.readouterr().err


def test_messages_know_the_kinds(slab):
    with pytest.raises(ConfigError, match=r'model.kind = "conducktion": allowed.*"conduction".*Did you mean'):
        load(slab, ["model.kind=conducktion"])
    with pytest.raises(ConfigError, match="numerics.sweeps.*conduction.*has no use for it; it takes cfl, dt"):
        load(slab, ["numerics.sweeps=1"])
    with pytest.raises(ConfigError, match="model.difusivity: unknown key"):
        load(slab, ["model.difusivity=1e-5"])
    assert "conduction" in json.dumps(schema()) and list(kinds_of()["model"]) == ["low-mach", "conduction"]
    with pytest.raises(ConfigError, match="needs a tag of its own; taken: low-mach, conduction"):
        config.admit("model", Conduction)
    with pytest.raises(ConfigError, match='"gas" takes no kinds'):
        config.admit("gas", Conduction)


def test_the_default_is_not_written(slab):
    """Cases, checkpoints and summaries without the key, as before there was one, compare equal."""
    case = load(slab, ["model.kind=low-mach"])
    text = to_toml(case)
    assert "model" not in text and "model" not in config.plain(case)
    assert differences(text, case) == []
    assert differences(text, load(slab)) == [
        "model.kind: low-mach, now conduction",
        "model.diffusivity: not given, now 2e-05",
    ]
    assert "diffusivity" in to_toml(load(slab))


def test_unknown_model_in_a_plain_case():
    raw = {"model": {"kind": "compressible"}}
    with pytest.raises(ConfigError, match='model.kind = "compressible": allowed "low-mach"'):
        convert(raw, "case")
