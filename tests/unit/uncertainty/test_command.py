"""combust uncertainty from the command line, and the shipped factors."""

import json
import math

import pytest
from helpers import ROOT

from combust.__main__ import main
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.uncertainty.groups import of_mechanism
from combust.kinetics.uncertainty.reading import read_factors


@pytest.fixture
def factors(tmp_path):
    path = tmp_path / "factors.toml"
    path.write_text('name = "two"\n[factors]\n"H + O2 = O + OH" = 1.2\n"O + H2 = OH + H" = 1.5\n')
    return str(path)


def test_it_writes_what_it_prints(factors, tmp_path, capsys):
    out = tmp_path / "out"
    command = ["uncertainty", "h2o2.yaml", "--fuel", "H2", "--factors", factors, "--T", "1200,1500", "--samples", "16"]
    assert main([*command, "--only", "delays", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "two (2 rates), 95 % bands" in printed and "which rate to compute next" in printed
    record = json.loads((out / "uncertainty.json").read_text())
    [one] = record["sets"]
    assert [band["T"] for band in one["delays"]] == [1200.0, 1500.0] and one["flames"] == []
    slopes = one["delays"][0]["slopes"]
    assert one["delays"][0]["linear"]["sigma"] == pytest.approx(math.hypot(*slopes))
    rows = (out / "uncertainty.csv").read_text().splitlines()
    assert len(rows) == 3 and rows[1].startswith("two,h2o2.yaml,ignition delay,s,1,1200,")
    rates = (out / "uncertainty_rates.csv").read_text()
    assert "H + O2 <=> O + OH,11,1.2," in rates and (out / "uncertainty.png").stat().st_size > 10_000
    assert main([*command, "--only", "delays", "--out", str(out)]) == 2
    assert "exists: choose another place" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--default", "0.5"], "default: factor 0.5: must be from 1 on"),
        ([], "no reaction is uncertain: its entries state no factor above 1"),
        (["--default", "2", "--samples", "100"], "a Sobol sequence wants a power of two"),
        (["--default", "2", "--delay", "T sideways"], "T sideways"),
        (["--factors", "there_is_none.toml"], "there_is_none.toml"),
        (["--default", "2", "--cores", "0", "--only", "flames"], "cores 0: must be at least 1"),
    ],
)
def test_what_is_refused_ends_in_2(options, words, tmp_path, capsys):
    assert main(["uncertainty", "h2o2.yaml", "--fuel", "H2", *options, "--out", str(tmp_path / "out")]) == 2
    assert words in capsys.readouterr().err


def test_what_has_no_band_is_a_row_and_ends_in_3(factors, tmp_path, capsys):
    command = ["uncertainty", "h2o2.yaml", "--fuel", "H2", "--factors", factors, "--T", "300,1400", "--time", "1ms"]
    assert main([*command, "--only", "delays", "--samples", "8", "--out", str(tmp_path / "out")]) == 3
    assert "nothing ignites within 0.001 s" in capsys.readouterr().out


def test_the_shipped_factors_name_every_reaction_once():
    gas = Mechanism.load("h2o2.yaml")
    found = of_mechanism(gas, read_factors(ROOT / "cases" / "h2o2_factors.yaml"), None, False)
    assert sorted(i for group in found.groups for i in group.reactions) == list(range(29))
