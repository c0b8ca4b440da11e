"""combust ignite: table, file, picture; bad input ends with one message."""

import csv
import math

import pytest
import torch

from combust.__main__ import main
from combust.kinetics import Mechanism
from combust.kinetics.reactors import ignition
from combust.kinetics.reactors.ignition import ignition_delays

BASE = ["ignite", "h2o2.yaml", "--fuel", "H2"]


def test_table_file_and_picture(tmp_path, capsys):
    out = tmp_path / "out"
    given = [*BASE, "--phi", "0.5,1", "--T", "600,1100:1300:2", "--p", "1,10bar", "--time", "0.1", "--out", str(out)]
    assert main(given) == 0
    with (out / "ignite.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12
    assert (out / "ignite.png").stat().st_size > 10_000
    shown = capsys.readouterr()
    assert shown.out.count("no ignition") == sum(math.isnan(float(r["delay_s"])) for r in rows) >= 2
    gas = Mechanism.load("h2o2.yaml")
    row = next(r for r in rows if (r["phi"], r["temperature_K"], r["pressure_Pa"]) == ("1", "1300", "1000000"))
    Y = gas.mixture("H2:1", "O2:1, N2:3.76", 1.0)
    exact = ignition_delays(gas, torch.tensor([1300.0]), 1e6, Y, 0.1)
    assert float(row["delay_s"]) == pytest.approx(float(exact), rel=1e-8)
    assert main(given) == 2
    assert "--force" in capsys.readouterr().err
    assert main([*BASE, "--T", "1300", "--out", str(out), "--force"]) == 0


@pytest.mark.filterwarnings("error")
def test_a_picture_of_equal_delays(tmp_path, capsys):
    """Values that differ in their last digit only made matplotlib divide by zero."""
    assert main([*BASE, "--T", "1500:1500:3", "--out", str(tmp_path)]) == 0
    assert "warning" not in capsys.readouterr().err


def test_to_end_gives_the_same_table(tmp_path, monkeypatch):
    monkeypatch.setattr(ignition, "FEW", 0)
    for folder, more in (("early", []), ("late", ["--to-end"])):
        assert main([*BASE, "--T", "900,1500", "--time", "0.1", "--out", str(tmp_path / folder / "a.csv"), *more]) == 0
    early, late = ((tmp_path / folder / "a.csv").read_text() for folder in ("early", "late"))
    assert early == late


def test_nothing_ignites(tmp_path, capsys):
    assert main([*BASE, "--T", "500", "--time", "1e-3", "--out", str(tmp_path)]) == 3
    assert "nothing ignited within 0.001 s" in capsys.readouterr().out


@pytest.mark.parametrize(
    "change, message",
    [
        (["--T", "hot"], "--T"),
        (["--fuel", "CH4"], "no species 'CH4'"),
        (["--p", "0"], "0 is not positive"),
        (["--time", "0"], "--time 0"),
        (["--criterion", "T middle"], "max slope | max | half max"),
        (["--delay", "OH* max"], 'is a common proxy: say so with "OH max"'),
        (["--delay", "OH max", "--delay", "p max", "--hold", "hp"], 'constant; use "uv"'),
        (["--T", "30000"], "must be within the mechanism's 200 to 5000 K"),
    ],
)
def test_bad_input(tmp_path, capsys, change, message):
    assert main([*BASE, *change, "--out", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err


def test_several_definitions_are_columns(tmp_path, capsys):
    more = ["--delay", "OH max", "--delay", "p max slope extrapolated", "--delay", "O2 max"]
    assert main([*BASE, "--T", "600,1300", "--p", "1", "--time", "1e-3", *more, "--out", str(tmp_path)]) == 0
    with (tmp_path / "ignite.csv").open() as file:
        cold, hot = csv.DictReader(file)
    gas = Mechanism.load("h2o2.yaml")
    texts = ["OH max", "p max slope extrapolated"]
    exact = ignition_delays(gas, 1300.0, 101325.0, gas.mixture("H2:1", "O2:1, N2:3.76", 1.0), 1e-3, "uv", texts)
    for text, delay in zip(texts, exact[:, 0].tolist(), strict=True):
        assert float(hot[f"delay_s {text}"]) == pytest.approx(delay, rel=1e-8)
        assert math.isnan(float(cold[f"delay_s {text}"]))
    shown = capsys.readouterr().out
    # what is only consumed is largest at the start: that is no missing ignition
    assert math.isnan(float(hot["delay_s O2 max"])) and hot["reason"] == "ignited, but there is no O2 max"
    assert "no ignition" in shown and "none: the gas ignited" in shown
