"""combust rate: sources beside each other, reverses by thermo, bands; published values beside Cantera's mechanisms."""

import csv
import math

import cantera as ct
import numpy as np
import pytest

from combust import api
from combust.__main__ import main
from combust.errors import ConfigError
from combust.kinetics.constants.evaluated import EVALUATIONS
from combust.kinetics.gas.equations import sides_of
from combust.kinetics.gas.equilibrium import constant

ALZUETA = "example_data/ammonia-CO-H2-Alzueta-2023.yaml"


@pytest.mark.parametrize("one", EVALUATIONS, ids=lambda one: f"{one.equation}, {one.source}")
def test_published_values_beside_a_mechanism(one):
    """A wrong sign, unit or power would show as decades."""
    assert one.url.startswith("https://") and one.T_low < one.T_high and (one.factor is None or one.factor > 1)
    T = [t for t in np.linspace(one.T_low, one.T_high, 5) if t >= 250.0]
    found = api.rate(one.equation, [ALZUETA], T=T or [300.0])
    (mechanism,) = (said for said in found.said if said.kind == "mechanism")
    for point in mechanism.points if T else ():
        assert abs(math.log10(one.k(point.T) / point.k)) < 1.0


def test_oldenborg_by_hand():
    """3.56e-16 T^1.52 exp(-1736/T) cm3/molecule/s at 1000 K."""
    (one,) = (e for e in EVALUATIONS if e.source == "Oldenborg 1992")
    assert one.k(1000.0) == pytest.approx(3.56e-16 * 1000**1.52 * math.exp(-1.736) * 6.02214076e23 * 1e-3, rel=1e-9)


def test_a_mechanism_is_as_cantera_has_it():
    found = api.rate("OH + H2 = H2O + H", ["h2o2.yaml"], T=[700.0, 1500.0])
    gas = ct.Solution("h2o2.yaml")
    index = next(i for i, r in enumerate(gas.reactions()) if set(r.reactants) == {"OH", "H2"})
    for point in found.said[0].points:
        gas.TP = point.T, ct.one_atm
        assert point.k == pytest.approx(gas.forward_rate_constants[index], rel=1e-9)
    assert not found.said[0].reverse and found.order == 2
    assert {one.source for one in found.said} == {"h2o2.yaml", "Oldenborg 1992", "Konnov 2015"}


def test_a_factor_at_temperatures_is_its_largest(tmp_path):
    """{T, f} in the place of a number, as files of rates may state it."""
    path = tmp_path / "rates.yaml"
    path.write_text(
        "phases:\n- {name: rates, thermo: ideal-gas, elements: [H, O], kinetics: gas, reactions: all,\n"
        "   species: [{h2o2.yaml/species: [H2, H, OH, H2O]}]}\nreactions:\n- equation: OH + H2 <=> H2O + H\n"
        "  rate-constant: {A: 2.1e+5, b: 1.52, Ea: 1736 K}\n  combust: {factor: {T: [500.0, 1000.0], f: [2.0, 1.3]}}\n"
    )
    said = api.rate("OH + H2 = H2O + H", [path], T=[700.0]).said[0]
    assert said.factor == 2.0 and said.points[0].high / said.points[0].k == pytest.approx(2.0)


def test_reverses_go_by_thermo():
    there = api.rate("OH + H2 = H2O + H", ["h2o2.yaml"], T=[1000.0])
    back = api.rate("H2O + H = OH + H2", ["h2o2.yaml"], T=[1000.0])
    gas = ct.Solution("h2o2.yaml")
    K = constant(gas, sides_of("OH + H2 = H2O + H"), 1000.0)
    gas.TP = 1000.0, ct.one_atm
    index = next(i for i, r in enumerate(gas.reactions()) if set(r.reactants) == {"OH", "H2"})
    assert K == pytest.approx(gas.equilibrium_constants[index], rel=1e-9)
    for a, b in zip(there.said, back.said, strict=True):
        assert a.points[0].k / b.points[0].k == pytest.approx(K, rel=1e-6) and b.reverse


def test_pressure_counts_where_it_should():
    """H + O2 (+M): the effective k of second order grows with pressure, as Cantera's rate of progress."""
    low, high = (api.rate("H + O2 = HO2", [ALZUETA], T=[1000.0], p=p).said[0].points[0].k for p in (1e5, 1e6))
    assert 5 < high / low < 10.0
    same = [api.rate("OH + H2 = H2O + H", T=[1000.0], p=p).said[0].points[0].k for p in (1e5, 1e6)]
    assert same[0] == pytest.approx(same[1], rel=1e-9)


def test_published_values_hold_within_their_temperatures():
    found = api.rate("OH + HO2 = H2O + O2", T=[300.0, 1800.0])
    hong = next(one for one in found.said if one.source == "Hong 2010")
    assert [point.T for point in hong.points] == [1800.0]
    assert hong.points[0].high / hong.points[0].k == pytest.approx(4.2 / 3.3) and hong.factor == pytest.approx(
        4.2 / 3.3
    )


def test_what_is_refused(tmp_path, capsys):
    with pytest.raises(ConfigError, match="neither h2o2.yaml nor a published value"):
        api.rate("N2 + O = NO + N")
    with pytest.raises(ConfigError, match="at least one temperature"):
        api.rate("OH + H2 = H2O + H", T=[])
    for words, said in ((["OH + H2"], "must be an equation"), (["OH + H2 = H2O + H", "--p", "1,2"], "one pressure"),
                        (["OH + H2 = H2O + H", "--record", str(tmp_path / "none.json")], "none.json")):  # fmt: skip
        assert main(["rate", *words, "--out", str(tmp_path)]) == 2
        assert said in capsys.readouterr().err


def test_the_command(tmp_path, capsys):
    assert main(["rate", "H + O2 = OH + O", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "Konnov 2015" in said and "10.1016/j.combustflame.2015.07.014" in said and "largest over smallest" in said
    rows = list(csv.DictReader((tmp_path / "rate.csv").open()))
    assert {row["kind"] for row in rows} == {"mechanism", "published"} and (tmp_path / "rate.png").is_file()
