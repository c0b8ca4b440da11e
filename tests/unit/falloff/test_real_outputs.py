"""Pieces of outputs that MESS and Arkane have written: read as they are (tests/data/falloff/README.md)."""

import cantera as ct
import numpy as np
import pytest
from helpers import ROOT

from combust import api
from combust.errors import ConfigError
from combust.kinetics.falloff import mess

DATA = ROOT / "tests" / "data" / "falloff"
METHOXY = ["methoxy(1)=CH3O", "H(2)=H", "CH2O(3)=CH2O", "CH2OH(4)=CH2OH"]
PRESSURES = np.array([0.0101325, 0.101325, 1.01325, 3.03975, 10.1325, 101.325, 1013.25]) * 1e5  # of the same run


def arkane_table():
    """k of H + CH2O -> methoxy [cm3/mol/s] that Arkane's master equation found: T, then a column for each pressure."""
    lines = (DATA / "arkane_methoxy_output.txt").read_text().splitlines()
    rows = [line.lstrip("# ").split() for line in lines if line.startswith("#")]
    return np.array([row for row in rows if row and row[0].isdigit()], dtype=float)


def largest_error(yaml, number=0):
    """Of k of an entry in Cantera beside that table."""
    gas = ct.Solution(str(yaml))
    worst = 0.0
    for T, *row in arkane_table():
        for p, k in zip(PRESSURES, row, strict=True):
            gas.TPX = T, p, "H:1"
            worst = max(worst, abs(gas.forward_rate_constants[number] / (1e-3 * k) - 1))
    return worst


def test_output_py_of_arkane(tmp_path):
    """Its laws give the k of its table but for what four temperatures leave of a fit; laws say for which they are."""
    found = api.read_rates(DATA / "arkane_methoxy_output.txt", "gri30.yaml", tmp_path, names=["methoxy=CH3O"])
    [one] = found.taken
    assert one.T == (450.0, 700.0) and one.p == pytest.approx((1013.25, 1.01325e8))
    assert largest_error(found.yaml) < 0.02


def test_chem_inp_of_arkane(tmp_path):
    """Species have numbers there; what is no rate over pressure, or has no name in the mechanism, is said by line."""
    found = api.read_rates(DATA / "arkane_methoxy_chem.inp", "gri30.yaml", tmp_path, names=METHOXY)
    assert [one.equation for one in found.taken] == ["CH3O <=> CH2OH", "CH2O + H <=> CH2OH", "CH2O + H <=> CH3O"]
    assert [one.line for one in found.taken] == [48, 57, 75]
    assert largest_error(found.yaml, 2) < 0.02  # kcal/mol and three figures
    assert [reason.partition(":")[0] for _, reason in found.left_out] == ["line 40", "line 43", "line 46"]
    assert all("the mechanism has no" in reason for _, reason in found.left_out)


def test_species_of_arkane_that_have_no_name_are_named(tmp_path):
    with pytest.raises(ConfigError, match=r"line 75: the mechanism has no CH2O\(3\), H\(2\), methoxy\(1\); give"):
        api.read_rates(DATA / "arkane_methoxy_chem.inp", "gri30.yaml", tmp_path)


CHEBYSHEV = """
pdepreaction(
    reactants = ['H', 'O2'],
    products = ['HO2'],
    kinetics = Chebyshev(
        coeffs = [[nan, nan], [nan, nan]],
        kunits = 'cm^3/(mol*s)',
        Tmin = (300, 'K'), Tmax = (2000, 'K'), Pmin = (0.01, 'bar'), Pmax = (100, 'bar'),
    ),
)
"""
CHEB = """REACTIONS    KCAL/MOLE   MOLES
H+O2(+M)<=>HO2(+M)                                  1.000e+00 0.000     0.000
    TCHEB/ 300.000   2000.000 /
    PCHEB/ 0.010     98.692   /
    CHEB/ 2 2/
    CHEB/ nan          nan          /
    CHEB/ nan          nan          /

END
"""


@pytest.mark.parametrize("text", [CHEBYSHEV, CHEB])
def test_rates_that_are_no_numbers_are_left_out(tmp_path, text):
    """As in the acetyl + O2 example of Arkane, whose method has failed."""
    (tmp_path / "file").write_text(text)
    with pytest.raises(ConfigError, match="line 2: has nan in the place of numbers"):
        api.read_rates(tmp_path / "file", "h2o2.yaml", tmp_path / "out")


def test_names_of_other_atoms_are_refused(tmp_path):
    """A mistake of --name: without it Cantera would say that a reaction is not balanced, of the whole file."""
    with pytest.raises(ConfigError, match="line 39: .*have other atoms.*--name"):
        api.read_rates(DATA / "mess_rate.out", "gri30.yaml", tmp_path, names=["WR=C2H6", "REACS=H+C2H4"])


def test_tables_of_mess():
    """All rows, undefined ones as nan; where wells and products are apart, both directions have one ratio at all p."""
    there, back = mess.blocks((DATA / "mess_rate.out").read_text(), "rate.out")
    assert (there.left, there.right, back.left, back.right) == ("WR", "REACS", "REACS", "WR")
    assert there.T.tolist() == [300.0 + 100 * i for i in range(12)]
    assert there.p == pytest.approx(ct.one_atm * np.array([1, 10, 100, 1000]))
    assert np.isnan(there.k).sum(axis=0).tolist() == [4, 3, 1, 0]
    assert (there.k[0, 0], there.k[11, 3], back.k[7, 1]) == (6834.32, 6.76487e10, 5.08054e-15)
    assert (there.k[:, 3] < there.high).all()
    ratio = there.k / back.k / (there.high / back.high)[:, None]
    assert ratio[:3] == pytest.approx(np.ones((3, 4)), rel=0.01)  # 500 K and below


def test_an_output_of_mess_becomes_an_entry(tmp_path):
    """Negative rates of its totals are not looked at; that the mechanism's species are others is said."""
    names = ["WR=C2H5", "REACS=H+C2H4"]
    found = api.read_rates(DATA / "mess_rate.out", "gri30.yaml", tmp_path, names=names, fit="plog")
    [one] = found.taken
    assert one.p == pytest.approx((ct.one_atm, 1000 * ct.one_atm)) and one.T == (300.0, 1400.0)
    assert any("off the mechanism's thermo" in words for words in one.warnings)
    gas = ct.Solution(str(found.yaml))
    gas.TPX = 800.0, 100 * ct.one_atm, "H:1"
    assert gas.forward_rate_constants[0] == pytest.approx(1.18611e9, rel=1.01 * one.error)
