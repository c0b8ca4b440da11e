"""Files of factors, the reactions that they name, and what is refused."""

import math

import cantera as ct
import numpy as np
import pytest
import torch
from helpers import ROOT

from combust.errors import ConfigError
from combust.kinetics.constants.merge import merge
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.uncertainty.equations import Equations
from combust.kinetics.uncertainty.groups import OWN, of_mechanism
from combust.kinetics.uncertainty.laws import law
from combust.kinetics.uncertainty.reading import read_factors
from combust.kinetics.uncertainty.uncertainty import shortest

TABLE = '"OH + H2 <=> H2O + H" = { T = ["300 K", 1000, "2226.85 degC"], f = [1.5, 1.2, 1.5] }'


@pytest.fixture(scope="module")
def gas():
    return Mechanism.load("h2o2.yaml")


@pytest.fixture
def file(tmp_path):
    def make(text, name="factors.toml"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return make


def groups(gas, path, default=None, leave_out=False):
    return {g.equation: g for g in of_mechanism(gas, read_factors(path), default, leave_out).groups}


def test_toml_yaml_and_csv_say_the_same(gas, file):
    toml = file(f'[factors]\n"H + O2 <=> O + OH" = 1.15\n{TABLE}\n')
    yaml = file(
        "factors:\n  H + O2 <=> O + OH: 1.15\n"
        "  OH + H2 <=> H2O + H: {T: [300.0, 1000.0, 2500 K], f: [1.5, 1.2, 1.5]}\n",
        "factors.yaml",
    )
    csv = file("equation,factor,temperature_K\nH + O2 <=> O + OH,1.15,\nOH + H2 <=> H2O + H,1.5,300\n"
               "OH + H2 <=> H2O + H,1.2,1000 K\nOH + H2 <=> H2O + H,1.5,2226.85 degC\n", "factors.csv")  # fmt: skip
    found = [read_factors(path) for path in (toml, yaml, csv)]
    assert [one.T for one in found[0].entries] == [(), (300.0, 1000.0, 2500.0)]
    for other in found[1:]:
        assert [(e.equations, e.T, e.ln_f) for e in other.entries] == [
            (e.equations, e.T, e.ln_f) for e in found[0].entries
        ]
    own = groups(gas, toml)
    assert own["H + O2 <=> O + OH"].reactions == (10,) and own["H2 + OH <=> H + H2O"].reactions == (20,)
    assert own["H + O2 <=> O + OH"].law.at(1000.0) == pytest.approx(math.log(1.15) / 2)
    for T, f in ((300.0, 1.5), (1000.0, 1.2), (2500.0, 1.5)):
        assert own["H2 + OH <=> H + H2O"].law.at(T) == pytest.approx(math.log(f) / 2)


def test_how_factors_are_stated(gas, file):
    """As f, as log10 f and as ln f; for another number of standard deviations."""
    sigma = [
        groups(gas, file(f'stated = "{stated}"\nsigmas = {m}\n[factors]\n"H + O2 = O + OH" = {f!r}\n'))[
            "H + O2 <=> O + OH"
        ].law.s0
        for stated, m, f in (("factor", 2, 1.6), ("log10", 3, math.log10(1.6)), ("ln", 1, math.log(1.6)))
    ]
    assert sigma == pytest.approx([math.log(1.6) / m for m in (2, 3, 1)])


def test_equations_as_people_write_them(gas):
    known = Equations(gas.cantera(transport=False).reaction_equations(), gas.species, "h2o2.yaml")
    for text in ("O+OH=H+O2", "oh + o <=> o2 + h", "H + O2 => OH + O"):
        assert known.find(text, "x") == (10,)
    assert known.find("OH + OH <=> O + H2O", "x") == known.find("2OH = H2O + O", "x") == (22,)
    assert known.find("H2O2 (+M) = 2 OH (+M)", "x") == (21,)
    assert known.find("H + O2 + N2 = HO2 + N2", "x") == (8,) and known.find("H + O2 + M = HO2 + M", "x") == (5,)
    assert known.find("HO2 + OH = H2O + O2", "x") == (23, 28)  # duplicates are one k


PLOG = """
phases:
- {name: rates, thermo: ideal-gas, elements: [H, O], species: [{h2o2.yaml/species: [H, O2, HO2]}], kinetics: gas,
   reactions: all}
reactions:
- equation: H + O2 <=> HO2
  type: pressure-dependent-Arrhenius
  rate-constants: [{P: 1 atm, A: 1.0e+8, b: 0, Ea: 0}, {P: 100 atm, A: 1.0e+10, b: 0, Ea: 0}]
"""


def test_a_rate_for_all_pressures_has_the_factor_of_what_it_replaced(file):
    """P-log in the place of five third-body reactions: the file of factors still names those, all together or one."""
    new = file(PLOG, "plog.yaml")
    merged = Mechanism.load(merge("h2o2.yaml", [new], new.with_name("new.yaml")).path)
    assert groups(merged, ROOT / "cases" / "h2o2_factors.yaml")["H + O2 <=> HO2"].factor == 2.0
    for text in ("H + O2 (+M) = HO2 (+M)", "HO2 + N2 = H + O2 + N2", "H + O2 = HO2"):
        assert list(groups(merged, file(f'[factors]\n"{text}" = 3\n'))) == ["H + O2 <=> HO2"]
    both = '[factors]\n"H + O2 + M = HO2 + M" = 3\n"H + O2 + AR = HO2 + AR" = 2\n'
    with pytest.raises(ConfigError, match=r"named twice, also by H . O2 . M = .*: one rate of .*keep one"):
        groups(merged, file(both))


def test_what_to_do_about_a_reaction_that_is_not_there_is_said(gas, file):
    with pytest.raises(ConfigError, match="--leave-out goes on without it"):
        groups(gas, file('[factors]\n"H2 + O2 = OH + OH" = 2\n'))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[factors]\n"H + O2 = O + OH" = 0.9\n', "factor 0.9: must be from 1 on"),
        ('[factors]\n"H + O2 = O + OH" = "much"\n', "must be a number from 1 on, or a table of T and f"),
        ('[factors]\n"H + O2 = O + OH" = { T = ["9 K", "1 furlong"], f = [2, 2] }\n', "unit 'furlong' of a temper"),
        ('[factors]\n"H + O2 = O + OH" = { T = [900, 1000], f = [2] }\n', "give one factor for each temperature"),
        ('[factors]\n"H + O2 = O + O2H" = 2\n', "has no species 'O2H'; nearest: .*HO2"),
        ('[factors]\n"H2 + O2 = OH + OH" = 2\n', "has no reaction 'H2 \\+ O2 = OH \\+ OH'; nearest: "),
        ('[factors]\n"H + O2 = HO2" = 2\n', "may be several reactions of h2o2.yaml: H \\+ O2 \\+ M <=> HO2 \\+ M, "),
        ('[factors]\n"H + O2 = O + OH" = 2\n"OH + O = O2 + H" = 3\n', "is named twice, also by H \\+ O2 = O \\+ OH"),
        ('stated = "percent"\ndefault = 2\n', "stated = \"percent\": allowed"),
        ("[factors]\n", "states no factor"),
        ("default = 1\n", "no reaction is uncertain"),
        ('[factors]\n"H + O2" = 2\n', "must be an equation such as"),
        ("factors = ", "is not valid TOML"),
    ],
)  # fmt: skip
def test_bad_files_speak(gas, file, text, words):
    with pytest.raises(ConfigError, match=words):
        of_mechanism(gas, read_factors(file(text)), None, False)


def test_bad_tables_and_suffixes(gas, file):
    with pytest.raises(ConfigError, match="equation and factor, of"):
        read_factors(file("reaction,f\nH + O2 = O + OH,2\n", "a.csv"))
    with pytest.raises(ConfigError, match="row 2: factor 'x'"):
        read_factors(file("equation,factor\nH + O2 = O + OH,x\n", "b.csv"))
    with pytest.raises(ConfigError, match="give each row another temperature_K"):
        read_factors(file("equation,factor\nH + O2 = O + OH,2\nH + O2 = O + OH,3\n", "c.csv"))
    with pytest.raises(ConfigError, match="that end with .toml"):
        read_factors(file("", "d.txt"))
    with pytest.raises(ConfigError, match="none of its 29 reactions states a factor"):
        read_factors(file(_h2o2(), "e.yaml"))


def _h2o2():
    return ct.Solution("h2o2.yaml").write_yaml()


def test_a_table_in_T_for_a_plog_reaction_is_refused(file):
    gas = Mechanism.load("tests/unit/pressure_rates.yaml")
    solution = gas.cantera(transport=False)
    plog = next(r.equation for r in solution.reactions() if r.rate.type == "pressure-dependent-Arrhenius")
    with pytest.raises(ConfigError, match="whose k has no A, b, Ea"):
        groups(gas, file(f'[factors]\n"{plog}" = {{ T = [500, 1000], f = [2, 3] }}\n'))


def test_what_a_mechanism_states_itself_counts(gas, tmp_path, file):
    """As `combust network` and `merge` write it; a file then does not override it, a number at each T is a law."""
    solution = ct.Solution("h2o2.yaml")
    reactions = solution.reactions()
    reactions[10].update_user_data({"combust": {"factor": 1.3, "source": "trajectories"}})
    reactions[20].update_user_data({"combust": {"factor": 3.0, "temperatures": [500.0, 2000.0], "factors": [3.0, 1.4]}})
    made = ct.Solution(thermo="ideal-gas", kinetics="gas", species=solution.species(), reactions=reactions,
                       transport_model="mixture-averaged")  # fmt: skip
    path = tmp_path / "stated.yaml"
    path.write_text(made.write_yaml())
    own = of_mechanism(Mechanism.load(path), None, None, False)
    assert [g.reactions for g in own.groups] == [(10,), (20,)] and not own.constant
    assert own.groups[0].source == "trajectories" and own.groups[0].origin == "the mechanism's own"
    assert own.groups[1].law.at(500.0) == pytest.approx(math.log(3.0) / 2)
    with_file = of_mechanism(
        Mechanism.load(path), read_factors(file('[factors]\n"H + O2 = O + OH" = 5\n"O + H2 = OH + H" = 2')), None, False
    )
    assert {g.reactions: round(g.factor, 6) for g in with_file.groups} == {(10,): 1.3, (20,): 3.0, (2,): 2.0}
    # The same file as one of factors for another mechanism.
    assert [g.reactions for g in of_mechanism(gas, read_factors(path), None, False).groups] == [(10,), (20,)]


def test_default_and_leaving_out(gas, file):
    path = file('default = 3\n[factors]\n"H + O2 = O + OH" = 1.1\n')
    found = of_mechanism(gas, read_factors(path), None, False).groups
    assert (
        sorted(i for g in found for i in g.reactions) == list(range(29)) and len(found) == 26
    )  # 3 pairs of duplicates
    lacking = file('[factors]\n"H + O2 = O + OH" = 1.1\n"CH4 + H = CH3 + H2" = 2\n', "more.toml")
    assert len(of_mechanism(gas, read_factors(lacking), None, True).groups) == 1


def test_rates_move_as_the_law_says(gas, file):
    """k over T of Cantera with the changed mechanism: k exp(x sigma(T)), both limits of falloff alike."""
    path = file(
        f'[factors]\n{TABLE}\n"H2O2 (+M) = 2 OH (+M)" = {{ T = [400, 2000], f = [4, 1.5] }}\n"O + H2 = OH + H" = 2\n'
    )
    uncertain = of_mechanism(gas, read_factors(path), None, False)
    x = torch.tensor([1.3, -0.7, 2.0], dtype=torch.float64)
    old, new = gas.cantera(transport=False), uncertain.changed(x).cantera(transport=False)
    for T in (300.0, 800.0, 1000.0, 1700.0, 2500.0):
        for p in (1e3, 1e7):
            for one in (old, new):
                one.TPX = T, p, "N2:1, H2O:0.2"
            ratio = new.forward_rate_constants / old.forward_rate_constants
            wanted = np.ones(29)
            for group, own in zip(uncertain.groups, x.tolist(), strict=True):
                wanted[list(group.reactions)] = math.exp(own * group.law.at(T))
            np.testing.assert_allclose(ratio, wanted, rtol=1e-9)


def test_laws_of_one_two_and_more_temperatures():
    assert law((), (0.4,), 2.0) == (0.2, 0.0, 0.0, 0.0)
    two = law((500.0, 2000.0), (1.0, 0.4), 2.0)
    assert [two.at(T) for T in (500.0, 2000.0)] == pytest.approx([0.5, 0.2]) and two.s1 == 0
    # The error of an energy: ln f = dE / T.
    energy = law((500.0, 2000.0), (2 * 400 / 500, 2 * 400 / 2000), 2.0)
    assert energy.changes == pytest.approx((0.0, 0.0, -400.0))
    many = law((300.0, 600.0, 1000.0, 2000.0), (0.5, 0.2, 0.25, 0.1), 2.0)
    assert (
        0
        < many.error
        == pytest.approx(
            max(
                abs(2 * many.at(T) - f)
                for T, f in zip((300.0, 600.0, 1000.0, 2000.0), (0.5, 0.2, 0.25, 0.1), strict=True)
            )
        )
    )


def test_a_merged_rate_keeps_its_own_factor_and_all_others_their_samples(gas, file, tmp_path):
    """Groups stand in the order of the mechanism, so that sets beside each other are sampled alike."""
    rates = file(
        "phases:\n- {name: own, thermo: ideal-gas, species: [{h2o2.yaml/species: [H2, OH, H2O, H]}], kinetics: gas}\n"
        "units: {length: cm, quantity: mol, activation-energy: K}\nreactions:\n"
        "- {equation: OH + H2 <=> H2O + H, rate-constant: {A: 4e6, b: 2.09, Ea: 1500},\n"
        "   combust: {factor: 5.0, temperatures: [300.0, 1000.0, 2500.0], factors: [5.0, 1.8, 2.0]}}\n",
        "rates.yaml",
    )
    made = merge("h2o2.yaml", [rates], tmp_path / "merged.yaml")
    factors = read_factors(file(f'[factors]\n{TABLE}\n"H + O2 <=> O + OH" = 1.15\n"O + H2 <=> OH + H" = 1.6\n'))
    old, new = (of_mechanism(one, factors, None, False) for one in (gas, Mechanism.load(made.path)))
    assert [g.reactions for g in old.groups] == [g.reactions for g in new.groups] == [(2,), (10,), (20,)]
    assert [g.origin for g in new.groups] == ["factors.toml", "factors.toml", OWN]
    for T, f in ((300.0, 5.0), (1000.0, 1.8), (2500.0, 2.0)):
        assert new.groups[2].law.at(T) == pytest.approx(math.log(f) / 2)


def test_mechanisms_of_one_name_are_told_apart():
    assert shortest(["h2o2.yaml", "runs/q.yaml"]) == ["h2o2.yaml", "q.yaml"]
    assert shortest(["runs/a/gas.yaml", "runs/b/gas.yaml"]) == ["a/gas.yaml", "b/gas.yaml"]
    assert shortest(["gas.yaml", "a/gas.yaml"]) == ["gas.yaml", "a/gas.yaml"]
