"""Balanced reactions: what they conserve, that none is missed, which comes first; anchors; what is refused."""

import itertools
import math

import numpy as np
import pytest

from combust.errors import ConfigError, FileFormatError
from combust.kinetics.quantum.thermochemistry import anchors, isogyric

SINGLE = {"H2": {("H", "H", 1): 1}, "OH": {("H", "O", 1): 1}, "H2O": {("H", "O", 1): 2}, "CH3": {("C", "H", 1): 3},
          "HO2": {("H", "O", 1): 1, ("O", "O", 1): 1}, "H2O2": {("H", "O", 1): 2, ("O", "O", 1): 1},
          "O2": {("O", "O", 2): 1}, "CH4": {("C", "H", 1): 4}, "NH3": {("H", "N", 1): 3}, "NH2": {("H", "N", 1): 2},
          "H": {}, "O": {}, "N2": {("N", "N", 3): 1}}  # fmt: skip


def molecule(name):
    anchor = anchors.ANCHORS[name]
    return isogyric.Molecule(name, anchor.composition, anchor.multiplicity - 1, SINGLE[name])


GAS = [molecule(name) for name in ("H", "H2", "O", "O2", "OH", "H2O", "HO2", "H2O2", "CH3", "CH4", "NH2", "NH3")]


def without(name):
    return [one for one in GAS if one.name != name]


def totals(side):
    """Atoms and unpaired electrons of a side, counted here."""
    found = {}
    for name, n in side.items():
        for what, count in {
            **anchors.ANCHORS[name].composition,
            "unpaired": anchors.ANCHORS[name].multiplicity - 1,
        }.items():
            found[what] = found.get(what, 0) + n * count
    return {what: count for what, count in found.items() if count}


@pytest.mark.parametrize("name", ["HO2", "H2O2", "OH", "CH3", "NH2", "H2O"])
def test_atoms_and_unpaired_electrons_are_conserved(name):
    found = isogyric.reactions(molecule(name), without(name))
    assert len(found) > 3
    for one in found:
        assert totals(one.reactants) == totals(one.products), one.equation
        assert name in one.reactants and not set(one.reactants) & set(one.products)
        assert math.gcd(*one.reactants.values(), *one.products.values()) == 1
    assert len({one.equation for one in found}) == len(found)


def test_none_is_missed():
    """Beside all vectors of small whole numbers, tried one by one."""
    partners = ["H", "H2", "O2", "OH", "H2O"]
    rows = ["H", "O", "unpaired"]
    table = np.array([[totals({n: 1}).get(row, 0) for n in ["HO2", *partners]] for row in rows])
    exact = set()
    for target, *more in itertools.product((1, 2), *[range(-4, 4)] * len(partners)):
        v = np.array([-target, *more])
        left, right = -v[v < 0].sum(), v[v > 0].sum()
        if not (table @ v).any() and left <= isogyric.LEFT and 0 < right <= isogyric.RIGHT and math.gcd(*v) == 1:
            exact.add(tuple(v))
    found = set()
    for one in isogyric.reactions(molecule("HO2"), [molecule(n) for n in partners]):
        found.add(tuple(one.products.get(n, 0) - one.reactants.get(n, 0) for n in ["HO2", *partners]))
    assert found == exact and len(found) > 5


def test_like_bonds_come_first():
    """Isodesmic where there is one, else few bonds that change, then few molecules."""
    first = isogyric.reactions(molecule("HO2"), without("HO2"))[0]
    assert (first.changed, first.molecules) == (0, 4) and first.equation == "HO2 + H2O => OH + H2O2"
    assert isogyric.reactions(molecule("CH3"), without("CH3"))[0].changed == 2  # C-H and H-X: one goes, one comes
    order = [(one.changed, one.molecules) for one in isogyric.reactions(molecule("NH2"), without("NH2"))]
    assert order == sorted(order)


def test_an_isogyric_reaction_of_the_literature_is_among_them():
    few = [molecule(n) for n in ("H2", "OH", "H2O")]
    assert isogyric.reactions(molecule("HO2"), few)[0].equation == "HO2 + H2 => OH + H2O"


@pytest.mark.parametrize(("length", "elements", "order"), [
    (1.208, "OO", 2), (1.33, "OO", 1), (1.45, "OO", 1), (1.098, "NN", 3), (1.45, "NN", 1), (1.13, "CO", 3),
    (1.21, "CO", 2), (1.42, "CO", 1),
    (1.20, "CC", 3), (1.33, "CC", 2), (1.53, "CC", 1), (0.74, "HH", 1), (1.15, "CN", 3),
    (1.15, "NO", 2),
])  # fmt: skip
def test_bonds_of_known_molecules(length, elements, order):
    """Lengths of O2, HO2, H2O2, N2, N2H4, CO, H2CO, CH3OH, C2H2, C2H4, C2H6, H2, HCN and NO."""
    found = isogyric.bonds(tuple(elements), np.array([[0.0, 0, 0], [0, 0, length]]))
    assert found == {(*sorted(elements), order): 1}


def test_no_bond_at_a_distance():
    assert isogyric.bonds(("H", "H"), np.array([[0.0, 0, 0], [0, 0, 1.5]])) == {}


def test_what_has_no_reaction_is_refused():
    with pytest.raises(ConfigError, match="HO2: no isogyric reaction with H2, H2O"):
        isogyric.reactions(molecule("HO2"), [molecule("H2"), molecule("H2O")])
    with pytest.raises(ConfigError, match="given twice"):
        isogyric.reactions(molecule("HO2"), [molecule("H2"), molecule("H2")])
    with pytest.raises(ConfigError, match="no partner"):
        isogyric.reactions(molecule("H2"), [])


def test_atomisation_on_request():
    one = isogyric.atomisation(molecule("H2O"), GAS)
    assert one.equation == "H2O => 2 H + O" and one.changed == 2
    with pytest.raises(ConfigError, match="records of the atoms N"):
        isogyric.atomisation(molecule("NH2"), GAS)
    with pytest.raises(ConfigError, match="is an atom"):
        isogyric.atomisation(molecule("H"), GAS)


def test_anchors_agree_with_mechanisms():
    """Those of stable molecules within 0.6 kJ/mol of GRI-Mech's thermo, radicals as far as it is old."""
    import cantera as ct

    gas = ct.Solution("gri30.yaml")
    most = {"H2": 0.01, "H": 0.1, "O": 0.1, "H2O": 0.1, "CH4": 0.1, "NH3": 0.4, "CO": 0.1, "CO2": 0.1, "H2O2": 0.6,
            "HO2": 0.4, "CH3": 0.5, "OH": 2.0, "C2H4": 0.2, "C2H2": 0.7, "N": 0.4, "NH2": 6.1, "NO": 0.9}  # fmt: skip
    for name in most:
        anchor = anchors.ANCHORS[name]
        assert abs(anchor.H298 - gas.species(name).thermo.h(298.15) / 1e6) < most[name], name
        assert dict(anchor.composition) == gas.species(name).composition and anchor.source


def test_a_table_of_ones_own(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("species,multiplicity,H298,uncertainty,source,formula\nfuel,1,-74.5,0.1,somewhere,CH4\n")
    one = anchors.read_anchors(path)["fuel"]
    assert (one.composition, one.H298, one.source, one.H0) == ({"C": 1, "H": 4}, -74.5, "somewhere", None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("species,H298\nH2,0\n", "has no column multiplicity, uncertainty, source"),
        ("species,multiplicity,H298,uncertainty,source\n", "has no rows"),
        ("species,multiplicity,H298,uncertainty,source\nH2,1,zero,0,a\n", "line 2: H298 'zero'"),
        ("species,multiplicity,H298,uncertainty,source\nH2,1,0,-1,a\n", "line 2: uncertainty -1"),
        ("species,multiplicity,H298,uncertainty,source\nH2,1,0,0,\n", "line 2: species and source"),
        ("species,multiplicity,H298,uncertainty,source\nH2,1,0,0,a\nH2,1,0,0,a\n", "line 3: H2 a second time"),
        ("species,multiplicity,H298,uncertainty,source\nfuel!,1,0,0,a\n", "line 2: species 'fuel!'"),
        ("species,multiplicity,H298,uncertainty,source\nH2,1,0\n", "line 2"),
    ],
)  # fmt: skip
def test_tables_that_cannot_be_used(tmp_path, text, said):
    path = tmp_path / "own.csv"
    path.write_text(text)
    with pytest.raises(FileFormatError, match=said):
        anchors.read_anchors(path)
