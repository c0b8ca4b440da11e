"""combust merge: units, duplicates, reverses by thermo, what is refused."""

import hashlib
from pathlib import Path

import cantera as ct
import pytest

from combust import api
from combust.__main__ import main
from combust.errors import ConfigError, MechanismError

HEAD = """units: {{length: {length}, quantity: {quantity}, activation-energy: {energy}}}
phases:
- {{name: rates, thermo: ideal-gas, elements: [H, O],
   species: [{{h2o2.yaml/species: [H2, H, O, O2, OH, H2O, HO2, H2O2]}}], kinetics: gas,
   reactions: all}}
reactions:
"""
OLDENBORG = 3.56e-16 * 6.02214076e23  # cm3/mol/s


@pytest.fixture
def rates(tmp_path):
    """Makes a file of rates."""

    def make(*entries, name="rates.yaml", length="cm", quantity="mol", energy="K"):
        path = tmp_path / name
        path.write_text(HEAD.format(length=length, quantity=quantity, energy=energy) + "\n".join(entries) + "\n")
        return path

    return make


def entry(equation, A, b=0.0, E=0.0, more=""):
    return f"- equation: {equation}\n  rate-constant: {{A: {A!r}, b: {b}, Ea: {E}}}\n{more}"


def k(path, equation, T, reverse=False):
    gas = ct.Solution(str(path))
    gas.TP = T, ct.one_atm
    wanted = [set(side.split(" + ")) for side in equation.split(" <=> ")]
    index = next(i for i, r in enumerate(gas.reactions()) if [set(r.reactants), set(r.products)] == wanted)
    return (gas.reverse_rate_constants if reverse else gas.forward_rate_constants)[index]


def test_a_rate_replaces_with_its_own_units(rates, tmp_path):
    """The same rate in cm, mol, K and in m, molecules, cal/mol gives the same mechanism, that of hand."""
    a = rates(entry("OH + H2 <=> H2O + H", OLDENBORG, 1.52, 1736.0))
    b = rates(entry("OH + H2 <=> H2O + H", 3.56e-22, 1.52, 1736.0 * 8.31446261815324 / 4.184), name="b.yaml",
              length="m", quantity="molec", energy="cal/mol")  # fmt: skip
    found = [api.merge("h2o2.yaml", [path], tmp_path / f"{path.stem}.new.yaml") for path in (a, b)]
    for one in found:
        assert [c.action for c in one.changes] == ["replaced"] and not one.refused
        for T in (400.0, 1000.0, 2500.0):
            wanted = OLDENBORG * T**1.52 * 2.718281828459045 ** (-1736.0 / T) * 1e-3
            assert k(one.path, "H2 + OH <=> H + H2O", T) == pytest.approx(wanted, rel=1e-6)
    assert ct.Solution(str(found[0].path)).n_reactions == ct.Solution("h2o2.yaml").n_reactions


def test_how_much_it_changes_is_said(rates, tmp_path):
    found = api.merge(
        "h2o2.yaml", [rates(entry("OH + H2 <=> H2O + H", OLDENBORG, 1.52, 1736.0))], tmp_path / "new.yaml"
    )
    (one,) = found.changes
    assert one.was == ("H2 + OH <=> H + H2O",) or one.was == ("OH + H2 <=> H + H2O",)
    for T, ratio, inside in one.ratios:
        old = k("h2o2.yaml", "H2 + OH <=> H + H2O", T)
        assert ratio == pytest.approx(k(found.path, "H2 + OH <=> H + H2O", T) / old, rel=1e-9) and inside


def test_the_reverse_follows_from_thermo(rates, tmp_path):
    """Given backwards, the rate takes the place of the forward one; both directions keep the equilibrium."""
    found = api.merge("h2o2.yaml", [rates(entry("H2O + H <=> OH + H2", 1e14, 0.0, 1e4))], tmp_path / "new.yaml")
    for T in (800.0, 2000.0):
        forward = k(found.path, "H + H2O <=> H2 + OH", T)
        assert forward == pytest.approx(1e11 * 2.718281828459045 ** (-1e4 / T), rel=1e-6)
        before = k("h2o2.yaml", "H2 + OH <=> H + H2O", T) / k("h2o2.yaml", "H2 + OH <=> H + H2O", T, True)
        assert k(found.path, "H + H2O <=> H2 + OH", T, True) / forward == pytest.approx(before, rel=1e-9)
    ratio = {T: r for T, r, _ in found.changes[0].ratios}[2000.0]
    assert ratio == pytest.approx(k(found.path, "H + H2O <=> H2 + OH", 2000.0)
                                  / k("h2o2.yaml", "H2 + OH <=> H + H2O", 2000.0, True), rel=1e-9)  # fmt: skip


def test_duplicates_go_together(rates, tmp_path):
    """h2o2.yaml has 2 HO2 <=> O2 + H2O2 twice."""
    base = ct.Solution("h2o2.yaml")
    twice = [r for r in base.reactions() if r.reactants == {"HO2": 2.0}]
    assert len(twice) == 2 and all(r.duplicate for r in twice)
    found = api.merge("h2o2.yaml", [rates(entry("HO2 + HO2 <=> H2O2 + O2", 1e12))], tmp_path / "new.yaml")
    gas = ct.Solution(str(found.path))
    now = [r for r in gas.reactions() if r.reactants == {"HO2": 2.0}]
    assert len(now) == 1 and not now[0].duplicate and gas.n_reactions == base.n_reactions - 1
    assert len(found.changes[0].was) == 2
    total = sum(r.rate(1000.0) for r in twice)
    assert {T: r for T, r, _ in found.changes[0].ratios}[1000.0] == pytest.approx(1e9 / total, rel=1e-9)


def test_one_that_is_new_is_added(rates, tmp_path):
    found = api.merge("h2o2.yaml", [rates(entry("H2 + O2 <=> OH + OH", 1.7e13, 0.0, 24044.0))], tmp_path / "new.yaml")
    assert found.changes[0].action == "added" and found.changes[0].was == () and found.changes[0].ratios == ()
    assert ct.Solution(str(found.path)).n_reactions == ct.Solution("h2o2.yaml").n_reactions + 1


def test_a_rate_at_one_temperature_scales(rates, tmp_path):
    more = "  combust: {range: [2500.0, 2500.0], factor: 9.7}\n"
    found = api.merge("h2o2.yaml", [rates(entry("H2O + H <=> OH + H2", 5e13, more=more))], tmp_path / "new.yaml")
    (one,) = found.changes
    assert one.action == "scaled" and one.factor == 9.7
    assert k(found.path, "H2 + OH <=> H + H2O", 2500.0, True) == pytest.approx(5e10, rel=1e-6)
    ratios = [ratio for _, ratio, _ in one.ratios]
    assert ratios == pytest.approx([ratios[0]] * len(ratios)) and [T for T, _, inside in one.ratios if inside] == [
        2500.0
    ]
    gas = ct.Solution(str(found.path))
    kept = next(r for r in gas.reactions() if "combust" in r.input_data)
    assert kept.input_data["combust"]["factor"] == 9.7 and "so that k(2500 K)" in kept.input_data["note"]


@pytest.mark.parametrize("text, said", [
    (entry("H + O2 <=> HO2", 1e13), "is elementary, the mechanism has it as"),
    (entry("OH + H2 => H2O + H", 1e13), "its reverse would be lost"),
    (entry("H2 + O2 <=> OH + OH", 1e13, more="  combust: {range: [2000.0, 2000.0]}\n"), "holds at 2000 K only"),
    (entry("HO2 + HO2 <=> H2O2 + O2", 1e13, more="  combust: {range: [2000.0, 2000.0]}\n"), "has several for it"),
])  # fmt: skip
def test_what_is_refused(rates, tmp_path, text, said):
    with pytest.raises(ConfigError, match="no rate goes into") as error:
        api.merge("h2o2.yaml", [rates(text)], tmp_path / "new.yaml")
    assert said in str(error.value) and not (tmp_path / "new.yaml").exists()
    found = api.merge("h2o2.yaml", [rates(text, entry("O + H2 <=> OH + H", 1e13))], tmp_path / "new.yaml")
    assert len(found.changes) == 1 and said in found.refused[0].reason


def test_species_that_the_mechanism_lacks(rates, tmp_path):
    with pytest.raises(ConfigError, match="the mechanism has no species H, H2, H2O2, HO2"):
        api.merge(Path(__file__).parents[1] / "reduction" / "hand_network.yaml",
                  [rates(entry("H2O2 + H <=> HO2 + H2", 1e13))], tmp_path / "new.yaml")  # fmt: skip


def test_the_new_mechanism_has_a_digest_and_an_origin(rates, tmp_path):
    path = rates(entry("OH + H2 <=> H2O + H", 1e13))
    found = api.merge("h2o2.yaml", [path], tmp_path / "new.yaml", only=["H + H2O = H2 + OH"])
    assert found.sha256 == hashlib.sha256(found.path.read_bytes()).hexdigest()
    gas = ct.Solution(str(found.path))
    origin = gas.input_data["combust"]
    assert origin["rates"][0]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert gas.transport_model == ct.Solution("h2o2.yaml").transport_model and gas.n_species == 10
    with pytest.raises(ConfigError, match="--force"):
        api.merge("h2o2.yaml", [path], tmp_path / "new.yaml")
    with pytest.raises(ConfigError, match="is in none of the files"):
        api.merge("h2o2.yaml", [path], tmp_path / "other.yaml", only=["H + O2 = OH + O"])
    with pytest.raises(ConfigError, match="one rate for each"):
        api.merge("h2o2.yaml", [path, path], tmp_path / "other.yaml")


def test_the_command(rates, tmp_path, capsys):
    path = rates(entry("OH + H2 <=> H2O + H", 1e13), entry("H + O2 <=> HO2", 1e13))
    assert main(["merge", "h2o2.yaml", str(path), "--out", str(tmp_path / "new.yaml")]) == 0
    said = capsys.readouterr().out
    assert "replaced" in said and "left out: H + O2 <=> HO2" in said and "SHA-256" in said
    assert main(["merge", "h2o2.yaml", str(tmp_path / "none.yaml"), "--out", str(tmp_path / "x.yaml")]) == 2
    assert "none.yaml" in capsys.readouterr().err
    with pytest.raises(MechanismError):
        api.merge("none.yaml", [path], tmp_path / "x.yaml")


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ("{factor: 0.5}", "factor 0.5: must be 1 or more"),
        ("{factor: foo}", "factor 'foo': must be a number"),
        ("{factor: 2, range: [2000, 300]}", "must be the lowest and the highest temperature"),
        ("{factor: 2, range: all}", "must be the lowest and the highest temperature"),
    ],
)
def test_stated_errors_that_cannot_be_are_refused(rates, tmp_path, stated, said):
    given = rates(entry("OH + H2 <=> H2O + H", OLDENBORG, more=f"  combust: {stated}\n"))
    with pytest.raises(ConfigError, match=said):
        api.merge("h2o2.yaml", [given], tmp_path / "new.yaml")
    assert not (tmp_path / "new.yaml").exists()
