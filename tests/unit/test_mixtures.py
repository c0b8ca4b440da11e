"""Compositions that people write: what says nothing certain is refused, the rest is as in Cantera."""

import logging

import cantera as ct
import numpy as np
import pytest

from combust.__main__ import main
from combust.errors import ConfigError, MechanismError
from combust.kinetics import Mechanism
from combust.kinetics.flames.burner import burner_flame
from combust.kinetics.flames.free import free_flame
from combust.kinetics.mechanism.ideal_gas import COVOLUME, NOTICED, require_ideal
from combust.kinetics.rates.thermo import GAS_CONSTANT

AIR = "O2:0.21, N2:0.79"


@pytest.fixture(scope="module")
def gas():
    return Mechanism.load("h2o2.yaml")


@pytest.mark.parametrize("text, named", [
    ("H2:1, H2:2", "H2 is named twice;"),
    ("H2:1, O2:1, h2:2", r"h2 is named twice \(H2 and h2 are one species\)"),
    ({"H2": 1.0, "h2": 2.0}, "h2 is named twice"),
])  # fmt: skip
def test_a_species_has_one_amount(gas, text, named):
    """Cantera refuses the first; of two spellings it keeps one and drops the other."""
    with pytest.raises(MechanismError, match=named):
        gas.composition(text)
    with pytest.raises(MechanismError, match=named):
        gas.mixture(text, AIR, 1.0)


@pytest.mark.parametrize("oxidizer", ["N2:1", "AR:1", "H2:1, O2:0.5", "H2O:1"])
def test_an_oxidizer_holds_oxygen(gas, oxidizer):
    doors = (
        lambda: gas.mixture("H2:1", oxidizer, 1.0),
        lambda: free_flame(gas, 300.0, 1e5, "H2:1", oxidizer, 1.0),
        lambda: burner_flame(gas, 300.0, 1e5, "H2:1", oxidizer, 1.0, 0.1),
    )
    for solved in doors:
        with pytest.raises((MechanismError, ConfigError), match="holds no oxygen beyond what it burns with.*add O2"):
            solved()


@pytest.mark.parametrize("fuel, oxidizer", [
    ("H2:1", "O2:0.21, N2:0.79"), ("H2:0.7, O2:0.1, N2:0.2", "O2:1, H2O:0.3"), ("H2:1, AR:2", "H2O2:1"),
    ("H2:1", "O2:1, H2:0.1"),
])  # fmt: skip
@pytest.mark.parametrize("phi", [0.0, 0.4, 1.0, 3.0])
def test_mixtures_are_those_of_cantera(gas, fuel, oxidizer, phi):
    solution = ct.Solution("h2o2.yaml")
    solution.set_equivalence_ratio(phi, fuel, oxidizer)
    assert np.allclose(gas.mixture(fuel, oxidizer, phi).numpy(), solution.Y, rtol=1e-13, atol=1e-16)


def test_ideal_gases_end_where_real_ones_leave_them(caplog):
    """At the limit nitrogen's own equation of state is a few percent off p = rho R T; beyond, it is said once."""
    for T in (600.0, 1200.0):
        p = NOTICED * GAS_CONSTANT * T / COVOLUME
        real = ct.Nitrogen()
        real.TP = T, p
        Z = p * real.mean_molecular_weight / (real.density * GAS_CONSTANT * T)
        assert 0.5 * NOTICED < Z - 1 < 1.5 * NOTICED
        with caplog.at_level(logging.WARNING):
            require_ideal("here", T, 0.99 * p)
            assert not caplog.records
            require_ideal("here", [T, 2000.0], [2 * p, 1e5])
            require_ideal("there", T, 2 * p)
        assert [r.getMessage()[:15] for r in caplog.records] == ["warning: here: "] and "10 %" in caplog.text
        caplog.clear()


@pytest.mark.parametrize("arguments, words", [
    (["ignite", "h2o2.yaml", "--fuel", "H2", "--T", "1200", "--p", "1e9"], ["1.013e+14 Pa", "below 2.5e+08 Pa"]),
    (["flamespeed", "h2o2.yaml", "--fuel", "H2", "--p", "1e9"], ["1.013e+14 Pa at 300 K", "below 6.2e+07 Pa"]),
    (["flamespeed", "h2o2.yaml", "--fuel", "H2", "--width", "1e300"], ["--width 1e+300", "from 1e-06 to 100 m"]),
    (["flamespeed", "h2o2.yaml", "--fuel", "H2", "--width", "nan"], ["--width nan", "from 1e-06 to 100 m"]),
    (["flamespeed", "h2o2.yaml", "--fuel", "H2:1, H2:2"], ["--fuel", "H2 is named twice"]),
    (["ignite", "h2o2.yaml", "--fuel", "H2", "--oxidizer", "N2"], ["--oxidizer", "holds no oxygen"]),
    (["flamespeed", "h2o2.yaml", "--fuel", "H2", "--oxidizer", "N2"], ["--oxidizer", "holds no oxygen"]),
])  # fmt: skip
def test_verbs_refuse_in_one_line(arguments, words, tmp_path, capsys):
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert all(word in said for word in words) and said.count("\n") == 1 and "nan." not in said, said
    assert not list((tmp_path / "out").glob("*"))


def test_domains_of_other_flames(gas):
    with pytest.raises(ConfigError, match="burner flame: width 1e.300: must be from 1e-06 to 100 m"):
        burner_flame(gas, 300.0, 1e5, "H2:1", AIR, 1.0, 0.1, width=1e300)
